"""What step 7 builds: the owed report partitions, nearest first, in this process."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from backfill_assets.errors.correction import ReportsNotRebuilt
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.reports.building import Builder, rebuild_marks
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.orchestration.reports.reach import Report
from backfill_assets.runbook import StepContext


@dataclass
class Rebuild:
    """One rebuild of a correction's reports, and what of it failed: partitions by report, and the errors of runs."""

    definition: TableDefinition
    ctx: StepContext
    builder: Builder
    correction: str
    left: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    stuck: set[dg.AssetKey] = field(default_factory=set[dg.AssetKey])
    errors: list[str] = field(default_factory=list[str])
    built: int = 0

    def build(self, partitions: Mapping[str, Sequence[str]]) -> None:
        """Build what is owed of each report, nearest first; what another correction holds is handed over to it.

        A report that reads one that failed waits for it, since it would be built of what is wrong.

        Raises:
            ReportsNotRebuilt: naming what failed and what waits for it.
        """
        for report in self.definition.reports.assets:
            keys = self._owed(report, partitions.get(report.name, ()))
            if not keys:
                continue
            if (report.parents | {report.key}) & self.stuck:
                self._leave(report, keys)
            elif not self._handed_over(report, keys):
                self._build(report, keys)
        if self.left:
            raise ReportsNotRebuilt(self.correction, self.left, self.built, self.errors)

    def _owed(self, report: Report, keys: Sequence[str]) -> list[str]:
        """Those of some partitions that are still owed; a run of one output of an op has built the others too."""
        owed = self.ctx.records.ledger.progress(self.correction).downstream.owed
        return [key for key in keys if (report.name, key) in owed]

    def _handed_over(self, report: Report, keys: Collection[str]) -> bool:
        freezer = Freezer(self.ctx.records, {"user": self.ctx.actor}, self.ctx.now)
        return freezer.hand_over(self.correction, report.name, keys)

    def _build(self, report: Report, keys: Sequence[str]) -> None:
        marks, table = rebuild_marks(self.correction), self.definition.table
        for _, ran in self.builder.build_all(report, keys, marks, table):
            self.errors += [] if ran.success else ran.errors or ("Dagster gives no reason.",)
        left = self._owed(report, keys)
        self.built += len(keys) - len(left)
        if left:
            self._leave(report, left)

    def _leave(self, report: Report, keys: Sequence[str]) -> None:
        self.left[report.name] = [*keys]
        self.stuck.update(report.selection)


def rebuild(
    definition: TableDefinition,
    ctx: StepContext,
    runner: Runner,
    correction: str,
    partitions: Mapping[str, Sequence[str]],
) -> None:
    """Build these partitions of each report.

    Raises:
        ReportsNotRebuilt: when some could not be.
    """
    Rebuild(definition, ctx, Builder(runner, ctx.records, ctx.now), correction).build(partitions)
