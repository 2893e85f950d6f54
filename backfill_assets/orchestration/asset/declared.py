"""What a correctable asset declares, which hangs on its op; and what of it cannot work, known when definitions load."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import dagster as dg
import polars as pl

from backfill_assets.core.exact import is_exact
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.errors.transform import ColumnsNotReturned, MeasuresInexact
from backfill_assets.storage.layout import DAY

ATTACHED = "backfill_assets"

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Declared:
    """The columns that rows of a table need: ``keys`` beside the day, and ``measures``, which are summed.

    ``partition`` keeps the slots, spelled as the transform returns it.
    """

    keys: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    partition: PartitionColumn = BY_DAY

    def refuse(self, table: str, schema: pl.Schema) -> None:
        """Refuse rows that no day of the table may have, whichever day it is.

        Raises:
            ColumnsNotReturned: when keys, measures or the day are missing.
            MeasuresInexact: when measures are neither decimals nor integers.
        """
        if missing := [name for name in (self.partition.name, *self.keys, *self.measures) if name not in schema]:
            raise ColumnsNotReturned(table, missing, schema.names())
        kinds = {name: schema[name] for name in self.measures}
        if inexact := {name: str(kind) for name, kind in kinds.items() if not is_exact(kind)}:
            raise MeasuresInexact(table, inexact)


def attach(asset: dg.AssetsDefinition, known: object) -> None:
    """Hang what is known of an asset on its op."""
    vars(asset.op)[ATTACHED] = known


def attached(asset: object, kind: type[Known]) -> Known | None:
    """What is known of an asset, when it is of a kind."""
    if not isinstance(asset, dg.AssetsDefinition) or not asset.is_executable:
        return None
    known = vars(asset.node_def).get(ATTACHED)
    return known if isinstance(known, kind) else None


def declared_columns(schema: Any) -> dict[str, pl.DataType]:
    """The columns that a Pandera model or schema names, with their types; none of any other kind of schema."""
    made = schema.to_schema() if hasattr(schema, "to_schema") else schema
    columns = getattr(made, "columns", None)
    found: dict[str, pl.DataType] = {}
    for name, column in (columns if isinstance(columns, Mapping) else {}).items():
        kind = getattr(getattr(column, "dtype", None), "type", None)
        kind = kind() if isinstance(kind, type) and issubclass(kind, pl.DataType) else kind
        if isinstance(kind, pl.DataType) and not getattr(column, "regex", False):
            found[str(name)] = kind
    return found


def refuse_wrong_columns(
    table: str, keys: Sequence[str] | None, measures: Sequence[str] | None, schema: object, day: str = DAY
) -> None:
    """Refuse keys and measures that could never identify or be summed.

    Raises:
        ColumnsDeclaredWrongly: naming the argument and what is wrong with it.
    """
    if not isinstance(day, str) or not day.strip():
        raise ColumnsDeclaredWrongly(table, "day", [repr(day)], "which is no column name")
    if keys is None or measures is None:
        argument = "keys" if keys is None else "measures"
        raise ColumnsDeclaredWrongly(table, argument, [], "as nothing at all; an empty list says that there are none")
    for argument, names in (("keys", keys), ("measures", measures)):
        if isinstance(names, str):
            raise ColumnsDeclaredWrongly(table, argument, [names], "as one text instead of a list of names")
        if not isinstance(names, Sequence):
            raise ColumnsDeclaredWrongly(table, argument, [*_told(names)], f"as a {type(names).__name__}")
        if strange := [name for name in names if not isinstance(name, str) or not name.strip()]:
            raise ColumnsDeclaredWrongly(table, argument, [repr(name) for name in strange], "which are no column names")
        if doubled := {name for name in names if list(names).count(name) > 1}:
            raise ColumnsDeclaredWrongly(table, argument, doubled, "more than once")
    if day in measures:
        raise ColumnsDeclaredWrongly(table, "measures", [day], "which is the day and cannot be summed")
    _refuse_against_schema(table, keys, measures, schema)


def _told(names: object) -> Collection[object]:
    return [*names] if isinstance(names, Collection) else [repr(names)]


def _refuse_against_schema(table: str, keys: Sequence[str], measures: Sequence[str], schema: object) -> None:
    columns = declared_columns(schema)
    if inexact := [f"{name} {columns[name]}" for name in measures if name in columns and not is_exact(columns[name])]:
        raise ColumnsDeclaredWrongly(table, "measures", inexact, "which are neither decimals nor integers")
    if not _is_complete(schema):
        return
    for argument, names in (("keys", keys), ("measures", measures)):
        if unknown := _unknown(names, schema):
            raise ColumnsDeclaredWrongly(table, argument, unknown, "which its schema lacks")


def _unknown(names: Collection[str], schema: Any) -> list[str]:
    made = schema.to_schema() if hasattr(schema, "to_schema") else schema
    return [name for name in names if name not in made.columns]


def _is_complete(schema: Any) -> bool:
    """Whether the schema names every column there is."""
    made = schema.to_schema() if hasattr(schema, "to_schema") else schema
    columns = getattr(made, "columns", None)
    if not isinstance(columns, Mapping) or any(getattr(column, "regex", False) for column in columns.values()):
        return False
    return getattr(made, "strict", False) in (True, "filter")
