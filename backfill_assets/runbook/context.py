"""Who takes a step, on which table, and when: what every function of the runbook is given."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Fact
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Requirement, SequenceIs
from backfill_assets.runbook.looking import looked
from backfill_assets.storage.records import Records
from backfill_assets.storage.swap import Manifest

Reach = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one day of one source, in a few words without a full stop."""

    day: date
    what: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What checks against the source are given: the plan, the staged days, and live's of the same days.

    ``excluded`` are days whose live rows were computed from other inputs, so that live says nothing about them.
    """

    plan: Plan
    records: Records
    staged: pl.LazyFrame
    live: pl.LazyFrame
    days: tuple[date, ...]
    excluded: frozenset[date] = frozenset()


Verify = Callable[[Records, Plan], Sequence[Problem]]
Prove = Callable[[Evidence], Sequence[Check]]
Publish = Callable[[Notice], str]
Show = Callable[[Event | None], object]
PublishPage = Callable[["StepContext", Event], None]


def show_nothing(_about_to_happen: Event | None) -> None:
    """For a table without pages."""


def all_partitions(_days: Collection[date]) -> Collection[date]:
    """For a table whose every day is a partition."""
    return ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A correctable table, as the runbook knows it.

    ``keys`` with the day identify a row, ``measures`` are summed and compared. ``sources`` are the tables it is
    computed from and ``reports`` those computed from it. ``reach`` says which partitions of which report some days
    reach. ``verify`` looks at the sources, ``prove`` at the staged days against them. ``publish`` brings a notice to
    its readers and returns where it is. ``show`` brings what people read in line with the ledger as it will be once
    the given event is in it; that event is written only when it has succeeded. ``publish_page`` brings the page of a
    correction in line with an event that is in the ledger; it does not raise. ``tolerant`` reports are not frozen.
    ``holders`` are consumers outside that keep a watermark of their own. ``declared`` are the columns that the asset's
    schema names, with their types; ``no_partitions`` returns those of some days that no run could stage. The
    sources bear ``days_per_minute`` (0 without a limit) and keep ``retention_days``, by name.
    """

    table: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    sources: tuple[str, ...]
    reports: tuple[str, ...]
    reach: Callable[[Collection[date]], Reach]
    publish: Publish
    code_version: str = ""
    git_commit: str = ""
    rollback_days: int = 14
    verify: tuple[Verify, ...] = ()
    prove: tuple[Prove, ...] = ()
    show: Show = show_nothing
    publish_page: PublishPage | None = None
    tolerant: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    days_per_minute: float = 0.0
    retention_days: Mapping[str, int] = field(default_factory=dict[str, int])
    declared: Mapping[str, pl.DataType] = field(default_factory=dict[str, pl.DataType])
    no_partitions: Callable[[Collection[date]], Collection[date]] = all_partitions


@dataclass(frozen=True, slots=True)
class StepContext:
    """A subject with its records, and who sits there: actor, Dagster run, and the time (UTC)."""

    records: Records
    subject: Subject
    actor: str
    now: datetime
    run_id: str = ""

    def progress(self, correction: str) -> Progress:
        """Where a correction stands, by the ledger and by the table.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        return looked(self.records, self.records.ledger.progress(correction))

    def event(self, correction: str, fact: Fact) -> Event:
        """An event of this ctx, not yet in the ledger."""
        return Event(correction, fact, self.now, self.actor, self.run_id)

    def record(self, correction: str, fact: Fact, *, manifest: Manifest | None = None) -> Event:
        """Write into the ledger what has happened."""
        event = self.event(correction, fact)
        return self.shown(self.records.ledger.append(event, table=self.subject.table, manifest=manifest))

    def record_if(
        self, correction: str, fact: Fact, required: Requirement, *, manifest: Manifest | None = None
    ) -> Event | None:
        """Write what has happened if what it rests on is still true; None, and nothing written, when it is not."""
        event = self.event(correction, fact)
        told = self.records.ledger.record(event, required, table=self.subject.table, manifest=manifest)
        return self.shown(told) if told else None

    def record_next(self, progress: Progress, fact: Fact, *, manifest: Manifest | None = None) -> Event | None:
        """Write what was decided on from this progress; None, and nothing written, when it has moved since."""
        correction = progress.plan.correction
        return self.record_if(correction, fact, SequenceIs(correction, progress.sequence), manifest=manifest)

    def shown(self, event: Event) -> Event:
        """The event, once the page of its correction tells of it."""
        if self.subject.publish_page is not None:
            self.subject.publish_page(self, event)
        return event

    def by(self, actor: str) -> "StepContext":
        """The same ctx with somebody else at it."""
        return replace(self, actor=actor)


def iso(days: Collection[date]) -> list[str]:
    """Days as ISO strings, oldest first."""
    return [day.isoformat() for day in sorted(days)]
