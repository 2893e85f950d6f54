"""How messages get from a topic into its raw log, with the offsets behind them in the same commit.

The next offsets are asked of the table, never of the broker. What was read is appended if they are the same still when
it is committed; otherwise somebody else was there first, and all of it is read again. Rows of the manifest, and the
list of messages set aside, are written before that commit and count only with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from backfill_assets.core.slots import Slot
from backfill_assets.errors.topics import Gone, MessagesGone, TopicMadeAnew, TopicUnlikeDeclared
from backfill_assets.sources.arrivals import MANIFEST, raw_manifest
from backfill_assets.sources.broker import MOST_MESSAGES, Batch, Broker, Reader, Received
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.message_arrivals import MessageArrivals, Numbering, arrivals_of
from backfill_assets.sources.messages import Declared, Unread, read_messages, told_once
from backfill_assets.sources.people import People
from backfill_assets.sources.set_aside import Noting, SetAside, SetAsideMessages, place_of
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.storage.commits import Change, Decision
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table
from backfill_assets.storage.topic_offsets import LOSS, NEXT, Offsets, apps_of, offsets_of

FEW = 1_000
"""So many messages of one feed may be set aside; more are the declaration's fault where they are most of it."""


@dataclass(frozen=True, slots=True)
class Feeding:
    """A feed of a topic's raw log: what is declared, the lake, the keys of tokens, and the time (UTC)."""

    log: LogRows
    broker: Broker
    declared: Declared
    records: Records
    keys: TokenKeys
    at: datetime
    at_most: int = MOST_MESSAGES
    begin: datetime | None = None

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.broker.topic

    @property
    def people(self) -> People:
        """The people that messages are of."""
        return People(self.log, self.records, self.keys)

    @property
    def noting(self) -> Noting:
        """How messages that are set aside are written down; those of people have their content in the topic alone."""
        return Noting(self.log.table, self.topic, not self.log.personal, self.at)


@dataclass(frozen=True, slots=True)
class Fed:
    """What a feed did: the slots and rows that it appended, and the messages that it set aside.

    ``is_all`` says whether it came as far as the topic did when it began; ``next`` are the offsets that are next.
    """

    slots: tuple[Slot, ...]
    rows: int
    set_aside: tuple[SetAside, ...]
    next: Mapping[int, int]
    is_all: bool = True


@dataclass(frozen=True)
class _Base:
    """What is built upon: a commit of the raw log, and how far its topic was read by then."""

    feeding: Feeding
    raw: Table
    before: Snapshot

    @property
    def known(self) -> Offsets:
        """How far the topic was read."""
        return offsets_of(self.before, self.feeding.topic)

    @property
    def list(self) -> SetAsideMessages:
        """The messages that are set aside."""
        return SetAsideMessages(self.feeding.records.lake, self.feeding.log.table)


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be read: from where to where, and what is gone."""

    begins: Mapping[int, int]
    ends: Mapping[int, int]
    gone: tuple[Gone, ...]


def has_news(log: LogRows, broker: Broker, records: Records) -> bool:
    """Whether the topic reaches further than it was read."""
    found = records.newest(log.table)
    known = Offsets() if found is None else offsets_of(found, broker.topic)
    with broker.reader() as reader:
        reached = reader.reach()
    return any(known.next.get(partition, low) != high for partition, (low, high) in reached.items())


def feed(feeding: Feeding, after_loss: str = "") -> Fed:
    """Append what came since the last feed; see ``TopicLog.feed``."""
    raw = _table(feeding)
    with feeding.broker.reader() as reader:
        while True:
            base = _Base(feeding, raw, raw.snapshot())
            due = _due(feeding, base.known, reader)
            lost = due.gone if after_loss else ()
            begins = {**due.begins, **{one.partition: one.earliest for one in lost}}
            fed = _append(base, reader.read(begins, due.ends, feeding.at_most), lost, after_loss)
            if fed is not None and due.gone and not after_loss:
                raise MessagesGone(feeding.topic, feeding.log.table, due.gone)
            if fed is not None:
                return fed


def take_in_again(feeding: Feeding) -> Fed:
    """Read the messages that were set aside once more; see ``TopicLog.take_in_again``."""
    raw = _table(feeding)
    while True:
        base = _Base(feeding, raw, raw.snapshot())
        waiting = base.list.waiting(base.known.set_aside)
        messages = _contents(feeding, waiting)
        arrivals, unread = _made(base, messages)
        there = {one[:2] for one in messages} - {one.message[:2] for one in unread}
        taken = [one for one in waiting if place_of(one) in there]
        still = tuple(one for one in waiting if one not in taken)
        if not taken or _committed(base, arrivals, base.known, feeding.noting.taken_in(taken), {}):
            return Fed(tuple(arrivals.frames), arrivals.rows, still, base.known.next)


def _table(feeding: Feeding) -> Table:
    feeding.people.refuse_unknown()
    raw = feeding.records.table(feeding.log.table, feeding.log.schema)
    raw.create()
    return raw


def _due(feeding: Feeding, known: Offsets, reader: Reader) -> _Due:
    """What is to be read of each partition; those of which messages are gone are left where they are.

    Raises:
        TopicMadeAnew: when it ends before what was read.
    """
    reached = reader.reach()
    short = {
        number: (known.next[number], high) for number, (_, high) in reached.items() if known.next.get(number, 0) > high
    }
    short |= {number: (read, 0) for number, read in known.next.items() if number not in reached and read}
    if short:
        raise TopicMadeAnew(feeding.topic, feeding.log.table, short)
    gone = tuple(
        Gone(number, known.next[number], low)
        for number, (low, _) in reached.items()
        if known.next.get(number, low) < low
    )
    lacking = {one.partition for one in gone}
    firsts = {number: low for number, (low, _) in reached.items()}
    if feeding.begin is not None and reached.keys() - known.next.keys():
        firsts |= reader.since(feeding.begin)
    begins = {number: known.next.get(number, firsts[number]) for number in reached if number not in lacking}
    return _Due(begins, {number: high for number, (_, high) in reached.items()}, gone)


def _append(base: _Base, batch: Batch, lost: Collection[Gone], after_loss: str) -> Fed | None:
    """Append a batch; None when somebody else was there first.

    Raises:
        TopicUnlikeDeclared: when nearly nothing of it can be read.
    """
    feeding, known = base.feeding, base.known
    arrivals, unread = _made(base, batch.messages)
    if len(unread) > max(FEW, len(batch.messages) // 2):
        raise TopicUnlikeDeclared(feeding.topic, len(unread), len(batch.messages), told_once(unread))
    entries = [*feeding.noting.lost(lost, after_loss), *feeding.noting.set_aside(unread)]
    after, is_all = replace(known, next={**known.next, **batch.next}), batch.is_all and not batch.below
    if after.next == known.next:
        return Fed((), 0, (), known.next, is_all)
    info = {LOSS: after_loss} if lost else {}
    if not _committed(base, arrivals, after, entries, info):
        return None
    return Fed(tuple(arrivals.frames), arrivals.rows, tuple(entries), after.next, is_all)


def _committed(
    base: _Base, arrivals: MessageArrivals, after: Offsets, entries: Collection[SetAside], info: Mapping[str, str]
) -> bool:
    """Append rows with the offsets behind them, unless the offsets or one of the days have moved since."""
    feeding, raw, before, known = base.feeding, base.raw, base.before, base.known
    files = raw.write_files({**arrivals.frames})
    told = {NEXT: {str(number): offset for number, offset in sorted(after.next.items())}, **info}
    with raw.unless_refused(files.values()):
        announced = arrivals.mapped(feeding.people).manifest_rows(raw.folder, files, feeding.at)
        rows = pl.DataFrame(announced, schema=MANIFEST)
        if len(rows):
            raw_manifest(feeding.records).append(lambda _: rows)
        counting = replace(after, set_aside=base.list.announce([*entries], known.set_aside))

    def decide(now: Snapshot) -> Decision[Change | None, None]:
        moved = offsets_of(now, feeding.topic) != known or any(now.names(day) != before.names(day) for day in files)
        change = Change(tuple(files.values()), (), apps_of(feeding.topic, counting), told)
        return Decision(None if moved else change, None)

    return raw.commit_written(decide, files.values()).commit is not None


def _made(base: _Base, messages: Collection[Received]) -> tuple[MessageArrivals, list[Unread]]:
    """What messages are as arrivals, and those that cannot be read, by place."""
    feeding = base.feeding
    read = read_messages([*messages], feeding.declared)
    made = arrivals_of(Numbering.of(feeding.people, base.before, feeding.topic, messages), read.rows)
    return made.arrivals, sorted((*read.unread, *made.unread), key=lambda one: one.message[:2])


def _contents(feeding: Feeding, waiting: Collection[SetAside]) -> list[Received]:
    """The messages that are set aside, of those whose content is still there: in the list, or in the topic."""
    by_place = {place_of(one): one for one in waiting}
    found = {place: Received(*place, one.sent_at, one.value) for place, one in by_place.items() if one.content}
    if elsewhere := by_place.keys() - found.keys():
        with feeding.broker.reader() as reader:
            there = reader.at(elsewhere)
        found |= {place: one for place, one in there.items() if by_place[place].is_of(one.value)}
    return [found[place] for place in sorted(found)]
