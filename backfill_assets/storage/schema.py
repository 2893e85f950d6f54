"""Polars schemas as Delta schemas, and whether a table of the lake is one that the code may write."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import polars as pl
from deltalake import DeltaTable
from deltalake import Schema as DeltaSchema
from deltalake.schema import Field, PrimitiveType

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.lake import FrameUnfit, NothingBesideSlots, RowsOfOtherDays, SchemasDiffer
from backfill_assets.storage.features import refuse_unsafe

Day = TypeVar("Day", Slot, Slot | None)

DELTA_NAMES: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Date: "date",
    pl.Boolean: "boolean",
    pl.Int64: "long",
    pl.Int32: "integer",
    pl.Int16: "short",
    pl.Int8: "byte",
    pl.Float64: "double",
    pl.Float32: "float",
    pl.Binary: "binary",
}


def delta_schema(uri: str, schema: pl.Schema, slots: str = "") -> DeltaSchema:
    """The Delta schema of a Polars schema, every column nullable; ``slots`` is the column of its partitions.

    Raises:
        FrameUnfit: naming the columns whose type a table of the lake cannot hold.
        NothingBesideSlots: when it has no other column than that of its partitions.
    """
    if not set(schema) - {slots}:
        raise NothingBesideSlots(uri, slots)
    if unfit := unstageable(schema):
        raise FrameUnfit(uri, unfit)
    return DeltaSchema([Field(name, PrimitiveType(cast("str", _delta_name(kind)))) for name, kind in schema.items()])


def unstageable(schema: pl.Schema) -> list[str]:
    """The columns whose type a table of the lake cannot hold."""
    return [name for name, kind in schema.items() if _delta_name(kind) is None]


def _delta_name(kind: pl.DataType) -> str | None:
    match kind:
        case pl.Decimal():
            return f"decimal({kind.precision},{kind.scale})"
        case pl.Datetime(time_unit="us", time_zone="UTC"):
            return "timestamp"
        case pl.Datetime(time_unit="us", time_zone=None):
            return "timestamp_ntz"
        case _:
            return DELTA_NAMES.get(type(kind))


def missing_columns(uri: str, handle: DeltaTable, schema: pl.Schema, partition: PartitionColumn | None) -> list[Field]:
    """The columns that the code has and the table does not yet, where it is one that may be written.

    Raises:
        FeatureUnsupported: when the table has a property under which a swap is not safe.
        SchemasDiffer: naming every column that differs otherwise, or the partitioning.
    """
    refuse_unsafe(uri, handle)
    partitions = handle.metadata().partition_columns
    if partitions != ([] if partition is None else [partition.name]):
        raise SchemasDiffer(uri, ["the partition columns", *partitions])
    wanted = {column.name: column for column in delta_schema(uri, schema).fields}
    there = {column.name: column for column in handle.schema().fields}
    differing = [name for name, column in there.items() if name not in wanted or column.type != wanted[name].type]
    if differing:
        raise SchemasDiffer(uri, differing)
    return [column for name, column in wanted.items() if name not in there]


def fitted(uri: str, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame with exactly the schema's columns in its order and types.

    Raises:
        FrameUnfit: naming columns that are missing, unknown, or hold values the type does not.
    """
    strange = set(frame.columns) ^ set(schema.names())
    if strange:
        raise FrameUnfit(uri, strange)
    if [*frame.schema.items()] == [*schema.items()]:
        return frame
    lossy = [name for name, kind in schema.items() if not _keeps_every_value(frame[name], kind)]
    if lossy:
        raise FrameUnfit(uri, lossy)
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def fitted_to_days(
    uri: str, frames: Mapping[Day, pl.DataFrame], schema: pl.Schema, partition: PartitionColumn
) -> dict[Day, pl.DataFrame]:
    """The rows of each day as :func:`fitted` returns them; the partition column may be left out.

    Raises:
        FrameUnfit: as there, and when there is no day.
        RowsOfOtherDays: when the partition column has another day in it.
    """
    if None in frames:
        raise FrameUnfit(uri, [partition.name])
    days = [day for day in frames if day is not None]
    values = dict(zip(days, partition.values(days).to_list(), strict=True))
    return {day: _fitted_to(uri, frames[day], schema, partition, day, values[day]) for day in days}


def _fitted_to(
    uri: str, frame: pl.DataFrame, schema: pl.Schema, partition: PartitionColumn, day: Slot, value: Any
) -> pl.DataFrame:
    name = partition.name
    if name not in frame.columns:
        frame = frame.with_columns(pl.lit(value, partition.own_type).alias(name))
    there = fitted(uri, frame, schema)
    # Without an expression, which costs more than writing a small file does.
    own = there[name]
    if own.len() and (own.null_count() or own.min() != value or own.max() != value):
        raise RowsOfOtherDays(uri, day)
    return there


def _keeps_every_value(values: pl.Series, kind: pl.DataType) -> bool:
    """Whether the cast is one between like types that loses nothing, down to the last decimal."""
    if values.dtype in (kind, pl.Null):
        return True
    like = (
        (values.dtype.is_integer() and (kind.is_integer() or kind.is_decimal()))
        or (values.dtype.is_decimal() and kind.is_decimal())
        or (values.dtype.is_float() and kind.is_float())
        or (isinstance(values.dtype, pl.Categorical | pl.Enum) and kind == pl.String)
        or (isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone == "UTC" and isinstance(kind, pl.Datetime))
    )
    if not like:
        return False
    there = values.cast(kind, strict=False)
    return there.null_count() == values.null_count() and there.cast(values.dtype, strict=False).equals(values)
