"""Data files of Delta tables, and the add and remove actions that name them with complete statistics."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from urllib.parse import unquote

import polars as pl
import simplejson
from deltalake.transaction import AddAction, RemoveAction

from backfill_assets.storage.layout import DAY

# The Delta protocol keeps only a prefix of long strings; a cut maximum must still lie above every value.
LONGEST_TEXT = 32
HIGHEST_CHARACTER = "\U0010ffff"
# No bounds for floats: NaN has no place in JSON, and its order differs between readers.
UNORDERED = (pl.Binary, pl.Boolean, pl.Float32, pl.Float64)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a Delta table.

    ``path`` is relative to the table's root and unquoted. ``size`` is in bytes, ``modified`` in milliseconds
    since 1970. ``day`` is the partition, None in tables without. ``stats`` is the complete Delta statistics as JSON.
    """

    path: str
    size: int
    day: date | None
    modified: int
    rows: int
    stats: str

    def under(self, folder: str) -> Self:
        """The same file as seen from a root one or more folders above."""
        return replace(self, path=f"{folder}/{self.path}")

    @property
    def partition(self) -> dict[str, str | None]:
        """The partition values as the log has them."""
        return {} if self.day is None else {DAY: self.day.isoformat()}

    def add_action(self, *, data_change: bool = True) -> AddAction:
        """The action by which the file enters a table."""
        return AddAction(self.path, self.size, self.partition, self.modified, data_change, self.stats)

    def remove_action(self, at: datetime, *, data_change: bool = True) -> RemoveAction:
        """The action by which the file leaves a table."""
        return RemoveAction(self.path, data_change, milliseconds(at), self.size, self.partition)

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {
            "path": self.path,
            "size": self.size,
            "day": None if self.day is None else self.day.isoformat(),
            "modified": self.modified,
            "rows": self.rows,
            "stats": self.stats,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``."""
        day: str | None = fields["day"]
        return cls(
            path=fields["path"],
            size=fields["size"],
            day=None if day is None else date.fromisoformat(day),
            modified=fields["modified"],
            rows=fields["rows"],
            stats=fields["stats"],
        )


def fingerprint(files: Iterable[DataFile]) -> str:
    """SHA-256 over the set of path and size; the empty string when there is no file."""
    return fingerprint_of((file.path, file.size) for file in files)


def fingerprint_of(files: Iterable[tuple[str, int]]) -> str:
    """The fingerprint of files given as path and size."""
    lines = sorted(f"{path}\x00{size}" for path, size in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, as the Delta log counts them."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def statistics(frame: pl.DataFrame) -> str:
    """Delta statistics of a frame that becomes one file: rows, and per column minimum, maximum and nulls."""
    ordered = [name for name, kind in frame.schema.items() if not isinstance(kind, UNORDERED)]
    lowest = frame.select(pl.col(ordered).min()).row(0, named=True)
    highest = frame.select(pl.col(ordered).max()).row(0, named=True)
    nulls = frame.null_count().row(0, named=True)
    return _as_stats(frame.height, lowest, highest, nulls)


def files_in(actions: pl.DataFrame, *, by_day: bool) -> list[DataFile]:
    """The files of ``DeltaTable.get_add_actions(flatten=False)``, with statistics rebuilt from its columns."""
    return [_file(row, by_day=by_day) for row in actions.iter_rows(named=True)]


def _file(row: Mapping[str, Any], *, by_day: bool) -> DataFile:
    stats = "{}"
    if row["num_records"] is not None:
        stats = _as_stats(row["num_records"], row.get("min") or {}, row.get("max") or {}, row.get("null_count") or {})
    return DataFile(
        path=unquote(row["path"]),
        size=row["size_bytes"],
        day=row["partition"][DAY] if by_day else None,
        modified=row["modification_time"],
        rows=-1 if row["num_records"] is None else row["num_records"],
        stats=stats,
    )


def _as_stats(rows: int, lowest: Mapping[str, Any], highest: Mapping[str, Any], nulls: Mapping[str, int | None]) -> str:
    stats = {
        "numRecords": rows,
        "minValues": {name: _bound(value, upper=False) for name, value in lowest.items() if value is not None},
        "maxValues": {name: _bound(value, upper=True) for name, value in highest.items() if value is not None},
        "nullCount": {name: count for name, count in nulls.items() if count is not None},
    }
    return simplejson.dumps(stats, use_decimal=True, ensure_ascii=False)


def _bound(value: object, *, upper: bool) -> object:
    """One minimum or maximum in the textual form that Delta readers expect."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case str() if len(value) > LONGEST_TEXT:
            return value[:LONGEST_TEXT] + (HIGHEST_CHARACTER if upper else "")
        case _:
            return value
