"""From a Dagster run to a ctx of the runbook: the subject of a correctable asset, and who sits there."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg

from backfill_assets.core.events import Event
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.orchestration.asset.declared import declared_columns
from backfill_assets.orchestration.asset.siblings import CorrectableAsset
from backfill_assets.orchestration.asset.source_limits import SourceLimits
from backfill_assets.orchestration.instance.delivery import Post
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of, git_commit, now_utc, place
from backfill_assets.orchestration.reports.reach import Reports
from backfill_assets.pages.publishing import publish_page, show_moved
from backfill_assets.runbook import StepContext, Subject
from backfill_assets.runbook.context import Prove, Verify
from backfill_assets.runbook.planning import rows_without_day_told
from backfill_assets.storage.records import Records

# What cannot be made of what people read is returned in sentences; the rest is made.
Render = Callable[[Records, Path, Event | None], Collection[str]]


@dataclass(frozen=True)
class TableDefinition:
    """A correctable asset with its reports and its proofs: everything a ctx needs but the run."""

    asset: CorrectableAsset
    reports: Reports
    rollback_days: int = 14
    verify: tuple[Verify, ...] = ()
    prove: tuple[Prove, ...] = ()
    holders: tuple[str, ...] = ()
    limits: SourceLimits = field(default_factory=SourceLimits)
    render: Render | None = None

    @property
    def table(self) -> str:
        """The correctable table."""
        return self.asset.table

    @property
    def tables(self) -> tuple[str, ...]:
        """The correctable table and its sources."""
        return tuple(dict.fromkeys([self.table, *self.asset.compute_spec.sources.values()]))

    def subject(self, records: Records) -> Subject:
        """The table as the runbook knows it."""
        return Subject(
            table=self.table,
            keys=self.asset.keys,
            measures=self.asset.measures,
            sources=tuple(dict.fromkeys(self.asset.compute_spec.sources.values())),
            reports=tuple(table_of(asset.key) for asset in self.reports.assets),
            reach=lambda days: self.reach(records, days),
            publish=self.post(records).publish,
            code_version=self.asset.compute_spec.code_version,
            git_commit=git_commit(),
            tolerant=self.reports.tolerant,
            holders=self.holders,
            days_per_minute=self.limits.days_per_minute,
            retention_days=self.limits.retention_days,
            rollback_days=self.rollback_days,
            verify=self.verify,
            prove=self.prove,
            show=lambda event: self.show(records, event),
            declared=declared_columns(self.asset.compute_spec.schema),
            no_partitions=self.no_partitions,
            publish_page=lambda ctx, event: publish_page(ctx, event, published_root()),
        )

    def post(self, records: Records) -> Post:
        """Where the notices of this table go."""
        return Post(records, published_root() / "notices", now_utc())

    def show(self, records: Records, pending: Event | None = None) -> list[str]:
        """Bring what people read in line with the tables and with the ledger once ``pending`` is in it.

        Returns what could not be made, in sentences.
        """
        return list(self.render(records, published_root(), pending)) if self.render is not None else []

    def refresh_outputs(self, records: Records) -> list[str]:
        """After a step: bring pages in line, send what is pending; returns what could not be done, in sentences.

        Nothing of this fails the step: what is left is taken up after the next one.
        """
        left: list[str] = []
        for look in (self._moved, self.show, self._waiting, self._without_day):
            try:
                left += look(records)
            except OSError as error:
                left.append(f"Pages could not be replaced ({type(error).__name__}). They are as they were.")
            except BackfillAssetsError as error:
                left.append(str(error))
        return list(dict.fromkeys(left))

    def _moved(self, records: Records) -> list[str]:
        show_moved(StepContext(records, self.subject(records), "pages", now_utc()), published_root())
        return []

    def _waiting(self, records: Records) -> list[str]:
        waiting = self.post(records).deliver()
        names = sorted({f"{one.notice.name} on channel {one.channel}" for one in waiting})
        return [f"Notice {name} is not delivered yet." for name in names]

    def _without_day(self, records: Records) -> list[str]:
        return rows_without_day_told(records, self.tables)

    def reach(self, records: Records, days: Collection[date]) -> dict[str, tuple[str, ...]]:
        """The report partitions that some days reach, as far as they exist."""
        live = records.snapshot(self.table).days if records.exists(self.table) else frozenset[date]()
        return self.reports.reach(days, live, now_utc())

    def no_partitions(self, days: Collection[date]) -> list[date]:
        """Those of the days that are no partitions of the table."""
        known = self.asset.partitions_def
        return [day for day in days if not known.has_partition_key(str(day))]

    def step_context(self, lake: LakeResource, actor: str, run_id: str = "") -> StepContext:
        """A ctx outside a run."""
        records = lake.records()
        return StepContext(records, self.subject(records), actor, lake.now(), run_id)

    def step_context_of(self, context: dg.AssetExecutionContext) -> StepContext:
        """The ctx of a run."""
        return self.step_context(context.resources.lake, actor_of(context.run.tags), context.run.run_id)


def published_root() -> Path:
    """Where pages, files and notices for readers go: ``BACKFILL_PUBLISHED``, default ``data/published``."""
    return Path(place("", "BACKFILL_PUBLISHED", "data/published"))
