"""What is next becomes work items, and the loop goes on for as long as a launcher is done with them at once."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from backfill_assets.core.advance import advance, work_of
from backfill_assets.core.facts import DecommissionStarted
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
from backfill_assets.core.steps import Ending, Step, WorkItem
from backfill_assets.core.window import Window
from tests.core.test_next_step import DAYS, OPENED, Willing, approved, done, folded, plan, staged

WAVES = tuple(Window(day, day) for day in DAYS)
SWEPT = TakeSteps((Step.DECOMMISSION,))


@dataclass
class Recorder:
    """A launcher over a willing world: what it was given, and whether it is done with it at once."""

    world: Willing
    at_once: bool = True
    taken: tuple[date, ...] = ()
    launched: list[str] = field(default_factory=list)

    def progress(self, correction: str):
        return self.world.progress

    def now(self) -> datetime:
        return OPENED + timedelta(days=1)

    def busy(self, progress, /):
        return self.taken

    def nightly(self) -> None:
        return None

    def others(self, progress, /):
        return ()

    def wait(self, until: datetime) -> bool:
        raise AssertionError(until)

    def launch(self, progress, items) -> bool:
        self.launched += [item.name for item in items]
        for item in items:
            if item.wave is not None:
                self.world.told.append(staged(*item.wave))
            for step in item.steps:
                if step is Step.REBUILD_DOWNSTREAM and self.world.progress.downstream.owed:
                    self.world.answer(RebuildReports({"board": ("2026-01-01",)}))
                self.world.take(step)
        return self.at_once


def test_every_next_step_has_its_work_items():
    progress = folded([])
    assert work_of(TakeSteps((Step.STAGE, Step.VALIDATE)), progress) == (WorkItem((Step.STAGE, Step.VALIDATE)),)
    assert work_of(StageWaves(WAVES, at_once=2), progress) == tuple(WorkItem(wave=wave) for wave in WAVES[:2])
    assert work_of(RebuildReports({"board": ("2026-01-01",)}), progress) == (WorkItem((Step.REBUILD_DOWNSTREAM,)),)
    waits: list[NextStep] = [
        WaitForRuns(("a",)),
        WaitForRate("log", 4.0, OPENED),
        WaitForNightly("fct", OPENED, OPENED),
        Paused("ada"),
        BudgetSpent("All of it is spent."),
        WaitForPerson("look"),
        WaitUntil(OPENED, frozenset()),
        Stuck(Step.STAGE, "broken"),
        Finished(Ending.ABANDONED),
    ]
    assert [work_of(one, progress) for one in waits] == [()] * len(waits)


def test_a_step_that_others_begin_is_left_to_them_and_ended_once_it_is_begun():
    begun = folded([(Step.DECOMMISSION, DecommissionStarted.outcome, {})])
    assert work_of(SWEPT, folded([]), leaves={Step.DECOMMISSION}) == ()
    assert work_of(SWEPT, begun, leaves={Step.DECOMMISSION}) == (WorkItem((Step.DECOMMISSION,)),)


def test_the_loop_goes_on_until_a_person_has_to_look_and_announces_each_step():
    announced: list[NextStep] = []
    launcher = Recorder(Willing([], plan()))
    ended = advance(launcher, "20260123", announce=announced.append)
    assert isinstance(ended, WaitForPerson)
    assert announced[-1] is ended
    assert launcher.launched[-1] == "stage+validate"
    launcher.world.told.append(approved())
    assert isinstance(advance(launcher, "20260123"), WaitUntil)


def test_a_launcher_whose_runs_take_their_time_is_asked_once():
    launcher = Recorder(Willing([], plan()), at_once=False)
    assert isinstance(advance(launcher, "20260123"), TakeSteps)
    assert len(launcher.launched) == 1


def test_days_that_somebody_else_is_staging_are_left_to_him():
    prepared = [done(step) for step in (Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS)]
    launcher = Recorder(Willing([*prepared, staged(DAYS[-1])], plan()), taken=DAYS)
    assert isinstance(advance(launcher, "20260123"), WaitForRuns)
    assert launcher.launched == []
