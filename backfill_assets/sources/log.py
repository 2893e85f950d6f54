"""What a consumer asks of a log, whatever keeps it: a table of raw rows, or a topic of a broker."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from backfill_assets.core.position import Position
from backfill_assets.core.slots import Slot
from backfill_assets.storage.records import Records

MOST_RECORDS = 20_000_000
"""So many new records one commit of a consumer speaks of, at most, where they come in more than one piece."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a log since a position: the slots that it touches, and the position after it.

    ``records`` is how many there are, ``oldest`` and ``newest`` when the first and the last of them came.
    """

    slots: frozenset[Slot]
    through: Position
    records: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


class Log(Protocol):
    """A log that can be read on from a position, and again.

    ``records`` are those of the lake that the consumer writes to. Positions are the log's own: what it makes it can
    read, and ``told`` and ``read`` are each other's inverse.
    """

    @property
    def name(self) -> str:
        """What people call it: a table, a topic."""
        ...

    def newest(self, records: Records) -> Position:
        """The position after all that is there. Asked at every tick, so within milliseconds where nothing is new."""
        ...

    def earliest(self, records: Records) -> Position:
        """The first position from which everything that came after it can still be read, one after the other."""
        ...

    def since(self, records: Records, position: Position | None, at_most: int = MOST_RECORDS) -> News:
        """What came after a position, about as many records at most; with None all that there is, as it is now.

        Raises:
            LogNotReached: when the log does not reach back to the position any more, or has never come to it.
        """
        ...

    def rows(self, records: Records, slots: Collection[Slot], upto: Position) -> pl.LazyFrame:
        """The records of some slots that count, each once, as they were known at a position.

        Of a record that came more than once it is the latest, whatever was withdrawn is left out: so that a slot is the
        same however often and in whichever pieces its records are read.
        """
        ...

    def pins(self, upto: Position) -> Mapping[str, int]:
        """Of a log that is a table of the lake the commit at which its rows are what was known at a position.

        Then a slot is computed from the very files that a correction would read; nothing where it is no table.
        """
        ...

    def position_at(self, records: Records, at: datetime) -> Position:
        """The position after the last record that had come by a time."""
        ...

    def told(self, position: Position) -> str:
        """A position in words that :meth:`read` reads."""
        ...

    def read(self, records: Records, text: str) -> Position | None:
        """The position that a text names; None when it names none."""
        ...
