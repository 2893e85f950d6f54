"""Whatever a transform can be: it is run, and its values are kept to the last digit, or it is refused in a sentence.

Tables of what is returned, what is taken, and what is no transform at all. The next case is one line.
"""

import functools
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pyarrow as pa
import pytest

from backfill_assets import (
    BadInput,
    DeltaLakeIOManager,
    LakeResource,
    build_correction_definitions,
    correctable_asset,
    correctable_sql,
    lake_resources,
)
from backfill_assets.core.delta_types import to_delta
from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.setup import ColumnsDeclaredWrongly, PartitionsIrregular
from backfill_assets.errors.transform import (
    AuditImpossible,
    ColumnsNotReturned,
    FrameUnknown,
    MeasuresInexact,
    TransformUnusable,
    TypesUnfit,
)
from backfill_assets.orchestration.asset.frames import frame_of
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.asset.transform import taken_by
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.runbook import approve, open_correction
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.watch import audit
from tests.e2e.test_bad_input import assert_in_three_sentences

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
FIRST, LAST = date(2026, 1, 5), date(2026, 1, 9)
ALL = Window(FIRST, LAST)
NOW = datetime(2026, 1, 10, 6, tzinfo=UTC)
DECLARED: dict[str, Any] = {"partitions_def": DAYS, "keys": ["market"], "measures": ["revenue"], "code_version": "v1"}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeResource:
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("BACKFILL_NOW", NOW.isoformat())
    return LakeResource()


def with_pandas() -> Any:
    """pandas, which ``scripts/setup`` keeps beside the other packages."""
    beside = str(Path(sys.prefix) / "beside")
    if beside not in sys.path:
        sys.path.append(beside)
    if os.environ.get("CI"):
        return import_module("pandas")

    return pytest.importorskip("pandas", reason="scripts/setup test installs pandas beside the other packages")


class Factor(dg.Config):
    """A config of a transform."""

    times: int = 1


class Prices(dg.ConfigurableResource):
    """A resource of a transform."""

    price: int = 100


def summed(frame: pl.LazyFrame, price: int = 100) -> pl.LazyFrame:
    return frame.group_by("day", "market").agg(revenue=pl.len().cast(pl.Int64) * price)


def lazily(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return summed(orders_log)


def eagerly(orders_log: pl.LazyFrame) -> pl.DataFrame:
    return summed(orders_log).collect()


def by_pandas(orders_log: pl.LazyFrame) -> Any:
    pd = with_pandas()
    rows = pd.DataFrame(orders_log.collect().to_dict(as_series=False))
    return (
        rows.groupby(["day", "market"], as_index=False)
        .size()
        .rename(columns={"size": "revenue"})
        .assign(revenue=lambda counted: counted["revenue"] * 100)
    )


def by_arrow(orders_log: pl.LazyFrame) -> pa.Table:
    return summed(orders_log).collect().to_arrow()


def by_duckdb(orders_log: pl.LazyFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.register("orders", orders_log.collect())
    return connection.sql("SELECT day, market, sum(100) AS revenue FROM orders GROUP BY ALL")


def with_context(context: dg.AssetExecutionContext, orders_log: pl.LazyFrame) -> pl.LazyFrame:
    assert context.partition_keys
    return summed(orders_log)


def with_config(orders_log: pl.LazyFrame, config: Factor) -> pl.LazyFrame:
    return summed(orders_log, 100 * config.times)


def with_resource(orders_log: pl.LazyFrame, prices: Prices) -> pl.LazyFrame:
    return summed(orders_log, prices.price)


def with_everything(
    context: dg.AssetExecutionContext, orders_log: pl.LazyFrame, settings: Factor, prices: Prices
) -> pl.LazyFrame:
    context.log.debug("all of it")
    return summed(orders_log, prices.price * settings.times)


SQL = "SELECT day, market, sum(100) AS revenue FROM orders_log GROUP BY day, market"
WORKING: dict[str, Callable[[], Any]] = {
    "Polars, lazy": lambda: named(lazily),
    "Polars, eager": lambda: named(eagerly),
    "pandas": lambda: named(by_pandas),
    "an Arrow table": lambda: named(by_arrow),
    "a relation of DuckDB": lambda: named(by_duckdb),
    "with Dagster's context": lambda: named(with_context),
    "with a config": lambda: named(with_config),
    "with a resource": lambda: named(with_resource),
    "with all of them": lambda: named(with_everything),
    "SQL by DuckDB": lambda: correctable_sql(SQL, name="daily_orders", sources=["orders_log"], **declared()),
    "SQL by Polars": lambda: correctable_sql(
        SQL.replace("sum(100)", "count(*) * 100"),
        name="daily_orders",
        sources=["orders_log"],
        engine="polars",
        **declared(),
    ),
    "SQL with a name of its own for a source": lambda: correctable_sql(
        SQL.replace("orders_log", "o"), name="daily_orders", sources={"o": "orders_log"}, **declared()
    ),
}


def declared() -> dict[str, Any]:
    return {name: value for name, value in DECLARED.items() if name != "code_version"}


def named(compute: Callable[..., Any]) -> dg.AssetsDefinition:
    return correctable_asset(**{**DECLARED, "name": "daily_orders"})(compute)


def location(daily_orders: dg.AssetsDefinition, **options: Any) -> dg.Definitions:
    lake = LakeResource()

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="lake_io_manager")
    def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        wanted = pl.Series("day", context.partition_keys).str.to_date()
        return pl.DataFrame({"day": wanted}).join(pl.DataFrame({"market": ["EU", "EU", "US"]}), how="cross")

    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake), "prices": Prices()},
        ),
        build_correction_definitions(daily_orders, sources=[orders_log], **options),
    )


@pytest.mark.dagster
@pytest.mark.parametrize("name", WORKING)
def test_a_transform_publishes_and_is_corrected(name: str, lake: LakeResource) -> None:
    if name == "pandas":
        with_pandas()
    defs = location(WORKING[name]())
    (definition,) = tables_in(defs).values()
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        for asset in ("orders_log", "daily_orders"):
            assert runner.run_days([dg.AssetKey(asset)], ALL).success
        live = lake.records().snapshot("daily_orders").scan().collect().sort("day", "market")
        assert live.select("market", "revenue").rows() == [("EU", 200), ("US", 100)] * len(ALL)
        assert live.schema["revenue"] == pl.Int64
        planted = live.with_columns(revenue=pl.col("revenue") + 1)
        table = lake.records().table("daily_orders")
        table.replace_days({key: rows for (key,), rows in planted.partition_by("day", as_dict=True).items()})
        ctx = definition.step_context(lake, "Ada")
        plan = open_correction(ctx, Request("daily_orders", ALL, "A euro too much."))
        driver = Driver(definition, runner, lake, "Ada", lambda _step, _ctx: None)
        driver.drive(plan.correction)
        approve(definition.step_context(lake, "Grace"), plan.correction, "compared")
        driver.drive(plan.correction)
    assert lake.records().snapshot("daily_orders").scan().collect().sort("day", "market").equals(live)


# ---- frames that come back


def values(kind: pl.DataType, *given: Any) -> pl.DataFrame:
    return pl.DataFrame({"v": list(given)}, schema={"v": kind})


KEPT = {
    "unsigned bytes": (values(pl.UInt8(), 255, None), pl.Int16()),
    "unsigned 16 bits": (values(pl.UInt16(), 65535), pl.Int32()),
    "unsigned 32 bits": (values(pl.UInt32(), 2**32 - 1), pl.Int64()),
    "unsigned 64 bits that fit": (values(pl.UInt64(), 2**63 - 1), pl.Int64()),
    "128 bits that fit": (values(pl.Int128(), -(2**63)), pl.Int64()),
    "a decimal without decimals": (values(pl.Decimal(38, 0), Decimal(2**62), None), pl.Int64()),
    "a decimal beyond integers": (values(pl.Decimal(38, 0), Decimal(2**64)), pl.Decimal(38, 0)),
    "a decimal with decimals": (values(pl.Decimal(38, 2), Decimal("1.10")), pl.Decimal(38, 2)),
    "a short decimal": (values(pl.Decimal(10, 0), Decimal(7)), pl.Decimal(10, 0)),
    "milliseconds of Berlin": (
        values(pl.Datetime("ms", "Europe/Berlin"), datetime(2026, 1, 5, tzinfo=UTC)),
        pl.Datetime("us", "UTC"),
    ),
    "UTC by another name": (
        values(pl.Datetime("us", "Etc/UTC"), datetime(2026, 1, 5, tzinfo=UTC)),
        pl.Datetime("us", "UTC"),
    ),
    "milliseconds without a time zone": (
        values(pl.Datetime("ms"), datetime(2026, 1, 5)),  # noqa: DTZ001 - what is kept
        pl.Datetime("us"),
    ),
    "categories": (values(pl.Categorical(), "a", "b", None), pl.String()),
    "enums": (values(pl.Enum(["a", "b"]), "a"), pl.String()),
    "text": (values(pl.String(), "a"), pl.String()),
    "floats": (values(pl.Float64(), 0.1), pl.Float64()),
}
UNFIT = {
    "unsigned 64 bits": values(pl.UInt64(), 2**63),
    "128 bits": values(pl.Int128(), 2**63),
    "nanoseconds": values(pl.Datetime("ns", "UTC"), 1).with_columns(pl.col("v").cast(pl.Datetime("ns", "UTC"))),
}


@pytest.mark.parametrize("name", KEPT)
def test_values_are_kept_in_a_type_that_delta_has(name: str) -> None:
    frame, kind = KEPT[name]
    kept = to_delta(frame)
    assert kept.schema == {"v": kind}
    assert [*map(str, kept["v"].cast(pl.String))] == [*map(str, to_text(frame["v"], kind))]


@pytest.mark.parametrize("name", KEPT)
def test_any_other_asset_keeps_its_values_in_a_type_that_delta_has(name: str, tmp_path: Path) -> None:
    frame, kind = KEPT[name]
    kind = frame.schema["v"] if frame.schema["v"].is_decimal() else kind

    @dg.asset
    def returned() -> pl.DataFrame:
        return frame

    assert dg.materialize([returned], resources=lake_resources("io_manager", root=str(tmp_path))).success
    kept = Records(Lake(str(tmp_path))).snapshot("returned").scan().collect()
    assert kept.schema == {"v": kind}
    assert [*map(str, kept["v"].cast(pl.String))] == [*map(str, to_text(frame["v"], kind))]


def to_text(before: pl.Series, kind: pl.DataType) -> pl.Series:
    return before.cast(kind).cast(pl.String)


@pytest.mark.parametrize("name", UNFIT)
def test_values_that_no_type_of_delta_holds_are_refused_by_name(name: str) -> None:
    with pytest.raises(TypesUnfit, match="v \\(") as refused:
        to_delta(UNFIT[name])
    assert_in_three_sentences(str(refused.value))


@pytest.mark.parametrize(
    "made", [None, 1, "text", [1], {"day": []}, pl.Series([1]), date], ids=lambda made: type(made).__name__
)
def test_what_is_no_frame_is_refused(made: object) -> None:
    with pytest.raises(FrameUnknown, match="daily_orders") as refused:
        frame_of("daily_orders", made)
    assert_in_three_sentences(str(refused.value))


RETURNED: dict[str, tuple[Callable[[pl.LazyFrame], Any], type[BackfillAssetsError], str]] = {
    "floats": (lambda rows: summed(rows).with_columns(pl.col("revenue").cast(float)), MeasuresInexact, "revenue"),
    "text": (lambda rows: summed(rows).with_columns(pl.col("revenue").cast(str)), MeasuresInexact, "revenue"),
    "no measure": (lambda rows: summed(rows).drop("revenue"), ColumnsNotReturned, "revenue"),
    "no key": (lambda rows: summed(rows).drop("market"), ColumnsNotReturned, "market"),
    "no day": (lambda rows: summed(rows).drop("day"), ColumnsNotReturned, "day"),
    "a day of numbers": (lambda rows: summed(rows).with_columns(pl.col("day").dt.year()), BadInput, "day"),
    "a day of times within": (
        lambda rows: summed(rows).with_columns(pl.col("day").cast(pl.Datetime("us", "UTC")) + pl.duration(hours=7)),
        DaysFailed,
        "day",
    ),
    "a day that is tomorrow": (
        lambda rows: summed(rows).with_columns(pl.col("day").dt.offset_by("1y")),
        DaysFailed,
        "2027-01-05",
    ),
    "a day of text that is none": (lambda rows: summed(rows).with_columns(day=pl.lit("Monday")), BadInput, "day"),
    "nothing": (lambda rows: None, FrameUnknown, "nothing"),
}


@pytest.mark.dagster
@pytest.mark.parametrize("name", RETURNED)
def test_what_no_day_may_be_fails_the_first_write_with_nothing_written(name: str, lake: LakeResource) -> None:
    returned, error, culprit = RETURNED[name]

    def transform(orders_log: pl.LazyFrame) -> Any:
        return returned(orders_log)

    defs = location(named(transform))
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_days([dg.AssetKey("orders_log")], ALL).success
        ran = runner.run_days([dg.AssetKey("daily_orders")], ALL)
    assert isinstance(ran.refusal, error), ran.errors
    assert culprit in str(ran.refusal)
    assert "unexpected error" not in str(ran.refusal)
    assert_in_three_sentences(str(ran.refusal))
    assert not lake.records().exists("daily_orders")


# ---- what is no transform


def with_default(orders_log: pl.LazyFrame, rate: int = 2) -> pl.LazyFrame:
    return summed(orders_log, rate)


def with_the_rest(*frames: pl.LazyFrame) -> pl.LazyFrame:
    return frames[0]


def with_named_rest(**frames: pl.LazyFrame) -> pl.LazyFrame:
    return frames["orders_log"]


def by_position(orders_log: pl.LazyFrame, /) -> pl.LazyFrame:
    return orders_log


async def awaited(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log


def yielding(orders_log: pl.LazyFrame):
    yield orders_log


class Called:
    def __call__(self, orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log


exec("def unreadable(orders_log): return orders_log", made_here := {})

MISUSED: dict[str, tuple[Callable[[], Any], type[BadInput]]] = {
    "a second decorator": (lambda: named(dg.asset(lazily)), TransformUnusable),
    "the decorator twice": (lambda: named(named(lazily)), TransformUnusable),
    "an op": (lambda: named(dg.op(lazily)), TransformUnusable),
    "a partial": (lambda: named(functools.partial(with_default, rate=3)), TransformUnusable),
    "an object": (lambda: named(Called()), TransformUnusable),
    "a default": (lambda: named(with_default), TransformUnusable),
    "any number of sources": (lambda: named(with_the_rest), TransformUnusable),
    "any names of sources": (lambda: named(with_named_rest), TransformUnusable),
    "sources without names": (lambda: named(by_position), TransformUnusable),
    "a coroutine": (lambda: named(awaited), TransformUnusable),
    "a generator": (lambda: named(yielding), TransformUnusable),
    "a source that nobody can read": (
        lambda: correctable_asset(**{**DECLARED, "code_version": None})(made_here["unreadable"]),
        TransformUnusable,
    ),
    "without its arguments": (lambda: correctable_asset(lazily), TransformUnusable),
    "without keys": (lambda: correctable_asset(partitions_def=DAYS, measures=[])(lazily), ColumnsDeclaredWrongly),
    "without measures": (lambda: correctable_asset(partitions_def=DAYS, keys=[])(lazily), ColumnsDeclaredWrongly),
    "without partitions": (lambda: correctable_asset(keys=[], measures=[])(lazily), PartitionsIrregular),
    "an unknown option": (lambda: correctable_asset(**DECLARED, colour="red")(lazily), TransformUnusable),
    "no SQL": (lambda: correctable_sql("", name="a", sources=[], **declared()), TransformUnusable),
    "no SQL for Polars": (
        lambda: correctable_sql(" ", name="a", sources=[], engine="polars", **declared()),
        TransformUnusable,
    ),
    "SQL that is none": (lambda: correctable_sql("SELEC 1", name="a", sources=[], **declared()), TransformUnusable),
    "two queries": (
        lambda: correctable_sql("SELECT 1; SELECT 2", name="a", sources=[], **declared()),
        TransformUnusable,
    ),
    "SQL that writes": (lambda: correctable_sql("DROP TABLE a", name="a", sources=[], **declared()), TransformUnusable),
    "an engine that nobody has": (
        lambda: correctable_sql("SELECT 1", name="a", sources=[], engine="hive", **declared()),  # pyright: ignore[reportArgumentType]
        TransformUnusable,
    ),
    "an audit of what takes the context": (
        lambda: location(named(with_context), watch=[audit()]),
        AuditImpossible,
    ),
}


@pytest.mark.parametrize("name", MISUSED)
def test_what_is_no_transform_is_refused_at_load_in_a_sentence(name: str) -> None:
    make, error = MISUSED[name]
    with pytest.raises(error) as refused:
        make()
    assert_in_three_sentences(str(refused.value))


def test_annotations_that_are_text_are_read() -> None:
    def transform(orders_log: "pl.LazyFrame", config: "Factor", prices: "Prices") -> "pl.LazyFrame":
        return summed(orders_log, prices.price * config.times)

    taken = taken_by("any", transform)
    assert (taken.sources, taken.config, taken.resources) == (("orders_log",), "config", ("prices",))


@pytest.mark.dagster
def test_sql_reads_nothing_but_its_sources(lake: LakeResource, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("day,market,revenue\n2026-01-05,EU,1\n")
    sql = f"SELECT day, market, 1 AS revenue FROM read_csv('{tmp_path / 'other.csv'}')"
    defs = location(correctable_sql(sql, name="daily_orders", sources=["orders_log"], **declared()))
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_days([dg.AssetKey("orders_log")], ALL).success
        ran = runner.run_days([dg.AssetKey("daily_orders")], ALL)
    assert not ran.success
    assert not lake.records().exists("daily_orders")


def test_a_correctable_asset_is_called_with_frames_of_a_unit_test() -> None:
    rows = pl.DataFrame({"day": [FIRST, FIRST], "market": ["EU", "EU"]})
    assert named(with_config)(rows, config=Factor(times=3)).collect()["revenue"].to_list() == [600]
