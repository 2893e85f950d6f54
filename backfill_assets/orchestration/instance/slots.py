"""Partition keys as stretches of time: where each begins, in which order they are, and which slot keeps it.

A key is text in whatever format its definition gives, so keys are never compared or built by hand; what they mean is,
and the definition itself turns a time into a key. In the lake a partition is the slot that it begins with.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import dagster as dg

from backfill_assets.core.slots import SHORTEST_MONTH, Grain, Hour, Slot
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.errors.setup import PartitionsUnusable, PartitionUnknown

LOOKED_AT = 60
"""Definitions whose partitions are no steps of one grain, or whose keys do not lead back, show it in the first ones."""
HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class TableSlots:
    """The partitions of one correctable table as slots of one grain."""

    table: str
    partitions_def: dg.TimeWindowPartitionsDefinition
    grain: Grain

    @cached_property
    def first(self) -> Slot:
        """The first slot that the definition has, or would have."""
        return slot_at(self.partitions_def, next(_starts(self.partitions_def)))

    def of_keys(self, keys: Iterable[str]) -> dict[str, Slot]:
        """The slot of each partition key.

        Raises:
            PartitionUnknown: when a key is not one of the definition's.
        """
        return slots_of(self.table, self.partitions_def, keys)

    def refuse_others(self, slots: Iterable[Slot]) -> None:
        """Refuse days of a table by hour, and hours of any other.

        Raises:
            SlotsOfOtherGrain: naming them.
        """
        if others := [slot for slot in slots if not self.grain.names(slot)]:
            raise SlotsOfOtherGrain(self.table, others, self.grain.value)

    def key(self, slot: Slot) -> str:
        """The key of a slot, as its definition writes it."""
        return key_of(self.partitions_def, slot)

    def having(self, slots: Iterable[Slot]) -> list[Slot]:
        """Those of some slots that are partitions of the table, in their order.

        All are asked at one moment: a definition that reaches into the future goes through all of that for each moment.
        """
        with dg.partition_loading_context():
            keys = {slot: self.key(slot) for slot in slots}
            there = {slot: key for slot, key in keys.items() if self.partitions_def.has_partition_key(key)}
            known = self.of_keys(there.values())
        return [slot for slot, key in there.items() if known[key] == slot]

    def start(self, slot: Slot) -> datetime:
        """When a slot begins, in UTC."""
        return self.partitions_def.time_window_for_partition_key(self.key(slot)).start.astimezone(UTC)

    def end(self, slot: Slot) -> datetime:
        """When a slot is over, in UTC."""
        return self.partitions_def.time_window_for_partition_key(self.key(slot)).end.astimezone(UTC)

    def over(self, now: datetime) -> list[Slot]:
        """Every slot that is over, oldest first; none of those that the definition has ahead of time."""
        slots = [*self.of_keys(self.partitions_def.get_partition_keys(current_time=now)).values()]
        while slots and self.end(slots[-1]) > now:
            slots.pop()
        return slots

    def hold(self, source: dg.TimeWindowPartitionsDefinition) -> bool:
        """Whether each slot is one of a source, or a whole number of them."""
        grain = grain_of(source)
        if grain is None or grain is self.grain:
            return grain is not None
        slots = TableSlots(self.table, source, grain)
        return all(slots.start(slot_at(source, start)) == start for start in first_starts(self.partitions_def))

    def within(self, slot: Slot, source: dg.TimeWindowPartitionsDefinition) -> tuple[Slot, ...]:
        """The slots of a source whose partitions lie in the time of one slot, oldest first.

        The source is as fine or finer, and a partition of it begins where each one of the table does.
        """
        grain = grain_of(source)
        if grain is None or grain is self.grain:
            return (slot,)
        first, after = slot_at(source, self.start(slot)), slot_at(source, self.end(slot))
        return tuple(grain.between(first, grain.before(after)))

    def newest_over(self, now: datetime) -> Slot:
        """The newest slot that is over; the one before the first where none is yet."""
        return max(self.over(now), default=self.grain.before(self.first))


def zone_of(partitions: dg.TimeWindowPartitionsDefinition) -> ZoneInfo:
    """The time zone in which partitions begin."""
    return ZoneInfo(partitions.timezone)


def slot_at(partitions: dg.TimeWindowPartitionsDefinition, start: datetime) -> Slot:
    """The slot that begins at a time at which a partition does."""
    return Hour.of(start) if is_finer_than_a_day(partitions) else start.astimezone(zone_of(partitions)).date()


def key_of(partitions: dg.TimeWindowPartitionsDefinition, slot: Slot) -> str:
    """The key of a slot, as a definition writes it."""
    if isinstance(slot, datetime):
        return partitions.get_partition_key_for_timestamp(slot.timestamp())
    # Half a day into it, the slot is no earlier one's however clocks are set.
    begin = datetime.combine(slot, time(), zone_of(partitions)) + offset_of(partitions)
    return partitions.get_partition_key_for_timestamp((begin + HALF_A_DAY).timestamp())


@lru_cache(maxsize=256)
def is_finer_than_a_day(partitions: dg.TimeWindowPartitionsDefinition) -> bool:
    """Whether two partitions begin on one day."""
    starts = [start.date() for start in islice(_starts(partitions), LOOKED_AT)]
    return len({*starts}) < len(starts)


@lru_cache(maxsize=256)
def is_odd(partitions: dg.TimeWindowPartitionsDefinition) -> bool:
    """Whether partitions are parts of days other than hours that begin on the hour in UTC, as columns keep them."""
    if not is_finer_than_a_day(partitions):
        return False
    return grain_of(partitions) is None or any(start.astimezone(UTC).minute for start in first_starts(partitions))


@lru_cache(maxsize=256)
def grain_of(partitions: dg.TimeWindowPartitionsDefinition) -> Grain | None:
    """The grain whose steps lead from each partition to the next; None when they are no steps of one grain."""
    slots = [slot_at(partitions, start) for start in islice(_starts(partitions), LOOKED_AT)]
    possible = [Grain.HOUR] if is_finer_than_a_day(partitions) else [Grain.DAY, Grain.WEEK]
    if all(slot.day <= SHORTEST_MONTH for slot in slots):
        possible.append(Grain.MONTH)
    for grain in possible:
        if all(grain.after(one) == following for one, following in pairwise(slots)):
            return grain
    return None


@lru_cache(maxsize=256)
def offset_of(partitions: dg.TimeWindowPartitionsDefinition) -> timedelta:
    """How long after midnight partitions of a day or longer begin.

    Where clocks are set forward at midnight one begins later than the others, so the earliest counts.
    """
    earliest = min(start.time() for start in islice(_starts(partitions), LOOKED_AT))
    return datetime.combine(date.min, earliest) - datetime.combine(date.min, time())


def _starts(partitions: dg.TimeWindowPartitionsDefinition) -> Iterator[datetime]:
    """Where the first partitions begin, in their time zone, also those that are still to come."""
    after = partitions.start
    while window := partitions.get_next_partition_window(after, respect_bounds=False):
        yield window.start.astimezone(zone_of(partitions))
        after = window.end


def first_starts(partitions: dg.TimeWindowPartitionsDefinition) -> list[datetime]:
    """Where so many partitions begin as one looks at to learn what the others are like."""
    return [*islice(_starts(partitions), LOOKED_AT)]


def starts_of(asset: str, partitions: dg.PartitionsDefinition | None, keys: Iterable[str]) -> dict[str, datetime]:
    """When each partition begins, by key.

    Raises:
        PartitionsUnusable: when the asset is not partitioned by time.
        PartitionUnknown: when a key is not one of the definition's.
    """
    wanted = [*keys]
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise PartitionsUnusable(asset, kind_of(partitions), "Partition it by time")
    starts: dict[str, datetime] = {}
    unknown: list[str] = []
    for key in wanted:
        try:
            starts[key] = partitions.start_time_for_partition_key(key)
        except ValueError:
            unknown.append(key)
    if unknown:
        raise PartitionUnknown(asset, unknown, str(partitions))
    return starts


def slots_of(asset: str, partitions: dg.PartitionsDefinition | None, keys: Iterable[str]) -> dict[str, Slot]:
    """The slot that each partition begins with, by key, which is where the lake keeps it.

    Raises:
        PartitionsUnusable: when the asset is not partitioned by time.
        PartitionUnknown: when a key is not one of the definition's.
    """
    starts = starts_of(asset, partitions, keys)
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return {}
    return {key: slot_at(partitions, start) for key, start in starts.items()}


def in_order(asset: str, partitions: dg.PartitionsDefinition | None, keys: Collection[str]) -> tuple[str, ...]:
    """Partition keys in the order of time."""
    starts = starts_of(asset, partitions, keys)
    return tuple(sorted(starts, key=lambda key: starts[key].timestamp()))


def kind_of(partitions: dg.PartitionsDefinition | None) -> str:
    """What a definition is that is not by time, in words that end a sentence about the asset."""
    match partitions:
        case None:
            return "not partitioned"
        case dg.StaticPartitionsDefinition():
            return "partitioned by fixed names"
        case dg.DynamicPartitionsDefinition():
            return "partitioned by names that are added as it runs"
        case dg.MultiPartitionsDefinition():
            return "partitioned by more than one thing"
        case _:
            return f"partitioned by {type(partitions).__name__}"
