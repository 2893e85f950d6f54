"""Who takes a step, on which table, amid what, and when: what every function of the runbook is given."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Protocol

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Fact
from backfill_assets.core.given import refuse_unsigned
from backfill_assets.core.notice import Notice
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Requirement, SequenceIs
from backfill_assets.errors.deciding import ExtentContradictory, ExtentUnsaid
from backfill_assets.runbook.correctable_table import CorrectableTable
from backfill_assets.runbook.looking import looked
from backfill_assets.storage.overlaid import Overlay
from backfill_assets.storage.records import Records
from backfill_assets.storage.swap import Manifest

Reach = Mapping[str, tuple[str, ...]]


class Surroundings(Protocol):
    """What the runbook needs of the code location around it: its partitions, and the way to its readers."""

    def unknown_days(self, days: Collection[date]) -> Collection[date]:
        """Those of some days that are no partitions of the table, which no run could stage."""
        ...

    def reach(self, days: Collection[date]) -> Reach:
        """Which partitions of which report some days reach."""
        ...

    def publish(self, notice: Notice) -> str:
        """Bring a notice to its readers; returns where it is."""
        ...

    def show(self, pending: Event | None) -> Collection[str]:
        """Bring what people read in line with the ledger as it will be once the pending event is in it.

        That event is written only when this has succeeded. Returns what could not be made, in sentences.
        """
        ...

    def publish_page(self, ctx: "StepContext", event: Event) -> None:
        """Bring the page of a correction in line with an event that is in the ledger; it does not raise."""
        ...

    def around(self, ctx: "StepContext") -> Mapping[str, "StepContext"]:
        """The same context of each correctable table that reads this one or is read by it, also through others."""
        ...


@dataclass(frozen=True, slots=True)
class StepContext:
    """A table with its records and surroundings, and who acts: actor, Dagster run, and the time (UTC).

    The records know how the table and its sources keep their slots. ``made`` is what the machine's clock showed at
    ``now``: the same, except where a demonstration has a clock of its own.
    """

    records: Records
    table: CorrectableTable
    surroundings: Surroundings
    actor: str
    now: datetime
    run_id: str = ""
    made: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "records", self.records.knowing(self.table.partitions).reading(self.table.sources.outside)
        )

    def progress(self, correction: str) -> Progress:
        """Where a correction stands, by the ledger and by the table.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        return looked(self.records, self.records.ledger.progress(correction))

    def time_of(self, logged: datetime) -> datetime:
        """What the clock of ``now`` showed when a table's log, which goes by the machine's clock, showed this."""
        return logged + (self.now - self.made)

    def event(self, correction: str, fact: Fact) -> Event:
        """An event of this context, not yet in the ledger."""
        return Event(correction, fact, self.now, self.actor, self.run_id)

    def record(self, correction: str, fact: Fact, *, manifest: Manifest | None = None) -> Event:
        """Write into the ledger what has happened."""
        event = self.event(correction, fact)
        return self.shown(self.records.ledger.append(event, table=self.table.name, manifest=manifest))

    def record_if(
        self, correction: str, fact: Fact, required: Requirement, *, manifest: Manifest | None = None
    ) -> Event | None:
        """Write what has happened if what it rests on is still true; None, and nothing written, when it is not."""
        event = self.event(correction, fact)
        told = self.records.ledger.record(event, required, table=self.table.name, manifest=manifest)
        return self.shown(told) if told else None

    def record_next(self, progress: Progress, fact: Fact, *, manifest: Manifest | None = None) -> Event | None:
        """Write what was decided on from this progress; None, and nothing written, when it has moved since."""
        correction = progress.plan.correction
        return self.record_if(correction, fact, SequenceIs(correction, progress.sequence), manifest=manifest)

    def shown(self, event: Event) -> Event:
        """The event, once the page of its correction tells of it."""
        self.surroundings.publish_page(self, event)
        return event

    def reading_over(self, overlays: Mapping[str, Overlay]) -> "StepContext":
        """The same context, which reads some slots of some sources from staged versions."""
        return replace(self, records=self.records.staged_over(overlays)) if overlays else self

    def by(self, actor: str) -> "StepContext":
        """The same context with another actor."""
        return replace(self, actor=actor)


def iso(days: Collection[date]) -> list[str]:
    """Days as ISO strings, oldest first."""
    return [day.isoformat() for day in sorted(days)]


def refuse_nameless(ctx: StepContext, what: str, correction: str) -> None:
    """Refuse a decision that nobody signs. ``what`` is the decision, such as "roll back".

    Raises:
        NameNeeded: when the actor is no person.
    """
    refuse_unsigned(ctx.actor, f"{what} correction {correction}")


def refuse_without_extent(progress: Progress, days: Collection[date], *, all_days: bool) -> None:
    """Refuse a roll back that does not say what it is of: some days by name, or all of them.

    Raises:
        ExtentUnsaid, ExtentContradictory: when neither is said, or both.
    """
    correction, noun = progress.plan.correction, progress.plan.window.grain.value
    if not days and not all_days:
        raise ExtentUnsaid(correction, noun)
    if days and all_days:
        raise ExtentContradictory(correction, days, noun)
