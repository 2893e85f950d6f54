"""How the last turns of consumers failed, in ``_control/consumer_failures``; how far one is its output says alone."""

from dataclasses import dataclass
from datetime import datetime

from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """A turn that failed, in a sentence; an empty one is the first that did not fail again."""

    consumer: str
    said: str
    at: datetime


class ConsumerFailures:
    """The failures of all consumers of a lake; the same one again, in a row, is written once."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "consumer_failures", TurnFailed)

    def last(self, consumer: str) -> TurnFailed | None:
        """Why the last turn failed; None when it did not."""
        found = _last([*values_of(TurnFailed, self._rows.rows())], consumer)
        return found if found and found.said else None

    def note(self, consumer: str, said: str, at: datetime) -> None:
        """Write down how a turn ended: with a failure, or empty without."""
        if (before := self.last(consumer)) is None and not said:
            return
        if before is not None and before.said == said:
            return
        row = TurnFailed(consumer, said, at)
        self._rows.append_decided(lambda _known: Decision([row], None))


def _last(rows: list[TurnFailed], consumer: str) -> TurnFailed | None:
    return next((row for row in reversed(rows) if row.consumer == consumer), None)
