"""The revenue pipeline put together: what is published nightly, what is corrected, and how that is proven."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets import (
    LakeResource,
    NightlySpec,
    Pipeline,
    TableDefinition,
    build_table_definition,
    clock_told,
    now_utc,
    published_root,
)
from backfill_assets.checks import Check, Control, Evidence, control_totals
from backfill_assets.corrections import Consumers, Plan
from backfill_assets.lake import Records
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.assets import ENGINEERS, LandingResource, RevenueAssets, revenue_assets
from backfill_assets.revenue.audiences import AUDIENCES
from backfill_assets.revenue.conversions import conversion_table
from backfill_assets.revenue.declared import WHOLE_DAY
from backfill_assets.revenue.fixings import fixings_known, rates_in_force
from backfill_assets.revenue.landing import landed_days
from backfill_assets.revenue.ledger_checks import prove_ledger
from backfill_assets.revenue.pages.rendering import render_reports
from backfill_assets.revenue.partitions import covers, days_since, first_day, months_since
from backfill_assets.revenue.sample import prove_sample
from backfill_assets.revenue.source_checks import verify_sources
from backfill_assets.revenue.watching import watching_definitions
from backfill_assets.revenue.withdrawals import waiting
from backfill_assets.sources import WaitingFile

STATED = pl.Schema({"day": pl.Date(), "currency": pl.String(), "stated": pl.Decimal(38, 4)})


def source_totals(records: Records, plan: Plan) -> pl.DataFrame:
    """Transactions and native sum of each day and currency, as the source states them.

    Sums are those that the manifest wrote down when the file arrived that holds the whole day: the only one, or the
    latest where it was declared to. Where later arrivals are additions both are added up from the raw rows.
    """
    known = raw_log.arrivals(records, plan.pins[raw_log.RAW]).filter(pl.col("day").is_in(list(plan.days)))
    last = known.filter(pl.col("arrival") == pl.col("arrival").max().over("day"))
    whole = last.filter((pl.col("arrival") == 1) | (pl.col("declared") == WHOLE_DAY))
    rows = [
        {"day": row["day"], "currency": currency, "stated": Decimal(total)}
        for row in whole.iter_rows(named=True)
        for currency, total in json.loads(row["totals"]).items()
    ]
    raw = records.snapshot(raw_log.RAW, plan.pins[raw_log.RAW]).scan(plan.days)
    is_whole = pl.col("day").is_in(list(whole["day"]))
    of_whole = raw.filter(is_whole, pl.col("amount").is_not_null())
    if not whole.filter(pl.col("arrival") > 1).is_empty():
        of_whole = of_whole.join(whole.lazy().select("day", "arrival"), on=["day", "arrival"], how="semi")
    latest = raw.filter(~is_whole).sort("arrival").unique(["day", "transaction_id"], keep="last")
    counting = latest.filter(pl.col("amount").is_not_null())
    added = pl.concat([_added_up(of_whole), _added_up(counting)]).collect(engine="streaming")
    both = pl.DataFrame(rows, schema=STATED).join(added, on=["day", "currency"], how="full", coalesce=True)
    amount = pl.when(is_whole).then(pl.col("stated").fill_null(0)).otherwise("amount")
    return both.select("day", "currency", pl.col("transactions").fill_null(0), amount.alias("amount"))


def _added_up(raw: pl.LazyFrame) -> pl.LazyFrame:
    counted = {"transactions": pl.len().cast(pl.Int64), "amount": pl.col("amount").cast(pl.Decimal(38, 4)).sum()}
    return raw.group_by("day", "currency").agg(**counted)


def prove_control_totals(evidence: Evidence) -> Sequence[Check]:
    """Hold staged native amounts and counts, per day and currency, against what the source states."""
    measures = ("transactions", "amount")
    control = Control(source_totals(evidence.records, evidence.plan).lazy(), ("day", "currency"), measures)
    return [control_totals(evidence.staged.select("day", "currency", *measures), control, days=evidence.days)]


def landed_now() -> frozenset[date]:
    """The days for which a file lies in the landing."""
    return landed_days(LandingResource().path())


def waiting_now(records: Records) -> Sequence[WaitingFile]:
    """The files in the landing that take more back than they may without a person's decision."""
    zone = LandingResource()
    return waiting(records, zone.path(), zone.declaration())


def moved_days(records: Records, days: Collection[date]) -> frozenset[date]:
    """Those of the days whose landed file has changed, or whose rates in force are not those of ``fx_rates``."""
    files = raw_log.changed_days(records, LandingResource().path(), days)
    if not days or not records.exists("raw_fixings") or not records.exists("fx_rates"):
        return files
    known = fixings_known(records.snapshot("raw_fixings").scan().collect())
    now = rates_in_force(known, days)
    used = records.snapshot("fx_rates").scan(days).select(now.columns).collect()
    # A rate that the law fixed and that the day does without is none that moved: nothing was traded at it.
    lacking = now.join(used, on=now.columns, how="anti").join(conversion_table(), on=["currency", "rate"], how="anti")
    differing = (lacking, used.join(now, on=now.columns, how="anti"))
    return files.union(*(side["day"] for side in differing))


@dataclass(frozen=True, eq=False)
class Revenue:
    """The pipeline, composed over the days from a first one."""

    assets: RevenueAssets
    definition: TableDefinition
    nightly: Pipeline


@lru_cache(maxsize=4)
def revenue_since(first: date, today: date | None) -> Revenue:
    """The pipeline over the days from ``first``; ``today`` stands in for the real day, where it is given."""
    assets = revenue_assets(days_since(first, today), months_since(first, today))
    definition = build_table_definition(
        assets.fact,
        sources=assets.sources,
        reports=assets.reports,
        verify=(verify_sources,),
        prove=(prove_control_totals, prove_sample, prove_ledger),
        consumers=Consumers(audiences=AUDIENCES, has_nightly=True),
        render=lambda records, folder, pending: render_reports(records, folder, pending).sentences,
    )
    nightly = NightlySpec(
        undated=assets.undated, landed=landed_now, moved=moved_days, notes=raw_log.notes, waiting=waiting_now
    )
    return Revenue(assets, definition, nightly.pipeline(definition, assets.sources))


def known_days() -> tuple[date, date | None]:
    """The first day that can be, and what stands in for the real day, where that is told.

    Raises:
        FirstDayUnreadable, FirstDayUnknown: when the first day cannot be told.
    """
    clock = clock_told()
    first = first_day(LakeResource(), LandingResource().path(), raw_log.RAW)
    # Before anything has landed there is no day; tomorrow's definitions have it.
    return first or now_utc().date(), clock.date() if clock else None


REVENUE = revenue_since(*known_days())
DAILY_REVENUE, NIGHTLY = REVENUE.definition, REVENUE.nightly
SOURCES, REPORTS = REVENUE.assets.sources, REVENUE.assets.reports


def revenue_now() -> Revenue:
    """The pipeline over the days that can be by now: as it was loaded, unless that lacks some of them.

    Raises:
        FirstDayUnreadable, FirstDayUnknown: when the first day cannot be told.
    """
    first, today = known_days()
    return REVENUE if covers(REVENUE.definition.partitions_def, first, today) else revenue_since(first, today)


def published_pages(definition: TableDefinition, reports: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The asset that brings what people read in line, for whoever wants to see or to launch it."""

    @dg.asset(name="published_pages", deps=reports, group_name="reports", kinds={"html"}, owners=ENGINEERS)
    def pages(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
        """What people read: pages, workbooks and prints, as reports are now. Nightly and every step see to it too."""
        records = lake.records()
        rendered = render_reports(records, published_root())
        for sentence in definition.refresh_outputs(records):
            context.log.warning(sentence)
        told = {"files_replaced": len(rendered.replaced), "folder": str(published_root())}
        return dg.MaterializeResult(metadata=told)

    return pages


def pipeline_definitions(revenue: Revenue) -> dg.Definitions:
    """Everything of the example but what the builder makes around its fact."""
    made = revenue.assets
    pages = published_pages(revenue.definition, made.reports)
    assets = dg.Definitions(assets=[*made.sources, *made.undated, *made.reports, pages])
    return dg.Definitions.merge(assets, watching_definitions(revenue.definition))
