"""Refusals around topics: brokers that cannot be reached, messages that are gone, and those that nobody can read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from backfill_assets.errors.base import (
    BackfillAssetsError,
    BadInput,
    Refused,
    counted,
    in_one_line,
    listed,
    quoted,
    verb,
)


@dataclass(frozen=True, slots=True, order=True)
class Gone:
    """Messages of a partition that its broker does not hold any more: from the one that is next to the earliest."""

    partition: int
    wanted: int
    earliest: int

    @property
    def lost(self) -> int:
        """How many offsets lie between them."""
        return self.earliest - self.wanted

    def __str__(self) -> str:
        return f"partition {self.partition} from offset {self.wanted:,} on, where {self.earliest:,} is the earliest"


class BrokerUnset(BadInput):
    """Nothing says where the broker of a topic is."""

    def __init__(self, topic: str, setting: str) -> None:
        super().__init__(
            f"The topic {topic} is to be read and {setting} is not set. Nothing was read. "
            "Set it to the addresses of some brokers, such as kafka-1.example.org:9092."
        )


class BrokerUnusable(BadInput):
    """What the environment says of a broker is no way to reach one; ``told`` is the client's word."""

    def __init__(self, topic: str, prefix: str, told: str) -> None:
        super().__init__(
            f"The topic {topic} cannot be read with the options that the environment gives ({in_one_line(told)}). "
            f"Nothing was read. Look at the variables that begin with {prefix}_."
        )


class TopicUnreachable(BackfillAssetsError):
    """No broker of a topic answered in time, or one refused; ``told`` is the client's word."""

    def __init__(self, topic: str, told: str) -> None:
        super().__init__(
            f"The topic {topic} cannot be read now ({in_one_line(told)}). "
            "What was read before is kept, and the offsets after it too. "
            "See that its broker answers this machine; the next feed goes on where the last one ended."
        )


class TopicMissing(BadInput):
    """The broker knows no topic of that name."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"The broker has no topic {topic}. Nothing was read. "
            "Make it, or name the one that is meant; a topic that nothing was ever sent to may not be there yet."
        )


class TopicMadeAnew(Refused):
    """A topic ends before what was read of it already."""

    def __init__(self, topic: str, table: str, ends: Mapping[int, tuple[int, int]]) -> None:
        told = listed(
            [f"partition {partition} at {end:,}, read up to {read:,}" for partition, (read, end) in ends.items()]
        )
        super().__init__(
            f"The topic {topic} ends before what {table} holds of it ({told}), so it is not the one that was read. "
            "Nothing was appended. Declare the new topic under a name of its own, or repair the broker."
        )


class MessagesGone(Refused):
    """Messages that were never read are not kept by the broker any more."""

    def __init__(self, topic: str, table: str, gone: Collection[Gone]) -> None:
        self.gone = tuple(sorted(gone))
        number = sum(one.lost for one in self.gone)
        ours = verb(len(self.gone), "that partition", "those partitions")
        super().__init__(
            f"{counted(number, 'message')} of the topic {topic} {verb(number, 'is', 'are')} gone before being read "
            f"({listed([str(one) for one in self.gone])}). "
            f"{table} holds what was read before, and nothing of {ours} was appended after it. "
            f"Land their days as files and correct them by the batch path, then go on with "
            f"`backfill-assets feed {table} --after-loss REASON --by NAME`."
        )


class TopicUnlikeDeclared(BadInput):
    """Most of what came cannot be read, so that it is the declaration that is wrong rather than the messages."""

    def __init__(self, topic: str, refused: int, of: int, reasons: Collection[str]) -> None:
        told = f"{refused:,} of {counted(of, 'message')} of the topic {topic}"
        super().__init__(
            f"{told} {verb(refused, 'is', 'are')} not as declared "
            f"({listed([quoted(reason) for reason in reasons])}). "
            "None of them was taken in or set aside, and they stay next. "
            "Bring the declared columns up to date, or ask whoever sends them."
        )


class TopicUnknown(BadInput):
    """The code location feeds no raw log of that name from a topic."""

    def __init__(self, table: str, known: Collection[str]) -> None:
        there = f"Name one of {listed(known)}" if known else "Give one to build_topic_definitions"
        super().__init__(f"{quoted(table)} is fed from no topic. Nothing was read. {there}.")
