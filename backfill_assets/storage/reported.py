"""The record of what was published: per state of a table and day the rows and sums, in ``_control/reported``.

The table's log says which files a state had, and ``_control/builds`` what each file adds to its day, written down
before the file was visible. What is recorded here is what those two say, so a crash before it loses nothing: the next
one to record goes on from the last commit that is complete. It is recorded before any of the three is deleted.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import polars as pl

from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.reported import Amounts, Origin, Stated, total
from backfill_assets.core.slots import Slot
from backfill_assets.storage.builds import name_of_file
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.states import Files, State

Measured = dict[tuple[Slot, Files], Amounts]


@dataclass(frozen=True, slots=True)
class Row:
    """What a state says of a day; without one, that everything up to the commit is written down.

    ``rows`` is None where the day's amounts are not known, and where it is ``gone``. ``since`` is the first commit
    that is recorded.
    """

    table: str
    commit: int
    at: datetime
    origin: Origin
    correction: str
    day: date | None
    gone: bool
    rows: int | None
    sums: str
    since: int

    @classmethod
    def of(cls, table: str, stated: Stated) -> "Row":
        """A row of what is stated."""
        known = stated.amounts
        sums = {name: f"{value:f}" for name, value in known.sums.items()} if known else {}
        return cls(
            table=table,
            commit=stated.commit,
            at=stated.at,
            origin=stated.origin,
            correction=stated.correction,
            day=stated.day,
            gone=stated.is_gone,
            rows=known.rows if known else None,
            sums=json.dumps(sums),
            since=0,
        )

    @property
    def stated(self) -> Stated:
        """What the row says of its day."""
        sums = {name: Decimal(value) for name, value in json.loads(self.sums).items()}
        known = None if self.rows is None else Amounts(self.rows, sums)
        day = self.day or date.min  # a row without one is none of these
        return Stated(self.commit, self.at, self.origin, self.correction, day, known, self.gone)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of a table: its states up to the commit ``through``, from ``since`` on; -1 when nothing is."""

    stated: tuple[Stated, ...] = ()
    through: int = -1
    since: int = 0
    at: datetime | None = None

    @property
    def unknown(self) -> frozenset[tuple[int, Slot]]:
        """The commits and days of which the amounts are not known."""
        known = {(one.commit, one.day) for one in self.stated if one.amounts is not None or one.is_gone}
        return frozenset((one.commit, one.day) for one in self.stated) - known


class Reported:
    """What every state of every table was, as far as it is recorded."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "reported", Row)

    def of(self, table: str) -> Recorded:
        """All that is recorded of a table."""
        return _recorded(self._rows.rows(), table)

    def through(self, table: str) -> int:
        """Up to which commit of a table all is recorded; -1 when nothing is."""
        return _through(self._rows.rows(["table", "commit", "day", "day_hour"]), table)

    def record(self, table: str, stated: Sequence[Stated], through: int, at: datetime, since: int) -> None:
        """Write down states of a table, and that those up to a commit are complete.

        Of states that are complete already only amounts are added that were not known.
        """

        def decide(known: pl.DataFrame) -> Decision[Sequence[Row], None]:
            there = _through(known, table)
            new = [one for one in stated if one.commit > there or one.amounts is not None]
            end = Row(table, through, at, Origin.PUBLISHED, "", None, gone=False, rows=None, sums="{}", since=since)
            return Decision([*(Row.of(table, one) for one in new), *([end] if through > there else [])], None)

        self._rows.append_decided(decide)


def _through(rows: pl.DataFrame, table: str) -> int:
    ends = rows.filter((pl.col("table") == table) & pl.col("day").is_null())["commit"].to_list()
    return max(ends, default=-1)


def _recorded(rows: pl.DataFrame, table: str) -> Recorded:
    found = values_of(Row, rows.filter(pl.col("table") == table))
    ends = [row for row in found if row.day is None]
    newest = max(ends, key=lambda row: row.commit, default=None)
    stated = tuple(row.stated for row in found if row.day is not None)
    if newest is None:
        return Recorded(stated)
    return Recorded(stated, newest.commit, min(row.since for row in ends), newest.at)


def amounts_of(known: Mapping[str, Amounts], states: Sequence[State]) -> Measured:
    """What the files of each day add up to, by day and files, from what each adds; left out where one is not known."""
    found: Measured = {}
    for day, files in {(day, files) for state in states for day, files in state.days.items() if files}:
        each = [known.get(name_of_file(path)) for path in files]
        if all(one is not None for one in each):
            found[day, files] = total(one for one in each if one is not None)
    return found


def scanned(live: Snapshot, wanted: Collection[tuple[Slot, Files]], measures: Sequence[str]) -> Measured:
    """The same of days and files, read from the files; left out where one of them is deleted."""
    found: Measured = {}
    if not wanted:
        return found
    missing = live.folder.missing({path for _, files in wanted for path in files})
    of_day: dict[Slot, list[Files]] = {}
    for day, files in wanted:
        if missing.isdisjoint(files):
            of_day.setdefault(day, []).append(files)
    nothing = Amounts(0, dict.fromkeys(measures, Decimal(0)))
    # A day may have been in several of these states: one of each day at a time.
    for turn in range(max(map(len, of_day.values()), default=0)):
        now = {day: states[turn] for day, states in of_day.items() if turn < len(states)}
        read = _scanned(live, now, measures)
        found |= {(day, files): read.get(day, nothing) for day, files in now.items()}
    return found


def _scanned(live: Snapshot, files: Mapping[Slot, Files], measures: Sequence[str]) -> dict[Slot, Amounts]:
    column = live.partition
    there = [(path, day) for day, paths in files.items() for path in sorted(paths)]
    rows = column.as_slots(live.folder.scan_days(there, live.schema, column))
    told = [name for name in measures if name in live.schema]
    read = rows.group_by(column.name).agg(pl.len(), *(pl.col(name).sum() for name in told)).collect(engine="streaming")
    days = slots_in(read[column.name])
    return {
        day: Amounts(row["len"], {name: Decimal(row[name] or 0) for name in told})
        for day, row in zip(days, read.iter_rows(named=True), strict=True)
        if day is not None
    }
