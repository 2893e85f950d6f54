"""The column in which the table of an asset keeps its partitions, as the asset's metadata and partitions tell."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from backfill_assets.core.partition_column import PartitionColumn, Spelling
from backfill_assets.core.slots import Grain
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import grain_of, is_finer_than_a_day, offset_of
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records


def column_by_time(partitions: dg.TimeWindowPartitionsDefinition, name: str) -> PartitionColumn:
    """A column that keeps partitions, as a new table spells them: hours as timestamps in UTC, others as dates."""
    by_hour = is_finer_than_a_day(partitions)
    # A report's partitions may be no steps of one grain; each is kept under the day that it begins with.
    grain = grain_of(partitions) or (Grain.HOUR if by_hour else Grain.DAY)
    spelling, offset = (Spelling.UTC, timedelta()) if by_hour else (Spelling.DATE, offset_of(partitions))
    return PartitionColumn(name, spelling, grain, partitions.timezone, offset)


def column_of(partitions: dg.PartitionsDefinition | None, metadata: Mapping[str, Any]) -> PartitionColumn | None:
    """The column that an asset's metadata names; None where its partitions are not by time."""
    by_time = isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    return column_by_time(partitions, name_told(metadata)) if by_time else None


def name_told(metadata: Mapping[str, Any]) -> str:
    """The column that an asset's metadata names, for this library or for Dagster's IO managers, else ``day``."""
    for key in (tags.DAY, tags.PARTITION_EXPR):
        told = getattr(metadata.get(key), "value", metadata.get(key))
        if isinstance(told, str) and told.isidentifier():
            return told
    return DAY


def columns_in(graph: Any, keys: Iterable[dg.AssetKey]) -> dict[str, PartitionColumn]:
    """The columns of those of some assets that a graph has and that are partitioned by time, by table."""
    nodes = {table_of(key): graph.get(key) for key in keys if graph.has(key)}
    found = {table: column_of(node.partitions_def, node.metadata) for table, node in nodes.items()}
    return {table: column for table, column in found.items() if column is not None}


def knowing(records: Records, columns: Mapping[str, PartitionColumn]) -> Records:
    """Records that know of some tables in which column they keep their slots, and how these spell them."""
    return records.knowing({table: records.spelling_of(table, column) for table, column in columns.items()})


def records_of_run(context: dg.AssetExecutionContext | dg.OpExecutionContext, records: Records) -> Records:
    """Records that know of every asset that the run's own ones read or are."""
    graph: Any = context.job_def.asset_layer.asset_graph
    selected = context.selected_asset_keys if isinstance(context, dg.AssetExecutionContext) else ()
    keys = {key for key in selected if graph.has(key)}
    return knowing(records, columns_in(graph, keys | {parent for key in keys for parent in graph.get(key).parent_keys}))
