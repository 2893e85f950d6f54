"""Whether Dagster's instance leaves nightly a place, as our ``dagster.yaml`` does."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from backfill_assets.orchestration.instance import tags

LIMITED = (tags.BACKFILL, tags.CORRECTION)


def warn_without_limits() -> None:
    """Warn when the instance in ``DAGSTER_HOME``, if there is one, would let corrections take all of the queue."""
    told = os.environ.get("DAGSTER_HOME", "")
    missing = missing_limits(_settings(Path(told))) if told and Path(told).is_dir() else ()
    if missing:
        message = (
            f"{told}/dagster.yaml sets no {' and no '.join(missing)}, so a large correction may keep nightly waiting. "
            "Copy backfill_assets/orchestration/instance/dagster.yaml there, or set them."
        )
        warnings.warn(message, stacklevel=2)


def missing_limits(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not limited, by name; nothing when nightly always has a place."""
    concurrency = settings.get("concurrency") or {}
    runs = concurrency.get("runs") or {}
    queue = (settings.get("run_coordinator") or {}).get("config") or settings.get("run_queue") or {}
    most = runs.get("max_concurrent_runs") or queue.get("max_concurrent_runs")
    limits = runs.get("tag_concurrency_limits") or queue.get("tag_concurrency_limits") or []
    limited = {limit.get("key"): limit.get("limit", 0) for limit in limits if "value" not in limit}
    missing = [f"limit of runs tagged {key}" for key in LIMITED if key not in limited]
    if not missing and most is not None and sum(limited[key] for key in LIMITED) >= int(most):
        missing.append("max_concurrent_runs above the limits of its tags")
    return tuple(missing)


def _settings(home: Path) -> Mapping[str, Any]:
    try:
        return cast("Mapping[str, Any]", yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError):
        return {}
