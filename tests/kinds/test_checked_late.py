"""What can be known before anything is computed is refused there: when definitions load, planned, or opened."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from backfill_assets.core.condition import refuse_unusable
from backfill_assets.core.expectation import Expectation
from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.errors.validation import ConditionUnusable
from backfill_assets.orchestration.asset.siblings import correctable_asset, declaration_of
from tests.e2e.house import Answered, House
from tests.e2e.shop import open_shop
from tests.e2e.test_bad_input import assert_in_three_sentences, assert_refused
from tests.kinds.stranger import DAYS, FIRST, NOW, TABLE, days, location, orders, stranger_at

pytestmark = pytest.mark.dagster

LAST = FIRST + timedelta(days=4)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five days in two currencies, published. Nothing here writes to it."""
    return open_shop(tmp_path_factory.mktemp("published") / "house", days(5), NOW)


class Sales(pa.DataFrameModel):
    """A schema that names every column."""

    day: pl.Date
    market: str
    revenue: pl.Int64
    share: pl.Float64

    class Config:
        strict = True


def asked(house: House, command: str, expect: dict[str, Any], **fields: Any) -> Answered:
    return house.run(command, str(house.request(FIRST, LAST, expect=expect, **fields)))


CLAUSES: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt column that may differ": ({"columns": ["revenue_us"]}, "ExpectedColumnsUnknown"),
    "a column in other letters": ({"columns": ["Revenue_USD"]}, "ExpectedColumnsUnknown"),
    "a key that may differ": ({"columns": ["revenue_usd", "country"]}, "KeysCannotDiffer"),
    "the day that may differ": ({"columns": ["day"]}, "KeysCannotDiffer"),
    "a misspelt column in the condition": ({"unchanged_where": "curency = 'EUR'"}, "ExpectedColumnsUnknown"),
    "a text in the quotes of a column": ({"unchanged_where": 'currency = "EUR"'}, "ExpectedColumnsUnknown"),
    "a condition that is no SQL": ({"unchanged_where": "currency == == 'EUR'"}, "ConditionUnusable"),
    "a condition that is a text": ({"unchanged_where": "currency"}, "ConditionUnusable"),
    "a condition that is a number": ({"unchanged_where": "1"}, "ConditionUnusable"),
    "a condition that is null": ({"unchanged_where": "NULL"}, "ConditionUnusable"),
    "a condition over a day that is none": ({"unchanged_where": "day > 'soon'"}, "ConditionUnusable"),
    "a sum in a condition": ({"unchanged_where": "amount > AVG(amount)"}, "ConditionUnusable"),
    "a condition that reads a file": (
        {"unchanged_where": "currency IN (SELECT a FROM read_csv('/etc/passwd'))"},
        "ConditionUnusable",
    ),
    "a condition that numbers rows": ({"unchanged_where": "ROW_NUMBER() OVER () > 1"}, "ConditionUnusable"),
    "a condition that asks the clock": ({"unchanged_where": "day < CURRENT_DATE"}, "ConditionUnusable"),
    "a value that no row has": ({"unchanged_where": "currency = 'eur'"}, "NothingHeldUnchanged"),
    "a comparison with null": ({"unchanged_where": "currency = NULL"}, "NothingHeldUnchanged"),
    "a day outside the window": ({"unchanged_where": "day < '2026-01-05'"}, "NothingHeldUnchanged"),
    "an estimate of no measure": ({"estimate": {"measure": "rate_usd", "total": 1}}, "ExpectedColumnsUnknown"),
    "an estimate of a misspelt measure": ({"estimate": {"measure": "revenue", "total": 1}}, "ExpectedColumnsUnknown"),
    "an estimate for a day outside": (
        {"estimate": {"measure": "revenue_usd", "days": {"2026-02-01": 1}}},
        "EstimateOutsideWindow",
    ),
}


@pytest.mark.parametrize(("expect", "error"), CLAUSES.values(), ids=CLAUSES)
@pytest.mark.parametrize("command", ["plan", "open"])
def test_a_clause_that_could_never_be_held_is_refused_and_nothing_is_opened(
    published: House, command: str, expect: dict[str, Any], error: str
) -> None:
    before = published.commits()

    assert_refused(asked(published, command, expect), error)

    assert published.commits() == before


def test_an_automatic_approval_needs_a_clause_that_could_fail(published: House) -> None:
    everything = ["transactions", "amount", "rate_currency", "rate_usd", "fixing_day", "revenue_usd"]

    refused = asked(published, "open", {"columns": everything}, approval="automatic")

    assert_refused(refused, "ClauseHoldsNothing")


def test_what_is_right_is_planned(published: House) -> None:
    expect = {
        "columns": ["revenue_usd", "rate_usd"],
        "unchanged_where": "currency IN ('EUR') AND LOWER(country) <> '' AND NOT (day = '2026-01-06')",
        "estimate": {"measure": "revenue_usd", "days": {str(FIRST): "1.5"}},
    }

    assert asked(published, "plan", expect).code == 0


@pytest.mark.parametrize(
    "condition",
    [
        "true) OR (true",
        "true) AS a, (true",
        "true -- or not",
        "true /* or not */",
        "currency = 'USD'; DROP TABLE self",
        "EXISTS (FROM self)",
        "currency = (TABLE self)",
        "\"read_csv\"('a') = 1",
        "read_parquet('a') = 1",
        "random() > 0.5",
        "LAG(amount) = 1",
        "currency = 'USD",
        "(currency = 'USD'",
        # Deep enough to end the process that parses it.
        "||".join(["'x'"] * 20_000) + " = 'x'",
        " OR ".join(["currency = 'USD'"] * 1_000),
        "(" * 3_000 + "true" + ")" * 3_000,
        "NOT " * 5_000 + "true",
    ],
    ids=lambda condition: condition[:30],
)
def test_a_condition_reads_nothing_but_its_row(condition: str) -> None:
    with pytest.raises(ConditionUnusable):
        refuse_unusable(condition)


def test_a_condition_may_name_many_values() -> None:
    refuse_unusable(f"currency IN ({', '.join(repr(f'C{number}') for number in range(1_500))})")


def test_words_in_quotes_are_values_and_names() -> None:
    refuse_unusable("currency = 'SELECT (a) FROM b; -- c' AND \"order\" = 'it''s'")


def test_a_frozen_plan_stays_readable_whatever_is_refused_since() -> None:
    stored = {"unchanged_where": "currency IN (SELECT currency FROM self)"}

    assert Expectation.from_json(stored).as_json() == stored


# ---- what is live


LIVE: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "a null key": (
        lambda rows: rows.with_columns(market=pl.when(pl.col("market") == "EU").then("market")),
        "LiveKeysNull",
    ),
    "a doubled key": (lambda rows: pl.concat([rows, rows.head(1)]), "LiveKeysDoubled"),
    "a measure in floats": (lambda rows: rows.with_columns(pl.col("revenue").cast(pl.Float64)), "LiveMeasuresInexact"),
    "a measure that live lacks": (lambda rows: rows.rename({"revenue": "turnover"}), "ColumnsNotLive"),
    "a key that live lacks": (lambda rows: rows.rename({"market": "region"}), "ColumnsNotLive"),
}


@pytest.mark.parametrize(("spoil", "error"), LIVE.values(), ids=LIVE)
def test_live_rows_that_could_never_be_compared_are_refused(
    spoil: Callable[[pl.DataFrame], pl.DataFrame], error: str, tmp_path: Path
) -> None:
    rows = orders(days(5)).rename({"price": "revenue"})
    with stranger_at(tmp_path, location()) as other:
        other.overwrite_live(spoil(rows), days(5))
        other.land(orders(days(5)), days(5))
        before = other.house.commits()

        for command in ("plan", "open"):
            assert_refused(other.ask(command, FIRST, LAST), error)
        ran = other.launchpad(first=str(FIRST), last=str(LAST))

        assert (ran.success, type(ran.refusal).__name__) == (False, error)
        assert other.house.commits() == before


@pytest.mark.parametrize(
    ("kind", "value"),
    [(pl.List(pl.Int64), [1]), (pl.Struct({"a": pl.Int64}), {"a": 1})],
    ids=lambda one: str(one).split("(", maxsplit=1)[0],
)
def test_a_live_type_that_no_staged_version_holds_is_refused(tmp_path: Path, kind: Any, value: Any) -> None:
    """Written by another engine, for this code cannot write it."""
    rows = orders(days(5)).rename({"price": "revenue"}).with_columns(pl.lit(value, dtype=kind).alias("more"))
    with stranger_at(tmp_path, location()) as other:
        rows.write_delta(other.house.records.lake.table_uri(TABLE), delta_write_options={"partition_by": ["day"]})
        other.land(orders(days(5)), days(5))

        assert_refused(other.ask("open", FIRST, LAST), "FeatureUnsupported", 4)
        assert other.house.run("status").told["corrections"] == []


def test_a_live_type_that_the_code_declares_otherwise_is_refused(tmp_path: Path) -> None:
    rows = orders(days(5)).rename({"price": "revenue"}).with_columns(share=pl.lit("1"))
    with stranger_at(tmp_path, location(schema=Sales)) as other:
        other.overwrite_live(rows, days(5))
        other.land(orders(days(5)), days(5))

        refused = other.ask("open", FIRST, LAST)

        assert_refused(refused, "LiveTypesUnfit")
        assert "share String where the code declares Float64" in refused.told["message"]


def test_a_live_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with stranger_at(tmp_path, location()) as other:
        other.overwrite_live(orders(days(5)).rename({"price": "revenue"}), days(5))
        other.land(orders(days(5)), days(5))
        gone = days(5)[2]
        other.live.folder.delete([path for path, _ in other.live.names(gone)])

        refused = other.ask("open", FIRST, LAST)

        assert_refused(refused, "LiveUnreadable")
        assert str(gone) in refused.told["message"]


def test_days_that_are_no_partitions_are_refused(tmp_path: Path) -> None:
    """Published before the partitions of today's code begin."""
    early = [FIRST - timedelta(days=1), *days(5)]
    with stranger_at(tmp_path, location()) as other:
        other.overwrite_live(orders(early).rename({"price": "revenue"}), early)
        other.land(orders(early), early)

        refused = other.ask("open", early[0], LAST)

        assert_refused(refused, "DaysNotPartitions")
        assert str(early[0]) in refused.told["message"]


def test_a_new_column_that_the_schema_declares_may_be_expected_to_differ(published: House) -> None:
    """Live has it only after the cut over."""
    with published.entered():
        from tests.composed import DAILY_REVENUE

        declared = DAILY_REVENUE.correctable_table.columns.declared

    assert declared["amount"] == pl.Decimal(38, 4)
    assert set(declared) == set(published.live().schema)


# ---- what is declared


DECLARED: dict[str, dict[str, Any]] = {
    "keys as one text": {"keys": "market"},
    "measures as one text": {"measures": "revenue"},
    "a key twice": {"keys": ["market", "market"]},
    "a measure twice": {"measures": ["revenue", "revenue"]},
    "a key without a name": {"keys": [""]},
    "a key that is no name": {"keys": [3]},
    "the day as a measure": {"measures": ["day"]},
    "a float of the schema as a measure": {"measures": ["share"], "schema": Sales},
    "a measure that the schema lacks": {"measures": ["turnover"], "schema": Sales},
    "a key that the schema lacks": {"keys": ["region"], "schema": Sales},
}


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED)
def test_keys_and_measures_that_cannot_be_are_refused_when_definitions_load(declared: dict[str, Any]) -> None:
    given = {"keys": ["market"], "measures": ["revenue"], **declared}

    with pytest.raises(ColumnsDeclaredWrongly) as refused:

        @correctable_asset(partitions_def=DAYS, **given)
        def daily_sales(orders_log: pl.LazyFrame) -> pl.LazyFrame:
            return orders_log

    assert_in_three_sentences(str(refused.value))
    assert "daily_sales" in str(refused.value)


def test_the_day_among_the_keys_is_as_good_as_left_out() -> None:
    def made(keys: list[str]) -> tuple[str, ...]:
        @correctable_asset(partitions_def=DAYS, keys=keys, measures=["revenue"], schema=Sales)
        def daily_sales(orders_log: pl.LazyFrame) -> pl.LazyFrame:
            return orders_log

        return declaration_of(daily_sales).keys

    assert made(["day", "market"]) == made(["market"]) == ("market",)
