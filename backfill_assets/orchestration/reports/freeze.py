"""Reports are refused while a correction holds them, and what was refused is remembered."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Fact, PartitionsBuilt, ReportOwed
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import ReportIsHeld
from backfill_assets.errors.correction import ReportFrozen
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.columns import records_of_run
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of
from backfill_assets.orchestration.instance.slots import slots_of
from backfill_assets.orchestration.reports.completeness import Built, begin_reading, complete, graph_of
from backfill_assets.orchestration.reports.reach import WHOLE
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Freezer:
    """A run that may build reports: its tags, and the time."""

    records: Records
    run_tags: Mapping[str, str]
    now: datetime

    def refuse(self, report: str, partitions: Collection[str]) -> None:
        """Refuse to build a report that a correction other than the run's own holds, and remember what was refused.

        Raises:
            ReportFrozen: naming the report and who holds it.
        """
        own = self.run_tags.get(tags.REBUILD_FOR, "")
        holders = {name: held for name, held in self.held_by(report).items() if name != own}
        if not holders:
            return
        self._remember(holders, report, partitions)
        raise ReportFrozen(report, partitions, holders)

    def refuse_run(self, assets: Collection[dg.AssetKey], partitions: Collection[str]) -> None:
        """The same for all assets of a run: what is built together is remembered together.

        Raises:
            ReportFrozen: naming the first report that is held.
        """
        all_progress = self.records.ledger.all_progress().values()
        held = {report for progress in all_progress for report in progress.downstream.frozen}
        refused: list[ReportFrozen] = []
        for report in sorted(held & {table_of(key) for key in assets}):
            try:
                self.refuse(report, partitions)
            except ReportFrozen as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def remember(self, report: str, partitions: Collection[str]) -> None:
        """Let the corrections that hold a report build again what was written since it was asked whether they do."""
        own = self.run_tags.get(tags.REBUILD_FOR, "")
        holders = {name: held for name, held in self.held_by(report).items() if name != own}
        self._remember(holders, report, partitions)

    def _remember(self, holders: Mapping[str, Progress], report: str, partitions: Collection[str]) -> None:
        for name, progress in holders.items():
            new = sorted(key for key in partitions if (report, key) not in progress.downstream.owed)
            if new:
                self._tell(name, progress.plan.table, ReportOwed(report, tuple(new)))

    def tell_built(self, report: str, partitions: Collection[str], run_id: str) -> None:
        """Write down that those partitions are built which a correction owes, when the run is for one."""
        own = self.run_tags.get(tags.REBUILD_FOR)
        progress = self.records.ledger.progress(own) if own else None
        told = [key for key in partitions if progress and (report, key) in progress.downstream.owed]
        if own and progress and told:
            self._tell(own, progress.plan.table, PartitionsBuilt(report, tuple(told)), run_id)

    def hand_over(self, correction: str, report: str, partitions: Collection[str]) -> bool:
        """Leave partitions to the other corrections that hold the report; False when none does any more.

        The others owe them from then on and this one lets the report go, so that of two that end at once one builds.
        """
        others = sorted(name for name in self.held_by(report) if name != correction)
        if not others:
            return False
        table = self.records.ledger.progress(correction).plan.table
        for name in others:
            self._tell(name, table, ReportOwed(report, tuple(partitions)))
        handed_over = PartitionsBuilt(report, tuple(sorted(partitions)), tuple(others))
        event, required = self._event(correction, handed_over), ReportIsHeld(report, tuple(others))
        return self.records.ledger.record(event, required, table=table) is not None

    def held_by(self, report: str) -> dict[str, Progress]:
        """The corrections that hold a report, by id."""
        all_progress = self.records.ledger.all_progress()
        return {name: progress for name, progress in all_progress.items() if report in progress.downstream.frozen}

    def _tell(self, correction: str, table: str, fact: Fact, run_id: str = "") -> None:
        self.records.ledger.append(self._event(correction, fact, run_id), table=table)

    def _event(self, correction: str, fact: Fact, run_id: str = "") -> Event:
        return Event(correction, fact, self.now, actor_of(self.run_tags), run_id)


def keys_of_run(context: dg.AssetExecutionContext) -> list[str]:
    """The partitions that a run is about; of what has none, the whole."""
    return list(context.partition_keys) if context.has_partition_key or context.has_partition_key_range else [WHOLE]


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A run of a report that may go ahead: the lake's records, and its partitions as the days they begin with."""

    records: Records
    days: tuple[date, ...]
    context: dg.AssetExecutionContext
    freezer: Freezer
    begun: Mapping[str, int]

    def built(self, *partitions: str) -> None:
        """Say that partitions are built, by a report that writes by itself: what fails later leaves them as they are.

        What a run has built when it succeeds is known without a word.
        """
        graph, run_id = graph_of(self.context), self.context.run.run_id
        for key in self.context.selected_asset_keys:
            complete(graph, self.records, Built(key, partitions, run_id, self.begun), self.freezer.now)
            self.freezer.remember(table_of(key), partitions)
            self.freezer.tell_built(table_of(key), partitions, run_id)


def begin_report(context: dg.AssetExecutionContext, lake: LakeResource) -> ReportRun:
    """Start a report's run, or refuse it before any compute and remember what was refused.

    Raises:
        ReportFrozen: while a correction other than the run's own holds the report.
    """
    records = records_of_run(context, lake.records())
    keys = keys_of_run(context)
    freezer = Freezer(records, context.run.tags, lake.now())
    freezer.refuse_run(context.selected_asset_keys, keys)
    begun = begin_reading(context, records)
    asset = next(iter(sorted(context.selected_asset_keys)))
    partitions = context.assets_def.specs_by_key[asset].partitions_def
    days = slots_of(table_of(asset), partitions, keys) if keys != [WHOLE] else {}
    return ReportRun(records, tuple(sorted(days.values())), context, freezer, begun)
