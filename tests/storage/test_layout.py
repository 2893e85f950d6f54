import pytest

from backfill_assets.errors.lake import NameUnfit
from backfill_assets.storage.layout import Lake, correction_of, staged_name


@pytest.mark.parametrize("root", ["/data/lake", "/data/lake/", "s3://bucket/lake"])
def test_a_staged_version_lies_in_a_folder_with_an_underscore_inside_its_live_table(root):
    lake = Lake(root)
    bare = root.rstrip("/")
    assert lake.table_uri("orders") == f"{bare}/orders"
    assert lake.control_uri("ledger") == f"{bare}/_control/ledger"
    assert lake.staged_uri("orders", "20260123_2") == f"{bare}/orders/_backfill_20260123_2"
    assert staged_name("orders", "20260123") == "orders__backfill_20260123"


def test_a_path_says_which_correction_staged_it():
    assert correction_of("_backfill_20260123_2/day=2026-01-01/part.parquet") == "20260123_2"
    assert correction_of("day=2026-01-01/part.parquet") is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "a%20b", "_backfill_x", "a.b"])
def test_names_that_could_leave_their_folder_are_refused(name):
    lake = Lake("/data/lake")
    for path in (lake.table_uri, lake.control_uri, lambda of: lake.staged_uri("orders", of)):
        with pytest.raises(NameUnfit, match="Nothing was opened or written"):
            path(name)


def test_a_root_with_a_percent_sign_is_refused_because_delta_would_decode_it():
    with pytest.raises(NameUnfit):
        Lake("/data/my%20lake")
