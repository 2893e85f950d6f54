"""A lake in a folder, on which a code location publishes days and corrects them."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import dagster as dg
import polars as pl

from backfill_assets.core.carried import NOTHING_BEFORE
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.reads import alike
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.setup import NotOfTable, TableUnclear
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.naming import SourceKey, key_of, table_of
from backfill_assets.orchestration.instance.slots import grain_of
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.publish import MARKED, Nightly, NightlyRun
from backfill_assets.orchestration.reports.building import Builder
from backfill_assets.runbook import open_correction
from backfill_assets.runbook.request import request_of
from backfill_assets.storage.builds import Build
from backfill_assets.storage.carried import begins, contents
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.testing.correction import TestCorrection
from backfill_assets.testing.killing import Writes, killed_at_write
from backfill_assets.testing.place import Day, Place, refuse_failed, slot_of


class TestLake(Place):
    """A lake in a folder, and definitions that work on it.

    The resources ``lake`` and ``lake_io_manager`` of the definitions are led into the folder, wherever they lead
    otherwise. A correctable table is named where there are several.

    Args:
        folder: where everything is kept, such as ``tmp_path``; what an earlier lake left there is found again.
        definitions: a code location, as Dagster loads it.
        now: the time that it is on the lake, UTC; the real one when not given. Set ``lake.now``, or call ``later``.
        resources: further resources in the place of those of the definitions, such as an IO manager of yours.
    """

    __test__ = False  # pytest would take it for a test

    def __init__(
        self,
        folder: Path | str,
        definitions: dg.Definitions,
        *,
        now: datetime | str | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(folder, definitions, now, resources or {})

    def with_code(self, definitions: dg.Definitions) -> Self:
        """The same lake with other code, such as the repaired one."""
        return type(self)(self.folder, definitions, now=self.now, resources=self.resources)

    def copy(self, folder: Path | str) -> Self:
        """The same lake in a folder outside of it; what happens in one does not happen in the other."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return type(self)(folder, self.definitions, now=self.now, resources=self.resources)

    def later(self, days: float) -> None:
        """Let days pass."""
        self.now += timedelta(days=days)

    def write(self, asset: SourceKey, rows: pl.DataFrame) -> None:
        """Make rows the whole content of their days of a table, such as those of a source that is not to be run."""
        name, records = table_of(key_of(asset)), self.records
        table = records.table(name, rows.schema)
        table.create()
        table.replace_days(_by_day(records.partition_of(name), rows))

    def rows(self, asset: SourceKey, days: Collection[Day] | None = None) -> pl.DataFrame:
        """The rows of a table, of all its days or of some, sorted by every column from the left."""
        wanted = None if days is None else [slot_of(day) for day in days]
        frame = self.snapshot(asset).scan(wanted).collect()
        return frame.sort(frame.columns)

    def snapshot(self, asset: SourceKey) -> Snapshot:
        """The newest commit of a table."""
        return self.records.snapshot(table_of(key_of(asset)))

    def publish(self, first: Day, last: Day, *, table: str = "") -> None:
        """Publish days that are not live: what the table is computed from where the lake lacks it, itself, its reports.

        What a run fails with is raised as it was raised there.
        """
        definition, window = self._window(table, first, last)
        with self.entered():
            self._build_inputs(definition, window)
            refuse_failed(self.runner.run_days([definition.asset.key], window, MARKED))
            self._build_reports(definition, window)

    def nightly(self, through: Day = "", *, table: str = "") -> Nightly:
        """Publish every pending day as the nightly of a table does, through a day or the newest that is over."""
        pipelines = nightlies_in(self.definitions)
        if not pipelines or (not table and len(pipelines) > 1):
            raise TableUnclear("nightly", pipelines)
        if table and table not in pipelines:
            raise NotOfTable("nightly", table, pipelines)
        with self.entered():
            pipeline = pipelines[table or next(iter(pipelines))]
            return NightlyRun(pipeline, self.runner, self.lake).publish(slot_of(through) if through else None)

    def plant(self, first: Day, last: Day, fault: Callable[[pl.DataFrame], pl.DataFrame], *, table: str = "") -> None:
        """Make live days, and their reports, what wrong code would have made of the same inputs.

        ``fault`` is given the live rows of the days and returns the wrong ones.
        """
        definition, window = self._window(table, first, last)
        with self.entered():
            records, live = self.records, self.records.snapshot(definition.table)
            builds = records.builds.of_days(definition.table, live.files_of(window.days))
            frame = fault(live.scan(window.days).collect())
            written = records.table(definition.table)
            written.replace_days({day: frame.clear() for day in window} | _by_day(live.partition, frame))
            files = written.snapshot().files_of([*builds])
            told = self._planted(definition, builds, written.snapshot())
            records.builds.record((file, told[day]) for day, of_day in files.items() for file in of_day)
            self._build_reports(definition, window)

    def _planted(self, definition: TableDefinition, builds: Mapping[Slot, Build], live: Snapshot) -> dict[Slot, Build]:
        """The lineage of planted days; where state is carried each is made of the one before it as that is now."""
        told = {day: replace(build, code_version="planted", rows=None, sums={}) for day, build in builds.items()}
        if (carried := definition.compute_spec.read.carried) is None:
            return told
        table, begun = definition.table, begins(self.records, definition.table)
        before = {day: carried.before(day, begun) for day in told}
        known = contents(self.records, table, carried, {*told} | {one for one in before.values() if one}, live)
        return {
            day: replace(
                build,
                inputs={**build.inputs, table: NOTHING_BEFORE if (one := before[day]) is None else known[one]},
                content=known[day],
            )
            for day, build in told.items()
        }

    def correct(self, first: Day, last: Day, *, reason: str, by: str = "tester", **fields: Any) -> TestCorrection:
        """Open a correction; ``fields`` are others of a request, such as ``table``, ``watchers`` and ``expect``."""
        definition, window = self._window(fields.pop("table", ""), first, last)
        ends = {"first": str(window.first), "last": str(window.last)}
        told = {"table": definition.table, "window": ends, "reason": reason, **fields}
        with self.entered():
            plan = open_correction(definition.step_context(self.lake, by), request_of(told))
        return TestCorrection(self, plan.correction, by)

    def correction(self, name: str, *, by: str = "tester") -> TestCorrection:
        """A correction that is in the ledger."""
        return TestCorrection(self, self.records.ledger.progress(name).plan.correction, by)

    def killed_at_write(self, number: int, *, after: bool = False) -> AbstractContextManager[Writes]:
        """Kill the process at the n-th commit to any table within, from 1: before it happens, or after it.

        Whatever would go on in the process fails, and what it had begun in Dagster is left as it was. What is called
        afterwards is another process. With 0 nothing is killed, and ``len()`` of what is yielded counts the writes.
        """
        return killed_at_write(self.instance, number, after=after)

    def killed_at_each_write(
        self, story: Callable[[Self], object], folder: Path | str, *, every: int = 1
    ) -> Iterator[Self]:
        """Copies of the lake in a folder: in each a story was killed at another of its writes, and told again.

        The story has to find what it has done already, such as a correction that is open. Where that takes long,
        ``every`` leaves out all but one write in so many.
        """
        counted = self.copy(Path(folder) / "not-killed")
        with counted.killed_at_write(0) as writes:
            story(counted)
        for number in range(1, len(writes) + 1, every):
            killed = self.copy(Path(folder) / f"killed-at-{number}")
            with killed.killed_at_write(number):
                story(killed)
            story(killed)
            yield killed

    def _window(self, table: str, first: Day, last: Day) -> tuple[TableDefinition, Window]:
        definition, ends = self.definition(table), (slot_of(first), slot_of(last))
        definition.slots.refuse_others(ends)
        return definition, Window(*ends, definition.slots.grain)

    def _build_inputs(self, definition: TableDefinition, window: Window) -> None:
        """Run what the table is computed from, furthest first, where the lake lacks days of it."""
        graph = self.definitions.resolve_asset_graph()
        for key in _ancestors(graph, definition.asset.key):
            partitions, name = graph.get(key).partitions_def, table_of(key)
            there = self.records.exists(name)
            if not graph.get(key).is_executable or (there and partitions is None):
                continue
            if partitions is None:
                refuse_failed(self.runner.run_unpartitioned([key], MARKED))
                continue
            read = _read(definition, window, name, partitions)
            if not there or not self.records.days(name) >= set(read):
                refuse_failed(self.runner.run_days([key], read, MARKED))

    def _build_reports(self, definition: TableDefinition, window: Window) -> None:
        reach = definition.surroundings(self.records).reach(window.days)
        builder = Builder(self.runner, definition.knowing(self.records), self.now)
        for report in definition.reports.assets:
            for _, ran in builder.build_all(report, reach.get(report.name, ()), MARKED, definition.table):
                refuse_failed(ran)


def _read(definition: TableDefinition, window: Window, name: str, partitions: dg.PartitionsDefinition) -> Window:
    """The slots of something that a table is computed from which a window of it needs."""
    slots, spec = definition.slots, definition.compute_spec
    by_time = isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    within = partial(slots.within, source=partitions) if by_time and slots.hold(partitions) else alike
    needed = spec.read.of(name).needed if name in spec.sources.values() else within
    grain = (grain_of(partitions) if by_time else None) or window.grain
    return Window.spanning([part for slot in window for part in needed(slot)], grain)


def _by_day(partition: PartitionColumn, frame: pl.DataFrame) -> dict[Slot, pl.DataFrame]:
    """The rows of each day, every one of which has one."""
    parts = partition.split(frame)
    if None in parts:
        message = f"Rows have no {partition.name}. Nothing was written. Give each row its own."
        raise ValueError(message)
    return {day: part for day, part in parts.items() if day is not None}


def _ancestors(graph: Any, key: dg.AssetKey) -> list[dg.AssetKey]:
    """Every asset that another is computed from, each after those that it is computed from itself."""
    found: dict[dg.AssetKey, None] = {}
    for parent in sorted(graph.get(key).parent_keys):
        found |= dict.fromkeys([*_ancestors(graph, parent), parent])
    return [*found]
