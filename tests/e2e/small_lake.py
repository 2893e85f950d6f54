"""A lake with the real data of a short period, published without Dagster, and corrections taken through the runbook.

Days are written straight into the tables as nightly would, lineage included; the steps are the runbook's own.
"""

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from backfill_assets import runbook
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.orchestration.asset.surroundings import DagsterSurroundings
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wave import Wave
from backfill_assets.revenue import fixing_log, fixings, raw_log
from backfill_assets.revenue.schemas import FxRates
from backfill_assets.revenue.transforms import daily_revenue
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.validating import Validation
from backfill_assets.storage.builds import Build
from tests.composed import DAILY_REVENUE
from tests.landings import LandingAndLake
from tests.revenue.real_data import real_data
from tests.scenarios import KEY

NOW = datetime(2011, 12, 10, 6, tzinfo=UTC)
OPENED = datetime(2011, 12, 10, 8, tzinfo=UTC)
FACT = "fct_daily_revenue"
TABLE_KEYS = ["day", "currency", "country"]

Spoil = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class WithoutReaders(DagsterSurroundings):
    """A table's surroundings, of which nobody reads anything."""

    def publish(self, notice: Notice) -> str:
        return notice.name

    def publish_page(self, ctx: StepContext, event: Event) -> None:
        """There are no pages."""

    def around(self, ctx: StepContext) -> dict[str, StepContext]:
        return {}


@dataclass(frozen=True)
class SmallLake(LandingAndLake):
    """A landing and a lake below one folder."""

    def step_context(
        self, now: datetime = OPENED, actor: str = "ada", definition: TableDefinition = DAILY_REVENUE
    ) -> StepContext:
        """A ctx of the definition, with notices kept below the root."""
        records = self.records
        surroundings = WithoutReaders(records, definition.reports)
        return StepContext(records, definition.correctable_table, surroundings, actor, now)

    def live(self) -> pl.DataFrame:
        return self.records.snapshot(FACT).scan().collect().sort(TABLE_KEYS)


def real_lake(root: Path, days: Collection[date]) -> SmallLake:
    """The real data of some days, landed and published right."""
    lake = SmallLake(root)
    source = real_data()
    for folder in ("transactions", "fx", "ledger"):
        (lake.landing / folder).mkdir(parents=True)
    for day in days:
        shutil.copy(source / f"online_retail/transactions/{day}.parquet", lake.landing / "transactions")
    shutil.copy(source / "ecb/eurofxref-hist.csv", lake.landing / "fx")
    shutil.copy(source / "online_retail/ledger.csv", lake.landing / "ledger")
    ingest(lake, days)
    publish_rates(lake, days)
    publish(lake, days)
    return lake


def ingest(lake: SmallLake, days: Collection[date], at: datetime = NOW) -> None:
    """Bring what landed into the raw log."""
    raw_log.TRANSACTIONS.ingest(lake.records, lake.landing, days, KEY, at)
    fixing_log.ingest_fixings(lake.records, lake.landing, at)


def publish_rates(lake: SmallLake, days: Collection[date]) -> None:
    """Publish the rates in force."""
    known = lake.records.snapshot("raw_fixings").scan().collect()
    rates = FxRates.validate(fixings.rates_in_force(fixings.fixings_known(known), days))
    write(lake, "fx_rates", rates, days)


def publish(lake: SmallLake, days: Collection[date], spoil: Spoil = lambda rows: rows) -> None:
    """Publish the fact as nightly would, spoiled or not."""
    wave = DAILY_REVENUE.compute_spec.wave(lake.records, days)
    assert not wave.reasons, wave.reasons
    frame = spoil(pl.concat(wave.frames.values()))
    _write_built(lake, wave, frame, "")


def write(lake: SmallLake, table: str, frame: pl.DataFrame, days: Collection[date]) -> None:
    """Make the frame the whole content of the days of a table."""
    target = lake.records.table(table, frame.schema)
    target.create()
    target.replace_days({day: frame.filter(pl.col("day") == day) for day in days})


def stage(lake: SmallLake, plan: Plan, spoil: Spoil = lambda rows: rows, days: Collection[date] = ()) -> None:
    """Stage days of a correction (all unless told otherwise), spoiled or not."""
    wanted = sorted(days or plan.days)
    wave = DAILY_REVENUE.compute_spec.wave(lake.records, wanted, correction=plan.correction, pins=plan.pins)
    assert not wave.reasons, wave.reasons
    _write_built(lake, wave, spoil(pl.concat(wave.frames.values())), plan.correction)
    detail = {"days": [str(day) for day in wanted], "code_version": wave.code_version}
    lake.step_context().record(plan.correction, fact_of(Step.STAGE, Outcome.PROGRESSED, detail))


def prepared(lake: SmallLake, request: Request, spoil: Spoil = lambda rows: rows, at: datetime = OPENED) -> Plan:
    """A correction taken through its first four steps."""
    ctx = lake.step_context(at)
    plan = runbook.open_correction(ctx, request)
    runbook.freeze_reports(ctx, plan.correction)
    runbook.verify_source(ctx, plan.correction)
    runbook.reset_watermarks(ctx, plan.correction)
    stage(lake, plan, spoil)
    runbook.stage(ctx, plan.correction)
    return plan


def failed_checks(found: Validation) -> set[str]:
    """The names of the checks that failed."""
    return {check.name for check in found.failed}


def _write_built(lake: SmallLake, wave: Wave, frame: pl.DataFrame, correction: str) -> None:
    records = lake.records
    table = records.staged(FACT, correction, frame.schema) if correction else records.table(FACT, frame.schema)
    table.create()
    frames: Mapping[date, pl.DataFrame] = {day: frame.filter(pl.col("day") == day) for day in wave.frames}
    table.replace_days(frames)
    builds = [
        (file, Build(FACT, day, wave.inputs[day], wave.code_version, "", "", correction, NOW))
        for day, files in table.snapshot().files_of(list(frames)).items()
        for file in files
    ]
    records.builds.record(builds)


def with_rates_of_the_day_before(lake: SmallLake, window: Window) -> Spoil:
    """The fact as it would be had the FX join used the rate of the previous day."""
    raw = lake.records.snapshot("raw_transactions").scan(window.days)
    rates = lake.records.snapshot("fx_rates").scan().collect()
    late = rates.with_columns(pl.col("day") + ONE_DAY)
    wrong = daily_revenue(raw, late.filter(pl.col("day").is_in(list(window))).lazy())
    return lambda rows: pl.concat([rows.filter(~pl.col("day").is_in(list(window))), wrong])


def planted_lake(root: Path, window: Window, around: Window) -> SmallLake:
    """The real data, published with the rates of the day before in the window."""
    lake = real_lake(root, around.days)
    publish(lake, window.days, with_rates_of_the_day_before(lake, window))
    return lake
