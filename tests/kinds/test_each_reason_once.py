"""Many days fail for one reason: it is told once, with all the days, wherever what failed is told."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets import NightlySpec, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.command_line import app
from backfill_assets.core import facts
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import PREPARATION, Stuck, next_step
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import Outcome
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.correction import SourceDayMissing
from backfill_assets.errors.failure import DaysFailed, Failure, failure_of
from backfill_assets.errors.runs import NightlyIncomplete, ReportsFailed, SweepIncomplete
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.testing import TestLake
from tests.foreign.project import commanded

NOW = datetime(2026, 4, 10, 6, tzinfo=UTC)
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(90)]


def missing(days: list[date]) -> Mapping[date, Failure]:
    """A reason that names the day that it is of."""
    return {day: failure_of(SourceDayMissing("orders_log", day), "The day") for day in days}


def away(days: list[date]) -> Mapping[date, Failure]:
    """A reason that names none."""
    return dict.fromkeys(days, failure_of(RuntimeError("the warehouse is away"), "The day"))


def stuck(reasons: Mapping[date, Failure]) -> str:
    """What is said of a correction whose days have failed as often as they may."""
    request = Request("daily_orders", Window(DAYS[0], DAYS[-1]), "wrong", origin="launched")
    failed = facts.DaysFailed({day: str(why) for day, why in reasons.items()})
    verified = [fact_of(step, Outcome.DONE, {"reports": []}) for step in PREPARATION]
    told = [*verified, *[failed] * request.waves.attempts]
    events = [Event("20260410", fact, NOW, "ada", "", number) for number, fact in enumerate(told, 1)]
    step = next_step(fold(Plan("20260410", request, NOW, "ada"), events), NOW)
    assert isinstance(step, Stuck)
    return step.reason


REASONS: dict[str, tuple[Callable[[list[date]], Mapping[date, Failure]], str]] = {
    "each day's own name in it": (missing, "Materialize orders_log"),
    "the same words": (away, "the warehouse is away"),
}
TOLD: dict[str, Callable[[Mapping[date, Failure]], str]] = {
    "a wave": lambda why: str(DaysFailed("daily_orders", why, 0)),
    "a nightly": lambda why: str(NightlyIncomplete("daily_orders", {**why})),
    "reports that follow a consumer": lambda why: str(ReportsFailed("daily_orders", {**why})),
    "a sweep": lambda why: str(
        SweepIncomplete("daily_orders", {str(day): BackfillAssetsError(one.message) for day, one in why.items()})
    ),
    "a correction that is stuck": stuck,
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("told", TOLD)
def test_a_reason_of_many_days_is_told_once_with_how_many_they_are(told: str, reason: str) -> None:
    make, words = REASONS[reason]
    text = TOLD[told](make(DAYS))
    assert text.count(words) == 1, text
    assert "2026-01-05, 2026-01-06, 2026-01-07, 2026-01-08, 2026-01-09 and 85 more" in text


# ---- a night on which every day fails, by command

PARTITIONS = dg.DailyPartitionsDefinition("2026-01-05")


@dg.asset(partitions_def=PARTITIONS, io_manager_key="lake_io_manager", backfill_policy=dg.BackfillPolicy.single_run())
def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date(), "market": "EU"})


@correctable_asset(partitions_def=PARTITIONS, keys=["market"], measures=["revenue"])
def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    message = "the warehouse is away"
    raise RuntimeError(message)


class AwayLocation(ModuleType):
    """A code location whose transform always fails."""

    defs = dg.Definitions.merge(
        dg.Definitions(assets=[orders_log], resources=lake_resources()),
        build_correction_definitions(daily_orders, sources=[orders_log], nightly=NightlySpec()),
    )


@pytest.mark.dagster
def test_a_night_on_which_every_day_fails_tells_the_reason_once(tmp_path: Path) -> None:
    location = AwayLocation("away_location")
    vars(location)["defs"] = AwayLocation.defs
    lake = TestLake(tmp_path, location.defs, now="2026-01-25T06:00:00+00:00")
    with commanded(location), lake.entered():
        told = CliRunner().invoke(app, ["nightly", "--json"])
        text = CliRunner().invoke(app, ["nightly"])

    answer = json.loads([line for line in told.stdout.splitlines() if line.startswith("{")][-1])
    days = [str(date(2026, 1, 5) + timedelta(days=number)) for number in range(20)]
    (reason,) = answer["reasons"]
    assert (answer["failed"], reason["of"], reason["error"]) == (days, days, "Unforeseen")
    assert (answer["message"], answer["message"].count("the warehouse is away")) == (reason["message"], 1)
    assert text.stdout.count("the warehouse is away") == 1
    assert "2026-01-05, 2026-01-06, 2026-01-07, 2026-01-08, 2026-01-09 and 15 more" in text.stdout


# ---- what is refused at last is refused at first: the look-back is of the table's grain at both places


def test_the_running_month_is_within_the_look_back_of_days_when_it_is_written_too(tmp_path: Path) -> None:
    months = dg.MonthlyPartitionsDefinition("2025-12-01")

    @correctable_asset(partitions_def=months, keys=["market"], measures=["revenue"], look_back_days=3)
    def monthly_orders(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date(), "market": "EU", "revenue": 1})

    defs = dg.Definitions.merge(
        dg.Definitions(resources=lake_resources()), build_correction_definitions(monthly_orders)
    )
    lake = TestLake(tmp_path, defs, now="2026-02-02T06:00:00+00:00")
    with lake.entered():
        for _ in range(2):
            ran = lake.runner.run_keys([monthly_orders.key], "2026-01-01", "2026-01-01", MARKED)
            assert ran.success, ran.errors
        early = lake.runner.run_keys([monthly_orders.key], "2025-12-01", "2025-12-01", MARKED)
        assert early.success, early.errors
        again = lake.runner.run_keys([monthly_orders.key], "2025-12-01", "2025-12-01", MARKED)
    assert "it looks back to 2026-01-30 only" in str(again.refusal)
