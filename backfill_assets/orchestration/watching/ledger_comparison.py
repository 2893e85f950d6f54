"""Live compared with a ledger: findings with their onset, each with the request that would correct it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from backfill_assets.core.exact import exactly
from backfill_assets.core.onset import Cause, Finding, findings
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.books import EXACT, Book, Books, LedgerSpec, observe
from backfill_assets.orchestration.watching.reconciliation import Reconcile, Reconciled
from backfill_assets.runbook.request import request_text as as_request
from backfill_assets.storage.findings import Findings, Stored
from backfill_assets.storage.records import Records
from backfill_assets.storage.replacing import replace_text

MARGIN = Decimal("1.5")
ESTIMATE_TOLERANCE = Decimal(10)
"""In per cent of the predicted change."""
PERCENT, CENT = Decimal(100), Decimal("0.01")

ReadBooks = Callable[[Records, Window], Books]


def against(ledger: LedgerSpec, read: ReadBooks, tolerances: Mapping[str, Decimal] = EXACT) -> Reconcile:
    """What ``reconcile(...)`` takes: live is compared with books of every day from the first published one.

    Args:
        ledger: what is compared, and how it is worded.
        read: reads the books of some days; see :func:`books_of`.
        tolerances: how much a group may differ on a day, ``*`` for all others.
    """

    def compare(lake: LakeResource, through: date | None) -> Reconciled:
        return reconciled(lake.records(), ledger, read, through, lake.now(), tolerances)

    return compare


@exactly
def reconciled(
    records: Records,
    ledger: LedgerSpec,
    read: ReadBooks,
    through: date | None,
    now: datetime,
    tolerances: Mapping[str, Decimal] = EXACT,
) -> Reconciled:
    """Compare every day from the first published one with the ledger, and write down what is found."""
    live, grain = records.days(ledger.table), records.partition_of(ledger.table).grain
    if not live or (through is not None and through < min(live)):
        return Reconciled(ledger.table, through, 0, ())
    window = Window(min(live), through or max(live), grain)
    books = read(records, window)
    seen_pairs = observe(books, tolerances)
    found = findings(ledger.table, seen_pairs, window.grain)
    silent = {one.day for one in seen_pairs if one.cause is not None and not one.cause.is_correctable}
    told = [_tell(ledger, finding, books, now) for finding in found]
    seen = [(finding.id, finding.since, finding.last, detail) for finding, detail in zip(found, told, strict=True)]
    closed = Findings(records.lake).settle(
        ledger.table, seen, window.last, now, stays=lambda one: _is_correctable(one) and one.spans_any(silent)
    )
    return Reconciled(
        ledger.table,
        window.last,
        len(window),
        tuple(told),
        closed,
        books.bad_lines,
        books.units,
        len(seen_pairs),
        ledger.grouped_by,
    )


@exactly
def said_exactly(amount: Decimal) -> str:
    """An amount without zeros at its end.

    >>> said_exactly(Decimal("0.00500000")), said_exactly(Decimal("500.0"))
    ('0.005', '500')
    """
    return f"{amount.normalize():f}"


def _tell(ledger: LedgerSpec, finding: Finding, books: Books, now: datetime) -> dict[str, Any]:
    """A finding as the command prints it, with the file of its request where a correction could help."""
    request = ""
    if finding.cause.is_correctable:
        target = published_root() / "requests" / f"{finding.id}.yaml"
        replace_text(target, _request(ledger, finding, books, now))
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
def _request(ledger: LedgerSpec, finding: Finding, books: Books, now: datetime) -> str:
    """A request that corrects the finding, ready to be opened, with what the ledger predicts as its expectation."""
    window = Window(finding.since, _last_to_correct(finding, books), finding.grain)
    groups = ", ".join(finding.groups)
    what = f"the numbers of {ledger.noun}s" if finding.cause is Cause.ROWS else "the amounts"
    total, rounding = ledger.amount(f"{finding.difference:f}"), ledger.amount(said_exactly(finding.precision))
    reason = (
        f"Reconciliation with {ledger.name}: {what} of {groups or f'all {ledger.grouped_by}'} differ on "
        f"{counted(len(finding.days), finding.grain.value)} since {finding.since}, by {total} in total and most "
        f"on {finding.largest_day}. The ledger's own rounding explains {rounding} of a figure at most."
    )
    fields = {
        "table": finding.table,
        "window": {"first": window.first, "last": window.last},
        "reason": reason,
        "watchers": list(ledger.watchers),
        "expect": _expectation(ledger, finding, books, window),
        "approval": "manual",
    }
    head = (
        f"# Proposed on {now:%Y-%m-%d} by the reconciliation with {ledger.name}. "
        f"{finding.since} is the first {finding.grain.value} affected with {finding.confidence:.0%} confidence.\n"
        f"# backfill-assets open {finding.id}.yaml\n"
    )
    return as_request(head, fields)


def _is_correctable(found: Stored) -> bool:
    return Cause(found.detail["cause"]).is_correctable


def _last_to_correct(finding: Finding, books: Books) -> date:
    """The last day that differs, and the days without any row right after it, which may as well be affected."""
    last, days = finding.last, frozenset(books.days)
    seen = {day for day, _ in [*books.ours, *books.theirs]}
    while (following := finding.grain.after(last)) in days and following not in seen:
        last = following
    return last


def _expectation(ledger: LedgerSpec, finding: Finding, books: Books, window: Window) -> dict[str, Any]:
    """What the ledger says the correction will change: which columns and groups, and by how much."""
    days = [day for day in books.days if day in window]
    change = -finding.net
    limits = {
        "max_change_per_day": _limit([_predicted(books, [day]) for day in days]),
        "max_change_total": _limit([_share(abs(change) + finding.rounding, _sum(books.ours, days))]),
        "estimate": _estimate(ledger, change, finding.rounding),
    }
    declared = {name: clause for name, clause in limits.items() if clause}
    if finding.cause is not Cause.AMOUNTS:
        return declared
    others = {group for day, group in books.ours if day in window} - set(finding.groups)
    unchanged = {"unchanged_where": f"{ledger.group} NOT IN ({_quoted(finding.groups)})"} if others else {}
    return {"columns": list(ledger.may_differ) or [ledger.measure], "same_rows": True, **unchanged, **declared}


def _estimate(ledger: LedgerSpec, change: Decimal, rounding: Decimal) -> dict[str, str] | None:
    """What the ledger predicts in all, and how surely; none where errors cancel to less than its own rounding."""
    if abs(change) <= rounding:
        return None
    tolerance = max(ESTIMATE_TOLERANCE, rounding / abs(change) * PERCENT).quantize(CENT, ROUND_CEILING).normalize()
    return {"measure": ledger.measure, "total": f"{change:f}", "tolerance": f"{tolerance:f}%"}


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
    return sum((side.amount for (day, _), side in book.items() if day in wanted), Decimal(0))


def _share(change: Decimal, base: Decimal) -> Decimal | None:
    """The change as a share of what is live; None where nothing is and something should be."""
    return abs(change / base) if base else (None if change else Decimal(0))


def _limit(shares: Sequence[Decimal | None]) -> str:
    """Half as much again as the ledger predicts, in per cent to two decimals; none where it has no share."""
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return ""
    return f"{max(max(known, default=Decimal(0)) * MARGIN * PERCENT, Decimal('0.01')):.2f}%"
