"""The real planner on a cluster that is a number, with days that fail, stragglers, and slots that die."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.facts import Paced, RetryRequested
from backfill_assets.core.next_step import Stuck, TakeSteps
from backfill_assets.core.steps import Step
from backfill_assets.core.waves import WaveOrder, WavePolicy
from scripts.scaling.cluster import ONE_BY_ONE, Cluster, Replayed, day_of
from scripts.scaling.simulated import replay

TEN = replace(ONE_BY_ONE, at_once=10)
LEFT = WavePolicy(at_once=10)
PAUSE, RESUME = Paced(paused=True), Paced(paused=False)


def sixty(**wrong: object) -> Cluster:
    """Sixty days of four hours on ten slots: six rounds, 24 hours where nothing goes wrong."""
    return Cluster(**{"slots": 10, "days": 60, **wrong})


class Case(NamedTuple):
    cluster: Cluster
    hours: float
    policy: WavePolicy = TEN


CASES: dict[str, Case] = {
    "180 days of 4 hours on 30 slots": Case(Cluster(), 24, ONE_BY_ONE),
    "one slot": Case(Cluster(slots=1), 720, ONE_BY_ONE),
    "60 days on 10 slots": Case(sixty(), 24),
    "newest first": Case(sixty(), 24, replace(TEN, order=WaveOrder.NEWEST)),
    "a canary goes alone, and costs a round": Case(sixty(), 28, replace(TEN, order=WaveOrder.CANARY)),
    "waves as long as their share": Case(sixty(), 24, replace(TEN, max_days=6)),
    "waves so long that slots stay idle": Case(sixty(), 60, replace(TEN, max_days=15)),
    "waves left to the planner": Case(sixty(), 28, LEFT),
    "waves left to the planner, which knows": Case(sixty(runs_seen=1), 24, replace(LEFT, order=WaveOrder.OLDEST)),
    "waves left to the planner, which knows nothing": Case(sixty(), 60, replace(LEFT, order=WaveOrder.OLDEST)),
    "waves left to the planner, days of seconds": Case(sixty(hours=4 / 3_600), 28 / 3_600, LEFT),
    "waves left to the planner, a run of them dies": Case(sixty(kills={30: 1}, hours=4 / 3_600), 52 / 3_600, LEFT),
    "waves left to the planner, days of no time": Case(sixty(days=1_001, hours=0.1 / 3_600), 10.1 / 3_600, LEFT),
    # A wave of 100 days dies, so that its days go in waves of 15, of which the one dies again, twice.
    "waves left to the planner, one of those kills its runs": Case(
        sixty(days=1_001, kills={30: 3}, hours=0.1 / 3_600), 13.3 / 3_600, LEFT
    ),
    "fewer at once than slots": Case(sixty(), 48, replace(TEN, at_once=5)),
    "more at once than slots wait in the queue": Case(sixty(), 24, replace(TEN, at_once=30)),
    "a day fails once": Case(sixty(fails={0: 1}), 28),
    "the last day fails once": Case(sixty(fails={59: 1}), 28),
    "a day fails twice, and is tried again after all others": Case(sixty(fails={0: 2}), 32),
    "every third day fails once": Case(sixty(fails=dict.fromkeys(range(0, 60, 3), 1)), 32),
    "every day fails once": Case(sixty(fails=dict.fromkeys(range(60), 1)), 48),
    "a day of a long wave fails, and is tried alone": Case(sixty(fails={0: 1}), 28, replace(TEN, max_days=6)),
    "a straggler of the first round holds nobody up": Case(sixty(slow={0: 5}), 28),
    "a straggler of the last round": Case(sixty(slow={59: 5}), 40),
    "a straggler in a long wave holds its wave up": Case(sixty(slow={0: 5}), 40, replace(TEN, max_days=6)),
    "one straggler in ten": Case(sixty(slow=dict.fromkeys(range(9, 60, 10), 5)), 48),
    "a slot dies": Case(sixty(dies={0: 10}), 28),
    "a slot dies under a long wave, all of which is lost": Case(sixty(dies={0: 10}), 48, replace(TEN, max_days=6)),
    "two slots die at once": Case(sixty(dies={0: 10, 1: 10}), 28),
    "half of the slots die": Case(sixty(dies=dict.fromkeys(range(5), 10)), 40),
    "a run is killed twice, and is tried again after all others": Case(sixty(kills={30: 2}), 32),
    "a run of a long wave is killed twice, and its days are tried alone": Case(
        sixty(kills={30: 2}), 52, replace(TEN, max_days=6)
    ),
    "everything at once": Case(sixty(fails={3: 2}, slow={7: 5, 58: 5}, dies={4: 6}, kills={20: 1}), 44),
    "whoever drives looks every minute": Case(sixty(seconds_a_tick=60, hours=4.001), 24 + 6 / 60 - 56.4 / 3600),
    "narrower from hour 8 on": Case(sixty(told=[(8, Paced(4))]), 48),
    "wider from hour 8 on": Case(sixty(told=[(8, Paced(10))]), 32, replace(TEN, at_once=4)),
    "a pause of six hours": Case(sixty(told=[(8, PAUSE), (14, RESUME)]), 30),
    "a pause lets what is under way end": Case(sixty(told=[(9, PAUSE), (11, RESUME)]), 24),
    "a pause, and then fewer": Case(sixty(told=[(6, PAUSE), (10, Paced(5, paused=False))]), 42),
}


@pytest.fixture(scope="module")
def replayed() -> Mapping[str, Replayed]:
    return {name: replay(case.cluster, case.policy) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_it_takes_so_many_hours(name: str, replayed: Mapping[str, Replayed]):
    assert replayed[name].hours == pytest.approx(CASES[name].hours)


@pytest.mark.parametrize("name", CASES)
def test_every_day_is_staged_exactly_once(name: str, replayed: Mapping[str, Replayed]):
    found = replayed[name]

    assert found.staged == {day_of(number): 1 for number in range(CASES[name].cluster.days)}
    assert isinstance(found.last, TakeSteps)
    assert Step.VALIDATE in found.last.steps


@pytest.mark.parametrize("name", CASES)
def test_never_more_run_than_there_are_slots(name: str, replayed: Mapping[str, Replayed]):
    found, case = replayed[name], CASES[name]

    assert found.at_once <= case.cluster.slots
    assert_slots_are_kept(found)
    assert_widths_are_kept(found)


UNPACED = [name for name, case in CASES.items() if not case.cluster.told and not case.cluster.seconds_a_tick]


@pytest.mark.parametrize("name", UNPACED)
def test_no_slot_is_idle_while_there_is_work(name: str, replayed: Mapping[str, Replayed]):
    """All work on the slots that last, and then the longest chain of one day: its tries, its stragglers."""
    assert replayed[name].hours <= replayed[name].bound


def assert_slots_are_kept(found: Replayed) -> None:
    """On no slot two runs at once, and none on one that has died."""
    for slot in range(found.cluster.slots):
        runs = sorted((run for run in found.runs if run.slot == slot), key=lambda run: run.begins)
        assert all(one.ends <= other.begins for one, other in pairwise(runs))
        assert all(run.ends <= found.cluster.dies.get(slot, run.ends) for run in runs)


def assert_widths_are_kept(found: Replayed) -> None:
    """None begins beside as many as may run then, or in a pause."""
    for run in found.runs:
        width, is_paused = found.policy.at_once, False
        for at, fact in found.cluster.told:
            if isinstance(fact, Paced) and at <= run.begins:
                width = fact.at_once or width
                is_paused = is_paused if fact.paused is None else fact.paused
        beside = [one for one in found.runs if one.begins <= run.begins < one.ends]
        assert not is_paused
        assert len(beside) <= width


def test_paces_are_compared_with_what_was_begun_before_and_after():
    found = replay(CASES["a pause of six hours"].cluster, TEN)

    begun = {run.begins for run in found.runs}
    assert begun == {0, 4, 14, 18, 22, 26}


STOPPED: dict[str, tuple[Cluster, int, float]] = {
    "a day that fails always lets all others be staged": (sixty(fails={0: 9}), 59, 32),
    "a day that kills its run always does too": (sixty(kills={0: 9}), 59, 32),
}


@pytest.mark.parametrize("what", STOPPED)
def test_a_person_has_to_look(what: str):
    cluster, days, hours = STOPPED[what]

    found = replay(cluster, TEN)

    assert isinstance(found.last, Stuck)
    assert (len(found.staged), found.hours) == (days, hours)


def test_a_person_who_tries_again_gets_the_rest_staged():
    found = replay(sixty(fails={0: 4}, told=[(40, RetryRequested())]), TEN)

    assert set(found.staged.values()) == {1}
    assert (len(found.staged), found.hours) == (60, 48)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    slots, days = draw(st.integers(1, 5)), draw(st.integers(1, 16))
    some = st.dictionaries(st.integers(0, days - 1), st.integers(1, 2), max_size=4)
    slow = st.dictionaries(st.integers(0, days - 1), st.sampled_from([2.0, 5.0]), max_size=3)
    dying = st.dictionaries(st.integers(0, slots - 1), st.integers(0, 30).map(float), max_size=min(1, slots - 1))
    kills = st.dictionaries(st.integers(0, days - 1), st.just(1), max_size=1)
    return Cluster(slots, days, 4.0, draw(some), draw(slow), draw(kills), draw(dying))


MOST = st.just(5)  # A day may fail twice, kill its run once and lose its slot once: then it is staged.
POLICIES = st.builds(
    WavePolicy,
    max_days=st.none() | st.integers(1, 4),
    at_once=st.integers(1, 6),
    order=st.sampled_from(WaveOrder),
    attempts=MOST,
)


@given(clusters(), POLICIES)
def test_whatever_goes_wrong_each_day_is_staged_once_and_in_time(cluster: Cluster, policy: WavePolicy):
    found = replay(cluster, policy)

    assert found.staged == {day_of(number): 1 for number in range(cluster.days)}
    assert found.at_once <= min(cluster.slots, policy.at_once)
    assert_slots_are_kept(found)
    assert_widths_are_kept(found)
    assert found.hours <= found.bound + 1e-6
