"""A cluster that is a number, what goes wrong on it, and what came of a correction there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from backfill_assets.core import facts
from backfill_assets.core.events import Event
from backfill_assets.core.next_step import NextStep
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window

FIRST = date(2025, 7, 1)
ONE_BY_ONE = WavePolicy(max_days=1, at_once=30, order=WaveOrder.OLDEST)


@dataclass(frozen=True)
class Cluster:
    """What a correction runs on, and what goes wrong there. Days are counted from 0, slots too.

    A day of ``fails`` cannot be computed at so many tries, one of ``slow`` takes so many times longer, and one of
    ``kills`` ends its run so many times without a word. A slot ``dies`` for good at an hour, with the run on it.
    Somebody writes facts down (``told``) at an hour. Whoever drives looks at once, or every ``seconds_a_tick``.
    ``runs_seen`` runs of before have told how long a day takes.
    """

    slots: int = 30
    days: int = 180
    hours: float = 4.0
    fails: Mapping[int, int] = field(default_factory=dict[int, int])
    slow: Mapping[int, float] = field(default_factory=dict[int, float])
    kills: Mapping[int, int] = field(default_factory=dict[int, int])
    dies: Mapping[int, float] = field(default_factory=dict[int, float])
    told: Sequence[tuple[float, facts.Fact]] = ()
    seconds_a_tick: int = 0
    runs_seen: int = 0

    def hours_of(self, day: int) -> float:
        """How long a slot is busy with a day."""
        return self.hours * self.slow.get(day, 1.0)


@dataclass(frozen=True)
class Ran:
    """A run: its wave, on which slot, from when to when, and whether it was lost without a word."""

    wave: Window
    slot: int
    begins: float
    ends: float
    is_lost: bool = False


@dataclass(frozen=True)
class Replayed:
    """What came of it: every run in the order of their ends, and how often each day was staged.

    ``events`` is all that was written down, ``last`` what is next.
    """

    cluster: Cluster
    policy: WavePolicy
    runs: tuple[Ran, ...]
    staged: Mapping[date, int]
    events: tuple[Event, ...]
    last: NextStep

    @property
    def hours(self) -> float:
        """From the opening to the end of the last run."""
        return max((run.ends for run in self.runs), default=0.0)

    @property
    def slot_hours(self) -> float:
        """What all runs took together, the lost ones included."""
        return sum(run.ends - run.begins for run in self.runs)

    @property
    def at_once(self) -> int:
        """The most runs at one time; one that ends as another begins is not beside it."""
        edges = sorted((at, change) for run in self.runs for at, change in ((run.begins, 1), (run.ends, -1)))
        running = most = 0
        for _, change in edges:
            running += change
            most = max(most, running)
        return most

    @property
    def longest_chain(self) -> float:
        """The most that one day had to go through, wave after wave, whatever else ran."""
        spent: dict[date, float] = {}
        for run in self.runs:
            for day in run.wave:
                spent[day] = spent.get(day, 0.0) + run.ends - run.begins
        return max(spent.values(), default=0.0)

    @property
    def bound(self) -> float:
        """The most hours where no slot is idle while there is work: all of it on the slots that last, and one chain.

        Whatever runs last, all slots were busy whenever it did not run itself. A canary runs while they are idle.
        """
        newest, width = day_of(self.cluster.days - 1), self.cluster.slots - len(self.cluster.dies)
        canary = sum(run.ends - run.begins for run in self.runs if self.policy.has_canary and newest in run.wave)
        return self.slot_hours / min(self.policy.at_once, width) + self.longest_chain + canary


def day_of(number: int) -> date:
    """The day of a number."""
    return FIRST + timedelta(days=number)
