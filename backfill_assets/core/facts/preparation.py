"""Facts of the opening and of steps 1 to 3: reports frozen, sources verified, watermarks reset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from backfill_assets.core.codec import stored_as
from backfill_assets.core.plan import Plan
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import because, counted, listed, named


@dataclass(frozen=True, slots=True)
class Opened:
    """A correction was opened with this plan."""

    step: ClassVar[Step] = Step.OPEN
    outcome: ClassVar[Outcome] = Outcome.DONE
    plan: Plan

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"Opened for {counted(len(self.plan.days), noun)}, {self.plan.window}."


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """A person has looked and wants another try: failures and the tries of each day are forgotten."""

    step: ClassVar[Step] = Step.OPEN
    outcome: ClassVar[Outcome] = Outcome.REQUESTED

    def summary(self) -> str:
        """One sentence."""
        return "Another try was requested; earlier failures no longer count."


@dataclass(frozen=True, slots=True)
class ReportsFrozen:
    """Reports are held at a commit each; ``pinned_table`` is the table's own, ``as_of`` its newest day then."""

    step: ClassVar[Step] = Step.FREEZE_REPORTS
    outcome: ClassVar[Outcome] = Outcome.DONE
    reports: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    pinned: Mapping[str, int] = field(default_factory=dict[str, int])
    pinned_table: int | None = None
    as_of: date | None = None
    until: datetime | None = None
    reason: str = ""

    def summary(self) -> str:
        """One sentence."""
        return f"Froze {counted(len(self.reports), 'report')}{named(self.reports)}."


@dataclass(frozen=True, slots=True)
class ReportOwed:
    """Partitions of a report were refused while it was frozen, or have to be built again."""

    step: ClassVar[Step] = Step.FREEZE_REPORTS
    outcome: ClassVar[Outcome] = Outcome.REFUSED
    report: str
    partitions: tuple[str, ...]

    def summary(self) -> str:
        """One sentence."""
        return f"{counted(len(self.partitions), 'partition')} of {self.report} to be built later."


@dataclass(frozen=True, slots=True)
class SourceVerified:
    """The inputs of every day are there and unaltered at these commits."""

    step: ClassVar[Step] = Step.VERIFY_SOURCE
    outcome: ClassVar[Outcome] = Outcome.DONE
    days: int = 0
    pins: Mapping[str, int] = field(default_factory=dict[str, int])
    sources: int = field(default=0, metadata=stored_as(omit=True))
    source_files: int = field(default=0, metadata=stored_as(omit=True))
    further_looks: int = field(default=0, metadata=stored_as(omit=True))

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"The sources of {counted(self.days, noun)} are complete and unaltered."


@dataclass(frozen=True, slots=True)
class SourceUnfit:
    """The inputs of some days are not there or not as they were: what is wrong, with which days."""

    step: ClassVar[Step] = Step.VERIFY_SOURCE
    outcome: ClassVar[Outcome] = Outcome.FAILED
    reason: str = ""
    problems: Mapping[str, tuple[date, ...]] = field(default_factory=dict[str, tuple[date, ...]])
    by_day: Mapping[date, tuple[str, ...]] = field(default_factory=dict[date, tuple[str, ...]])
    largest_sound_window: str = ""

    def summary(self) -> str:
        """One sentence."""
        return self.reason


@dataclass(frozen=True, slots=True)
class WatermarksReset:
    """Our own holders are held before the window; external ones are named."""

    step: ClassVar[Step] = Step.RESET_WATERMARKS
    outcome: ClassVar[Outcome] = Outcome.DONE
    marks: Mapping[str, date | None] = field(default_factory=dict[str, date | None])
    effective: Mapping[str, date | None] = field(default_factory=dict[str, date | None])
    external: tuple[str, ...] = ()

    def summary(self) -> str:
        """One sentence."""
        return f"Reset {counted(len(self.marks), 'watermark')}{named(self.marks)}."


@dataclass(frozen=True, slots=True)
class HoldersAdvanced:
    """External holders have read again what was swapped or rolled back."""

    step: ClassVar[Step] = Step.RESET_WATERMARKS
    outcome: ClassVar[Outcome] = Outcome.PROGRESSED
    holders: tuple[str, ...] = field(metadata=stored_as("advanced"))

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        return f"{listed(self.holders)} read the changed {noun}s again."


@dataclass(frozen=True, slots=True)
class HolderWaived:
    """Nobody waits for a holder any more, by a person's word."""

    step: ClassVar[Step] = Step.RESET_WATERMARKS
    outcome: ClassVar[Outcome] = Outcome.WAIVED
    holder: str
    note: str

    def summary(self) -> str:
        """One sentence."""
        return f"No longer waits for {self.holder} ({self.note})."


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The correction was abandoned before anything of it was live, or after all of it was rolled back."""

    step: ClassVar[Step] = Step.ABANDON
    outcome: ClassVar[Outcome] = Outcome.DONE
    note: str = ""

    def summary(self) -> str:
        """One sentence."""
        return f"Abandoned{because(self.note)}."
