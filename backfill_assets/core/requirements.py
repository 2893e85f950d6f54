"""What must still be true of the ledger for an event to be written: values, compared with its newest events.

Whoever decides reads, decides, and writes with the requirement that the decision rests on. Where it no longer holds
nothing is written, and whoever decided looks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from backfill_assets.core import facts
from backfill_assets.core.events import Event
from backfill_assets.core.fold import history
from backfill_assets.core.pace import may_begin
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing, wait_for_rate
from backfill_assets.core.steps import Step, WorkItem
from backfill_assets.core.window import Window

_RESTAGING = facts.DaysStaged | facts.DaysToRestage | facts.LaunchPostponed
Histories = Mapping[str, tuple[Event, ...]]


@dataclass(frozen=True, slots=True)
class Nothing:
    """The event is true whatever else was written."""


@dataclass(frozen=True, slots=True)
class SequenceIs:
    """Nothing was added to the correction since it was read."""

    correction: str
    sequence: int


@dataclass(frozen=True, slots=True)
class NothingStagedSince:
    """No day was staged, or asked to be staged again, since the correction was read."""

    correction: str
    sequence: int


@dataclass(frozen=True, slots=True)
class SwapIsOpen:
    """This very swap is planned and not settled; another of the same step may be planned by now."""

    correction: str
    step: Step
    swap_count: int


@dataclass(frozen=True, slots=True)
class RunIsPending:
    """The run was requested under this key, and the ledger has not heard of its end."""

    correction: str
    request: str


@dataclass(frozen=True, slots=True)
class RunIsFree:
    """No run of the work item, or of a day of its wave, is in flight, and the key is the next one.

    The sources of a wave bear it at ``at``, the budget pays for it, nobody has paused the staging, and none of its days
    is staged; what a person ``launched`` is free of the last three.
    """

    correction: str
    request: str
    item: WorkItem
    at: datetime
    launched: bool = False


@dataclass(frozen=True, slots=True)
class OpeningIsFree:
    """No correction has the id, none of the table has claimed a day, and the launch has opened none."""

    correction: str
    table: str
    days: frozenset[date]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ReportIsHeld:
    """All of these corrections hold the report."""

    report: str
    corrections: tuple[str, ...]


Requirement = (
    Nothing | SequenceIs | NothingStagedSince | SwapIsOpen | RunIsPending | RunIsFree | OpeningIsFree | ReportIsHeld
)


def holds(required: Requirement, histories: Histories) -> bool:
    """Whether it is true of these events."""
    match required:
        case Nothing():
            return True
        case SequenceIs(correction=correction, sequence=sequence):
            return len(histories.get(correction, ())) == sequence
        case NothingStagedSince(correction=correction, sequence=sequence):
            staged = [one for one in histories[correction] if isinstance(one.fact, _RESTAGING)]
            return all(one.sequence <= sequence for one in staged)
        case SwapIsOpen() as swap:
            return _is_open(histories[swap.correction], swap)
        case RunIsPending(correction=correction, request=request):
            return request in history(histories[correction]).runs.pending
        case RunIsFree() as run:
            return _is_free(histories, run)
        case OpeningIsFree() as opening:
            return _may_open(histories, opening)
        case ReportIsHeld(report=report, corrections=corrections):
            return all(report in history(histories[name]).downstream.frozen for name in corrections)
        case _:
            assert_never(required)


def opened_by(origin: str, histories: Histories) -> facts.Opened | None:
    """How a launch opened a correction; None when it has not."""
    openings = (event.fact for events in histories.values() for event in events)
    mine = (one for one in openings if isinstance(one, facts.Opened) and one.plan.request.origin == origin)
    return next(mine, None) if origin else None


def _is_open(events: tuple[Event, ...], swap: SwapIsOpen) -> bool:
    planned = [event.fact for event in events if isinstance(event.fact, facts.SwapPlanned)]
    mine = [one for one in planned if one.step is swap.step]
    return history(events).publication.planned is swap.step and mine[-1].swap_count == swap.swap_count


def _is_free(histories: Histories, run: RunIsFree) -> bool:
    progress = history(histories[run.correction])
    runs = progress.runs
    same = any(one.item.name == run.item.name for one in runs.pending.values())
    overlaps = run.item.wave is not None and not runs.days.isdisjoint(run.item.wave.days)
    if same or overlaps or runs.next_key(run.correction, run.item) != run.request:
        return False
    if run.item.wave is None:
        return True
    # Whoever planned it may not have seen that another driver, who cut the days otherwise, has staged some of them.
    is_due = progress.missing.issuperset(run.item.wave.days) and _is_let(progress, run.item.wave, histories)
    if not (run.launched or is_due):
        return False
    return not progress.plan.rates or _bear(progress, histories, run.at)


def _is_let(progress: Progress, wave: Window, histories: Histories) -> bool:
    own = progress.plan.correction
    names = [one.correction for one in progress.plan.chain if one.correction != own and one.correction in histories]
    begun = may_begin(progress, [wave], [history(histories[name]) for name in names])
    # The budget may have been set since the wave was planned, and pay for less of it.
    return isinstance(begun, tuple) and sum(map(len, begun)) == len(wave)


def _bear(progress: Progress, histories: Histories, at: datetime) -> bool:
    known = {name: history(events) for name, events in histories.items()}
    return wait_for_rate(progress, sharing(progress, known), at) is None


def _may_open(histories: Histories, opening: OpeningIsFree) -> bool:
    if opening.correction in histories or opened_by(opening.origin, histories) is not None:
        return False
    others = (history(events) for events in histories.values())
    return not any(one.plan.table == opening.table and one.claims_of(opening.days) for one in others)
