"""What was asked for is waited for, is asked again when it came to nothing, and never twice at once."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.facts import DaysFailed
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import StageWaves, Stuck, TakeSteps, WaitForRuns, next_step
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Outcome, Step, WorkItem
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.runbook.failing import died

NOW = datetime(2026, 1, 23, tzinfo=UTC)
WINDOW = Window(date(2026, 1, 1), date(2026, 1, 9))
PREPARED = [(step, Outcome.DONE, {}) for step in (Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS)]


def plan(**policy):
    waves = WavePolicy(**{"max_days": 3, "order": WaveOrder.OLDEST, **policy})
    return Plan("c", Request("fact", WINDOW, "wrong", waves=waves), NOW, "ada")


def folded(*told, of=None) -> Progress:
    events = [
        Event("c", fact_of(step, outcome, detail), NOW, "x", "", n) for n, (step, outcome, detail) in enumerate(told, 1)
    ]
    return fold(of or plan(), events)


def asked(work_item: WorkItem, number: int = 1):
    key = f"c/{work_item.name}/{number}"
    return work_item.step, Outcome.REQUESTED, {"request": key, "errand": work_item.as_json()}


def ended(work_item: WorkItem, outcome=Outcome.ENDED, reason="", number: int = 1):
    return work_item.step, outcome, {"request": f"c/{work_item.name}/{number}", "reason": reason}


def wave(first: int, last: int) -> WorkItem:
    return WorkItem(wave=Window(date(2026, 1, first), date(2026, 1, last)))


def days(first: int, last: int):
    return {"days": [str(day) for day in Window(date(2026, 1, first), date(2026, 1, last))]}


STEPS = WorkItem(steps=(Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS))


def test_steps_that_are_asked_for_are_waited_for_until_the_last_is_done():
    assert next_step(folded(asked(STEPS)), NOW) == WaitForRuns(("c/freeze_reports+verify_source+reset_watermarks/1",))
    assert isinstance(next_step(folded(asked(STEPS), *PREPARED[:2]), NOW), WaitForRuns)
    assert isinstance(next_step(folded(asked(STEPS), *PREPARED), NOW), StageWaves)


def test_a_request_does_not_undo_a_step_that_is_done():
    assert folded(*PREPARED, asked(STEPS)).done == {step for step, _, _ in PREPARED}


def test_a_failed_step_ends_its_run_and_waits_for_a_person():
    failed = folded(asked(STEPS), (Step.VERIFY_SOURCE, Outcome.FAILED, {"reason": "gone"}))
    assert next_step(failed, NOW) == Stuck(Step.VERIFY_SOURCE, "gone")
    assert not failed.runs.pending


def test_a_run_that_ended_without_a_word_is_asked_for_again_under_the_next_key():
    progress = folded(asked(STEPS), ended(STEPS, reason="killed"))
    assert next_step(progress, NOW) == TakeSteps(STEPS.steps)
    assert progress.runs.next_key("c", STEPS) == "c/freeze_reports+verify_source+reset_watermarks/2"
    assert progress.runs.fruitless == {STEPS.name: 1}


def test_another_try_forgets_what_came_to_nothing_but_not_the_keys_that_were_used():
    progress = folded(asked(STEPS), ended(STEPS, reason="killed"), (Step.OPEN, Outcome.REQUESTED, {}))
    assert progress.runs.fruitless == {}
    assert progress.runs.next_key("c", STEPS).endswith("/2")


def test_only_so_many_waves_are_asked_for_side_by_side_and_no_day_twice():
    first = folded(*PREPARED, asked(wave(1, 3)))
    decided = next_step(first, NOW)
    assert isinstance(decided, StageWaves)
    assert (decided.at_once, decided.waves[0]) == (1, Window(date(2026, 1, 4), date(2026, 1, 6)))
    both = folded(*PREPARED, asked(wave(1, 3)), asked(wave(4, 6)))
    assert isinstance(next_step(both, NOW), WaitForRuns)
    one_back = folded(*PREPARED, asked(wave(1, 3)), asked(wave(4, 6)), (Step.STAGE, Outcome.PROGRESSED, days(1, 3)))
    decided = next_step(one_back, NOW)
    assert isinstance(decided, StageWaves)
    assert decided.waves == (Window(date(2026, 1, 7), date(2026, 1, 9)),)


def test_nothing_goes_beside_the_canary():
    told = [*PREPARED, asked(wave(9, 9))]
    assert isinstance(next_step(folded(*told, of=plan(order=WaveOrder.CANARY)), NOW), WaitForRuns)


def test_days_that_somebody_else_is_staging_are_waited_for():
    progress = folded(*PREPARED)
    assert next_step(progress, NOW, WINDOW.days) == WaitForRuns(())
    decided = next_step(progress, NOW, WINDOW.days[:5])
    assert isinstance(decided, StageWaves)
    assert decided.waves[0] == Window(date(2026, 1, 6), date(2026, 1, 8))


def test_days_staged_by_other_code_are_missing_again():
    progress = folded(
        *PREPARED,
        (Step.STAGE, Outcome.PROGRESSED, days(1, 9)),
        (Step.STAGE, Outcome.REFUSED, {"restage": days(4, 5)["days"]}),
    )
    assert progress.missing == set(Window(date(2026, 1, 4), date(2026, 1, 5)))


def test_a_stopped_backfill_waits_for_a_person_until_no_day_is_missing():
    stopped = [*PREPARED, (Step.STAGE, Outcome.PROGRESSED, days(1, 4)), (Step.STAGE, Outcome.FAILED, {"reason": "off"})]
    assert next_step(folded(*stopped), NOW) == Stuck(Step.STAGE, "off")
    assert isinstance(next_step(folded(*stopped, (Step.OPEN, Outcome.REQUESTED, {})), NOW), StageWaves)
    whole = folded(*stopped, (Step.STAGE, Outcome.PROGRESSED, days(5, 9)))
    assert next_step(whole, NOW) == TakeSteps((Step.STAGE, Step.VALIDATE))


def test_abandoning_forgets_what_was_asked_for():
    assert not folded(asked(STEPS), (Step.ABANDON, Outcome.DONE, {})).runs.pending


@pytest.mark.parametrize("work_item", [STEPS, wave(1, 3)])
def test_a_work_item_is_read_back_as_it_was_written(work_item):
    assert WorkItem.from_json(work_item.as_json()) == work_item


@given(st.lists(st.sampled_from(["ask", "end", "die", "stage"]), max_size=20))
def test_whatever_happens_a_work_item_is_pending_once_at_most_and_its_keys_never_repeat(actions):
    progress, keys = folded(*PREPARED), []
    told = [*PREPARED]
    work_item = wave(1, 3)
    for action in actions:
        pending = list(progress.runs.pending)
        if action == "ask" and not pending:
            keys.append(progress.runs.next_key("c", work_item))
            told.append((Step.STAGE, Outcome.REQUESTED, {"request": keys[-1], "errand": work_item.as_json()}))
        elif action in {"end", "die"} and pending:
            told.append((Step.STAGE, Outcome.ENDED, {"request": pending[0], "reason": (action == "die" and "x") or ""}))
        elif action == "stage":
            told.append((Step.STAGE, Outcome.PROGRESSED, days(1, 3)))
        progress = folded(*told)
        assert len(progress.runs.pending) <= 1
    assert len(keys) == len(set(keys))
    assert replace(progress, runs=folded().runs).staging.staged in (set(), set(wave(1, 3).wave.days))


@pytest.mark.parametrize(("fruitless", "attempts", "again"), [(0, 1, False), (0, 2, True), (1, 3, True), (2, 3, False)])
def test_a_run_that_comes_to_nothing_is_tried_again_so_often(fruitless: int, attempts: int, *, again: bool):
    told = [
        one for n in range(1, fruitless + 1) for one in (asked(wave(1, 3), n), ended(wave(1, 3), reason="x", number=n))
    ]

    assert folded(*PREPARED, *told).runs.is_tried_again(wave(1, 3), attempts) is again


class Died(NamedTuple):
    """What was told before the last run died: runs that came to nothing, and days that it has staged itself."""

    last: WorkItem
    comes_to: str
    before: int = 0
    staged: tuple[int, ...] = ()
    attempts: int = 3
    carries_state: bool = False
    is_tried_anew: bool = False
    order: WaveOrder = WaveOrder.OLDEST


DIED: dict[str, Died] = {
    "a step": Died(STEPS, "RunEnded"),
    "a step, as often as the request allows": Died(STEPS, "RunFailed", before=2),
    "a step of a request that allows one try": Died(STEPS, "RunFailed", attempts=1),
    "a wave is asked for once more as it is": Died(wave(1, 3), "RunEnded"),
    "a wave again, its days have failed": Died(wave(1, 3), "DaysFailed 1 2 3", before=1),
    "a wave of a request that allows one try": Died(wave(1, 3), "DaysFailed 1 2 3", attempts=1),
    "a wave of one day has failed at once": Died(wave(1, 1), "DaysFailed 1"),
    "a wave of which one day is left": Died(wave(1, 3), "DaysFailed 1", staged=(2, 3)),
    "a wave of which two are left": Died(wave(1, 3), "RunEnded", staged=(3,)),
    "a wave of which two are left, again": Died(wave(1, 3), "DaysFailed 1 2", before=1, staged=(3,)),
    "a person's try begins anew": Died(wave(1, 3), "RunEnded", before=2, is_tried_anew=True),
    "a canary": Died(wave(9, 9), "RunEnded", order=WaveOrder.CANARY),
    "a canary, as often as the request allows": Died(wave(9, 9), "RunFailed", before=2, order=WaveOrder.CANARY),
    "a wave after its canary": Died(wave(1, 3), "RunEnded", staged=(9,), order=WaveOrder.CANARY),
    "a wave after its canary, again": Died(
        wave(1, 3), "DaysFailed 1 2 3", before=1, staged=(9,), order=WaveOrder.CANARY
    ),
    "a wave that carries state": Died(wave(1, 3), "RunEnded", carries_state=True),
    "a wave that carries state, again": Died(wave(1, 3), "DaysFailed 1 2 3", before=1, carries_state=True),
}


@pytest.mark.parametrize("what", DIED)
def test_what_a_run_comes_to_that_died_without_a_word(what: str):
    case = DIED[what]
    numbers = range(1, case.before + 1)
    lost = [told for n in numbers for told in (asked(case.last, n), ended(case.last, reason="killed", number=n))]
    anew = [(Step.OPEN, Outcome.REQUESTED, {})] * case.is_tried_anew
    staged = {"days": [str(date(2026, 1, day)) for day in case.staged]}
    own = [(Step.STAGE, Outcome.PROGRESSED, staged)] if case.staged else []
    of = replace(
        plan(attempts=case.attempts, order=case.order), inputs=PlannedInputs({}, carries_state=case.carries_state)
    )
    progress = folded(*PREPARED, *lost, *anew, asked(case.last, case.before + 1), *own, of=of)

    (pending,) = progress.runs.pending.values()
    found = died(progress, pending, "It was killed.", "a run")

    days = [str(day.day) for day in found.days] if isinstance(found, DaysFailed) else []
    assert " ".join([type(found).__name__, *days]) == case.comes_to
