"""The raw log of a topic as the log of a consumer: commit by commit, and by offsets where a person gives them."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from backfill_assets.core.position import NOTHING, Position
from backfill_assets.errors.consuming import LogNotReached
from backfill_assets.sources.delta_log import DeltaLog
from backfill_assets.sources.topic_log import TopicLog
from backfill_assets.storage.records import Records
from backfill_assets.storage.topic_offsets import offsets_of

OFFSETS = re.compile(r"\d{1,9}=\d{1,18}(?:[, ]+\d{1,9}=\d{1,18})*")


@dataclass(frozen=True)
class TopicCommits(DeltaLog):
    """A raw log that is fed from a topic.

    Its positions are commits, as of any raw log, so that days that landed as files are news too. Offsets, written
    such as ``0=1500, 3=1480``, name the last commit before any message from there on.
    """

    raw: TopicLog

    def read(self, records: Records, text: str) -> Position | None:
        """A commit, by its number or by offsets.

        Raises:
            LogNotReached: when the commits before those offsets were cleaned away.
        """
        if not OFFSETS.fullmatch(text.strip()):
            return super().read(records, text)
        wanted = {int(number): int(offset) for number, offset in re.findall(r"(\d+)=(\d+)", text)}
        first, newest = self.earliest(records).numbers[0] + 1, self.newest(records).numbers[0]
        commits = range(first, newest + 1)
        before = bisect_left(commits, x=True, key=lambda commit: self._is_beyond(records, commit, wanted))
        if before:
            return super().read(records, str(commits[before - 1]))
        if first > 0:
            earliest, last = self.told(self.earliest(records)), self.told(self.newest(records))
            raise LogNotReached(self.name, text, earliest, last)
        return Position((NOTHING,))

    def _is_beyond(self, records: Records, commit: int, wanted: Mapping[int, int]) -> bool:
        """Whether a message at or after the offsets is in the log at a commit."""
        there = offsets_of(records.snapshot(self.name, commit), self.raw.topic).next
        return any(there.get(number, 0) > offset for number, offset in wanted.items())
