"""How quickly a correction is staged may change while it is: more or fewer waves at once, a pause, and going on."""

import pytest

from backfill_assets.core import facts
from backfill_assets.core.facts import Paced
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import NextStep, StageWaves, TakeSteps, WaitForRuns, next_step
from backfill_assets.core.pace import Paused
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.sentences import WaitsFor, sentence_of, waits_for
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from tests.core.test_rate import DAYS, PREPARED, T0, asked, events, staged

POLICY = WavePolicy(max_days=4, at_once=2, order=WaveOrder.OLDEST)
REQUEST = Request("a", Window(DAYS[0], DAYS[-1]), "wrong", correction="a", waves=POLICY)
PLAN = Plan("a", REQUEST, T0, "ada", PlannedInputs({"log": 1}))


def next_after(*told: facts.Fact) -> NextStep:
    return next_step(fold(PLAN, events(PLAN, *((0.0, fact) for fact in told))), T0)


def at_once(step: NextStep) -> int | None:
    return step.at_once if isinstance(step, StageWaves) else None


def key(first: int, last: int) -> str:
    return asked(first, last).request


PAUSE, RESUME = Paced(paused=True), Paced(paused=False)
WIDTHS: dict[str, tuple[tuple[facts.Fact, ...], int]] = {
    "as requested": ((), 2),
    "wider": ((Paced(4),), 4),
    "narrower": ((Paced(1),), 1),
    "what was set last": ((Paced(4), Paced(3)), 3),
    "wider than there are waves": ((Paced(50),), 50),
    "one is under way already": ((Paced(4), asked(1, 4)), 3),
    "a pause and going on leave it": ((Paced(4), PAUSE, RESUME), 4),
    "both at once": ((PAUSE, Paced(3, paused=False)), 3),
}


@pytest.mark.parametrize("what", WIDTHS)
def test_so_many_waves_run_side_by_side(what: str):
    told, wanted = WIDTHS[what]

    assert at_once(next_after(*told)) == wanted


def test_narrower_than_what_is_under_way_begins_nothing_more():
    under_way = (asked(1, 4), asked(5, 8))

    assert next_after(*under_way, Paced(1)) == WaitForRuns((key(1, 4), key(5, 8)))


PAUSED: dict[str, tuple[tuple[facts.Fact, ...], NextStep]] = {
    "no wave begins": ((PAUSE,), Paused("ada")),
    "with its reason": ((Paced(paused=True, note="month end"),), Paused("ada, month end")),
    "what is under way comes to its end": ((asked(1, 4), PAUSE), WaitForRuns((key(1, 4),))),
    "and then none begins": ((asked(1, 4), PAUSE, staged(1, 4)), Paused("ada")),
    "another width does not end it": ((PAUSE, Paced(4)), Paused("ada")),
    "a retry does not end it": ((PAUSE, facts.RetryRequested()), Paused("ada")),
}


@pytest.mark.parametrize("what", PAUSED)
def test_a_pause_holds_from_the_next_wave_on(what: str):
    told, wanted = PAUSED[what]

    assert next_after(*told) == wanted


def test_what_comes_after_staging_goes_on_in_a_pause():
    everything = staged(1, 20)

    assert next_after(PAUSE, everything) == next_after(everything)
    assert isinstance(next_after(PAUSE, everything), TakeSteps)


def test_the_steps_before_staging_are_taken_in_a_pause():
    paused = events(PLAN)[:1] + events(PLAN, (0.0, PAUSE))[len(PREPARED) + 1 :]

    assert isinstance(next_step(fold(PLAN, paused), T0), TakeSteps)


def test_a_pause_waits_for_a_person_and_says_who_paused():
    paused = Paused("ada, month end")

    assert waits_for(paused) is WaitsFor.PERSON
    assert sentence_of("a", paused) == (
        "The staging of correction a is paused by ada, month end. `backfill-assets pace a --resume` lets it go on."
    )


SUMMARIES: dict[str, Paced] = {
    "4 waves at once from the next wave on.": Paced(4),
    "The staging pauses from the next wave on (month end).": Paced(paused=True, note="month end"),
    "The staging goes on, 1 wave at once from the next wave on.": Paced(1, paused=False),
}


@pytest.mark.parametrize("sentence", SUMMARIES)
def test_the_ledger_says_what_was_changed(sentence: str):
    assert SUMMARIES[sentence].summary() == sentence
