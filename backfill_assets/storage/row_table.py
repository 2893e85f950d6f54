"""Control tables whose rows are values of one dataclass: columns, types and how each is stored follow its annotations.

Text, numbers, booleans, dates and times are columns of their own kind, enums are their text, and everything else that
:mod:`backfill_assets.core.codec` understands is JSON in a column of text. A field that may be None may be null. A slot
is the date of its column, and where it is an hour also the moment in a second one, behind all others.
"""

import json
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

import polars as pl

from backfill_assets.core.codec import decoded, encoded
from backfill_assets.core.partition_column import HOURS, slots_in
from backfill_assets.core.slots import Slot, calendar_day
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

Row = TypeVar("Row")
Result = TypeVar("Result")
Made = TypeVar("Made")

TYPES: dict[Any, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    datetime: pl.Datetime("us", "UTC"),
}
AS_TEXT = "as_text"


def as_text(write: Callable[[Any], str], read: Callable[[str], Any]) -> dict[str, Any]:
    """Metadata of a field that is stored as text of its own making."""
    return {AS_TEXT: (write, read)}


class RowTable(Generic[Row]):
    """An append-only control table of values of one frozen dataclass."""

    def __init__(self, lake: Lake, name: str, kind: type[Row]) -> None:
        self.kind = kind
        self._frames = ControlTable(lake, name, row_schema(kind))

    def rows(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows as they are stored, in the order in which they were written, for :func:`values_of` to read."""
        return self._frames.rows(columns)

    def made_of_rows(self, columns: Sequence[str], make: Callable[[pl.DataFrame], Made]) -> Made:
        """As :meth:`ControlTable.made_of_rows`."""
        return self._frames.made_of_rows(columns, make)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows that are true whatever else was written."""
        new = frame_of(self.kind, rows)
        if len(new):
            self._frames.append(lambda _: new)

    def append_decided(self, decide: Callable[[pl.DataFrame], Decision[Sequence[Row], Result]]) -> Result:
        """Add the rows that are decided on over the newest ones, as they are stored; returns the decision's result.

        ``decide`` may raise to refuse, and is called again when another writer came first.
        """

        def stored(known: pl.DataFrame) -> Decision[pl.DataFrame | None, Result]:
            decision = decide(known)
            return Decision(frame_of(self.kind, decision.write), decision.result)

        return self._frames.append_decided(stored)


def row_schema(kind: type[Any]) -> pl.Schema:
    """The columns under which rows of a dataclass are stored, and their types, in the order of its fields."""
    return pl.Schema({column.name: column.type for column in _columns(kind)})


def frame_of(kind: type[Row], rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as they are stored."""
    columns = _columns(kind)
    stored = [{column.name: column.write(getattr(row, column.source)) for column in columns} for row in rows]
    return pl.DataFrame(stored, schema=row_schema(kind))


def values_of(kind: type[Row], rows: pl.DataFrame) -> list[Row]:
    """The values that stored rows stand for, in their order.

    A column that is not there, or that a row was written without, has the default of its field.
    """
    columns = [column for column in _columns(kind) if column.name in rows.columns and column.is_given]
    stored = zip(*(_slots_or_values(rows, column.name) for column in columns), strict=True)
    return [
        kind(
            **{
                column.name: column.read(value)
                for column, value in zip(columns, row, strict=True)
                if value is not None or not column.has_default
            }
        )
        for row in stored
    ]


def _slots_or_values(rows: pl.DataFrame, name: str) -> list[Any]:
    values, beside = rows[name].to_list(), hour_of(name)
    if beside not in rows.columns or rows[beside].null_count() == rows.height:
        return values
    return [hour or value for value, hour in zip(values, slots_in(rows[beside]), strict=True)]


def hour_of(name: str) -> str:
    """The column that holds the hour of a slot, where it is one."""
    return f"{name}_hour"


@dataclass(frozen=True, slots=True)
class _Column:
    """How a field is stored; what is not ``given`` is made of the others."""

    source: str
    name: str
    type: pl.DataType
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    has_default: bool
    is_given: bool = field(default=True)


@cache
def _columns(kind: type[Any]) -> tuple[_Column, ...]:
    annotations = typing.get_type_hints(kind)
    found: list[_Column] = []
    for one in fields(kind):
        stored, write, read = _stored(annotations[one.name], one.metadata.get(AS_TEXT))
        has_default = one.default is not MISSING or one.default_factory is not MISSING
        found.append(_Column(one.name, one.name, stored, _or_null(write), _or_null(read), has_default, one.init))
    hours = [_hour_beside(column.source) for column in found if column.type == pl.Date]
    return (*found, *hours)


def _hour_beside(name: str) -> _Column:
    return _Column(name, hour_of(name), HOURS, _hour, _itself, has_default=True, is_given=False)


def _stored(
    annotation: Any, text: tuple[Callable[[Any], str], Callable[[str], Any]] | None
) -> tuple[pl.DataType, Callable[[Any], Any], Callable[[Any], Any]]:
    """The type of a field's column, what writes it, and what reads it."""
    if text is not None:
        return pl.String(), *text
    kind = _without_none(annotation)
    if kind is date:
        return pl.Date(), calendar_day, _itself
    if kind in TYPES:
        return TYPES[kind], _itself, in_utc if kind is datetime else _itself
    if typing.get_origin(kind) is None and issubclass(kind, Enum):
        return pl.String(), encoded, kind
    return pl.String(), lambda value: json.dumps(encoded(value)), lambda text: decoded(kind, json.loads(text))


def _without_none(annotation: Any) -> type[Any]:
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return annotation
    kinds = [one for one in typing.get_args(annotation) if one is not types.NoneType]
    return kinds[0] if len(kinds) == 1 else annotation


def _or_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _hour(slot: Slot | None) -> datetime | None:
    return slot if isinstance(slot, datetime) else None


def in_utc(read: datetime) -> datetime:
    """A time as it was written: polars gives UTC another name, by which the same time is told in another way."""
    return read.replace(tzinfo=UTC)


def _itself(value: Any) -> Any:
    return value
