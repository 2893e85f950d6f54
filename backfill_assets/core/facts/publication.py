"""Facts of step 6, of its way back, and of the end: days swapped in, back, and retired files deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from backfill_assets.core.codec import NOT_STORED, stored_as
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import days_listed

_VERBS = {Step.CUT_OVER: "cut over", Step.ROLL_BACK: "roll back"}
_DONE = {Step.CUT_OVER: "Cut over", Step.ROLL_BACK: "Rolled back"}


@dataclass(frozen=True, slots=True)
class SwapPlanned:
    """A swap of these days was written down, before its commit; ``step`` is the cut over or the roll back."""

    outcome: ClassVar[Outcome] = Outcome.PLANNED
    step: Step = field(metadata=NOT_STORED)
    swap_count: int = field(metadata=stored_as("version"))
    days: tuple[date, ...] = ()
    note: str | None = field(default=None, metadata=stored_as(omit=True))

    def summary(self) -> str:
        """One sentence."""
        return f"Planned to {_VERBS[self.step]} {days_listed(self.days)}."


@dataclass(frozen=True, slots=True)
class SwapRefused:
    """A swap was not committed; ``restage`` are days to be staged again."""

    outcome: ClassVar[Outcome] = Outcome.REFUSED
    step: Step = field(metadata=NOT_STORED)
    reason: str = ""
    restage: tuple[date, ...] = ()

    def summary(self) -> str:
        """One sentence."""
        return self.reason


@dataclass(frozen=True, slots=True)
class SwapCommit:
    """A swap as the table's log has it: its number within the correction, its days, its commit and when."""

    swap_count: int = field(metadata=stored_as("version"))
    days: tuple[date, ...] = ()
    swapped_at: datetime | None = None
    commit: int | None = None
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Swapped:
    """Days were swapped by one commit: staged ones in by a cut over, retired ones back by a roll back.

    ``reach`` are the report partitions that read them, ``rewound`` the external holders that have to read again.
    ``unverified`` says why the table does not show the swap as planned. ``sums`` are, by day and measure, what the
    correction replaces (``old``) and what it brings (``new``).
    """

    outcome: ClassVar[Outcome] = Outcome.DONE
    step: Step = field(metadata=NOT_STORED)
    swap: SwapCommit = field(metadata=stored_as(flat=True))
    reach: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    rewound: tuple[str, ...] = ()
    unverified: str | None = field(default=None, metadata=stored_as(omit=True))
    note: str | None = field(default=None, metadata=stored_as(omit=True))
    sums: Mapping[date, Mapping[str, Mapping[str, str]]] = field(
        default_factory=dict[date, Mapping[str, Mapping[str, str]]], metadata=stored_as(omit=True)
    )

    def summary(self) -> str:
        """One sentence."""
        return f"{_DONE[self.step]} {days_listed(self.swap.days)}."


@dataclass(frozen=True, slots=True)
class DecommissionStarted:
    """Retired files are being deleted: there is no way back from here."""

    step: ClassVar[Step] = Step.DECOMMISSION
    outcome: ClassVar[Outcome] = Outcome.STARTED
    now: bool = False

    def summary(self) -> str:
        """One sentence."""
        return "Started to delete the retired files."


@dataclass(frozen=True, slots=True)
class Decommissioned:
    """The retired files are gone, with the proof that nothing needed them."""

    step: ClassVar[Step] = Step.DECOMMISSION
    outcome: ClassVar[Outcome] = Outcome.DONE
    proof: Mapping[str, Any] = field(default_factory=dict[str, Any], metadata=stored_as(flat=True))

    def summary(self) -> str:
        """One sentence."""
        return "Deleted the retired files."
