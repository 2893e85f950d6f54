"""Looking at a table that another writer made: at its log, and at its rows only for what the log leaves open."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from backfill_assets.core.adoption import History, KeysSeen, Look
from backfill_assets.core.day_column import Days, can_name_days, days_of
from backfill_assets.storage.adopting import short_retention
from backfill_assets.storage.features import features_of
from backfill_assets.storage.foreign import ForeignTable

WITHIN, NAMED = "_backfill_assets_within", "_backfill_assets_day"
# So many rows have their keys compared together.
ROWS_AT_ONCE = 5_000_000


def looked_at(table: ForeignTable, day: str | None, keys: Sequence[str]) -> Look:
    """Look at a table.

    Args:
        table: at the commit that is looked at.
        day: the column that says the day; None takes the only one that could.
        keys: columns that identify a row of a day; the day need not be among them.

    Raises:
        RowsUnreadable: when rows had to be asked, and files are gone or cannot be read.
    """
    with table.reading():
        return _looked_at(table, day, keys)


def _looked_at(table: ForeignTable, day: str | None, keys: Sequence[str]) -> Look:
    candidates = _candidates(table)
    column = day or (candidates[0] if len(candidates) == 1 else None)
    days = _days(table, column) if column else None
    return Look(
        commit=table.handle.version(),
        partition_columns=table.partition_columns,
        columns=table.columns,
        features=features_of(table.handle),
        size=table.size,
        history=_history(table),
        days=days,
        candidates=candidates,
        keys=_keys(table, days, keys) if keys and table.has_readable_rows else None,
    )


def _candidates(table: ForeignTable) -> tuple[str, ...]:
    """Partition columns that name days; where there are none, every column whose type or bounds do."""
    partitioning = [name for name in table.partition_columns if _names_days(table, name)]
    inside = [name for name in table.columns if name not in table.partition_columns and _names_days(table, name)]
    return tuple(partitioning or inside)


def _names_days(table: ForeignTable, name: str) -> bool:
    kind = table.schema([name]).get(name)
    if not isinstance(kind, pl.String):
        return can_name_days(kind)
    if name in table.partition_columns:
        told = [table.files[name]]
    else:
        told = [table.statistic("min", name), table.statistic("max", name)]
    read = days_of(pl.concat([series.cast(kind).rename(name) for series in told]).drop_nulls().unique())
    return bool(read.slots) and not read.strange


def _days(table: ForeignTable, column: str) -> Days:
    """The distinct days of a column: from the log for files that hold one value, from the rows of the others."""
    kind = table.schema([column]).get(column)
    is_readable = table.has_readable_rows or column in table.partition_columns
    if kind is None or not can_name_days(kind) or not is_readable:
        return Days(column, None)
    known, unread = _told_by_log(table, column)
    rows = table.scan([column], unread).select(pl.col(column).alias(NAMED))
    both = [_hours(one, kind) for one in (known.cast(kind).to_frame(NAMED).lazy(), rows)]
    found: pl.DataFrame = pl.concat(both).unique().collect(engine="streaming")
    values = found[NAMED].drop_nulls().unique().rename(column)
    return days_of(values, without=table.nulls(column), within=bool(found[WITHIN].any()))


def _told_by_log(table: ForeignTable, column: str) -> tuple[pl.Series, pl.DataFrame]:
    """The values of a column that the log tells, and the files whose rows have to be asked."""
    if column in table.partition_columns:
        return table.files[column].drop_nulls().unique(), table.files.clear()
    low, high, nulls = (table.statistic(name, column) for name in ("min", "max", "null_count"))
    single = ((low == high) & (nulls == 0)).fill_null(value=False)
    return low.filter(single).unique(), table.files.filter(~single)


def _hours(rows: pl.LazyFrame, kind: pl.DataType) -> pl.LazyFrame:
    """Times at the start of their hour, and whether they were not there."""
    if not isinstance(kind, pl.Datetime):
        return rows.with_columns(pl.lit(value=False).alias(WITHIN))
    start = pl.col(NAMED).dt.truncate("1h")
    return rows.select(start.alias(NAMED), (pl.col(NAMED) != start).alias(WITHIN))


def _keys(table: ForeignTable, days: Days | None, keys: Sequence[str]) -> KeysSeen:
    """How many rows lack a key, and in which days rows share one."""
    by_day = [days.column] if days and days.spelling else []
    columns = tuple(name for name in dict.fromkeys([*by_day, *keys]) if name in table.schema())
    nulls = {name: count for name in columns if (count := table.nulls(name))}
    return KeysSeen(columns, nulls, _doubled(table, columns, days if by_day else None))


def _doubled(table: ForeignTable, columns: Sequence[str], days: Days | None) -> dict[str, int]:
    """By day the number of keys that several rows share; a few keys at a time where there are many rows."""
    schema = table.schema(columns)
    day = _day_of(days, schema) if days else pl.lit("")
    others = [pl.col(name) for name in columns if not days or name != days.column]
    rows = table.scan(columns).select(day.alias(NAMED), *others)
    buckets = -(-table.size.rows // ROWS_AT_ONCE)
    found: dict[str, int] = {}
    for bucket in range(buckets):
        some = rows.filter(pl.struct(pl.all()).hash() % buckets == bucket) if buckets > 1 else rows
        again = some.group_by(pl.all()).len().filter(pl.col("len") > 1).group_by(NAMED).len()
        doubled: pl.DataFrame = again.collect(engine="streaming")
        for value, count in doubled.iter_rows():
            found[str(value)] = found.get(str(value), 0) + count
    return dict(sorted(found.items()))


def _day_of(days: Days, schema: Mapping[str, Any]) -> pl.Expr:
    """The day of a row; times within a day are of it."""
    column = pl.col(days.column)
    return column.dt.date() if days.within and isinstance(schema[days.column], pl.Datetime) else column


def _history(table: ForeignTable) -> History:
    newest: Mapping[str, Any] = dict(*table.handle.history(1))
    at = newest.get("timestamp")
    return History(
        written_by=str(newest.get("engineInfo") or "an unknown writer"),
        written_at=datetime.fromtimestamp(at / 1000, UTC) if at else None,
        short_retention=short_retention(table.handle.metadata().configuration),
    )
