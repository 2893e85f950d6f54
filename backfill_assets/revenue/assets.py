"""The example pipeline as Dagster assets: raw log, rates, the fact, and three reports."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from backfill_assets import (
    IO_MANAGER,
    CorrectableAsset,
    DaysFailed,
    FixedResource,
    LakeResource,
    begin_report,
    correctable_asset,
    days_of_run,
    place,
    source_version,
    validated,
)
from backfill_assets.revenue import fixing_log, fixings, landing, reports, transforms
from backfill_assets.revenue.partitions import days_since, months_since
from backfill_assets.revenue.raw_log import RAW, TRANSACTIONS
from backfill_assets.revenue.schemas import (
    FACT_KEY,
    HOURLY_KEY,
    BoardPack,
    ExecutiveDashboard,
    FctDailyRevenue,
    FinanceReconciliationExport,
    FxRates,
    IntradayRevenue,
)
from backfill_assets.sources import MOST_WITHDRAWN, WHOLE_DAY, Declaration, declared, token_keys

FACT = "fct_daily_revenue"
IN_ONE_RUN = dg.BackfillPolicy.single_run()
TRAILING = dg.TimeWindowPartitionMapping(start_offset=1 - reports.TRAILING_DAYS)
ENGINEERS, FINANCE = ["team:data-engineering"], ["team:finance"]


class LandingResource(FixedResource):
    """Where upstream drops its files, and what it declares about them.

    Empty takes ``BACKFILL_LANDING`` or ``data/landing``; ``BACKFILL_LANDED_FILES``, which is ``whole-day`` (what a
    day's changed file no longer holds is withdrawn) or ``addition``; and ``BACKFILL_MOST_WITHDRAWN``, the share of what
    is known that a file may take back without a person's word, else 10%.
    """

    root: str = ""
    files: str = ""
    most_withdrawn: str = ""

    def path(self) -> Path:
        """The root of the landing."""
        return Path(place(self.root, "BACKFILL_LANDING", "data/landing"))

    def declaration(self) -> Declaration:
        """What the source declares about its files.

        Raises:
            DeclarationUnknown: when it declares something else than can be.
        """
        return declared(
            self.files or os.environ.get("BACKFILL_LANDED_FILES") or WHOLE_DAY,
            self.most_withdrawn or os.environ.get("BACKFILL_MOST_WITHDRAWN") or MOST_WITHDRAWN,
        )


def raw_transactions(
    context: dg.AssetExecutionContext, lake: LakeResource, landing_zone: LandingResource
) -> dg.MaterializeResult:
    """The raw log: every transaction of every file that ever landed, append-only, kept for ever.

    Customers are stored as tokens, and the vault knows whose they are. The same file again is a no-op, a changed one is
    a new arrival; what it no longer holds is withdrawn, unless the source declares its files to be additions.
    """
    days = days_of_run(context)
    declaration = landing_zone.declaration()
    done = TRANSACTIONS.ingest(lake.records(), landing_zone.path(), days, token_keys(), lake.now(), declaration)
    if there := {*done.arrived, *done.known}:
        lake.records().first_days.note(RAW, min(there), lake.now())
    told = {"rows_appended": done.rows, "arrivals": len(done.arrived), "files_known_already": len(done.known)}
    told |= _noted(context, done.notes)
    if done.reasons:
        for day in sorted({*done.arrived, *done.known}):
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=str(day), metadata=told))
        raise DaysFailed("raw_transactions", done.reasons, len(days) - len(done.reasons))
    return dg.MaterializeResult(metadata=told)


def raw_fixings(
    context: dg.AssetExecutionContext, lake: LakeResource, landing_zone: LandingResource
) -> dg.MaterializeResult:
    """The ECB's euro fixings as a log of what each published file said anew, append-only, kept for ever.

    Not partitioned: every file that lands tells of all days at once, and is one arrival. What a file leaves out stays.
    """
    done = fixing_log.ingest_fixings(lake.records(), landing_zone.path(), lake.now(), landing_zone.declaration())
    return dg.MaterializeResult(metadata={"rows_appended": done.rows, **_noted(context, done.notes)})


def fx_rates(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
    """The rate in force per day and currency, units per EUR.

    The fixing of the day, or of the last day on which any was published, at most seven days before; of a currency that
    the euro has replaced, the rate that the law fixed.
    """
    known = lake.records().snapshot("raw_fixings").scan().collect()
    rates = fixings.rates_in_force(fixings.fixings_known(known), days_of_run(context))
    return validated(FxRates.validate, rates)


def fct_daily_revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """Revenue per day, currency and country, in the customer's currency and in USD, exact to the last digit."""
    return transforms.daily_revenue(raw_transactions, fx_rates)


def intraday_revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """Revenue by hour, kept from the raw log minutes after anything arrives there, at the rates of its day."""
    return transforms.hourly_revenue(raw_transactions, fx_rates)


def executive_dashboard(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
    """Revenue of the day with its trailing seven-day mean, so that a corrected day changes the six after it too."""
    run = begin_report(context, lake)
    fact = run.records.snapshot(FACT)
    published = fact.days & _with_days_before(run.days, reports.TRAILING_DAYS - 1)
    return validated(
        ExecutiveDashboard.validate, reports.executive_dashboard(fact.scan(published), published, run.days)
    )


def finance_reconciliation_export(
    context: dg.AssetExecutionContext, lake: LakeResource, landing_zone: LandingResource
) -> pl.DataFrame:
    """Our revenue of the day beside finance's ledger: the difference, and why there is one."""
    run = begin_report(context, lake)
    fact = run.records.snapshot(FACT).scan(run.days)
    landing.keep_ledger(run.records, landing_zone.path(), lake.now())
    ledger = landing.read_ledger(landing_zone.path())
    return validated(
        FinanceReconciliationExport.validate, reports.finance_reconciliation_export(fact, ledger, run.days)
    )


def board_pack(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
    """The month per currency, with the number of its days that are published."""
    run = begin_report(context, lake)
    fact = run.records.snapshot(FACT)
    published = frozenset(day for day in fact.days if day.replace(day=1) in run.days)
    return validated(BoardPack.validate, reports.board_pack(fact.scan(published), published, run.days))


def _noted(context: dg.AssetExecutionContext, notes: Collection[str]) -> dict[str, str]:
    """What a person should know of what landed, as a warning of the run and as metadata."""
    for note in notes:
        context.log.warning(note)
    return {"notes": "\n\n".join(notes)} if notes else {}


def _with_days_before(days: Collection[date], before: int) -> frozenset[date]:
    return frozenset(day - timedelta(days=offset) for day in days for offset in range(before + 1))


@dataclass(frozen=True)
class RevenueAssets:
    """The assets of the pipeline, over the same days."""

    undated: tuple[dg.AssetsDefinition, ...]
    sources: tuple[dg.AssetsDefinition, ...]
    fact: CorrectableAsset
    intraday: CorrectableAsset
    reports: tuple[dg.AssetsDefinition, ...]


def revenue_assets(first: date, today: date | None) -> RevenueAssets:
    """The pipeline as assets since a first day, by day but for the board's pack, which is by month.

    ``today`` stands in for the real day, where it is given.
    """
    days, months = days_since(first, today), months_since(first, today)
    by_day = {"partitions_def": days, "backfill_policy": IN_ONE_RUN, "owners": ENGINEERS}
    raw = dg.asset(**by_day, group_name="raw", kinds={"deltalake", "parquet"})(raw_transactions)
    undated = dg.asset(group_name="raw", owners=ENGINEERS, kinds={"deltalake", "csv"})(raw_fixings)
    rates = dg.asset(
        **by_day, deps=[undated], group_name="rates", kinds={"deltalake", "polars"}, io_manager_key=IO_MANAGER
    )(fx_rates)
    correctable = {
        "partitions_def": days,
        "measures": ["transactions", "amount", "revenue_usd"],
        "code_version": source_version(transforms),
        "group_name": "revenue",
        "owners": ENGINEERS,
    }
    fact = correctable_asset(keys=FACT_KEY, schema=FctDailyRevenue, **correctable)(fct_daily_revenue)
    hourly = correctable_asset(keys=HOURLY_KEY, schema=IntradayRevenue, **correctable)(intraday_revenue)
    return RevenueAssets((undated,), (raw, rates), fact, hourly, _reports(fact, days, months))


def _reports(
    live: dg.AssetsDefinition, days: dg.DailyPartitionsDefinition, months: dg.MonthlyPartitionsDefinition
) -> tuple[dg.AssetsDefinition, ...]:
    """What people read, each with those who answer for it."""
    trailing = dg.AssetDep(live, partition_mapping=TRAILING)
    made = (
        (executive_dashboard, days, trailing, ["team:exec-ops"]),
        (finance_reconciliation_export, days, live, FINANCE),
        (board_pack, months, live, ["team:board-prep"]),
    )
    return tuple(
        dg.asset(
            partitions_def=partitions,
            deps=[read],
            backfill_policy=IN_ONE_RUN,
            group_name="reports",
            owners=owners,
            kinds={"deltalake", "polars"},
            io_manager_key=IO_MANAGER,
        )(report)
        for report, partitions, read, owners in made
    )
