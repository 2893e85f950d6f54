"""Reconciliation: how finance's ledger is read for it, beside the live fact, per day and currency."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from backfill_assets import LakeResource
from backfill_assets.checks import exactly
from backfill_assets.corrections import Window
from backfill_assets.lake import Records
from backfill_assets.revenue.against_ledger import beside, stated_to
from backfill_assets.revenue.assets import FACT, LandingResource
from backfill_assets.revenue.landing import FinanceLedger, keep_ledger, read_ledger
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.watch import Book, Books, Figure, LedgerSpec, Reconciled, reconciled

TOLERANCES: Mapping[str, Decimal] = {"*": Decimal(0)}
FINANCE = LedgerSpec(
    table=FACT,
    measure="revenue_usd",
    group="currency",
    name="finance's ledger",
    unit="USD",
    noun="transaction",
    watchers=("finance", "exec-ops", "board-prep"),
    may_differ=("revenue_usd", "rate_usd", "rate_currency", "fixing_day"),
    grouped_by="currencies",
)


def reconcile_lake(lake: LakeResource, through: date | None) -> Reconciled:
    """Compare the lake's live fact with the ledger that has landed."""
    return reconcile(lake.records(), LandingResource().path(), through, lake.now())


def reconcile(
    records: Records,
    landing: Path,
    through: date | None,
    now: datetime,
    tolerances: Mapping[str, Decimal] = TOLERANCES,
) -> Reconciled:
    """Compare every day from the first published one with finance's ledger, and write down what is found.

    Args:
        records: the lake.
        landing: the root of the landing.
        through: the last day to look at; the last published one when None.
        now: the time, UTC.
        tolerances: how many USD a currency may differ on a day, ``*`` for all others.

    Raises:
        UnusableLedger: a file of the ledger does not begin with the header.
    """
    keep_ledger(records, landing, now)

    def read(there: Records, window: Window) -> Books:
        return read_books(there, read_ledger(landing), window)

    return reconciled(records, FINANCE, read, through, now, tolerances)


@exactly
def read_books(records: Records, ledger: FinanceLedger, window: Window) -> Books:
    """Live and ledger of every day of the window."""
    in_window = pl.col("day").is_between(window.first, window.last)
    both = beside(records.snapshot(FACT).scan(window.days), replace(ledger, frame=ledger.frame.filter(in_window)))
    traded = TRANSACTIONS.days_with_rows(records)
    keys = [(day, currency) for day, currency in both.select("day", "currency").iter_rows()]
    return Books(
        window.days,
        _book(both, "transactions", "revenue_usd"),
        _book(both, "ledger_transactions", "ledger_revenue_usd"),
        frozenset(day for day in traded if day in window),
        frozenset(day for day in ledger.incomplete_days if day in window),
        dict(zip(keys, both["within"], strict=True)),
        frozenset(key for key, agrees in zip(keys, both["agrees"], strict=True) if agrees),
        tuple(f"{line.file} line {line.number}, {line.why}" for line in ledger.bad_lines),
        units(ledger),
    )


@exactly
def units(ledger: FinanceLedger) -> tuple[str, ...]:
    """The last digits to which the ledger states its figures, the finest first."""
    return tuple(f"{Decimal(1).scaleb(-scale):f}" for scale in sorted(stated_to(ledger), reverse=True))


def _book(both: pl.DataFrame, transactions: str, revenue: str) -> Book:
    rows = both.filter(pl.col(transactions).is_not_null()).select("day", "currency", transactions, revenue)
    return {(day, currency): Figure(count, amount) for day, currency, count, amount in rows.iter_rows()}
