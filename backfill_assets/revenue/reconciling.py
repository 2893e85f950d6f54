"""Reconciliation: the live fact against finance's ledger, per day and currency, and a request for what differs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from backfill_assets.core.onset import Cause, Finding, Observation, findings, tolerance_of
from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.orchestration.desks import published_root
from backfill_assets.orchestration.reconciliation import Reconciled
from backfill_assets.orchestration.replacing import replace_text
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.landing import FinanceLedger, read_ledger
from backfill_assets.storage.findings import Findings
from backfill_assets.storage.records import Records

FACT = "fct_daily_revenue"
TOLERANCES: Mapping[str, Decimal] = {"*": Decimal(0)}
WATCHERS = ["finance", "exec-ops", "board-prep"]
MAY_DIFFER = ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"]
MARGIN = Decimal("1.5")
ESTIMATE_TOLERANCE = "10%"
PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of one day and currency."""

    transactions: int
    revenue: Decimal


Book = Mapping[tuple[date, str], Side]


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides of every day that was looked at.

    ``traded`` are days on which the raw log has rows, ``incomplete`` those of which the ledger has malformed lines.
    """

    days: tuple[date, ...]
    ours: Book
    theirs: Book
    traded: frozenset[date]
    incomplete: frozenset[date]


def reconcile(
    records: Records,
    landing: Path,
    through: date | None,
    now: datetime,
    tolerances: Mapping[str, Decimal] = TOLERANCES,
) -> Reconciled:
    """Hold every day from the first published one against finance's ledger, and write down what is found.

    Args:
        records: the lake.
        landing: the root of the landing.
        through: the last day to look at; the last published one when None.
        now: the time, UTC.
        tolerances: how many USD a currency may differ on a day, ``*`` for all others.

    Raises:
        UnusableLedger: a file of the ledger does not begin with the header.
    """
    live = records.snapshot(FACT).days if records.exists(FACT) else frozenset[date]()
    if not live or (through is not None and through < min(live)):
        return Reconciled(FACT, through, 0, ())
    window = Window(min(live), through or max(live))
    ledger = read_ledger(landing)
    books = read_books(records, ledger, window)
    found = findings(FACT, observe(books, tolerances))
    told = [tell(finding, books, now) for finding in found]
    seen = [(finding.id, finding.since, finding.last, detail) for finding, detail in zip(found, told, strict=True)]
    closed = Findings(records.lake).settle(FACT, seen, window.last, now)
    bad = [f"{line.file} line {line.number}, {line.why}" for line in ledger.bad_lines]
    return Reconciled(FACT, window.last, len(window), tuple(told), closed, tuple(bad))


def read_books(records: Records, ledger: FinanceLedger, window: Window) -> Books:
    """Live and ledger of every day of the window."""
    fact = records.snapshot(FACT).scan(window.days).group_by("day", "currency")
    ours = fact.agg(pl.col("transactions", "revenue_usd").sum()).collect(engine="streaming")
    theirs = ledger.frame.filter(pl.col("day").is_between(window.first, window.last))
    traded = raw_log.days_with_rows(records)
    return Books(
        window.days,
        _book(ours),
        _book(theirs),
        frozenset(day for day in traded if day in window),
        frozenset(day for day in ledger.incomplete_days if day in window),
    )


def observe(books: Books, tolerances: Mapping[str, Decimal] = TOLERANCES) -> list[Observation]:
    """What every day and currency says. A day of which neither live nor ledger nor raw has anything says nothing."""
    told_by_ledger = {day for day, _ in books.theirs}
    pairs = sorted({*books.ours, *books.theirs})
    seen = [
        _observe(books, day, currency, tolerances, told=day in told_by_ledger)
        for day, currency in pairs
    ]  # fmt: skip
    lost = books.traded - {day for day, _ in pairs}
    return [*seen, *(Observation(day, "", cause=Cause.ROWS) for day in sorted(lost))]


def tell(finding: Finding, books: Books, now: datetime) -> dict[str, Any]:
    """A finding as the command prints it, with the file of its request where a correction could help."""
    request = ""
    if finding.cause.is_correctable:
        target = published_root() / "requests" / f"{finding.id}.yaml"
        replace_text(target, request_text(finding, books, now))
        request = str(target)
    return {
        "table": finding.table,
        "since": str(finding.since),
        "last": str(finding.last),
        "currencies": list(finding.groups),
        "days": len(finding.days),
        "difference": f"{finding.difference:f}",
        "confidence": finding.confidence,
        "request": request,
        "id": finding.id,
        "cause": str(finding.cause),
        "net": f"{finding.net:f}",
        "largest_day": str(finding.largest_day),
        "largest": f"{finding.largest:f}",
    }


def request_text(finding: Finding, books: Books, now: datetime) -> str:
    """A request that corrects the finding, ready to be opened, with what the ledger predicts as its expectation."""
    window = Window(finding.since, _last_to_correct(finding, books))
    currencies = ", ".join(finding.groups)
    reason = (
        f"Reconciliation with finance's ledger: {_WHAT[finding.cause]} of {currencies or 'all currencies'} differ on "
        f"{len(finding.days)} days since {finding.since}, by {finding.difference:f} USD in all and most on "
        f"{finding.largest_day}."
    )
    fields = {
        "table": finding.table,
        "window": {"first": window.first, "last": window.last},
        "reason": reason,
        "watchers": WATCHERS,
        "expect": _expectation(finding, books, window),
        "approval": "manual",
    }
    head = (
        f"# Proposed on {now:%Y-%m-%d} by the reconciliation with finance's ledger. {finding.since} is the first day "
        f"affected with {finding.confidence:.0%} confidence.\n"
        f"# backfill-assets open {finding.id}.yaml\n"
    )
    return head + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=120)


_WHAT = {Cause.AMOUNTS: "the amounts", Cause.ROWS: "the numbers of transactions"}


def _book(frame: pl.DataFrame) -> Book:
    rows = frame.select("day", "currency", "transactions", "revenue_usd").iter_rows()
    return {(day, currency): Side(transactions, revenue) for day, currency, transactions, revenue in rows}


def _observe(books: Books, day: date, currency: str, tolerances: Mapping[str, Decimal], *, told: bool) -> Observation:
    ours, theirs = books.ours.get((day, currency)), books.theirs.get((day, currency))
    difference = (ours.revenue if ours else Decimal(0)) - (theirs.revenue if theirs else Decimal(0))
    same_rows = (ours.transactions if ours else 0) == (theirs.transactions if theirs else 0)
    if same_rows and abs(difference) <= tolerance_of(tolerances, currency):
        return Observation(day, currency, difference)
    if day in books.incomplete and ours is not None:
        return Observation(day, currency, difference, Cause.LEDGER_INCOMPLETE)
    if not told:
        return Observation(day, currency, difference, Cause.LEDGER_MISSING)
    return Observation(day, currency, difference, Cause.AMOUNTS if same_rows else Cause.ROWS)


def _last_to_correct(finding: Finding, books: Books) -> date:
    """The last day that differs, and the days without any row right after it, which may as well be affected."""
    last = finding.last
    seen = {day for day, _ in [*books.ours, *books.theirs]}
    while last + ONE_DAY in books.days and last + ONE_DAY not in seen:
        last += ONE_DAY
    return last


def _expectation(finding: Finding, books: Books, window: Window) -> dict[str, Any]:
    """What the ledger says the correction will change: which columns and currencies, and by how much."""
    days = [day for day in books.days if day in window]
    change = -finding.net
    per_day = [_share(_sum(books.theirs, [day]) - _sum(books.ours, [day]), _sum(books.ours, [day])) for day in days]
    limits = {
        "max_change_per_day": _limit(per_day),
        "max_change_total": _limit([_share(change, _sum(books.ours, days))]),
        "estimate": {"measure": "revenue_usd", "total": f"{change:f}", "tolerance": ESTIMATE_TOLERANCE},
    }
    declared = {name: clause for name, clause in limits.items() if clause}
    if finding.cause is not Cause.AMOUNTS:
        return declared
    others = {currency for day, currency in books.ours if day in window} - set(finding.groups)
    unchanged = {"unchanged_where": f"currency NOT IN ({_quoted(finding.groups)})"} if others else {}
    return {"columns": MAY_DIFFER, "same_rows": True, **unchanged, **declared}


def _quoted(names: Collection[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)


def _sum(book: Book, days: Collection[date]) -> Decimal:
    wanted = set(days)
    return sum((side.revenue for (day, _), side in book.items() if day in wanted), Decimal(0))


def _share(change: Decimal, base: Decimal) -> Decimal | None:
    """The change as a share of what is live; None where nothing is and something should be."""
    return abs(change / base) if base else (None if change else Decimal(0))


def _limit(shares: Sequence[Decimal | None]) -> str:
    """Half as much again as the ledger predicts, in per cent to two decimals; none where it has no share."""
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return ""
    return f"{max(max(known, default=Decimal(0)) * MARGIN * PERCENT, Decimal('0.01')):.2f}%"
