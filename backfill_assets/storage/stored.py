"""What a table of the lake says of itself: its schema, as Polars names it, and when a commit was made."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl
from deltalake import DeltaTable

from backfill_assets.errors.lake import FeatureUnsupported
from backfill_assets.storage.schema import DELTA_NAMES
from backfill_assets.storage.snapshot import Snapshot

POLARS_TYPES: dict[str, pl.DataType] = {name: kind() for kind, name in DELTA_NAMES.items()}
DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def schema_of(handle: DeltaTable, uri: str) -> pl.Schema:
    """The columns of a table of the lake, in order.

    Raises:
        FeatureUnsupported: naming columns of a type that the lake does not hold.
    """
    fields = handle.schema().fields
    types = {field.name: _polars_type(str(getattr(field.type, "type", field.type))) for field in fields}
    if strange := [name for name, kind in types.items() if kind is None]:
        raise FeatureUnsupported(uri, strange)
    return pl.Schema({name: kind for name, kind in types.items() if kind is not None})


def _polars_type(name: str) -> pl.DataType | None:
    if name == "timestamp":
        return pl.Datetime("us", "UTC")
    if decimal := DECIMAL.fullmatch(name):
        return pl.Decimal(int(decimal[1]), int(decimal[2]))
    return POLARS_TYPES.get(name)


def committed_at(snapshot: Snapshot, metadata: Mapping[str, str]) -> datetime | None:
    """When the newest commit with this metadata was made, by the table's log; None when the log has none."""
    for info in snapshot.handle.history():
        if all(info.get(key) == value for key, value in metadata.items()):
            return datetime.fromtimestamp(info["timestamp"] / 1000, UTC)
    return None
