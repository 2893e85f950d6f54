"""Where consumers stand: how far each has read, how far behind its log it is, and why its last turn failed."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backfill_assets.core.position import Bookmark, Position
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.consuming import LogNotReached
from backfill_assets.errors.failure import known_as
from backfill_assets.runbook.consuming import Turn
from backfill_assets.sources.topic_commits import TopicCommits
from backfill_assets.storage.consumer_failures import ConsumerFailures


@dataclass(frozen=True, slots=True)
class Standing:
    """A consumer: the log and the table, the bookmark, the records and the seconds that it is behind, what failed.

    ``set_aside`` are messages of its log's topic that could not be read, by place and reason.

    ``records`` and ``seconds`` are None where the log does not reach back to the bookmark.
    """

    consumer: str
    log: str
    bookmark: Bookmark
    records: int | None
    seconds: float | None
    error: str
    read: str
    owed: str
    set_aside: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """All that is told of it, JSON-ready."""
        at = self.bookmark.read.at if self.bookmark.read else None
        return {
            "consumer": self.consumer,
            "log": self.log,
            "read": self.read or None,
            "at": at.isoformat() if at else None,
            "owed_from": self.owed or None,
            "records_behind": self.records,
            "seconds_behind": self.seconds,
            "error": self.error or None,
            "set_aside": [*self.set_aside],
        }


def standing_of(turn: Turn, made: datetime) -> Standing:
    """Where a consumer stands; ``made`` is what the machine's clock shows, by which logs are dated."""
    bookmark, log = turn.bookmark, turn.consumer.log
    records: int | None = None
    seconds: float | None = None
    said = last_failure(turn)
    try:
        news = log.since(turn.records, bookmark.read)
        records, oldest = news.records, news.oldest or (news.newest if news.records else None)
        seconds = round(max(0.0, (made - oldest).total_seconds()), 1) if oldest else 0.0
    except LogNotReached as refused:
        said = said or str(refused)

    def told(position: Position | None) -> str:
        return log.told(position) if position else ""

    read, owed = told(bookmark.read), told(bookmark.owed)
    aside = tuple(map(str, log.raw.set_aside(turn.records))) if isinstance(log, TopicCommits) else ()
    return Standing(turn.consumer.name, log.name, bookmark, records, seconds, said, read, owed, aside)


def last_failure(turn: Turn) -> str:
    """Why the last turn of the consumer failed; empty when it did not."""
    failure = ConsumerFailures(turn.records.lake).last(turn.consumer.name)
    return failure.said if failure else ""


@contextmanager
def noting_failures(turn: Turn) -> Generator[None]:
    """Write down whether what a turn does fails."""
    failures = ConsumerFailures(turn.records.lake)
    try:
        yield
    except Exception as error:
        told = error if isinstance(error, BackfillAssetsError) else known_as(error, "The turn")
        failures.note(turn.consumer.name, str(told), turn.now)
        raise
    failures.note(turn.consumer.name, "", turn.now)
