"""What a correction waits for, in one word and in one sentence: what sensor, command line and pages say of it."""

from enum import StrEnum
from typing import assert_never

from backfill_assets.core.chain import WaitForChain
from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRate,
    WaitForRuns,
    WaitUntil,
)
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.errors.base import at_rate, counted, listed


class WaitsFor(StrEnum):
    """Who or what moves a correction on."""

    NOTHING = "nothing"
    TIME = "time"
    PERSON = "person"
    REPAIR = "repair"
    RUN = "run"


def waits_for(step: NextStep) -> WaitsFor:
    """What a correction waits for whose next step this is."""
    match step:
        case Finished():
            return WaitsFor.NOTHING
        case WaitUntil() | WaitForRate() | WaitForNightly():
            return WaitsFor.TIME
        case WaitForPerson() | Paused() | BudgetSpent():
            return WaitsFor.PERSON
        case Stuck():
            return WaitsFor.REPAIR
        case TakeSteps() | StageWaves() | RebuildReports() | WaitForRuns() | WaitForChain():
            return WaitsFor.RUN
        case _:
            assert_never(step)


def sentence_of(correction: str, step: NextStep) -> str:
    """The sentence of a correction's next step; that of one which is stuck has its reason behind it."""
    match step:
        case WaitForPerson(sentence=sentence) | WaitForChain(sentence=sentence):
            return sentence
        case WaitUntil(lost=lost):
            return f"Correction {correction} {_waiting(step)}.{f' {lost}' if lost else ''}"
        case WaitForRuns() | WaitForRate() | WaitForNightly():
            return f"Correction {correction} {_waiting(step)}."
        case Paused() | BudgetSpent():
            return _held(correction, step)
        case Stuck(step=at, reason=reason):
            return f"Correction {correction} is stuck at {at}. {reason}"
        case TakeSteps(steps=steps):
            return f"Correction {correction} continues with {', '.join(steps)}."
        case StageWaves(waves=waves):
            noun = waves[0].grain.value if waves else "day"
            return f"Correction {correction} has {counted(sum(map(len, waves)), noun)} to stage."
        case RebuildReports():
            return f"Correction {correction} has reports to rebuild."
        case Finished(ending=ending):
            return f"Correction {correction} is {ending}."
        case _:
            assert_never(step)


def _held(correction: str, step: Paused | BudgetSpent) -> str:
    if isinstance(step, Paused):
        resumed = f"`backfill-assets pace {correction} --resume` lets it go on."
        return f"The staging of correction {correction} is paused by {step.by}. {resumed}"
    raised = f"`backfill-assets pace {correction} --budget` raises it, and the staging goes on."
    return f"{step.told} No further wave of correction {correction} begins. {raised}"


def _waiting(step: WaitUntil | WaitForRuns | WaitForRate | WaitForNightly) -> str:
    if isinstance(step, WaitForNightly):
        return f"gives way to the nightly of {step.table}, which is due by {step.deadline:%Y-%m-%d %H:%M} UTC"
    if isinstance(step, WaitForRate):
        known = f"until {step.until:%Y-%m-%d %H:%M:%S} UTC" if not step.behind else f"until {step.behind} has ended"
        return f"waits for {at_rate(step.source, step.days_per_minute)}, {known}"
    if isinstance(step, WaitForRuns):
        return f"is under way in {listed(step.keys) or 'a backfill that somebody launched'}"
    holders = f" and waits for {', '.join(sorted(step.holders))}" if step.holders else ""
    return f"is live. It may be rolled back until {step.deadline:%Y-%m-%d}{holders}"
