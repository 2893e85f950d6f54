"""Facts of steps 6 to 9: days swapped, reports rebuilt, watchers told, retired files deleted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from backfill_assets.core.carried import Extension
from backfill_assets.core.codec import NOT_STORED, stored_as
from backfill_assets.core.steps import NoticeKind, Outcome, Step
from backfill_assets.errors.base import counted, days_listed, listed, verb

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

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"Planned to {_VERBS[self.step]} {days_listed(self.days, noun=noun)}."


@dataclass(frozen=True, slots=True)
class SwapRefused:
    """A swap was not committed; ``restage`` are days to be staged again.

    Where state is carried the plan grows by those that were published meanwhile: ``extended`` says how far.
    """

    outcome: ClassVar[Outcome] = Outcome.REFUSED
    step: Step = field(metadata=NOT_STORED)
    reason: str = ""
    restage: tuple[date, ...] = ()
    extended: Extension | None = field(default=None, metadata=stored_as(omit=True))

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
    correction replaces (``old``) and what it brings (``new``). ``stale`` are days that carry on a state that is gone.
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
    stale: tuple[date, ...] = field(default=(), metadata=stored_as(omit=True))

    def summary(self, noun: str = "day") -> str:
        """A sentence or two; ``noun`` is what a slot of the table is."""
        told = f"{_DONE[self.step]} {days_listed(self.swap.days, noun=noun)}."
        return f"{told} {stale_told(self.stale, noun)}" if self.stale else told


def stale_told(stale: Collection[date], noun: str) -> str:
    """That days were computed from a state that is not before them any more, in a sentence."""
    were, are = verb(len(stale), "was", "were"), verb(len(stale), "is", "are")
    return f"{days_listed(stale, noun=noun)} {were} computed from a state that is gone, and {are} late."


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


@dataclass(frozen=True, slots=True)
class PartitionsBuilt:
    """Partitions of a report were rebuilt, or left to the other corrections that hold the report."""

    step: ClassVar[Step] = Step.REBUILD_DOWNSTREAM
    outcome: ClassVar[Outcome] = Outcome.PROGRESSED
    report: str
    partitions: tuple[str, ...]
    handed_over_to: tuple[str, ...] = field(default=(), metadata=stored_as(omit=True))

    def summary(self) -> str:
        """One sentence."""
        if self.handed_over_to:
            return f"{self.report} is left to correction {listed(self.handed_over_to)}."
        return f"Rebuilt {counted(len(self.partitions), 'partition')} of {self.report}."


@dataclass(frozen=True, slots=True)
class ReportsRebuilt:
    """Every reached report partition is rebuilt, our own watermarks moved, and the reports are released."""

    step: ClassVar[Step] = Step.REBUILD_DOWNSTREAM
    outcome: ClassVar[Outcome] = Outcome.DONE
    rebuilt: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    marks: Mapping[str, str] = field(default_factory=dict[str, str])

    def summary(self) -> str:
        """One sentence."""
        return f"Rebuilt {counted(sum(map(len, self.rebuilt.values())), 'report partition')} and released the reports."


@dataclass(frozen=True, slots=True)
class Notified:
    """The watchers were told; ``kind`` is what is told of last, ``notices`` say where."""

    step: ClassVar[Step] = Step.COMMUNICATE
    outcome: ClassVar[Outcome] = Outcome.DONE
    kind: NoticeKind = field(default=NoticeKind.PUBLISHED, metadata=stored_as("event"))
    notices: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = field(default=(), metadata=stored_as("events", omit=True))

    @property
    def told_of(self) -> tuple[NoticeKind, ...]:
        """Everything they were told of; from before more than one thing was told at once, the one."""
        return self.kinds or (self.kind,)

    def summary(self) -> str:
        """One sentence."""
        return f"Sent {counted(len(self.notices), 'notice')} of kind {self.kind}."
