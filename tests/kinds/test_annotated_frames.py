"""What a parameter is annotated as is what it is given: by the lake's IO manager, and by a correctable asset."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Optional

import dagster as dg
import duckdb
import polars as pl
import pyarrow as pa
import pytest

from backfill_assets import build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.errors.transform import InputKindUnknown, TransformUnusable
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.test_transforms import with_pandas

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
KEPT: dict[str, Any] = {
    "partitions_def": DAYS,
    "io_manager_key": "lake_io_manager",
    "backfill_policy": dg.BackfillPolicy.single_run(),
}
VALUES: dict[str, Any] = {
    "day": date(2026, 1, 5),
    "market": "EU",
    "count": 2**62 + 1,
    "amount": Decimal("12.3400"),
    "at": datetime(2026, 1, 5, 7, tzinfo=UTC),
    "open": True,
}
SEEN: list[Any] = []

# By annotation, what it is given as; each is called, because pandas is not there in every process.
GIVEN: dict[str, tuple[Callable[[], Any], Callable[[], type]]] = {
    "nothing": (lambda: None, lambda: pl.LazyFrame),
    "Any": (lambda: Any, lambda: pl.LazyFrame),
    "pl.LazyFrame": (lambda: pl.LazyFrame, lambda: pl.LazyFrame),
    "pl.DataFrame": (lambda: pl.DataFrame, lambda: pl.DataFrame),
    "pl.DataFrame, as text": (lambda: "pl.DataFrame", lambda: pl.DataFrame),
    "pl.DataFrame or None": (lambda: pl.DataFrame | None, lambda: pl.DataFrame),
    "Optional[pl.DataFrame]": (lambda: Optional[pl.DataFrame], lambda: pl.DataFrame),  # noqa: UP045 - as others write it
    "pandas.DataFrame": (lambda: with_pandas().DataFrame, lambda: with_pandas().DataFrame),
    "pyarrow.Table": (lambda: pa.Table, lambda: pa.Table),
}
REFUSED: dict[str, Any] = {
    "a dict": dict,
    "frames by partition": dict[str, pl.DataFrame],
    "a list": list[pl.DataFrame],
    "text": str,
    "a series": pl.Series,
    "a relation of DuckDB": duckdb.DuckDBPyRelation,
    "a reader of batches": pa.RecordBatchReader,
}


def annotated(function: Callable[..., Any], kind: Any, **others: Any) -> Callable[..., Any]:
    """The function, each of its parameters annotated as a kind, or not at all."""
    function.__annotations__ = others | ({} if kind is None else {function.__code__.co_varnames[0]: kind})
    return function


def orders_log(context) -> pl.DataFrame:
    rows = [VALUES | {"day": date.fromisoformat(key)} for key in context.partition_keys]
    nothing = [{"day": row["day"], "market": "US"} for row in rows]
    return pl.DataFrame([*rows, *nothing], schema_overrides={"amount": pl.Decimal(18, 4)})


def located(of_transform: Any = pl.LazyFrame, of_report: Any = pl.LazyFrame) -> dg.Definitions:
    def daily_orders(orders_log):
        SEEN.append(orders_log)
        return orders_log

    def report(daily_orders):
        SEEN.append(daily_orders)
        return daily_orders

    fact = correctable_asset(
        partitions_def=DAYS, keys=["market"], measures=["count", "amount"], sources={}, code_version="v1"
    )(annotated(daily_orders, of_transform))
    log, told = dg.asset(**KEPT)(orders_log), dg.asset(**KEPT)(annotated(report, of_report))
    return dg.Definitions.merge(
        dg.Definitions(assets=[log, told], resources=lake_resources()),
        build_correction_definitions(fact, sources=[log], reports=[told]),
    )


@pytest.mark.dagster
@pytest.mark.parametrize("name", GIVEN)
def test_a_table_is_given_as_what_a_parameter_is_annotated_as_and_comes_back_the_same(name: str, tmp_path: Path):
    annotation, kind = GIVEN[name][0](), GIVEN[name][1]()
    SEEN.clear()
    lake = TestLake(tmp_path, located(annotation, annotation), now="2026-01-10T06:00:00+00:00")

    lake.publish("2026-01-05", "2026-01-06")

    assert {type(one) for one in SEEN} == {kind}
    log = lake.rows("orders_log")
    if name.startswith("pandas"):  # it does not know how many digits a decimal may have
        log = log.cast({"amount": pl.Decimal(38, 4)})
    for table in ("daily_orders", "report"):
        assert lake.rows(table).equals(log)
        assert lake.rows(table).schema == log.schema


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_table_can_be_given_as_is_refused_when_definitions_load(name: str):
    for options, error, asset in (
        ({"of_transform": REFUSED[name]}, TransformUnusable, "orders_log"),
        ({"of_report": REFUSED[name]}, InputKindUnknown, "report takes daily_orders"),
    ):
        with pytest.raises(error) as refused:
            located(**options)
        assert_in_three_sentences(str(refused.value))
        assert asset in str(refused.value)
        assert "pandas.DataFrame" in str(refused.value)


@pytest.mark.dagster
@pytest.mark.parametrize("name", REFUSED)
def test_any_other_asset_that_the_lake_is_read_by_is_refused_when_it_reads(name: str, tmp_path: Path):
    def other(orders_log):
        raise NotImplementedError

    defs = dg.Definitions.merge(located(), dg.Definitions(assets=[dg.asset(**KEPT)(annotated(other, REFUSED[name]))]))
    lake = TestLake(tmp_path, defs, now="2026-01-10T06:00:00+00:00")
    with lake.entered():
        assert lake.runner.run_keys([dg.AssetKey("orders_log")], "2026-01-05", "2026-01-05").success
        ran = lake.runner.run_keys([dg.AssetKey("other")], "2026-01-05", "2026-01-05")
    assert isinstance(ran.refusal, InputKindUnknown), ran.errors
    assert "other takes orders_log" in str(ran.refusal)
    assert_in_three_sentences(str(ran.refusal))


def test_an_input_that_another_io_manager_loads_is_its_own(tmp_path: Path):
    class Texts(dg.ConfigurableIOManager):
        def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
            raise NotImplementedError

        def load_input(self, context: dg.InputContext) -> str:
            return "as text"

    def report(daily_orders):
        SEEN.append(daily_orders)
        return pl.DataFrame({"day": [date(2026, 1, 5)], "rows": [1]})

    @correctable_asset(partitions_def=DAYS, keys=["market"], measures=[])
    def daily_orders(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return pl.DataFrame({"day": [date(2026, 1, 5)], "market": "EU"})

    told = dg.asset(ins={"daily_orders": dg.AssetIn(input_manager_key="texts")}, **KEPT)(annotated(report, str))
    defs = dg.Definitions.merge(
        dg.Definitions(assets=[told], resources={**lake_resources(), "texts": Texts()}),
        build_correction_definitions(daily_orders, reports=[told]),
    )
    SEEN.clear()
    TestLake(tmp_path, defs, now="2026-01-10T06:00:00+00:00").publish("2026-01-05", "2026-01-05")
    assert SEEN == ["as text"]


def test_a_unit_test_gives_a_transform_what_it_is_annotated_as():
    def daily_orders(orders_log):
        return type(orders_log)

    fact = correctable_asset(partitions_def=DAYS, keys=[], measures=[], code_version="v1")(
        annotated(daily_orders, pa.Table)
    )

    assert fact(pl.DataFrame({"day": [date(2026, 1, 5)]})) is pa.Table
    assert fact(orders_log=pl.LazyFrame({"day": [date(2026, 1, 5)]})) is pa.Table


def test_integers_with_nulls_are_no_floats_in_pandas(tmp_path: Path):
    from backfill_assets.orchestration.asset.frames import giver_of

    pandas = with_pandas()
    frame = pl.LazyFrame({"a": [2**62 + 1, None], "b": [1, 2], "c": [None, 2.5]})

    given = giver_of(pandas.DataFrame)

    assert given is not None
    assert {name: str(kind) for name, kind in given(frame).dtypes.items()} == {
        "a": "Int64",
        "b": "Int64",
        "c": "float64",
    }
    assert given(frame)["a"].to_list()[0] == 2**62 + 1
    assert str(given(frame.drop("a")).dtypes["b"]) == "int64"


DIGITS = {
    "more before the point": ["1.25", "1234567.25"],
    "fewer after it": ["1.25", "1.5"],
    "none after it": ["1.25", "7"],
}


@pytest.mark.dagster
@pytest.mark.parametrize("name", DIGITS)
def test_decimals_of_pandas_have_as_many_digits_as_their_table_on_every_day(name: str, tmp_path: Path):
    pandas = with_pandas()
    given = dict(zip(("2026-01-05", "2026-01-06"), DIGITS[name], strict=True))

    def amounts(context: dg.AssetExecutionContext):
        rows = [(date.fromisoformat(key), "EU", Decimal(given[key])) for key in context.partition_keys]
        return pandas.DataFrame(rows, columns=["day", "market", "amount"])

    def daily(context: dg.AssetExecutionContext):
        return amounts(context)

    report = dg.asset(name="report", **KEPT)(amounts)
    fact = correctable_asset(partitions_def=DAYS, keys=["market"], measures=["amount"])(daily)
    defs = dg.Definitions.merge(
        dg.Definitions(assets=[report], resources=lake_resources()), build_correction_definitions(fact)
    )
    lake = TestLake(tmp_path, defs, now="2026-01-10T06:00:00+00:00")
    with lake.entered():
        for asset in ("report", "daily"):
            for day in given:
                ran = lake.runner.run_keys([dg.AssetKey(asset)], day, day)
                assert ran.success, ran.errors
            assert lake.rows(asset).schema["amount"] == pl.Decimal(38, 2)
            assert lake.rows(asset)["amount"].to_list() == [Decimal(told) for told in DIGITS[name]]
