"""Facts of the runs that were requested for a correction."""

from dataclasses import dataclass, field
from typing import ClassVar

from backfill_assets.core.codec import NOT_STORED, stored_as
from backfill_assets.core.steps import Outcome, Step, WorkItem
from backfill_assets.errors.base import because


@dataclass(frozen=True, slots=True)
class RunRequested:
    """A run was asked for; ``process`` is the one that runs it itself, empty when the daemon launches it."""

    outcome: ClassVar[Outcome] = Outcome.REQUESTED
    request: str
    item: WorkItem = field(metadata=stored_as("errand"))
    process: str = ""

    @property
    def step(self) -> Step:
        """The step that the ledger keeps it under."""
        return self.item.step

    def summary(self) -> str:
        """One sentence."""
        return f"A run was requested for {self.item.name}."


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A requested run is over and said nothing itself; with a reason it came to nothing and is tried again."""

    outcome: ClassVar[Outcome] = Outcome.ENDED
    step: Step = field(metadata=NOT_STORED)
    request: str
    reason: str = ""
    run: str = ""

    def summary(self) -> str:
        """One sentence."""
        return f"The run of {self.request} ended{because(self.reason)}."


@dataclass(frozen=True, slots=True)
class RunFailed:
    """A requested run failed, and is not tried again by itself."""

    outcome: ClassVar[Outcome] = Outcome.FAILED
    step: Step = field(metadata=NOT_STORED)
    request: str
    reason: str = ""
    run: str = ""

    def summary(self) -> str:
        """One sentence."""
        return f"The run of {self.request} failed{because(self.reason)}."


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step could not be taken, for a reason that a person has to look at."""

    outcome: ClassVar[Outcome] = Outcome.FAILED
    step: Step = field(metadata=NOT_STORED)
    reason: str = ""

    def summary(self) -> str:
        """One sentence."""
        return self.reason
