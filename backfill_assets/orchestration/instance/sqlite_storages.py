"""The storages that ``dagster.yaml`` may name: ours, or Dagster's own where ours do not know this release of Dagster.

Both keep the same files below the instance's home, so an instance may go from one to the other at any time.
"""

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage

OURS = "backfill_assets.orchestration.instance.reusing_sqlite"
# The releases whose private parts they reach into. Earlier ones record the days of a run twice with them.
FIRST, BEYOND = (1, 13, 14), (1, 14, 0)


class PlainSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's own event log in the folder of its default, told of ``home`` as ours is."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Make the storage of its configuration in ``dagster.yaml``."""
        return cls(str(Path(config_value["home"], "history", "runs")), inst_data)


class PlainSqliteRunStorage(SqliteRunStorage):
    """Dagster's own runs in the file of its default, told of ``home`` as ours are."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Make the storage of its configuration in ``dagster.yaml``."""
        return cls.from_local(str(Path(config_value["home"], "history")), inst_data)


def storages_for(release: str) -> tuple[type[SqliteEventLogStorage], type[SqliteRunStorage]]:
    """The event log and the runs for a release of Dagster, with a warning where they are Dagster's own."""
    if FIRST <= tuple(int(part) for part in release.split(".")[:3] if part.isdigit()) < BEYOND:
        try:
            ours = import_module(OURS)
        except (ImportError, AttributeError):
            pass
        else:
            return ours.ReusingSqliteEventLogStorage, ours.ReusingSqliteRunStorage
    warnings.warn(
        f"The storages in dagster.yaml do not know Dagster {release}, so Dagster's own keep the same files. "
        "Nothing is lost, and runs of many partitions take longer. "
        "Take run_storage and event_log_storage out of dagster.yaml, or update backfill-assets.",
        stacklevel=2,
    )
    return PlainSqliteEventLogStorage, PlainSqliteRunStorage


ReusingSqliteEventLogStorage, ReusingSqliteRunStorage = storages_for(dg.__version__)
