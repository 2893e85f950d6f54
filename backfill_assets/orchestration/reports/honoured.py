"""Which partitions are honoured, and which are refused when definitions load, by name and with what to do instead."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

import dagster as dg

from backfill_assets.errors.setup import PartitionsApart, PartitionsNotDaily, PartitionsUnusable
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import kind_of
from backfill_assets.orchestration.reports.reach import Report

ISO_DAY = "%Y-%m-%d"
LOOKED_AT = 60
"""Definitions that begin two partitions on one day, or whose keys do not lead back, do so among their first ones."""


def refuse_table(table: str, partitions: dg.PartitionsDefinition | None) -> None:
    """A correctable table is partitioned by every day, each named as ISO writes it.

    Raises:
        PartitionsNotDaily: when it is not.
    """
    if not isinstance(partitions, dg.DailyPartitionsDefinition):
        by_time = isinstance(partitions, dg.TimeWindowPartitionsDefinition)
        raise PartitionsNotDaily(table, f"by {type(partitions).__name__}" if by_time else kind_of(partitions))
    if partitions.fmt != ISO_DAY:
        raise PartitionsNotDaily(table, f"with keys such as {partitions.start.strftime(partitions.fmt)}")
    if partitions.exclusions:
        raise PartitionsNotDaily(table, "with some days excluded")


def refuse_report(report: Report, known: Mapping[dg.AssetKey, dg.PartitionsDefinition]) -> None:
    """A report is partitioned by time, by days or longer, and can be reached from every parent that is known.

    Raises:
        PartitionsUnusable, PartitionsApart: when step 7 could not rebuild it.
    """
    partitions = report.partitions_def
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise PartitionsUnusable(
            report.name, kind_of(partitions), "Partition it by time, or leave it out of the reports"
        )
    _refuse_ambiguous(report.name, partitions)
    for parent in sorted(report.parents & known.keys()):
        _refuse_apart(report.definition, report.key, parent, known[parent])


def refuse_source(live: dg.AssetsDefinition, source: dg.AssetsDefinition, kept_by: str) -> None:
    """A source that the lake's IO manager keeps has every day; what writes by itself answers for its own table.

    Raises:
        PartitionsUnusable, PartitionsApart: when days of the table would lack their source.
    """
    for key in sorted(source.keys & live.asset_deps[live.key]):
        partitions = source.specs_by_key[key].partitions_def
        if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            _refuse_apart(live, live.key, key, partitions)
        if partitions is None or key not in kept(source, kept_by):
            continue
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            raise PartitionsUnusable(table_of(key), kind_of(partitions), "Partition it by day, or not at all")
        if not isinstance(partitions, dg.DailyPartitionsDefinition) or partitions.exclusions:
            raise PartitionsUnusable(
                table_of(key), "not partitioned by every day", "Partition it by every day, or not at all"
            )


def kept(source: dg.AssetsDefinition, by: str) -> frozenset[dg.AssetKey]:
    """The assets of a definition that an IO manager keeps."""
    outputs = source.node_keys_by_output_name.values() if source.is_executable else ()
    return frozenset(key for key in outputs if source.get_io_manager_key_for_asset_key(key) == by)


def _refuse_ambiguous(asset: str, partitions: dg.TimeWindowPartitionsDefinition) -> None:
    """Each partition has a key of its own that leads back to it, and no two begin on one day."""
    starts = [*islice(_starts(partitions), LOOKED_AT)]
    if len({start.date() for start in starts}) < len(starts):
        raise PartitionsUnusable(asset, "partitioned finer than by day", "Give it partitions of a day or longer")
    for start in starts:
        key = partitions.get_partition_key_for_timestamp(start.timestamp())
        try:
            back = partitions.start_time_for_partition_key(key)
        except ValueError:
            back = None
        if back is None or back.timestamp() != start.timestamp():
            raise PartitionsUnusable(asset, f"keyed so that {key} names no one time", "Give its keys the whole date")


def _starts(partitions: dg.TimeWindowPartitionsDefinition) -> Iterator[datetime]:
    """Where the first partitions begin, also those that are still to come."""
    after = partitions.start
    while window := partitions.get_next_partition_window(after, respect_bounds=False):
        yield window.start
        after = window.end


def _refuse_apart(
    asset: dg.AssetsDefinition, key: dg.AssetKey, parent: dg.AssetKey, upstream: dg.PartitionsDefinition
) -> None:
    """The partitions of a parent lead to those of an asset, as Dagster maps them."""
    downstream = asset.specs_by_key[key].partitions_def
    try:
        asset.infer_partition_mapping(key, parent, upstream).validate_partition_mapping(upstream, downstream)
    except dg.DagsterInvalidDefinitionError as error:
        raise PartitionsApart(table_of(key), table_of(parent), str(error)) from error
