"""A raw log that is fed from a topic: what a broker keeps for a while is kept for ever, one row a message."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.sources.broker import MOST_MESSAGES, PREFIX, Broker
from backfill_assets.sources.feeding import Fed, Feeding, feed, has_news, take_in_again
from backfill_assets.sources.landed import LandedFile
from backfill_assets.sources.messages import PLACE, Declared, Decode
from backfill_assets.sources.raw_log import RawLog
from backfill_assets.sources.set_aside import SetAside, SetAsideMessages
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.storage.records import Records
from backfill_assets.storage.topic_offsets import Offsets, offsets_of


@dataclass(frozen=True, kw_only=True, eq=False)
class TopicLog(RawLog):
    """The raw log of a source that sends a message a row.

    Each feed appends the messages that came since, and the offsets behind them, in one commit: a process that is killed
    has fed them or has not, and of two at once one begins again. A message whose key came before is a later arrival of
    its day, so that it counts once. What cannot be read is set aside by its place and keeps nothing else back. Days
    that the broker has lost can land as files, as those of any raw log.

    Args:
        topic: its name.
        dated_by: the column whose date is the day of a row, times by UTC.
        settings: what the variables of the environment that say how the broker is reached begin with.
        decode: makes the values of a message by column; one object of JSON if None.
        most_ahead: how far the day of a message may lie ahead of the one it was sent on, rather than be a slip.
        most_late: how long it may lie before that.

    .. code-block:: python

        READINGS = TopicLog(
            table="meter_readings",
            topic="readings",
            columns=pl.Schema({"reading": pl.String(), "at": pl.Datetime("us", "UTC"), "kwh": pl.Decimal(18, 3)}),
            key=("reading",),
            totals=ControlTotals(("kwh",)),
            dated_by="at",
        )
    """

    topic: str
    dated_by: str
    settings: str = PREFIX
    decode: Decode | None = None
    most_ahead: timedelta = timedelta(days=1)
    most_late: timedelta = timedelta(days=3660)

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = self.columns.get(self.dated_by)
        if not (kind == pl.Date or (isinstance(kind, pl.Datetime) and kind.time_zone)):
            raise ColumnsDeclaredWrongly(self.table, "dated_by", [self.dated_by], "which is no column of days or times")
        if taken := [name for name in PLACE if name in self.columns]:
            raise ColumnsDeclaredWrongly(self.table, "columns", taken, "which say where a message stood")

    @property
    def schema(self) -> pl.Schema:
        """The columns of the log: those of any raw log, and where each message stood."""
        return pl.Schema({**super().schema, **PLACE})

    @property
    def declared(self) -> Declared:
        """What is declared of its messages."""
        required = frozenset({*self.key, self.totals.measures[0], self.dated_by})
        return Declared(self.columns, required, self.dated_by, self.decode, self.most_ahead, self.most_late)

    @property
    def broker(self) -> Broker:
        """Where its topic is."""
        return Broker(self.topic, self.settings)

    def rows_of(self, landed: LandedFile, number: int, token_key: bytes) -> pl.DataFrame:
        """As of any raw log; rows of a landed file stood nowhere in the topic."""
        nowhere = [pl.lit(None, kind).alias(name) for name, kind in PLACE.items() if name not in landed.frame.columns]
        return super().rows_of(replace(landed, frame=landed.frame.with_columns(nowhere)), number, token_key)

    def feed(
        self,
        records: Records,
        token_key: bytes | TokenKeys,
        at: datetime,
        *,
        after_loss: str = "",
        at_most: int = MOST_MESSAGES,
        begin: datetime | None = None,
    ) -> Fed:
        """Append what came since the last feed, within bounded time; the rest is there for the next one.

        Args:
            records: the lake.
            token_key: what personal columns are tokenised with, as :meth:`ingest`.
            at: the time, UTC.
            after_loss: who goes on behind messages that are gone, and why; without, they are refused.
            at_most: how many messages one commit takes in.
            begin: from which time on a partition is read that never was; all that the broker holds of it if None.

        Raises:
            MessagesGone: when the broker has lost messages that were never read; those of other partitions were fed.
            TopicUnreachable, TopicMissing, BrokerUnset, BrokerUnusable: when nothing can be read.
            TopicMadeAnew: when it is not the topic that was read before.
            TopicUnlikeDeclared: when nearly nothing of what came can be read.
        """
        return feed(replace(self._feeding(records, token_key, at), at_most=at_most, begin=begin), after_loss)

    def take_in_again(self, records: Records, token_key: bytes | TokenKeys, at: datetime) -> Fed:
        """Read the messages that were set aside once more, as they are declared now.

        Those that can be read are appended in one commit; the others stay where they are.
        """
        return take_in_again(self._feeding(records, token_key, at))

    def has_news(self, records: Records) -> bool:
        """Whether the topic holds anything that was not fed. Asks the broker, and reads no message."""
        return has_news(self, self.broker, records)

    def offsets(self, records: Records) -> Offsets:
        """How far the topic was read."""
        found = records.newest(self.table)
        return Offsets() if found is None else offsets_of(found, self.topic)

    def set_aside(self, records: Records) -> list[SetAside]:
        """The messages that are set aside, by place."""
        return SetAsideMessages(records.lake, self.table).waiting(self.offsets(records).set_aside)

    def lost(self, records: Records) -> list[SetAside]:
        """What the broker lost before it was read."""
        return SetAsideMessages(records.lake, self.table).lost(self.offsets(records).set_aside)

    def reach(self) -> Mapping[int, tuple[int, int]]:
        """The earliest offset that the broker holds of each partition, and the next one that it will give."""
        with self.broker.reader() as reader:
            return reader.reach()

    def _feeding(self, records: Records, token_key: bytes | TokenKeys, at: datetime) -> Feeding:
        return Feeding(self, self.broker, self.declared, records, TokenKeys.of(token_key), at)
