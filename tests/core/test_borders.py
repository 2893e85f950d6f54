"""On both sides of every border that decides what is next, and of what a fact changes. The next border is one line."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from backfill_assets.core import facts, transitions
from backfill_assets.core.events import Event
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.facts.publication import SwapCommit
from backfill_assets.core.fold import after
from backfill_assets.core.in_flight import InFlight, Pending
from backfill_assets.core.next_step import (
    PREPARATION,
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRuns,
    WaitUntil,
    next_step,
)
from backfill_assets.core.plan import Member, Plan, PlannedInputs, Request
from backfill_assets.core.progress import Approval, Gate, Progress, Publication, Staging
from backfill_assets.core.steps import Ending, NoticeKind, Step, WorkItem
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DAYS = tuple(date(2026, 1, number) for number in range(5, 9))
ALL = frozenset(DAYS)
CHAIN = (Member("c", "fact"), Member("c-2", "second"))
PREPARED = frozenset(PREPARATION)
BY_ADA = Approval("Ada", "", "sha", override=False, at=NOW)
SAME_ROWS = Expectation.from_request({"same_rows": True})
OWED = frozenset({("board", "2026-01-05")})
DEADLINE = NOW + timedelta(days=14)
MOMENT = timedelta(microseconds=1)


def opened(*, of: Mapping[str, Any] | None = None, **inputs: Any) -> Progress:
    """Prepared, nothing staged; ``of`` are fields of the request."""
    waves = WavePolicy(max_days=2, order=WaveOrder.OLDEST, attempts=3)
    request = Request("fact", Window(DAYS[0], DAYS[-1]), "wrong", **{"waves": waves, **(of or {})})
    return Progress(Plan("c", request, NOW, "ada", PlannedInputs(**inputs)), done=PREPARED)


def staged(**told: Any) -> Progress:
    return replace(opened(**told), staging=Staging(ALL))


def validated(**told: Any) -> Progress:
    found = staged(**told)
    return replace(found, done=found.done | {Step.STAGE, Step.VALIDATE}, gate=Gate("sha", passed=True, changed=ALL))


def approved(**told: Any) -> Progress:
    found = validated(**told)
    return replace(found, gate=replace(found.gate, approval=BY_ADA))


def live(**told: Any) -> Progress:
    """Cut over, its readers served."""
    found = approved(**told)
    done = found.done | {Step.CUT_OVER, Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    return replace(found, done=done, publication=Publication(ALL, 1, None, NOW))


def with_(progress: Progress, **parts: Mapping[str, Any]) -> Progress:
    """The progress with fields of its parts replaced."""
    return replace(progress, **{name: replace(getattr(progress, name), **fields) for name, fields in parts.items()})


def without(progress: Progress, *steps: Step) -> Progress:
    return replace(progress, done=progress.done - set(steps))


def failing(progress: Progress, step: Step) -> Progress:
    return replace(progress, failures={step: "so"})


def under_way(progress: Progress, *items: WorkItem) -> Progress:
    pending = {
        f"run {number}": Pending(
            f"run {number}", item, NOW, frozenset(item.steps), frozenset(item.wave.days if item.wave else ())
        )
        for number, item in enumerate(items, 1)
    }
    return replace(progress, runs=InFlight(pending))


def tried(progress: Progress, *days: date, times: int) -> Progress:
    return with_(progress, staging={"tries": dict.fromkeys(days, times), "reasons": dict.fromkeys(days, "late")})


FIRST_WAVE, SECOND_WAVE = WorkItem(wave=Window(*DAYS[:2])), WorkItem(wave=Window(*DAYS[2:]))
GATE = (Step.STAGE, Step.VALIDATE)
BOTH_WAVES = StageWaves((Window(*DAYS[:2]), Window(*DAYS[2:])), 2)
AUTOMATIC: dict[str, Any] = {"approval": "automatic", "expectation": SAME_ROWS}
AGAIN = without(live(), Step.CUT_OVER)
OTHER = replace(live(chain=CHAIN), plan=replace(live(chain=CHAIN).plan, correction="c-2"))
LATER = with_(OTHER, publication={"swapped_at": NOW + timedelta(days=3)})

# A state, and what is next in it at the time of its opening.
NEXT: dict[str, tuple[Progress, NextStep]] = {
    "nothing is staged": (opened(), BOTH_WAVES),
    "nothing is prepared": (without(opened(), *PREPARATION), TakeSteps(PREPARATION)),
    "of a launch nothing is frozen": (
        without(opened(of={"origin": "launch"}), *PREPARATION),
        TakeSteps(PREPARATION[1:]),
    ),
    "a preparation failed": (failing(without(opened(), *PREPARATION), PREPARATION[1]), Stuck(PREPARATION[1], "so")),
    "staging was stopped": (failing(opened(), Step.STAGE), Stuck(Step.STAGE, "so")),
    "all is staged": (staged(), TakeSteps(GATE)),
    "all is staged, and known to be": (
        replace(staged(), done=PREPARED | {Step.STAGE}),
        TakeSteps((Step.VALIDATE,)),
    ),
    "all is staged, and asked to be validated": (
        under_way(staged(), WorkItem(steps=GATE)),
        WaitForRuns(("run 1",)),
    ),
    "approved before it is prepared": (without(approved(), PREPARATION[1]), TakeSteps(PREPARATION[1:2])),
    "it may pass by itself": (staged(of=AUTOMATIC), TakeSteps((*GATE, Step.CUT_OVER))),
    "nothing is expected of it": (staged(of={"approval": "automatic"}), TakeSteps(GATE)),
    "a person is to approve": (staged(of={"expectation": SAME_ROWS}), TakeSteps(GATE)),
    "others of its chain are to pass as well": (staged(of=AUTOMATIC, chain=CHAIN[:1]), TakeSteps(GATE)),
    "it was swapped before": (with_(staged(of=AUTOMATIC), publication={"swap_count": 1}), TakeSteps(GATE)),
    "a person has approved": (with_(staged(of=AUTOMATIC), gate={"approval": BY_ADA}), TakeSteps(GATE)),
    "validated": (
        validated(),
        WaitForPerson("Correction c is validated and waits for approval."),
    ),
    "validated, the reports not held": (without(validated(), Step.FREEZE_REPORTS), TakeSteps((Step.FREEZE_REPORTS,))),
    "approved": (approved(), TakeSteps((Step.CUT_OVER,))),
    "approved, and the swap refused": (failing(approved(), Step.CUT_OVER), Stuck(Step.CUT_OVER, "so")),
    "approved, the swap is asked for": (
        under_way(approved(), WorkItem(steps=(Step.CUT_OVER,))),
        WaitForRuns(("run 1",)),
    ),
    "approved, what did not pass": (
        failing(without(with_(approved(), gate={"passed": False}), Step.VALIDATE), Step.VALIDATE),
        Stuck(Step.VALIDATE, "so"),
    ),
    "let through by name, what did not pass": (
        failing(
            without(
                with_(approved(), gate={"passed": False, "approval": replace(BY_ADA, override=True)}), Step.VALIDATE
            ),
            Step.VALIDATE,
        ),
        TakeSteps((Step.CUT_OVER,)),
    ),
    "two waves are under way": (under_way(opened(), FIRST_WAVE, SECOND_WAVE), WaitForRuns(("run 1", "run 2"))),
    "one wave is under way": (under_way(opened(), FIRST_WAVE), StageWaves((Window(*DAYS[2:]),), 1)),
    "the canary is under way": (
        under_way(opened(of={"waves": WavePolicy(max_days=2)}), FIRST_WAVE),
        WaitForRuns(("run 1",)),
    ),
    "the canary is staged": (
        with_(
            under_way(opened(of={"waves": WavePolicy(max_days=1)}), WorkItem(wave=Window(DAYS[0], DAYS[0]))),
            staging={"staged": frozenset({DAYS[3]})},
        ),
        StageWaves((Window(DAYS[1], DAYS[1]), Window(DAYS[2], DAYS[2])), 1),
    ),
    "no day may be tried again": (
        tried(opened(), *DAYS, times=3),
        Stuck(Step.STAGE, f"[{', '.join(map(str, DAYS))}] late"),
    ),
    "no day may be tried again, a wave is under way": (
        under_way(tried(opened(), *DAYS[2:], times=3), FIRST_WAVE),
        WaitForRuns(("run 1",)),
    ),
    "days may be tried once more": (
        tried(with_(opened(), staging={"staged": frozenset(DAYS[:2])}), *DAYS[2:], times=2),
        StageWaves((Window(DAYS[2], DAYS[2]), Window(DAYS[3], DAYS[3])), 2),
    ),
    "some days may not be tried again": (
        tried(opened(), *DAYS[2:], times=3),
        StageWaves((Window(*DAYS[:2]),), 2),
    ),
    "state is carried": (opened(carries_state=True), StageWaves((Window(*DAYS[:2]),), 1)),
    "state is carried, a wave is under way": (
        under_way(opened(carries_state=True), FIRST_WAVE),
        WaitForRuns(("run 1",)),
    ),
    "state is carried, the first day failed twice": (
        tried(opened(carries_state=True), DAYS[0], times=2),
        StageWaves((Window(DAYS[0], DAYS[0]),), 1),
    ),
    "state is carried, the first day failed too often": (
        tried(opened(carries_state=True), DAYS[0], times=3),
        Stuck(Step.STAGE, f"[{DAYS[0]}] late"),
    ),
    "a swap is planned": (with_(approved(), publication={"planned": Step.CUT_OVER}), TakeSteps((Step.CUT_OVER,))),
    "a swap is planned, and its step failed": (
        failing(with_(approved(), publication={"planned": Step.CUT_OVER}), Step.CUT_OVER),
        Stuck(Step.CUT_OVER, "so"),
    ),
    "live": (live(), WaitUntil(DEADLINE, frozenset())),
    "live, and a report is owed": (
        with_(without(live(), Step.REBUILD_DOWNSTREAM), downstream={"reached": OWED}),
        RebuildReports({"board": ("2026-01-05",)}),
    ),
    "live, a report is being built": (
        under_way(
            with_(without(live(), Step.REBUILD_DOWNSTREAM), downstream={"reached": OWED}),
            WorkItem(steps=(Step.REBUILD_DOWNSTREAM,)),
        ),
        WaitForRuns(("run 1",)),
    ),
    "live, the reports cannot be built": (
        failing(without(live(), Step.REBUILD_DOWNSTREAM), Step.REBUILD_DOWNSTREAM),
        Stuck(Step.REBUILD_DOWNSTREAM, "so"),
    ),
    "live, the reports that are owed cannot be built": (
        with_(failing(without(live(), Step.REBUILD_DOWNSTREAM), Step.REBUILD_DOWNSTREAM), downstream={"reached": OWED}),
        Stuck(Step.REBUILD_DOWNSTREAM, "so"),
    ),
    "live, nobody was told": (
        with_(live(), downstream={"owes_notice": NoticeKind.PUBLISHED}),
        TakeSteps((Step.COMMUNICATE,)),
    ),
    "live, the reports held and nobody told": (
        with_(without(live(), Step.REBUILD_DOWNSTREAM), downstream={"owes_notice": NoticeKind.PUBLISHED}),
        TakeSteps((Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE)),
    ),
    "live, the reports held": (without(live(), Step.REBUILD_DOWNSTREAM), TakeSteps((Step.REBUILD_DOWNSTREAM,))),
    "some days taken back": (with_(AGAIN, gate={"approval": None}), WaitUntil(DEADLINE, frozenset())),
    "some days taken back, and approved again": (AGAIN, TakeSteps((Step.CUT_OVER,))),
    "all taken back": (
        with_(AGAIN, publication={"swapped": frozenset()}, gate={"approval": None}),
        WaitForPerson("Correction c is rolled back. Approve it to cut over again, or abandon it."),
    ),
    "all taken back, a notice owed": (
        with_(AGAIN, publication={"swapped": frozenset()}, downstream={"owes_notice": NoticeKind.ROLLED_BACK}),
        TakeSteps((Step.COMMUNICATE,)),
    ),
    "abandoned": (
        without(with_(validated(), publication={"ending": Ending.ABANDONED}), Step.REBUILD_DOWNSTREAM),
        TakeSteps((Step.REBUILD_DOWNSTREAM,)),
    ),
    "abandoned, the readers served": (
        with_(live(), publication={"ending": Ending.ABANDONED, "swapped": frozenset()}),
        Finished(Ending.ABANDONED),
    ),
    "decommissioned, a report owed for ever": (
        with_(live(), publication={"ending": Ending.DECOMMISSIONED}, downstream={"reached": OWED}),
        Finished(Ending.DECOMMISSIONED),
    ),
}


@pytest.mark.parametrize("name", NEXT)
def test_what_is_next(name: str) -> None:
    progress, expected = NEXT[name]
    assert next_step(progress, NOW) == expected


MOVED: dict[str, tuple[frozenset[date], Step, str, str]] = {
    "days that are live": (frozenset(DAYS[:1]), Step.CUT_OVER, "2026-01-05", "2026-01-08"),
    "days that were taken back": (frozenset(DAYS[3:]), Step.ROLL_BACK, "2026-01-08", "2026-01-05"),
    "days of both": (frozenset({DAYS[0], DAYS[3]}), Step.CUT_OVER, "2026-01-05", "2026-01-08"),
}


@pytest.mark.parametrize("name", MOVED)
def test_days_that_somebody_moved_stop_it_by_name(name: str) -> None:
    moved, step, named, other = MOVED[name]
    found = next_step(with_(live(), publication={"swapped": frozenset(DAYS[:3]), "moved": moved}), NOW)
    assert isinstance(found, Stuck)
    assert (found.step, named in found.reason, other in found.reason) == (step, True, False)


HELD = with_(live(), downstream={"awaited_holders": frozenset({"mart"})})
MINE_LIVE = live(chain=CHAIN)

# A state with others of its chain, a time, and what is next then.
AT: dict[str, tuple[Progress, list[Progress], datetime, NextStep]] = {
    "before the deadline": (live(), [], DEADLINE - MOMENT, WaitUntil(DEADLINE, frozenset())),
    "at the deadline": (live(), [], DEADLINE, TakeSteps((Step.DECOMMISSION,))),
    "at the deadline, somebody has to read": (HELD, [], DEADLINE, WaitUntil(DEADLINE, frozenset({"mart"}))),
    "at its deadline, before that of another of its chain": (
        MINE_LIVE,
        [LATER],
        DEADLINE,
        WaitUntil(DEADLINE + timedelta(days=3), frozenset()),
    ),
    "at the last deadline of its chain": (
        MINE_LIVE,
        [LATER],
        DEADLINE + timedelta(days=3),
        TakeSteps((Step.DECOMMISSION,)),
    ),
    "the other of its chain is closed": (
        MINE_LIVE,
        [with_(LATER, publication={"ending": Ending.DECOMMISSIONED})],
        DEADLINE,
        TakeSteps((Step.DECOMMISSION,)),
    ),
    "before the deadlines of its chain": (MINE_LIVE, [LATER], NOW, WaitUntil(DEADLINE, frozenset())),
    "of a chain, finished": (
        with_(MINE_LIVE, publication={"ending": Ending.ABANDONED, "swapped": frozenset()}),
        [LATER],
        NOW,
        Finished(Ending.ABANDONED),
    ),
    "of a chain, stuck": (failing(opened(chain=CHAIN), Step.STAGE), [LATER], NOW, Stuck(Step.STAGE, "so")),
}


@pytest.mark.parametrize("name", AT)
def test_what_is_next_at_a_time(name: str) -> None:
    progress, chain, now, expected = AT[name]
    assert next_step(progress, now, chain=chain) == expected


def told(fact: facts.Fact, by: str = "Grace") -> Event:
    return Event("c", fact, NOW, by, "", 1)


def gate_of(progress: Progress) -> tuple[bool, bool]:
    return progress.gate.approval is not None, progress.gate.seconded is not None


CLOSED_MONTH = with_(validated(), gate={"closed_months": frozenset({"2026-01"})})
ONCE = with_(CLOSED_MONTH, gate={"approval": BY_ADA})
APPROVED = facts.Approved("sha")

# Who approves what, and whether it is approved then, and seconded.
SIGNED: dict[str, tuple[Progress, str, tuple[bool, bool]]] = {
    "nobody did before": (validated(), "Grace", (True, False)),
    "somebody else did before, no month is closed": (approved(), "Grace", (True, False)),
    "nobody did before, a month is closed": (CLOSED_MONTH, "Grace", (True, False)),
    "somebody else did before, a month is closed": (ONCE, "Grace", (True, True)),
    "the same person did before, a month is closed": (ONCE, "Ada", (True, False)),
    "the same person, written otherwise": (ONCE, " ada", (True, False)),
}


@pytest.mark.parametrize("name", SIGNED)
def test_who_approves_and_who_seconds(name: str) -> None:
    progress, by, expected = SIGNED[name]
    assert gate_of(after(progress, told(APPROVED, by))) == expected


# A failure that is remembered, a fact, and whether it still is.
FORGIVEN: dict[str, tuple[Progress, Callable[[Progress], Progress], bool]] = {
    "the cut over, once approved again": (
        failing(approved(), Step.CUT_OVER),
        lambda progress: after(progress, told(APPROVED)),
        False,
    ),
    "another step, once approved": (
        failing(approved(), Step.FREEZE_REPORTS),
        lambda progress: after(progress, told(APPROVED)),
        True,
    ),
    "staging, once some days are staged": (
        failing(opened(), Step.STAGE),
        lambda progress: transitions.after_staged(progress, frozenset(DAYS[:2])),
        True,
    ),
    "staging, once all days are staged": (
        failing(opened(), Step.STAGE),
        lambda progress: transitions.after_staged(progress, ALL),
        False,
    ),
    "validation, once some days are staged": (
        failing(opened(), Step.VALIDATE),
        lambda progress: transitions.after_staged(progress, frozenset(DAYS[:2])),
        False,
    ),
    "staging, once somebody launches days": (
        failing(opened(), Step.STAGE),
        lambda progress: transitions.after_postponed(progress, DAYS[:1]),
        False,
    ),
}


@pytest.mark.parametrize("name", FORGIVEN)
def test_which_failure_is_forgotten(name: str) -> None:
    progress, change, remembered = FORGIVEN[name]
    assert bool(change(progress).failures) is remembered


PINS = {"raw": 3}


@pytest.mark.parametrize(
    ("staging", "pins", "expected"),
    [
        (Staging(), {"raw": 4}, {"raw": 4}),
        (Staging(ALL), {"raw": 4}, PINS),
        (Staging(), {}, PINS),
        (Staging(), PINS, PINS),
    ],
)
def test_what_was_found_fit_is_staged_from_while_nothing_is(
    staging: Staging, pins: Mapping[str, int], expected: Mapping[str, int]
) -> None:
    progress = replace(opened(pins=PINS), staging=staging)
    found = transitions.after_verified(progress, pins)
    assert (found.plan.pins, Step.VERIFY_SOURCE in found.done) == (expected, True)


DRIFTED = with_(approved(), staging={"drifted": frozenset(DAYS[:2])})


@pytest.mark.parametrize(("days", "stands"), [(DAYS[:1], True), (DAYS[:2], True), (DAYS[:3], False), (DAYS[3:], False)])
def test_an_approval_stands_where_only_days_that_had_moved_are_staged_again(
    days: tuple[date, ...], *, stands: bool
) -> None:
    found = transitions.after_staged(DRIFTED, frozenset(days))
    assert (found.gate.approval is not None, found.gate.certificate, found.gate.passed) == (stands, "", False)
    assert found.staging.drifted == frozenset(DAYS[:2]) - {*days}


def test_days_that_are_staged_forget_why_they_failed_and_others_do_not() -> None:
    found = transitions.after_staged(tried(opened(), *DAYS, times=1), frozenset(DAYS[:1]))
    assert set(found.staging.reasons) == set(DAYS[1:])


def test_days_that_are_launched_are_missing_and_tried_from_the_beginning_and_others_are_not() -> None:
    found = transitions.after_postponed(tried(staged(), *DAYS, times=2), DAYS[:1])
    assert found.missing == {DAYS[0]}
    assert set(found.staging.tries) == set(found.staging.reasons) == set(DAYS[1:])


@pytest.mark.parametrize(("carries", "missing"), [(False, {DAYS[1]}), (True, set(DAYS[1:]))])
def test_where_state_is_carried_every_later_day_is_staged_again(*, carries: bool, missing: set[date]) -> None:
    progress = staged(carries_state=carries)
    assert transitions.to_restage(progress, DAYS[1:2]).missing == missing
    assert transitions.after_staged(progress, frozenset(DAYS[1:2])).missing == missing - {DAYS[1]}


@pytest.mark.parametrize(("carries", "tries"), [(False, {DAYS[1]: 2, DAYS[2]: 1}), (True, {DAYS[1]: 2})])
def test_which_days_count_as_tried(*, carries: bool, tries: Mapping[date, int]) -> None:
    progress = tried(opened(carries_state=carries), DAYS[1], times=1)
    found = transitions.after_days_failed(progress, {DAYS[2]: "after it", DAYS[1]: "again"})
    assert found.staging.tries == tries
    assert found.staging.reasons == {DAYS[1]: "again", DAYS[2]: "after it"}


def test_what_read_nothing_changes_nothing_of_when_a_source_may_be_read() -> None:
    before = with_(opened(rates={"raw": 1.0}), staging={"readable_from": {"raw": NOW - timedelta(hours=1)}})
    assert transitions.after_read(before, 0, NOW) == before
    assert transitions.after_read(before, 1, NOW).staging.readable_from == {"raw": NOW + timedelta(minutes=1)}
    unlimited = opened()
    assert transitions.after_read(unlimited, 1, NOW) == unlimited


REFUSED: dict[str, tuple[facts.SwapRefused, frozenset[date], bool]] = {
    "a cut over, for no day": (facts.SwapRefused(Step.CUT_OVER, "so"), frozenset(), True),
    "a cut over, for a day": (facts.SwapRefused(Step.CUT_OVER, "so", DAYS[:1]), frozenset(DAYS[:1]), False),
    "a roll back, for no day": (facts.SwapRefused(Step.ROLL_BACK, "so"), frozenset(), False),
    "a roll back, for a day": (facts.SwapRefused(Step.ROLL_BACK, "so", DAYS[:1]), frozenset(), False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_refused_swap_leaves_to_be_done(name: str) -> None:
    refused, missing, failed = REFUSED[name]
    found = transitions.after_refused(with_(approved(), publication={"planned": refused.step}), refused)
    assert (found.publication.planned, found.missing, bool(found.failures)) == (None, missing, failed)
    assert found.staging.drifted == missing
    assert not found.staging.extended


@pytest.mark.parametrize("step", [Step.CUT_OVER, Step.ROLL_BACK])
@pytest.mark.parametrize("ending", [None, *Ending])
def test_a_swap_that_is_found_opens_a_correction_again_unless_its_files_are_gone(
    step: Step, ending: Ending | None
) -> None:
    before = with_(approved(), publication={"ending": ending, "swapped": frozenset(DAYS[:2])})
    swapped = facts.Swapped(step, SwapCommit(1, DAYS[1:3], NOW), {"board": ("2026-01-05",)}, ("mart",))
    found = transitions.after_swapped(before, swapped)
    is_in = step is Step.CUT_OVER
    assert found.publication.ending is (ending if ending is Ending.DECOMMISSIONED else None)
    assert found.publication.swapped == frozenset(DAYS[:3] if is_in else DAYS[:1])
    assert found.downstream.owes_notice is (NoticeKind.PUBLISHED if is_in else NoticeKind.ROLLED_BACK)
    assert (Step.CUT_OVER in found.done, found.gate.approval is not None) == (is_in, is_in)
    assert (found.downstream.owed, found.downstream.awaited_holders) == (OWED, {"mart"})


@pytest.mark.parametrize("handed_over_to", [(), ("c-9",)])
def test_a_report_that_is_handed_over_is_held_no_more(handed_over_to: tuple[str, ...]) -> None:
    holding = with_(live(), downstream={"reached": OWED, "frozen": frozenset({"board", "page"})})
    found = transitions.after_built(holding, facts.PartitionsBuilt("board", ("2026-01-05",), handed_over_to))
    assert not found.downstream.owed
    assert found.downstream.frozen == ({"page"} if handed_over_to else {"board", "page"})


@pytest.mark.parametrize("frozen", [True, False])
def test_who_heard_of_a_freeze_hears_that_nothing_changed(*, frozen: bool) -> None:
    progress = staged() if frozen else without(staged(), Step.FREEZE_REPORTS)
    found = transitions.after_validated(progress, replace(validated_fact(passed=True), closes=True))
    assert found.publication.ending is Ending.UNCHANGED
    assert found.downstream.owes_notice is (NoticeKind.UNCHANGED if frozen else None)


def validated_fact(*, passed: bool) -> facts.Validated:
    return facts.Validated(passed=passed, certificate="sha", reason="so")


@pytest.mark.parametrize("passed", [True, False])
def test_a_validation_that_does_not_pass_is_a_failure(*, passed: bool) -> None:
    found = transitions.after_validated(staged(), validated_fact(passed=passed))
    assert (found.gate.passed, Step.VALIDATE in found.done, bool(found.failures)) == (passed, passed, not passed)
    assert found.publication.ending is None


LAUNCHED = without(opened(of={"origin": "launch"}), Step.FREEZE_REPORTS)
HEARD: dict[str, tuple[Progress, bool]] = {
    "a request": (without(opened(), *PREPARATION), True),
    "a launch": (LAUNCHED, False),
    "a launch that is validated": (with_(LAUNCHED, gate={"certificate": "sha"}), True),
    "a launch that holds reports": (replace(LAUNCHED, done=PREPARED), True),
}


@pytest.mark.parametrize("name", HEARD)
def test_what_is_abandoned_is_told_to_whom_heard_of_it(name: str) -> None:
    progress, told_of_it = HEARD[name]
    found = transitions.after_abandoned(with_(progress, downstream={"frozen": frozenset({"board"})}))
    assert found.downstream.owes_notice is (NoticeKind.ABANDONED if told_of_it else None)
    assert (found.publication.ending, found.downstream.frozen) == (Ending.ABANDONED, frozenset())
