"""What a commit did that its manifest does not say: files too many, too few, of another size, or another number."""

from typing import Any

import pytest

from backfill_assets.storage.attested import LoggedSwap
from backfill_assets.storage.swap import Manifest
from tests.storage.lakes import day, live_with, planned_cut_over, staged_with
from tests.stores import Root

STRANGE = "day=2026-01-01/strange%20one.parquet"
Actions = list[dict[str, Any]]


def without(actions: Actions, kind: str) -> Actions:
    return [one for one in actions if kind not in one]


def resized(actions: Actions) -> Actions:
    return [{"add": {**one["add"], "size": one["add"]["size"] + 1}} if "add" in one else one for one in actions]


# How the entry of the commit differs, and what is said of it; nothing where it is as planned.
DIFFERENT = {
    "as it was planned": (lambda there: there, ""),
    "a file more is added": (lambda there: [*there, {"add": {"path": STRANGE, "size": 1}}], "adds other files"),
    "a file is not added": (lambda there: without(there, "add"), "adds other files"),
    "a file of another size": (resized, "adds other files"),
    "a file more is removed": (lambda there: [*there, {"remove": {"path": STRANGE}}], "removes other files"),
    "a file is not removed": (lambda there: without(there, "remove"), "removes other files"),
    "its number is not there": (lambda there: without(there, "txn"), "does not count as swap 1"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_a_commit_did_is_compared_with_its_manifest(name: str, root: Root) -> None:
    change, said = DIFFERENT[name]
    live = live_with(root / "t", {day(0): [1]})
    planned = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    swap = LoggedSwap(1, 2, "", tuple(change(as_logged(planned))))
    told = swap.differs(planned)
    assert told.startswith(said)
    assert bool(told) is bool(said)
    assert "strange one" in told or "more" not in name


def as_logged(manifest: Manifest) -> Actions:
    """The actions of the entry that commits a manifest."""
    return [
        *({"add": {"path": file.path, "size": file.size}} for file in manifest.arriving),
        *({"remove": {"path": file.path}} for file in manifest.retired),
        {"txn": {"appId": f"correction/{manifest.correction}", "version": manifest.swap_count}},
    ]
