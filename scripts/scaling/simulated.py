"""Waves of a correction on a cluster that is a number: the real planner, asked event by event, without any waiting.

What is next is decided by ``advance`` and written down as facts that the real fold adds up. Only the cluster is made
up: how long a day takes, which days fail, which slots die. The clock counts hours from the opening.
"""

import math
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from backfill_assets.core import facts
from backfill_assets.core.advance import advance
from backfill_assets.core.events import Event
from backfill_assets.core.fold import after
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.next_step import NextStep
from backfill_assets.core.plan import Plan, PlannedCost, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import RunIsFree, holds
from backfill_assets.core.steps import WorkItem
from backfill_assets.core.waves import WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.runbook.failing import died
from scripts.scaling.cluster import FIRST, ONE_BY_ONE, Cluster, Ran, Replayed, day_of

OPENED = datetime(2026, 1, 23, 6, tzinfo=UTC)
ID = "simulated"
PREPARED = (facts.ReportsFrozen(), facts.SourceVerified(), facts.WatermarksReset())


def replay(cluster: Cluster, policy: WavePolicy = ONE_BY_ONE, *, asks_ledger: bool = True) -> Replayed:
    """Stage every day of a correction on a cluster, or as many as the planner stages without a person.

    With ``asks_ledger`` each run is requested only where the ledger would let it be, which folds all events each time.
    """
    window = Window(day_of(0), day_of(cluster.days - 1))
    request = Request("table", window, "simulated", correction=ID, waves=policy)
    # What runs of before tell of a day, as far as the cluster has had any.
    cost = PlannedCost(seconds_per_day=cluster.hours * 3_600, runs_seen=cluster.runs_seen)
    plan = Plan(ID, request, OPENED, "simulated", PlannedInputs({"log": 1}), cost)
    simulated = _Simulated(cluster, plan, asks_ledger)
    for fact in (facts.Opened(plan), *PREPARED):
        simulated.write(fact)
    for at, fact in cluster.told:
        simulated.at(at, fact)
    for slot, at in cluster.dies.items():
        simulated.at(at, slot)
    last = simulated.run()
    return Replayed(cluster, policy, tuple(simulated.ran), simulated.staged, tuple(simulated.events), last)


@dataclass(frozen=True)
class _Look:
    """Whoever drives looks at where the correction stands."""


_Happening = Ran | facts.Fact | int | _Look


@dataclass
class _Simulated:
    """The launcher of a cluster that is a number."""

    cluster: Cluster
    plan: Plan
    asks_ledger: bool
    clock: float = 0.0
    events: list[Event] = field(default_factory=list[Event])
    stands: Progress | None = None
    happenings: list[tuple[float, int, Any]] = field(default_factory=list[tuple[float, int, Any]])
    numbers: Any = field(default_factory=count)
    queue: deque[Pending] = field(default_factory=deque[Pending])
    running: dict[int, tuple[Pending, Ran]] = field(default_factory=dict[int, tuple[Pending, Ran]])
    dead: set[int] = field(default_factory=set[int])
    tries: Counter[date] = field(default_factory=Counter[date])
    killed: Counter[int] = field(default_factory=Counter[int])
    staged: Counter[date] = field(default_factory=Counter[date])
    ran: list[Ran] = field(default_factory=list[Ran])
    looks_at: float = -1.0
    is_staged: bool = False

    # ---- what ``advance`` asks of a launcher

    def progress(self, correction: str) -> Progress:
        """Where the correction stands."""
        return self.stands or Progress(replace(self.plan, correction=correction))

    def now(self) -> datetime:
        """The clock."""
        return OPENED + timedelta(hours=self.clock)

    def busy(self, _progress: Progress, /) -> Collection[date]:
        """Nobody else stages."""
        return ()

    def nightly(self) -> None:
        """No nightly has a deadline."""

    def others(self, _progress: Progress, /) -> Collection[Progress]:
        """Nobody else reads."""
        return ()

    def chain(self, _progress: Progress, /) -> Collection[Progress]:
        """It stands alone."""
        return ()

    def wait(self, until: datetime, /) -> bool:
        """Look again then."""
        self.at((until - OPENED) / timedelta(hours=1), _Look())
        return False

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        """Write runs down as requested, where the ledger would let them be, and queue them."""
        for item in items:
            if item.wave is None:
                self.is_staged = True
                return False
            key = progress.runs.next_key(ID, item)
            free = RunIsFree(ID, key, item, self.now())
            if self.asks_ledger and not holds(free, {ID: tuple(self.events)}):
                raise RuntimeError(f"{item.name} was asked for while it was under way.")
            self.write(facts.RunRequested(key, item))
            self.queue.append(self.progress(ID).runs.pending[key])
        return False

    # ---- the cluster

    def write(self, fact: facts.Fact) -> None:
        """Write a fact down, and add it up."""
        event = Event(ID, fact, self.now(), "simulated", "", len(self.events) + 1)
        before = self.progress(ID)
        self.stands = replace(after(before, event), sequence=event.sequence, runs=before.runs.after(event))
        self.events.append(event)

    def at(self, hour: float, happening: _Happening) -> None:
        """Something is to happen."""
        heappush(self.happenings, (hour, next(self.numbers), happening))

    def run(self) -> NextStep:
        """Until every day is staged, or nothing happens any more; returns what is next then."""
        decided = self.look()
        while self.happenings and not self.is_staged:
            self.clock = self.happenings[0][0]
            while self.happenings and self.happenings[0][0] == self.clock:
                self.happen(heappop(self.happenings)[2])
            self.begin()
            if self.next_look() <= self.clock:
                decided = self.look()
        return decided

    def next_look(self) -> float:
        """When whoever drives looks; it is asked for once."""
        tick = self.cluster.seconds_a_tick / 3600
        looks = math.ceil(self.clock / tick - 1e-9) * tick if tick else self.clock
        if looks > self.clock and looks != self.looks_at:
            self.looks_at = looks
            self.at(looks, _Look())
        return looks

    def look(self) -> NextStep:
        """Decide, as the driver does, and let begin what was asked for."""
        decided = advance(self, ID)
        self.begin()
        return decided

    def begin(self) -> None:
        """The oldest of the queue on free slots."""
        free = [slot for slot in range(self.cluster.slots) if slot not in self.dead and slot not in self.running]
        for slot, one in zip(free, [*self.queue], strict=False):
            self.queue.popleft()
            wave = one.item.wave or Window(FIRST, FIRST)
            hours = sum(self.cluster.hours_of((day - FIRST).days) for day in wave)
            ran = Ran(wave, slot, self.clock, self.clock + hours)
            self.running[slot] = (one, ran)
            self.at(ran.ends, ran)

    def happen(self, happening: _Happening) -> None:
        """A run ends, a slot dies, somebody writes, or it is time to look."""
        match happening:
            case Ran(slot=slot):
                if self.running.get(slot, (None, None))[1] is happening:
                    self.end(*self.running.pop(slot))
            case int():
                self.die(happening)
            case _Look():
                pass
            case fact:
                self.write(fact)

    def end(self, one: Pending, ran: Ran) -> None:
        """A run tells which of its days it has staged and which failed, or is lost without a word."""
        fatal = [number for number, most in self.cluster.kills.items() if self.killed[number] < most]
        lost = [number for number in fatal if day_of(number) in ran.wave]
        self.killed.update(lost)
        if lost:
            self.lose(one, ran)
            return
        self.ran.append(ran)
        wrong: dict[date, str] = {}
        for day in ran.wave:
            self.tries[day] += 1
            if self.tries[day] <= self.cluster.fails.get((day - FIRST).days, 0):
                wrong[day] = "It fails."
        right = tuple(day for day in ran.wave if day not in wrong)
        self.staged.update(right)
        if right:
            took = 3_600 * sum(self.cluster.hours_of((day - FIRST).days) for day in right)
            self.write(facts.DaysStaged(right, seconds=took))
        if wrong:
            self.write(facts.DaysFailed(wrong))
        if one.key in self.progress(ID).runs.pending:
            raise RuntimeError(f"{one.key} has ended and is pending.")

    def die(self, slot: int) -> None:
        """A slot goes, and with it the run on it."""
        self.dead.add(slot)
        if slot in self.running:
            self.lose(*self.running.pop(slot))

    def lose(self, one: Pending, ran: Ran) -> None:
        """A run ends without a word of its own; whoever drives writes that down, and whether it is tried again."""
        self.ran.append(replace(ran, ends=self.clock, is_lost=True))
        self.write(died(self.progress(ID), one, "It was killed.", ""))
