"""What other writers do to a table by day: each file's partition values, columns and types count, never the first's."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, TableFeatures, write_deltalake

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.lake import (
    FeatureUnsupported,
    NotByDay,
    PartitionedOtherwise,
    PartitionUnfit,
    RowsWithoutDay,
)
from backfill_assets.runbook import verify_source
from backfill_assets.runbook.planning import rows_without_day_told
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table
from tests.runbook.world import SCHEMA, SOURCE, TABLE, World, day, world_at
from tests.storage.lakes import NOON, SMALL, worth

DAYS = (date(2026, 1, 1), date(2026, 1, 2))
BY_DAY = pl.Schema({"day": pl.Date(), "v": pl.Int64()})


def written(root: Path, rows: pl.DataFrame, by: list[str]) -> Snapshot:
    """A table called ``t`` that somebody else wrote."""
    write_deltalake(root / "t", rows, partition_by=by or None)
    return shown(root)


def shown(root: Path) -> Snapshot:
    return Records(Lake(str(root))).snapshot("t")


def add_file(root: Path, value: str | None, rows: pl.DataFrame, *, stats: str | None = "") -> None:
    """Commit a file to ``t`` as another engine would: ``value`` is the partition's text in the log."""
    number = 1 + DeltaTable(root / "t").version()
    place = root / "t" / f"other-{number}.parquet"
    rows.write_parquet(place)
    add: dict[str, Any] = {
        "path": place.name,
        "partitionValues": {"day": value},
        "size": place.stat().st_size,
        "modificationTime": 1,
        "dataChange": True,
    }
    if stats is not None:
        add["stats"] = stats or json.dumps({"numRecords": rows.height})
    lines = [{"commitInfo": {"timestamp": 1}}, {"add": add}]
    (root / "t/_delta_log" / f"{number:020}.json").write_text("\n".join(json.dumps(line) for line in lines))


def two_days(root: Path) -> Snapshot:
    return written(root, pl.DataFrame({"day": DAYS, "v": [1, 2]}, schema=BY_DAY), ["day"])


@pytest.mark.parametrize("value", [None, ""], ids=["null", "the empty string"])
@pytest.mark.parametrize("stats", ["", None, "{}"], ids=["with statistics", "without statistics", "with empty ones"])
def test_one_row_without_a_day_takes_no_other_row_its_day(tmp_path: Path, value: str | None, stats: str | None):
    two_days(tmp_path)
    add_file(tmp_path, value, pl.DataFrame({"v": [3]}), stats=stats)
    table = shown(tmp_path)
    assert table.scan().collect().sort("v").rows() == [(DAYS[0], 1), (DAYS[1], 2), (None, 3)]
    assert table.scan(DAYS).collect().sort("v").rows() == [(DAYS[0], 1), (DAYS[1], 2)]
    assert (table.days, table.rows_without_day()) == (frozenset(DAYS), 1)


def test_a_row_without_a_day_that_delta_rs_wrote_is_named_and_maintenance_leaves_it(tmp_path: Path):
    table = Table(str(tmp_path / "t"), SMALL)
    table.create()
    table.replace_days({DAYS[0]: worth(1)})
    for _ in range(2):
        write_deltalake(table.uri, pl.DataFrame({"day": [None], "revenue": [7]}, schema=SMALL), mode="append")
    before = table.snapshot().scan().collect().sort("day", "revenue")
    assert table.snapshot().rows_without_day() == 2
    day_of_maintenance = datetime(2026, 2, 1, tzinfo=UTC)
    kept = day_of_maintenance - day_of_maintenance
    assert maintain(table, keep_days=(), keep_paths=(), retention=kept, now=day_of_maintenance).compacted == ()
    assert table.snapshot().scan().collect().sort("day", "revenue").equals(before)


@pytest.mark.parametrize(
    "value", ["soon", "20260102", "2026-01-02 00:00:00", "__HIVE_DEFAULT_PARTITION__", "2026-02-30"]
)
def test_a_partition_value_that_is_no_date_is_named(tmp_path: Path, value: str):
    two_days(tmp_path)
    add_file(tmp_path, value, pl.DataFrame({"v": [3]}))
    with pytest.raises(PartitionUnfit, match=value):
        shown(tmp_path).scan(DAYS)


@pytest.mark.parametrize("value", ["2026-01-02", "2026-1-2"])
def test_a_day_is_the_same_however_another_writer_spells_it(tmp_path: Path, value: str):
    two_days(tmp_path)
    add_file(tmp_path, value, pl.DataFrame({"v": [3]}))
    assert shown(tmp_path).scan([DAYS[1]]).collect()["v"].sort().to_list() == [2, 3]


PARTITIONED: Mapping[str, tuple[list[str], Mapping[str, Any]]] = {
    "day and market": (["day", "market"], {"market": ["EU", "US"]}),
    "market and day": (["market", "day"], {"market": ["EU", "US"]}),
    "names that need encoding": (["day", "market"], {"market": ["a b/é=%25", None]}),
    "a number": (["day", "shop"], {"shop": [7, None]}),
    "a time": (["day", "hour"], {"hour": [NOON, None]}),
    "money": (["day", "price"], {"price": [Decimal("1.50"), None]}),
    "yes or no": (["day", "open"], {"open": [True, None]}),
    "another date": (["day", "booked"], {"booked": [date(2025, 12, 31), None]}),
}


@pytest.mark.parametrize(("by", "columns"), PARTITIONED.values(), ids=PARTITIONED)
def test_every_partition_column_reads_as_it_was_written(tmp_path: Path, by: list[str], columns: Mapping[str, Any]):
    rows = pl.DataFrame({"day": DAYS, **columns, "v": [100, 200]})
    if "price" in columns:
        rows = rows.with_columns(pl.col("price").cast(pl.Decimal(10, 2)))
    table = written(tmp_path, rows, by)
    assert table.by_day
    assert table.scan().collect().sort("v").select(rows.columns).rows() == rows.rows()
    assert table.scan([DAYS[1]]).collect().select(rows.columns).rows() == rows.rows()[1:]


def test_a_table_partitioned_by_another_date_is_read_whole_and_asked_for_days_refused_by_name(tmp_path: Path):
    rows = pl.DataFrame({"order_date": DAYS, "v": [100, 200]})
    table = written(tmp_path, rows, ["order_date"])
    assert table.scan().collect().sort("v").rows() == rows.rows()
    assert not table.by_day
    for ask in (lambda: table.scan(DAYS), lambda: table.files_of(DAYS)):
        with pytest.raises(NotByDay, match="order_date"):
            ask()


def test_a_table_that_has_days_only_as_a_column_is_read_the_same_pinned_and_newest(tmp_path: Path):
    written(tmp_path, pl.DataFrame({"day": DAYS, "v": [1, 2]}, schema=BY_DAY), [])
    records = Records(Lake(str(tmp_path)))
    newest, pinned = records.snapshot("t"), records.snapshot("t", 0)
    assert (newest.by_day, pinned.by_day) == (False, False)
    assert newest.scan().collect().sort("v").equals(pinned.scan().collect().sort("v"))
    assert newest.fingerprint(None) == pinned.fingerprint(None) != ""


@pytest.mark.parametrize("kind", [pl.Int64(), pl.Boolean()], ids=str)
def test_days_that_no_column_spells_are_refused_by_name(tmp_path: Path, kind: pl.DataType):
    values = {"Int64": [20260101, 20260102]}.get(str(kind), [True, False])
    table = written(tmp_path, pl.DataFrame({"day": pl.Series(values, dtype=kind), "v": [1, 2]}), ["day"])
    with pytest.raises(PartitionUnfit, match="not a date"):
        table.scan(DAYS)


@pytest.mark.parametrize(
    "days",
    [
        pl.Series([str(day) for day in DAYS]),
        pl.Series([f"{day:%Y%m%d}" for day in DAYS]),
        pl.Series(DAYS).cast(pl.Datetime("us", "UTC")),
        pl.Series(DAYS).cast(pl.Datetime("us")),
    ],
    ids=lambda days: f"{days.dtype} {days[0]}",
)
def test_days_are_read_however_their_column_spells_them(tmp_path: Path, days: pl.Series):
    table = written(tmp_path, pl.DataFrame({"day": days, "v": [1, 2]}), ["day"])
    assert table.days == set(DAYS)
    assert table.scan(DAYS[:1]).collect().rows() == [(days[0], 1)]


WIDE = pl.Schema(
    {
        "day": pl.Date(),
        "k": pl.String(),
        "v": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "x": pl.Float64(),
        "m": pl.Decimal(18, 4),
    }
)
ROW = {"k": "a", "v": 1, "at": NOON.replace(microsecond=123000), "x": 1.5, "m": Decimal("1.5000")}
Others = Callable[[pl.DataFrame], pl.DataFrame]
FILES: Mapping[str, Others] = {
    "the same": lambda rows: rows,
    "another order of columns": lambda rows: rows.select(reversed(rows.columns)),
    "a column that only later files have": lambda rows: rows.with_columns(note=pl.lit("later")),
    "a partition column repeated inside": lambda rows: rows.with_columns(day=pl.lit(date(1999, 1, 1))),
    "times in milliseconds": lambda rows: rows.with_columns(pl.col("at").cast(pl.Datetime("ms", "UTC"))),
    "times in nanoseconds": lambda rows: rows.with_columns(pl.col("at").cast(pl.Datetime("ns", "UTC"))),
    "times without a zone": lambda rows: rows.with_columns(pl.col("at").dt.replace_time_zone(None)),
    "times in another zone": lambda rows: rows.with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo")),
    "smaller integers": lambda rows: rows.with_columns(pl.col("v").cast(pl.Int16)),
    "smaller floats": lambda rows: rows.with_columns(pl.col("x").cast(pl.Float32)),
    "a smaller decimal": lambda rows: rows.with_columns(pl.col("m").cast(pl.Decimal(9, 4))),
    "categories": lambda rows: rows.with_columns(pl.col("k").cast(pl.Categorical)),
}


@pytest.mark.parametrize("place", [0, 1], ids=["others first", "ours first"])
@pytest.mark.parametrize("others", FILES.values(), ids=FILES)
def test_a_file_of_another_writer_reads_as_ours_do(tmp_path: Path, others: Others, place: int):
    ours = pl.DataFrame([ROW], schema={name: kind for name, kind in WIDE.items() if name != "day"})
    table = Table(str(tmp_path / "t"), WIDE)
    table.create()
    add_file(tmp_path, str(DAYS[place]), others(ours))
    table.replace_days({DAYS[1 - place]: ours})
    assert table.snapshot().scan().collect().sort("day").rows() == [(of, *ROW.values()) for of in DAYS]


@pytest.mark.parametrize("feature", [TableFeatures.DeletionVectors, TableFeatures.ColumnMapping], ids=str)
def test_a_table_of_which_a_scan_would_read_deleted_rows_or_no_columns_is_refused_by_name(tmp_path: Path, feature: Any):
    two_days(tmp_path)
    DeltaTable(tmp_path / "t").alter.add_feature(feature, allow_protocol_versions_increase=True)
    with pytest.raises(FeatureUnsupported, match=r"deletionVectors|columnMapping"):
        shown(tmp_path)


def stray(world: World, table: str) -> None:
    """Another writer appends a row without a day."""
    rows = pl.DataFrame([{"day": None, "shop": "main", "revenue": 9}], schema=SCHEMA)
    write_deltalake(world.records.lake.table_uri(table), rows, mode="append")


@pytest.mark.parametrize("table", [TABLE, SOURCE])
def test_rows_without_a_day_are_named_before_a_correction_opens(tmp_path: Path, table: str):
    world = world_at(tmp_path)
    stray(world, table)
    with pytest.raises(RowsWithoutDay, match=f"{table} has 1 row"):
        world.open(5, 10)
    assert world.records.ledger.histories() == {}


def test_a_source_that_is_mended_is_corrected_from_and_one_that_is_not_stops_at_step_two(tmp_path: Path):
    world = world_at(tmp_path)
    plan = world.open(5, 10)
    verify_source(world.step_context(), plan.correction)
    stray(world, SOURCE)
    world.through(plan.correction)
    assert world.content()[day(6)] == world.right[day(6)]


def test_people_are_told_of_rows_without_a_day_after_every_step(tmp_path: Path):
    world = world_at(tmp_path)
    assert rows_without_day_told(world.records, [TABLE, SOURCE, "not_there"]) == []
    stray(world, SOURCE)
    (told,) = rows_without_day_told(world.records, [TABLE, SOURCE, "not_there"])
    assert told.startswith(f"Rows without a day in {SOURCE}, 1,")


def test_a_table_by_more_than_the_day_is_refused_before_a_correction_opens(tmp_path: Path):
    world = world_at(tmp_path)
    rows = world.live.snapshot().scan().collect()
    write_deltalake(world.live.uri, rows, mode="overwrite", partition_by=["day", "shop"], schema_mode="overwrite")
    with pytest.raises(PartitionedOtherwise, match="shop"):
        world.open(5, 10)


def test_every_refusal_here_is_one_of_ours():
    kinds = (FeatureUnsupported, NotByDay, PartitionedOtherwise, PartitionUnfit, RowsWithoutDay)
    assert all(issubclass(kind, BackfillAssetsError) for kind in kinds)
