"""Reading a topic from its broker: how far it reaches, and the messages after some offsets, all in bounded time.

Partitions are assigned by hand, and nothing is committed to the broker: how far a topic was read is known by the table
that holds its messages. A broker is reached by the environment alone, and nothing of that is shown.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from backfill_assets.errors.setup import needs_extra
from backfill_assets.errors.topics import BrokerUnset, BrokerUnusable, TopicMissing, TopicUnreachable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

PREFIX = "BACKFILL_KAFKA"
SECRET = re.compile(r"password|secret|pem|token|oauthbearer|username")
OURS = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    # What goes wrong is told in sentences; the client would print lines of its own.
    "log_level": 2,
}
# How librdkafka calls what comes in the place of messages.
END, OUTSIDE, NOBODY = "_PARTITION_EOF", "_AUTO_OFFSET_RESET", "_ALL_BROKERS_DOWN"
UNKNOWN = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"})
MOST_MESSAGES, MOST_BYTES = 100_000, 64_000_000
ANSWER_SECONDS, READING_SECONDS = 10.0, 45.0
AT_ONCE = 5_000


class Received(NamedTuple):
    """A message as the broker gave it."""

    partition: int
    offset: int
    at: datetime | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in the order of partition and offset, and the next offset of each partition that was read.

    ``is_all`` says whether they reach as far as the topic did when the reading began; ``below`` are partitions of which
    the messages that were asked for are gone.
    """

    messages: tuple[Received, ...]
    next: Mapping[int, int]
    is_all: bool
    below: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker of a topic, by the variables of the environment that begin with a prefix."""

    topic: str
    prefix: str = PREFIX

    def options(self) -> dict[str, str]:
        """The client's options, such as ``sasl.password`` of ``BACKFILL_KAFKA_SASL_PASSWORD``.

        Raises:
            BrokerUnset: when nothing says where it is.
        """
        start = f"{self.prefix}_"
        there = {
            name.removeprefix(start).lower().replace("_", "."): value
            for name, value in os.environ.items()
            if name.startswith(start) and value
        }
        if "bootstrap.servers" not in there:
            raise BrokerUnset(self.topic, f"{start}BOOTSTRAP_SERVERS")
        return {"group.id": f"backfill-assets-{self.topic}", "fetch.wait.max.ms": "20", **there}

    @contextmanager
    def reader(self) -> Iterator["Reader"]:
        """A client that reads the topic, closed afterwards.

        Raises:
            ExtraMissing: when there is none.
            BrokerUnset, BrokerUnusable: when the environment says nothing, or nothing of use.
        """
        with needs_extra("kafka", "Reading a topic"):
            from confluent_kafka import Consumer, KafkaException
        options = self.options()
        try:
            client = Consumer({**options, **OURS})
        except (KafkaException, ValueError, TypeError) as error:
            raise BrokerUnusable(self.topic, self.prefix, concealed(_told(error), options)) from None
        try:
            yield Reader(self, client, options)
        except KafkaException as error:
            raise TopicUnreachable(self.topic, concealed(_told(error), options)) from None
        finally:
            client.close()


@dataclass(frozen=True)
class Reader:
    """A client of the broker of one topic."""

    broker: Broker
    client: "Consumer" = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    def reach(self) -> dict[int, tuple[int, int]]:
        """The earliest offset that is there of each partition, and the one after its last message.

        Raises:
            TopicMissing: when the broker has no such topic.
        """
        from confluent_kafka import KafkaException, TopicPartition

        found = self.client.list_topics(self.broker.topic, timeout=ANSWER_SECONDS).topics[self.broker.topic]
        if found.error is not None:
            if found.error.name() in UNKNOWN:
                raise TopicMissing(self.broker.topic)
            raise KafkaException(found.error)
        reached: dict[int, tuple[int, int]] = {}
        for number in sorted(found.partitions):
            at = TopicPartition(self.broker.topic, number)
            low, high = self.client.get_watermark_offsets(at, timeout=ANSWER_SECONDS, cached=False)
            reached[number] = low, high
        return reached

    def read(self, begins: Mapping[int, int], ends: Mapping[int, int], at_most: int = MOST_MESSAGES) -> Batch:
        """The messages of some partitions from their next offsets, up to those that are their ends now.

        Raises:
            TopicUnreachable: when nothing of what there is came within the time.
        """
        wanted = {partition: offset for partition, offset in begins.items() if offset < ends[partition]}
        reading = _Reading({**begins}, ends, set(wanted))
        began = monotonic()
        self._assign(wanted)
        while reading.open and len(reading.messages) < at_most and reading.size < MOST_BYTES:
            if monotonic() - began > (READING_SECONDS if reading.messages else ANSWER_SECONDS):
                break
            for message in self.client.consume(min(AT_ONCE, at_most - len(reading.messages)), 0.1):
                error = message.error()
                if error is None:
                    reading.take(message)
                else:
                    self._without(reading, message, error)
        self.client.unassign()
        if reading.open and not reading.messages:
            raise TopicUnreachable(self.broker.topic, f"nothing came within {ANSWER_SECONDS:.0f} seconds")
        return reading.batch()

    def at(self, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], Received]:
        """The messages at some partitions and offsets, of those that are still there."""
        reached, found = self.reach(), dict[tuple[int, int], Received]()
        for partition, offset in sorted(places):
            low, high = reached.get(partition, (0, 0))
            if low <= offset < high:
                batch = self.read({partition: offset}, {partition: offset + 1}, at_most=1)
                found |= {(one.partition, one.offset): one for one in batch.messages if one.offset == offset}
        return found

    def since(self, at: datetime) -> dict[int, int]:
        """The first offset of each partition whose message came at a time or later, the end where there is none.

        A broker that has no answer is not believed where the newest message is not older: then messages are read.
        """
        from confluent_kafka import TopicPartition

        reached = self.reach()
        asked = [TopicPartition(self.broker.topic, number, int(at.timestamp() * 1000)) for number in reached]
        answers = {one.partition: one.offset for one in self.client.offsets_for_times(asked, timeout=ANSWER_SECONDS)}
        return {
            number: answers[number] if answers[number] >= 0 else self._searched(number, low, high, at)
            for number, (low, high) in reached.items()
        }

    def _searched(self, partition: int, low: int, high: int, at: datetime) -> int:
        if low < high and not self._is_since(self.read({partition: high - 1}, {partition: high}), at):
            return high
        begin = low
        while begin < high:
            batch = self.read({partition: begin}, {partition: high})
            for message in batch.messages:
                if message.at is not None and message.at >= at:
                    return message.offset
            begin = batch.next[partition]
        return high

    def _is_since(self, last: Batch, at: datetime) -> bool:
        """Whether the last message of a partition is of a time or later; the end of a transaction tells nothing."""
        return not last.messages or any(one.at is not None and one.at >= at for one in last.messages)

    def _assign(self, begins: Mapping[int, int]) -> None:
        from confluent_kafka import TopicPartition

        self.client.assign([TopicPartition(self.broker.topic, *place) for place in sorted(begins.items())])

    def _without(self, reading: "_Reading", message: "Message", error: "KafkaError") -> None:
        """What came in the place of a message: the end of a partition, or why there is none."""
        from confluent_kafka import KafkaException

        partition, name = message.partition(), error.name()
        if name == END and partition is not None:
            reading.reach(partition, message.offset() or 0)
        elif name == OUTSIDE and partition is not None:
            reading.lose(partition)
        elif not error.retriable() and name != NOBODY:
            raise KafkaException(error)


@dataclass
class _Reading:
    """How far a reading has come."""

    next: dict[int, int]
    ends: Mapping[int, int]
    open: set[int]
    messages: list[Received] = field(default_factory=list[Received])
    size: int = 0
    below: set[int] = field(default_factory=set[int])

    def take(self, message: "Message") -> None:
        """Keep a message, unless it came after the reading began."""
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        if partition not in self.open or offset >= self.ends[partition]:
            self.open.discard(partition)
            return
        value, (kind, milliseconds) = message.value(), message.timestamp()
        content = value.encode() if isinstance(value, str) else value
        self.messages.append(Received(partition, offset, _time(milliseconds) if kind else None, content))
        self.size += len(content or b"")
        self.reach(partition, offset + 1)

    def reach(self, partition: int, offset: int) -> None:
        """The next offset; what ends a transaction has one too, and is never given."""
        self.next[partition] = max(self.next[partition], min(offset, self.ends[partition]))
        if self.next[partition] >= self.ends[partition]:
            self.open.discard(partition)

    def lose(self, partition: int) -> None:
        """What is wanted of a partition is not there."""
        self.open.discard(partition)
        self.below.add(partition)

    def batch(self) -> Batch:
        """What was read."""
        return Batch(tuple(sorted(self.messages, key=_place)), self.next, not self.open, frozenset(self.below))


def concealed(told: str, options: Mapping[str, str]) -> str:
    """What a client says, without any secret of how the broker is reached."""
    for name, value in options.items():
        if SECRET.search(name):
            told = told.replace(value, "…")
    return told


def _place(message: Received) -> tuple[int, int]:
    return message.partition, message.offset


def _time(milliseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _told(error: Exception) -> str:
    first: Any = error.args[0] if error.args else error
    return str(first.str()) if hasattr(first, "str") else str(error)
