"""What a parameter of a transform reads, where that is more than the slots of an asset of its name."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from backfill_assets.core.reads import Reads
from backfill_assets.errors.setup import LookBackInvalid, OwnTableRead
from backfill_assets.orchestration.instance.naming import SourceKey, key_of, table_of
from backfill_assets.orchestration.instance.slots import TableSlots


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


def source_of(table: str, parameter: str, given: Mapping[str, SourceKey | Source] | None) -> Source:
    """What a parameter of a table's transform reads: as declared, else the asset of its name.

    Raises:
        LookBackInvalid: when slots are looked back at that are no whole number.
        OwnTableRead: when it is the table itself.
    """
    declared = (given or {}).get(parameter, [parameter])
    source = declared if isinstance(declared, Source) else Source(declared)
    if isinstance(source.look_back, bool) or not isinstance(source.look_back, int) or source.look_back < 0:
        raise LookBackInvalid(table, source.table, source.look_back)
    if source.table == table:
        raise OwnTableRead(table, parameter)
    return source


def reads_of(slots: TableSlots, sources: Mapping[str, Source]) -> dict[str, Reads]:
    """Which slots of each source a slot of a table is computed from, by the source's table, before they are known.

    A source that two parameters read is read as far back as either of them.
    """
    found: dict[str, Reads] = {}
    for source in sources.values():
        look_back = max(source.look_back, found[source.table].look_back if source.table in found else 0)
        found[source.table] = Reads(slots.grain, look_back, slots.first)
    return found
