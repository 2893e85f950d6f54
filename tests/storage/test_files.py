from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from backfill_assets.errors.store import StoreOverwrites
from backfill_assets.errors.swaps import StagedFilesMissing
from backfill_assets.storage.files import MOST_QUESTIONS, Folder
from backfill_assets.storage.layout import Lake, staged_folder
from backfill_assets.storage.retention import decommission, maintain
from backfill_assets.storage.swap import cut_over
from backfill_assets.storage.table import Table
from tests.storage.lakes import (
    SCHEMA,
    SMALL,
    content,
    created,
    day,
    days,
    done_cut_over,
    done_roll_back,
    planned_cut_over,
    rows,
    worth,
)
from tests.stores import OVERWRITING, Root, environment, object_store


def test_a_correction_runs_on_both_from_first_write_to_decommission(root: Root):
    lake = Lake(str(root))
    live = created(lake.table_uri("t"))
    first = live.replace_days({of: worth(of.day) for of in days(20)})
    assert first is not None
    assert abs(first.at - datetime.now(UTC)) < timedelta(minutes=1)
    staged = created(lake.staged_uri("t", "a"))
    staged.replace_days({of: worth(100 + of.day) for of in days(19)} | {day(19): worth()})
    swaps = [done_cut_over(live, staged, "a")]
    assert content(live)[day(19)] == []
    swaps.append(done_roll_back(live, swaps, "a", [day(0)]))
    expected = {of: [100 + of.day] for of in days(19)} | {day(0): [1], day(19): []}
    assert content(live) == expected
    decommission(live, correction="a", own_manifests=swaps, other_manifests=[])
    assert content(Table(live.uri, SMALL)) == expected
    assert not staged.exists()
    assert len([found for found in live.folder.listing() if found.path.endswith(".parquet")]) == 20
    live.append(worth(5), day=day(0))
    maintain(live, keep_days=[], keep_paths=[], retention=timedelta(0), now=datetime.now(UTC))
    assert content(live) == expected | {day(0): [1, 5]}
    exact = created(lake.table_uri("exact"), SCHEMA)
    exact.replace_days({day(0): rows("-99999999999999.9999")})
    assert exact.snapshot().scan().collect().schema == SCHEMA
    other = created(lake.staged_uri("t", "b"))
    other.replace_days({of: worth(7) for of in days(MOST_QUESTIONS + 1)})
    manifest = planned_cut_over(live, other, "b")
    live.folder.delete([manifest.arriving[3].path])
    with pytest.raises(StagedFilesMissing):
        cut_over(live, manifest)


def test_partition_columns_that_the_code_does_not_have_are_left_out(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write("a.parquet", pl.DataFrame({"amount": [1]}))
    read = folder.scan(["a.parquet"], pl.Schema({"amount": pl.Int64()}), pl.DataFrame({"region": ["north"]}))
    assert read.collect().rows() == [(1,)]


def test_files_are_found_missed_listed_and_deleted(tmp_path):
    folder = Folder(f"file://{tmp_path}")
    folder.write("a b%20/x.parquet", worth(1))
    assert [found.path for found in folder.listing()] == ["a b%20/x.parquet"]
    assert folder.listing("nowhere") == []
    assert folder.missing(["a b%20/x.parquet", "y.parquet", "a b%20/x.parquet/z"]) == {
        "y.parquet",
        "a b%20/x.parquet/z",
    }
    folder.delete(["a b%20/x.parquet", "y.parquet"])
    folder.prune("a b%20")
    assert list(tmp_path.iterdir()) == []


def test_a_staged_folder_is_named_after_its_correction():
    assert staged_folder("20260123") == "_backfill_20260123"


def test_a_store_that_puts_a_file_in_the_place_of_another_is_refused_before_the_first_write():
    with object_store(OVERWRITING) as address:
        lake = Lake("s3://bucket/lake", environment(address))
        table = Table(lake.table_uri("t"), SMALL, storage_options=lake.storage_options)

        with pytest.raises(StoreOverwrites, match="s3://bucket puts"):
            table.create()

        assert not Folder(lake.root, dict(lake.storage_options)).listing()
        assert not table.exists()
