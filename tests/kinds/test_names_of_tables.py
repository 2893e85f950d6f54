"""Assets whose keys end alike: two tables, two lineages, two corrections; the whole key names everything."""

import os
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.errors.setup import SourcesUnknown, TableNameUnfit, TablesAlike
from backfill_assets.orchestration.asset.siblings import CorrectableAsset, declaration_of
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import key_of, table_of
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.runbook import approve, open_correction
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.test_partitions import entered

pytestmark = pytest.mark.dagster

ALL = Window(date(2026, 1, 5), date(2026, 1, 18))
WRONG = Window(date(2026, 1, 7), date(2026, 1, 9))
DAYS = dg.DailyPartitionsDefinition(str(ALL.first))
WEEKS = dg.WeeklyPartitionsDefinition(str(ALL.first), day_offset=1)
KEPT = {"backfill_policy": dg.BackfillPolicy.single_run(), "io_manager_key": "lake_io_manager"}
PRICES = {"finance": 100, "marketing": 7}


def source(key: list[str], price: int = 1) -> dg.AssetsDefinition:
    @dg.asset(key=key, partitions_def=DAYS, **KEPT)
    def log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        wanted = pl.Series("day", context.partition_keys).str.to_date()
        return pl.DataFrame({"day": wanted, "price": price}, schema_overrides={"price": pl.Int64})

    return log


def correctable(read, **called) -> CorrectableAsset:
    @correctable_asset(
        partitions_def=DAYS, keys=["day"], measures=["revenue"], sources={"log": read}, code_version="v1", **called
    )
    def orders(log: pl.LazyFrame) -> pl.LazyFrame:
        return log.group_by("day").agg(revenue=pl.col("price").sum() * int(os.environ.get("TIMES", "1")))

    return orders


def report(prefix: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=[prefix, "weekly", "orders"],
        partitions_def=WEEKS,
        ins={"orders": dg.AssetIn([prefix, "orders"])},
        **KEPT,
    )
    def weekly(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())

    return weekly


def department(prefix: str) -> list[dg.Definitions]:
    log, made = source([prefix, "log"], PRICES[prefix]), report(prefix)
    orders = correctable(f"{prefix}/log", key_prefix=prefix)
    return [
        dg.Definitions(assets=[log, made]),
        build_correction_definitions(orders, sources=[log], reports=[made]),
    ]


def location() -> dg.Definitions:
    """Two departments that call everything the same."""
    lake = LakeResource()
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    both = [one for prefix in PRICES for one in department(prefix)]
    return dg.Definitions.merge(dg.Definitions(resources=resources), *both)


def sums(lake: LakeResource, table: str) -> dict[date, int]:
    return dict(lake.records().snapshot(table).scan().select("day", "revenue").collect().iter_rows())


def test_a_correction_of_one_of_two_that_end_alike_touches_nothing_of_the_other(tmp_path: Path):
    with entered(tmp_path) as lake, dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patched:
        defs = location()
        dg.Definitions.validate_loadable(defs)
        runner, tables = Runner(defs, instance), tables_in(defs)
        assert set(tables) == {"finance__orders", "marketing__orders"}
        for prefix in PRICES:
            for key in (["log"], ["orders"]):
                ran = runner.run_days([dg.AssetKey([prefix, *key])], ALL, {tags.PUBLISH: tags.PUBLISH_LIVE})
                assert ran.success, ran.errors
            assert runner.run_keys([dg.AssetKey([prefix, "weekly", "orders"])], "2026-01-05", "2026-01-12").success
        others = {table: lake.records().snapshot(table).commit for table in tables_below("marketing")}
        patched.setenv("TIMES", "2")
        definition = tables["finance__orders"]
        request = Request("finance__orders", WRONG, "wrong", ())
        plan = open_correction(definition.step_context(lake, "ada"), request)
        driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
        driver.drive(plan.correction)
        approve(definition.step_context(lake, "ada"), plan.correction, "looked")
        driver.drive(plan.correction)

        assert sums(lake, "finance__orders") == {day: 200 if day in WRONG else 100 for day in ALL}
        assert sums(lake, "finance__weekly__orders") == {ALL.first: 1000, date(2026, 1, 12): 700}
        assert sums(lake, "marketing__orders") == dict.fromkeys(ALL, 7)
        assert sums(lake, "marketing__weekly__orders") == dict.fromkeys((ALL.first, date(2026, 1, 12)), 49)
        assert {table: lake.records().snapshot(table).commit for table in tables_below("marketing")} == others
        assert {place.name for place in (tmp_path / "lake").iterdir()} == {
            "_control",
            *tables_below("finance"),
            *tables_below("marketing"),
        }
        built = lake.records().completeness
        for prefix in PRICES:
            assert built.tables_of(f"{prefix}__weekly__orders") == (f"{prefix}__orders",)
        progress = definition.step_context(lake, "ada").progress(plan.correction)
        assert set(progress.plan.reports) == {"finance__weekly__orders"}
        assert progress.plan.pins.keys() == {"finance__log"}


def tables_below(prefix: str) -> list[str]:
    return [f"{prefix}__{name}" for name in ("log", "orders", "weekly__orders")]


KEYS: dict[str, tuple[dict[str, object], str]] = {
    "a function": ({}, "orders"),
    "a prefix": ({"key_prefix": "finance"}, "finance__orders"),
    "a longer prefix": ({"key_prefix": ["eu", "finance"]}, "eu__finance__orders"),
    "a name": ({"name": "sales"}, "sales"),
    "a prefix and a name": ({"key_prefix": "finance", "name": "sales"}, "finance__sales"),
    "a key of one part": ({"key": "sales"}, "sales"),
    "a key as text": ({"key": "finance/sales"}, "finance__sales"),
    "a key as a list": ({"key": ["finance", "sales"]}, "finance__sales"),
    "a key": ({"key": dg.AssetKey(["finance", "sales"])}, "finance__sales"),
}


@pytest.mark.parametrize(("called", "table"), KEYS.values(), ids=KEYS)
def test_the_whole_key_names_the_table_its_sibling_its_steps_and_its_jobs(called: dict[str, object], table: str):
    made = correctable("log", **called)
    defs = build_correction_definitions(made, sources=[source(["log"])])
    assert declaration_of(made).table == table == table_of(made.key)
    assert declaration_of(made).staged_key == dg.AssetKey(["backfill", *made.key.path])
    resolved = [asset.key for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)]
    assert {made.key, declaration_of(made).staged_key, dg.AssetKey([f"{table}__correction", "stage"])} <= set(resolved)
    assert {one.name for one in [*(defs.jobs or ()), *(defs.sensors or ())] if not one.name.startswith(table)} == set()


@pytest.mark.parametrize(
    "given", ["finance/log", ["finance", "log"], ("finance", "log"), dg.AssetKey(["finance", "log"])]
)
def test_a_source_is_named_by_its_whole_key(given):
    made = correctable(given)
    assert declaration_of(made).compute_spec.sources == {"log": "finance__log"}
    assert key_of(given) in made.asset_deps[made.key]
    build_correction_definitions(made, sources=[source(["finance", "log"])])


def test_a_source_that_only_ends_like_the_parameter_is_not_it():
    with pytest.raises(SourcesUnknown, match="log") as caught:
        build_correction_definitions(correctable("log"), sources=[source(["finance", "log"])])
    assert_in_three_sentences(str(caught.value))


ALIKE = {
    "joined otherwise": (["finance__log"], ["finance", "log"]),
    "split elsewhere": (["a__b", "c"], ["a", "b__c"]),
    "other letters": (["Log"], ["log"]),
    "the table itself": (["orders"], ["log"]),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_two_keys_of_one_folder_are_refused_at_load(one: list[str], other: list[str]):
    called = {"key": "Orders"} if one == ["orders"] else {}
    with pytest.raises(TablesAlike, match=one[-1]) as caught:
        build_correction_definitions(correctable(other, **called), sources=[source(one), source(other)])
    assert_in_three_sentences(str(caught.value))


@pytest.mark.parametrize(
    "key", [["finance-eu", "orders"], ["a.b"], ["Umsätze"], ["_orders"], ["a b", "orders"]], ids=str
)
def test_a_key_that_cannot_name_a_folder_and_a_job_is_refused_at_load(key: list[str]):
    with pytest.raises(TableNameUnfit, match=key[0]) as caught:
        build_correction_definitions(correctable("log", key=key), sources=[source(["log"])])
    assert_in_three_sentences(str(caught.value))
