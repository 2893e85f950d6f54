"""What swaps did, from the ledger alone: which days each notice tells of, and their sums before and after.

A cut over or roll back writes down the sums of its own days. A notice tells of those, never of the correction as a
whole: some days of it may be rolled back, or cut over again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Any

from backfill_assets.core.day_comparison import Sums
from backfill_assets.core.events import Event
from backfill_assets.core.exact import exactly
from backfill_assets.core.facts import Notified, Swapped
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.core.window import month_of

Measured = Mapping[str, Sums]
SWAPPING: Mapping[NoticeKind, Step] = {
    NoticeKind.PUBLISHED: Step.CUT_OVER,
    NoticeKind.ROLLED_BACK: Step.ROLL_BACK,
}


@dataclass(frozen=True, slots=True)
class SwappedDays:
    """The days that one notice tells of, oldest first, and the swaps by which they came about."""

    days: tuple[date, ...] = ()
    swaps: tuple[Swapped, ...] = ()


def untold(progress: Progress, events: Sequence[Event]) -> dict[NoticeKind, SwappedDays]:
    """What happened since the watchers were told last, by event: ``published``, ``rolled_back``, or both.

    A day that was cut over and taken back since counts as what it is now.
    """
    since = max((event.sequence for event in events if isinstance(event.fact, Notified)), default=0)
    found: dict[NoticeKind, SwappedDays] = {}
    for name, step in SWAPPING.items():
        swaps = _swaps([event for event in events if event.sequence > since], step)
        is_live = step is Step.CUT_OVER
        days = [day for day in _days_of(swaps) if (day in progress.publication.swapped) is is_live]
        if days:
            found[name] = SwappedDays(tuple(days), swaps)
    return found


def days_in_live(progress: Progress, events: Sequence[Event]) -> SwappedDays:
    """The days of a correction that are live, and the cut overs that brought them."""
    return SwappedDays(tuple(sorted(progress.publication.swapped)), _swaps(events, Step.CUT_OVER))


def days_ever_changed(progress: Progress, events: Sequence[Event]) -> frozenset[date]:
    """Every day that the correction changes by its last validation, or has changed by any swap."""
    return progress.gate.changed | {*_days_of(_swaps(events, Step.CUT_OVER))}


@exactly
def figures_of_days(told: SwappedDays) -> dict[str, Any]:
    """The days, their sums in all, by month, and of the day that moved most; reached reports and notes.

    Sums go from what the correction replaces to what it brings, also where a roll back took them the other way. Where
    a swap kept no sums, because it is from before they were kept, there are none.
    """
    figures: dict[str, Any] = {
        "days": [day.isoformat() for day in told.days],
        "days_changed": len(told.days),
        "reach": _reach(told.swaps),
        **(
            {"stale": [day.isoformat() for day in stale]}
            if (stale := told.swaps[-1].stale if told.swaps else ())
            else {}
        ),
    }
    by_day = _measured(told)
    if by_day is None:
        return figures
    largest = max(by_day, key=lambda day: (_size(by_day[day]), -day.toordinal()), default=None)
    return figures | {
        "totals": sums_told(_added(by_day.values())),
        "months": sums_by_month(by_day.items()),
        "largest_day": largest.isoformat() if largest else None,
        "largest": sums_told(by_day[largest]) if largest else {},
    }


def sums_told(sums: Measured) -> dict[str, dict[str, str]]:
    """Old and new sum of each measure, as the ledger keeps them."""
    return {name: {"old": f"{found.old:f}", "new": f"{found.new:f}"} for name, found in sums.items()}


def sums_by_month(days: Iterable[tuple[date, Measured]]) -> dict[str, dict[str, dict[str, str]]]:
    """Old and new sum of each measure over the days of each month."""
    months: dict[str, list[Measured]] = {}
    for day, sums in days:
        months.setdefault(month_of(day), []).append(sums)
    return {month: sums_told(_added(sums)) for month, sums in sorted(months.items())}


def _swaps(events: Sequence[Event], step: Step) -> tuple[Swapped, ...]:
    return tuple(fact for event in events if isinstance(fact := event.fact, Swapped) and fact.step is step)


def _days_of(swaps: Iterable[Swapped]) -> list[date]:
    return sorted({day for swap in swaps for day in swap.swap.days})


def _reach(swaps: Iterable[Swapped]) -> dict[str, list[str]]:
    reached: dict[str, set[str]] = {}
    for swap in swaps:
        for report, keys in swap.reach.items():
            reached.setdefault(report, set()).update(keys)
    return {report: sorted(keys) for report, keys in sorted(reached.items())}


def _measured(told: SwappedDays) -> dict[date, Measured] | None:
    """The sums of each day, by the last swap of it; None where one of them kept none."""
    by_day: dict[date, Measured] = {}
    for swap in told.swaps:
        for day in {*swap.swap.days} & {*told.days}:
            if day not in swap.sums:
                return None
            by_day[day] = {name: _read(found) for name, found in swap.sums[day].items()}
    return dict(sorted(by_day.items()))


def _read(found: Mapping[str, str]) -> Sums:
    return Sums(Decimal(found["old"]), Decimal(found["new"]))


def _added(sums: Collection[Measured]) -> dict[str, Sums]:
    names = dict.fromkeys(name for found in sums for name in found)
    return {name: reduce(Sums.__add__, (found[name] for found in sums if name in found), Sums()) for name in names}


def _size(sums: Measured) -> tuple[Decimal, ...]:
    return tuple(abs(found.change) for found in sums.values())
