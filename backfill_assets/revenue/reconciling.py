"""Reconciliation: the live fact against finance's ledger, per day and currency, and a request for what differs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets import LakeResource, published_root, watch
from backfill_assets.checks import exactly
from backfill_assets.corrections import ONE_DAY, Window
from backfill_assets.lake import Records, replace_text
from backfill_assets.revenue.against_ledger import beside, stated_to
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.landing import FinanceLedger, read_ledger
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.text import counted
from backfill_assets.watch import Cause, Finding, Findings, Observation, Reconciled, Stored, findings, tolerance_of

FACT = "fct_daily_revenue"
TOLERANCES: Mapping[str, Decimal] = {"*": Decimal(0)}
WATCHERS = ["finance", "exec-ops", "board-prep"]
MAY_DIFFER = ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"]
MARGIN = Decimal("1.5")
ESTIMATE_TOLERANCE = Decimal(10)
"""In per cent of the predicted change."""
GROUPED_BY = "currencies"
PERCENT, CENT = Decimal(100), Decimal("0.01")


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
    ``within`` is how far each figure of the ledger may lie from ours by its rounding, ``agreeing`` are those that do.
    """

    days: tuple[date, ...]
    ours: Book
    theirs: Book
    traded: frozenset[date]
    incomplete: frozenset[date]
    within: Mapping[tuple[date, str], Decimal]
    agreeing: frozenset[tuple[date, str]]


def reconcile_lake(lake: LakeResource, through: date | None) -> Reconciled:
    """Compare the lake's live fact with the ledger that has landed."""
    return reconcile(lake.records(), LandingResource().path(), through, lake.now())


@exactly
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
    live = records.days(FACT)
    if not live or (through is not None and through < min(live)):
        return Reconciled(FACT, through, 0, ())
    window = Window(min(live), through or max(live))
    ledger = read_ledger(landing)
    books = read_books(records, ledger, window)
    seen_pairs = observe(books, tolerances)
    found = findings(FACT, seen_pairs)
    silent = {one.day for one in seen_pairs if one.cause is not None and not one.cause.is_correctable}
    told = [tell(finding, books, now) for finding in found]
    seen = [(finding.id, finding.since, finding.last, detail) for finding, detail in zip(found, told, strict=True)]
    closed = Findings(records.lake).settle(
        FACT, seen, window.last, now, stays=lambda one: _is_correctable(one) and one.spans_any(silent)
    )
    bad = [f"{line.file} line {line.number}, {line.why}" for line in ledger.bad_lines]
    bad_lines, last_digits = tuple(bad), units(ledger)
    return Reconciled(
        FACT, window.last, len(window), tuple(told), closed, bad_lines, last_digits, len(seen_pairs), GROUPED_BY
    )


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
    )


@exactly
def units(ledger: FinanceLedger) -> tuple[str, ...]:
    """The last digits to which the ledger states its figures, the finest first."""
    return tuple(f"{Decimal(1).scaleb(-scale):f}" for scale in sorted(stated_to(ledger), reverse=True))


@exactly
def said_exactly(amount: Decimal) -> str:
    """An amount without zeros at its end.

    >>> said_exactly(Decimal("0.00500000")), said_exactly(Decimal("500.0"))
    ('0.005', '500')
    """
    return f"{amount.normalize():f}"


@exactly
def observe(books: Books, tolerances: Mapping[str, Decimal] = TOLERANCES) -> list[Observation]:
    """What every day and currency says. A day of which neither live nor ledger nor raw has anything says nothing."""
    pairs = sorted({*books.ours, *books.theirs})
    seen = [_observe(books, day, currency, tolerances) for day, currency in pairs]
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
        "groups": list(finding.groups),
        "days": len(finding.days),
        "difference": f"{finding.difference:f}",
        "confidence": finding.confidence,
        "request": request,
        "id": finding.id,
        "cause": str(finding.cause),
        "net": f"{finding.net:f}",
        "largest_day": str(finding.largest_day),
        "largest": f"{finding.largest:f}",
        "precision": said_exactly(finding.precision),
    }


@exactly
def request_text(finding: Finding, books: Books, now: datetime) -> str:
    """A request that corrects the finding, ready to be opened, with what the ledger predicts as its expectation."""
    window = Window(finding.since, _last_to_correct(finding, books))
    currencies = ", ".join(finding.groups)
    reason = (
        f"Reconciliation with finance's ledger: {_WHAT[finding.cause]} of {currencies or 'all currencies'} differ on "
        f"{counted(len(finding.days), 'day')} since {finding.since}, by {finding.difference:f} USD in total and most "
        f"on {finding.largest_day}. The ledger's own rounding explains {said_exactly(finding.precision)} USD of a "
        "figure at most."
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
    return watch.request_text(head, fields)


_WHAT = {Cause.AMOUNTS: "the amounts", Cause.ROWS: "the numbers of transactions"}


def _book(both: pl.DataFrame, transactions: str, revenue: str) -> Book:
    rows = both.filter(pl.col(transactions).is_not_null()).select("day", "currency", transactions, revenue)
    return {(day, currency): Side(count, amount) for day, currency, count, amount in rows.iter_rows()}


def _observe(books: Books, day: date, currency: str, tolerances: Mapping[str, Decimal]) -> Observation:
    """A currency that the ledger leaves out of a day is not zero: nothing is known of it."""
    ours, theirs = books.ours.get((day, currency)), books.theirs.get((day, currency))
    difference = (ours.revenue if ours else Decimal(0)) - (theirs.revenue if theirs else Decimal(0))
    same_rows = (ours.transactions if ours else 0) == (theirs.transactions if theirs else 0)
    seen = Observation(day, currency, difference, within=books.within[day, currency])
    agrees = (day, currency) in books.agreeing or abs(difference) <= tolerance_of(tolerances, currency)
    if same_rows and agrees:
        return seen
    if day in books.incomplete and ours is not None:
        return replace(seen, cause=Cause.LEDGER_INCOMPLETE)
    if theirs is None:
        return replace(seen, cause=Cause.LEDGER_MISSING)
    return replace(seen, cause=Cause.AMOUNTS if same_rows else Cause.ROWS)


def _is_correctable(found: Stored) -> bool:
    return Cause(found.detail["cause"]).is_correctable


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
    limits = {
        "max_change_per_day": _limit([_predicted(books, [day]) for day in days]),
        "max_change_total": _limit([_share(abs(change) + finding.rounding, _sum(books.ours, days))]),
        "estimate": _estimate(change, finding.rounding),
    }
    declared = {name: clause for name, clause in limits.items() if clause}
    if finding.cause is not Cause.AMOUNTS:
        return declared
    others = {currency for day, currency in books.ours if day in window} - set(finding.groups)
    unchanged = {"unchanged_where": f"currency NOT IN ({_quoted(finding.groups)})"} if others else {}
    return {"columns": MAY_DIFFER, "same_rows": True, **unchanged, **declared}


def _estimate(change: Decimal, rounding: Decimal) -> dict[str, str] | None:
    """What the ledger predicts in all, and how surely; none where errors cancel to less than its own rounding."""
    if abs(change) <= rounding:
        return None
    tolerance = max(ESTIMATE_TOLERANCE, rounding / abs(change) * PERCENT).quantize(CENT, ROUND_CEILING).normalize()
    return {"measure": "revenue_usd", "total": f"{change:f}", "tolerance": f"{tolerance:f}%"}


def _predicted(books: Books, days: Collection[date]) -> Decimal | None:
    """The largest change of some days that the ledger allows for, as a share of what is live."""
    wanted = set(days)
    change = _sum(books.theirs, days) - _sum(books.ours, days)
    rounding = sum((within for (day, _), within in books.within.items() if day in wanted), Decimal(0))
    return _share(abs(change) + rounding, _sum(books.ours, days)) if change else Decimal(0)


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
