"""Which days of which correctable table a report partition is made of, by the asset graph of the running job.

Dagster has no public way to ask a run for its asset graph; this module is the one place that knows.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

import dagster as dg

from backfill_assets.orchestration import tags
from backfill_assets.orchestration.resources import now_utc

Reads = dict[str, dict[str, frozenset[date]]]


def days_read(context: dg.AssetExecutionContext, asset: dg.AssetKey, partitions: Collection[str]) -> Reads:
    """By correctable table, and by partition of the asset, the days that the partition reads, also through reports."""
    graph = cast("Any", context.job_def.asset_layer.asset_graph)
    found: Reads = {}
    for partition in partitions:
        for table, days in _through(graph, asset, frozenset({partition})).items():
            found.setdefault(table, {})[partition] = days
    return found


def correctable_parents(context: dg.AssetExecutionContext, assets: Iterable[dg.AssetKey]) -> frozenset[str]:
    """The correctable tables that assets of a run read, also through reports."""
    graph = cast("Any", context.job_def.asset_layer.asset_graph)
    waiting, seen = list(assets), set[dg.AssetKey]()
    tables: set[str] = set()
    while waiting:
        key = waiting.pop()
        for parent in graph.get(key).parent_keys - seen if graph.has(key) else ():
            seen.add(parent)
            if _is_correctable(graph, parent):
                tables.add(parent.path[-1])
            else:
                waiting.append(parent)
    return frozenset(tables)


def _through(graph: Any, asset: dg.AssetKey, partitions: frozenset[str]) -> Mapping[str, frozenset[date]]:
    found: dict[str, frozenset[date]] = {}
    for parent in graph.get(asset).parent_keys if graph.has(asset) else ():
        keys = _read_of(graph, asset, parent, partitions)
        if _is_correctable(graph, parent):
            read = {parent.path[-1]: frozenset(date.fromisoformat(key) for key in keys)}
        else:
            read = _through(graph, parent, keys) if keys else {}
        for table, days in read.items():
            found[table] = found.get(table, frozenset()) | days
    return found


def _read_of(graph: Any, asset: dg.AssetKey, parent: dg.AssetKey, partitions: frozenset[str]) -> frozenset[str]:
    """The partitions of the parent that partitions of the asset read; none when either has none."""
    upstream = graph.get(parent).partitions_def if graph.has(parent) else None
    downstream = graph.get(asset).partitions_def
    if upstream is None or downstream is None:
        return frozenset()
    mapping = graph.get_partition_mapping(asset, parent)
    subset = downstream.subset_with_partition_keys(sorted(partitions))
    read = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, downstream, upstream, _when_over(downstream, partitions)
    )
    return frozenset(read.partitions_subset.get_partition_keys())


def _is_correctable(graph: Any, key: dg.AssetKey) -> bool:
    return graph.has(key) and tags.CORRECTABLE in graph.get(key).metadata


def _when_over(partitions_def: Any, partitions: Collection[str]) -> datetime:
    """A time at which the partitions are over, so that days of theirs which are still to come count as read."""
    if not isinstance(partitions_def, dg.TimeWindowPartitionsDefinition) or not partitions:
        return now_utc()
    return max(now_utc(), partitions_def.time_window_for_partition_key(max(partitions)).end.astimezone(UTC))
