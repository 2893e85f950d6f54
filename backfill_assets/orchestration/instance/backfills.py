"""What a Dagster backfill targets. Dagster has no public way to ask; this module is the one place that knows."""

from typing import Any, cast

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from backfill_assets.core.slots import Slot
from backfill_assets.orchestration.instance.slots import TableSlots

UNDER_WAY = ("REQUESTED", "CANCELING", "FAILING")
STOPPED = {"CANCELED": "was cancelled", "FAILED": "failed"}


def backfill_days(
    instance: dg.DagsterInstance, backfill_id: str, asset: dg.AssetKey, slots: TableSlots
) -> tuple[Slot, ...]:
    """All days that a backfill targets of an asset, oldest first; none when the backfill is not known.

    A run of a backfill sees only its own days, thirty of them arrive as two runs of fifteen.
    """
    return _days(cast("Any", instance.get_backfill(backfill_id)), asset, slots)


def days_under_way(instance: dg.DagsterInstance, asset: dg.AssetKey, slots: TableSlots) -> frozenset[Slot]:
    """The days of an asset that unfinished backfills target."""
    unfinished = BulkActionsFilter(statuses=[BulkActionStatus(name) for name in UNDER_WAY])
    found = cast("list[Any]", instance.get_backfills(filters=unfinished))
    return frozenset(day for backfill in found for day in _days(backfill, asset, slots))


def how_stopped(instance: dg.DagsterInstance, backfill_id: str) -> str:
    """How a backfill ended before its time, in a few words; empty when it did not, or is not known."""
    backfill = cast("Any", instance.get_backfill(backfill_id))
    return STOPPED.get(backfill.status.value, "") if backfill is not None else ""


def _days(backfill: Any, asset: dg.AssetKey, slots: TableSlots) -> tuple[Slot, ...]:
    data = backfill.asset_backfill_data if backfill else None
    if data is None:
        return ()
    subset = data.target_subset.partitions_subsets_by_asset_key.get(asset)
    return tuple(sorted(slots.of_keys(subset.get_partition_keys()).values())) if subset else ()
