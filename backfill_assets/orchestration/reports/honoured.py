"""Which partitions are honoured, and which are refused when definitions load, by name and with what to do instead."""

from collections.abc import Mapping

import dagster as dg

from backfill_assets.errors.setup import PartitionsApart, PartitionsIrregular, PartitionsUnusable
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import (
    TableSlots,
    first_starts,
    grain_of,
    is_odd,
    kind_of,
)
from backfill_assets.orchestration.reports.reach import Report


def regular(table: str, partitions: dg.PartitionsDefinition | None) -> TableSlots:
    """The slots of a correctable table, which are every hour, day, week or month.

    Raises:
        PartitionsIrregular: when they are not.
        PartitionsUnusable: when a key does not lead back to the partition it names.
    """
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise PartitionsIrregular(table, kind_of(partitions))
    if partitions.exclusions:
        raise PartitionsIrregular(table, "partitioned with exclusions")
    grain = grain_of(partitions)
    if grain is None:
        raise PartitionsIrregular(table, f"partitioned by the schedule {partitions.cron_schedule}")
    if is_odd(partitions):
        raise PartitionsIrregular(table, "partitioned by hours that do not begin on the hour in UTC")
    _refuse_ambiguous(table, partitions)
    return TableSlots(table, partitions, grain)


def refuse_report(report: Report, known: Mapping[dg.AssetKey, dg.PartitionsDefinition]) -> None:
    """A report is partitioned by time, by days or longer, and can be reached from every parent that is known.

    Raises:
        PartitionsUnusable, PartitionsApart: when step 7 could not rebuild it.
    """
    partitions = report.partitions_def
    if report.is_whole:
        return
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise PartitionsUnusable(
            report.name, kind_of(partitions), "Partition it by time, or leave it out of the reports"
        )
    if is_odd(partitions):
        raise PartitionsUnusable(
            report.name, "partitioned by parts of days", "Give it partitions of an hour, a day or longer"
        )
    _refuse_ambiguous(report.name, partitions)
    for parent in sorted(report.parents & known.keys()):
        _refuse_apart(report.definition, report.key, parent, known[parent])


def refuse_source(live: dg.AssetsDefinition, slots: TableSlots, source: dg.AssetsDefinition, kept_by: str) -> None:
    """A source that the lake's IO manager keeps has every slot of the table, or finer ones that lie in each.

    Others answer for their own tables.

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
            raise PartitionsUnusable(table_of(key), kind_of(partitions), f"Partition it as {table_of(live.key)} is")
        if is_odd(partitions):
            instead = "Give it partitions of an hour, a day or longer"
            raise PartitionsUnusable(table_of(key), "partitioned by parts of days", instead)
        if partitions.exclusions or not slots.hold(partitions):
            found = f"not partitioned as {slots.table} is, nor by slots that lie in one of its each"
            raise PartitionsUnusable(table_of(key), found, "Partition both alike, or the source finer")


def kept(source: dg.AssetsDefinition, by: str) -> frozenset[dg.AssetKey]:
    """The assets of a definition that an IO manager keeps."""
    outputs = source.node_keys_by_output_name.values() if source.is_executable else ()
    return frozenset(key for key in outputs if source.get_io_manager_key_for_asset_key(key) == by)


def _refuse_ambiguous(asset: str, partitions: dg.TimeWindowPartitionsDefinition) -> None:
    """Each partition has a key of its own that leads back to it."""
    for start in first_starts(partitions):
        key = partitions.get_partition_key_for_timestamp(start.timestamp())
        try:
            back = partitions.start_time_for_partition_key(key)
        except ValueError:
            back = None
        if back is None or back.timestamp() != start.timestamp():
            raise PartitionsUnusable(asset, f"keyed so that {key} names no one time", "Give its keys the whole date")


def _refuse_apart(
    asset: dg.AssetsDefinition, key: dg.AssetKey, parent: dg.AssetKey, upstream: dg.PartitionsDefinition
) -> None:
    """The partitions of a parent lead to those of an asset, as Dagster maps them."""
    downstream = asset.specs_by_key[key].partitions_def
    try:
        asset.infer_partition_mapping(key, parent, upstream).validate_partition_mapping(upstream, downstream)
    except dg.DagsterInvalidDefinitionError as error:
        raise PartitionsApart(table_of(key), table_of(parent), str(error)) from error
