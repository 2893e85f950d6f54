"""What a transform returns as a frame that a Delta table can hold: values as they are, in the types that Delta has.

| returned | kept as | refused |
|---|---|---|
| unsigned and 128-bit integers | the next wider signed integer, at most 64 bits | values beyond 64 bits |
| a decimal of 38 digits without decimals, as SQL engines sum integers | a 64-bit integer | |
| timestamps of any unit, in any time zone | microseconds in UTC | times finer than a microsecond |
| categories and enums | text | |
| timestamps without a time zone | as they are, in microseconds | |
| times, durations, lists, structs | | always |
"""

from collections.abc import Mapping

import polars as pl

from backfill_assets.errors.transform import TypesUnfit

WIDER: Mapping[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Int64(),
    pl.Int128: pl.Int64(),
}
MOST_DIGITS = 38


def delta_type(kind: pl.DataType) -> pl.DataType:
    """The type in which a Delta table keeps values of a type; the type itself where that is one or there is none."""
    match kind:
        case pl.Decimal(precision=precision, scale=0) if precision == MOST_DIGITS:
            return pl.Int64()
        case pl.Datetime(time_zone=zone):
            return pl.Datetime("us", None if zone is None else "UTC")
        case pl.Categorical() | pl.Enum():
            return pl.String()
        case _:
            return WIDER.get(type(kind), kind)


def to_delta(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in types that Delta has, with every value as it was.

    Raises:
        TypesUnfit: naming the columns whose values do not fit.
    """
    casts = {name: kept for name, kind in frame.schema.items() if (kept := delta_type(kind)) != kind}
    if not casts:
        return frame
    kept = frame.with_columns(pl.col(name).cast(kind, strict=False) for name, kind in casts.items())
    lost = [name for name, kind in casts.items() if not _same(frame[name], kept[name], kind)]
    # A decimal that holds more than an integer does is what it says it is.
    decimals = [name for name in lost if frame.schema[name].is_decimal()]
    if unfit := {name: str(frame.schema[name]) for name in lost if name not in decimals}:
        raise TypesUnfit(unfit)
    return kept.with_columns(frame[name] for name in decimals)


def as_kept(frame: pl.DataFrame, kept: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The frame with decimals as a table keeps them already, where that loses no digit; other columns as they are.

    Who returns decimals without a type, such as pandas, returns as many digits as the values of the day have.
    """
    told = {name: found for name, found in frame.schema.items() if found != kept.get(name, found)}
    fitted: list[pl.Series] = []
    for name, found in told.items():
        if kept[name].is_decimal() and (found.is_decimal() or found.is_integer()):
            cast = frame[name].cast(kept[name], strict=False)
            fitted += [cast] if _same(frame[name], cast, kept[name]) else []
    return frame.with_columns(fitted) if fitted else frame


def _same(before: pl.Series, after: pl.Series, kind: pl.DataType) -> bool:
    if before.null_count() != after.null_count():
        return False
    # Text says all that a category does, and not every category can be cast back to.
    return kind == pl.String or after.cast(before.dtype, strict=False).equals(before)
