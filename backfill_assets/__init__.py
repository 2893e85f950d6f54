"""Large historical corrections of daily tables, made routine, on Dagster and Delta Lake.

What an own asset needs is here; it is loaded when it is asked for, because Dagster takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfill_assets.core.nightly_due import NightlyDue
    from backfill_assets.errors.base import BackfillAssetsError, BadInput
    from backfill_assets.errors.failure import DaysFailed
    from backfill_assets.errors.setup import ExtraMissing, FirstDayUnknown, FirstDayUnreadable, needs_extra
    from backfill_assets.orchestration.asset.executors import Wide
    from backfill_assets.orchestration.asset.frames import validated
    from backfill_assets.orchestration.asset.io_manager import DeltaLakeIOManager, lake_resources
    from backfill_assets.orchestration.asset.siblings import (
        IO_MANAGER,
        CorrectableAsset,
        correctable_asset,
        days_of_run,
    )
    from backfill_assets.orchestration.asset.source import DeltaSource, ParquetSource, QuerySource, Source
    from backfill_assets.orchestration.asset.sql import correctable_sql
    from backfill_assets.orchestration.asset.surroundings import published_root
    from backfill_assets.orchestration.asset.table_definition import refresh_outputs
    from backfill_assets.orchestration.asset.wave import source_version
    from backfill_assets.orchestration.build import build_correction_definitions
    from backfill_assets.orchestration.build_consumer import build_consumer_definitions
    from backfill_assets.orchestration.consuming.feeding import build_topic_definitions
    from backfill_assets.orchestration.instance.clock import clock_told, now_utc
    from backfill_assets.orchestration.instance.resources import FixedResource, LakeResource, place
    from backfill_assets.orchestration.nightly.pipeline import NightlySpec
    from backfill_assets.orchestration.reports.freeze import begin_report
    from backfill_assets.orchestration.reports.outside import OutsideReport

_HOMES = {
    "BackfillAssetsError": "backfill_assets.errors.base",
    "BadInput": "backfill_assets.errors.base",
    "CorrectableAsset": "backfill_assets.orchestration.asset.siblings",
    "DaysFailed": "backfill_assets.errors.failure",
    "DeltaSource": "backfill_assets.orchestration.asset.source",
    "DeltaLakeIOManager": "backfill_assets.orchestration.asset.io_manager",
    "ExtraMissing": "backfill_assets.errors.setup",
    "FirstDayUnknown": "backfill_assets.errors.setup",
    "FirstDayUnreadable": "backfill_assets.errors.setup",
    "FixedResource": "backfill_assets.orchestration.instance.resources",
    "IO_MANAGER": "backfill_assets.orchestration.asset.siblings",
    "LakeResource": "backfill_assets.orchestration.instance.resources",
    "NightlyDue": "backfill_assets.core.nightly_due",
    "NightlySpec": "backfill_assets.orchestration.nightly.pipeline",
    "OutsideReport": "backfill_assets.orchestration.reports.outside",
    "ParquetSource": "backfill_assets.orchestration.asset.source",
    "QuerySource": "backfill_assets.orchestration.asset.source",
    "Source": "backfill_assets.orchestration.asset.source",
    "Wide": "backfill_assets.orchestration.asset.executors",
    "begin_report": "backfill_assets.orchestration.reports.freeze",
    "build_consumer_definitions": "backfill_assets.orchestration.build_consumer",
    "build_correction_definitions": "backfill_assets.orchestration.build",
    "build_topic_definitions": "backfill_assets.orchestration.consuming.feeding",
    "clock_told": "backfill_assets.orchestration.instance.clock",
    "correctable_asset": "backfill_assets.orchestration.asset.siblings",
    "correctable_sql": "backfill_assets.orchestration.asset.sql",
    "days_of_run": "backfill_assets.orchestration.asset.siblings",
    "lake_resources": "backfill_assets.orchestration.asset.io_manager",
    "needs_extra": "backfill_assets.errors.setup",
    "now_utc": "backfill_assets.orchestration.instance.clock",
    "place": "backfill_assets.orchestration.instance.resources",
    "published_root": "backfill_assets.orchestration.asset.surroundings",
    "refresh_outputs": "backfill_assets.orchestration.asset.table_definition",
    "source_version": "backfill_assets.orchestration.asset.wave",
    "validated": "backfill_assets.orchestration.asset.frames",
}

__all__ = [
    "IO_MANAGER",
    "BackfillAssetsError",
    "BadInput",
    "CorrectableAsset",
    "DaysFailed",
    "DeltaLakeIOManager",
    "DeltaSource",
    "ExtraMissing",
    "FirstDayUnknown",
    "FirstDayUnreadable",
    "FixedResource",
    "LakeResource",
    "NightlyDue",
    "NightlySpec",
    "OutsideReport",
    "ParquetSource",
    "QuerySource",
    "Source",
    "Wide",
    "begin_report",
    "build_consumer_definitions",
    "build_correction_definitions",
    "build_topic_definitions",
    "clock_told",
    "correctable_asset",
    "correctable_sql",
    "days_of_run",
    "lake_resources",
    "needs_extra",
    "now_utc",
    "place",
    "published_root",
    "refresh_outputs",
    "source_version",
    "validated",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
