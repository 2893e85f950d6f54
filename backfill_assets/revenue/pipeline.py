"""The revenue pipeline put together: what is published nightly, what is corrected, and how that is proven."""

import json
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.plan import Plan
from backfill_assets.core.proofs import Control, control_totals
from backfill_assets.orchestration.build import build_office
from backfill_assets.orchestration.desks import published_root
from backfill_assets.orchestration.pipeline import Pipeline
from backfill_assets.orchestration.resources import LakeResource
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.assets import (
    ENGINEERS,
    LandingResource,
    board_pack,
    executive_dashboard,
    fct_daily_revenue,
    finance_reconciliation_export,
    fx_rates,
    raw_fixings,
    raw_transactions,
)
from backfill_assets.revenue.conversions import conversion_table
from backfill_assets.revenue.declared import WHOLE_DAY
from backfill_assets.revenue.fixings import fixings_known, rates_in_force
from backfill_assets.revenue.landing import landed_days
from backfill_assets.revenue.ledger_checks import prove_ledger
from backfill_assets.revenue.pages.rendering import render_reports
from backfill_assets.revenue.sample import prove_sample
from backfill_assets.revenue.source_checks import verify_sources
from backfill_assets.revenue.watching import watching_definitions
from backfill_assets.runbook import Evidence
from backfill_assets.storage.records import Records

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


REPORTS = (executive_dashboard, finance_reconciliation_export, board_pack)
SOURCES = (raw_transactions, fx_rates)
DAILY_REVENUE = build_office(
    fct_daily_revenue,
    sources=SOURCES,
    reports=REPORTS,
    verify=(verify_sources,),
    prove=(prove_control_totals, prove_sample, prove_ledger),
    render=lambda records, folder, pending: render_reports(records, folder, pending).sentences,
)


def first_landed() -> date | None:
    """The first day for which anything landed."""
    return min(landed_days(LandingResource().path()), default=None)


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


NIGHTLY = Pipeline(
    DAILY_REVENUE,
    undated=(raw_fixings,),
    inputs=SOURCES,
    first_day=first_landed,
    moved=moved_days,
    notes=raw_log.notes,
)


@dg.asset(deps=REPORTS, group_name="reports", kinds={"html"}, owners=ENGINEERS)
def published_pages(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
    """What people read: pages, workbooks and prints, as the reports are now. Nightly and every step see to it too."""
    records = lake.records()
    rendered = render_reports(records, published_root())
    for sentence in DAILY_REVENUE.attend(records):
        context.log.warning(sentence)
    return dg.MaterializeResult(metadata={"files_replaced": len(rendered.replaced), "folder": str(published_root())})


def pipeline_definitions() -> dg.Definitions:
    """Everything of the example but what the builder makes around its fact."""
    assets = dg.Definitions(assets=[*SOURCES, raw_fixings, *REPORTS, published_pages])
    return dg.Definitions.merge(assets, watching_definitions(DAILY_REVENUE))
