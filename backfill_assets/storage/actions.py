"""Data files of Delta tables, and the add and remove actions that name them with complete statistics."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Self
from urllib.parse import unquote

import polars as pl
import simplejson
from deltalake.transaction import AddAction, RemoveAction

from backfill_assets.core.partition_column import PartitionColumn, slots_in
from backfill_assets.core.slots import Slot, read_slot
from backfill_assets.storage.layout import DAY, SLOT

# The Delta protocol keeps only a prefix of long strings; a cut maximum must still lie above every value.
LONGEST_TEXT = 32
HIGHEST_CHARACTER = "\U0010ffff"
EXACT_JSON = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False)
# Beside columns of a table, none of which has these names.
FILE, ROWS, LOW, HIGH = "_backfill_assets_file", "_backfill_assets_rows", "low\0", "high\0"
# A query over the rows of a file costs as much as these do, or more.
SMALL = 10_000
# What ``rows`` says of a file that somebody wrote without statistics.
UNKNOWN_ROWS = -1
# No bounds for floats: NaN has no place in JSON, and its order differs between readers.
UNORDERED = (pl.Binary, pl.Boolean, pl.Float32, pl.Float64)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a Delta table.

    ``path`` is relative to the table's root and unquoted. ``size`` is in bytes, ``modified`` in milliseconds
    since 1970. ``day`` is the partition, None in tables without. ``stats`` is the complete Delta statistics as JSON.
    ``column`` keeps the day in the table, as this ``value`` where that is not the day's own ISO text. ``is_new`` says
    that it was just written, and no commit names it yet.
    """

    path: str
    size: int
    day: date | None
    modified: int
    rows: int
    stats: str
    column: str = DAY
    value: str = ""
    is_new: bool = field(default=False, compare=False)

    def under(self, folder: str) -> Self:
        """The same file as seen from a root one or more folders above."""
        return replace(self, path=f"{folder}/{self.path}")

    @property
    def partition(self) -> dict[str, str | None]:
        """The partition values as the log has them."""
        return {} if self.day is None else {self.column: self.value or self.day.isoformat()}

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
            **({} if self.column == DAY else {"column": self.column}),
            **({"value": self.value} if self.value else {}),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``."""
        day: str | None = fields["day"]
        return cls(
            path=fields["path"],
            size=fields["size"],
            day=None if day is None else read_slot(day),
            modified=fields["modified"],
            rows=fields["rows"],
            stats=fields["stats"],
            column=fields.get("column", DAY),
            value=fields.get("value", ""),
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


def statistics(frame: pl.DataFrame, unbounded: Collection[str] = ()) -> str:
    """Delta statistics of a frame that becomes one file: rows, and per column minimum, maximum and nulls.

    Of ``unbounded`` columns the log tells no minimum and no maximum.
    """
    ordered = _ordered(frame.schema, unbounded)
    return _told(frame.select(_looked_at(frame.schema, ordered)), frame.schema, ordered)[0]


def statistics_of(frames: Sequence[pl.DataFrame], unbounded: Collection[str] = ()) -> list[str]:
    """The statistics of each of some frames of one table; those of small ones are found together, by one query.

    Frames have its columns, or all but the one of their day. Of ``unbounded`` columns there are no bounds.
    """
    width = min((frame.width for frame in frames), default=0)
    small = [number for number, frame in enumerate(frames) if 0 < frame.height <= SMALL and frame.width == width]
    told: dict[int, str] = {}
    if len(small) > 1:
        heights = pl.DataFrame({FILE: small, "rows": [frames[number].height for number in small]})
        of_file = heights.select(pl.col(FILE).repeat_by("rows").explode())
        rows, schema = pl.concat([frames[number] for number in small]), frames[small[0]].schema
        ordered = _ordered(schema, unbounded)
        found = rows.with_columns(of_file).group_by(FILE, maintain_order=True).agg(_looked_at(schema, ordered))
        told = dict(zip(small, _told(found, schema, ordered), strict=True))
    return [told[number] if number in told else statistics(frame, unbounded) for number, frame in enumerate(frames)]


def _ordered(schema: pl.Schema, unbounded: Collection[str]) -> list[str]:
    """The columns whose bounds the log tells."""
    return [name for name, kind in schema.items() if not isinstance(kind, UNORDERED) and name not in unbounded]


def _looked_at(schema: pl.Schema, ordered: Sequence[str]) -> list[pl.Expr]:
    """What is asked of the rows of a file."""
    columns = map(pl.col, ordered)
    ends = [end for one in columns for end in (one.min().name.prefix(LOW), one.max().name.prefix(HIGH))]
    return [pl.len().alias(ROWS), *ends, *(pl.col(name).null_count() for name in schema)]


def _told(found: pl.DataFrame, schema: pl.Schema, ordered: Sequence[str]) -> list[str]:
    """What the log says of each file, of which there is a row of what was asked."""
    lowest = found.select(pl.col(f"{LOW}{name}").alias(name) for name in ordered)
    highest = found.select(pl.col(f"{HIGH}{name}").alias(name) for name in ordered)
    nulls = found.select(schema.names()).to_dicts()
    if not ordered:
        return [_as_stats(rows, {}, {}, empty) for rows, empty in zip(found[ROWS], nulls, strict=True)]
    ends = (_bounds(lowest, upper=False), _bounds(highest, upper=True))
    return [*map(_as_stats, found[ROWS].to_list(), *ends, nulls)]


def files_in(actions: pl.DataFrame, column: PartitionColumn | None) -> list[DataFile]:
    """The files of ``DeltaTable.get_add_actions(flatten=False)``, with statistics rebuilt from its columns.

    In a table by day the slots of the files are the column ``SLOT`` beside its own.
    """
    days = [None] * actions.height if column is None else slots_in(actions[SLOT])
    values = written_values(column, days) if column else [""] * actions.height
    stats = map(
        _as_stats,
        actions["num_records"].to_list(),
        _bounds(_fields(actions, "min"), upper=False),
        _bounds(_fields(actions, "max"), upper=True),
        _fields(actions, "null_count").to_dicts(),
    )
    plain = actions.select(unquoted(actions["path"]), "size_bytes", "modification_time", "num_records").iter_rows()
    return [
        DataFile(path, size, day, modified, UNKNOWN_ROWS if rows is None else rows, text, name_of(column), value)
        for (path, size, modified, rows), day, text, value in zip(plain, days, stats, values, strict=True)
    ]


def unquoted(paths: pl.Series) -> pl.Series:
    """Paths of a log as the file system has them."""
    return pl.Series(paths.name, [_unquoted(path) for path in paths.to_list()], dtype=pl.String)


def _unquoted(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{_folder(folder)}{slash}{unquote(name)}"


# A table by hour is read many times, and each of its thousands of folders has three escapes.
_folder = lru_cache(maxsize=1 << 16)(unquote)


def name_of(column: PartitionColumn | None) -> str:
    """The column that files of a table name their day by."""
    return DAY if column is None else column.name


def written_values(column: PartitionColumn, days: Sequence[Slot | None]) -> list[str]:
    """The partition value of each day; the empty string where that is its ISO text, or where there is none."""
    if column.is_slot:
        return [""] * len(days)
    known = dict.fromkeys(days, "")
    slots = [day for day in known if day is not None]
    known |= dict(zip(slots, column.texts(slots), strict=True))
    return [known[day] for day in days]


def _fields(actions: pl.DataFrame, name: str) -> pl.DataFrame:
    """The fields of one struct of statistics as columns; rows without fields when the log has none."""
    return actions[name].struct.unnest() if name in actions.columns else pl.DataFrame(height=actions.height)


def _bounds(values: pl.DataFrame, *, upper: bool) -> list[dict[str, Any]]:
    """Minima or maxima in the textual form that Delta readers expect, one dictionary a row."""
    texts = [_text(pl.col(name), kind, upper=upper).alias(name) for name, kind in values.schema.items()]
    return values.with_columns(texts).to_dicts()


def _text(bound: pl.Expr, kind: pl.DataType, *, upper: bool) -> pl.Expr:
    if isinstance(kind, pl.Datetime):
        return bound.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{'Z' if kind.time_zone else ''}")
    if isinstance(kind, pl.Date):
        return bound.dt.strftime("%Y-%m-%d")
    if isinstance(kind, pl.String):
        cut = bound.str.slice(0, LONGEST_TEXT) + pl.lit(HIGHEST_CHARACTER if upper else "")
        return pl.when(bound.str.len_chars() > LONGEST_TEXT).then(cut).otherwise(bound)
    return bound


def _as_stats(
    rows: int | None, lowest: Mapping[str, Any], highest: Mapping[str, Any], nulls: Mapping[str, int | None]
) -> str:
    if rows is None:
        return "{}"
    stats = {
        "numRecords": rows,
        "minValues": {name: value for name, value in lowest.items() if value is not None},
        "maxValues": {name: value for name, value in highest.items() if value is not None},
        "nullCount": {name: count for name, count in nulls.items() if count is not None},
    }
    return EXACT_JSON.encode(stats)
