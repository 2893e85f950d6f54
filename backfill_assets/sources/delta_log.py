"""A raw log as the log of a consumer: its commits are the positions, the files that they add say which days moved."""

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from backfill_assets.core.position import NOTHING, Position
from backfill_assets.core.slots import Slot
from backfill_assets.errors.consuming import LogNotReached
from backfill_assets.sources.log import MOST_RECORDS, News
from backfill_assets.sources.raw_log import RawLog
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.tailing import Entry, entries_since, entry, first_after_cleanup, newest_commit

COMMIT = re.compile(r"(?:commit )?(\d{1,18})")


@dataclass(frozen=True)
class DeltaLog:
    """A raw log, read commit by commit; a day is touched by each of its arrivals."""

    raw: RawLog

    @property
    def name(self) -> str:
        """The table."""
        return self.raw.table

    def newest(self, records: Records) -> Position:
        """The newest commit, by the names of the log's files alone: its time is not looked up."""
        return Position((newest_commit(self._folder(records)),))

    def earliest(self, records: Records) -> Position:
        """The commit before the first whose entry, and every later one, is there."""
        return Position((first_after_cleanup(self._folder(records)) - 1,))

    def since(self, records: Records, position: Position | None, at_most: int = MOST_RECORDS) -> News:
        """The days of which anything arrived, by what each commit added; the rows themselves are not read.

        Raises:
            LogNotReached: when entries after the position were cleaned away, or it lies after the newest commit.
        """
        if position is None:
            return self._everything(records)
        folder = self._folder(records)
        after, newest = position.numbers[0], newest_commit(folder)
        read: list[Entry] = []
        rows = 0
        try:
            if after > newest:
                raise self._beyond(records, self.told(position))
            for one in entries_since(folder, after, newest):
                if read and rows + one.rows > at_most:
                    break
                read.append(one)
                rows += one.rows
        except FileNotFoundError:
            raise self._beyond(records, self.told(position)) from None
        if not read:
            return News(frozenset(), position)
        days = {told for one in read for touched in one.partitions if (told := touched.get(DAY)) is not None}
        arrivals = [one.at for one in read if one.partitions]
        through = Position((read[-1].commit,), read[-1].at)
        return News(
            frozenset(map(date.fromisoformat, days)),
            through,
            rows,
            min(arrivals, default=None),
            max(arrivals, default=None),
        )

    def rows(self, records: Records, slots: Collection[Slot], upto: Position) -> pl.LazyFrame:
        """The rows of the days that count, as their latest arrivals by a commit have them."""
        commit = upto.numbers[0]
        if commit == NOTHING:
            return pl.LazyFrame(schema=self.raw.schema)
        return self.raw.current(records, slots, commit)

    def pins(self, upto: Position) -> Mapping[str, int]:
        """The commit."""
        return {self.name: max(0, upto.numbers[0])}

    def position_at(self, records: Records, at: datetime) -> Position:
        """The commit before the first that came after a time.

        Raises:
            LogNotReached: when that is one whose entry was cleaned away.
        """
        folder = self._folder(records)
        first, newest = first_after_cleanup(folder), newest_commit(folder)
        commits = range(first, newest + 1)
        number = bisect_right(commits, at, key=lambda commit: entry(folder, commit).at)
        if number == 0:
            if first == 0:
                return Position((NOTHING,))
            raise self._beyond(records, f"{at:%Y-%m-%dT%H:%MZ}")
        return self._dated(folder, commits[number - 1])

    def told(self, position: Position) -> str:
        """The commit."""
        number = position.numbers[0]
        return "its beginning" if number == NOTHING else f"commit {number}"

    def read(self, records: Records, text: str) -> Position | None:
        """A commit, by its number."""
        found = COMMIT.fullmatch(text.strip())
        if found is None:
            return Position((NOTHING,)) if text == self.told(Position((NOTHING,))) else None
        return self._dated(self._folder(records), int(found[1]))

    def _everything(self, records: Records) -> News:
        """All days there are, by the table itself: its log may not reach back to when they came."""
        found = records.newest(self.name)
        if found is None:
            return News(frozenset(), Position((NOTHING,)))
        through = self._dated(self._folder(records), found.commit)
        rows = int(found.actions["num_records"].fill_null(0).sum())
        return News(found.days, through, rows, None, through.at)

    def _dated(self, folder: Folder, commit: int) -> Position:
        try:
            return Position((commit,), entry(folder, commit).at)
        except FileNotFoundError:
            return Position((commit,))

    def _folder(self, records: Records) -> Folder:
        return Folder(records.lake.table_uri(self.name), dict(records.lake.storage_options))

    def _beyond(self, records: Records, wanted: str) -> LogNotReached:
        return LogNotReached(self.name, wanted, self.told(self.earliest(records)), self.told(self.newest(records)))
