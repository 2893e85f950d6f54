"""What Dagster knows of a correctable table, and the context that it makes of that for the runbook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import dagster as dg

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.chains import TablesReadEachOther
from backfill_assets.errors.request import TableUnknown
from backfill_assets.orchestration.asset.declared import attached, declared_columns
from backfill_assets.orchestration.asset.siblings import Declaration, declaration_of
from backfill_assets.orchestration.asset.source_limits import SourceLimits
from backfill_assets.orchestration.asset.surroundings import DagsterSurroundings, Render, published_root
from backfill_assets.orchestration.asset.wave import ComputeSpec
from backfill_assets.orchestration.instance.clock import now_utc
from backfill_assets.orchestration.instance.columns import knowing
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of, git_commit
from backfill_assets.orchestration.instance.slots import TableSlots, grain_of
from backfill_assets.orchestration.reports.reach import Reports
from backfill_assets.pages.publishing import show_moved
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.correctable_table import (
    CodeVersion,
    Columns,
    Consumers,
    CorrectableTable,
    Prove,
    Sources,
    Verify,
)
from backfill_assets.runbook.planning import rows_without_day_told
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class TableDefinition:
    """A correctable asset with its reports and its proofs: everything a step context needs but the run."""

    asset: dg.AssetsDefinition
    reports: Reports
    rollback_days: int = 14
    verify: tuple[Verify, ...] = ()
    prove: tuple[Prove, ...] = ()
    consumers: Consumers = field(default_factory=Consumers)
    limits: SourceLimits = field(default_factory=SourceLimits)
    render: Render | None = None
    source_columns: Mapping[str, PartitionColumn] = field(default_factory=dict[str, PartitionColumn])

    @property
    def declaration(self) -> Declaration:
        """What was declared of the asset."""
        return declaration_of(self.asset)

    @property
    def compute_spec(self) -> ComputeSpec:
        """How the table is computed."""
        return self.declaration.compute_spec

    @property
    def slots(self) -> TableSlots:
        """The slots that the table is partitioned by."""
        return self.declaration.slots

    @property
    def partition(self) -> PartitionColumn:
        """The column that keeps the slots, as a new table would spell them."""
        return self.compute_spec.columns.partition

    def knowing(self, records: Records) -> Records:
        """Records that know in which columns the table and its sources keep their slots, as they are now."""
        return knowing(records, {**self.source_columns, self.table: self.partition})

    @property
    def staged_key(self) -> dg.AssetKey:
        """The key under which history is recomputed."""
        return self.declaration.staged_key

    @property
    def table(self) -> str:
        """The correctable table."""
        return self.declaration.table

    def reads_parts_of(self, source: dg.AssetsDefinition) -> bool:
        """Whether a source is partitioned finer than the table."""
        partitions = source.partitions_def
        by_time = isinstance(partitions, dg.TimeWindowPartitionsDefinition)
        return by_time and grain_of(partitions) is not self.slots.grain and self.slots.hold(partitions)

    @property
    def tables(self) -> tuple[str, ...]:
        """The correctable table and its sources, those that lie outside the lake as well."""
        return tuple(dict.fromkeys([self.table, *self.compute_spec.sources.values()]))

    @property
    def correctable_table(self) -> CorrectableTable:
        """The table as the runbook knows it."""
        return CorrectableTable(
            name=self.table,
            keys=self.declaration.keys,
            measures=self.declaration.measures,
            columns=Columns(self.partition, declared_columns(self.compute_spec.schema)),
            code=CodeVersion(self.compute_spec.code_version, git_commit()),
            sources=Sources(
                self.compute_spec.tables_pinned,
                self.limits.rates,
                self.limits.retention_days,
                self.verify,
                reads=self.compute_spec.read.reads,
                outside=self.compute_spec.read.outside,
                carried=self.compute_spec.read.carried,
            ),
            consumers=self.consumers,
            prove=self.prove,
            rollback_days=self.rollback_days,
        )

    def surroundings(self, records: Records) -> DagsterSurroundings:
        """What surrounds the steps of this table's corrections."""
        return DagsterSurroundings(self.knowing(records), self.reports, self.render, self._around)

    def refresh_outputs(self, records: Records) -> list[str]:
        """After a step: bring pages in line, send what is pending; returns what could not be done, in sentences.

        Nothing of this fails the step: what is left is taken up after the next one.
        """
        left, records = list[str](), self.knowing(records)
        for look in (self._pages_moved, self._shown, self._notices_waiting, self._rows_without_day):
            try:
                left += look(records)
            except OSError as error:
                left.append(f"Pages could not be replaced ({type(error).__name__}). They are as they were.")
            except BackfillAssetsError as error:
                left.append(str(error))
        return list(dict.fromkeys(left))

    def _pages_moved(self, records: Records) -> list[str]:
        show_moved(self.context_in(records, "pages", now_utc()), published_root())
        return []

    def _shown(self, records: Records) -> list[str]:
        return self.surroundings(records).show()

    def _notices_waiting(self, records: Records) -> list[str]:
        waiting = self.surroundings(records).post.deliver()
        names = sorted({f"{one.notice.name} on channel {one.channel}" for one in waiting})
        return [f"Notice {name} is not delivered yet." for name in names]

    def _rows_without_day(self, records: Records) -> list[str]:
        return rows_without_day_told(records, self.tables)

    def _around(self, ctx: StepContext) -> dict[str, StepContext]:
        around = tables_around(self.asset)
        return {
            name: replace(one.context_in(ctx.records, ctx.actor, ctx.now, ctx.run_id), made=ctx.made)
            for name, one in around.items()
            if name != self.table
        }

    def context_in(self, records: Records, actor: str, now: datetime, run_id: str = "") -> StepContext:
        """A step context over some records."""
        records, table = self.knowing(records), self.correctable_table
        sources = replace(table.sources, partitions={name: records.partition_of(name) for name in self.source_columns})
        columns = replace(table.columns, partition=records.partition_of(self.table))
        table = replace(table, columns=columns, sources=sources)
        return StepContext(records, table, self.surroundings(records), actor, now, run_id)

    def step_context(self, lake: LakeResource, actor: str, run_id: str = "") -> StepContext:
        """A step context outside a run."""
        return self.context_in(lake.records(), actor, lake.now(), run_id)

    def step_context_of(self, context: dg.AssetExecutionContext) -> StepContext:
        """The step context of a run."""
        return self.step_context(context.resources.lake, actor_of(context.run.tags), context.run.run_id)


LINKED = "backfill_assets_linked"


@dataclass
class Linked:
    """What hangs on the op of a correctable asset: its definition, the correctable assets it reads, and its readers."""

    definition: TableDefinition | None = None
    reads: dict[str, dg.AssetsDefinition] = field(default_factory=dict[str, dg.AssetsDefinition])
    readers: dict[str, dg.AssetsDefinition] = field(default_factory=dict[str, dg.AssetsDefinition])


def linked(asset: dg.AssetsDefinition) -> Linked:
    """What is known of the tables around a correctable asset, shared by all that Dagster makes of it."""
    found: Linked = vars(asset.op).setdefault(LINKED, Linked())
    return found


def link_tables(definition: TableDefinition, sources: Sequence[dg.AssetsDefinition]) -> TableDefinition:
    """Let a table and the correctable ones among its sources know of each other; returns the definition.

    Raises:
        TablesReadEachOther: when one of them is computed from it.
    """
    own = linked(definition.asset)
    own.definition = definition
    for source in sources:
        declaration = attached(source, Declaration)
        if declaration is not None:
            own.reads[declaration.table] = source
            linked(source).readers[definition.table] = definition.asset
    if circle := _circle(definition.asset, definition.table, ()):
        raise TablesReadEachOther(circle)
    return definition


def _circle(asset: dg.AssetsDefinition, table: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The tables by which one is computed from itself, each read by the next; none where it is not."""
    if path and table == path[0]:
        return tuple(reversed(path))
    if table in path:
        return ()
    found = (_circle(source, name, (*path, table)) for name, source in linked(asset).reads.items())
    return next(filter(None, found), ())


def tables_around(asset: dg.AssetsDefinition) -> dict[str, TableDefinition]:
    """The definition of the table, of all that it is computed from and of all that are computed from it."""
    found: dict[str, TableDefinition] = {}
    waiting = [asset]
    while waiting:
        known = linked(waiting.pop())
        if known.definition is not None and known.definition.table not in found:
            found[known.definition.table] = known.definition
            waiting += [*known.reads.values(), *known.readers.values()]
    return found


def tables_in(definitions: dg.Definitions) -> dict[str, TableDefinition]:
    """Every table definition that was built into the definitions, by table."""
    found = [attached(asset, TableDefinition) for asset in definitions.assets or ()]
    return {definition.table: definition for definition in found if definition is not None}


def definition_in(tables: Mapping[str, TableDefinition], table: str) -> TableDefinition:
    """The definition of a table.

    Raises:
        TableUnknown: when no correction was built around it.
    """
    if table not in tables:
        raise TableUnknown(table, tables)
    return tables[table]


def records_of(tables: Mapping[str, TableDefinition], lake: LakeResource) -> Records:
    """The records of a lake, which know in which columns tables with corrections, and their sources, keep their slots.

    No other table is opened: what is wrong with it is no concern of theirs.
    """
    records = lake.records()
    corrected = {progress.plan.table for progress in records.ledger.all_progress().values()}
    for definition in (definition for table, definition in tables.items() if table in corrected):
        records = definition.knowing(records)
    return records


def refresh_outputs(definitions: dg.Definitions, records: Records) -> list[str]:
    """Bring pages in line and send what is pending, for every correctable table that was built into the definitions.

    Returns what could not be done, in sentences; it is taken up again after the next step.
    """
    return [one for definition in tables_in(definitions).values() for one in definition.refresh_outputs(records)]
