"""What was asked of Dagster and not yet heard of again: the runs under way for a correction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self

from backfill_assets.core.events import Event
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window


@dataclass(frozen=True, slots=True)
class Errand:
    """What one run is for: some steps in order, or the days of a wave. ``name`` is its only spelling."""

    steps: tuple[Step, ...] = ()
    wave: Window | None = None

    @property
    def step(self) -> Step:
        """The step under which the ledger keeps it."""
        return Step.STAGE if self.wave is not None else self.steps[0]

    @property
    def name(self) -> str:
        """Readable, and the same whenever the same is asked."""
        return f"wave/{self.wave}" if self.wave is not None else "+".join(self.steps)

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        wave = [str(self.wave.first), str(self.wave.last)] if self.wave else []
        return {"steps": [str(step) for step in self.steps], "wave": wave}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` wrote."""
        wave = [date.fromisoformat(day) for day in stored["wave"]]
        return cls(tuple(Step(step) for step in stored["steps"]), Window(*wave) if wave else None)


@dataclass(frozen=True, slots=True)
class Pending:
    """An errand that was asked for under ``key``, and what of it the ledger has not heard of yet.

    ``process`` is where it runs, when whoever asked runs it; empty when Dagster's daemon launches it.
    """

    key: str
    errand: Errand
    at: datetime
    steps: frozenset[Step]
    days: frozenset[date]
    process: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether the ledger has heard of all of it."""
        return not (self.steps or self.days)


@dataclass(frozen=True, slots=True)
class Asked:
    """The errands of one correction: those under way by key, how often each was asked, how often it came to nothing.

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
        return tuple(one for one in self.pending.values() if one.errand.wave is not None)

    @property
    def step_runs(self) -> tuple[Pending, ...]:
        """The runs of steps under way."""
        return tuple(one for one in self.pending.values() if one.errand.steps)

    def next_key(self, correction: str, errand: Errand) -> str:
        """The key of the next try of an errand; it is the run key too, so that no try is made twice."""
        return f"{correction}/{errand.name}/{self.times.get(errand.name, 0) + 1}"

    def after(self, event: Event) -> "Asked":  # noqa: PLR0911 - one arm a kind of event, and no other logic
        """What is asked after one more event."""
        match event.step, event.outcome:
            case Step.OPEN, Outcome.REQUESTED:
                return replace(self, fruitless={})
            case _, Outcome.REQUESTED if "request" in event.detail:
                return self._asking(event)
            case _, Outcome.ENDED | Outcome.FAILED if "request" in event.detail:
                return self._ended(event)
            case Step.ABANDON, Outcome.DONE:
                return replace(self, pending={})
            case Step.STAGE, Outcome.PROGRESSED | Outcome.FAILED if "days" in event.detail:
                return self._without(days=[date.fromisoformat(day) for day in event.detail["days"]])
            case _, Outcome.DONE:
                return self._without(steps=[event.step])
            case _, Outcome.FAILED | Outcome.REFUSED:
                return self._stopped_at(event.step)
            case _:
                return self

    def _asking(self, event: Event) -> "Asked":
        errand = Errand.from_json(event.detail["errand"])
        key = str(event.detail["request"])
        days = frozenset(errand.wave.days) if errand.wave else frozenset[date]()
        process = str(event.detail.get("process", ""))
        asked = Pending(key, errand, event.at, frozenset(errand.steps), days, process)
        times = {**self.times, errand.name: self.times.get(errand.name, 0) + 1}
        return replace(self, pending={**self.pending, key: asked}, times=times)

    def _ended(self, event: Event) -> "Asked":
        key = str(event.detail["request"])
        known = self.pending.get(key)
        pending = {name: one for name, one in self.pending.items() if name != key}
        if known is None or event.outcome is Outcome.FAILED or not event.detail.get("reason"):
            return replace(self, pending=pending)
        name = known.errand.name
        return replace(self, pending=pending, fruitless={**self.fruitless, name: self.fruitless.get(name, 0) + 1})

    def _without(self, *, steps: Collection[Step] = (), days: Collection[date] = ()) -> "Asked":
        left = {
            key: replace(one, steps=one.steps - set(steps), days=one.days - set(days))
            for key, one in self.pending.items()
        }
        return replace(self, pending={key: one for key, one in left.items() if not one.is_settled})

    def _stopped_at(self, step: Step) -> "Asked":
        """A step that failed or was refused ends its run; report partitions that were refused do not."""
        if step is Step.FREEZE_REPORTS:
            return self
        return replace(self, pending={key: one for key, one in self.pending.items() if step not in one.steps})
