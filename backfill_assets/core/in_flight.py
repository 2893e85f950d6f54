"""The runs in flight for a correction: requested of Dagster, and not yet heard of again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from backfill_assets.core import facts
from backfill_assets.core.events import Event
from backfill_assets.core.steps import Outcome, Step, WorkItem


@dataclass(frozen=True, slots=True)
class Pending:
    """A work item whose run was requested under ``key``, and what of it the ledger has not heard of yet.

    ``process`` is where it runs, when whoever asked runs it; empty when Dagster's daemon launches it.
    """

    key: str
    item: WorkItem
    at: datetime
    steps: frozenset[Step]
    days: frozenset[date]
    process: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether the ledger has heard of all of it."""
        return not (self.steps or self.days)


@dataclass(frozen=True, slots=True)
class InFlight:
    """The work items of one correction.

    Those under way by key, how often each was requested, and how often it came to nothing.

    A run that ended without a word in the ledger came to nothing; a person's new try forgets that.
    """

    pending: Mapping[str, Pending] = field(default_factory=dict[str, Pending])
    times: Mapping[str, int] = field(default_factory=dict[str, int])
    fruitless: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def days(self) -> frozenset[date]:
        """Days that asked-for waves are still to stage."""
        return frozenset(day for one in self.pending.values() for day in one.days)

    @property
    def waves(self) -> tuple[Pending, ...]:
        """The waves under way."""
        return tuple(one for one in self.pending.values() if one.item.wave is not None)

    @property
    def step_runs(self) -> tuple[Pending, ...]:
        """The runs of steps under way."""
        return tuple(one for one in self.pending.values() if one.item.steps)

    def next_key(self, correction: str, item: WorkItem) -> str:
        """The key of the next try of a work item; it is the run key too, so that no try is made twice."""
        return f"{correction}/{item.name}/{self.times.get(item.name, 0) + 1}"

    def is_tried_again(self, item: WorkItem, attempts: int) -> bool:
        """Whether a work item whose run came to nothing now is asked for once more before a person has to look."""
        return self.fruitless.get(item.name, 0) + 1 < attempts

    def after(self, event: Event) -> "InFlight":
        """What is in flight after one more fact."""
        fact = event.fact
        if isinstance(fact, facts.RetryRequested):
            return replace(self, fruitless={})
        if isinstance(fact, facts.RunRequested):
            return self._requested(fact, event.at)
        if isinstance(fact, facts.RunEnded | facts.RunFailed) and fact.request:
            return self._ended(fact)
        if isinstance(fact, facts.Abandoned):
            return replace(self, pending={})
        if isinstance(fact, facts.DaysStaged | facts.DaysFailed):
            return self._without(days=fact.days)
        return self._after_step(fact)

    def _after_step(self, fact: facts.Fact) -> "InFlight":
        if fact.outcome is Outcome.DONE:
            return self._without(steps=[fact.step])
        return self._stopped_at(fact.step) if fact.outcome in {Outcome.FAILED, Outcome.REFUSED} else self

    def _requested(self, fact: facts.RunRequested, at: datetime) -> "InFlight":
        item = fact.item
        days = frozenset(item.wave.days) if item.wave else frozenset[date]()
        pending = Pending(fact.request, item, at, frozenset(item.steps), days, fact.process)
        times = {**self.times, item.name: self.times.get(item.name, 0) + 1}
        return replace(self, pending={**self.pending, fact.request: pending}, times=times)

    def _ended(self, fact: facts.RunEnded | facts.RunFailed) -> "InFlight":
        known = self.pending.get(fact.request)
        pending = {name: one for name, one in self.pending.items() if name != fact.request}
        if known is None or isinstance(fact, facts.RunFailed) or not fact.reason:
            return replace(self, pending=pending)
        name = known.item.name
        return replace(self, pending=pending, fruitless={**self.fruitless, name: self.fruitless.get(name, 0) + 1})

    def _without(self, *, steps: Collection[Step] = (), days: Collection[date] = ()) -> "InFlight":
        left = {
            key: replace(one, steps=one.steps - set(steps), days=one.days - set(days))
            for key, one in self.pending.items()
        }
        return replace(self, pending={key: one for key, one in left.items() if not one.is_settled})

    def _stopped_at(self, step: Step) -> "InFlight":
        """A step that failed or was refused ends its run; report partitions that were refused do not."""
        if step is Step.FREEZE_REPORTS:
            return self
        return replace(self, pending={key: one for key, one in self.pending.items() if step not in one.steps})
