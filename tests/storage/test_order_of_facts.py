"""What counts is what was written last, and what has no record is behind."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from backfill_assets.storage.builds import Builds
from backfill_assets.storage.completeness import measure, proven_through
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake
from tests.storage.lakes import created, day, days, worth

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_a_partition_without_a_record_is_behind_and_so_is_all_that_follows(tmp_path: Path) -> None:
    live = created(str(tmp_path / "t"))
    live.replace_days({of: worth(1) for of in days(3)})
    names = [str(of) for of in days(3)]
    partitions = {str(of): [of] for of in days(3)}
    told = measure("board", partitions, "t", live.snapshot(), Builds(Lake(str(tmp_path))), run_id="", at=NOW)
    built = {one.partition: one for one in told}
    assert proven_through(names, built, live.snapshot()) == day(2)
    del built[names[1]]
    assert proven_through(names, built, live.snapshot()) == day(0)


def test_rows_of_a_control_table_are_in_the_order_in_which_they_were_written_whatever_the_clocks(
    tmp_path: Path,
) -> None:
    schema = pl.Schema({"who": pl.String(), "at": pl.Datetime("us", "UTC")})
    for number, who in enumerate(("first", "second", "third")):
        rows = pl.DataFrame({"who": [who], "at": [NOW - timedelta(hours=number)]}, schema)
        ControlTable(Lake(str(tmp_path / "lake")), "told", schema).append(lambda _, rows=rows: rows)
    copied = shutil.copytree(tmp_path / "lake", tmp_path / "copied")  # of which this process knows nothing yet
    there = ControlTable(Lake(str(copied)), "told", schema).rows()
    assert there["who"].to_list() == ["first", "second", "third"]
