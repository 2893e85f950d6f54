"""The revenue pipeline put together: what is published nightly, what is corrected, and how that is proven."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import dagster as dg
import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.plan import Plan
from backfill_assets.core.proofs import Control, control_totals
from backfill_assets.orchestration.build import build_office
from backfill_assets.orchestration.nightly import Pipeline
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.assets import (
    LandingResource,
    board_pack,
    executive_dashboard,
    fct_daily_revenue,
    finance_reconciliation_export,
    fx_rates,
    raw_fixings,
    raw_transactions,
)
from backfill_assets.revenue.landing import landed_days
from backfill_assets.runbook import Evidence, Problem
from backfill_assets.storage.records import Records

SUMS = pl.Schema({"day": pl.Date(), "currency": pl.String(), "rows": pl.Int64(), "amount": pl.Decimal(38, 4)})


def manifest_totals(records: Records, plan: Plan) -> pl.DataFrame:
    """Rows of each day, and the sum per currency, as the manifest stated them when each file arrived.

    Days that arrived more than once are left out: a later arrival replaces transactions of an earlier one.
    """
    known = raw_log.arrivals(records).filter(pl.col("day").is_in(list(plan.days)))
    once = known.filter(pl.len().over("day") == 1)
    rows = [
        {"day": row["day"], "currency": currency, "rows": row["rows"], "amount": Decimal(total)}
        for row in once.iter_rows(named=True)
        for currency, total in json.loads(row["totals"]).items()
    ]
    return pl.DataFrame(rows, schema=SUMS)


def verify_manifest(records: Records, plan: Plan) -> Sequence[Problem]:
    """Look whether the raw log still holds what the manifest says arrived."""
    raw = records.snapshot(raw_log.RAW, plan.pins[raw_log.RAW])
    there = raw.scan(plan.days).group_by("day", "arrival").agg(rows=pl.len().cast(pl.Int64)).collect()
    stated = raw_log.arrivals(records).filter(pl.col("day").is_in(list(plan.days)) & (pl.col("rows") > 0))
    beside = stated.join(there, on=["day", "arrival"], how="left", suffix="_there")
    wrong = beside.filter(pl.col("rows") != pl.col("rows_there").fill_null(0))
    return [Problem(row["day"], "raw_transactions has other rows than arrived") for row in wrong.iter_rows(named=True)]


def verify_rates(records: Records, plan: Plan) -> Sequence[Problem]:
    """Look whether every currency that was traded on a day has a rate."""
    raw = records.snapshot(raw_log.RAW, plan.pins[raw_log.RAW]).scan(plan.days)
    rates = records.snapshot("fx_rates", plan.pins["fx_rates"]).scan(plan.days)
    traded = raw.select("day", "currency").unique()
    wanted = pl.concat([traded, traded.select("day", currency=pl.lit("USD"))]).unique()
    without = wanted.join(rates.select("day", "currency"), on=["day", "currency"], how="anti").collect()
    return [Problem(row["day"], f"fx_rates has no rate of {row['currency']}") for row in without.iter_rows(named=True)]


def prove_control_totals(evidence: Evidence) -> Sequence[Check]:
    """Hold staged native amounts and counts against what the manifest stated when the files arrived."""
    stated = manifest_totals(evidence.records, evidence.plan)
    days = frozenset(stated["day"]) | (frozenset(evidence.days) - _rearrived(evidence))
    control = Control(stated.lazy().select("day", "currency", "amount"), ("day", "currency"), ("amount",))
    staged = evidence.staged.select("day", "currency", "amount")
    return [control_totals(staged, control, days=days)]


def _rearrived(evidence: Evidence) -> frozenset[object]:
    known = raw_log.arrivals(evidence.records)
    return frozenset(known.filter(pl.len().over("day") > 1)["day"])


REPORTS = (executive_dashboard, finance_reconciliation_export, board_pack)
SOURCES = (raw_transactions, fx_rates)
DAILY_REVENUE = build_office(
    fct_daily_revenue,
    sources=SOURCES,
    reports=REPORTS,
    verify=(verify_manifest, verify_rates),
    prove=(prove_control_totals,),
)


def first_landed() -> date | None:
    """The first day for which anything landed."""
    return min(landed_days(LandingResource().path()), default=None)


NIGHTLY = Pipeline(DAILY_REVENUE, undated=(raw_fixings,), inputs=SOURCES, first_day=first_landed)


def pipeline_definitions() -> dg.Definitions:
    """Everything of the example but what the builder makes around its fact."""
    return dg.Definitions(assets=[*SOURCES, raw_fixings, *REPORTS])
