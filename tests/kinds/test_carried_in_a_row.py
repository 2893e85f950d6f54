"""A table that carries state and reads another correctable one: corrected together, alone, with nightly going on."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets import (
    DeltaLakeIOManager,
    LakeResource,
    NightlySpec,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.orchestration.asset.lateness import stale_days
from backfill_assets.testing import TestCorrection, TestLake
from tests.kinds.carrying import DAILY, STATE

pytestmark = pytest.mark.dagster

DAYS = DAILY.partitions
FACTOR = [1]


def location() -> dg.Definitions:
    """Payments, the amounts that are made of them, and the balance that carries these on."""
    told: Any = {"partitions_def": DAYS, "keys": ["account"]}

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="lake_io_manager")
    def payments() -> None: ...

    @correctable_asset(**told, measures=["amount"], code_version="v1")
    def amounts(payments: pl.LazyFrame) -> pl.LazyFrame:
        return payments.with_columns(pl.col("amount") * FACTOR[0])

    @correctable_asset(**told, measures=["balance"], carries_state={"before": STATE})
    def balances(amounts: pl.LazyFrame, before: pl.LazyFrame) -> pl.LazyFrame:
        paid = amounts.select("day", "account", balance="amount")
        kept = before.with_columns(pl.col("day").dt.offset_by("1d"))
        return pl.concat([paid, kept]).group_by("day", "account").agg(pl.col("balance").sum())

    lake = LakeResource()
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    return dg.Definitions.merge(
        dg.Definitions(assets=[payments], resources=resources),
        build_correction_definitions(amounts, sources=[payments], nightly=NightlySpec()),
        build_correction_definitions(balances, sources=[amounts]),
    )


@pytest.fixture
def lake(tmp_path: Path) -> TestLake:
    """Eight days, of which the amounts of all are counted twice, and the balances with them."""
    FACTOR[0] = 1
    lake = TestLake(tmp_path / "lake", location(), now=DAILY.at(7))
    land(lake, 0, 7)
    FACTOR[0] = 2
    lake.publish(DAILY.slot(0), DAILY.slot(7), table="amounts")
    lake.publish(DAILY.slot(0), DAILY.slot(7), table="balances")
    FACTOR[0] = 1
    assert balances(lake) == [20 * number for number in range(1, 9)]
    return lake


def land(lake: TestLake, first: int, last: int) -> None:
    rows = [(day, account, 10) for day in DAILY.slots(first, last) for account in ("a", "b")]
    schema = {"day": pl.Date, "account": pl.String, "amount": pl.Int64}
    lake.write("payments", pl.DataFrame(rows, schema, orient="row"))


def balances(lake: TestLake) -> list[int]:
    return lake.rows("balances").filter(pl.col("account") == "a").sort("day")["balance"].to_list()


def sound(lake: TestLake) -> bool:
    return not stale_days(lake.definition("balances"), lake.records, lake.records.days("balances"))


def corrected(lake: TestLake, first: int, last: int, **fields: Any) -> TestCorrection:
    return lake.correct(DAILY.slot(first), DAILY.slot(last), table="amounts", reason="Counted twice.", **fields)


def test_a_few_days_of_a_table_are_corrected_together_with_all_that_carries_them_on(lake: TestLake) -> None:
    correction = corrected(lake, 3, 4, downstream=["balances"])
    follower = lake.correction(f"{correction.id}-2")
    assert follower.progress.plan.days == DAILY.slots(3, 7)
    correction.through()
    assert balances(lake) == [20, 40, 60, 70, 80, 100, 120, 140]
    assert sound(lake)
    correction.roll_back()
    assert balances(lake) == [20 * number for number in range(1, 9)]
    assert sound(lake)


def test_what_is_published_meanwhile_of_the_one_that_carries_state_is_staged_before_its_swap(lake: TestLake) -> None:
    correction = corrected(lake, 0, 7, downstream=["balances"])
    correction.to_gate()
    correction.approve()
    land(lake, 8, 8)
    lake.now = DAILY.at(8)
    lake.publish(DAILY.slot(8), DAILY.slot(8), table="amounts")
    lake.publish(DAILY.slot(8), DAILY.slot(8), table="balances")
    assert balances(lake)[8] == 170
    correction.through()
    assert balances(lake) == [10 * number for number in range(1, 10)]
    assert sound(lake)


def test_corrected_alone_the_other_names_every_day_that_carries_on_what_changed(lake: TestLake) -> None:
    correction = corrected(lake, 3, 4)
    correction.through()
    stale = stale_days(lake.definition("balances"), lake.records, lake.records.days("balances"))
    assert tuple(stale) == DAILY.slots(3, 7)
