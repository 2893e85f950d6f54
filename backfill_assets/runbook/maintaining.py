"""Maintenance of everything around a correctable table, which asks the open corrections first."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending
from backfill_assets.runbook.as_reported import keep_reported
from backfill_assets.runbook.context import StepContext
from backfill_assets.storage.layout import VAULTS
from backfill_assets.storage.records import Records
from backfill_assets.storage.retention import LONGEST_WRITE, clean_log, maintain
from backfill_assets.storage.table import Table
from backfill_assets.storage.vault import Vault, vaults_in

RETENTION_DAYS = 30


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table: days compacted, data files and log files deleted."""

    table: str
    compacted: tuple[str, ...]
    deleted: tuple[str, ...]
    log_deleted: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {
            "table": self.table,
            "compacted": list(self.compacted),
            "deleted": list(self.deleted),
            "log_files_deleted": len(self.log_deleted),
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """What open corrections need of one table: days as they are, files, commits."""

    days: frozenset[date | None] = frozenset()
    paths: frozenset[str] = frozenset()
    commits: frozenset[int] = frozenset()


def maintain_all(ctx: StepContext, retention_days: int = RETENTION_DAYS) -> list[Maintained]:
    """Compact, vacuum and clean the logs of a correctable table, its reports, its sources and the control tables.

    Nothing that a correction can still bring back or is staged from is touched, nor is any file within the retention,
    which is never shorter than the rollback window. Sources are not compacted: their manifest knows files by name.
    Staged versions are left alone, decommission sweeps them.
    """
    table, records = ctx.table, ctx.records
    retention = timedelta(days=max(retention_days, table.rollback_days + 1))
    all_progress = [*records.ledger.all_progress().values()]
    before = min([ctx.now - retention, *(one.plan.opened_at for one in all_progress if not one.is_closed)])
    keep_reported(ctx, scan=True)
    done: list[Maintained] = []
    for name in dict.fromkeys((table.name, *table.consumers.reports, *table.sources.names)):
        if records.exists(name):
            kept = kept_of(ctx, name, all_progress)
            if name in table.sources.names:
                kept = replace(kept, days=frozenset(records.snapshot(name).files))
            done.append(_maintained(name, records.table(name), kept, retention, ctx.now, before))
    for name in records.control_tables():
        control = records.control_table(name)
        done.append(_maintained(f"_control/{name}", control, Kept(), retention, ctx.now, before))
    done += [_swept(records, name, ctx.now) for name in vaults_in(records.lake)]
    return done


def _swept(records: Records, name: str, now: datetime) -> Maintained:
    """Delete what a killed writer left in a vault as soon as it can be told that nobody is writing it."""
    vault = Vault(records.lake, name).table
    kept = Kept(days=frozenset(vault.snapshot().files))
    return _maintained(f"{VAULTS}/{name}", vault, kept, LONGEST_WRITE, now, now - LONGEST_WRITE)


def kept_of(ctx: StepContext, table: str, all_progress: Collection[Progress]) -> Kept:
    """What corrections that are not decommissioned need of a table."""
    open_ones = [one for one in all_progress if one.publication.ending is not Ending.DECOMMISSIONED]
    ours = {one.plan.correction for one in open_ones if one.plan.table == table}
    paths = {
        file.path
        for correction, manifests in ctx.records.ledger.manifests().items()
        if correction in ours
        for manifest in manifests
        for file in (*manifest.retired, *manifest.arriving)
    }
    return Kept(
        days=frozenset(day for one in open_ones if one.plan.table == table for day in one.plan.days),
        paths=frozenset(paths),
        commits=frozenset(one.plan.pins[table] for one in open_ones if table in one.plan.pins),
    )


def _maintained(
    name: str, table: Table, kept: Kept, retention: timedelta, now: datetime, before: datetime
) -> Maintained:
    found = maintain(
        table, keep_days=kept.days, keep_paths=kept.paths, retention=retention, now=now, keep_commits=kept.commits
    )
    days = tuple(str(day) for day in found.compacted if day)
    return Maintained(name, days, found.deleted, clean_log(table, before, kept.commits))
