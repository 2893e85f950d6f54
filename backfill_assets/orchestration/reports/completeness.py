"""Of which days a report is built, by the asset graph of the running job: measured at every build, and written down."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, cast

import dagster as dg

from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.clock import now_utc
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import slots_of
from backfill_assets.orchestration.reports.reach import WHOLE
from backfill_assets.storage.completeness import Basis, Completeness, measure
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Read:
    """What one partition reads of one table: days, those of them that a report on the way lacks, and since when.

    ``commit`` is the oldest one that a report on the way was built from, if its days have other files by now; None when
    they have not, and when the table is read itself.
    """

    days: frozenset[date] = frozenset()
    lacking: frozenset[date] = frozenset()
    commit: int | None = None

    def with_(self, other: "Read") -> "Read":
        """Both together."""
        commits = [commit for commit in (self.commit, other.commit) if commit is not None]
        return Read(self.days | other.days, self.lacking | other.lacking, min(commits, default=None))


def days_read(
    graph: Any, asset: dg.AssetKey, partitions: Collection[str], records: Records
) -> dict[str, dict[str, Read]]:
    """By correctable table, and by partition of the asset, what the partition reads, also through reports.

    What has no partitions reads everything that is there.
    """
    found: dict[str, dict[str, Read]] = {}
    for parent in graph.get(asset).parent_keys if graph.has(asset) else ():
        for partition in partitions:
            if partition == WHOLE:
                through = _through_all(graph, parent, records)
            else:
                through = _through(graph, parent, _read_of(graph, asset, parent, partition), records)
            for table, read in through.items():
                of_table = found.setdefault(table, {})
                of_table[partition] = of_table.get(partition, Read()).with_(read)
    return found


def correctable_parents(graph: Any, assets: Iterable[dg.AssetKey]) -> frozenset[str]:
    """The correctable tables that assets read themselves."""
    parents = {parent for key in assets if graph.has(key) for parent in graph.get(key).parent_keys}
    return frozenset(table_of(parent) for parent in parents if _is_correctable(graph, parent))


def graph_of(context: dg.AssetExecutionContext) -> Any:
    """The assets of a run's job, and what each reads."""
    return cast("Any", context.job_def.asset_layer.asset_graph)


def _through_all(graph: Any, parent: dg.AssetKey, records: Records) -> dict[str, Read]:
    """What all that there is of a parent is made of."""
    name = table_of(parent)
    if _is_correctable(graph, parent):
        return {name: Read(records.days(name))}
    return _through(graph, parent, frozenset(records.completeness.of_report(name)), records)


def _through(graph: Any, parent: dg.AssetKey, keys: frozenset[str], records: Records) -> dict[str, Read]:
    """What partitions of a parent are made of: of their own days, or of those that its builds tell."""
    name = table_of(parent)
    if _is_correctable(graph, parent):
        return {name: Read(frozenset(_days(graph, parent, keys).values()))}
    found: dict[str, Read] = {}
    for table in filter(records.exists, records.completeness.tables_of(name) if keys else ()):
        builds, live = records.completeness.of_report(name, table), records.snapshot(table)
        there = [builds[key] for key in keys if key in builds]
        # A partition that was never built has the day that it begins with, and lacks it.
        never = frozenset(_days(graph, parent, [key for key in keys if key not in builds]).values())
        read = Read(never, never)
        for one in there:
            commit = None if one.is_of(live) else one.commit
            read = read.with_(Read(frozenset(one.expected), frozenset(one.missing), commit))
        present = {day for one in there for day in one.expected if day not in one.missing}
        found[table] = replace(read, lacking=read.lacking - present)
    return found


def _read_of(graph: Any, asset: dg.AssetKey, parent: dg.AssetKey, partition: str) -> frozenset[str]:
    """The partitions of the parent that a partition of the asset reads; none when either has none."""
    upstream = _open_ended(graph.get(parent).partitions_def) if graph.has(parent) else None
    downstream = graph.get(asset).partitions_def
    if upstream is None or downstream is None:
        return frozenset()
    mapping = graph.get_partition_mapping(asset, parent)
    subset = downstream.subset_with_partition_keys([partition])
    read = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, downstream, upstream, _when_over(downstream, partition)
    )
    return frozenset(read.partitions_subset.get_partition_keys())


def _days(graph: Any, asset: dg.AssetKey, keys: Collection[str]) -> dict[str, date]:
    """The day that each partition begins with."""
    return slots_of(table_of(asset), graph.get(asset).partitions_def, keys) if keys else {}


def _is_correctable(graph: Any, key: dg.AssetKey) -> bool:
    return graph.has(key) and tags.CORRECTABLE in graph.get(key).metadata


def _open_ended(partitions_def: Any) -> Any:
    """Partitions without an end that is the clock's own: days that are still to come are read as well."""
    if not isinstance(partitions_def, dg.TimeWindowPartitionsDefinition) or partitions_def.end is None:
        return partitions_def
    if partitions_def.end.date() < now_utc().date():
        return partitions_def
    return dg.TimeWindowPartitionsDefinition(
        start=partitions_def.start,
        fmt=partitions_def.fmt,
        timezone=partitions_def.timezone,
        end_offset=min(partitions_def.end_offset, 0),
        cron_schedule=partitions_def.cron_schedule,
        exclusions=partitions_def.exclusions,
    )


def _when_over(partitions_def: Any, partition: str) -> datetime:
    """A time at which the partition is over, so that days of it which are still to come count as read."""
    if not isinstance(partitions_def, dg.TimeWindowPartitionsDefinition):
        return now_utc()
    return max(now_utc(), partitions_def.time_window_for_partition_key(partition).end.astimezone(UTC))


def commits_read(graph: Any, records: Records, assets: Iterable[dg.AssetKey]) -> dict[str, int]:
    """The commit of each correctable table that assets read themselves, to be asked before anything is read.

    What they read is that commit or a later one; a build that may be of an earlier one is never called newer.
    """
    tables = sorted(correctable_parents(graph, assets))
    return {table: records.snapshot(table).commit for table in tables if records.exists(table)}


def begin_reading(context: dg.AssetExecutionContext, records: Records) -> dict[str, int]:
    """Note, before anything is read, at which commit each correctable table is that the run's assets read."""
    selected = context.selected_asset_keys
    commits = commits_read(graph_of(context), records, selected)
    for key in selected:
        context.add_output_metadata({tags.READ: commits}, output_name=context.output_for_asset_key(key))
    return commits


@dataclass(frozen=True, slots=True)
class Built:
    """What a run has built: partitions of a report. ``begun`` are the commits at which it began to read tables."""

    report: dg.AssetKey
    partitions: tuple[str, ...]
    run_id: str
    begun: Mapping[str, int]


def complete(graph: Any, records: Records, built: Built, at: datetime) -> list[Completeness]:
    """Measure and write down what partitions of a report were built from; nothing for assets that are no report."""
    measured: list[Completeness] = []
    for table, reads in days_read(graph, built.report, built.partitions, records).items():
        if not records.exists(table):
            continue
        known = [commit for commit in (built.begun.get(table), *(read.commit for read in reads.values())) if commit]
        source = records.snapshot(table, min(known, default=None))
        days = {partition: read.days for partition, read in reads.items()}
        lacking = {partition: read.lacking for partition, read in reads.items()}
        name = table_of(built.report)
        measured += measure(name, days, table, source, records.builds, run_id=built.run_id, at=at, lacking=lacking)
    records.completeness.record(measured)
    return measured


def noted(context: dg.OutputContext) -> Mapping[str, int]:
    """The commits that :func:`begin_reading` noted for an output."""
    told = context.output_metadata.get(tags.READ)
    return cast("Mapping[str, int]", getattr(told, "data", None) or {})


def shown(records: Records, measured: Collection[Completeness]) -> dict[str, dg.MetadataValue]:
    """What a build says of itself: how complete it is, and on which basis."""
    if not measured:
        return {}
    expected, present = sum(len(one.expected) for one in measured), sum(one.present_days for one in measured)
    bases = {one.basis for one in measured}
    basis = bases.pop() if len(bases) == 1 else Basis.MIXED
    corrections = sorted({name for one in measured for name in one.corrections})
    sentence = f"Built of {_extent(records, measured)} that its partitions read, {basis}."
    return {
        tags.COMPLETE: dg.MetadataValue.bool(present == expected),
        tags.DAYS_PRESENT: dg.MetadataValue.int(present),
        tags.DAYS_EXPECTED: dg.MetadataValue.int(expected),
        tags.BASIS: dg.MetadataValue.text(str(basis)),
        tags.BUILT_OF: dg.MetadataValue.text(sentence),
        **({tags.CORRECTIONS: dg.MetadataValue.text(", ".join(corrections))} if corrections else {}),
    }


def _extent(records: Records, measured: Collection[Completeness]) -> str:
    """From when to when, and how many slots of how many, by the grain of the tables that they are of."""
    by_grain: dict[Grain, list[Completeness]] = {}
    for one in measured:
        by_grain.setdefault(records.partition_of(one.table).grain, []).append(one)
    told: list[str] = []
    for grain, of_grain in by_grain.items():
        slots = sorted({slot for one in of_grain for slot in one.expected if slot not in one.missing})
        span = f"{slots[0]}..{slots[-1]}, " if slots else ""
        expected = counted(sum(len(one.expected) for one in of_grain), grain.value)
        told.append(f"{span}{sum(one.present_days for one in of_grain)} of {expected}")
    return " and ".join(told)
