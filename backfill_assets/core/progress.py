"""Progress: what the ledger's events add up to. Crash, retry, double tick and resume are all "fold again"."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import assert_never

from backfill_assets.core.events import Event, closed_months_of, days_of, reach_of
from backfill_assets.core.periods import is_same_person
from backfill_assets.core.plan import Plan
from backfill_assets.core.standing import UNCHANGED, Approved, Progress
from backfill_assets.core.steps import Outcome, Step

__all__ = ["Approved", "Progress", "fold", "history"]


def fold(plan: Plan, events: Iterable[Event]) -> Progress:
    """Add the events up, in the order of their sequence."""
    progress = Progress(plan)
    for event in sorted(events, key=lambda event: event.sequence):
        asked = progress.asked.after(event)
        if not _is_about_a_run(event):
            progress = _after(progress, event)
        progress = replace(progress, sequence=event.sequence, asked=asked)
    return progress


def history(events: Sequence[Event]) -> Progress:
    """Fold the events of one correction, the first of which carries its plan."""
    opening = next(event for event in events if event.step is Step.OPEN)
    return fold(Plan.from_json(opening.detail["plan"]), events)


def _after(progress: Progress, event: Event) -> Progress:  # noqa: C901, PLR0911, PLR0912 - one arm a step, and no other logic
    match event.step:
        case Step.OPEN:
            return _tried_again(progress, event)
        case Step.FREEZE_REPORTS:
            return _after_freeze(progress, event)
        case Step.VERIFY_SOURCE:
            return _after_verify(progress, event)
        case Step.RESET_WATERMARKS:
            return _after_reset(progress, event)
        case Step.STAGE:
            return _after_stage(progress, event)
        case Step.VALIDATE:
            return _after_validate(progress, event)
        case Step.APPROVE:
            return _after_approve(progress, event)
        case Step.CUT_OVER:
            return _after_cut_over(progress, event)
        case Step.REBUILD_DOWNSTREAM:
            return _after_rebuild(progress, event)
        case Step.COMMUNICATE:
            return replace(_settled(progress, event), owes_notice="") if _is_done(event) else _settled(progress, event)
        case Step.DECOMMISSION:
            return _after_decommission(progress, event)
        case Step.ROLL_BACK:
            return _after_roll_back(progress, event)
        case Step.ABANDON:
            return _after_abandon(progress, event)
        case _:
            assert_never(event.step)


def _is_about_a_run(event: Event) -> bool:
    """Whether it only tells that a run was asked for, or is over: nothing has happened to the step itself."""
    asked = event.outcome is Outcome.REQUESTED and event.step is not Step.OPEN
    return asked or event.outcome is Outcome.ENDED


def _is_done(event: Event) -> bool:
    return event.outcome is Outcome.DONE


def _settled(progress: Progress, event: Event) -> Progress:
    """Done steps stand, failed ones keep their reason until somebody starts them again."""
    failures = {step: reason for step, reason in progress.failures.items() if step is not event.step}
    done = progress.done - {event.step}
    if event.outcome is Outcome.DONE:
        done |= {event.step}
    elif event.outcome is Outcome.FAILED:
        failures[event.step] = str(event.detail.get("reason", ""))
    return replace(progress, done=done, failures=failures)


def _after_verify(progress: Progress, event: Event) -> Progress:
    """What was found fit is what is staged from, which may be newer than at the opening while nothing is staged."""
    settled = _settled(progress, event)
    pins: Mapping[str, int] = event.detail.get("pins") or progress.plan.pins
    if not _is_done(event) or progress.staged or pins == progress.plan.pins:
        return settled
    return replace(settled, plan=replace(progress.plan, pins=dict(pins)))


def _tried_again(progress: Progress, event: Event) -> Progress:
    """A person asks for another try: failures and the tries of each day are forgotten."""
    if event.outcome is not Outcome.REQUESTED:
        return progress
    return replace(progress, failures={}, tries={}, reasons={})


def _after_freeze(progress: Progress, event: Event) -> Progress:
    if event.outcome is Outcome.REFUSED:
        report = str(event.detail["report"])
        refused = {(report, key) for key in event.detail["partitions"]}
        # Built before, or thawed already: it is owed once more, because what it was refused for came later.
        return replace(
            progress,
            refused=progress.refused | refused,
            rebuilt=progress.rebuilt - refused,
            done=progress.done - {Step.REBUILD_DOWNSTREAM},
        )
    settled = _settled(progress, event)
    return replace(settled, frozen=frozenset(event.detail.get("reports", ()))) if _is_done(event) else settled


def _after_reset(progress: Progress, event: Event) -> Progress:
    """External holders read again, or nobody waits for them any more."""
    match event.outcome:
        case Outcome.PROGRESSED:
            return replace(progress, awaited_holders=progress.awaited_holders - set(event.detail["advanced"]))
        case Outcome.WAIVED:
            return replace(progress, awaited_holders=progress.awaited_holders - {event.detail["holder"]})
        case _:
            return _settled(progress, event)


def _after_stage(progress: Progress, event: Event) -> Progress:
    if event.outcome is Outcome.PROGRESSED:
        days = days_of(event)
        keeps_approval = days <= progress.drifted
        mended = {Step.VALIDATE} if progress.missing - days else {Step.VALIDATE, Step.STAGE}
        return replace(
            progress,
            staged=progress.staged | days,
            drifted=progress.drifted - days,
            done=progress.done - {Step.STAGE, Step.VALIDATE},
            failures={step: why for step, why in progress.failures.items() if step not in mended},
            reasons={day: why for day, why in progress.reasons.items() if day not in days},
            approval=progress.approval if keeps_approval else None,
            seconded=progress.seconded if keeps_approval else None,
            certificate="",
            passed=False,
        )
    if event.outcome is Outcome.FAILED and "days" in event.detail:
        reasons = {date.fromisoformat(day): str(why) for day, why in event.detail["days"].items()}
        tries = {day: progress.tries.get(day, 0) + 1 for day in reasons}
        return replace(progress, tries={**progress.tries, **tries}, reasons={**progress.reasons, **reasons})
    if event.outcome is Outcome.REFUSED:
        again = days_of(event, "restage")
        return replace(progress, staged=progress.staged - again, done=progress.done - {Step.STAGE, Step.VALIDATE})
    return _settled(progress, event)


def _after_validate(progress: Progress, event: Event) -> Progress:
    settled = _settled(progress, event)
    if event.outcome is Outcome.REFUSED:
        return replace(settled, certificate="", passed=False)
    if event.outcome not in {Outcome.DONE, Outcome.FAILED} or "certificate" not in event.detail:
        return settled
    validated = replace(
        settled,
        certificate=str(event.detail["certificate"]),
        passed=_is_done(event),
        changed=days_of(event, "changed"),
        closed_months=closed_months_of(event),
    )
    return _closed_unchanged(validated) if event.detail.get("closes") else validated


def _closed_unchanged(progress: Progress) -> Progress:
    """Every day is as it should be. Reports thaw by the same step as ever; who heard of a freeze hears of its end."""
    told = "unchanged" if Step.FREEZE_REPORTS in progress.done else ""
    done = progress.done - {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    return replace(progress, ending=UNCHANGED, done=done, owes_notice=told)


def _after_approve(progress: Progress, event: Event) -> Progress:
    if not _is_done(event):
        return progress
    approval = Approved(
        by=event.actor,
        note=str(event.detail.get("note", "")),
        certificate=str(event.detail["certificate"]),
        override=bool(event.detail.get("override", False)),
        at=event.at,
    )
    failures = {step: why for step, why in progress.failures.items() if step is not Step.CUT_OVER}
    closed = progress.closed_months | closed_months_of(event)
    told = replace(progress, failures=failures, closed_months=closed)
    if closed and progress.approval is not None and not is_same_person(progress.approval.by, event.actor):
        return replace(told, seconded=approval)
    return replace(told, approval=approval, seconded=None)


def _after_cut_over(progress: Progress, event: Event) -> Progress:
    match event.outcome:
        case Outcome.PLANNED:
            return replace(progress, planned=Step.CUT_OVER)
        case Outcome.REFUSED:
            drifted = days_of(event, "restage")
            if not drifted:
                failures = {**progress.failures, Step.CUT_OVER: str(event.detail.get("reason", ""))}
                return replace(progress, planned=None, failures=failures)
            return replace(
                progress,
                planned=None,
                staged=progress.staged - drifted,
                drifted=progress.drifted | drifted,
                done=progress.done - {Step.STAGE, Step.VALIDATE},
            )
        case Outcome.DONE:
            days = days_of(event)
            settled = _settled(progress, event)
            return replace(
                settled,
                failures=_before_readers(settled),
                done=settled.done - {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE},
                planned=None,
                version=int(event.detail["version"]),
                swapped=progress.swapped | days,
                swapped_at=datetime.fromisoformat(event.detail["swapped_at"]),
                reached=progress.reached | reach_of(event),
                awaited_holders=progress.awaited_holders | set(event.detail.get("rewound", ())),
                rebuilt=frozenset(),
                owes_notice="published",
            )
        case _:
            settled = _settled(progress, event)
            return replace(settled, closed_months=settled.closed_months | closed_months_of(event))


def _after_roll_back(progress: Progress, event: Event) -> Progress:
    match event.outcome:
        case Outcome.PLANNED:
            return replace(progress, planned=Step.ROLL_BACK)
        case Outcome.REFUSED:
            return replace(progress, planned=None)
        case Outcome.DONE:
            days = days_of(event)
            return replace(
                progress,
                failures=_before_readers(progress),
                planned=None,
                version=int(event.detail["version"]),
                swapped=progress.swapped - days,
                approval=None,
                seconded=None,
                done=progress.done - {Step.CUT_OVER, Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE},
                reached=progress.reached | reach_of(event),
                awaited_holders=progress.awaited_holders | set(event.detail.get("rewound", ())),
                rebuilt=frozenset(),
                owes_notice="rolled_back",
            )
        case Outcome.FAILED:
            return _settled(progress, event)
        case _:
            return progress


def _before_readers(progress: Progress) -> Mapping[Step, str]:
    """The failures of steps that a swap does not make anew: what it reaches is rebuilt and told from the beginning."""
    anew = {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    return {step: reason for step, reason in progress.failures.items() if step not in anew}


def _after_abandon(progress: Progress, event: Event) -> Progress:
    """Reports are let go, and what was refused while they were held is still owed."""
    if not _is_done(event):
        return progress
    done = progress.done - {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    # A launch that nobody was told of is given up as quietly.
    told = "abandoned" if progress.was_announced else ""
    return replace(progress, ending="abandoned", done=done, planned=None, frozen=frozenset(), owes_notice=told)


def _after_rebuild(progress: Progress, event: Event) -> Progress:
    if event.outcome is Outcome.PROGRESSED:
        report = str(event.detail["report"])
        built = {(report, key) for key in event.detail["partitions"]}
        # A report that was handed over is the other correction's to build, and no longer held by this one.
        let_go = {report} if event.detail.get("handed_over_to") else set[str]()
        return replace(progress, rebuilt=progress.rebuilt | built, frozen=progress.frozen - let_go)
    settled = _settled(progress, event)
    if not _is_done(event):
        return settled
    return replace(settled, reached=frozenset(), refused=frozenset(), rebuilt=frozenset(), frozen=frozenset())


def _after_decommission(progress: Progress, event: Event) -> Progress:
    settled = _settled(progress, event)
    match event.outcome:
        case Outcome.STARTED:
            return replace(settled, planned=Step.DECOMMISSION)
        case Outcome.DONE:
            return replace(settled, planned=None, ending="decommissioned")
        case _:
            return settled
