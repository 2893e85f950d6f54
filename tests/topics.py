"""A raw log of payments that is fed from a topic, and what was sent to it, for tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.sources import ControlTotals, Fed, TopicLog
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.brokers import Topic

TABLE = "payments"
KEY = b"sixteen bytes and more"
SENT = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = datetime(2026, 3, 4, 6, tzinfo=UTC)
COLUMNS = pl.Schema(
    {
        "payment": pl.String(),
        "paid_at": pl.Datetime("us", "UTC"),
        "payer": pl.String(),
        "cents": pl.Int64(),
        "amount": pl.Decimal(18, 4),
        "settled": pl.Boolean(),
    }
)


def payments(topic: str, **other: Any) -> TopicLog:
    """The raw log of a topic of payments."""
    options: dict[str, Any] = {"columns": COLUMNS, "personal": {"payer": "payer_token"}, **other}
    return TopicLog(
        table=TABLE,
        topic=topic,
        key=("payment",),
        totals=ControlTotals(("amount",)),
        dated_by="paid_at",
        noun="payment",
        **options,
    )


def payment(name: str, amount: str = "1.5", day: int = 2, **other: Any) -> dict[str, Any]:
    """A payment of a day of March 2026."""
    return {"payment": name, "paid_at": f"2026-03-{day:02}T10:00:00Z", "payer": "Ada", "amount": amount} | other


@dataclass(frozen=True)
class Feeds:
    """A topic of payments, its raw log, and a lake."""

    topic: Topic
    root: Path
    log: TopicLog = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", payments(self.topic.name))

    @property
    def records(self) -> Records:
        """The records of the lake, as a process finds them."""
        return Records(Lake(str(self.root)))

    def send(self, *values: Any, partition: int = 0, at: datetime = SENT) -> None:
        """Send messages at a time."""
        self.topic.send(*values, partition=partition, at=[int(at.timestamp() * 1000)] * len(values))

    def feed(self, **options: Any) -> Fed:
        """Feed once."""
        return self.log.feed(self.records, KEY, AT, **options)

    def amounts(self) -> dict[str, Decimal]:
        """The amount of each payment that counts; each has to count once."""
        rows = self.log.current(self.records, self.records.days(TABLE)).select("payment", "amount").collect()
        assert rows["payment"].is_unique().all()
        return dict(rows.iter_rows())

    def places(self) -> list[tuple[int, int]]:
        """Where each row of the log stood in the topic."""
        if not self.records.exists(TABLE):
            return []
        rows = self.records.snapshot(TABLE).scan().select("topic_partition", "topic_offset").collect()
        return sorted(rows.iter_rows())

    def waiting(self, log: TopicLog | None = None) -> list[str]:
        """The messages that are set aside, without the name of the topic."""
        return [str(one).removeprefix(self.topic.name) for one in (log or self.log).set_aside(self.records)]


@pytest.fixture
def feeds(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feeds:
    """A topic and a lake of a test's own."""
    topic = Topic(broker)
    for name, value in topic.environment.items():
        monkeypatch.setenv(name, value)
    return Feeds(topic, tmp_path / "lake")
