"""Messages as arrivals of a raw log: each day of a feed is one, and one more for every time that a key comes again."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.slots import Slot
from backfill_assets.sources.arrivals import Arrival, arrived
from backfill_assets.sources.broker import Received
from backfill_assets.sources.landed import LandedFile
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.messages import OFFSET, PARTITION, Unread
from backfill_assets.sources.people import People
from backfill_assets.sources.read_back import files_read_back
from backfill_assets.sources.withdrawals import ADDITION
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.snapshot import Snapshot

TIME = "_backfill_assets_time"
SHOWN_PARTITIONS = 5


@dataclass(frozen=True)
class MessageArrivals:
    """Arrivals in the order of their numbers; within each a key of a day is given once."""

    rounds: tuple[Mapping[date, Arrival], ...] = ()

    @cached_property
    def frames(self) -> dict[date, pl.DataFrame]:
        """The rows of each day as they are stored, all its arrivals in one file."""
        days = sorted({day for one in self.rounds for day in one})
        return {day: pl.concat([one[day].frame for one in self.rounds if day in one]) for day in days}

    def mapped(self, people: People) -> "MessageArrivals":
        """The same, whose people are in the vault as far as they may be; they tell of those who may not."""
        return MessageArrivals(tuple(people.mapped(one) for one in self.rounds))

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(frame.height for frame in self.frames.values())

    def manifest_rows(
        self, folder: Folder, files: Mapping[Slot | None, DataFile], at: datetime
    ) -> list[dict[str, Any]]:
        """The rows of the manifest. What counts of a day after a few messages would take reading all of it."""
        logs = [arrival.log for one in self.rounds for arrival in one.values()]
        read = files_read_back(logs[0], folder, [file.path for file in files.values()]) if logs else {}
        return [
            {**arrival.manifest_row(files[day], read, at), "standing": None}
            for one in self.rounds
            for day, arrival in one.items()
        ]


@dataclass(frozen=True, slots=True)
class Made:
    """Arrivals that are made of messages, and those of them that the log's own look at rows refuses."""

    arrivals: MessageArrivals
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbering:
    """The messages of a topic that become arrivals: its name, their contents, and the latest arrival of each day."""

    people: People
    topic: str
    messages: Collection[Received]
    latest: Mapping[date, Mapping[str, Any]]

    @classmethod
    def of(cls, people: People, before: Snapshot, topic: str, messages: Collection[Received]) -> "Numbering":
        """The arrivals that are in the log already."""
        known = arrived(people.records, before, people.log.table).sort("arrival")
        return cls(people, topic, messages, {row["day"]: row for row in known.iter_rows(named=True)})

    def number(self, day: date) -> int:
        """The number of the latest arrival of a day."""
        return self.latest[day]["arrival"] if day in self.latest else 0


def arrivals_of(numbering: Numbering, rows: pl.DataFrame) -> Made:
    """Number rows as arrivals of their days, behind those that are there already."""
    people, log = numbering.people, numbering.people.log
    unread = _unfit(numbering, rows)
    refused = pl.DataFrame(
        [one.message[:2] for one in unread], {PARTITION: pl.Int64(), OFFSET: pl.Int64()}, orient="row"
    )
    kept = rows.join(refused, on=[PARTITION, OFFSET], how="anti").sort(PARTITION, OFFSET)
    again = kept.with_columns(pl.int_range(pl.len()).over(DAY, *log.key).alias(TIME))
    contents = {one[:2]: one.value or b"" for one in numbering.messages}
    rounds: list[dict[date, Arrival]] = []
    for (time, day), part in sorted(again.partition_by(TIME, DAY, as_dict=True).items()):
        if time == len(rounds):
            rounds.append({})
        number, key = numbering.number(day) + 1 + time, people.key_of(day, numbering.latest.get(day))
        landed = _landed(log, numbering.topic, day, part.drop(TIME), contents)
        frame = log.rows_of(landed, number, people.keys.by_fingerprint.get(key, b""))
        nothing, named = frame.clear(), key if log.personal else ""
        rounds[time][day] = Arrival(log, landed, number, frame, ADDITION, nothing, nothing, named)
    return Made(MessageArrivals(tuple(rounds)), tuple(unread))


def _landed(
    log: LogRows, topic: str, day: date, rows: pl.DataFrame, contents: Mapping[tuple[int, int], bytes]
) -> LandedFile:
    """Messages of one day as what lands; they are named by their places, and hashed in their order."""
    digest = hashlib.sha256()
    for place in rows.select(PARTITION, OFFSET).iter_rows():
        digest.update(hashlib.sha256(contents[place]).digest())
    spans = rows.group_by(PARTITION).agg(pl.col(OFFSET).min().alias("low"), pl.col(OFFSET).max().alias("high"))
    told = [f"{number}:{low}-{high}" for number, low, high in spans.sort(PARTITION).iter_rows()]
    beyond = f" and {len(told) - SHOWN_PARTITIONS} more" if len(told) > SHOWN_PARTITIONS else ""
    path = f"{topic}[{', '.join(told[:SHOWN_PARTITIONS])}{beyond}]"
    frame = rows if DAY in log.columns else rows.drop(DAY)
    return LandedFile(day, path, digest.hexdigest(), frame)


def _unfit(numbering: Numbering, rows: pl.DataFrame) -> list[Unread]:
    """The messages that the log's own look at rows refuses, found by halves."""
    log, keys = numbering.people.log, numbering.people.keys
    look = log.validate
    if look is None or rows.is_empty():
        return []
    by_place = {one[:2]: one for one in numbering.messages}
    landed = LandedFile(rows[DAY][0], "", "", rows)
    stored = log.rows_of(landed, 1, next(iter(keys.secrets), b""))
    found: list[Unread] = []
    halves = [(0, stored.height)]
    while halves:
        first, end = halves.pop()
        try:
            look(stored.slice(first, end - first))
        except FAULTS as error:
            if end - first > 1:
                middle = (first + end) // 2
                halves += [(first, middle), (middle, end)]
                continue
            place = rows.row(first, named=True)
            message = by_place[place[PARTITION], place[OFFSET]]
            found.append(Unread(message, f"is refused ({type(error).__name__})"))
    return found
