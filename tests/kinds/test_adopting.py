"""Tables of other writers, in every shape that one meets: looked at, adopted, repartitioned, and given back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, Field, Schema, TableFeatures, write_deltalake
from deltalake.schema import PrimitiveType
from typer.testing import CliRunner

from backfill_assets.core.adoption import Subject, Weight
from backfill_assets.core.day_column import days_of
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Grain
from backfill_assets.errors import adoption as refusals
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.lake import FeatureUnsupported
from backfill_assets.runbook import adopting, roll_back
from backfill_assets.runbook.adopting import Adopter
from backfill_assets.runbook.adoption_findings import Asked
from backfill_assets.storage import adopting as commits
from backfill_assets.storage.adoptions import Stage
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.opening import schema_of
from backfill_assets.storage.records import Records
from backfill_assets.storage.table import Table
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.runbook.world import TABLE, world_at
from tests.storage.lakes import done_cut_over, done_roll_back, live_with

FIRST = date(2025, 1, 1)
NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)
MANY = 400


def days(count: int, step: timedelta = timedelta(days=1)) -> list[date]:
    return [FIRST + number * step for number in range(count)]


def orders(of: list[Any] | None = None, column: str = "order_date") -> pl.DataFrame:
    """Two orders a day."""
    named = [day for day in (days(4) if of is None else of) for _ in range(2)]
    return pl.DataFrame(
        {
            column: named,
            "id": range(len(named)),
            "shop": ["a", "b"] * (len(named) // 2),
            "amount": [Decimal(f"{number}.25") for number in range(len(named))],
        },
        schema_overrides={"amount": pl.Decimal(18, 4)},
    )


def texts(pattern: str, of: list[date] | None = None) -> list[str]:
    return [f"{day:{pattern}}" for day in of or days(4)]


def moments(*hours: float) -> list[datetime]:
    return [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]


Write = Callable[[Path], object]


def by(rows: pl.DataFrame, *columns: str, **options: Any) -> Write:
    return lambda root: write_deltalake(root, rows, partition_by=[*columns] or None, **options)


def after(first: Write, *then: Callable[[DeltaTable], object]) -> Write:
    def write(root: Path) -> None:
        first(root)
        for change in then:
            change(DeltaTable(root))

    return write


def marked(column: str, metadata: Mapping[str, Any], writer: int = 4) -> Callable[[DeltaTable], object]:
    """Give a column a mark, as another engine would have set it."""

    def change(handle: DeltaTable) -> None:
        entry = Path(handle.table_uri.removeprefix("file://")) / "_delta_log" / f"{0:020}.json"
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            if "protocol" in action:
                action["protocol"] = {"minReaderVersion": 1, "minWriterVersion": writer}
            if "metaData" in action:
                schema = json.loads(action["metaData"]["schemaString"])
                next(one for one in schema["fields"] if one["name"] == column)["metadata"] |= metadata
                action["metaData"]["schemaString"] = json.dumps(schema)
        entry.write_text("\n".join(json.dumps(action) for action in actions))

    return change


def feature(name: str) -> Callable[[DeltaTable], object]:
    return lambda handle: handle.alter.add_feature(getattr(TableFeatures, name), allow_protocol_versions_increase=True)


def appended(rows: pl.DataFrame) -> Callable[[DeltaTable], object]:
    return lambda handle: write_deltalake(handle, rows, mode="append")


def four_hundred_days(root: Path) -> None:
    """A year and more of daily appends by somebody else, with checkpoints, a compaction, and a rewritten day."""
    of = days(MANY)
    for start in range(0, MANY, 40):
        write_deltalake(
            root, orders(texts("%Y-%m-%d", of[start : start + 40]), "date"), partition_by=["date"], mode="append"
        )
        DeltaTable(root).create_checkpoint()
    handle = DeltaTable(root)
    handle.optimize.compact(partition_filters=[("date", "=", "2025-01-02")])
    write_deltalake(handle, orders(["2025-01-03"], "date"), mode="overwrite", predicate="date = '2025-01-03'")


def cleaned(root: Path) -> None:
    """A table whose first commits are in a checkpoint only."""
    for day in days(4):
        write_deltalake(root, orders([day]), partition_by=["order_date"], mode="append")
    DeltaTable(root).create_checkpoint()
    for number in range(3):
        (root / "_delta_log" / f"{number:020}.json").unlink()


@dataclass(frozen=True)
class Case:
    """A table, what is asked of the look at it, which findings are not fine, and words of the report."""

    write: Write
    asked: Asked = field(default_factory=Asked)
    weights: Mapping[str, str] = field(default_factory=dict)
    told: str = ""

    @property
    def is_possible(self) -> bool:
        return not {"change", "rewrite"} & set(self.weights.values())


ID = Asked(keys=("id",))
CASES: dict[str, Case] = {
    "a date": Case(by(orders(), "order_date"), told="dates"),
    "ISO text": Case(by(orders(texts("%Y-%m-%d")), "order_date"), told="ISO text"),
    "compact text": Case(by(orders(texts("%Y%m%d")), "order_date"), told="eight digits"),
    "a timestamp at midnight": Case(by(orders(moments(0, 24, 48)), "order_date"), told="timestamps in UTC"),
    "a naive timestamp": Case(
        by(orders([m.replace(tzinfo=None) for m in moments(0, 24)]), "order_date"), told="without a time zone"
    ),
    "hours in UTC": Case(by(orders(moments(0, 1, 2, 24)), "order_date"), weights={"days": "note"}, told="hours"),
    "naive hours": Case(
        by(orders([m.replace(tzinfo=None) for m in moments(0, 1)]), "order_date"),
        weights={"partitioning": "note"},
        told="have to be in UTC",
    ),
    "hours as text": Case(
        by(orders(["2025-01-01-00:00", "2025-01-01-01:00"]), "order_date"),
        weights={"partitioning": "note"},
        told="hours as ISO text",
    ),
    "days of another time zone": Case(
        by(orders(moments(-1, 23, 47)), "order_date"), weights={"partitioning": "note"}, told="begin at 23:00"
    ),
    "weeks": Case(by(orders(days(5, timedelta(weeks=1))), "order_date"), told="5 weeks"),
    "months": Case(by(orders([date(2025, month, 1) for month in range(1, 7)]), "order_date"), told="6 months"),
    "400 days of history": Case(four_hundred_days, ID, told="400 days, 2025-01-01..2026-02-04"),
    "a log that was cleaned": Case(cleaned, told="4 days"),
    "no statistics": Case(
        by(orders(), "order_date", configuration={"delta.dataSkippingNumIndexedCols": "0"}), ID, told="4 days"
    ),
    "no statistics, unpartitioned": Case(
        by(orders(), configuration={"delta.dataSkippingNumIndexedCols": "0"}),
        ID,
        {"partitioning": "rewrite"},
        "8 rows",
    ),
    "a table of this library": Case(
        lambda root: live_with(root, {day: [1] for day in days(3)}), weights={"retention": "fine"}, told="3 days"
    ),
    "a missing day": Case(
        by(orders([*days(2), *days(5)[3:]]), "order_date"), weights={"days": "note"}, told="2025-01-03"
    ),
    "unpartitioned, one date": Case(by(orders()), weights={"partitioning": "rewrite"}, told="by order_date"),
    "unpartitioned, two dates": Case(
        by(orders().with_columns(paid=pl.col("order_date"))),
        weights={"partitioning": "change"},
        told="order_date, paid",
    ),
    "unpartitioned, told which": Case(
        by(orders().with_columns(paid=pl.col("order_date"))),
        Asked(day="paid"),
        {"partitioning": "rewrite"},
        "8 rows",
    ),
    "unpartitioned, times within the day": Case(
        by(orders(moments(0.5, 7, 30), "at")),
        weights={"partitioning": "rewrite", "days": "fine"},
        told="a new column day",
    ),
    "by month, a date inside": Case(
        by(orders().with_columns(month=pl.lit("2025-01")), "month"),
        weights={"partitioning": "rewrite"},
        told="Partitioned by month",
    ),
    "by year and month": Case(
        by(
            orders().with_columns(year=pl.col("order_date").dt.year(), month=pl.col("order_date").dt.month()),
            "year",
            "month",
        ),
        weights={"partitioning": "rewrite"},
        told="Partitioned by year, month",
    ),
    "by two columns": Case(
        by(orders(), "order_date", "shop"), weights={"partitioning": "rewrite"}, told="order_date, shop"
    ),
    "no day at all": Case(
        by(orders().drop("order_date"), "shop"), weights={"partitioning": "change"}, told="no column says"
    ),
    "a number for a day": Case(by(orders()), Asked(day="id"), {"partitioning": "change"}, "id (long) names no day"),
    "null days": Case(
        by(orders([None, *days(2)]), "order_date"), weights={"days": "change"}, told="2 rows have no order_date"
    ),
    "null days inside": Case(
        by(orders([None, *days(2)])), weights={"partitioning": "rewrite", "days": "change"}, told="2 rows have no"
    ),
    "values that are no day": Case(
        by(orders(["2025-01-01", "2025-01-02", "soon"]), "order_date"),
        Asked(day="order_date"),
        {"days": "change"},
        "'soon'",
    ),
    "a day under two spellings": Case(
        by(orders(["2025-01-01", "20250101", "2025-01-02"]), "order_date"), weights={"days": "change"}, told="20250101"
    ),
    "two spellings, no day twice": Case(
        by(orders(["2025-01-01", "2025-01-02", "20250103"]), "order_date"), weights={"days": "change"}, told="20250103"
    ),
    "without zeros": Case(
        by(orders(["2025-01-01", "2025-1-2", "2025-01-03"]), "order_date"), weights={"days": "change"}, told="2025-1-2"
    ),
    "floats": Case(
        by(orders().with_columns(pl.col("amount").cast(pl.Float64)), "order_date"),
        weights={"measures": "change"},
        told='pl.col("amount").cast(pl.Decimal',
    ),
    "floats that are no measures": Case(
        by(orders().with_columns(pl.col("amount").cast(pl.Float64)), "order_date"), Asked(measures=("id",))
    ),
    "a text for a measure": Case(
        by(orders(), "order_date"), Asked(measures=("shop",)), {"measures": "change"}, "shop string"
    ),
    "keys that identify": Case(
        by(orders(), "order_date"), Asked(keys=("shop",)), told="order_date, shop together identify"
    ),
    "null keys": Case(
        by(orders().with_columns(shop=pl.when(pl.col("id") > 0).then("shop")), "order_date"),
        Asked(keys=("shop",)),
        {"keys": "change"},
        "shop in 1 row",
    ),
    "doubled keys": Case(
        after(by(orders(), "order_date"), appended(orders().head(2))), ID, {"keys": "change"}, "2025-01-01 2 times"
    ),
    "doubled keys within the day": Case(
        by(orders(moments(1, 2.5, 25), "at").with_columns(id=pl.lit(1)).unique("at")),
        ID,
        {"partitioning": "rewrite", "keys": "change"},
        "2025-01-01 1 time",
    ),
    "the same key in two hours": Case(
        by(orders(moments(0, 1)).with_columns(pl.col("id") % 2), "order_date"),
        ID,
        told="order_date, id together identify",
    ),
    "keys that nobody named": Case(by(orders(), "order_date"), weights={"keys": "note"}, told="--key"),
    "nested columns": Case(
        by(orders().with_columns(tags=pl.concat_list("shop")), "order_date"), weights={"types": "change"}, told="tags"
    ),
    "columns that may not be null": Case(
        lambda root: DeltaTable.create(
            root,
            Schema([Field("day", PrimitiveType("date"), nullable=False), Field("id", PrimitiveType("long"))]),
            partition_by=["day"],
        ),
        weights={"types": "note", "days": "note"},
        told="day may not be null",
    ),
    "no rows": Case(after(by(orders(), "order_date"), DeltaTable.delete), weights={"days": "note"}, told="no rows"),
    "deletion vectors": Case(
        after(by(orders(), "order_date"), feature("DeletionVectors")),
        ID,
        {"features": "change", "keys": "note"},
        "deletionVectors",
    ),
    "column mapping": Case(
        after(by(orders(), "order_date"), feature("ColumnMapping")),
        weights={"features": "change"},
        told="columnMapping",
    ),
    "row tracking": Case(
        after(by(orders(), "order_date"), feature("RowTracking")), weights={"features": "change"}, told="rowTracking"
    ),
    "domain metadata": Case(
        after(by(orders(), "order_date"), feature("DomainMetadata")),
        weights={"features": "change"},
        told="domainMetadata",
    ),
    "a change feed": Case(
        by(orders(), "order_date", configuration={"delta.enableChangeDataFeed": "true"}),
        weights={"features": "note"},
        told="deleted and inserted",
    ),
    "append-only": Case(
        by(orders(), "order_date", configuration={"delta.appendOnly": "true"}),
        weights={"features": "change"},
        told="appendOnly",
    ),
    "a constraint": Case(
        after(by(orders(), "order_date"), lambda handle: handle.alter.add_constraint({"positive": "id >= 0"})),
        weights={"features": "change"},
        told="constraint positive",
    ),
    "a generated column": Case(
        after(by(orders(), "order_date"), marked("shop", {"delta.generationExpression": "'a'"})),
        weights={"features": "change"},
        told="generated column shop",
    ),
    "an identity column": Case(
        after(by(orders(), "order_date"), marked("id", {"delta.identity.start": 1, "delta.identity.step": 1}, 6)),
        weights={"features": "change"},
        told="identity column id",
    ),
    "an invariant": Case(
        after(by(orders(), "order_date"), marked("id", {"delta.invariants": "{}"}, 2)),
        weights={"features": "change"},
        told="invariant of id",
    ),
    "files kept long enough": Case(
        by(
            orders(),
            "order_date",
            configuration={
                "delta.deletedFileRetentionDuration": "interval 60 days",
                "delta.logRetentionDuration": "interval 11 years",
            },
        ),
        weights={"retention": "fine"},
    ),
}
# What every other look says as well.
USUAL = {"keys": "note", "retention": "adopt", "writers": "note"}


def lake_with(root: Path, write: Write) -> Records:
    write(root / "t")
    return Records(Lake(str(root)))


def adopter(records: Records) -> Adopter:
    return Adopter(records, "t", "Ada", NOW)


def looked(root: Path, asked: Asked) -> Any:
    return adopting.check(Folder(str(root / "t")), asked)


def log_of(root: Path) -> list[str]:
    return sorted(entry.name for entry in (root / "t/_delta_log").iterdir())


@pytest.mark.parametrize("name", ["floats", "a text for a measure"])
def test_measures_that_have_to_change_are_not_called_exact_as_well(tmp_path: Path, name: str):
    lake_with(tmp_path, CASES[name].write)
    found = looked(tmp_path, CASES[name].asked).findings
    assert [one.weight for one in found if one.subject is Subject.MEASURES] == [Weight.CHANGE]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_look_names_what_is_there_and_writes_nothing(tmp_path: Path, case: Case):
    lake_with(tmp_path, case.write)
    before = log_of(tmp_path)

    report = looked(tmp_path, case.asked)

    worst: dict[str, str] = {}
    for finding in sorted(report.findings, key=lambda finding: [*Weight].index(finding.weight)):
        worst[finding.subject] = finding.weight
    expected = {
        **dict.fromkeys(worst, "fine"),
        **USUAL,
        **({"keys": "fine"} if case.asked.keys else {}),
        **case.weights,
    }
    assert worst == {subject: weight for subject, weight in expected.items() if subject in worst}
    assert report.is_possible == case.is_possible
    assert case.told in " ".join(f"{finding.found} {finding.change}" for finding in report.findings)
    assert log_of(tmp_path) == before


@pytest.mark.parametrize(
    "case",
    [one for one in CASES.values() if one.is_possible],
    ids=[name for name, one in CASES.items() if one.is_possible],
)
def test_a_table_that_can_be_swapped_is_adopted_without_moving_a_file_and_given_back(tmp_path: Path, case: Case):
    records = lake_with(tmp_path, case.write)
    handle = DeltaTable(tmp_path / "t")
    before, files = handle.version(), sorted(handle.file_uris())

    done = adopter(records).adopt(case.asked).adoption

    assert (done.stage, done.before, done.rewritten) == (Stage.ADOPTED, before, False)
    assert sorted(DeltaTable(tmp_path / "t").file_uris()) == files
    report = looked(tmp_path, case.asked)
    assert not report.with_weight(Weight.ADOPT)
    slots = report.look.days.slots
    assert records.first_days.known("t") == (
        slots[0] if slots and type(slots[0]) is date else (slots and slots[0].date()) or None
    )
    assert adopter(records).adopt(case.asked).adoption == done
    assert adopter(records).undo().stage is Stage.UNDONE
    assert sorted(DeltaTable(tmp_path / "t").file_uris()) == files
    assert DeltaTable(tmp_path / "t").metadata().configuration == handle.metadata().configuration
    with pytest.raises(refusals.NothingToUndo):
        adopter(records).undo()


@pytest.mark.parametrize("name", [name for name, one in CASES.items() if one.is_possible])
def test_where_a_look_says_so_a_swap_and_its_roll_back_are_possible(tmp_path: Path, name: str):
    lake_with(tmp_path, CASES[name].write)
    days = looked(tmp_path, CASES[name].asked).look.days
    if not days.slots or days.begins or name == "a table of this library":
        pytest.skip("there is no day to swap, only the asset knows its time zone, or it is swapped elsewhere")
    column = PartitionColumn(days.column, days.spelling, days.grain)
    schema = schema_of(DeltaTable(tmp_path / "t"), "t")
    live, staged = (Table(f"{tmp_path}/t{below}", schema, partition=column) for below in ("", "/_backfill_x"))
    before = live.snapshot().scan().collect().sort(pl.all())
    slot = days.slots[0]
    of_slot = live.snapshot().scan([slot]).collect()
    staged.create()
    staged.replace_days({slot: of_slot.with_columns(pl.col("id") + 1000)})

    swap = done_cut_over(live, staged, "x", [slot])

    there = live.snapshot().scan().collect()
    assert sorted(there.filter(pl.col("id") >= 1000)["id"] - 1000) == sorted(of_slot["id"])
    assert (there.height, of_slot.height) == (before.height, 2)
    done_roll_back(live, [swap], "x")
    assert live.snapshot().scan().collect().sort(pl.all()).equals(before)
    assert pl.read_delta(str(tmp_path / "t")).sort(pl.all()).equals(before)


REWRITABLE = {
    name: case
    for name, case in CASES.items()
    if set(case.weights.values()) & {"rewrite"} and "change" not in case.weights.values()
}


@pytest.mark.parametrize("case", REWRITABLE.values(), ids=REWRITABLE)
def test_a_rewrite_repartitions_in_place_keeps_every_row_and_goes_back(tmp_path: Path, case: Case):
    records = lake_with(tmp_path, case.write)
    there = DeltaTable(tmp_path / "t")
    rows, by_before, before = (
        pl.read_delta(str(tmp_path / "t")).sort("id"),
        there.metadata().partition_columns,
        there.version(),
    )
    with pytest.raises(refusals.NotAdoptable, match="--rewrite"):
        adopter(records).adopt(case.asked)

    done = adopter(records).adopt(case.asked, by_rewrite=True).adoption

    assert DeltaTable(tmp_path / "t").metadata().partition_columns == [done.column]
    assert pl.read_delta(str(tmp_path / "t")).sort("id").select(rows.columns).equals(rows)
    assert looked(tmp_path, Asked()).is_possible
    assert (done.before, done.rewritten, done.stage) == (before, True, Stage.ADOPTED)
    adopter(records).undo()
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == by_before
    assert pl.read_delta(str(tmp_path / "t")).sort("id").equals(rows)


def test_a_rewrite_keeps_comments_properties_and_what_may_not_be_null(tmp_path: Path):
    named = Schema(
        [
            Field("id", PrimitiveType("long"), nullable=False, metadata={"comment": "the number"}),
            Field("at", PrimitiveType("date")),
        ]
    )
    DeltaTable.create(tmp_path / "t", named, configuration={"delta.checkpointInterval": "7"}, description="orders")
    write_deltalake(tmp_path / "t", pl.DataFrame({"id": [1], "at": [FIRST]}), mode="append")
    records = Records(Lake(str(tmp_path)))

    adopter(records).adopt(Asked(), by_rewrite=True)

    handle = DeltaTable(tmp_path / "t")
    assert handle.schema().to_json() == named.to_json()
    assert handle.metadata().description == "orders"
    assert handle.metadata().configuration["delta.checkpointInterval"] == "7"


IN_THE_WAY: dict[str, Case] = {name: case for name, case in CASES.items() if "change" in case.weights.values()}


@pytest.mark.parametrize("case", IN_THE_WAY.values(), ids=IN_THE_WAY)
@pytest.mark.parametrize("by_rewrite", [False, True], ids=["as it is", "by a rewrite"])
def test_what_a_rewrite_cannot_remove_is_refused_and_nothing_written(tmp_path: Path, case: Case, *, by_rewrite: bool):
    records = lake_with(tmp_path, case.write)
    before = log_of(tmp_path)

    with pytest.raises(refusals.NotAdoptable) as refused:
        adopter(records).adopt(case.asked, by_rewrite=by_rewrite)

    assert_in_three_sentences(str(refused.value))
    assert log_of(tmp_path) == before
    assert not records.adoptions.of_table("t")


# By kind of fault a writer of files that loses, doubles or changes something, and what is told of it.
FAULTY: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a row less": lambda rows: rows.filter(pl.col("id") != 3),
    "a row twice": lambda rows: pl.concat([rows, rows.filter(pl.col("id") == 3)]),
    "another value": lambda rows: rows.with_columns(
        shop=pl.when(pl.col("id") == 3).then(pl.lit("z")).otherwise("shop")
    ),
    "a null": lambda rows: rows.with_columns(shop=pl.when(pl.col("id") != 3).then("shop")),
    "another day": lambda rows: rows.with_columns(
        order_date=pl.when(pl.col("id") == 3).then(pl.lit(FIRST)).otherwise("order_date")
    ),
    "a column less": lambda rows: rows.drop("amount"),
    "values exchanged": lambda rows: rows.with_columns(pl.col("shop").reverse()),
}


@pytest.mark.parametrize("fault", FAULTY.values(), ids=FAULTY)
@pytest.mark.parametrize("cells", [20_000_000, 8, 1], ids=["at once", "a few days at a time", "in parts of a day"])
def test_a_rewrite_that_is_not_the_same_rows_is_taken_back_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fault: Callable[[pl.DataFrame], pl.DataFrame], cells: int
):
    records = lake_with(tmp_path, by(orders()))
    before = pl.read_delta(str(tmp_path / "t")).sort("id")
    monkeypatch.setattr(commits, "_stream", lambda table, _: fault(table.scan().collect()))
    monkeypatch.setattr(commits, "CELLS_AT_ONCE", cells)

    with pytest.raises(refusals.RewriteDiffered) as refused:
        adopter(records).adopt(Asked(), by_rewrite=True)

    assert_in_three_sentences(str(refused.value))
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == []
    assert pl.read_delta(str(tmp_path / "t")).sort("id").equals(before)
    assert [one.stage for one in records.adoptions.of_table("t")] == [Stage.RESTORED]


@pytest.mark.parametrize("cells", [20_000_000, 8, 1])
def test_a_rewrite_of_the_same_rows_is_the_same_however_little_is_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: int
):
    records = lake_with(tmp_path, by(orders(), "shop"))
    monkeypatch.setattr(commits, "CELLS_AT_ONCE", cells)

    assert adopter(records).adopt(Asked(), by_rewrite=True).adoption.stage is Stage.ADOPTED


@contextmanager
def instead(monkeypatch: pytest.MonkeyPatch, *replaced: tuple[Any, str, Callable[..., Any]]) -> Iterator[None]:
    with monkeypatch.context() as patched:
        for owner, name, other in replaced:
            patched.setattr(owner, name, other)
        yield


def five_rows(table: Any, _: Any) -> pl.DataFrame:
    return table.scan().head(5).collect()


class Killed(BaseException):
    """The process ends here."""


def killed(*_: object, **__: object) -> None:
    raise Killed


# Where a process dies, whether the table is rewritten by then, and how far the next run says it came.
DEATHS: dict[str, tuple[str, bool]] = {
    "before the write": ("rewrite", False),
    "between write and comparison": ("differing_days", True),
    "between comparison and retention": ("keep_longer", True),
    "before it is written down": ("looked_at", True),
}


@pytest.mark.parametrize(("step", "is_written"), DEATHS.values(), ids=DEATHS)
def test_a_rewrite_that_is_killed_is_brought_to_its_end_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, step: str, is_written: bool
):
    records = lake_with(tmp_path, by(orders(), "shop"))
    before = pl.read_delta(str(tmp_path / "t")).sort("id")
    looks = iter([adopting.looked_at, killed])

    def dies(*given: Any) -> Any:
        return next(looks)(*given) if step == "looked_at" else killed()

    with instead(monkeypatch, (adopting, step, dies)), pytest.raises(Killed):
        adopter(records).adopt(Asked(), by_rewrite=True)

    done = adopter(records).adopt(Asked(), by_rewrite=True)

    assert (done.settled, done.adoption.stage) == (is_written, Stage.ADOPTED)
    stages = [one.stage for one in records.adoptions.of_table("t")]
    assert stages == ([Stage.ADOPTED] if is_written else [Stage.ABANDONED, Stage.ADOPTED])
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == ["order_date"]
    assert pl.read_delta(str(tmp_path / "t")).sort("id").equals(before)
    assert adopter(records).undo().stage is Stage.UNDONE
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == ["shop"]


@pytest.mark.parametrize("step", ["differing_days", "take_back"])
def test_a_faulty_rewrite_that_is_killed_is_taken_back_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    records = lake_with(tmp_path, by(orders()))
    before = pl.read_delta(str(tmp_path / "t")).sort("id")
    with instead(monkeypatch, (commits, "_stream", five_rows), (adopting, step, killed)), pytest.raises(Killed):
        adopter(records).adopt(Asked(), by_rewrite=True)

    with pytest.raises(refusals.RewriteDiffered):
        adopter(records).adopt(Asked(), by_rewrite=True)

    assert pl.read_delta(str(tmp_path / "t")).sort("id").equals(before)
    assert adopter(records).adopt(Asked(), by_rewrite=True).adoption.stage is Stage.ADOPTED


def test_a_faulty_rewrite_after_which_others_wrote_is_not_taken_back_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    records = lake_with(tmp_path, by(orders()))
    dying = instead(monkeypatch, (commits, "_stream", five_rows), (adopting, "differing_days", killed))
    with dying, pytest.raises(Killed):
        adopter(records).adopt(Asked(), by_rewrite=True)
    write_deltalake(tmp_path / "t", orders().head(1), mode="append")

    with pytest.raises(refusals.RewriteNotTakenBack) as refused:
        adopter(records).adopt(Asked())

    assert_in_three_sentences(str(refused.value))
    assert pl.read_delta(str(tmp_path / "t")).height == 6


def test_an_append_during_a_rewrite_refuses_it_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    records = lake_with(tmp_path, by(orders()))
    stream = commits._stream

    def meanwhile(table: Any, made: Any) -> Any:
        write_deltalake(tmp_path / "t", orders().head(1), mode="append")
        return stream(table, made)

    overtaken = pytest.raises(refusals.AdoptionOvertaken)
    with instead(monkeypatch, (commits, "_stream", meanwhile)), overtaken as refused:
        adopter(records).adopt(Asked(), by_rewrite=True)

    assert_in_three_sentences(str(refused.value))
    assert pl.read_delta(str(tmp_path / "t")).height == 9
    assert DeltaTable(tmp_path / "t").metadata().partition_columns == []
    assert adopter(records).adopt(Asked(), by_rewrite=True).adoption.stage is Stage.ADOPTED
    assert pl.read_delta(str(tmp_path / "t")).height == 9


def test_an_append_during_the_comparison_stays_and_there_is_no_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    records = lake_with(tmp_path, by(orders()))
    compare = adopting.differing_days

    def meanwhile(*given: Any) -> Any:
        write_deltalake(tmp_path / "t", orders().head(1), mode="append")
        return compare(*given)

    with instead(monkeypatch, (adopting, "differing_days", meanwhile)):
        adopter(records).adopt(Asked(), by_rewrite=True)

    assert pl.read_delta(str(tmp_path / "t")).height == 9
    with pytest.raises(refusals.AdoptionWrittenOver, match="would take that away") as refused:
        adopter(records).undo()
    assert_in_three_sentences(str(refused.value))


@pytest.mark.parametrize("of", [4, 1], ids=["that the look reads", "that the look need not read"])
def test_a_file_that_is_gone_stops_a_rewrite_before_its_commit(tmp_path: Path, of: int):
    records = lake_with(tmp_path, by(orders(days(of)), "shop"))
    next((tmp_path / "t").rglob("*.parquet")).unlink()
    before = log_of(tmp_path)

    with pytest.raises(BackfillAssetsError) as refused:
        adopter(records).adopt(Asked(day="order_date"), by_rewrite=True)

    assert_in_three_sentences(str(refused.value))
    assert log_of(tmp_path) == before


def test_the_way_back_is_refused_once_anything_was_written_or_its_files_are_gone(tmp_path: Path):
    records = lake_with(tmp_path, by(orders()))
    adopter(records).adopt(Asked(), by_rewrite=True)
    handle = DeltaTable(tmp_path / "t")
    handle.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    version = DeltaTable(tmp_path / "t").version()

    refused_by = refusals.AdoptionWrittenOver if version > handle.version() else refusals.FilesOfBeforeGone
    with pytest.raises((refused_by, refusals.FilesOfBeforeGone, refusals.AdoptionWrittenOver)) as refused:
        adopter(records).undo()

    assert_in_three_sentences(str(refused.value))
    assert DeltaTable(tmp_path / "t").version() == version


COMMANDS: dict[str, tuple[list[str], int, str]] = {
    "a look at a table that can be swapped": (["dated", "--check"], 0, "possible"),
    "a look at one that cannot": (["whole", "--check"], 5, "rewritable"),
    "a look by path": (["LAKE/dated", "--check", "--key", "id"], 0, "possible"),
    "a look at what is not there": (["nowhere", "--check"], 4, "TableMissing"),
    "a column that is not there": (["dated", "--check", "--key", "no"], 2, "ColumnsNotThere"),
    "a day that is not there": (["dated", "--check", "--day", "no"], 2, "ColumnsNotThere"),
    "a measure that is not there": (["dated", "--check", "--measure", "no"], 2, "ColumnsNotThere"),
    "files without a log": (["files", "--check"], 2, "NoDeltaTable"),
    "nothing at all": (["nothing", "--check"], 4, "TableMissing"),
    "two things at once": (["dated", "--check", "--rewrite"], 2, "CommandMisused"),
    "a name that is none": (["../dated?", "--check"], 4, "TableMissing"),
    "adopting outside the lake": (["LAKE/below/dated"], 2, "TableOutsideLake"),
    "adopting": (["dated"], 0, "sentence"),
    "adopting what needs a rewrite": (["whole"], 4, "NotAdoptable"),
    "rewriting what needs none": (["dated", "--rewrite"], 2, "RewriteNotNeeded"),
    "rewriting": (["whole", "--rewrite"], 0, "sentence"),
    "going back without having gone": (["dated", "--undo"], 2, "NothingToUndo"),
}


def commanded(root: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    from backfill_assets.command_line import app

    monkeypatch.setenv("BACKFILL_LAKE", str(root))
    monkeypatch.delenv("BACKFILL_DEFINITIONS", raising=False)
    return CliRunner().invoke(app, ["adopt", *(word.replace("LAKE", str(root)) for word in words)])


@pytest.mark.dagster
@pytest.mark.parametrize(("words", "code", "told"), COMMANDS.values(), ids=COMMANDS)
def test_the_command_answers_with_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, words: list[str], code: int, told: str
):
    by(orders(), "order_date")(tmp_path / "dated")
    by(orders(), "order_date")(tmp_path / "below/dated")
    by(orders())(tmp_path / "whole")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "files").mkdir()
    orders().write_parquet(tmp_path / "files/part.parquet")

    ended = commanded(tmp_path, monkeypatch, *words, "--json")

    answer = json.loads(ended.stdout)
    assert (ended.exit_code, answer.get("error", told)) == (code, told), ended.stdout
    if "error" in answer:
        assert_in_three_sentences(answer["message"])
    else:
        assert answer[told]


@pytest.mark.dagster
def test_the_report_fits_eighty_columns_and_ends_with_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    by(orders())(tmp_path / "whole")

    told = commanded(tmp_path, monkeypatch, "whole", "--check").stdout
    done = commanded(tmp_path, monkeypatch, "whole", "--rewrite").stdout
    back = commanded(tmp_path, monkeypatch, "whole", "--undo").stdout

    assert [line for line in told.splitlines() if len(line) > 80 and str(tmp_path) not in line] == []
    assert told.rstrip().endswith("backfill-assets adopt whole --rewrite")
    assert "was repartitioned and is adopted, by order_date, at commit 2. --undo restores commit 0" in done
    assert "is as it was at commit 0" in back


def test_a_table_of_two_thousand_columns_is_looked_at_and_repartitioned_within_seconds(tmp_path: Path):
    wide = orders(days(10)).with_columns(pl.col("id").alias(f"measure_{number}") for number in range(2000))
    records = lake_with(tmp_path, by(wide))
    started = datetime.now(UTC)

    adopter(records).adopt(ID, by_rewrite=True)

    assert (datetime.now(UTC) - started).total_seconds() < 60
    assert looked(tmp_path, ID).is_possible


@pytest.mark.parametrize(
    ("values", "grain"),
    [
        ([date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 8)], Grain.DAY),
        ([date(2025, 1, 1), date(2025, 1, 8), date(2025, 1, 22)], Grain.WEEK),
        ([date(2025, 1, 1), date(2025, 2, 1), date(2025, 12, 1)], Grain.MONTH),
        ([date(2025, 1, 1), date(2025, 1, 8)], Grain.DAY),
        (moments(0, 3, 24), Grain.HOUR),
        (moments(0, 24, 48), Grain.DAY),
    ],
)
def test_how_far_partitions_lie_apart_is_read_from_their_values(values: list[Any], grain: Grain):
    assert days_of(pl.Series("d", values)).grain is grain


KILLING = """
import os
from backfill_assets.command_line import app
from backfill_assets.runbook import adopting
adopting.differing_days = lambda *_: os._exit(9)
app()
"""


@pytest.mark.dagster
def test_a_process_that_dies_between_write_and_comparison_is_told_of_and_brought_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    by(orders())(tmp_path / "whole")
    environment = {**os.environ, "BACKFILL_LAKE": str(tmp_path)}
    environment.pop("BACKFILL_DEFINITIONS", None)
    called = [sys.executable, "-c", KILLING, "adopt", "whole", "--rewrite"]
    assert subprocess.run(called, env=environment, check=False, timeout=120).returncode == 9

    told = commanded(tmp_path, monkeypatch, "whole")

    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("An adoption that had stopped half-way was brought to its end.")
    assert pl.read_delta(str(tmp_path / "whole")).sort("id").equals(orders())
    assert DeltaTable(tmp_path / "whole").metadata().partition_columns == ["order_date"]


@pytest.mark.parametrize("partitions", [["day"], [], ["shop"], ["day", "shop"]], ids=str)
def test_an_adopted_table_is_corrected_and_rolled_back_and_corrections_keep_it_from_going_back(
    tmp_path: Path, partitions: list[str]
):
    world = world_at(tmp_path)
    published = world.live.snapshot().scan().collect()
    shutil.rmtree(tmp_path / TABLE)
    write_deltalake(tmp_path / TABLE, published, partition_by=partitions or None)
    taker = Adopter(world.records, TABLE, "Ada", world.now)
    taker.adopt(Asked(keys=("shop",)), by_rewrite=partitions != ["day"])
    before = world.content()

    plan = world.open(5, 10)
    with pytest.raises(refusals.CorrectionsInTheWay) as refused:
        taker.undo()
    assert_in_three_sentences(str(refused.value))
    world.through(plan.correction)

    assert world.content() == world.right
    with pytest.raises(refusals.AdoptionWrittenOver):
        taker.undo()
    swapped = world.progress(plan.correction).publication.swapped
    roll_back(world.step_context(), plan.correction, days=sorted(swapped))
    assert world.content() == before


FUTURE = {"minReaderVersion": 5, "minWriterVersion": 9}
CATALOG = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["catalogManaged"],
    "writerFeatures": ["catalogManaged", "inCommitTimestamp"],
}


@pytest.mark.parametrize("protocol", [FUTURE, CATALOG], ids=["a reader of the future", "a catalog"])
def test_a_table_that_needs_another_reader_is_told_so_and_not_that_its_log_is_damaged(
    tmp_path: Path, protocol: dict[str, Any]
):
    by(orders(), "order_date")(tmp_path / "t")
    entry = tmp_path / "t/_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in entry.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = protocol
    entry.write_text("\n".join(json.dumps(action) for action in actions))

    with pytest.raises(FeatureUnsupported) as refused:
        looked(tmp_path, Asked())

    assert_in_three_sentences(str(refused.value))
