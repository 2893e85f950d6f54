"""What is next is said once: in a word for programs, in a sentence for people."""

from datetime import UTC, date, datetime
from typing import get_args

import pytest

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
from backfill_assets.core.sentences import WaitsFor, sentence_of, waits_for
from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.window import Window

DEADLINE = datetime(2026, 2, 6, tzinfo=UTC)
DAY = Window(date(2026, 1, 1), date(2026, 1, 1))
SAID: list[tuple[NextStep, WaitsFor, str]] = [
    (TakeSteps((Step.STAGE, Step.VALIDATE)), WaitsFor.RUN, "Correction c continues with stage, validate."),
    (StageWaves((DAY,), 1), WaitsFor.RUN, "Correction c has 1 day to stage."),
    (RebuildReports({"page": ("2026-01-01",)}), WaitsFor.RUN, "Correction c has reports to rebuild."),
    (WaitForRuns(("c/stage/1",)), WaitsFor.RUN, "Correction c is under way in c/stage/1."),
    (WaitForRuns(()), WaitsFor.RUN, "Correction c is under way in a backfill that somebody launched."),
    (
        WaitForRate("log", 4.0, DEADLINE),
        WaitsFor.TIME,
        "Correction c waits for log, which bears 4 days a minute, until 2026-02-06 00:00:00 UTC.",
    ),
    (
        WaitForRate("log", 1.0, DEADLINE, "d/wave/1"),
        WaitsFor.TIME,
        "Correction c waits for log, which bears 1 day a minute, until d/wave/1 has ended.",
    ),
    (
        WaitForNightly("daily_orders", DEADLINE, DEADLINE),
        WaitsFor.TIME,
        "Correction c gives way to the nightly of daily_orders, which is due by 2026-02-06 00:00 UTC.",
    ),
    (WaitForChain("d", "Correction c waits for d."), WaitsFor.RUN, "Correction c waits for d."),
    (WaitForPerson("It waits for approval."), WaitsFor.PERSON, "It waits for approval."),
    (
        Paused("ada"),
        WaitsFor.PERSON,
        "The staging of correction c is paused by ada. `backfill-assets pace c --resume` lets it go on.",
    ),
    (
        BudgetSpent("The staging has cost 2 core-hours of its budget of 2 core-hours."),
        WaitsFor.PERSON,
        (
            "The staging has cost 2 core-hours of its budget of 2 core-hours. No further wave of correction c begins. "
            "`backfill-assets pace c --budget` raises it, and the staging goes on."
        ),
    ),
    (
        WaitUntil(DEADLINE, frozenset({"crm"})),
        WaitsFor.TIME,
        "Correction c is live. It may be rolled back until 2026-02-06 and waits for crm.",
    ),
    (Stuck(Step.STAGE, "No rate."), WaitsFor.REPAIR, "Correction c is stuck at stage. No rate."),
    (Finished(Ending.ABANDONED), WaitsFor.NOTHING, "Correction c is abandoned."),
]


@pytest.mark.parametrize(("step", "word", "sentence"), SAID, ids=lambda one: type(one).__name__)
def test_a_next_step_is_said_in_a_word_and_in_a_sentence(step: NextStep, word: WaitsFor, sentence: str):
    assert (waits_for(step), sentence_of("c", step)) == (word, sentence)


def test_every_next_step_is_said():
    assert {type(step) for step, _, _ in SAID} == {*get_args(NextStep)}
