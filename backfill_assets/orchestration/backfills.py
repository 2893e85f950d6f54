"""What a Dagster backfill targets. Dagster has no public way to ask; this module is the one place that knows."""

from datetime import date
from typing import Any, cast

import dagster as dg


def backfill_days(instance: dg.DagsterInstance, backfill_id: str, asset: dg.AssetKey) -> tuple[date, ...]:
    """All days that a backfill targets of an asset, oldest first; none when the backfill is not known.

    A run of a backfill sees only its own days, thirty of them arrive as two runs of fifteen.
    """
    backfill = cast("Any", instance.get_backfill(backfill_id))
    data = backfill.asset_backfill_data if backfill else None
    if data is None:
        return ()
    subset = data.target_subset.partitions_subsets_by_asset_key.get(asset)
    return tuple(sorted(date.fromisoformat(key) for key in subset.get_partition_keys())) if subset else ()
