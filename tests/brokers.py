"""A broker of our own: librdkafka's mock cluster in another process, so that whoever talks to it does so over TCP."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Producer

from tests.servers import started

SERVER = (
    "import sys; from confluent_kafka import Producer; p = Producer({'test.mock.num.brokers': 1, 'log_level': 2}); "
)
SERVER += (
    "print(*(f'{b.host}:{b.port}' for b in p.list_topics(timeout=9).brokers.values()), flush=True); sys.stdin.read()"
)
QUIET = {"log_level": 2}
PARTITIONS = 4
"""So many has each topic of the mock cluster; they make themselves when something is sent to them."""


@dataclass(frozen=True)
class Topic:
    """A topic of a test's own."""

    address: str
    name: str = field(default_factory=lambda: f"topic-{uuid.uuid4().hex[:12]}")

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {"BACKFILL_KAFKA_BOOTSTRAP_SERVERS": self.address}

    def send(self, *values: bytes | Mapping[str, Any] | None, partition: int = 0, at: Iterable[int] = ()) -> None:
        """Send messages to a partition, each with a time in milliseconds where there is one."""
        times = iter(at)
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0, **QUIET})
        for value in values:
            content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
            dated = {"timestamp": time} if (time := next(times, None)) is not None else {}
            producer.produce(self.name, value=content, partition=partition, **dated)
            producer.poll(0)
        assert producer.flush(20) == 0

    def fill(self, megabytes: int = 8, partition: int = 0) -> None:
        """Send so much to a partition that what was sent before is gone."""
        self.send(*([b"x" * 10_000] * (100 * megabytes)), partition=partition)

    def consumer(self, **options: Any) -> Consumer:
        """A client that reads it by hand."""
        plain = {"group.id": "test", "enable.auto.commit": False, "auto.offset.reset": "error"}
        return Consumer({"bootstrap.servers": self.address, **plain, **QUIET, **options})


@contextmanager
def mock_broker() -> Iterator[str]:
    """A cluster of one broker; its address."""
    with started(SERVER) as address:
        yield address
