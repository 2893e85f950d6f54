"""Facts of steps 7 and 8: report partitions rebuilt, watchers told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backfill_assets.core.codec import stored_as
from backfill_assets.core.steps import NoticeKind, Outcome, Step
from backfill_assets.errors.base import counted, listed


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
