"""What a search is called to have found: files that hold it for certain, and files that could not be looked into."""

import pytest

from backfill_assets.core.forgetting import Proof, StillHeld

CERTAIN, CHANCE = StillHeld("a.parquet", "a row", is_certain=True), StillHeld("b.json", "text", is_certain=False)
PROOFS = {
    "nothing": (Proof({}, 1, 1), ()),
    "by chance": (Proof({}, 1, 1, (CHANCE,)), ()),
    "for certain": (Proof({}, 1, 1, (CHANCE, CERTAIN)), ("a.parquet",)),
    "not looked into": (Proof({}, 1, 1, (), {"c.gz": "it is broken"}), ("c.gz",)),
    "both": (Proof({}, 1, 1, (CERTAIN,), {"c.gz": "it is broken"}), ("c.gz", "a.parquet")),
}


@pytest.mark.parametrize("name", PROOFS)
def test_what_is_found_is_named_by_file(name: str) -> None:
    proof, found = PROOFS[name]
    assert proof.found == found
    assert proof.is_found is bool(found)
