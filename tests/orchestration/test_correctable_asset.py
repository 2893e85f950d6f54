"""What ``correctable_asset`` makes goes wherever Dagster takes an asset, and is called with frames in a unit test."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.errors.setup import AssetNotCorrectable
from backfill_assets.orchestration.asset.siblings import declaration_of
from backfill_assets.orchestration.asset.table_definition import tables_in

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
KEPT = {"partitions_def": DAYS, "io_manager_key": "lake_io_manager"}
DAY = date(2026, 1, 5)


@dg.asset(**KEPT)
def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    wanted = pl.Series("day", context.partition_keys).str.to_date()
    return pl.DataFrame({"day": wanted, "market": "EU", "price": 100})


@correctable_asset(partitions_def=DAYS, keys=["day", "market"], measures=["revenue"])
def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day", "market").agg(revenue=pl.col("price").sum())


@dg.asset(deps=[daily_orders], **KEPT)
def report(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
    wanted = [date.fromisoformat(key) for key in context.partition_keys]
    return lake.records().snapshot("daily_orders").scan(wanted).collect()


@dg.asset_check(asset=daily_orders)
def some_rows(lake: LakeResource) -> dg.AssetCheckResult:
    rows = lake.records().snapshot("daily_orders").scan().collect().height
    return dg.AssetCheckResult(passed=rows > 0, metadata={"rows": rows})


def in_group(spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(group_name="orders")


def mapped(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    return asset.map_asset_specs(in_group)


def with_policy(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    return asset.with_attributes(backfill_policy=dg.BackfillPolicy.multi_run(3))


def resources(root) -> dict[str, object]:
    lake = LakeResource(root=str(root))
    return {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}


@pytest.mark.parametrize("lazy", [True, False])
def test_it_is_called_with_frames_by_name_and_by_place_without_any_run(lazy):
    log = pl.DataFrame({"day": [DAY, DAY], "market": ["EU", "EU"], "price": [100, 20]})
    given = log.lazy() if lazy else log
    for made in (daily_orders(orders_log=given), daily_orders(given)):
        assert made.collect().rows() == [(DAY, "EU", 120)]


def test_it_is_materialized_depended_on_and_checked_like_any_asset(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        ran = dg.materialize(
            [orders_log, daily_orders, some_rows, report],
            instance=instance,
            resources=resources(tmp_path),
            partition_key=str(DAY),
        )
        assert ran.success
        assert [check.passed for check in ran.get_asset_check_evaluations()] == [True]
    rows = LakeResource(root=str(tmp_path)).records().snapshot("report").scan().collect()
    assert rows.select("market", "revenue").rows() == [("EU", 100)]


@pytest.mark.parametrize("remade", [mapped, with_policy])
def test_what_dagster_makes_of_it_is_still_correctable(remade):
    defs = build_correction_definitions(remade(daily_orders), sources=[orders_log], reports=[report])
    table = tables_in(defs)["daily_orders"]
    assert table.declaration is declaration_of(daily_orders)
    assert table.correctable_table.measures == ("revenue",)


def test_its_table_is_found_in_definitions_that_dagster_has_made_others_of():
    ours = build_correction_definitions(daily_orders, sources=[orders_log], reports=[report])
    merged = dg.Definitions.merge(dg.Definitions(assets=[orders_log, report]), ours)
    assert tables_in(merged).keys() == tables_in(merged.map_asset_specs(func=in_group)).keys() == {"daily_orders"}
    assert not tables_in(dg.Definitions(assets=[orders_log, report, dg.AssetSpec("outside")]))


def test_two_code_locations_of_one_process_keep_their_own_definitions():
    first, second = (
        tables_in(build_correction_definitions(daily_orders, rollback_days=kept))["daily_orders"] for kept in (7, 21)
    )
    assert (first.rollback_days, second.rollback_days) == (7, 21)


def test_an_asset_of_another_making_or_another_name_is_refused():
    renamed = daily_orders.with_attributes(asset_key_replacements={daily_orders.key: dg.AssetKey(["eu", "orders"])})
    for asset, why in ((orders_log, "was not made by correctable_asset"), (renamed, "was declared as daily_orders")):
        with pytest.raises(AssetNotCorrectable, match=why):
            build_correction_definitions(asset)
