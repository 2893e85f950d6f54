"""What a fact changes in a correction's progress, part by part; ``fold`` says which fact changes what."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from backfill_assets.core import facts
from backfill_assets.core.carried import and_later, extended
from backfill_assets.core.events import Event
from backfill_assets.core.given import is_same_person
from backfill_assets.core.progress import Approval, Downstream, Gate, Progress, Publication, Spent, Staging, Took
from backfill_assets.core.rate import readable_after
from backfill_assets.core.steps import Ending, NoticeKind, Step
from backfill_assets.core.window import contiguous

READERS_STEPS = frozenset({Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE})


# ---- the parts of a progress, changed together


def with_parts(
    progress: Progress,
    *,
    staging: Staging | None = None,
    gate: Gate | None = None,
    publication: Publication | None = None,
    downstream: Downstream | None = None,
) -> Progress:
    """The progress with some of its parts replaced."""
    return replace(
        progress,
        staging=staging or progress.staging,
        gate=gate or progress.gate,
        publication=publication or progress.publication,
        downstream=downstream or progress.downstream,
    )


def undone(progress: Progress, *steps: Step) -> Progress:
    """The steps are to be taken again; what made them fail before is forgotten."""
    failures = {step: reason for step, reason in progress.failures.items() if step not in steps}
    return replace(progress, done=progress.done - set(steps), failures=failures)


def done(progress: Progress, step: Step) -> Progress:
    """The step is done, and no failure of it is remembered."""
    cleared = undone(progress, step)
    return replace(cleared, done=cleared.done | {step})


def failed(progress: Progress, step: Step, reason: str) -> Progress:
    """The step keeps its reason until somebody starts it again."""
    cleared = undone(progress, step)
    return replace(cleared, failures={**cleared.failures, step: reason})


# ---- preparation


def after_owed(progress: Progress, owed: facts.ReportOwed) -> Progress:
    """Built before, or released already: it is owed once more, because what it was refused for came later."""
    partitions = {(owed.report, key) for key in owed.partitions}
    downstream = progress.downstream
    owes = replace(downstream, refused=downstream.refused | partitions, rebuilt=downstream.rebuilt - partitions)
    return with_parts(replace(progress, done=progress.done - {Step.REBUILD_DOWNSTREAM}), downstream=owes)


def after_verified(progress: Progress, pins: Mapping[str, int]) -> Progress:
    """What was found fit is what is staged from, which may be newer than at the opening while nothing is staged."""
    settled = done(progress, Step.VERIFY_SOURCE)
    if progress.staging.staged or not pins or pins == progress.plan.pins:
        return settled
    return replace(settled, plan=progress.plan.pinned_at(pins))


def no_longer_awaited(progress: Progress, holders: Iterable[str]) -> Progress:
    """Nobody waits for these external holders any more."""
    awaited = progress.downstream.awaited_holders - set(holders)
    return with_parts(progress, downstream=replace(progress.downstream, awaited_holders=awaited))


# ---- staging and the gate


def after_staged(progress: Progress, days: frozenset[date]) -> Progress:
    """The days are staged and are to be validated; an approval holds where only days that had moved came again.

    Where state is carried every later day is to be staged again from these.
    """
    staging, gate = progress.staging, progress.gate
    keeps_approval = days <= staging.drifted
    staged = _staged_in_order(progress, days) if progress.plan.carries_state and days else staging.staged | days
    repaired = {Step.VALIDATE} if frozenset(progress.plan.days) - staged else {Step.VALIDATE, Step.STAGE}
    failures = {step: why for step, why in progress.failures.items() if step not in repaired}
    changed = replace(progress, done=progress.done - {Step.STAGE, Step.VALIDATE}, failures=failures)
    reasons = {day: why for day, why in staging.reasons.items() if day not in days}
    return with_parts(
        changed,
        staging=replace(staging, staged=staged, drifted=staging.drifted - days, reasons=reasons),
        gate=without_certificate(gate if keeps_approval else _without_approval(gate)),
    )


def _staged_in_order(progress: Progress, days: frozenset[date]) -> frozenset[date]:
    """The days that are staged, each from the one before it, once some were staged anew."""
    anew = contiguous(days, grain=progress.plan.window.grain)[0]
    return frozenset(day for day in progress.staging.staged if day < anew.first) | frozenset(anew)


def without_certificate(gate: Gate) -> Gate:
    """What was validated is no longer what is staged."""
    return replace(gate, certificate="", passed=False)


def _without_approval(gate: Gate) -> Gate:
    return replace(gate, approval=None, seconded=None)


def after_days_failed(progress: Progress, reasons: Mapping[date, str]) -> Progress:
    """One more try of each day, and its newest reason; where state is carried only the first of them was tried."""
    staging = progress.staging
    tried = sorted(reasons)[:1] if progress.plan.carries_state else reasons
    tries = {day: staging.tries.get(day, 0) + 1 for day in tried}
    return with_parts(
        progress,
        staging=replace(staging, tries={**staging.tries, **tries}, reasons={**staging.reasons, **reasons}),
    )


def after_spent(progress: Progress, computed: facts.DaysStaged | facts.DaysFailed) -> Progress:
    """What computing the days has cost and how long it took; a fact of before, which does not say, counts for none."""
    if isinstance(computed, facts.DaysStaged) and computed.seconds:
        took = progress.staging.took
        longer = Took(took.seconds + computed.seconds, took.days + len(computed.days), took.waves + 1)
        progress = with_parts(progress, staging=replace(progress.staging, took=longer))
    if not computed.core_seconds:
        return progress
    spent = progress.staging.spent
    more = Spent(spent.core_seconds + computed.core_seconds, spent.days + len(computed.days))
    return with_parts(progress, staging=replace(progress.staging, spent=more))


def after_read(progress: Progress, days: int, started: datetime) -> Progress:
    """So many days were read of the sources, from ``started`` on."""
    if not days or not progress.plan.rates:
        return progress
    return with_parts(
        progress, staging=replace(progress.staging, readable_from=readable_after(progress, days, started))
    )


def after_end(progress: Progress, ended: facts.RunEnded | facts.RunFailed, at: datetime) -> Progress:
    """A run that died may have read all of its days just before; one that never began has read none."""
    pending = progress.runs.pending.get(ended.request)
    if pending is None or not ended.run or not ended.reason:
        return progress
    return after_read(progress, len(pending.days), at)


def after_postponed(progress: Progress, days: Collection[date]) -> Progress:
    """Somebody wants the days staged, so they are missing, and what made staging stop or fail is forgotten."""
    missing = undone(to_restage(progress, days), Step.STAGE)
    staging = missing.staging
    tries = {day: count for day, count in staging.tries.items() if day not in days}
    reasons = {day: why for day, why in staging.reasons.items() if day not in days}
    return with_parts(missing, staging=replace(staging, tries=tries, reasons=reasons))


def to_restage(progress: Progress, days: Collection[date]) -> Progress:
    """The days count as not staged; where state is carried, nor does any after them."""
    changed = replace(progress, done=progress.done - {Step.STAGE, Step.VALIDATE})
    again = and_later(days, progress.staging.staged) if progress.plan.carries_state else frozenset(days)
    return with_parts(changed, staging=replace(progress.staging, staged=progress.staging.staged - again))


def after_validated(progress: Progress, validated: facts.Validated) -> Progress:
    """The gate knows what was found; a validation that did not pass is the step's failure."""
    found = replace(
        progress.gate,
        certificate=validated.certificate,
        passed=validated.passed,
        changed=frozenset(validated.compared.changed),
        closed_months=frozenset(validated.closed_months),
    )
    if not validated.passed:
        return with_parts(failed(progress, Step.VALIDATE, validated.reason), gate=found)
    passed = with_parts(done(progress, Step.VALIDATE), gate=found)
    return _closed_unchanged(passed) if validated.closes else passed


def _closed_unchanged(progress: Progress) -> Progress:
    """Every day is as it should be. Reports thaw by the same step as ever; who heard of a freeze hears of its end."""
    told = NoticeKind.UNCHANGED if Step.FREEZE_REPORTS in progress.done else None
    changed = replace(progress, done=progress.done - READERS_STEPS)
    return with_parts(
        changed,
        publication=replace(progress.publication, ending=Ending.UNCHANGED),
        downstream=replace(progress.downstream, owes_notice=told),
    )


def after_approved(progress: Progress, event: Event, approved: facts.Approved) -> Progress:
    """A person let it through; over closed months another name seconds the first."""
    approval = Approval(event.actor, approved.note, approved.certificate, approved.override, event.at)
    gate = replace(progress.gate, closed_months=progress.gate.closed_months | set(approved.closed_months))
    first = gate.approval
    seconds = gate.closed_months and first is not None and not is_same_person(first.by, event.actor)
    signed = replace(gate, seconded=approval) if seconds else replace(gate, approval=approval, seconded=None)
    failures = {step: why for step, why in progress.failures.items() if step is not Step.CUT_OVER}
    return with_parts(replace(progress, failures=failures), gate=signed)


# ---- publication and downstream


def after_refused(progress: Progress, refused: facts.SwapRefused) -> Progress:
    """The swap is settled without a commit; what moved meanwhile is to be staged again."""
    settled = with_parts(progress, publication=replace(progress.publication, planned=None))
    if refused.extended is not None:
        settled = replace(
            settled, plan=extended(settled.plan, refused.extended), done=settled.done - {Step.VERIFY_SOURCE}
        )
    drifted = frozenset(refused.restage)
    if refused.step is Step.ROLL_BACK:
        return settled
    if not drifted:
        return replace(settled, failures={**progress.failures, Step.CUT_OVER: refused.reason})
    restaging = to_restage(settled, drifted)
    again = and_later(drifted, settled.plan.days) if settled.plan.carries_state else drifted
    grew = restaging.staging.extended or refused.extended is not None
    staging = replace(restaging.staging, drifted=restaging.staging.drifted | again, extended=grew)
    return with_parts(restaging, staging=staging)


def after_swapped(progress: Progress, swapped: facts.Swapped) -> Progress:
    """The days are live, or live no more, and their readers are owed the rebuild and a notice.

    A correction that was closed before its swap was found is open again, unless its files are gone.
    """
    days, downstream = frozenset(swapped.swap.days), progress.downstream
    reached = {(report, key) for report, keys in swapped.reach.items() for key in keys}
    told = undone(progress, *READERS_STEPS)
    final = progress.publication.ending if progress.publication.ending is Ending.DECOMMISSIONED else None
    live = replace(progress.publication, planned=None, swap_count=swapped.swap.swap_count, ending=final)
    if swapped.step is Step.CUT_OVER:
        changed = done(told, Step.CUT_OVER)
        live = replace(live, swapped=live.swapped | days, swapped_at=swapped.swap.swapped_at)
    else:
        changed = replace(told, done=told.done - {Step.CUT_OVER}, gate=_without_approval(told.gate))
        live = replace(live, swapped=live.swapped - days)
    readers = replace(
        downstream,
        reached=downstream.reached | reached,
        rebuilt=frozenset(),
        owes_notice=NoticeKind.PUBLISHED if swapped.step is Step.CUT_OVER else NoticeKind.ROLLED_BACK,
        awaited_holders=downstream.awaited_holders | set(swapped.rewound),
    )
    staging = replace(progress.staging, extended=False)
    return with_parts(changed, staging=staging, publication=live, downstream=readers)


def after_built(progress: Progress, built: facts.PartitionsBuilt) -> Progress:
    """A report that was handed over is the other correction's to build, and no longer held by this one."""
    downstream = progress.downstream
    partitions = {(built.report, key) for key in built.partitions}
    let_go = {built.report} if built.handed_over_to else set[str]()
    changed = replace(downstream, rebuilt=downstream.rebuilt | partitions, frozen=downstream.frozen - let_go)
    return with_parts(progress, downstream=changed)


def after_abandoned(progress: Progress) -> Progress:
    """Reports are let go, and what was refused while they were held is still owed."""
    changed = replace(progress, done=progress.done - READERS_STEPS)
    ended = replace(progress.publication, planned=None, ending=Ending.ABANDONED)
    # A launch that nobody was told of is abandoned without notice.
    told = NoticeKind.ABANDONED if progress.was_announced else None
    readers = replace(progress.downstream, frozen=frozenset(), owes_notice=told)
    return with_parts(changed, publication=ended, downstream=readers)
