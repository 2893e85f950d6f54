"""The example's checks: at step 2 what landed, at step 5 the correction against finance's ledger by currency."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from backfill_assets.checks import Check, Clause, Evidence, Problem, closer_to_ledger, counted
from backfill_assets.corrections import Plan
from backfill_assets.lake import Records, Snapshot
from backfill_assets.revenue.against_ledger import beside
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.landing import FinanceLedger, ledger_files, read_ledger
from backfill_assets.revenue.raw_log import RAW, TRANSACTIONS
from backfill_assets.text import FAULTS

RATES = "fx_rates"


def verify_sources(records: Records, plan: Plan) -> Sequence[Problem]:
    """Every problem of every day of the plan, at the commits that the correction is staged from."""
    looked = TRANSACTIONS.verified(records, plan.days, plan.pins[RAW])
    days = sorted(set(plan.days) & records.snapshot(RAW, plan.pins[RAW]).days)
    rates = records.snapshot(RATES, plan.pins[RATES])
    return [*looked.problems, *_without_rate(looked.standing, rates, days)]


def _without_rate(standing: pl.DataFrame, rates: Snapshot, days: Collection[date]) -> list[Problem]:
    """Days on which a currency was traded, or any, for which there is no usable rate of it, or of the dollar."""
    traded = standing.select("day", "currency").unique()
    wanted = pl.concat([traded, traded.select("day", currency=pl.lit("USD"))]).unique()
    try:
        there = rates.scan(days).filter(pl.col("rate") > 0).select("day", "currency").collect()
    except FAULTS:
        gone = rates.folder.missing([path for day in days for path, _ in rates.names(day)])
        lost = [day for day in days if {path for path, _ in rates.names(day)} & gone] or list(days)
        return [Problem(day, f"{RATES} has a file that cannot be read") for day in sorted(lost)]
    without = wanted.filter(pl.col("day").is_in(list(rates.days))).join(there, on=["day", "currency"], how="anti")
    return [Problem(day, f"{RATES} has no rate of {currency}") for day, currency in sorted(without.iter_rows())]


def prove_ledger(evidence: Evidence) -> Sequence[Check]:
    """Check that the correction brings every day it moves closer to finance's ledger than live is.

    Days with malformed lines count as unknown to the ledger. Where finance never delivered any file of a ledger the
    check passes and says so.

    Raises:
        UnusableLedger: a file of the ledger does not begin with the header.
    """
    landing = LandingResource().path()
    ledger = read_ledger(landing)
    if not ledger_files(landing):
        said = "Finance has delivered no ledger, so nothing could be compared with it."
        return [Check.passing(Clause.CLOSER_TO_LEDGER, said)]
    return [closer_by_currency(evidence, ledger)]


def closer_by_currency(evidence: Evidence, ledger: FinanceLedger) -> Check:
    """The check, with each currency a measure of its own."""
    usable = ledger.frame.filter(
        pl.col("day").is_in(list(evidence.days)), ~pl.col("day").is_in(list(ledger.incomplete_days))
    )
    sides = [side.collect() for side in (evidence.live, evidence.staged)]
    stated = replace(ledger, frame=usable)
    told = _told_days(sides[0], sides[1], usable)
    booked = usable.select("day", "currency", "revenue_usd").filter(pl.col("day").is_in(told))
    frames = [*(side.select("day", "currency", "revenue_usd") for side in sides), booked]
    currencies = sorted({currency for frame in frames for currency in frame["currency"]})
    if not currencies:
        said = f"Nothing was traded on {counted(len(evidence.days), 'day')}, by live, staged and ledger alike."
        return Check.passing(Clause.CLOSER_TO_LEDGER, said)
    live, staged, theirs = (_by_currency(frame, currencies) for frame in frames)
    as_live, as_staged = (_by_currency(_read_as_stated(side, stated), currencies) for side in sides)
    return closer_to_ledger(
        live, staged, theirs, measures=currencies, excluded=evidence.excluded, read_as=(as_live, as_staged)
    )


def _read_as_stated(side: pl.DataFrame, ledger: FinanceLedger) -> pl.DataFrame:
    """A side's sums where the ledger has one; its own figure where its rounding explains the difference."""
    rows = beside(side, ledger).filter(pl.col("ledger_revenue_usd").is_not_null())
    own = pl.when(pl.col("agrees")).then("ledger_revenue_usd").otherwise("revenue_usd").fill_null(0)
    return rows.select("day", "currency", revenue_usd=own)


def _told_days(live: pl.DataFrame, staged: pl.DataFrame, ledger: pl.DataFrame) -> list[date]:
    """The days of which the ledger has a currency that moves; a currency that it leaves out it does not speak of."""
    sums = [side.group_by("day", "currency").agg(pl.col("revenue_usd").sum()) for side in (live, staged)]
    both = sums[0].join(sums[1], on=["day", "currency"], how="full", coalesce=True, suffix="_staged")
    moved = both.filter(pl.col("revenue_usd").fill_null(0) != pl.col("revenue_usd_staged").fill_null(0))
    return sorted(set(moved.join(ledger, on=["day", "currency"], how="semi")["day"]))


def _by_currency(frame: pl.DataFrame, currencies: Sequence[str]) -> pl.LazyFrame:
    """One row a day, one column a currency; zero where nothing was traded."""
    amounts = pl.col("revenue_usd").cast(pl.Decimal(38, 4))
    columns = [amounts.filter(pl.col("currency") == currency).sum().alias(currency) for currency in currencies]
    return frame.lazy().group_by("day").agg(columns)
