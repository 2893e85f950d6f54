"""The blast radius: which report partitions a change to some days reaches, by the asset graph's partition mappings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from backfill_assets.errors.setup import HistoryPolicyUnknown, ReportUnreachable
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import TableSlots, slot_at, starts_of
from backfill_assets.orchestration.instance.slots import in_order as in_order_of_time

WHOLE = "all of it"
"""The one partition of a report that has none, such as what a tool outside shows."""


@dataclass(frozen=True)
class Report:
    """One report: its key, and the definition that builds it, alone or together with others.

    One that is ``whole`` has no partitions: it is rebuilt by being called, after all others.
    """

    key: dg.AssetKey
    definition: dg.AssetsDefinition
    is_whole: bool = False

    @property
    def name(self) -> str:
        """The name by which it is known, and its table in the lake."""
        return table_of(self.key)

    @property
    def partitions_def(self) -> dg.PartitionsDefinition | None:
        """Its partitions."""
        return self.definition.specs_by_key[self.key].partitions_def

    def in_order(self, keys: Collection[str]) -> tuple[str, ...]:
        """Some of its partitions in the order of time."""
        return tuple(keys) if self.is_whole else in_order_of_time(self.name, self.partitions_def, keys)

    @property
    def asset_deps(self) -> Mapping[dg.AssetKey, frozenset[dg.AssetKey]]:
        """What it reads, as its definition tells."""
        return {key: frozenset(read) for key, read in self.definition.asset_deps.items()}

    @property
    def parents(self) -> frozenset[dg.AssetKey]:
        """The assets it reads."""
        return self.asset_deps[self.key]

    @property
    def selection(self) -> tuple[dg.AssetKey, ...]:
        """What has to be materialized to build it: itself, or all that cannot be built without each other."""
        return (self.key,) if self.definition.can_subset else tuple(sorted(self.definition.keys))

    @property
    def is_tolerant(self) -> bool:
        """Whether it is rebuilt while history changes, instead of being held at its last good state.

        Raises:
            HistoryPolicyUnknown: when it declares something else.
        """
        policy = self.definition.specs_by_key[self.key].tags.get(tags.HISTORY, tags.PAUSE)
        if policy not in {tags.PAUSE, tags.TOLERATE}:
            raise HistoryPolicyUnknown(self.name, policy, (tags.PAUSE, tags.TOLERATE))
        return policy == tags.TOLERATE


@dataclass(frozen=True)
class Reports:
    """The reports of a correctable table, nearest first, and the table's own partitions.

    ``made`` are the assets of those that the builder makes itself.
    """

    table: dg.AssetKey
    slots: TableSlots
    assets: tuple[Report, ...]
    made: tuple[dg.AssetsDefinition, ...] = ()

    @property
    def tolerant(self) -> tuple[str, ...]:
        """The reports that are rebuilt while history changes."""
        return tuple(report.name for report in self.assets if report.is_tolerant)

    def reach(self, days: Collection[date], live_days: Collection[date], now: datetime) -> dict[str, tuple[str, ...]]:
        """Partition keys by report name that read any of the days, directly or through another report.

        Of a report by the table's own days only those that are live count, of any other the partitions that begin
        before the newest one ends: a trailing mean reaches into days that are not there yet. Keys are in the order
        of time.
        """
        reached: dict[dg.AssetKey, frozenset[str]] = {self.table: frozenset(map(self.slots.key, days))}
        definitions: dict[dg.AssetKey, dg.PartitionsDefinition] = {self.table: self.slots.partitions_def}
        live = frozenset(live_days)
        told: dict[str, tuple[str, ...]] = {}
        for report in self.assets:
            keys = _reached_by_parents(report, reached, definitions, now)
            if report.partitions_def is not None:
                definitions[report.key] = report.partitions_def
            reached[report.key] = keys
            if there := self._there(report, keys, live):
                told[report.name] = there
        return told

    def _there(self, report: Report, keys: frozenset[str], live: frozenset[date]) -> tuple[str, ...]:
        """Those of a report's partitions that live has something of, in the order of time."""
        if not live or not keys:
            return ()
        if report.is_whole:
            return tuple(keys)
        starts = starts_of(report.name, report.partitions_def, keys)
        if _same_windows(report.partitions_def, self.slots.partitions_def):
            there = [key for key, start in starts.items() if slot_at(self.slots.partitions_def, start) in live]
        else:
            newest = self.slots.end(max(live)).timestamp()
            there = [key for key, start in starts.items() if start.timestamp() < newest]
        return tuple(sorted(there, key=lambda key: starts[key].timestamp()))


def _same_windows(one: dg.PartitionsDefinition | None, other: dg.TimeWindowPartitionsDefinition) -> bool:
    """Whether the partitions of two definitions are the same stretches of time, whatever they are called."""
    return (
        isinstance(one, dg.TimeWindowPartitionsDefinition)
        and one.cron_schedule == other.cron_schedule
        and one.timezone == other.timezone
        and one.exclusions == other.exclusions
    )


def _reached_by_parents(
    report: Report,
    reached: Mapping[dg.AssetKey, frozenset[str]],
    definitions: Mapping[dg.AssetKey, dg.PartitionsDefinition],
    now: datetime,
) -> frozenset[str]:
    keys: set[str] = set()
    if report.is_whole:
        return frozenset({WHOLE}) if any(reached.get(parent) for parent in report.parents) else frozenset()
    for parent in report.parents & definitions.keys():
        upstream, downstream = definitions[parent], report.partitions_def
        if downstream is None:
            raise ReportUnreachable(report.name)
        mapping = report.definition.infer_partition_mapping(report.key, parent, upstream)
        subset = upstream.subset_with_partition_keys(reached[parent])
        hit = mapping.get_downstream_partitions_for_partitions(subset, upstream, downstream, now)
        keys.update(hit.get_partition_keys())
    return frozenset(keys)


def in_order(
    table: dg.AssetKey, assets: Sequence[dg.AssetsDefinition], whole: Collection[dg.AssetKey] = ()
) -> tuple[Report, ...]:
    """Every report of the definitions, so that each comes after those it reads; ``whole`` ones have no partitions.

    Of a definition that makes several assets those are reports that the table leads to.

    Raises:
        ReportUnreachable: when a definition reads neither the table nor another report of it, or has no partitions.
        HistoryPolicyUnknown: when a report declares something strange about changing history.
    """
    waiting = [Report(key, asset, key in whole) for asset in assets for key in sorted(asset.keys)]
    names = {report.key for report in waiting}
    placed: dict[dg.AssetKey, Report] = {}
    while waiting:
        ready = [report for report in waiting if not (report.parents & names) - {report.key}]
        if not ready:
            raise ReportUnreachable(waiting[0].name)
        placed |= {report.key: report for report in ready if _is_reached(report, table, placed)}
        names -= {report.key for report in ready}
        waiting = [report for report in waiting if report not in ready]
    for asset in assets:
        if not asset.keys & placed.keys():
            raise ReportUnreachable(table_of(min(asset.keys)))
    for report in placed.values():
        _ = report.is_tolerant
    return tuple(placed.values())


def _is_reached(report: Report, table: dg.AssetKey, placed: Mapping[dg.AssetKey, Report]) -> bool:
    """Whether days of the table lead to a report; what has partitions cannot be reached through what has none."""
    if report.is_whole is not (report.partitions_def is None):
        return False
    return bool(report.parents & {table, *(key for key, one in placed.items() if report.is_whole or not one.is_whole)})
