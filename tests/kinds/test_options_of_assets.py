"""Every argument of ``dagster.asset``, given to a correctable asset: passed on with effect, or refused by name."""

import inspect
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets import build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
ONE_RUN = dg.BackfillPolicy.single_run()

try:
    from dagster import FreshnessPolicy
except ImportError:  # until 1.12 it is a preview
    from dagster.preview.freshness import FreshnessPolicy

FRESH = FreshnessPolicy.time_window(fail_window=timedelta(days=1))
EAGER = dg.AutomationCondition.eager()
RETRY = dg.RetryPolicy(max_retries=1)
KEPT, READ = "lake_io_manager", ["orders_log", "rates"]


class Prices(dg.ConfigurableResource):
    price: int = 3


class Needed(dg.Config):
    rate: int
    unit: str = "EUR"


@dg.asset(partitions_def=DAYS, io_manager_key="lake_io_manager", backfill_policy=ONE_RUN)
def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date(), "market": "EU"})


def counted(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day", "market").agg(revenue=pl.len().cast(pl.Int64))


def made(function: Callable[..., Any] = counted, **options: Any) -> dg.AssetsDefinition:
    declared = {"partitions_def": DAYS, "keys": ["market"], "measures": ["revenue"], "name": "daily_orders"}
    return correctable_asset(**{**declared, **options})(function)


def located(function: Callable[..., Any] = counted, **options: Any) -> dg.Definitions:
    asset = made(function, **options)
    return dg.Definitions.merge(
        dg.Definitions(assets=[orders_log], resources={**lake_resources(), "rates": Prices()}),
        build_correction_definitions(asset, sources=[orders_log]),
    )


def spec(asset: dg.AssetsDefinition) -> dg.AssetSpec:
    (one,) = asset.specs
    return one


def read_by(asset: dg.AssetsDefinition) -> list[str]:
    return sorted(dep.asset_key.to_user_string() for dep in spec(asset).deps)


def taken_by(asset: dg.AssetsDefinition) -> set[str]:
    return set(asset.required_resource_keys)


# ---- passed on: what is given, what is looked at, and what that is of the live asset and of its staged sibling

PASSED: dict[str, tuple[dict[str, Any], Callable[[dg.AssetsDefinition], object], object, object]] = {
    "name": ({"name": "orders"}, lambda one: one.key.path, ["orders"], ["backfill", "orders"]),
    "key_prefix": (
        {"key_prefix": "eu"}, lambda one: one.key.path, ["eu", "daily_orders"], ["backfill", "eu", "daily_orders"],
    ),
    "key": ({"name": None, "key": ["eu"]}, lambda one: one.key.path, ["eu"], ["backfill", "eu"]),
    "description": ({"description": "Sold."}, lambda one: str(spec(one).description).split()[0], "Sold.", "Recomputes"),
    "metadata": ({"metadata": {"a": 1}}, lambda one: spec(one).metadata["a"], 1, 1),
    "tags": ({"tags": {"a": "b"}}, lambda one: spec(one).tags["a"], "b", "b"),
    "owners": ({"owners": ["team:eu"]}, lambda one: spec(one).owners, ["team:eu"], ["team:eu"]),
    "kinds": ({"kinds": {"sql"}}, lambda one: spec(one).kinds, {"sql"}, {"sql"}),
    "group_name": ({"group_name": "eu"}, lambda one: spec(one).group_name, "eu", "backfill"),
    "code_version": ({"code_version": "7"}, lambda one: spec(one).code_version, "7", "7"),
    "deps": ({"deps": ["rates"]}, read_by, READ, READ),
    "partitions_def": ({"partitions_def": DAYS}, lambda one: one.partitions_def, DAYS, DAYS),
    "backfill_policy": ({"backfill_policy": ONE_RUN}, lambda one: one.backfill_policy, ONE_RUN, ONE_RUN),
    "automation_condition": ({"automation_condition": EAGER}, lambda one: spec(one).automation_condition, EAGER, None),
    "freshness_policy": ({"freshness_policy": FRESH}, lambda one: spec(one).freshness_policy, FRESH, None),
    "op_tags": ({"op_tags": {"cpu": "2"}}, lambda one: one.op.tags["cpu"], "2", "2"),
    "pool": ({"pool": "eu"}, lambda one: one.op.pool, "eu", "backfill"),
    "retry_policy": ({"retry_policy": RETRY}, lambda one: one.op.retry_policy, RETRY, RETRY),
    "required_resource_keys": ({"required_resource_keys": {"rates"}}, lambda one: "rates" in taken_by(one), True, True),
    "io_manager_key": ({"io_manager_key": KEPT}, lambda one: KEPT in taken_by(one), True, True),
    "output_required": ({"output_required": True}, lambda one: one.op.output_defs[0].is_required, True, True),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSED)
def test_an_option_is_passed_on_with_effect(name: str) -> None:
    options, seen, of_live, of_staged = PASSED[name]
    live = made(**options)
    built = build_correction_definitions(live, sources=[orders_log]).assets or ()
    (staged,) = (one for one in built if isinstance(one, dg.AssetsDefinition) and one.key.path[0] == "backfill")
    assert (seen(live), seen(staged)) == (of_live, of_staged)


# ---- passed on: what it does in the runs that publish and stage

HEARD: list[str] = []


@dg.success_hook
def hearing(context: dg.HookContext) -> None:
    HEARD.append(context.op.name)


def taking_context(orders_log: pl.LazyFrame, context: dg.AssetExecutionContext) -> pl.LazyFrame:
    HEARD.append(f"config {context.op_execution_context.op_config}")
    return counted(orders_log)


def taking_prices(orders_log: pl.LazyFrame, prices: Prices) -> pl.LazyFrame:
    HEARD.append(f"price {prices.price}")
    return counted(orders_log)


def taking_rates(orders_log: pl.LazyFrame, context: dg.AssetExecutionContext) -> pl.LazyFrame:
    HEARD.append(f"rate {context.resources.rates.price}")
    return counted(orders_log)


HAS_DEFAULT = {"rate": dg.Field(int, default_value=7)}
RUN: dict[str, tuple[Callable[..., Any], dict[str, Any], set[str]]] = {
    "hooks": (counted, {"hooks": {hearing}}, {"daily_orders", "backfill__daily_orders"}),
    "config_schema": (taking_context, {"config_schema": HAS_DEFAULT}, {"config {'rate': 7}"}),
    "resource_defs": (taking_prices, {"resource_defs": {"prices": Prices(price=5)}}, {"price 5"}),
    "required_resource_keys": (taking_rates, {"required_resource_keys": {"rates"}}, {"rate 3"}),
}


@pytest.mark.dagster
@pytest.mark.parametrize("name", RUN)
def test_an_option_has_its_effect_when_days_are_published_and_staged(name: str, tmp_path: Path) -> None:
    function, options, expected = RUN[name]
    HEARD.clear()
    lake = TestLake(tmp_path, located(function, **options), now="2026-01-10T06:00:00+00:00")
    lake.publish("2026-01-05", "2026-01-06")
    published = set(HEARD)
    lake.plant("2026-01-05", "2026-01-06", lambda rows: rows.with_columns(pl.col("revenue") + 1))
    HEARD.clear()
    lake.correct("2026-01-05", "2026-01-06", reason="Counted twice.").to_gate()
    assert published | set(HEARD) == expected
    assert HEARD


# ---- tried again: the days that an earlier try has published are left alone

TRIES: list[int] = []


def failing_at_first(orders_log: pl.LazyFrame, context: dg.AssetExecutionContext) -> pl.LazyFrame:
    rows = orders_log.collect()
    TRIES.append(rows.height)
    if context.op_execution_context.retry_number == 0 and date(2026, 1, 7) in rows["day"].to_list():
        message = "the warehouse is away"
        raise RuntimeError(message)
    return counted(rows.lazy())


@pytest.mark.dagster
def test_a_run_that_is_tried_again_publishes_the_days_that_failed_and_leaves_the_others_alone(tmp_path: Path) -> None:
    lake = TestLake(tmp_path, located(failing_at_first, retry_policy=RETRY), now="2026-02-10T06:00:00+00:00")
    TRIES.clear()
    lake.publish("2026-01-05", "2026-01-09")
    assert lake.rows("daily_orders")["day"].to_list() == [date(2026, 1, day) for day in range(5, 10)]
    assert TRIES[-1] == 1  # the day that failed, and no other


@pytest.mark.dagster
def test_a_run_that_fails_at_every_try_says_why(tmp_path: Path) -> None:
    def failing(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        rows = orders_log.collect()
        if date(2026, 1, 7) in rows["day"].to_list():
            message = "the warehouse is away"
            raise RuntimeError(message)
        return counted(rows.lazy())

    lake = TestLake(tmp_path, located(failing, retry_policy=RETRY), now="2026-02-10T06:00:00+00:00")
    with pytest.raises(BackfillAssetsError, match="the warehouse is away"):
        lake.publish("2026-01-05", "2026-01-09")
    assert lake.rows("daily_orders")["day"].to_list() == [date(2026, 1, day) for day in (5, 6, 8, 9)]


# ---- refused


def taking_needed(orders_log: pl.LazyFrame, config: Needed) -> pl.LazyFrame:
    return orders_log.with_columns(rate=config.rate)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "ins": (
        {"ins": {"orders_log": dg.AssetIn(["raw", "orders"])}},
        "Write sources=dict(orders_log='raw/orders') in its place",
    ),
    "ins with a prefix": ({"ins": {"orders_log": dg.AssetIn(key_prefix="raw")}}, "orders_log='raw/orders_log'"),
    "ins that map nothing": ({"ins": {"orders_log": "raw"}}, "by sources"),
    "check_specs": ({"check_specs": [dg.AssetCheckSpec("total", asset="daily_orders")]}, "dg.asset_check"),
    "dagster_type": ({"dagster_type": dg.Int}, "schema"),
    "io_manager_def": ({"io_manager_def": dg.FilesystemIOManager()}, "io_manager_def"),
    "io_manager_key of another": ({"io_manager_key": "warehouse"}, "io_manager_key"),
    "output_required that is not": ({"output_required": False}, "empty frame"),
    "is_virtual": ({"is_virtual": True}, "is_virtual"),
    "resource_defs with a lake": ({"resource_defs": lake_resources()}, "lake and lake_io_manager"),
    "config_schema without defaults": ({"config_schema": {"rate": int}}, "rate"),
    "a config without defaults": ({"function": taking_needed}, "rate"),
    "an unknown option": ({"colour": "red"}, "colour"),
    "auto_materialize_policy": ({"auto_materialize_policy": "eager"}, "automation_condition"),
    "compute_kind": ({"compute_kind": "polars"}, "kinds"),
    "non_argument_deps": ({"non_argument_deps": {"rates"}}, "deps"),
    "compute_fn": ({"compute_fn": counted}, "compute_fn"),
    "kwargs": ({"kwargs": {"name": "orders"}}, "kwargs"),
    "a retry policy that is none": ({"retry_policy": 3}, "retry_policy"),
    "a pool that is none": ({"pool": 3}, "pool"),
    "tags that are none": ({"tags": {"a b": "c"}}, "a b"),
    "a backfill policy that is none": ({"backfill_policy": 3}, "backfill_policy"),
    "an automation condition that is none": ({"automation_condition": "eager"}, "automation_condition"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_cannot_work_here_is_refused_at_load_in_a_sentence(name: str) -> None:
    options, told = REFUSED[name]
    with pytest.raises(TransformUnusable) as refused:
        located(**options)
    assert_in_three_sentences(str(refused.value))
    assert told in str(refused.value)


def test_every_argument_of_an_asset_is_a_case() -> None:
    cases = {name.split()[0] for name in (*PASSED, *RUN, *REFUSED)}
    assert set(inspect.signature(dg.asset).parameters) <= cases
