"""Facts of step 4: days staged, failed, and to be staged again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from backfill_assets.core.budget import Budget
from backfill_assets.core.codec import stored_as
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import at_rate, counted, days_listed


@dataclass(frozen=True, slots=True)
class DaysStaged:
    """A run wrote days into the staged version; ``alone`` are those it computed alone as well, with what differed.

    ``seconds`` are those on the wall, ``core_seconds`` those that processors were busy; 0 where nobody measured.
    """

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.PROGRESSED
    days: tuple[date, ...] = ()
    code_version: str = ""
    rows: int = 0
    seconds: float = 0.0
    alone: Mapping[date, str] = field(default_factory=dict[date, str], metadata=stored_as(omit=True))
    core_seconds: float = field(default=0.0, metadata=stored_as(omit=True))

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"Staged {days_listed(self.days, noun=noun)} with {counted(self.rows, 'row')}."


@dataclass(frozen=True, slots=True)
class DaysFailed:
    """A run could not compute days, each for its reason."""

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.FAILED
    reasons: Mapping[date, str] = field(metadata=stored_as("days"))
    core_seconds: float = field(default=0.0, metadata=stored_as(omit=True))

    @property
    def days(self) -> tuple[date, ...]:
        """The days, oldest first."""
        return tuple(sorted(self.reasons))

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"Could not compute {days_listed(self.days, noun=noun)}."


@dataclass(frozen=True, slots=True)
class StagingStopped:
    """The backfill whose launch opened the correction was stopped before every day was staged."""

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.FAILED
    reason: str
    backfill: str

    def summary(self) -> str:
        """One sentence."""
        return self.reason


@dataclass(frozen=True, slots=True)
class DaysToRestage:
    """Days have to be staged again before the correction can go on."""

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.REFUSED
    days: tuple[date, ...] = field(default=(), metadata=stored_as("restage"))
    reason: str = ""

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"{days_listed(self.days, noun=noun)} to be staged again."


@dataclass(frozen=True, slots=True)
class LaunchPostponed:
    """Somebody launched days that a source did not bear at once; whoever drives stages them at the source's rate."""

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.REQUESTED
    days: tuple[date, ...] = ()
    source: str = ""
    days_per_minute: float = 0.0

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        rate = at_rate(self.source, self.days_per_minute, noun)
        return f"The launch of {days_listed(self.days, noun=noun)} waits for {rate}."


@dataclass(frozen=True, slots=True)
class Paced:
    """Somebody changed the budget or how many waves run side by side, paused or resumed; None is as it was."""

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.PACED
    at_once: int | None = None
    paused: bool | None = None
    note: str = ""
    budget: Budget | None = field(default=None, metadata=stored_as(omit=True))

    def summary(self) -> str:
        """One sentence."""
        budget = f"its budget is {self.budget}" if self.budget else ""
        width = f"{counted(self.at_once, 'wave')} at once" if self.at_once is not None else ""
        turn = {True: "the staging pauses", False: "the staging goes on", None: ""}[self.paused]
        told = ", ".join(one for one in (turn, width, budget) if one)
        return f"{told[:1].upper()}{told[1:]} from the next wave on{f' ({self.note})' if self.note else ''}."


@dataclass(frozen=True, slots=True)
class StagingCompleted:
    """Every day of the plan is in the staged version, all by one version of the code.

    ``core_seconds`` were spent, all that was computed again or in vain included; ``expected`` were at its opening.
    """

    step: ClassVar[Step] = Step.STAGE
    outcome: ClassVar[Outcome] = Outcome.DONE
    version: str = ""
    staged_days: int = 0
    code_versions: tuple[str, ...] = ()
    core_seconds: float = field(default=0.0, metadata=stored_as(omit=True))
    expected: float = field(default=0.0, metadata=stored_as("core_seconds_expected", omit=True))

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        spent = f" for {self.core_seconds:,.1f} core-seconds of {self.expected:,.1f} expected" if self.expected else ""
        return f"Every {noun} is staged in {self.version} ({counted(self.staged_days, noun)}){spent}."
