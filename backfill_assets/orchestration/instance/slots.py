"""Partition keys as stretches of time: where each begins, in which order they are, and which day keeps it.

A key is text in whatever format its definition gives, so keys are never compared; what they mean is. In the lake a
partition is the day that it begins with, in the time zone of its definition.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime

import dagster as dg

from backfill_assets.errors.setup import PartitionsUnusable, PartitionUnknown


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


def days_of(asset: str, partitions: dg.PartitionsDefinition | None, keys: Iterable[str]) -> dict[str, date]:
    """The day that each partition begins with, by key, which is where the lake keeps it.

    Raises:
        PartitionsUnusable: when two of the partitions begin on one day.
    """
    days = {key: start.date() for key, start in starts_of(asset, partitions, keys).items()}
    if len(set(days.values())) < len(days):
        raise PartitionsUnusable(asset, "partitioned finer than by day", "Give it partitions of a day or longer")
    return days


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
