"""Folding: what the ledger's facts add up to. Crash, retry, double tick and resume are all "fold again"."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, assert_never

from backfill_assets.core import facts
from backfill_assets.core.events import Event
from backfill_assets.core.periods import is_same_person
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Approval, Progress
from backfill_assets.core.steps import Ending, NoticeKind, Step

READERS_STEPS = frozenset({Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE})


def fold(plan: Plan, events: Iterable[Event]) -> Progress:
    """Add the facts up, in the order of their sequence."""
    progress = Progress(plan)
    for event in sorted(events, key=lambda event: event.sequence):
        runs = progress.runs.after(event)
        progress = replace(after(progress, event), sequence=event.sequence, runs=runs)
    return progress


def history(events: Sequence[Event]) -> Progress:
    """Fold the facts of one correction, one of which carries its plan."""
    plan = next(event.fact.plan for event in events if isinstance(event.fact, facts.Opened))
    return fold(plan, events)


def after(progress: Progress, event: Event) -> Progress:
    """Where the correction stands after one more fact."""
    fact = event.fact
    if isinstance(fact, facts.PreparationFact):
        return _after_preparation(progress, fact)
    if isinstance(fact, facts.StagingFact):
        return _after_staging(progress, fact)
    if isinstance(fact, facts.GateFact):
        return _after_gate(progress, event, fact)
    if isinstance(fact, facts.PublicationFact):
        return _after_publication(progress, fact)
    if isinstance(fact, facts.DownstreamFact):
        return _after_downstream(progress, fact)
    return _after_run(progress, fact)


def _after_preparation(progress: Progress, fact: facts.PreparationFact) -> Progress:  # noqa: C901, PLR0911 - one arm a fact
    match fact:
        case facts.Opened():
            return progress
        case facts.RetryRequested():
            return _parts(replace(progress, failures={}), staging={"tries": {}, "reasons": {}})
        case facts.ReportsFrozen(reports=reports):
            return _parts(_done(progress, Step.FREEZE_REPORTS), downstream={"frozen": frozenset(reports)})
        case facts.ReportOwed():
            return _after_owed(progress, fact)
        case facts.SourceVerified(pins=pins):
            return _after_verified(progress, pins)
        case facts.SourceUnfit(reason=reason):
            return _failed(progress, Step.VERIFY_SOURCE, reason)
        case facts.WatermarksReset():
            return _done(progress, Step.RESET_WATERMARKS)
        case facts.HoldersAdvanced(holders=holders):
            return _no_longer_awaited(progress, holders)
        case facts.HolderWaived(holder=holder):
            return _no_longer_awaited(progress, (holder,))
        case facts.Abandoned():
            return _after_abandoned(progress)
        case _:
            assert_never(fact)


def _after_staging(progress: Progress, fact: facts.StagingFact) -> Progress:
    match fact:
        case facts.DaysStaged(days=days):
            return _after_staged(progress, frozenset(days))
        case facts.DaysFailed(reasons=reasons):
            return _after_days_failed(progress, reasons)
        case facts.StagingStopped(reason=reason):
            return _failed(progress, Step.STAGE, reason)
        case facts.DaysToRestage(days=days):
            return _to_restage(progress, days)
        case facts.StagingCompleted():
            return _done(progress, Step.STAGE)
        case _:
            assert_never(fact)


def _after_gate(progress: Progress, event: Event, fact: facts.GateFact) -> Progress:
    match fact:
        case facts.ValidationVoided():
            return _parts(_undone(progress, Step.VALIDATE), gate={"certificate": "", "passed": False})
        case facts.Validated():
            return _after_validated(progress, fact)
        case facts.Approved():
            return _after_approved(progress, event, fact)
        case facts.CutOverHeld(reason=reason, closed_months=months):
            closed = progress.gate.closed_months | set(months)
            return _parts(_failed(progress, Step.CUT_OVER, reason), gate={"closed_months": closed})
        case _:
            assert_never(fact)


def _after_publication(progress: Progress, fact: facts.PublicationFact) -> Progress:
    match fact:
        case facts.SwapPlanned(step=step):
            return _parts(progress, publication={"planned": step})
        case facts.SwapRefused():
            return _after_refused(progress, fact)
        case facts.Swapped():
            return _after_swapped(progress, fact)
        case facts.DecommissionStarted():
            return _parts(_undone(progress, Step.DECOMMISSION), publication={"planned": Step.DECOMMISSION})
        case facts.Decommissioned():
            ended = {"planned": None, "ending": Ending.DECOMMISSIONED}
            return _parts(_done(progress, Step.DECOMMISSION), publication=ended)
        case _:
            assert_never(fact)


def _after_downstream(progress: Progress, fact: facts.DownstreamFact) -> Progress:
    match fact:
        case facts.PartitionsBuilt():
            return _after_built(progress, fact)
        case facts.ReportsRebuilt():
            nothing = frozenset[Any]()
            cleared = {"reached": nothing, "refused": nothing, "rebuilt": nothing, "frozen": nothing}
            return _parts(_done(progress, Step.REBUILD_DOWNSTREAM), downstream=cleared)
        case facts.Notified():
            return _parts(_done(progress, Step.COMMUNICATE), downstream={"owes_notice": None})
        case _:
            assert_never(fact)


def _after_run(progress: Progress, fact: facts.RunFact) -> Progress:
    """What runs are in flight is folded beside this; only a failure is the step's own."""
    match fact:
        case facts.RunRequested() | facts.RunEnded():
            return progress
        case facts.RunFailed(step=step, reason=reason) | facts.StepFailed(step=step, reason=reason):
            return _failed(progress, step, reason)
        case _:
            assert_never(fact)


# ---- the parts of a progress, changed together


def _parts(progress: Progress, **changes: Mapping[str, Any]) -> Progress:
    """The progress with some fields of some of its parts changed."""
    return replace(progress, **{part: replace(getattr(progress, part), **fields) for part, fields in changes.items()})


def _undone(progress: Progress, *steps: Step) -> Progress:
    """The steps are to be taken again; what made them fail before is forgotten."""
    failures = {step: reason for step, reason in progress.failures.items() if step not in steps}
    return replace(progress, done=progress.done - set(steps), failures=failures)


def _done(progress: Progress, step: Step) -> Progress:
    cleared = _undone(progress, step)
    return replace(cleared, done=cleared.done | {step})


def _failed(progress: Progress, step: Step, reason: str) -> Progress:
    """The step keeps its reason until somebody starts it again."""
    cleared = _undone(progress, step)
    return replace(cleared, failures={**cleared.failures, step: reason})


# ---- preparation


def _after_owed(progress: Progress, owed: facts.ReportOwed) -> Progress:
    """Built before, or released already: it is owed once more, because what it was refused for came later."""
    partitions = {(owed.report, key) for key in owed.partitions}
    downstream = progress.downstream
    changed = {"refused": downstream.refused | partitions, "rebuilt": downstream.rebuilt - partitions}
    return _parts(replace(progress, done=progress.done - {Step.REBUILD_DOWNSTREAM}), downstream=changed)


def _after_verified(progress: Progress, pins: Mapping[str, int]) -> Progress:
    """What was found fit is what is staged from, which may be newer than at the opening while nothing is staged."""
    settled = _done(progress, Step.VERIFY_SOURCE)
    if progress.staging.staged or not pins or pins == progress.plan.pins:
        return settled
    return replace(settled, plan=replace(progress.plan, pins=dict(pins)))


def _no_longer_awaited(progress: Progress, holders: Iterable[str]) -> Progress:
    awaited = progress.downstream.awaited_holders - set(holders)
    return _parts(progress, downstream={"awaited_holders": awaited})


# ---- staging and the gate


def _after_staged(progress: Progress, days: frozenset[date]) -> Progress:
    staging, gate = progress.staging, progress.gate
    keeps_approval = days <= staging.drifted
    mended = {Step.VALIDATE} if progress.missing - days else {Step.VALIDATE, Step.STAGE}
    kept = {"approval": gate.approval, "seconded": gate.seconded} if keeps_approval else _NO_APPROVAL
    failures = {step: why for step, why in progress.failures.items() if step not in mended}
    changed = replace(progress, done=progress.done - {Step.STAGE, Step.VALIDATE}, failures=failures)
    reasons = {day: why for day, why in staging.reasons.items() if day not in days}
    return _parts(
        changed,
        staging={"staged": staging.staged | days, "drifted": staging.drifted - days, "reasons": reasons},
        gate={**kept, "certificate": "", "passed": False},
    )


_NO_APPROVAL: Mapping[str, Any] = {"approval": None, "seconded": None}


def _after_days_failed(progress: Progress, reasons: Mapping[date, str]) -> Progress:
    staging = progress.staging
    tries = {day: staging.tries.get(day, 0) + 1 for day in reasons}
    return _parts(progress, staging={"tries": {**staging.tries, **tries}, "reasons": {**staging.reasons, **reasons}})


def _to_restage(progress: Progress, days: Iterable[date]) -> Progress:
    changed = replace(progress, done=progress.done - {Step.STAGE, Step.VALIDATE})
    return _parts(changed, staging={"staged": progress.staging.staged - set(days)})


def _after_validated(progress: Progress, validated: facts.Validated) -> Progress:
    found = {
        "certificate": validated.certificate,
        "passed": validated.passed,
        "changed": frozenset(validated.compared.changed),
        "closed_months": frozenset(validated.closed_months),
    }
    if not validated.passed:
        return _parts(_failed(progress, Step.VALIDATE, validated.reason), gate=found)
    passed = _parts(_done(progress, Step.VALIDATE), gate=found)
    return _closed_unchanged(passed) if validated.closes else passed


def _closed_unchanged(progress: Progress) -> Progress:
    """Every day is as it should be. Reports thaw by the same step as ever; who heard of a freeze hears of its end."""
    told = NoticeKind.UNCHANGED if Step.FREEZE_REPORTS in progress.done else None
    changed = replace(progress, done=progress.done - READERS_STEPS)
    return _parts(changed, publication={"ending": Ending.UNCHANGED}, downstream={"owes_notice": told})


def _after_approved(progress: Progress, event: Event, approved: facts.Approved) -> Progress:
    approval = Approval(event.actor, approved.note, approved.certificate, approved.override, event.at)
    closed = progress.gate.closed_months | set(approved.closed_months)
    first = progress.gate.approval
    seconds = closed and first is not None and not is_same_person(first.by, event.actor)
    names = {"seconded": approval} if seconds else {"approval": approval, "seconded": None}
    failures = {step: why for step, why in progress.failures.items() if step is not Step.CUT_OVER}
    return _parts(replace(progress, failures=failures), gate={**names, "closed_months": closed})


# ---- publication and downstream


def _after_refused(progress: Progress, refused: facts.SwapRefused) -> Progress:
    settled = _parts(progress, publication={"planned": None})
    drifted = frozenset(refused.restage)
    if refused.step is Step.ROLL_BACK:
        return settled
    if not drifted:
        return replace(settled, failures={**progress.failures, Step.CUT_OVER: refused.reason})
    return _parts(_to_restage(settled, drifted), staging={"drifted": progress.staging.drifted | drifted})


def _after_swapped(progress: Progress, swapped: facts.Swapped) -> Progress:
    days, live, downstream = frozenset(swapped.swap.days), progress.publication, progress.downstream
    reached = {(report, key) for report, keys in swapped.reach.items() for key in keys}
    told = _undone(progress, *READERS_STEPS)
    publication: dict[str, Any] = {"planned": None, "swap_count": swapped.swap.swap_count}
    if swapped.step is Step.CUT_OVER:
        changed = _done(told, Step.CUT_OVER)
        publication |= {"swapped": live.swapped | days, "swapped_at": swapped.swap.swapped_at}
    else:
        changed = _parts(replace(told, done=told.done - {Step.CUT_OVER}), gate=_NO_APPROVAL)
        publication |= {"swapped": live.swapped - days}
    readers = {
        "reached": downstream.reached | reached,
        "rebuilt": frozenset[Any](),
        "owes_notice": NoticeKind.PUBLISHED if swapped.step is Step.CUT_OVER else NoticeKind.ROLLED_BACK,
        "awaited_holders": downstream.awaited_holders | set(swapped.rewound),
    }
    return _parts(changed, publication=publication, downstream=readers)


def _after_built(progress: Progress, built: facts.PartitionsBuilt) -> Progress:
    """A report that was handed over is the other correction's to build, and no longer held by this one."""
    downstream = progress.downstream
    partitions = {(built.report, key) for key in built.partitions}
    let_go = {built.report} if built.handed_over_to else set[str]()
    changed = {"rebuilt": downstream.rebuilt | partitions, "frozen": downstream.frozen - let_go}
    return _parts(progress, downstream=changed)


def _after_abandoned(progress: Progress) -> Progress:
    """Reports are let go, and what was refused while they were held is still owed."""
    changed = replace(progress, done=progress.done - READERS_STEPS)
    ended = {"planned": None, "ending": Ending.ABANDONED}
    # A launch that nobody was told of is given up as quietly.
    told = NoticeKind.ABANDONED if progress.was_announced else None
    readers = {"frozen": frozenset[str](), "owes_notice": told}
    return _parts(changed, publication=ended, downstream=readers)
