"""A source is never read faster than it declares: waves wait until it bears them, whoever read it last."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core import facts
from backfill_assets.core.advance import advance
from backfill_assets.core.events import Event
from backfill_assets.core.facts import DaysFailed, DaysStaged, LaunchPostponed, RunEnded, RunRequested, StagingStopped
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import NextStep, StageWaves, Stuck, TakeSteps, WaitForRuns, next_step
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import CLOCKS_AGREE, LOOK_AGAIN, WaitForRate
from backfill_assets.core.requirements import RunIsFree, holds
from backfill_assets.core.steps import Step, WorkItem
from backfill_assets.core.waves import WaveOrder, WavePolicy, within_rate
from backfill_assets.core.window import Window

T0 = datetime(2026, 1, 23, 6, tzinfo=UTC)
DAYS = tuple(date(2026, 1, number) for number in range(1, 21))
PREPARED = (facts.ReportsFrozen(), facts.SourceVerified(), facts.WatermarksReset())
Told = tuple[float, facts.Fact]
"""A fact, and how many seconds after the opening it was written down."""


def plan(name: str = "a", days_per_minute: float = 4, source: str = "log", other_pins: tuple[str, ...] = ()) -> Plan:
    waves = within_rate(WavePolicy(order=WaveOrder.OLDEST), days_per_minute)
    request = Request(name, Window(DAYS[0], DAYS[-1]), "wrong", correction=name, waves=waves)
    inputs = PlannedInputs(dict.fromkeys((source, *other_pins), 1), rates={source: days_per_minute})
    return Plan(name, request, T0, "ada", inputs)


def events(of: Plan, *told: Told) -> tuple[Event, ...]:
    known = [(0.0, facts.Opened(of)), *((0.0, fact) for fact in PREPARED), *told]
    return tuple(
        Event(of.correction, fact, at(seconds), "ada", "", number) for number, (seconds, fact) in enumerate(known, 1)
    )


def progress(*told: Told, of: Plan | None = None) -> Progress:
    return fold(of or plan(), events(of or plan(), *told))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def staged(first: int, last: int, seconds: float = 0.0) -> DaysStaged:
    return DaysStaged(DAYS[first - 1 : last], seconds=seconds)


def failed(first: int, last: int) -> DaysFailed:
    return DaysFailed(dict.fromkeys(DAYS[first - 1 : last], "broken"))


def wave(first: int, last: int) -> WorkItem:
    return WorkItem(wave=Window(DAYS[first - 1], DAYS[last - 1]))


def asked(first: int, last: int, name: str = "a", number: int = 1) -> RunRequested:
    item = wave(first, last)
    return RunRequested(f"{name}/{item.name}/{number}", item)


def until(seconds: float, rate: float = 4.0, behind: str = "") -> WaitForRate:
    return WaitForRate("log", rate, at(seconds), behind)


WAVE = asked(1, 4).request
CASES: dict[str, tuple[tuple[Told, ...], float, WaitForRate | None]] = {
    "nothing was read yet": ((), 0, None),
    "four days keep it for a minute": (((10, staged(1, 4)),), 11, until(70)),
    "counted from where their run began": (((10, staged(1, 4, seconds=8)),), 11, until(62)),
    "a run that took longer has waited already": (((90, staged(1, 4, seconds=80)),), 91, None),
    "two days keep it for half as long": (((10, staged(1, 2)),), 11, until(40)),
    "at the time itself it may be read": (((10, staged(1, 4)),), 70, None),
    "failed days have read it too": (((10, failed(1, 4)),), 11, until(70)),
    "staged and failed days of one run are added up": (((10, staged(1, 3)), (10, failed(4, 4))), 11, until(70)),
    "a run killed without a word may just have read it": (
        ((10, asked(1, 4)), (40, RunEnded(Step.STAGE, WAVE, "killed", "run"))),
        41,
        until(100),
    ),
    "and so the days that it had told of count once": (
        ((10, asked(1, 4)), (20, staged(1, 2)), (40, RunEnded(Step.STAGE, WAVE, "killed", "run"))),
        41,
        until(80),
    ),
    "a run that was never made has not read it": (
        ((10, asked(1, 4)), (40, RunEnded(Step.STAGE, WAVE, "Its process is gone."))),
        41,
        None,
    ),
    "a run that was taken out of the queue has not read it": (
        ((10, asked(1, 4)), (40, RunEnded(Step.STAGE, WAVE, run="run"))),
        41,
        None,
    ),
    "what a clock wrote that was set back since says nothing": (((86_400, staged(1, 4)),), 11, None),
    "clocks of two hosts may differ a little": (((40, staged(1, 4)),), 11, until(100)),
    "a fact by the clock as it is now counts after one that was ahead": (
        ((86_400, staged(1, 4)), (20, staged(5, 8))),
        21,
        until(80),
    ),
    "unlimited days of before are made up for": (((10, staged(1, 4)), (10, staged(5, 8))), 11, until(130)),
}


@pytest.mark.parametrize(("told", "now", "expected"), CASES.values(), ids=CASES)
def test_waves_wait_until_the_source_bears_them(told: tuple[Told, ...], now: float, expected: WaitForRate | None):
    decided = next_step(progress(*told), at(now))
    assert decided == expected if expected is not None else isinstance(decided, StageWaves)


def of_other(**fields) -> Plan:
    return plan("b", **fields)


OTHERS: dict[str, tuple[Plan, tuple[Told, ...], float, WaitForRate | None]] = {
    "it has read nothing": (of_other(), (), 11, None),
    "it has just read": (of_other(), ((10, staged(1, 4)),), 11, until(70)),
    "it bears less there": (of_other(days_per_minute=2), ((10, staged(1, 2)),), 11, until(70)),
    "it has read another source": (of_other(source="else"), ((10, staged(1, 4)),), 11, None),
    "it is reading": (of_other(), ((10, asked(1, 4, "b")),), 11, until(70, behind=f"b/{wave(1, 4).name}/1")),
    "it reads longer than it has to": (
        of_other(),
        ((10, asked(1, 4, "b")),),
        100,
        until(100 + LOOK_AGAIN.total_seconds(), behind=f"b/{wave(1, 4).name}/1"),
    ),
    "it is reading another source": (of_other(source="else"), ((10, asked(1, 4, "b")),), 11, None),
    "it was opened before the limit was declared, and is reading": (
        of_other(source="else", other_pins=("log",)),
        ((10, asked(1, 4, "b")),),
        11,
        until(70, behind=f"b/{wave(1, 4).name}/1"),
    ),
    "it was given up while it read": (
        of_other(),
        ((10, asked(1, 4, "b")), (20, facts.Abandoned(""))),
        21,
        until(80),
    ),
    "it was given up after it had read": (of_other(), ((10, staged(1, 4)), (11, facts.Abandoned(""))), 12, until(70)),
}


@pytest.mark.parametrize(("other", "told", "now", "expected"), OTHERS.values(), ids=OTHERS)
def test_corrections_that_share_a_source_share_its_rate(
    other: Plan, told: tuple[Told, ...], now: float, expected: WaitForRate | None
):
    """Also when the two decided at once: the request is not written down either."""
    decided = next_step(progress(), at(now), others=[progress(*told, of=other)])
    histories = {"a": events(plan()), "b": events(other, *told)}
    item = wave(1, 4)

    assert decided == expected if expected is not None else isinstance(decided, StageWaves)
    assert holds(RunIsFree("a", f"a/{item.name}/1", item, at(now)), histories) is (expected is None)


def test_only_waves_wait():
    """Steps read no days, and what is stuck is said at once."""
    read = (10.0, staged(1, 4))
    done = [(20.0, staged(5, 20))]
    assert isinstance(next_step(progress(read, *done), at(21)), TakeSteps)
    tried = [(10.0 + number, failed(1, 20)) for number in range(3)]
    assert isinstance(next_step(progress(*tried), at(14)), Stuck)
    assert isinstance(next_step(progress(read, (11, asked(5, 8))), at(12)), WaitForRuns)


def test_a_plan_of_before_keeps_the_smallest_rate_for_every_source():
    of = plan()
    before = replace(of, inputs=replace(of.inputs, rates={}))
    assert next_step(progress((10, staged(1, 4)), of=before), at(11)) == until(70)
    unlimited = replace(before, request=replace(before.request, waves=WavePolicy()))
    assert "rates" not in unlimited.as_json()
    assert isinstance(next_step(progress((10, staged(1, 4)), of=unlimited), at(11)), StageWaves)


def test_rates_survive_the_plan_in_the_ledger():
    assert Plan.from_json(plan().as_json()) == plan()


def test_days_of_a_launch_that_waits_are_missing_and_get_another_try():
    tried = [(float(number), failed(1, 4)) for number in range(3)]
    stopped = (4.0, StagingStopped("It was cancelled.", "backfill"))
    told = [(0.0, staged(5, 20)), *tried, stopped]
    assert isinstance(next_step(progress(*told), at(600)), Stuck)
    launched = progress(*told, (5.0, LaunchPostponed(DAYS[:5], "log", 4.0)))
    assert launched.missing == {*DAYS[:5]}
    decided = next_step(launched, at(600))
    assert isinstance(decided, StageWaves)
    assert decided.waves == (Window(DAYS[0], DAYS[3]), Window(DAYS[4], DAYS[4]))


class Clocked:
    """A launcher in a world where a wave takes some seconds; it waits as a process does, and notes what it read."""

    def __init__(self, of: Plan, took: float, *, frozen: bool) -> None:
        self.plan, self.took, self.frozen = of, took, frozen
        self.clock, self.waited = 0.0, 0.0
        self.told: list[Told] = []
        self.read: list[tuple[float, int]] = []

    def progress(self, _correction: str) -> Progress:
        return progress(*self.told, of=self.plan)

    def now(self) -> datetime:
        return at(max(self.clock, self.waited))

    def busy(self, _progress: Progress, /) -> tuple[date, ...]:
        return ()

    def nightly(self) -> None:
        return None

    def others(self, _progress: Progress, /) -> tuple[Progress, ...]:
        return ()

    def wait(self, until: datetime, /) -> bool:
        self.waited = (until - T0).total_seconds()
        self.clock = self.clock if self.frozen else max(self.clock, self.waited)
        return True

    def launch(self, _progress: Progress, items) -> bool:
        for item in items:
            if item.wave is None:
                return False
            self.read.append((max(self.clock, self.waited), len(item.wave)))
            self.clock += 0 if self.frozen else self.took
            self.told.append((self.clock, DaysStaged(item.wave.days, seconds=self.took)))
        return True


@given(rate=st.sampled_from([0.5, 1, 2.5, 4, 7, 60]), took=st.sampled_from([0.0, 1, 30, 100]), frozen=st.booleans())
def test_in_one_process_days_are_read_no_faster_than_declared_by_a_clock_that_runs_or_stands(rate, took, frozen):
    launcher = Clocked(plan(days_per_minute=rate), took, frozen=frozen)
    ended: NextStep = advance(launcher, "a")
    assert isinstance(ended, TakeSteps)
    assert sum(count for _, count in launcher.read) == len(DAYS)
    if not frozen:
        assert all(
            after - before >= count * 60 / rate - 1e-6 for (before, count), (after, _) in pairwise(launcher.read)
        )


def test_the_margin_between_clocks_is_no_loophole():
    """However far ahead a believed fact is, the wait ends; what is further ahead is not believed."""
    for ahead in (0, 60, CLOCKS_AGREE.total_seconds(), 86_400):
        decided = next_step(progress((ahead, staged(1, 4))), at(0))
        assert isinstance(decided, StageWaves) or decided == until(ahead + 60)
