"""Folding: what the ledger's facts add up to. Crash, retry, double tick and resume are all "fold again"."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter, is_
from typing import assert_never

from backfill_assets.core import facts, transitions
from backfill_assets.core.events import Event
from backfill_assets.core.pace import paced
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step

SEQUENCE = attrgetter("sequence")
# Of how many corrections it is remembered what their facts added up to. More than one lake has open at once.
MOST_REMEMBERED = 1_024
_remembered: dict[str, tuple[tuple[Event, ...], Progress]] = {}


def fold(plan: Plan, events: Iterable[Event]) -> Progress:
    """Add the facts up, in the order of their sequence."""
    return _onwards(Progress(plan), sorted(events, key=SEQUENCE))


def history(events: Sequence[Event]) -> Progress:
    """Fold the facts of one correction, one of which carries its plan.

    What the first of these very events added up to before is not added up again.
    """
    ordered = tuple(sorted(events, key=SEQUENCE))
    name = ordered[0].correction
    known, progress = _remembered.get(name, ((), None))
    if progress is None or not _begins_with(ordered, known):
        plan = next(event.fact.plan for event in ordered if isinstance(event.fact, facts.Opened))
        progress = fold(plan, ordered)
    elif len(known) == len(ordered):
        return progress
    else:
        progress = _onwards(progress, ordered[len(known) :])
    _remembered[name] = (ordered, progress)
    for oldest in [*_remembered][:-MOST_REMEMBERED]:
        _remembered.pop(oldest, None)
    return progress


def _begins_with(events: tuple[Event, ...], known: tuple[Event, ...]) -> bool:
    return len(known) <= len(events) and all(map(is_, events, known))


def _onwards(progress: Progress, events: Iterable[Event]) -> Progress:
    for event in events:
        runs = progress.runs.after(event)
        progress = replace(after(progress, event), sequence=event.sequence, runs=runs)
    return progress


def after(progress: Progress, event: Event) -> Progress:
    """Where the correction stands after one more fact."""
    fact = event.fact
    if isinstance(fact, facts.PreparationFact):
        return _after_preparation(progress, event, fact)
    if isinstance(fact, facts.StagingFact):
        return _after_staging(progress, event, fact)
    if isinstance(fact, facts.GateFact):
        return _after_gate(progress, event, fact)
    if isinstance(fact, facts.PublicationFact):
        return _after_publication(progress, fact)
    if isinstance(fact, facts.DownstreamFact):
        return _after_downstream(progress, fact)
    return _after_run(progress, event, fact)


def _after_preparation(  # noqa: C901 - one arm a fact
    progress: Progress, event: Event, fact: facts.PreparationFact
) -> Progress:
    match fact:
        case facts.Opened():
            return progress
        case facts.RetryRequested():
            return replace(progress, failures={}, staging=replace(progress.staging, tries={}, reasons={}))
        case facts.ReportsFrozen(reports=reports):
            downstream = replace(progress.downstream, frozen=frozenset(reports))
            return transitions.with_parts(transitions.done(progress, Step.FREEZE_REPORTS), downstream=downstream)
        case facts.ReportOwed():
            return transitions.after_owed(progress, fact)
        case facts.SourceVerified(pins=pins):
            return transitions.after_verified(progress, pins)
        case facts.SourceUnfit(reason=reason):
            return transitions.failed(progress, Step.VERIFY_SOURCE, reason)
        case facts.WatermarksReset():
            return transitions.done(progress, Step.RESET_WATERMARKS)
        case facts.HoldersAdvanced(holders=holders):
            return transitions.no_longer_awaited(progress, holders)
        case facts.HolderWaived(holder=holder):
            return transitions.no_longer_awaited(progress, (holder,))
        case facts.Abandoned():
            read = transitions.after_read(progress, len(progress.runs.days), event.at)
            return transitions.after_abandoned(read)
        case _:
            assert_never(fact)


def _after_staging(progress: Progress, event: Event, fact: facts.StagingFact) -> Progress:
    match fact:
        case facts.DaysStaged(days=days, seconds=seconds):
            read = transitions.after_read(progress, len(days), event.at - timedelta(seconds=seconds))
            return transitions.after_staged(transitions.after_spent(read, fact), frozenset(days))
        case facts.DaysFailed(reasons=reasons):
            read = transitions.after_read(progress, len(reasons), event.at)
            return transitions.after_days_failed(transitions.after_spent(read, fact), reasons)
        case facts.LaunchPostponed(days=days):
            return transitions.after_postponed(progress, days)
        case facts.Paced():
            changed = paced(progress.staging.pace, event.actor, fact)
            return transitions.with_parts(progress, staging=replace(progress.staging, pace=changed))
        case facts.StagingStopped(reason=reason):
            return transitions.failed(progress, Step.STAGE, reason)
        case facts.DaysToRestage(days=days):
            return transitions.to_restage(progress, days)
        case facts.StagingCompleted():
            return transitions.done(progress, Step.STAGE)
        case _:
            assert_never(fact)


def _after_gate(progress: Progress, event: Event, fact: facts.GateFact) -> Progress:
    match fact:
        case facts.ValidationVoided():
            gate = transitions.without_certificate(progress.gate)
            return transitions.with_parts(transitions.undone(progress, Step.VALIDATE), gate=gate)
        case facts.Validated():
            return transitions.after_validated(progress, fact)
        case facts.Approved():
            return transitions.after_approved(progress, event, fact)
        case facts.CutOverHeld(reason=reason, closed_months=months):
            gate = replace(progress.gate, closed_months=progress.gate.closed_months | set(months))
            return transitions.with_parts(transitions.failed(progress, Step.CUT_OVER, reason), gate=gate)
        case _:
            assert_never(fact)


def _after_publication(progress: Progress, fact: facts.PublicationFact) -> Progress:
    match fact:
        case facts.SwapPlanned(step=step):
            return transitions.with_parts(progress, publication=replace(progress.publication, planned=step))
        case facts.SwapRefused():
            return transitions.after_refused(progress, fact)
        case facts.Swapped():
            return transitions.after_swapped(progress, fact)
        case facts.DecommissionStarted():
            planned = replace(progress.publication, planned=Step.DECOMMISSION)
            return transitions.with_parts(transitions.undone(progress, Step.DECOMMISSION), publication=planned)
        case facts.Decommissioned():
            ended = replace(progress.publication, planned=None, ending=Ending.DECOMMISSIONED)
            return transitions.with_parts(transitions.done(progress, Step.DECOMMISSION), publication=ended)
        case _:
            assert_never(fact)


def _after_downstream(progress: Progress, fact: facts.DownstreamFact) -> Progress:
    match fact:
        case facts.PartitionsBuilt():
            return transitions.after_built(progress, fact)
        case facts.ReportsRebuilt():
            cleared = replace(
                progress.downstream,
                reached=frozenset(),
                refused=frozenset(),
                rebuilt=frozenset(),
                frozen=frozenset(),
            )
            return transitions.with_parts(transitions.done(progress, Step.REBUILD_DOWNSTREAM), downstream=cleared)
        case facts.Notified():
            downstream = replace(progress.downstream, owes_notice=None)
            return transitions.with_parts(transitions.done(progress, Step.COMMUNICATE), downstream=downstream)
        case _:
            assert_never(fact)


def _after_run(progress: Progress, event: Event, fact: facts.RunFact) -> Progress:
    """What runs are in flight is folded beside this; only a failure is the step's own."""
    match fact:
        case facts.RunRequested():
            return progress
        case facts.RunEnded():
            return transitions.after_end(progress, fact, event.at)
        case facts.RunFailed(step=step, reason=reason):
            return transitions.failed(transitions.after_end(progress, fact, event.at), step, reason)
        case facts.StepFailed(step=step, reason=reason):
            return transitions.failed(progress, step, reason)
        case _:
            assert_never(fact)
