"""How far a topic was read, kept by the table that holds its messages as numbers of applications.

They are committed with the messages that they lie behind, survive checkpoints and the cleanup of the log, and are read
from the handle that commits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backfill_assets.storage.snapshot import Snapshot

# What the entry of a commit says of them, for people.
NEXT, LOSS = "backfill_assets/next_offsets", "backfill_assets/after_loss"
App = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Offsets:
    """The next offset of each partition of a topic, and the last valid entry of the list of messages set aside."""

    next: Mapping[int, int] = field(default_factory=dict[int, int])
    set_aside: int = 0


def offsets_of(snapshot: Snapshot, topic: str) -> Offsets:
    """How far a topic was read, by a commit of its table."""
    known = snapshot.transaction_version(f"{_app(topic)}/partitions")
    numbers = {partition: snapshot.transaction_version(f"{_app(topic)}/{partition}") for partition in range(known)}
    # An offset is kept as one more than it is: nothing was read yet of a partition without a number.
    next_ones = {partition: number - 1 for partition, number in numbers.items() if number}
    return Offsets(next_ones, snapshot.transaction_version(f"{_app(topic)}/set-aside"))


def apps_of(topic: str, offsets: Offsets) -> tuple[App, ...]:
    """The numbers by which a commit keeps how far a topic was read."""
    partitions = [(f"{_app(topic)}/{partition}", offset + 1) for partition, offset in sorted(offsets.next.items())]
    count = max(offsets.next, default=-1) + 1
    return ((f"{_app(topic)}/partitions", count), (f"{_app(topic)}/set-aside", offsets.set_aside), *partitions)


def _app(topic: str) -> str:
    return f"topic/{topic}"
