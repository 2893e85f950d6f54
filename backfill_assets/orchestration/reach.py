"""The blast radius: which report partitions a change to some days reaches, by the asset graph's partition mappings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from backfill_assets.errors.setup import ReportUnreachable


@dataclass(frozen=True)
class Reports:
    """The reports of a correctable table, nearest first, and the table's own partitions."""

    table: dg.AssetKey
    partitions_def: dg.PartitionsDefinition
    assets: tuple[dg.AssetsDefinition, ...]

    def reach(self, days: Collection[date], live_days: Collection[date], now: datetime) -> dict[str, tuple[str, ...]]:
        """Partition keys by report name that read any of the days, directly or through another report.

        Of a report by day only days that are live count, of any other the partitions that begin by the newest one:
        a trailing mean reaches into days that are not there yet.
        """
        reached: dict[dg.AssetKey, frozenset[str]] = {self.table: frozenset(str(day) for day in days)}
        definitions = {self.table: self.partitions_def}
        for asset in in_order(self.table, self.assets):
            keys = self._reached_by_parents(asset, reached, definitions, now)
            if asset.partitions_def is not None:
                definitions[asset.key] = asset.partitions_def
            reached[asset.key] = keys
        live = {str(day) for day in live_days}
        newest = max(live, default="")
        told: dict[str, tuple[str, ...]] = {}
        for asset in in_order(self.table, self.assets):
            daily = asset.partitions_def == self.partitions_def
            there = sorted(key for key in reached[asset.key] if (key in live if daily else key <= newest))
            if there:
                told[asset.key.path[-1]] = tuple(there)
        return told

    def _reached_by_parents(
        self,
        asset: dg.AssetsDefinition,
        reached: Mapping[dg.AssetKey, frozenset[str]],
        definitions: Mapping[dg.AssetKey, dg.PartitionsDefinition],
        now: datetime,
    ) -> frozenset[str]:
        keys: set[str] = set()
        for parent in asset.asset_deps[asset.key] & reached.keys():
            upstream, downstream = definitions[parent], asset.partitions_def
            if downstream is None:
                raise ReportUnreachable(asset.key.path[-1])
            mapping = asset.infer_partition_mapping(asset.key, parent, upstream)
            subset = upstream.subset_with_partition_keys(sorted(reached[parent]))
            hit = mapping.get_downstream_partitions_for_partitions(subset, upstream, downstream, now)
            keys.update(hit.get_partition_keys())
        return frozenset(keys)


def in_order(table: dg.AssetKey, assets: Sequence[dg.AssetsDefinition]) -> tuple[dg.AssetsDefinition, ...]:
    """The reports so that each comes after those it reads.

    Raises:
        ReportUnreachable: when a report reads neither the table nor another report of it.
    """
    placed: dict[dg.AssetKey, dg.AssetsDefinition] = {}
    waiting = list(assets)
    names = {asset.key for asset in assets}
    while waiting:
        ready = [asset for asset in waiting if not (asset.asset_deps[asset.key] & names) - placed.keys()]
        lost = [asset for asset in ready if not asset.asset_deps[asset.key] & {table, *placed}]
        if lost or not ready:
            raise ReportUnreachable((lost or waiting)[0].key.path[-1])
        placed.update({asset.key: asset for asset in ready})
        waiting = [asset for asset in waiting if asset not in ready]
    return tuple(placed.values())
