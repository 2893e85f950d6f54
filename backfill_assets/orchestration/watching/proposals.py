"""The request that would correct what a reconciliation found, with what the ledger predicts as its expectation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

import polars as pl

from backfill_assets.core.condition import FOREIGN
from backfill_assets.core.exact import exactly
from backfill_assets.core.onset import Cause, Finding
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.watching.books import Book, Books, Figure, LedgerSpec
from backfill_assets.orchestration.watching.figures import label_of
from backfill_assets.orchestration.watching.spans import Spans
from backfill_assets.runbook.request import request_text as as_request
from backfill_assets.storage.snapshot import Snapshot

MARGIN = Decimal("1.5")
ESTIMATE_TOLERANCE = Decimal(10)
"""In per cent of the predicted change."""
PERCENT, CENT = Decimal(100), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in one measure, with both sides of it."""

    measure: str
    finding: Finding
    books: Books

    @property
    def last(self) -> Slot:
        """The last slot that differs, or the last without any row right after it, which may as well be affected."""
        last, days = self.finding.last, frozenset(self.books.days)
        seen = {day for day, _ in [*self.books.ours, *self.books.theirs]}
        while (following := self.finding.grain.after(last)) in days and following not in seen:
            last = following
        return last

    def together(self, others: Sequence["Found"]) -> list["Found"]:
        """This one and those that the same correction would correct: amounts that differ on some of the same slots."""
        if self.finding.cause is not Cause.AMOUNTS:
            return [self]
        first, last = self.finding.since, self.last
        group: list[Found] = [self]
        for one in sorted(others, key=lambda one: one.finding.since):
            is_amounts = one.finding.cause is Cause.AMOUNTS and one is not self
            if is_amounts and one.finding.since <= last and first <= one.last:
                first, last = min(first, one.finding.since), max(last, one.last)
                group.append(one)
        return sorted(group, key=others.index)


@exactly
def said_exactly(amount: Decimal) -> str:
    """An amount without zeros at its end.

    >>> said_exactly(Decimal("0.00500000")), said_exactly(Decimal("500.0"))
    ('0.005', '500')
    """
    return f"{amount.normalize():f}"


@exactly
def proposal(ledger: LedgerSpec, found: Sequence[Found], name: str, live: Snapshot, spans: Spans, now: datetime) -> str:
    """A request that corrects findings of the same slots, ready to be opened; ``name`` is that of the first.

    Args:
        ledger: what was compared.
        found: the findings, the one that is told of first.
        name: what the file is called, without its ending.
        live: the commit of the table that was compared.
        spans: the times that the figures are of.
        now: the time, UTC.
    """
    first = found[0].finding
    window = spans.window(min(one.finding.since for one in found), max(one.last for one in found))
    groups = ", ".join(dict.fromkeys(group for one in found for group in one.finding.groups))
    of = f" of {groups or f'all {ledger.grouped_by}'}" if ledger.groups else ""
    what = f"the numbers of {ledger.noun}s" if first.cause is Cause.ROWS else _amounts(ledger, found)
    total = " and ".join(_total(ledger, one, named=len(found) > 1) for one in found)
    rounding = ledger.amount(said_exactly(first.precision), found[0].measure)
    reason = (
        f"Reconciliation with {ledger.name}: {what}{of} differ on "
        f"{counted(len(first.days), first.grain.value)} since {first.since}, by {total} in total and most "
        f"on {first.largest_day}. The ledger's own rounding explains {rounding} of a figure at most."
    )
    fields = {
        "table": ledger.table,
        "window": {"first": window.first, "last": window.last},
        "reason": reason,
        "watchers": list(ledger.watchers),
        "expect": _expectation(ledger, found, live, spans),
        "approval": "manual",
    }
    head = (
        f"# Proposed on {now:%Y-%m-%d} by the reconciliation with {ledger.name}. "
        f"{first.since} is the first {first.grain.value} affected with {first.confidence:.0%} confidence.\n"
        f"# backfill-assets open {name}.yaml\n"
    )
    return as_request(head, fields)


def _amounts(ledger: LedgerSpec, found: Sequence[Found]) -> str:
    return "the amounts" if len(ledger.measures) == 1 else " and ".join(one.measure for one in found)


def _total(ledger: LedgerSpec, found: Found, *, named: bool) -> str:
    amount = ledger.amount(f"{found.finding.difference:f}", found.measure)
    return f"{amount} of {found.measure}" if named else amount


def _expectation(ledger: LedgerSpec, found: Sequence[Found], live: Snapshot, spans: Spans) -> dict[str, Any]:
    """What the ledger says the correction will change: which columns and groups, and by how much."""
    per_day, total = list[Decimal | None](), list[Decimal | None]()
    since, last = min(one.finding.since for one in found), max(one.last for one in found)
    for one in found:
        days = [day for day in one.books.days if since <= day <= last]
        per_day += [_predicted(one.books, [day]) for day in days]
        total.append(_share(abs(one.finding.net) + one.finding.rounding, _sum(one.books.ours, days)))
    first = found[0]
    limits = {
        # What a month predicts says nothing of its days.
        "max_change_per_day": _limit(per_day) if spans.is_plain else "",
        "max_change_total": _limit(total),
        "estimate": _estimate(first.measure, -first.finding.net, first.finding.rounding),
    }
    declared = {name: clause for name, clause in limits.items() if clause}
    if first.finding.cause is not Cause.AMOUNTS:
        return declared
    groups = {group for one in found for group in one.finding.groups}
    others = {group for day, group in first.books.ours if since <= day <= last} - groups
    unchanged = _unchanged(ledger, groups, live, spans.window(since, last)) if others and ledger.groups else {}
    columns = list(ledger.may_differ) or [one.measure for one in found]
    return {"columns": columns, "same_rows": True, **unchanged, **declared}


def _unchanged(ledger: LedgerSpec, groups: Collection[str], live: Snapshot, window: Window) -> dict[str, str]:
    """The condition of the rows of all other groups; none where a group has values that no condition can name."""
    names, label = [*ledger.groups], label_of(ledger.groups).alias("_label")
    rows = live.scan(window.days).select(label, *names).unique().filter(pl.col("_label").is_in(list(groups)))
    values = [row[1:] for row in rows.collect().sort("_label").iter_rows()]
    if len(values) < len(groups) or not all(_is_told(value) for row in values for value in row):
        return {}
    if len(names) == 1 and all(value is not None for (value,) in values):
        return {"unchanged_where": f"{_quoted(names[0])} NOT IN ({', '.join(_literal(value) for (value,) in values)})"}
    pairs = [" AND ".join(_is(*pair) for pair in zip(names, row, strict=True)) for row in values]
    return {"unchanged_where": f"NOT ({' OR '.join(f'({pair})' for pair in pairs)})"}


def _is_told(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int)


def _is(name: str, value: object) -> str:
    return f"{_quoted(name)} IS NULL" if value is None else f"{_quoted(name)} = {_literal(value)}"


def _quoted(name: str) -> str:
    return name if _is_bare(name) else '"' + name.replace('"', '""') + '"'


def _is_bare(name: str) -> bool:
    """Whether SQL takes the bare name for the column, and not for a word of its own, such as ``true``."""
    if not (name.isidentifier() and name.isascii()):
        return False
    try:
        return pl.sql_expr(name).meta.eq(pl.col(name)) and name.lower() not in FOREIGN
    except pl.exceptions.PolarsError:
        return False


def _literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).upper()


def _estimate(measure: str, change: Decimal, rounding: Decimal) -> dict[str, str] | None:
    """What the ledger predicts in all, and how surely; none where errors cancel to less than its own rounding."""
    if abs(change) <= rounding:
        return None
    tolerance = max(ESTIMATE_TOLERANCE, rounding / abs(change) * PERCENT).quantize(CENT, ROUND_CEILING).normalize()
    return {"measure": measure, "total": f"{change:f}", "tolerance": f"{tolerance:f}%"}


def _predicted(books: Books, days: Collection[date]) -> Decimal | None:
    """The largest change of some days that the ledger allows for, as a share of what is live; of what it states."""
    wanted, nothing = set(days), Figure(0, Decimal(0))
    stated = {key: side.amount for key, side in books.theirs.items() if key[0] in wanted}
    change = sum((amount - books.ours.get(key, nothing).amount for key, amount in stated.items()), Decimal(0))
    rounding = sum((within for (day, _), within in books.within.items() if day in wanted), Decimal(0))
    return _share(abs(change) + rounding, _sum(books.ours, days)) if change else Decimal(0)


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
