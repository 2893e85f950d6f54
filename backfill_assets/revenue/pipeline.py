"""What the revenue pipeline tells the builder: what landed and moved, how staged days are proven, what is shown."""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets import (
    LakeResource,
    NightlySpec,
    build_consumer_definitions,
    clock_told,
    now_utc,
    published_root,
    refresh_outputs,
)
from backfill_assets.checks import Check, Control, Evidence, control_totals
from backfill_assets.corrections import Event, Plan
from backfill_assets.lake import Records
from backfill_assets.revenue.assets import ENGINEERS, LandingResource, RevenueAssets
from backfill_assets.revenue.checks import prove_ledger, verify_sources
from backfill_assets.revenue.conversions import conversion_table
from backfill_assets.revenue.fixing_log import fixings_waiting
from backfill_assets.revenue.fixings import fixings_known, rates_in_force
from backfill_assets.revenue.pages.rendering import render_reports
from backfill_assets.revenue.partitions import covers, first_day
from backfill_assets.revenue.raw_log import RAW, TRANSACTIONS, notes
from backfill_assets.revenue.reconciling import reconcile_lake
from backfill_assets.revenue.sample import prove_sample
from backfill_assets.sources import DeltaLog, WaitingFile
from backfill_assets.watch import audit, freshness, reconcile


def source_totals(records: Records, plan: Plan) -> pl.DataFrame:
    """Transactions and native sum of each day and currency, as the source states them."""
    stated = TRANSACTIONS.stated(records, plan.days, plan.pins[RAW])
    return stated.rename({"rows": "transactions"})


def prove_control_totals(evidence: Evidence) -> Sequence[Check]:
    """Compare staged native amounts and counts, per day and currency, with what the source states."""
    measures = ("transactions", "amount")
    control = Control(source_totals(evidence.records, evidence.plan).lazy(), ("day", "currency"), measures)
    return [control_totals(evidence.staged.select("day", "currency", *measures), control, days=evidence.days)]


def landed_now() -> frozenset[date]:
    """The days for which a file lies in the landing, or was taken in and purged of it."""
    return TRANSACTIONS.landed(LandingResource().path(), LakeResource().records())


def waiting_now(records: Records) -> Sequence[WaitingFile]:
    """The files in the landing that take more back than they may without a person's decision."""
    zone = LandingResource()
    given = (records, zone.path(), zone.declaration())
    return (*TRANSACTIONS.waiting(*given), *fixings_waiting(*given))


def moved_days(records: Records, days: Collection[date]) -> frozenset[date]:
    """Those of the days whose landed file has changed, or whose rates in force are not those of ``fx_rates``."""
    files = TRANSACTIONS.moved(records, LandingResource().path(), days)
    if not days or not records.exists("raw_fixings") or not records.exists("fx_rates"):
        return files
    known = fixings_known(records.snapshot("raw_fixings").scan().collect())
    now = rates_in_force(known, days)
    used = records.snapshot("fx_rates").scan(days).select(now.columns).collect()
    # A rate that the law fixed and that the day does without is none that moved: nothing was traded at it.
    lacking = now.join(used, on=now.columns, how="anti").join(conversion_table(), on=["currency", "rate"], how="anti")
    differing = (lacking, used.join(now, on=now.columns, how="anti"))
    return files.union(*(side["day"] for side in differing))


def render(records: Records, folder: Path, pending: Event | None) -> Collection[str]:
    """Bring what people read in line; returns what could not be made, in sentences."""
    return render_reports(records, folder, pending).sentences


def nightly(made: RevenueAssets) -> NightlySpec:
    """What nightly publishes: what has landed, and what of it has moved since."""
    return NightlySpec(undated=made.undated, landed=landed_now, moved=moved_days, notes=notes, waiting=waiting_now)


def intraday(made: RevenueAssets) -> dg.Definitions:
    """The consumer that keeps revenue by hour, read from the raw log as it grows."""
    return build_consumer_definitions(made.intraday, log=DeltaLog(TRANSACTIONS), sources=made.sources)


def known_days() -> tuple[date, date | None]:
    """The first day that can be, and what stands in for the real day, where that is told.

    Raises:
        FirstDayUnreadable, FirstDayUnknown: when the first day cannot be told.
    """
    clock = clock_told()
    first = first_day(LakeResource(), LandingResource().path(), RAW)
    # Before anything has landed there is no day; tomorrow's definitions have it.
    return first or now_utc().date(), clock.date() if clock else None


LOADED = known_days()
VERIFY = (verify_sources,)
PROVE = (prove_control_totals, prove_sample, prove_ledger)
WATCH = (reconcile(reconcile_lake), audit(), freshness())


def days_now() -> tuple[date, date | None]:
    """The days of the definitions: those that they were loaded with, unless some that can be by now are lacking.

    Raises:
        FirstDayUnreadable, FirstDayUnknown: when the first day cannot be told.
    """
    known = known_days()
    return LOADED if covers(LOADED, known) else known


def beside(made: RevenueAssets, corrections: dg.Definitions) -> list[dg.AssetsDefinition]:
    """The assets that are not the fact and its corrections."""
    return [*made.sources, *made.undated, *made.reports, published_pages(corrections, made.reports)]


def published_pages(corrections: dg.Definitions, reports: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The asset that brings what people read in line, for whoever wants to see or to launch it."""

    @dg.asset(name="published_pages", deps=reports, group_name="reports", kinds={"html"}, owners=ENGINEERS)
    def pages(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
        """What people read: pages, workbooks and prints, as reports are now. Nightly and every step see to it too."""
        records = lake.records()
        rendered = render_reports(records, published_root())
        for sentence in refresh_outputs(corrections, records):
            context.log.warning(sentence)
        told = {"files_replaced": len(rendered.replaced), "folder": str(published_root())}
        return dg.MaterializeResult(metadata=told)

    return pages
