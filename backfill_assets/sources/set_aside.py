"""What became of the messages that could not be read: a list in ``_control/set_aside_messages``, by place in the topic.

An entry is written before the commit of the topic's table that moves the offsets past its message, and counts only if
that commit says so: the table keeps the number of the last entry that counts, each entry the one before it, and what
lies beside this chain belongs to a process that was killed or came second.
"""

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from backfill_assets.errors.topics import Gone
from backfill_assets.sources.messages import Unread
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


class Became(StrEnum):
    """What became of a message."""

    SET_ASIDE = "set aside"
    TAKEN_IN = "taken in"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message, or of those that were lost all up to ``through``, and what became of it.

    ``content`` is what it held, in Base64, where the source has no personal columns; otherwise the topic alone has it,
    and ``sha256`` says which it was. ``follows`` is the entry before it that counts.
    """

    source: str
    topic: str
    partition: int
    offset: int
    through: int
    became: Became
    reason: str
    size: int
    sha256: str = ""
    content: str = field(default="", repr=False)
    sent_at: datetime | None = None
    noted_at: datetime | None = None
    sequence: int = 0
    follows: int = 0

    @property
    def value(self) -> bytes | None:
        """What it held, where the lake may keep that."""
        return base64.b64decode(self.content) if self.content else None

    def is_of(self, value: bytes | None) -> bool:
        """Whether a message that was found in its place is the one that was set aside."""
        return hashlib.sha256(value or b"").hexdigest() == self.sha256

    def __str__(self) -> str:
        place = f"{self.topic}[{self.partition}] at offset {self.offset:,}"
        return f"{place}{f' to {self.through:,}' if self.through > self.offset else ''} {self.reason}"


class SetAsideMessages:
    """The list of one source."""

    def __init__(self, lake: Lake, source: str) -> None:
        self._rows = RowTable(lake, "set_aside_messages", SetAside)
        self._source = source

    def counting(self, last: int) -> list[SetAside]:
        """The entries that count, oldest first, by the number of the last one."""
        there = {one.sequence: one for one in values_of(SetAside, self._rows.rows()) if one.source == self._source}
        found: list[SetAside] = []
        while last in there:
            found.append(there[last])
            last = there[last].follows
        return found[::-1]

    def waiting(self, last: int) -> list[SetAside]:
        """The messages that are set aside still, by place."""
        latest = {(one.partition, one.offset): one for one in self.counting(last)}
        return sorted((one for one in latest.values() if one.became is Became.SET_ASIDE), key=place_of)

    def lost(self, last: int) -> list[SetAside]:
        """What was lost before it could be read, and somebody has agreed to."""
        return [one for one in self.counting(last) if one.became is Became.LOST]

    def announce(self, entries: Sequence[SetAside], follows: int) -> int:
        """Write entries down behind the one that counts as the last; returns the number that the last of them has."""
        if not entries:
            return follows

        def numbered(first: int) -> list[SetAside]:
            return [
                replace(one, sequence=first + at, follows=first + at - 1 if at else follows)
                for at, one in enumerate(entries)
            ]

        return self._rows.append_decided(
            lambda known: Decision(numbered(known.height + 1), known.height + len(entries))
        )


@dataclass(frozen=True, slots=True)
class Noting:
    """How entries of one source are made."""

    source: str
    topic: str
    keeps_content: bool
    at: datetime

    def set_aside(self, unread: Collection[Unread]) -> list[SetAside]:
        """Entries of messages that could not be read."""
        return [self._entry(one) for one in unread]

    def taken_in(self, waiting: Collection[SetAside]) -> list[SetAside]:
        """Entries of messages that could be read after all."""
        return [
            replace(one, became=Became.TAKEN_IN, reason="is taken in", content="", noted_at=self.at) for one in waiting
        ]

    def lost(self, gone: Collection[Gone], reason: str) -> list[SetAside]:
        """Entries of messages that are gone."""
        plain = SetAside(self.source, self.topic, 0, 0, 0, Became.LOST, reason, 0, "", noted_at=self.at)
        return [
            replace(plain, partition=one.partition, offset=one.wanted, through=one.earliest - 1) for one in sorted(gone)
        ]

    def _entry(self, unread: Unread) -> SetAside:
        message, value = unread.message, unread.message.value or b""
        number, offset = message.partition, message.offset
        plain = SetAside(self.source, self.topic, number, offset, offset, Became.SET_ASIDE, unread.reason, len(value))
        content = base64.b64encode(value).decode() if self.keeps_content else ""
        digest = hashlib.sha256(value).hexdigest()
        return replace(plain, sha256=digest, content=content, sent_at=message.at, noted_at=self.at)


def place_of(one: SetAside) -> tuple[int, int]:
    """Partition and offset."""
    return one.partition, one.offset
