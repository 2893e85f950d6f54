"""An incremental consumer: each turn reads what is new in a log and recomputes the slots of its output that it touches.

Rows and bookmark are one commit, decided on the handle that commits: a turn that is killed has happened or has not, and
of two at once one finds that the other has been there. A slot is always computed as a whole, from every record of it
that counts, so that reading twice changes nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import cast

import polars as pl

from backfill_assets.core.delta_types import as_kept
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.position import Bookmark, Position
from backfill_assets.core.slots import Slot
from backfill_assets.errors.failure import Failure
from backfill_assets.sources.log import MOST_RECORDS, Log, News
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.bookmarks import apps_of, bookmark_of
from backfill_assets.storage.builds import Build
from backfill_assets.storage.commits import Change, Commit, Decision, Replacement
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap_numbers import RUN
from backfill_assets.storage.table import Table

CONSUMER, POSITION = "backfill_assets/consumer", "backfill_assets/position"


@dataclass(frozen=True, slots=True)
class Computed:
    """Some slots of an output: their rows, why others could not be computed, and what each was computed from.

    ``inputs`` are the fingerprints of what each was computed from, by table; the ``measures`` are summed.
    """

    frames: Mapping[Slot, pl.DataFrame]
    reasons: Mapping[Slot, Failure]
    inputs: Mapping[Slot, Mapping[str, str]]
    code_version: str
    measures: tuple[str, ...] = ()
    partition: PartitionColumn = BY_DAY


Compute = Callable[[Records, Collection[Slot], Position], Computed]
"""Computes slots whole, from the records of them that the log knows at a position."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """What reads a log and keeps an output: its name, the table that it writes, the log, and how slots are computed."""

    name: str
    table: str
    log: Log
    compute: Compute
    partition: PartitionColumn = BY_DAY


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a consumer on a lake: who takes it, in which run, and the time (UTC)."""

    consumer: Consumer
    records: Records
    actor: str
    now: datetime
    run_id: str = ""
    git_commit: str = ""

    def __post_init__(self) -> None:
        known = self.records.knowing({self.consumer.table: self.consumer.partition})
        object.__setattr__(self, "records", known)

    @property
    def bookmark(self) -> Bookmark:
        """How far the consumer has come, by its output."""
        found = self.records.newest(self.consumer.table)
        return Bookmark() if found is None else bookmark_of(found, self.consumer.name)


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a turn did: the news, the slots that it wrote, those that it left to corrections, and those that failed.

    ``commit`` is None where there was nothing to write, not even a bookmark.
    """

    news: News
    bookmark: Bookmark
    commit: Commit | None = None
    written: tuple[Slot, ...] = ()
    left: tuple[Slot, ...] = ()
    failed: Mapping[Slot, Failure] = field(default_factory=dict[Slot, Failure])


def is_behind(turn: Turn) -> bool:
    """Whether there is anything for the consumer to read; asked often, and cheaply."""
    before, log = turn.bookmark, turn.consumer.log
    if before.read is None:
        return bool(log.since(turn.records, None).slots)
    return before.owed is not None or before.read != log.newest(turn.records)


def consume(turn: Turn, at_most: int = MOST_RECORDS) -> Consumed:
    """Read what is new, recompute the slots that it touches, and commit them with the bookmark.

    Slots that an open correction has claimed are left to it, and those that fail to themselves: they stay owed, and are
    read again by a later turn, when the others have gone on.

    Raises:
        LogNotReached: when the log no longer reaches back to the bookmark.
    """
    while True:
        before = turn.bookmark
        news = turn.consumer.log.since(turn.records, before.begins, at_most)
        if before.begins is not None and before.owed is None and before.begins.reaches(news.through):
            return Consumed(news, before)
        if (done := _take(turn, before, news)) is not None:
            return done


def catch_up(turn: Turn, at_most: int = MOST_RECORDS) -> Iterator[Consumed]:
    """Turns until there is nothing to read, or nothing that another turn could do about what is owed."""
    begins = turn.bookmark.begins
    while True:
        done = consume(turn, at_most)
        yield done
        if done.commit is None or done.bookmark.begins == begins:
            return
        begins = done.bookmark.begins


def _take(turn: Turn, before: Bookmark, news: News) -> Consumed | None:
    """Take a turn on from a bookmark; None when another one was there first."""
    consumer = turn.consumer
    upto = news.through if before.farthest is None else before.farthest.highest(news.through)
    wanted = sorted(news.slots - _claimed(turn))
    computed = consumer.compute(turn.records, wanted, upto)
    table = _output(turn, computed)
    if table is None:
        return Consumed(news, before, failed=computed.reasons)
    kept = turn.records.snapshot(consumer.table).schema
    frames = {slot: as_kept(frame, kept) for slot, frame in computed.frames.items()}

    def decide(live: Snapshot) -> Decision[Change | None, Consumed | None]:
        if bookmark_of(live, consumer.name) != before:
            return Decision(None, None)
        left = (news.slots - set(wanted)) | (news.slots & _claimed(turn))
        after = _after(before, news, is_whole=not left and not computed.reasons)
        mine = {slot: frame for slot, frame in frames.items() if slot not in left}
        change = Replacement(mine, table.write_files, skip_equal=True).change(live, {}) or Change()
        written = tuple(sorted(file.day for file in change.adds if file.day is not None))
        told = Consumed(news, after, None, written, tuple(sorted(left)), computed.reasons)
        if not written and (after.read, after.owed) == (before.read, before.owed):
            return Decision(None, told)
        _record(turn, computed, change.adds)
        info = {CONSUMER: consumer.name, POSITION: consumer.log.told(after.read or news.through), RUN: turn.run_id}
        return Decision(Change(change.adds, change.removes, apps_of(consumer.name, after), info), told)

    done = table.commit_written(decide)
    return done.result and replace(done.result, commit=done.commit)


def _after(before: Bookmark, news: News, *, is_whole: bool) -> Bookmark:
    """The bookmark after the news were read; where slots were left out, reading begins there again."""
    read = news.through if before.read is None else before.read.highest(news.through)
    if is_whole:
        return before.moved(read, None if news.through.reaches(read) else news.through)
    if before.begins is None:
        return replace(before, commits=before.commits + 1)  # All there is was asked for, which no position says.
    return before.moved(read, before.begins)


def _claimed(turn: Turn) -> frozenset[Slot]:
    """The slots of the output that an open correction will swap."""
    known = turn.records.ledger.all_progress().values()
    return frozenset(slot for one in known if one.plan.table == turn.consumer.table for slot in one.claimed)


def _output(turn: Turn, computed: Computed) -> Table | None:
    """The output, made if there are rows that show of which columns; None where there is none yet."""
    name = turn.consumer.table
    records = turn.records.knowing({name: computed.partition})
    schema = next((frame.schema for frame in computed.frames.values()), None)
    if schema is None:
        return records.table(name) if records.exists(name) else None
    table = records.table(name, schema)
    table.create()
    return table


def _record(turn: Turn, computed: Computed, files: Collection[DataFile]) -> None:
    """Write down what files were made of, before they become visible."""
    turn.records.builds.record((file, _build(turn, computed, file)) for file in files)


def _build(turn: Turn, computed: Computed, file: DataFile) -> Build:
    slot = cast("Slot", file.day)  # an output is by slot
    sums = {name: f"{Decimal(computed.frames[slot][name].sum() or 0):f}" for name in computed.measures}
    return Build(
        table=turn.consumer.table,
        day=slot,
        inputs=computed.inputs[slot],
        code_version=computed.code_version,
        git_commit=turn.git_commit,
        run_id=turn.run_id,
        correction="",
        at=turn.now,
        rows=file.rows,
        sums=sums,
    )
