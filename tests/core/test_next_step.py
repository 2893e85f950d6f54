"""What is next, held against every history there can be: random ones, killed ones, and a world that does its part."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.facts import Fact
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import (
    PREPARATION,
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
    before_validation,
    next_step,
)
from backfill_assets.core.plan import Approval, Plan, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import NINE_STEPS, Outcome, Step
from backfill_assets.core.window import Window
from tests.profiles import share_of_examples

OPENED = datetime(2026, 1, 23, 6, tzinfo=UTC)
DAYS = tuple(date(2026, 1, number) for number in range(1, 6))
REST = WaitForPerson | WaitUntil | Stuck | Finished | WaitForRuns | WaitForRate
Told = tuple[Step, Outcome, Mapping[str, Any]]


def plan(approval: Approval = Approval.MANUAL, origin: str = "", *, carries: bool = False, **expect: Any) -> Plan:
    expectation = Expectation.from_request(expect)
    request = Request(
        "fct", Window(DAYS[0], DAYS[-1]), "wrong", expectation=expectation, approval=approval, origin=origin
    )
    return Plan("20260123", request, OPENED, "ada", PlannedInputs(carries_state=carries))


def iso(days: Iterable[date]) -> list[str]:
    return sorted(str(day) for day in days)


def folded(told: Iterable[Told], of: Plan | None = None) -> Progress:
    """Where a correction stands after these events."""
    events = [
        Event("20260123", fact_of(step, outcome, detail), OPENED + timedelta(minutes=number), "ada", "", number)
        for number, (step, outcome, detail) in enumerate(told, 1)
    ]
    return fold(of or plan(), events)


def done(step: Step, **detail: Any) -> Told:
    return (step, Outcome.DONE, detail)


def staged(*days: date) -> Told:
    return (Step.STAGE, Outcome.PROGRESSED, {"days": iso(days or DAYS)})


def validated(changed: Iterable[date] = DAYS, *, passed: bool = True) -> Told:
    outcome = Outcome.DONE if passed else Outcome.FAILED
    return (Step.VALIDATE, outcome, {"certificate": "c1", "changed": iso(changed), "reason": "too large"})


def approved(*, override: bool = False) -> Told:
    return done(Step.APPROVE, certificate="c1", note="looked", override=override)


def swap_of(step: Step, version: int, days: Iterable[date] = DAYS) -> Told:
    swapped_at = (OPENED + timedelta(hours=1)).isoformat()
    reach = {"board": ["2026-01-01"]}
    return done(step, version=version, days=iso(days), swapped_at=swapped_at, reach=reach)


PREPARED = tuple(done(step, reports=["board"]) for step in PREPARATION)
VALIDATED = (*PREPARED, staged(), done(Step.STAGE), validated())
LIVE = (*VALIDATED, approved(), swap_of(Step.CUT_OVER, 1))
REBUILT = (
    (Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, {"report": "board", "partitions": ["2026-01-01"]}),
    done(Step.REBUILD_DOWNSTREAM),
    done(Step.COMMUNICATE),
)


class Willing:
    """A world in which every action succeeds: it answers what is next with what would be written down."""

    def __init__(self, told: Iterable[Told], of: Plan) -> None:
        self.told = list(told)
        self.plan = of
        self.swaps = 0

    @property
    def progress(self) -> Progress:
        return folded(self.told, self.plan)

    def answer(self, action: NextStep) -> None:
        match action:
            case TakeSteps(steps=steps):
                for step in steps:
                    self.take(step)
            case StageWaves(waves=waves):
                self.told.append(staged(*(day for wave in waves for day in wave)))
            case RebuildReports(partitions=partitions):
                for report, keys in partitions.items():
                    detail = {"report": report, "partitions": list(keys)}
                    self.told.append((Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail))
            case _:
                raise AssertionError(action)

    def take(self, step: Step) -> None:
        progress = self.progress
        match step:
            case Step.CUT_OVER | Step.ROLL_BACK:
                if progress.publication.planned is None:
                    self.told.append((step, Outcome.PLANNED, {"version": progress.publication.swap_count + 1}))
                days = (
                    progress.gate.changed - progress.publication.swapped
                    if step is Step.CUT_OVER
                    else progress.publication.swapped
                )
                self.swaps += 1
                self.told.append(swap_of(step, progress.publication.swap_count + 1, days))
            case Step.VALIDATE:
                assert not set(before_validation(self.plan)) - progress.done
                self.told.append(validated())
            case Step.FREEZE_REPORTS:
                self.told.append(done(step, reports=["board"]))
            case Step.REBUILD_DOWNSTREAM:
                assert not progress.downstream.owed
                self.told.append(done(step))
            case _:
                self.told.append(done(step))

    def to_rest(self, now: datetime) -> NextStep:
        for _ in range(40):
            action = next_step(self.progress, now)
            if isinstance(action, REST):
                return action
            self.answer(action)
        raise AssertionError(action)

    def helped(self, now: datetime) -> NextStep:
        """To the end, with a person who tries again and approves, and a patient clock."""
        for _ in range(8):
            match self.to_rest(now):
                case WaitForPerson():
                    self.told.append(approved())
                case Stuck():
                    self.told.append((Step.OPEN, Outcome.REQUESTED, {}))
                case WaitUntil(deadline=deadline):
                    now = max(now, deadline)
                    if self.progress.downstream.awaited_holders:
                        advanced = {"advanced": sorted(self.progress.downstream.awaited_holders)}
                        self.told.append((Step.RESET_WATERMARKS, Outcome.PROGRESSED, advanced))
                case resting:
                    return resting
        return next_step(self.progress, now)


SWAP_OUTCOMES = (Outcome.PLANNED, Outcome.DONE, Outcome.REFUSED)
days_of = st.lists(st.sampled_from(DAYS), unique=True, min_size=1).map(iso)
reports = st.lists(st.sampled_from(["2026-01-01", "2026-02-01"]), unique=True, min_size=1)


# Every step with every outcome that a ledger can hold of it, but for the runs that were asked for.
MEANINGFUL = sorted(
    {
        (fact.step, fact.outcome)
        for fact in get_args(Fact)
        if isinstance(fact.step, Step) and isinstance(fact.outcome, Outcome)
    }
    | {(step, Outcome.FAILED) for step in NINE_STEPS}
    | {(step, outcome) for step in (Step.CUT_OVER, Step.ROLL_BACK) for outcome in SWAP_OUTCOMES}
    | {(Step.VALIDATE, Outcome.DONE)}
)


@st.composite
def happenings(draw: st.DrawFn) -> Told:
    """Anything that a ledger can hold, in any order, sensible or not."""
    step, outcome = draw(st.sampled_from(MEANINGFUL))
    detail = {
        "days": draw(days_of),
        "reports": ["board"],
        "report": "board",
        "partitions": draw(reports),
        "certificate": draw(st.sampled_from(["c1", "c2"])),
        "changed": draw(days_of),
        "restage": draw(st.just([]) | days_of),
        "extended": draw(st.none() | st.just({"last": "2026-01-07", "pins": {"raw": 3}})),
        "reason": "so",
        "note": "n",
        "override": draw(st.booleans()),
        "version": draw(st.integers(1, 5)),
        "swapped_at": OPENED.isoformat(),
        "reach": {"board": draw(reports)},
        "holder": "h",
        "external": draw(st.sampled_from([[], ["h"]])),
        "advanced": ["h"],
        "event": "published",
        "closes": draw(st.booleans()),
    }
    if step is Step.OPEN:
        detail["plan"] = plan().as_json()
    if step is Step.STAGE and outcome is Outcome.DONE:
        detail["version"] = "t__backfill_c"
    if step is Step.VERIFY_SOURCE:
        detail["days"] = len(detail["days"])
    if step is Step.STAGE and outcome is Outcome.FAILED:
        detail["days"] = dict.fromkeys(detail["days"], "so")
    return step, outcome, detail


@given(st.lists(happenings(), max_size=12), st.sampled_from(list(Approval)), st.integers(0, 30), st.booleans())
def test_every_history_has_an_answer(told: list[Told], approval: Approval, days_later: int, carries: bool):  # noqa: FBT001
    progress = folded(told, plan(approval, carries=carries, same_rows=True))

    assert isinstance(
        next_step(progress, OPENED + timedelta(days=days_later)), TakeSteps | StageWaves | RebuildReports | REST
    )


ORIGINS = st.sampled_from(["", "launch"])


@given(st.lists(happenings(), max_size=8), st.sampled_from(list(Approval)), ORIGINS, st.booleans())
def test_from_every_history_a_willing_world_comes_to_rest(
    told: list[Told],
    approval: Approval,
    origin: str,
    carries: bool,  # noqa: FBT001
):
    Willing(told, plan(approval, origin, carries=carries, same_rows=True)).to_rest(OPENED)


@given(st.lists(happenings(), max_size=8), ORIGINS, st.booleans())
def test_from_every_history_a_willing_world_and_a_patient_person_come_to_the_end(
    told: list[Told],
    origin: str,
    carries: bool,  # noqa: FBT001
):
    world = Willing(told, plan(origin=origin, carries=carries))

    ended = world.helped(OPENED)

    assert isinstance(ended, Finished), ended
    assert not world.progress.downstream.owed or world.progress.publication.ending == "decommissioned"


@pytest.mark.parametrize("approval", list(Approval))
def test_a_correction_goes_through_the_nine_steps_and_ends(approval: Approval):
    world = Willing([], plan(approval, same_rows=True))

    assert world.helped(OPENED) == Finished("decommissioned")
    assert world.swaps == 1
    order = [step for step, outcome, _ in world.told if outcome is Outcome.DONE and step is not Step.APPROVE]
    assert order == [*PREPARATION, *list(Step)[4:6], *list(Step)[7:11]]


@share_of_examples(0.3)
@given(st.integers(0, 20))
def test_resuming_after_any_event_is_going_straight_on(killed_after: int):
    straight = Willing([], plan())
    straight.helped(OPENED)

    resumed = Willing(straight.told[:killed_after], plan())
    resumed.helped(OPENED)

    assert resumed.told == straight.told


def test_a_launch_freezes_after_its_validation_and_goes_the_same_way_from_there():
    world = Willing([], plan(origin="launch"))

    assert world.helped(OPENED) == Finished("decommissioned")
    order = [step for step, outcome, _ in world.told if outcome is Outcome.DONE and step is not Step.APPROVE]
    assert order == [*PREPARATION[1:], Step.STAGE, Step.VALIDATE, Step.FREEZE_REPORTS, *list(Step)[7:11]]


def test_while_the_canary_is_out_no_other_wave_goes():
    assert next_step(folded(PREPARED), OPENED) == StageWaves((Window(DAYS[-1], DAYS[-1]),), 2)
    beside = next_step(folded([*PREPARED, staged(DAYS[-1])]), OPENED)
    assert beside == StageWaves((Window(DAYS[0], DAYS[3]),), 2)


def test_a_day_that_failed_alone_is_tried_again_alone_and_then_somebody_has_to_look():
    failed = (Step.STAGE, Outcome.FAILED, {"days": {str(DAYS[2]): "no rate"}})
    most = [*PREPARED, staged(*(day for day in DAYS if day != DAYS[2]))]

    for tries in (1, 2):
        assert next_step(folded([*most, *[failed] * tries]), OPENED) == StageWaves((Window(DAYS[2], DAYS[2]),), 2)
    assert next_step(folded([*most, *[failed] * 3]), OPENED) == Stuck(Step.STAGE, f"[{DAYS[2]}] no rate")
    again = folded([*most, *[failed] * 3, (Step.OPEN, Outcome.REQUESTED, {})])
    assert isinstance(next_step(again, OPENED), StageWaves)


def test_a_failed_validation_stops_until_somebody_overrides_it_by_name():
    failed = [*PREPARED, staged(), done(Step.STAGE), validated(passed=False)]

    assert next_step(folded(failed), OPENED) == Stuck(Step.VALIDATE, "too large")
    assert next_step(folded([*failed, approved()]), OPENED) == Stuck(Step.VALIDATE, "too large")
    assert next_step(folded([*failed, approved(override=True)]), OPENED) == TakeSteps((Step.CUT_OVER,))


def test_an_override_does_not_outlive_the_certificate_it_was_given_for():
    overridden = [*PREPARED, staged(), done(Step.STAGE), validated(passed=False), approved(override=True)]

    again = (Step.VALIDATE, Outcome.FAILED, {"certificate": "c2", "changed": iso(DAYS), "reason": "worse"})

    assert next_step(folded([*overridden, staged(DAYS[0]), again]), OPENED) == Stuck(Step.VALIDATE, "worse")


def test_drift_stages_exactly_the_drifted_days_again_and_keeps_the_approval():
    drifted = (Step.CUT_OVER, Outcome.REFUSED, {"restage": iso([DAYS[1], DAYS[3]]), "reason": "moved"})
    told = [*VALIDATED, approved(), drifted]

    assert next_step(folded(told), OPENED) == StageWaves(
        (Window(DAYS[1], DAYS[1]), Window(DAYS[3], DAYS[3])), at_once=2
    )
    told += [staged(DAYS[1], DAYS[3])]
    assert next_step(folded(told), OPENED) == TakeSteps((Step.STAGE, Step.VALIDATE))
    told += [done(Step.STAGE), validated()]
    assert next_step(folded(told), OPENED) == TakeSteps((Step.CUT_OVER,))


def test_staging_a_day_that_had_not_drifted_takes_the_approval_back():
    told = [*VALIDATED, approved(), staged(DAYS[0]), done(Step.STAGE), validated()]

    assert isinstance(next_step(folded(told), OPENED), WaitForPerson)


def test_a_refusal_that_names_no_day_waits_for_a_person():
    refused = (Step.CUT_OVER, Outcome.REFUSED, {"restage": [], "reason": "deletion vectors"})

    assert next_step(folded([*VALIDATED, approved(), refused]), OPENED) == Stuck(Step.CUT_OVER, "deletion vectors")


def test_what_was_planned_and_may_have_happened_comes_first():
    for step in (Step.CUT_OVER, Step.ROLL_BACK):
        planned = (step, Outcome.PLANNED, {"version": 2})
        assert next_step(folded([*LIVE, *REBUILT, planned]), OPENED) == TakeSteps((step,))


def test_after_a_roll_back_readers_are_served_and_then_a_person_is_waited_for():
    back = [*LIVE, *REBUILT, swap_of(Step.ROLL_BACK, 2)]

    assert next_step(folded(back), OPENED) == RebuildReports({"board": ("2026-01-01",)})
    told = [*back, *REBUILT]
    assert isinstance(next_step(folded(told), OPENED), WaitForPerson)
    assert next_step(folded([*told, approved()]), OPENED) == TakeSteps((Step.CUT_OVER,))
    again = folded([*told, approved(), swap_of(Step.CUT_OVER, 3), *REBUILT])
    assert isinstance(next_step(again, OPENED), WaitUntil)


def test_after_a_roll_back_of_some_days_the_others_keep_their_deadline():
    some = [*LIVE, *REBUILT, swap_of(Step.ROLL_BACK, 2, DAYS[:2]), *REBUILT]

    waiting = next_step(folded(some), OPENED)

    assert isinstance(waiting, WaitUntil)
    assert next_step(folded(some), waiting.deadline) == TakeSteps((Step.DECOMMISSION,))


def test_days_that_drift_after_a_roll_back_of_some_are_staged_again_before_the_next_cut_over():
    some = [*LIVE, *REBUILT, swap_of(Step.ROLL_BACK, 2, DAYS[:2]), *REBUILT, approved()]
    drifted = (Step.CUT_OVER, Outcome.REFUSED, {"restage": iso(DAYS[:1]), "reason": "moved"})

    assert next_step(folded([*some, drifted]), OPENED) == StageWaves((Window(DAYS[0], DAYS[0]),), 2)


def test_abandoning_owes_the_reports_that_were_refused_and_a_notice():
    refused = (Step.FREEZE_REPORTS, Outcome.REFUSED, {"report": "board", "partitions": ["2026-01-01"]})
    told = [*PREPARED, refused, done(Step.ABANDON, note="wrong idea")]

    assert folded(told).downstream.frozen == frozenset()
    assert next_step(folded(told), OPENED) == RebuildReports({"board": ("2026-01-01",)})
    assert next_step(folded([*told, *REBUILT]), OPENED) == Finished("abandoned")


def test_a_partition_refused_after_it_was_built_is_owed_once_more():
    refused = (Step.FREEZE_REPORTS, Outcome.REFUSED, {"report": "board", "partitions": ["2026-01-01"]})

    assert next_step(folded([*LIVE, REBUILT[0], refused]), OPENED) == RebuildReports({"board": ("2026-01-01",)})
    assert next_step(folded([*LIVE, *REBUILT, refused]), OPENED) == RebuildReports({"board": ("2026-01-01",)})


def test_two_corrections_that_hold_one_report_hand_it_over_and_it_is_built_once():
    first, second = [*LIVE], [*PREPARED]
    handed = (Step.FREEZE_REPORTS, Outcome.REFUSED, {"report": "board", "partitions": ["2026-01-01"]})
    first += [REBUILT[0]]  # handed over, which counts as built here
    second += [handed]

    assert next_step(folded(first), OPENED) == TakeSteps((Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE))
    assert folded(second).downstream.owed == {("board", "2026-01-01")}
    second += [staged(), done(Step.STAGE), validated([]), approved(), swap_of(Step.CUT_OVER, 1, [])]
    assert next_step(folded(second), OPENED) == RebuildReports({"board": ("2026-01-01",)})


def test_days_are_claimed_until_the_cut_over_and_again_once_all_are_back():
    assert folded([]).claimed == frozenset(DAYS)
    assert folded([*VALIDATED, approved()]).claimed == frozenset(DAYS)
    assert folded(LIVE).claimed == frozenset()
    assert folded([*LIVE, swap_of(Step.ROLL_BACK, 2)]).claimed == frozenset(DAYS)
    assert folded([*LIVE, swap_of(Step.ROLL_BACK, 2), done(Step.ABANDON)]).claimed == frozenset()
