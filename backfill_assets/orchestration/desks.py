"""From a Dagster run to a desk of the runbook: the subject of a correctable asset, and who sits there."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg

from backfill_assets.core.notice import Notice
from backfill_assets.orchestration.reach import Reports
from backfill_assets.orchestration.resources import LakeResource, actor_of, git_commit, now_utc, place
from backfill_assets.orchestration.siblings import CorrectableAsset
from backfill_assets.orchestration.source_limits import SourceLimits
from backfill_assets.runbook import Desk, Subject
from backfill_assets.runbook.desk import Prove, Verify
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class Office:
    """A correctable asset with its reports and its proofs: everything a desk needs but the run."""

    asset: CorrectableAsset
    reports: Reports
    rollback_days: int = 14
    verify: tuple[Verify, ...] = ()
    prove: tuple[Prove, ...] = ()
    holders: tuple[str, ...] = ()
    limits: SourceLimits = field(default_factory=SourceLimits)

    @property
    def table(self) -> str:
        """The correctable table."""
        return self.asset.table

    def subject(self, records: Records) -> Subject:
        """The table as the runbook knows it."""
        return Subject(
            table=self.table,
            keys=self.asset.keys,
            measures=self.asset.measures,
            sources=tuple(dict.fromkeys(self.asset.recipe.sources.values())),
            reports=tuple(asset.key.path[-1] for asset in self.reports.assets),
            reach=lambda days: self.reach(records, days),
            publish=publish_notice,
            code_version=self.asset.recipe.code_version,
            git_commit=git_commit(),
            tolerant=self.reports.tolerant,
            holders=self.holders,
            days_per_minute=self.limits.days_per_minute,
            retention_days=self.limits.retention_days,
            rollback_days=self.rollback_days,
            verify=self.verify,
            prove=self.prove,
        )

    def reach(self, records: Records, days: Collection[date]) -> dict[str, tuple[str, ...]]:
        """The report partitions that some days reach, as far as they exist."""
        live = records.snapshot(self.table).days if records.exists(self.table) else frozenset[date]()
        return self.reports.reach(days, live, now_utc())

    def desk(self, lake: LakeResource, actor: str, run_id: str = "") -> Desk:
        """A desk outside a run."""
        records = lake.records()
        return Desk(records, self.subject(records), actor, lake.now(), run_id)

    def desk_of(self, context: dg.AssetExecutionContext) -> Desk:
        """The desk of a run."""
        return self.desk(context.resources.lake, actor_of(context.run.tags), context.run.run_id)


def published_root() -> Path:
    """Where pages, files and notices for readers go: ``BACKFILL_PUBLISHED``, default ``data/published``."""
    return Path(place("", "BACKFILL_PUBLISHED", "data/published"))


def publish_notice(notice: Notice) -> str:
    """Put a notice into the published folder, whole or not at all; returns its path."""
    target = published_root() / "notices" / f"{notice.name}.md"
    replace_text(target, notice.body)
    return str(target)


def replace_text(target: Path, text: str) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(target)
