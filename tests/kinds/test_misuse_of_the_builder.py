"""Whatever is given to the builder, or named as the code location, that cannot be: refused at load in a sentence.

The next case is one line. Each ends with what the sentence must name.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import date, time, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets import (
    BadInput,
    DeltaLakeIOManager,
    LakeResource,
    NightlyDue,
    NightlySpec,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.command_line.session import Session
from backfill_assets.errors.code_location import (
    DefinitionsFailed,
    DefinitionsMissing,
    DefinitionsUnclear,
    LakeMissing,
    NoTableCorrectable,
    ResourceMissing,
)
from backfill_assets.errors.executing import ExecutorUnknown
from backfill_assets.errors.setup import (
    ArgumentUnusable,
    AssetNotCorrectable,
    ColumnsDeclaredWrongly,
    PartitionsIrregular,
    ReportUnreachable,
    SourcesUnknown,
)
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.watch import audit, freshness, reconcile
from tests.e2e.test_bad_input import assert_in_three_sentences

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
STATIC = dg.StaticPartitionsDefinition(["EU", "US"])
DYNAMIC = dg.DynamicPartitionsDefinition(name="markets")
MULTI = dg.MultiPartitionsDefinition({"day": DAYS, "market": STATIC})
KEPT: dict[str, Any] = {"partitions_def": DAYS, "io_manager_key": "lake_io_manager"}
DECLARED: dict[str, Any] = {"partitions_def": DAYS, "keys": ["market"], "measures": ["revenue"], "code_version": "v1"}


@dg.asset(**KEPT)
def orders_log() -> pl.DataFrame:
    raise NotImplementedError


@dg.asset(**KEPT)
def report(daily_orders: pl.LazyFrame) -> pl.LazyFrame:
    return daily_orders


@dg.asset(**KEPT)
def unrelated() -> pl.DataFrame:
    raise NotImplementedError


def summed(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day", "market").agg(revenue=pl.len().cast(pl.Int64))


def made(**declared: Any) -> dg.AssetsDefinition:
    return correctable_asset(**{**DECLARED, "name": "daily_orders", **declared})(summed)


SPEC = dg.AssetSpec("orders_log", partitions_def=DAYS)
EXTERNAL = dg.AssetsDefinition(specs=[SPEC])

# ---- what the builder is given

GIVEN: dict[str, tuple[dict[str, Any], type[BadInput], str]] = {
    "a spec as a source": ({"sources": [SPEC]}, ArgumentUnusable, "orders_log"),
    "a key as a source": ({"sources": [dg.AssetKey("orders_log")]}, ArgumentUnusable, "orders_log"),
    "text as a source": ({"sources": ["orders_log"]}, ArgumentUnusable, "orders_log"),
    "a function as a source": ({"sources": [summed]}, ArgumentUnusable, "summed"),
    "a source without a list": ({"sources": orders_log}, ArgumentUnusable, "orders_log"),
    "text for sources": ({"sources": "orders_log"}, ArgumentUnusable, "orders_log"),
    "nothing for sources": ({"sources": None}, ArgumentUnusable, "None"),
    "nothing among sources": ({"sources": [None]}, ArgumentUnusable, "None"),
    "definitions as a source": ({"sources": [dg.Definitions()]}, ArgumentUnusable, "Definitions"),
    "sources in a mapping": ({"sources": {"orders_log": orders_log}}, ArgumentUnusable, "dict"),
    "a source that is not read": ({"sources": [unrelated]}, SourcesUnknown, "orders_log"),
    "a source twice": ({"sources": [orders_log, orders_log]}, ArgumentUnusable, "orders_log"),
    "a spec as a report": ({"reports": [dg.AssetSpec("report")]}, ArgumentUnusable, "report"),
    "a key as a report": ({"reports": [dg.AssetKey("report")]}, ArgumentUnusable, "report"),
    "text as a report": ({"reports": ["report"]}, ArgumentUnusable, "report"),
    "a report without a list": ({"reports": report}, ArgumentUnusable, "report"),
    "nothing for reports": ({"reports": None}, ArgumentUnusable, "None"),
    "a report twice": ({"reports": [report, report]}, ArgumentUnusable, "report"),
    "a report that reads it not": ({"reports": [unrelated]}, ReportUnreachable, "unrelated"),
    "a source that is a report too": ({"reports": [report, orders_log]}, ArgumentUnusable, "orders_log"),
    "the table as a report of itself": ({"reports": [made()]}, ArgumentUnusable, "daily_orders"),
    "the table as a source of itself": ({"sources": [orders_log, made()]}, ArgumentUnusable, "daily_orders"),
    "an external asset as a report": (
        {"reports": [dg.AssetsDefinition(specs=[dg.AssetSpec("report", deps=["daily_orders"], partitions_def=DAYS)])]},
        ArgumentUnusable,
        "report",
    ),
    "an executor that is none": ({"executor": "threads:2"}, ExecutorUnknown, "The executor of daily_orders"),
    "an executor of one process": ({"executor": "processes:1"}, ExecutorUnknown, "processes:1"),
    "an executor as a number": ({"executor": 4}, ArgumentUnusable, "4"),
    "no days to roll back": ({"rollback_days": 0}, ArgumentUnusable, "0"),
    "fewer than no days": ({"rollback_days": -1}, ArgumentUnusable, "-1"),
    "half a day": ({"rollback_days": 0.5}, ArgumentUnusable, "0.5"),
    "days as text": ({"rollback_days": "14"}, ArgumentUnusable, "'14'"),
    "days as a truth": ({"rollback_days": True}, ArgumentUnusable, "True"),
    "days as nothing": ({"rollback_days": None}, ArgumentUnusable, "None"),
    "more days than a calendar has": ({"rollback_days": 10**9}, ArgumentUnusable, "1000000000"),
    "a proof that is text": ({"prove": ["totals"]}, ArgumentUnusable, "'totals'"),
    "a proof without a list": ({"prove": summed}, ArgumentUnusable, "summed"),
    "a look that is text": ({"verify": ["looks"]}, ArgumentUnusable, "'looks'"),
    "nothing for verify": ({"verify": None}, ArgumentUnusable, "None"),
    "a watch that is text": ({"watch": ["audit"]}, ArgumentUnusable, "'audit'"),
    "a watch without a list": ({"watch": audit()}, ArgumentUnusable, "audit"),
    "a watch that was not called": ({"watch": [audit]}, ArgumentUnusable, "audit"),
    "freshness that was not called": ({"watch": [freshness]}, ArgumentUnusable, "freshness"),
    "a reconciliation that was not called": ({"watch": [reconcile]}, ArgumentUnusable, "reconcile"),
    "a watch twice": ({"watch": [audit(), audit()]}, ArgumentUnusable, "audit"),
    "nightly as a truth": ({"nightly": True}, ArgumentUnusable, "True"),
    "nightly as a class": ({"nightly": NightlySpec}, ArgumentUnusable, "NightlySpec"),
    "nightly as a schedule": ({"nightly": "15 2 * * *"}, ArgumentUnusable, "'15 2 * * *'"),
    "a schedule of nightly that is none": ({"nightly": NightlySpec(cron="at two")}, ArgumentUnusable, "at two"),
    "a time as when nightly is due": ({"nightly": NightlySpec(due=time(6, 30))}, ArgumentUnusable, "time"),  # pyright: ignore[reportArgumentType]
    "a deadline as text": ({"nightly": NightlySpec(due=NightlyDue("06:30"))}, ArgumentUnusable, "06:30"),  # pyright: ignore[reportArgumentType]
    "a deadline in a zone of its own": (
        {"nightly": NightlySpec(due=NightlyDue(time(6, 30, tzinfo=timezone(timedelta(hours=2)))))},
        ArgumentUnusable,
        "without a zone",
    ),
    "a deadline with a day to spare": (
        {"nightly": NightlySpec(due=NightlyDue(time(6, 30), timedelta(days=1)))},
        ArgumentUnusable,
        "less than a day",
    ),
    "a deadline with nothing to spare": (
        {"nightly": NightlySpec(due=NightlyDue(time(6, 30), timedelta(0)))},
        ArgumentUnusable,
        "less than a day",
    ),
    "a spec as an input of nightly": ({"nightly": NightlySpec(inputs=[SPEC])}, ArgumentUnusable, "orders_log"),  # pyright: ignore[reportArgumentType]
    "text as what nightly refreshes": ({"nightly": NightlySpec(undated=["x"])}, ArgumentUnusable, "'x'"),  # pyright: ignore[reportArgumentType]
    "days as what has landed": ({"nightly": NightlySpec(landed=[date(2026, 1, 5)])}, ArgumentUnusable, "list"),  # pyright: ignore[reportArgumentType]
    "holders as text": ({"holders": "exports"}, ArgumentUnusable, "'exports'"),
    "a holder that is none": ({"holders": [1]}, ArgumentUnusable, "1"),
    "audiences as text": ({"audiences": ["finance"]}, ArgumentUnusable, "'finance'"),
    "a place to render to": ({"render": "published"}, ArgumentUnusable, "'published'"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_what_the_builder_cannot_use_is_refused_at_load_in_a_sentence(name: str) -> None:
    given, error, culprit = GIVEN[name]
    told = refused(error, lambda: build_correction_definitions(made(), **{"sources": [orders_log], **given}))
    assert culprit in told


# ---- what it is given as the asset, and what that was declared with


@dg.asset(partitions_def=DAYS)
def plain() -> None: ...


@dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("other")])
def several():
    yield from ()


STATE = {"market": pl.String, "revenue": pl.Int64}
ASSETS: dict[str, tuple[Callable[[], Any], type[BadInput], str]] = {
    "nothing at all": (build_correction_definitions, ArgumentUnusable, "nothing"),
    "None": (lambda: build_correction_definitions(None), ArgumentUnusable, "nothing"),
    "a plain asset": (lambda: build_correction_definitions(plain), AssetNotCorrectable, "plain"),
    "several assets": (lambda: build_correction_definitions(several), AssetNotCorrectable, "one"),
    "a spec": (lambda: build_correction_definitions(SPEC), ArgumentUnusable, "orders_log"),  # pyright: ignore[reportArgumentType]
    "an external asset": (lambda: build_correction_definitions(EXTERNAL), AssetNotCorrectable, "orders_log"),
    "a function": (lambda: build_correction_definitions(summed), ArgumentUnusable, "summed"),  # pyright: ignore[reportArgumentType]
    "a list of assets": (lambda: build_correction_definitions([made()]), ArgumentUnusable, "list"),  # pyright: ignore[reportArgumentType]
    "its name": (lambda: build_correction_definitions("daily_orders"), ArgumentUnusable, "daily_orders"),  # pyright: ignore[reportArgumentType]
    "the decorator without a function": (
        lambda: build_correction_definitions(correctable_asset(**DECLARED)),  # pyright: ignore[reportArgumentType]
        ArgumentUnusable,
        "function",
    ),
    "its definitions": (
        lambda: build_correction_definitions(dg.Definitions(assets=[made()])),  # pyright: ignore[reportArgumentType]
        ArgumentUnusable,
        "Definitions",
    ),
    "static partitions": (lambda: made(partitions_def=STATIC), PartitionsIrregular, "fixed names"),
    "dynamic partitions": (lambda: made(partitions_def=DYNAMIC), PartitionsIrregular, "added as it runs"),
    "partitions of two dimensions": (lambda: made(partitions_def=MULTI), PartitionsIrregular, "daily_orders"),
    "no partitions": (lambda: made(partitions_def=None), PartitionsIrregular, "daily_orders"),
    "partitions as text": (lambda: made(partitions_def="daily"), PartitionsIrregular, "daily_orders"),
    "a class of partitions": (
        lambda: made(partitions_def=dg.DailyPartitionsDefinition),
        PartitionsIrregular,
        "daily_orders",
    ),
    "keys as text": (lambda: made(keys="market"), ColumnsDeclaredWrongly, "market"),
    "keys as a number": (lambda: made(keys=1), ColumnsDeclaredWrongly, "1"),
    "measures as a mapping": (lambda: made(measures={"revenue": "sum"}), ColumnsDeclaredWrongly, "revenue"),
    "a day that is no name": (lambda: made(day=1), ColumnsDeclaredWrongly, "1"),
    "a day without a name": (lambda: made(day=""), ColumnsDeclaredWrongly, "''"),
    "the day as a measure": (lambda: made(day="at", measures=["at"]), ColumnsDeclaredWrongly, "at"),
    "a schema that validates nothing": (lambda: made(schema="strict"), TransformUnusable, "schema"),
    "a schema of Polars": (lambda: made(schema=pl.Schema({"day": pl.Date})), TransformUnusable, "schema"),
    "sources as a list": (lambda: made(sources=["orders_log"]), TransformUnusable, "sources"),
    "an asset as a source": (lambda: made(sources={"orders_log": orders_log}), TransformUnusable, "orders_log"),
    "a spec as its source": (lambda: made(sources={"orders_log": SPEC}), TransformUnusable, "orders_log"),
    "a source of no parameter": (lambda: made(sources={"orders": "orders_log"}), TransformUnusable, "orders"),
    "a code version that is a number": (lambda: made(code_version=1), TransformUnusable, "code_version"),
    "days to look back at as text": (lambda: made(look_back_days="3"), TransformUnusable, "look_back_days"),
    "fewer than no days to look back at": (lambda: made(look_back_days=-1), TransformUnusable, "look_back_days"),
    "no days a run": (lambda: made(days_per_run=0), TransformUnusable, "days_per_run"),
    "days a run as text": (lambda: made(days_per_run="15"), TransformUnusable, "days_per_run"),
    "a name with a hyphen": (lambda: made(name="daily-orders"), BadInput, "daily-orders"),
    "a key and a prefix": (lambda: made(key=["a", "b"], key_prefix="c"), TransformUnusable, "key_prefix"),
    "a key that is a number": (lambda: made(key=1), TransformUnusable, "key"),
    "metadata as text": (lambda: made(metadata="x"), TransformUnusable, "metadata"),
    "dependencies as text": (lambda: made(deps="orders_log"), TransformUnusable, "deps"),
    "the inputs of Dagster": (lambda: made(ins={"orders_log": dg.AssetIn("raw_orders")}), TransformUnusable, "sources"),
    "state in no parameter": (lambda: made(carries_state="before"), TransformUnusable, "'before'"),
    "state without columns": (lambda: made(carries_state="orders_log"), TransformUnusable, "which columns orders_log"),
    "state of no columns": (lambda: made(carries_state={"orders_log": {}}), TransformUnusable, "which columns"),
    "state as a list": (lambda: made(carries_state=["orders_log"]), TransformUnusable, "list"),
    "state as a truth": (lambda: made(carries_state=True), TransformUnusable, "True"),
    "state in two parameters": (lambda: made(carries_state={"a": STATE, "b": STATE}), TransformUnusable, "dict"),
    "a column of state of no type": (
        lambda: made(carries_state={"orders_log": {"revenue": "int"}}), TransformUnusable, "revenue as 'int'",
    ),
    "a list carried as state": (
        lambda: made(carries_state={"orders_log": {"prices": pl.List(pl.Int64)}}), TransformUnusable, "prices",
    ),
    "state that is a source too": (
        lambda: made(carries_state={"orders_log": STATE}, sources={"orders_log": "a"}), TransformUnusable, "orders_log",
    ),
    "the table as a source of itself, by its name": (
        lambda: made(sources={"orders_log": "daily_orders"}), BadInput, "carries_state",
    ),
    "an option that Dagster refuses": (lambda: made(owners=["not an owner"]), TransformUnusable, "owner"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASSETS)
def test_what_is_no_correctable_asset_is_refused_at_load_in_a_sentence(name: str) -> None:
    make, error, culprit = ASSETS[name]
    assert culprit in refused(error, make)


# ---- the code location


def located(*parts: Any, **resources: Any) -> dg.Definitions:
    there = {"lake": LakeResource(), "lake_io_manager": DeltaLakeIOManager(lake=LakeResource()), **resources}
    given = {name: one for name, one in there.items() if one is not None}
    return dg.Definitions.merge(dg.Definitions(assets=[orders_log], resources=given), *parts)


def corrections() -> dg.Definitions:
    return build_correction_definitions(made(), sources=[orders_log])


RAISING = "raise RuntimeError('no such host: warehouse')"
IMPORTING = "import no_such_package_of_anybody"
LOCATIONS: dict[str, tuple[Callable[[], dict[str, Any]] | str, str, type[BadInput], str]] = {
    "two sets of definitions": (
        lambda: {"one": located(corrections()), "other": dg.Definitions()}, "shop", DefinitionsUnclear, "one, other",
    ),
    "no module": ({}.copy, "no.such.module", DefinitionsMissing, "no.such.module"),
    "no definitions": (lambda: {"answer": 42}, "shop", DefinitionsMissing, "shop"),
    "an attribute that is not there": (lambda: {"defs": located()}, "shop:other", DefinitionsMissing, "shop:other"),
    "an attribute that is none": (lambda: {"defs": 42}, "shop:defs", DefinitionsMissing, "shop:defs"),
    "an attribute that is an asset": (lambda: {"defs": orders_log}, "shop:defs", DefinitionsMissing, "shop:defs"),
    "an attribute that takes arguments": (lambda: {"defs": summed}, "shop:defs", DefinitionsMissing, "shop:defs"),
    "a function that fails": (lambda: {"load_definitions": failing}, "shop", DefinitionsFailed, "RuntimeError"),
    "a module that raises": (RAISING, "shop_that_raises", DefinitionsFailed, "no such host"),
    "a module that exits": ("raise SystemExit(3)", "shop_that_exits", DefinitionsFailed, "SystemExit"),
    "a module that is no Python": ("def :", "shop_of_nonsense", DefinitionsFailed, "SyntaxError"),
    "a module that imports what is not there": (
        IMPORTING, "shop_that_imports", DefinitionsFailed, "no_such_package_of_anybody",
    ),
    "no correctable table": (lambda: {"defs": located()}, "shop", NoTableCorrectable, "build_correction_definitions"),
    "no lake": (lambda: {"defs": located(corrections(), lake=None)}, "shop", LakeMissing, "lake"),
    "a lake that is a path": (lambda: {"defs": located(corrections(), lake="data/lake")}, "shop", LakeMissing, "lake"),
    "a lake of another name": (
        lambda: {"defs": located(corrections(), lake=None, storage=LakeResource())}, "shop", LakeMissing, "storage",
    ),
    "no IO manager": (
        lambda: {"defs": located(corrections(), lake_io_manager=None)}, "shop", ResourceMissing, "lake_io_manager",
    ),
    "an IO manager of another name": (
        lambda: {"defs": located(corrections(), lake_io_manager=None, io=DeltaLakeIOManager(lake=LakeResource()))},
        "shop",
        ResourceMissing,
        "io",
    ),
    "no resources": (lambda: {"defs": corrections()}, "shop", LakeMissing, "lake"),
    "an asset given twice": (
        lambda: {"defs": located(corrections(), corrections())}, "shop", DefinitionsFailed, "daily_orders",
    ),
    "an asset of the same key": (
        lambda: {"defs": located(corrections(), dg.Definitions(assets=[other_log()]))},
        "shop",
        DefinitionsFailed,
        "orders_log",
    ),
    "a resource that nobody gave": (
        lambda: {"defs": located(corrections(), dg.Definitions(assets=[needing()]))},
        "shop",
        ResourceMissing,
        "warehouse",
    ),
}  # fmt: skip


def other_log() -> dg.AssetsDefinition:
    return dg.asset(name="orders_log", partitions_def=DAYS)(lambda: None)


def needing() -> dg.AssetsDefinition:
    return dg.asset(name="needing", required_resource_keys={"warehouse"})(lambda context: None)


def failing() -> dg.Definitions:
    raise RuntimeError("no such host")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for variable in ("BACKFILL_LAKE", "BACKFILL_LANDING", "BACKFILL_PUBLISHED", "DAGSTER_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


@pytest.mark.dagster
@pytest.mark.parametrize("name", LOCATIONS)
def test_a_code_location_that_cannot_work_is_refused_before_anything_is_done(
    name: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, named, error, culprit = LOCATIONS[name]
    if isinstance(written, str):
        (shop / f"{named}.py").write_text(written, encoding="utf-8")
    else:
        module = ModuleType("shop")
        vars(module).update(written())
        monkeypatch.setitem(sys.modules, "shop", module)
    monkeypatch.setenv("BACKFILL_DEFINITIONS", named)
    assert culprit in refused(error, lambda: (Session().tables, Session().lake, Session().runner))


def refused(error: type[BadInput], make: Callable[[], Any]) -> str:
    with pytest.raises(error) as caught:
        make()
    assert_in_three_sentences(str(caught.value))
    return str(caught.value)


# ---- what looks strange and works

WORKING: dict[str, dict[str, Any]] = {
    "an asset that is made elsewhere": {"sources": [EXTERNAL]},
    "no sources": {"sources": []},
    "tuples": {"sources": (orders_log,), "reports": (report,), "watch": (audit(), freshness(3))},
    "a day to roll back": {"rollback_days": 1},
    "further looks and proofs": {"verify": [summed], "prove": [summed]},
}


@pytest.mark.parametrize("name", WORKING)
def test_what_only_looks_strange_is_taken(name: str) -> None:
    made_of_it = build_correction_definitions(made(), **{"sources": [orders_log], **WORKING[name]})
    lake = LakeResource()
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    dg.Definitions.validate_loadable(dg.Definitions.merge(dg.Definitions(resources=resources), made_of_it))
