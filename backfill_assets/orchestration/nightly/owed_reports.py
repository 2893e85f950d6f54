"""Reports that live has left behind: what changed days reach, and what an earlier run did not build."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from backfill_assets.core.slots import Slot
from backfill_assets.errors.correction import ReportFrozen
from backfill_assets.errors.failure import Failure
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Apart, Runner, RunResult, why
from backfill_assets.orchestration.reports.building import Builder, keys_between, runs_of_keys
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.orchestration.reports.reach import Report
from backfill_assets.storage.records import Records

MARKED = {tags.PUBLISH: tags.PUBLISH_LIVE}


@dataclass(frozen=True)
class Followed:
    """What became of reports that were owed: the frozen ones were left, and are built at the thaw."""

    frozen: tuple[str, ...] = ()
    failed: Mapping[str, Failure] = field(default_factory=dict[str, Failure])


@dataclass
class OwedReports:
    """The reports of a table, and how to build those that are owed."""

    definition: TableDefinition
    runner: Runner
    lake: LakeResource
    apart: Apart = field(default_factory=Apart)

    def build(self, records: Records, days: Collection[Slot], live: Collection[Slot]) -> Followed:
        """Build what the days reach, and what an earlier run left behind the days that are live.

        A frozen report is left, and what it missed is remembered.
        """
        frozen: list[str] = []
        failed: dict[str, Failure] = {}
        builder = Builder(self.runner, records, self.lake.now())
        reach = self._owed(builder, days, live)
        freezer = Freezer(records, {}, self.lake.now())
        for report in self.definition.reports.assets:
            keys = reach.get(report.name, ())
            if not keys:
                continue
            try:
                freezer.refuse(report.name, keys)
            except ReportFrozen:
                frozen.append(report.name)
                continue
            for run in runs_of_keys(report, keys, builder.built_of_live(report, self.definition.table)):
                between = keys_between(report, *run)
                for _, ran in self.apart.failures(partial(_built, builder, report), between):
                    failed[report.name] = why(ran)
        return Followed(tuple(frozen), failed)

    def _owed(self, builder: Builder, days: Collection[Slot], live: Collection[Slot]) -> dict[str, tuple[str, ...]]:
        """The report partitions that the days reach, and those that were built from other files than live has."""
        definition = self.definition
        if not live or not definition.reports.assets:
            return {}
        reports = {report.name: report for report in definition.reports.assets}
        surroundings = definition.surroundings(builder.records)
        reached = surroundings.reach(days) if days else {}
        for report, keys in surroundings.reach(live).items():
            behind = builder.behind(reports[report], keys, definition.table)
            reached[report] = reports[report].in_order({*reached.get(report, ()), *behind})
        return reached


def _built(builder: Builder, report: Report, keys: Sequence[str]) -> RunResult:
    return builder.build(report, (keys[0], keys[-1]), MARKED)
