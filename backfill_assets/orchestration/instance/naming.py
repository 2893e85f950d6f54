"""Which table of the lake an asset is kept in: named by its whole key, so that two that end alike are two."""

import re
from collections.abc import Collection, Sequence

import dagster as dg

from backfill_assets.errors.setup import TableNameUnfit, TablesAlike

BETWEEN = "__"
# Dagster's own rule for the jobs and groups that are named after a table; the lake's for its folders.
JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

SourceKey = str | Sequence[str] | dg.AssetKey


def table_of(key: dg.AssetKey) -> str:
    """The table of an asset: all parts of its key.

    >>> table_of(dg.AssetKey(["finance", "orders"]))
    'finance__orders'
    """
    return BETWEEN.join(key.path)


def key_of(given: SourceKey) -> dg.AssetKey:
    """An asset key as people write it: ``finance/orders``, the parts in a list, or the key itself."""
    if isinstance(given, dg.AssetKey):
        return given
    return dg.AssetKey.from_user_string(given) if isinstance(given, str) else dg.AssetKey([*given])


def refuse_name(correctable: dg.AssetKey) -> None:
    """Refuse the key of a correctable asset that cannot name its table and the jobs around it.

    Raises:
        TableNameUnfit: naming the key.
    """
    if not JOB_NAME.fullmatch(table_of(correctable)):
        raise TableNameUnfit(correctable.to_user_string())


def refuse_names(correctable: dg.AssetKey, others: Collection[dg.AssetKey]) -> None:
    """Refuse keys of sources and reports that cannot name a table, and those that would share one.

    Raises:
        TableNameUnfit: naming the key.
        TablesAlike: naming the keys of one table.
    """
    by_folder = {_folder(correctable): correctable}
    for key in others:
        if not FOLDER_NAME.fullmatch(table_of(key)):
            raise TableNameUnfit(key.to_user_string())
        other = by_folder.setdefault(_folder(key), key)
        if other != key:
            raise TablesAlike(table_of(key), [key.to_user_string(), other.to_user_string()])


def _folder(key: dg.AssetKey) -> str:
    """What tells folders apart: on some disks the case of a letter does not."""
    return table_of(key).lower()
