"""What is next: one pure, total function of a correction's progress and the time.

Sensor, command line and tests call the same function, so a correction does not care who drives it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from backfill_assets.core.chain import WaitForChain, latest_deadline, wait_before
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused, may_begin, width
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import WaitForRate, wait_for_rate
from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.wave_size import waves_now
from backfill_assets.core.waves import plan_waves
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.correction import SwappedDaysMoved


@dataclass(frozen=True, slots=True)
class TakeSteps:
    """Take these steps, in order, in one run."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class StageWaves:
    """Recompute these waves into the staged version, up to ``at_once`` of them side by side."""

    waves: tuple[Window, ...]
    at_once: int


@dataclass(frozen=True, slots=True)
class RebuildReports:
    """Build these report partitions: report to partition keys."""

    partitions: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WaitForRuns:
    """What is next is being done: by runs asked for under these keys, or by somebody's own backfill."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitForPerson:
    """Nothing happens until somebody approves, cuts over again, or abandons."""

    sentence: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing happens until the roll-back deadline, and not before these external holders have advanced.

    ``lost`` says, where that is so, that some or all days cannot be rolled back any more.
    """

    deadline: datetime
    holders: frozenset[str]
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The step failed; a person has to look, then run again."""

    step: Step
    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The correction is closed and owes nothing."""

    ending: Ending


NextStep = (
    TakeSteps
    | StageWaves
    | RebuildReports
    | WaitForRuns
    | WaitForRate
    | WaitForNightly
    | WaitForChain
    | WaitForPerson
    | Paused
    | BudgetSpent
    | WaitUntil
    | Stuck
    | Finished
)

PREPARATION = (Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS)


def before_validation(plan: Plan) -> tuple[Step, ...]:
    """The steps that validation requires: a launch freezes nothing before something is known to change."""
    return PREPARATION[1:] if plan.request.is_launch else PREPARATION


def next_step(
    progress: Progress,
    now: datetime,
    busy: Collection[date] = (),
    others: Collection[Progress] = (),
    chain: Collection[Progress] = (),
    nightly: WaitForNightly | None = None,
) -> NextStep:
    """Say what is next. Total: every progress has an answer.

    What was written down but is not known to have happened comes first, then what readers are owed, then the
    correction's own course. Nothing is asked for twice: what runs are under way for is waited for, and so are the
    ``busy`` days, which somebody else is staging. Waves wait until the sources bear them, which ``others`` may have
    read, corrections that share a limited source, and while a ``nightly`` may miss its deadline. ``chain`` are the
    others of its chain, in order.
    """
    decided = _decide(progress, now)
    if progress.plan.chain:
        decided = _in_chain(decided, progress, chain, now)
    match decided:
        case TakeSteps(steps=steps):
            failed = next((step for step in steps if step in progress.failures and not _may_pass(progress, step)), None)
            if failed is not None:
                return Stuck(failed, progress.failures[failed])
            return _waiting(progress.runs.step_runs) or decided
        case StageWaves():
            planned = _waves_not_asked(progress, busy)
            if not isinstance(planned, StageWaves):
                return planned
            if isinstance(begun := may_begin(progress, planned.waves, chain), tuple):
                return nightly or wait_for_rate(progress, others, now) or StageWaves(begun, planned.at_once)
            return _waiting(progress.runs.waves) or begun
        case RebuildReports():
            return _waiting(progress.runs.step_runs) or decided
        case WaitForPerson() | WaitForRuns() | WaitForRate() | WaitForChain() | WaitUntil() | Stuck() | Finished():
            return decided
        case Paused() | BudgetSpent() | WaitForNightly():
            return decided
        case _:
            assert_never(decided)


def _in_chain(decided: NextStep, progress: Progress, chain: Collection[Progress], now: datetime) -> NextStep:
    """What the correction would do by itself, or what it waits for in its chain."""
    match decided:
        case TakeSteps(steps=(Step.DECOMMISSION,)) if now < (deadline := latest_deadline(progress, chain)):
            return WaitUntil(deadline, frozenset(), progress.lost)
        case TakeSteps(steps=steps):
            return wait_before(steps, progress, chain) or decided
        case RebuildReports():
            return wait_before((Step.REBUILD_DOWNSTREAM,), progress, chain) or decided
        case StageWaves():
            return wait_before((Step.STAGE,), progress, chain) or decided
        case WaitForPerson(sentence=sentence):
            told = f"{sentence} It is decided on with the others of its chain, by the id {progress.plan.lead}."
            return wait_before((Step.APPROVE,), progress, chain) or WaitForPerson(told)
        case WaitForRuns() | WaitForRate() | WaitForChain() | WaitUntil() | Stuck() | Finished():
            return decided
        case Paused() | BudgetSpent() | WaitForNightly():
            return decided
        case _:
            assert_never(decided)


def _waiting(pending: Collection[Pending]) -> WaitForRuns | None:
    return WaitForRuns(tuple(sorted(one.key for one in pending))) if pending else None


def _decide(progress: Progress, now: datetime) -> NextStep:
    if progress.publication.planned is not None:
        return TakeSteps((progress.publication.planned,))
    if progress.publication.ending is Ending.DECOMMISSIONED:
        return Finished(Ending.DECOMMISSIONED)
    if progress.publication.moved:
        inside = progress.publication.moved & progress.publication.swapped
        moved, noun = inside or progress.publication.moved, progress.plan.window.grain.value
        reason = str(SwappedDaysMoved(progress.plan.correction, moved, swapped=bool(inside), noun=noun))
        return Stuck(Step.CUT_OVER if inside else Step.ROLL_BACK, reason)
    if (
        progress.is_closed
        or Step.CUT_OVER in progress.done
        or progress.publication.swapped
        or progress.downstream.owes_notice
    ):
        return _after_publication(progress, now)
    return _before_publication(progress)


def _after_publication(progress: Progress, now: datetime) -> NextStep:
    if Step.REBUILD_DOWNSTREAM not in progress.done:
        return _rebuild(progress)
    if progress.downstream.owes_notice:
        return TakeSteps((Step.COMMUNICATE,))
    if progress.publication.ending is not None:
        return Finished(progress.publication.ending)
    return _rest(progress, now)


def _rebuild(progress: Progress) -> NextStep:
    if Step.REBUILD_DOWNSTREAM in progress.failures:
        return Stuck(Step.REBUILD_DOWNSTREAM, progress.failures[Step.REBUILD_DOWNSTREAM])
    if progress.downstream.owed:
        owed: dict[str, list[str]] = {}
        for report, key in sorted(progress.downstream.owed):
            owed.setdefault(report, []).append(key)
        return RebuildReports({report: tuple(keys) for report, keys in owed.items()})
    return TakeSteps(progress.thawing)


def _rest(progress: Progress, now: datetime) -> NextStep:
    """Inside the rollback window, and at its end."""
    if progress.gate.approval is not None and Step.CUT_OVER not in progress.done:
        return _before_publication(progress)
    swapped_at = progress.publication.swapped_at or progress.plan.opened_at
    deadline = progress.plan.roll_back_deadline(swapped_at)
    if now < deadline or progress.downstream.awaited_holders:
        return WaitUntil(deadline, progress.downstream.awaited_holders, progress.lost)
    return TakeSteps((Step.DECOMMISSION,))


def _before_publication(progress: Progress) -> NextStep:
    preparing = tuple(step for step in before_validation(progress.plan) if step not in progress.done)
    for step in (*preparing, Step.STAGE, Step.VALIDATE, Step.FREEZE_REPORTS, Step.CUT_OVER):
        if step in progress.failures and not _may_pass(progress, step):
            return Stuck(step, progress.failures[step])
    if progress.missing:
        return TakeSteps(preparing) if preparing else _stage(progress)
    if Step.VALIDATE not in progress.done and not _may_pass(progress, Step.VALIDATE):
        staging = () if Step.STAGE in progress.done else (Step.STAGE,)
        return TakeSteps((*preparing, *staging, Step.VALIDATE, *_at_once(progress)))
    if lacking := preparing or tuple({Step.FREEZE_REPORTS} - progress.done):
        return TakeSteps(lacking)
    if not progress.is_approved:
        return WaitForPerson(progress.question)
    return TakeSteps((Step.CUT_OVER,))


def _may_pass(progress: Progress, step: Step) -> bool:
    """Whether a person has let a failed validation through by name."""
    return step is Step.VALIDATE and progress.gate.approval is not None and progress.is_approved


def _at_once(progress: Progress) -> tuple[Step, ...]:
    """The cut over, in the run of the validation that lets it through by itself."""
    request = progress.plan.request
    automatic = request.approval == "automatic" and not request.expectation.is_empty and not progress.plan.chain
    by_itself = automatic and progress.gate.approval is None and progress.publication.swap_count == 0
    return (Step.CUT_OVER,) if by_itself else ()


def _waves_not_asked(progress: Progress, busy: Collection[date]) -> NextStep:
    """The waves that may be asked for beside those under way."""
    under_way = progress.runs.waves
    policy = progress.plan.request.waves
    canary_out = policy.has_canary and not progress.staging.has_come_back and under_way
    at_once = width(progress) - len(under_way)
    planned = _stage(progress, progress.runs.days | frozenset(busy))
    if isinstance(planned, StageWaves) and planned.waves and at_once > 0 and not canary_out:
        return StageWaves(planned.waves, min(at_once, planned.at_once))
    if isinstance(planned, Stuck) and not under_way:
        return planned
    return WaitForRuns(tuple(sorted(one.key for one in under_way)))


def _stage(progress: Progress, taken: Collection[date] = ()) -> NextStep:
    policy, grain = waves_now(progress), progress.plan.window.grain
    missing, at_once = progress.missing - frozenset(taken), width(progress)
    if not missing or (taken and progress.plan.carries_state):
        return StageWaves((), at_once)
    if progress.plan.carries_state:
        return _stage_in_order(progress)
    failed = {day for day in missing if progress.staging.tries.get(day, 0)}
    fresh = missing - failed
    retried = {day for day in failed if progress.staging.tries[day] < policy.attempts}
    if not fresh and not retried:
        return Stuck(Step.STAGE, progress.staging.reasons_of(missing))
    waves = plan_waves(fresh, policy, grain, canary_done=progress.staging.has_come_back)
    alone = tuple(Window(day, day, grain) for day in sorted(retried))
    return StageWaves((*waves, *alone) if waves else alone, at_once)


def _stage_in_order(progress: Progress) -> NextStep:
    """The wave that begins with the first missing day, from which all after it are computed; its last try is alone."""
    policy, first = waves_now(progress), min(progress.missing)
    if (tries := progress.staging.tries.get(first, 0)) >= policy.attempts:
        return Stuck(Step.STAGE, progress.staging.reasons_of([first]))
    most = 1 if 0 < tries == policy.attempts - 1 else policy.usual_days
    return StageWaves(contiguous(progress.missing, most, progress.plan.window.grain)[:1], 1)
