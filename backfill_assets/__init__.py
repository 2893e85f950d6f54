"""Large historical corrections of daily tables, made routine, on Dagster and Delta Lake.

What an own asset needs is here; it is loaded when it is asked for, because Dagster takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfill_assets.orchestration.asset.io_manager import DeltaLakeIOManager
    from backfill_assets.orchestration.asset.siblings import correctable_asset
    from backfill_assets.orchestration.build import build_correction_definitions
    from backfill_assets.orchestration.instance.resources import LakeResource
    from backfill_assets.orchestration.reports.begin import begin_report

_HOMES = {
    "DeltaLakeIOManager": "backfill_assets.orchestration.asset.io_manager",
    "LakeResource": "backfill_assets.orchestration.instance.resources",
    "begin_report": "backfill_assets.orchestration.reports.begin",
    "build_correction_definitions": "backfill_assets.orchestration.build",
    "correctable_asset": "backfill_assets.orchestration.asset.siblings",
}

__all__ = [
    "DeltaLakeIOManager",
    "LakeResource",
    "begin_report",
    "build_correction_definitions",
    "correctable_asset",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
