"""What a parameter of a transform reads, where that is not the slots of an asset of its name alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias, cast

import dagster as dg
import polars as pl

from backfill_assets.core.carried import CarriedState
from backfill_assets.core.reads import Reads
from backfill_assets.errors.base import holds_secret
from backfill_assets.errors.setup import LookBackInvalid, OwnTableRead, SecretGiven
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.orchestration.asset.arguments import described
from backfill_assets.orchestration.asset.declared import declared_columns
from backfill_assets.orchestration.instance.columns import column_by_time
from backfill_assets.orchestration.instance.naming import SourceKey, key_of, table_of
from backfill_assets.orchestration.instance.resources import secrets_in
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.storage.outside import Outside, OutsideDelta
from backfill_assets.storage.outside_files import OutsideFiles
from backfill_assets.storage.outside_query import OutsideQuery
from backfill_assets.storage.schema import unstageable


@dataclass(frozen=True, slots=True)
class Source:
    """An asset that a transform reads, with slots from before the ones that it makes.

    Args:
        key: the asset's key, as text, in parts or as it is.
        look_back: how many slots of the table before each one it makes the transform is given as well.
    """

    key: SourceKey
    look_back: int = 0

    @property
    def asset_key(self) -> dg.AssetKey:
        """The key as Dagster has it."""
        return key_of(self.key)

    @property
    def table(self) -> str:
        """The table that keeps it."""
        return table_of(self.asset_key)

    @property
    def dep(self) -> dg.AssetDep | dg.AssetKey:
        """The dependency as Dagster shows it."""
        if not self.look_back:
            return self.asset_key
        mapping = dg.TimeWindowPartitionMapping(
            start_offset=-self.look_back, allow_nonexistent_upstream_partitions=True
        )
        return dg.AssetDep(self.asset_key, partition_mapping=mapping)


class _OutsideSource:
    """What all sources outside the lake have alike: the key under which Dagster shows them."""

    name: str

    @property
    def asset_key(self) -> dg.AssetKey:
        """The key under which Dagster shows it."""
        return key_of(self.name)

    @property
    def table(self) -> str:
        """The name it is read by."""
        return table_of(self.asset_key)

    @property
    def dep(self) -> dg.AssetKey:
        """The dependency as Dagster shows it."""
        return self.asset_key


@dataclass(frozen=True)
class DeltaSource(_OutsideSource):
    """A Delta table that lies anywhere, of anybody's, whose rows a column tells apart.

    It may be partitioned by that column, by others as well, or not at all. A correction pins the commit.

    Args:
        uri: where it lies, a path or a URI.
        day: the column, of dates, text such as 2026-01-23 or 20260123, or timestamps.
        storage_options: as delta-rs takes them; ``dg.EnvVar`` for those that are secret.
        name: how plans and pages call it, the name of the parameter where it is not given.
        look_back: as in :class:`Source`.
    """

    uri: str
    day: str
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    name: str = ""
    look_back: int = 0

    def opened_for(self, slots: TableSlots) -> Outside:
        """Where it lies, with the column in the slots of a table."""
        return OutsideDelta(self.uri, column_by_time(slots.partitions_def, self.day), *_options(self.storage_options))


@dataclass(frozen=True)
class ParquetSource(_OutsideSource):
    """Parquet files of anybody's, whose rows a column tells apart. A correction pins them by path, size and SHA-256.

    Args:
        files: a path or URI in which ``*`` stands for a part of a name and ``**`` for any folders.
        day: the column, as in :class:`DeltaSource`, or a part of folders' names such as ``order_date=2026-01-23``.
        storage_options: as in :class:`DeltaSource`.
        name: as in :class:`DeltaSource`.
        look_back: as in :class:`Source`.
    """

    files: str
    day: str
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    name: str = ""
    look_back: int = 0

    def opened_for(self, slots: TableSlots) -> Outside:
        """Which files they are, with the column in the slots of a table."""
        return OutsideFiles(self.files, column_by_time(slots.partitions_def, self.day), *_options(self.storage_options))


@dataclass(frozen=True)
class QuerySource(_OutsideSource):
    """What a query of a database returns, read anew by each run: nothing can pin it, and plans and notices say so.

    Args:
        query: one SELECT.
        day: the column that tells its rows apart, as in :class:`DeltaSource`.
        connection: a function that opens a connection which Polars reads from, or ``dg.EnvVar`` with a URI.
        name: as in :class:`DeltaSource`.
        look_back: as in :class:`Source`.
    """

    query: str
    day: str
    connection: Callable[[], Any] | dg.EnvVar = field(repr=False)
    name: str = ""
    look_back: int = 0

    def opened_for(self, slots: TableSlots) -> Outside:
        """The query, with the column in the slots of a table."""
        column = column_by_time(slots.partitions_def, self.day)
        if isinstance(self.connection, dg.EnvVar):
            return OutsideQuery(self.name, self.query, column, variable=self.connection.env_var_name)
        return OutsideQuery(self.name, self.query, column, self.connection)


def _options(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The options that are given as they are, and the variables of those that are read from the environment."""
    secret = {option: value.env_var_name for option, value in given.items() if isinstance(value, dg.EnvVar)}
    return {option: value for option, value in given.items() if option not in secret}, secret


OutsideSource: TypeAlias = DeltaSource | ParquetSource | QuerySource
AnySource: TypeAlias = Source | OutsideSource


@dataclass(frozen=True, slots=True)
class SourcesRead:
    """Which slots of each source are read, and where those lie that are outside the lake, by table.

    ``carried`` is what is read of the table itself, where that carries state.
    """

    reads: Mapping[str, Reads] = field(default_factory=dict[str, Reads])
    outside: Mapping[str, Outside] = field(default_factory=dict[str, Outside])
    carried: CarriedState | None = None

    def of(self, table: str) -> Reads:
        """Which slots of a source are read; the same as the table's where nothing else is said."""
        return self.reads.get(table, Reads())


def source_of(table: str, parameter: str, given: Mapping[str, SourceKey | AnySource] | None) -> AnySource:
    """What a parameter of a table's transform reads: as declared, else the asset of its name.

    Raises:
        LookBackInvalid: when slots are looked back at that are no whole number.
        OwnTableRead: when it is the table itself.
    """
    declared = (given or {}).get(parameter, [parameter])
    source = declared if isinstance(declared, Source | OutsideSource) else Source(declared)
    if isinstance(source, OutsideSource):
        _refuse_outside(table, parameter, source)
        source = source if source.name else replace(source, name=parameter)
    if isinstance(source.look_back, bool) or not isinstance(source.look_back, int) or source.look_back < 0:
        raise LookBackInvalid(table, source.table, source.look_back)
    if source.table == table:
        raise OwnTableRead(table, parameter)
    return source


def _refuse_outside(table: str, parameter: str, source: OutsideSource) -> None:
    """Refuse what no source outside the lake can be declared with.

    Raises:
        TransformUnusable: naming what was given.
        SecretGiven: when an option or an address gives a secret as it is.
    """
    for one in fields(source):
        given = getattr(source, one.name)
        instead = ""
        if one.name == "connection" and not _opens(given):
            instead = (
                "Give a function that opens a connection, or dg.EnvVar with the name of a variable that has a URI."
            )
        elif one.name == "storage_options" and not isinstance(given, Mapping):
            instead = "Give a mapping of options, or leave it out."
        elif one.name in {"uri", "files", "query", "day"} and not _is_text(given):
            instead = "Give it as text, which os.environ has of a variable."
        elif one.name == "storage_options" and (secret := secrets_in(given)):
            raise SecretGiven(secret, f"The source {parameter} of {table}")
        elif one.name in {"uri", "files"} and holds_secret(str(given)):
            raise SecretGiven([one.name], f"The source {parameter} of {table}")
        if instead:
            # A connection or an option may be a secret.
            told = "none that can be used" if isinstance(given, str) else described(given)
            raise TransformUnusable(table, f"the {one.name} of its source {parameter} is {told}", instead)


def _opens(given: object) -> bool:
    """Whether something says how a connection is opened; an open one can be called in SQLite, and is for one thread."""
    return isinstance(given, dg.EnvVar) or (callable(given) and not hasattr(given, "cursor"))


def _is_text(given: object) -> bool:
    """Whether something is text and not the name of a variable, which Dagster keeps as text as well."""
    return isinstance(given, str) and not isinstance(given, dg.EnvVar) and bool(given.strip())


def carried_by(
    table: str, given: object, parameters: Collection[str], schema: object, slots: TableSlots
) -> CarriedState | None:
    """What the transform of a table is given of the slot before; None where it carries no state.

    Raises:
        TransformUnusable: when it names no parameter, or no columns that a table can hold.
    """
    if given is None:
        return None
    instead = (
        'Name the parameter, such as "before", where a schema declares the columns, or map it to these and their '
        "types, such as dict(before=dict(account=pl.String, balance=pl.Int64))."
    )
    told = {given: declared_columns(schema)} if isinstance(given, str) else given
    if not isinstance(told, Mapping) or len(told) != 1:
        raise TransformUnusable(table, f"its carries_state is {described(given)}", instead)
    ((parameter, columns),) = cast("Mapping[Any, Any]", told).items()
    if parameter not in parameters:
        raise TransformUnusable(table, f"its function has no parameter {parameter!r} for the state it carries", instead)
    if not isinstance(columns, Mapping) or not columns:
        raise TransformUnusable(table, f"nothing says which columns {parameter} has", instead)
    kinds = {
        name: kind() if isinstance(kind, type) else kind for name, kind in cast("Mapping[Any, Any]", columns).items()
    }
    strange = [name for name, kind in kinds.items() if not isinstance(name, str) or not isinstance(kind, pl.DataType)]
    if strange := strange or unstageable(pl.Schema(kinds)):
        raise TransformUnusable(table, f"{parameter} has {strange[0]} as {kinds[strange[0]]!r}", instead)
    return CarriedState(parameter, kinds, slots.first, slots.grain)


def reads_of(slots: TableSlots, sources: Mapping[str, AnySource]) -> SourcesRead:
    """Which slots of each source a slot of a table is computed from, before it is known how sources are partitioned.

    A source that two parameters read is read as far back as either of them.
    """
    found: dict[str, Reads] = {}
    for source in sources.values():
        look_back = max(source.look_back, found[source.table].look_back if source.table in found else 0)
        found[source.table] = Reads(slots.grain, look_back, slots.first)
    outside = {one.table: one.opened_for(slots) for one in sources.values() if isinstance(one, OutsideSource)}
    return SourcesRead(found, outside)
