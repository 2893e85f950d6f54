"""Any table is reconciled with what somebody else keeps: every grain, column and grouping, and whatever states figures.

Each is compared three times: right, with a fault from a slot on that is found since then and proposed as a request that
can be planned, and right again. The next table is one line, as is the next way to state figures.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml
from deltalake import write_deltalake

from backfill_assets import (
    DeltaSource,
    LakeResource,
    ParquetSource,
    QuerySource,
    build_correction_definitions,
    correctable_asset,
    lake_resources,
)
from backfill_assets.checks import Precision
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.asset.wave import spelled_in
from backfill_assets.runbook import plan_correction
from backfill_assets.runbook.request import read_request_file
from backfill_assets.watch import LedgerSpec, Reconciled, against, reconcile
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.test_own_columns import KINDS, NOW, Kind

CENTS = pl.Decimal(18, 2)
UTC_TIME = pl.Datetime("us", "UTC")
MARKETS, CHANNELS = ("EU", "US"), (1, 2)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeResource:
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("BACKFILL_NOW", NOW.isoformat())
    return LakeResource()


@dataclass(frozen=True)
class Table:
    """A table with a row for each slot, market and channel."""

    definition: TableDefinition
    kind: Kind

    def starts(self, slots: list[Slot]) -> pl.DataFrame:
        starts = [self.definition.slots.start(slot) for slot in slots]
        return pl.DataFrame({"start": starts, "slot": [str(slot) for slot in slots]}).cast({"start": UTC_TIME})

    def rows(self, slots: list[Slot], less_since: Slot | None = None) -> pl.DataFrame:
        """A hundred and ten cents, and three pieces, of each; a euro and a piece less in the US from a slot on."""
        rows = self.starts(slots).join(pl.DataFrame({"market": MARKETS}), how="cross")
        rows = rows.join(pl.DataFrame({"channel": CHANNELS}), how="cross")
        is_less = (pl.col("market") == "US") & (pl.col("slot") >= str(less_since or "~"))
        less = pl.when(is_less).then(1).otherwise(0)
        return rows.select(
            self.kind.spelled.alias(self.kind.column),
            "market",
            "channel",
            revenue=(pl.lit(Decimal("100.10")) - less).cast(CENTS),
            pieces=(3 - less).cast(pl.Int64),
        )

    def write(self, lake: LakeResource, rows: pl.DataFrame) -> None:
        records = self.definition.knowing(lake.records())
        for name in ("orders", "log"):
            column = spelled_in(rows, name, records.partition_of(name))
            table = records.knowing({name: column}).table(name, rows.schema)
            table.create()
            parts = column.split(rows)
            table.replace_days({slot: part for slot, part in parts.items() if slot is not None})


def made(kind: Kind, compare: Any) -> Table:
    """The builder's definitions of a table that is compared so."""
    told = {"partitions_def": kind.partitions, "metadata": {"backfill_assets/day": kind.column}}

    @dg.asset(**told, io_manager_key="lake_io_manager", backfill_policy=dg.BackfillPolicy.single_run())
    def log() -> pl.DataFrame:
        raise NotImplementedError

    @correctable_asset(
        **told, keys=["market", "channel"], measures=["revenue", "pieces"], code_version="v1", day=kind.column
    )
    def orders(log: pl.LazyFrame) -> pl.LazyFrame:
        return log

    built = build_correction_definitions(orders, sources=[log], watch=[reconcile(compare)])
    defs = dg.Definitions.merge(dg.Definitions(assets=[log], resources=lake_resources()), built)
    assert "orders__reconcile_schedule" in {one.name for one in defs.get_repository_def().schedule_defs}
    return Table(tables_in(defs)["orders"], kind)


def told_by(table: Table, compare: Any, lake: LakeResource, through: Slot | None = None) -> Reconciled:
    return compare.of(table.definition)(lake, through)


def compared(kind: Kind, lake: LakeResource, compare: Any, state: Callable[[Table, pl.DataFrame], None]) -> Table:
    """Compare right, wrong since the sixth slot, and right again; the proposed correction can be planned."""
    table = made(kind, compare)
    slots = table.definition.slots.over(NOW)
    right, wrong = table.rows(slots), table.rows(slots, slots[5])
    state(table, right)
    table.write(lake, right)
    agreed = told_by(table, compare, lake)
    assert (agreed.findings, agreed.bad_lines) == ((), ()), agreed.findings
    assert agreed.compared
    table.write(lake, wrong)
    found = told_by(table, compare, lake).findings
    request = read_request_file(Path(found[0]["request"]))
    ctx = table.definition.step_context(lake, "Ada")
    plan = plan_correction(ctx, request)
    assert plan.window.grain is table.definition.slots.grain
    if compare.stating.per:  # of whole times alone, so far as they are over
        assert plan.window.first <= slots[5] < plan.window.last < slots[-1]
    else:
        assert (plan.window.first, plan.window.last) == (slots[5], slots[-1])
        assert {one["since"] for one in found} == {str(slots[5])}
    table.write(lake, right)
    assert {*told_by(table, compare, lake).closed} == {one["id"] for one in found}
    return table


def a_delta_table(place: Path) -> Callable[[Table, pl.DataFrame], None]:
    """Another writer's, with a line for each row of ours."""
    return lambda _table, rows: write_deltalake(str(place), rows.rename({rows.columns[0]: "when"}))


TILL = LedgerSpec(measure="revenue", group="market", name="the till", unit="EUR")


@pytest.mark.parametrize("name", KINDS)
def test_a_table_of_any_column_and_grain_is_reconciled_with_an_outside_table(
    name: str, lake: LakeResource, tmp_path: Path
) -> None:
    place = tmp_path / "till"
    compare = against(TILL, DeltaSource(str(place), day="when"))
    compared(KINDS[name], lake, compare, a_delta_table(place))


GROUPINGS: dict[str, tuple[LedgerSpec, dict[str, Any]]] = {
    "no group": (replace(TILL, group=()), {"columns": ["revenue"], "unchanged_where": None}),
    "one group": (TILL, {"columns": ["revenue"], "unchanged_where": "market NOT IN ('US')"}),
    "several groups": (
        replace(TILL, group=("market", "channel")),
        {"unchanged_where": "NOT ((market = 'US' AND channel = 1) OR (market = 'US' AND channel = 2))"},
    ),
    "a group of numbers": (replace(TILL, group="channel"), {"unchanged_where": None}),
    "several measures": (
        replace(TILL, measure=("revenue", "pieces"), unit={"revenue": "EUR"}),
        {"columns": ["revenue", "pieces"], "unchanged_where": "market NOT IN ('US')"},
    ),
    "columns that may differ": (replace(TILL, may_differ=("revenue", "pieces")), {"columns": ["revenue", "pieces"]}),
}


@pytest.mark.parametrize("name", GROUPINGS)
def test_measures_and_groups_of_any_number_are_told_apart_in_finding_and_request(
    name: str, lake: LakeResource, tmp_path: Path
) -> None:
    spec, expected = GROUPINGS[name]
    compare = against(spec, DeltaSource(str(tmp_path / "till"), day="when"))
    table = compared(KINDS["days as dates"], lake, compare, a_delta_table(tmp_path / "till"))
    slots = table.definition.slots.over(NOW)
    table.write(lake, table.rows(slots, slots[5]))
    found = told_by(table, compare, lake).findings
    assert [one.get("measure", "revenue") for one in found] == [*spec.measures]
    assert len({one["request"] for one in found}) == 1
    told = yaml.safe_load(Path(found[0]["request"]).read_text())["expect"]
    assert {name: told.get(name) for name in expected} == expected


@dataclass(frozen=True)
class Stating:
    """Who states figures, and how: what is written for the figures of a table, and what compares them."""

    compare: Callable[[Path], Any]
    write: Callable[[Path, Table, pl.DataFrame], None]
    kind: str = "days as dates"


def summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Figures of each slot and market, in a column ``when``."""
    return rows.group_by(pl.col(rows.columns[0]).alias("when"), "market").agg(
        pl.col("revenue", "pieces").sum(), rows=pl.len().cast(pl.Int64)
    )


def delta(amount: pl.Expr, every: str = "") -> Callable[[Path, Table, pl.DataFrame], None]:
    """A Delta table of figures, of longer times where that is said, with the revenue as it is stated."""

    def write(place: Path, _table: Table, rows: pl.DataFrame) -> None:
        figures = summed(rows)
        if every:
            when = pl.col("when").cast(pl.Date).dt.truncate(every)
            figures = figures.group_by(when, "market").agg(pl.col("revenue", "pieces", "rows").sum())
        write_deltalake(str(place / "till"), figures.with_columns(revenue=amount), mode="overwrite")

    return write


def finer(place: Path, table: Table, rows: pl.DataFrame) -> None:
    """A line for each sale, at a time within its day."""
    at = pl.col(rows.columns[0]).cast(pl.Datetime("us", "UTC")) + pl.duration(hours=pl.col("channel") * 7)
    write_deltalake(str(place / "till"), rows.with_columns(when=at).drop(rows.columns[0]), mode="overwrite")


def parquet(place: Path, _table: Table, rows: pl.DataFrame) -> None:
    place.mkdir(exist_ok=True)
    for (day,), of_day in summed(rows).partition_by("when", as_dict=True).items():
        of_day.write_parquet(place / f"{day}.parquet")


def database(place: Path, _table: Table, rows: pl.DataFrame) -> None:
    with closing(sqlite3.connect(place.with_suffix(".db"))) as connection:
        connection.execute("drop table if exists till")
        connection.execute("create table till (day text, market text, total real)")
        told = [(str(one["when"]), one["market"], float(one["revenue"])) for one in summed(rows).to_dicts()]
        connection.executemany("insert into till values (?, ?, ?)", told)
        connection.commit()


def from_delta(place: Path, **options: Any) -> Any:
    return against(TILL, DeltaSource(str(place / "till"), day="when"), **options)


def queried(place: Path) -> Any:
    query = QuerySource("select * from till", day="day", connection=lambda: sqlite3.connect(place.with_suffix(".db")))
    return against(TILL, query, columns={"revenue": "total"})


def by_function(place: Path, change: Callable[[pl.DataFrame], Any]) -> Any:
    return against(TILL, lambda _records, _window: change(pl.read_delta(str(place / "till")).rename({"when": "day"})))


REVENUE = pl.col("revenue")
STATED: dict[str, Stating] = {
    "decimals": Stating(from_delta, delta(REVENUE)),
    "more decimals": Stating(from_delta, delta(REVENUE.cast(pl.Decimal(20, 6)))),
    "floats": Stating(from_delta, delta(REVENUE.cast(pl.Float64))),
    "sums of floats": Stating(from_delta, delta(REVENUE.cast(pl.Float64) / 3 + REVENUE.cast(pl.Float64) / 3 * 2)),
    "text": Stating(from_delta, delta(REVENUE.cast(pl.String))),
    "tenths": Stating(from_delta, delta(REVENUE.cast(pl.Decimal(18, 1)))),
    "whole euros": Stating(from_delta, delta(REVENUE.cast(pl.Float64).round().cast(pl.Int64))),
    "whole euros as floats": Stating(
        lambda place: from_delta(place, precision=Precision({"*": 0})), delta(REVENUE.cast(pl.Float64).round())
    ),
    "Parquet files": Stating(lambda place: against(TILL, ParquetSource(f"{place}/*.parquet", day="when")), parquet),
    "a query with names of its own": Stating(queried, database),
    "a function": Stating(lambda place: by_function(place, lambda rows: rows), delta(REVENUE)),
    "a function of lazy rows": Stating(lambda place: by_function(place, pl.DataFrame.lazy), delta(REVENUE)),
    "a function of Arrow": Stating(lambda place: by_function(place, pl.DataFrame.to_arrow), delta(REVENUE)),
    "sales within the day": Stating(from_delta, finer),
    "weeks beside days": Stating(lambda place: from_delta(place, per="week"), delta(REVENUE, "1w"), "long days"),
    "months beside days": Stating(lambda place: from_delta(place, per="month"), delta(REVENUE, "1mo"), "long days"),
    "days beside hours": Stating(lambda place: from_delta(place, per="day"), delta(REVENUE, "1d"), "long hours"),
}
LONG = {
    "long days": replace(KINDS["days as dates"], partitions=dg.DailyPartitionsDefinition("2026-07-01")),
    "long hours": replace(KINDS["hours as timestamps"], partitions=dg.HourlyPartitionsDefinition("2026-11-14-00:00")),
}


@pytest.mark.parametrize("name", STATED)
def test_figures_are_read_as_they_are_stated(name: str, lake: LakeResource, tmp_path: Path) -> None:
    stating, place = STATED[name], tmp_path / "theirs"
    place.mkdir()
    kind = {**KINDS, **LONG}[stating.kind]
    compared(kind, lake, stating.compare(place), lambda table, rows: stating.write(place, table, rows))


def test_what_is_not_stated_is_no_statement_and_what_cannot_be_read_is_named(
    lake: LakeResource, tmp_path: Path
) -> None:
    compare = from_delta(tmp_path)
    table = made(KINDS["days as dates"], compare)
    slots = table.definition.slots.over(NOW)
    table.write(lake, table.rows(slots))
    day, market = pl.col("when") == slots[2], pl.col("market") == "US"
    unreadable = pl.when(day).then(pl.lit("n/a")).when(market).then(None).otherwise(REVENUE.cast(pl.String))
    delta(unreadable)(tmp_path, table, table.rows(slots))

    found = told_by(table, compare, lake)

    assert {(one["cause"], *one["groups"]) for one in found.findings} == {
        ("ledger_missing", "US"), ("ledger_incomplete", "EU", "US"),
    }  # fmt: skip
    assert {one["request"] for one in found.findings} == {""}
    assert found.bad_lines == tuple(f"{slots[2]} of {one}, whose revenue is no number" for one in MARKETS)


REFUSED_AT_LOAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another table": (lambda place: against(replace(TILL, table="sales"), DeltaSource("x", day="d")), "sales"),
    "a measure it does not have": (
        lambda place: against(replace(TILL, measure="price"), DeltaSource("x", day="d")), "price",
    ),
    "its own slots as groups": (
        lambda place: against(replace(TILL, group="order_date"), DeltaSource("x", day="d")), "by groups of",
    ),
    "figures per day beside weeks": (lambda place: from_delta(place, per="day"), "per day"),
    "figures per quarter": (lambda place: from_delta(place, per="quarter"), "'quarter'"),
    "no figures": (lambda place: against(TILL, None), "None"),
    "a frame": (lambda place: against(TILL, pl.DataFrame()), "a DataFrame"),
    "a path": (lambda place: against(TILL, "till.parquet"), "till.parquet"),
    "no ledger": (lambda place: against("revenue", DeltaSource("x", "d")), "revenue"),
    "no measure": (lambda place: against(replace(TILL, measure=()), DeltaSource("x", "d")), "no measure"),
    "a tolerance for all": (lambda place: against(TILL, DeltaSource("x", "d"), Decimal(1)), "a Decimal"),
    "a source that looks back": (lambda place: against(TILL, DeltaSource("x", "d", look_back=2)), "looks back"),
    "a comparison that is none": (lambda place: "till", "till"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_AT_LOAD)
def test_what_cannot_be_compared_is_refused_when_definitions_load(name: str, tmp_path: Path) -> None:
    compare, said = REFUSED_AT_LOAD[name]
    with pytest.raises(ArgumentUnusable) as refused:
        made(KINDS["weeks as dates" if "weeks" in name else "days as dates"], compare(tmp_path))
    assert said in str(refused.value)
    assert_in_three_sentences(str(refused.value))


UNFIT: dict[str, tuple[Stating, str]] = {
    "no such column of slots": (
        Stating(lambda place: against(TILL, DeltaSource(str(place / "till"), "day")), delta(REVENUE)), "no column day",
    ),
    "no such group": (
        Stating(lambda place: from_delta(place, columns={"market": "region"}), delta(REVENUE)), "no column region",
    ),
    "no numbers": (Stating(from_delta, delta(pl.lit(value=True))), "no number"),
    "months that are not said to be": (Stating(from_delta, delta(REVENUE, "1mo"), "long days"), "per='month'"),
    "weeks that are not said to be": (Stating(from_delta, delta(REVENUE, "1w"), "long days"), "per='week'"),
    "dates beside hours": (Stating(from_delta, delta(REVENUE, "1d"), "long hours"), "or say by per"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_figures_that_cannot_be_compared_are_refused_by_what_is_wrong_with_them(
    name: str, lake: LakeResource, tmp_path: Path
) -> None:
    stating, said = UNFIT[name]
    compare = stating.compare(tmp_path)
    table = made({**KINDS, **LONG}[stating.kind], compare)
    rows = table.rows(table.definition.slots.over(NOW))
    table.write(lake, rows)
    stating.write(tmp_path, table, rows)
    with pytest.raises(BackfillAssetsError) as refused:
        told_by(table, compare, lake)
    assert said in str(refused.value)
    assert_in_three_sentences(str(refused.value))


def test_a_last_slot_of_another_grain_is_refused(lake: LakeResource, tmp_path: Path) -> None:
    compare = from_delta(tmp_path)
    table = made(KINDS["hours as timestamps"], compare)
    table.write(lake, table.rows(table.definition.slots.over(NOW)))
    with pytest.raises(SlotsOfOtherGrain):
        told_by(table, compare, lake, date(2026, 11, 19))
