"""In which order the corrections of a chain go: for every state of each of three, at most what is its turn is done."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from backfill_assets.core.chain import WaitForChain, is_mixed
from backfill_assets.core.next_step import NextStep, RebuildReports, StageWaves, TakeSteps, WaitForPerson, next_step
from backfill_assets.core.plan import Member, Plan, PlannedInputs, Request
from backfill_assets.core.progress import Approval, Downstream, Gate, Progress, Publication, Staging
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.core.window import Window

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DAY = date(2026, 1, 5)
MEMBERS = (Member("c", "first"), Member("c-2", "second"), Member("c-3", "third"))
PREPARED = frozenset({Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS})
APPROVED = Approval("Ada", "", "sha", override=False, at=NOW)


def opened(number: int) -> Progress:
    member = MEMBERS[number]
    request = Request(member.table, Window(DAY, DAY), "wrong")
    return Progress(Plan(member.correction, request, NOW, "ada", PlannedInputs(chain=MEMBERS)), done=PREPARED)


def validated(number: int) -> Progress:
    done = PREPARED | {Step.STAGE, Step.VALIDATE}
    gate = Gate("sha", passed=True, changed=frozenset({DAY}))
    return replace(opened(number), done=done, staging=Staging(frozenset({DAY})), gate=gate)


def approved(number: int) -> Progress:
    found = validated(number)
    return replace(found, gate=replace(found.gate, approval=APPROVED))


def swapping(number: int) -> Progress:
    return replace(approved(number), publication=Publication(planned=Step.CUT_OVER))


def live(number: int) -> Progress:
    found = approved(number)
    published = Publication(frozenset({DAY}), 1, None, NOW)
    owed = Downstream(reached=frozenset({("page", "2026-01-05")}))
    return replace(found, done=found.done | {Step.CUT_OVER}, publication=published, downstream=owed)


def going_back(number: int) -> Progress:
    return replace(live(number), publication=Publication(frozenset({DAY}), 1, Step.ROLL_BACK, NOW))


def back(number: int) -> Progress:
    found = validated(number)
    owed = Downstream(reached=frozenset({("page", "2026-01-05")}), owes_notice=NoticeKind.ROLLED_BACK)
    return replace(found, publication=Publication(swap_count=2, swapped_at=NOW), downstream=owed)


STATES = {
    "opened": opened,
    "validated": validated,
    "approved": approved,
    "swapping": swapping,
    "live": live,
    "going back": going_back,
    "back": back,
}
W = "waits"
CASES: dict[str, tuple[tuple[str, str, str], tuple[str, str, str], bool]] = {
    "nothing is staged": (("opened", "opened", "opened"), ("stage", W, W), False),
    "the first is validated": (("validated", "opened", "opened"), (W, "stage", W), False),
    "two are validated": (("validated", "validated", "opened"), (W, W, "stage"), False),
    "all are validated": (("validated", "validated", "validated"), ("person", "person", "person"), False),
    "one lost its approval": (("approved", "validated", "approved"), (W, "person", W), False),
    "all are approved": (("approved", "approved", "approved"), ("cut over", W, W), False),
    "the first is being swapped": (("swapping", "approved", "approved"), ("cut over", W, W), True),
    "the first is live": (("live", "approved", "approved"), (W, "cut over", W), True),
    "two are live": (("live", "live", "approved"), (W, W, "cut over"), True),
    "the last is being swapped": (("live", "live", "swapping"), (W, W, "cut over"), True),
    "all are live": (("live", "live", "live"), (W, W, "rebuild"), False),
    "all go back": (("going back", "going back", "going back"), (W, W, "roll back"), True),
    "the last is back": (("going back", "going back", "back"), (W, "roll back", W), True),
    "two are back": (("going back", "back", "back"), ("roll back", W, W), True),
    "all are back": (("back", "back", "back"), (W, W, "rebuild"), False),
}


def said(step: NextStep) -> str:
    match step:
        case WaitForChain():
            return W
        case WaitForPerson():
            return "person"
        case StageWaves():
            return "stage"
        case RebuildReports():
            return "rebuild"
        case TakeSteps(steps=(one,)):
            return str(one).replace("_", " ")
        case _:
            return repr(step)


@pytest.mark.parametrize(("states", "expected", "mixed"), CASES.values(), ids=CASES.keys())
def test_each_goes_in_its_turn(states: tuple[str, str, str], expected: tuple[str, str, str], *, mixed: bool):
    chain = [STATES[state](number) for number, state in enumerate(states)]

    decided = [next_step(one, NOW, chain=[other for other in chain if other is not one]) for one in chain]

    assert tuple(map(said, decided)) == expected
    assert is_mixed(chain[0], chain[1:]) is mixed


def test_nothing_is_decided_on_a_part_of_a_chain():
    assert said(next_step(approved(0), NOW)) == W
