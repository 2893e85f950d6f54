"""Reading again: a consumer's bookmark is set back by a commit of its own, with who asked for it and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from backfill_assets.core.given import refuse_unsigned, written
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.position import Beside, Bookmark, Position
from backfill_assets.core.slots import Grain, Hour, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import because, quoted
from backfill_assets.errors.consuming import (
    LogNotReached,
    NothingToReplay,
    PositionUnread,
    ReplayNotReached,
    RequestElsewhere,
)
from backfill_assets.runbook.consuming import CONSUMER, POSITION, Turn
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.opening import open_correction
from backfill_assets.runbook.request import read_request, request_text
from backfill_assets.sources.log import News
from backfill_assets.storage.bookmarks import apps_of, bookmark_of
from backfill_assets.storage.commits import Change, Decision
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap_numbers import RUN

BY, REASON, FROM = "backfill_assets/by", "backfill_assets/reason", "backfill_assets/rewound_from"


@dataclass(frozen=True, slots=True)
class Rewind:
    """A bookmark that is set back: from where, to where, and what is read again by it."""

    before: Position
    to: Position
    again: News


def foretell(turn: Turn, text: str, reason: str = "") -> Rewind:
    """What setting the bookmark back to a place would do; ``text`` is a time or a place of the log's own.

    Raises:
        PositionUnread: when the text names no place.
        NothingToReplay: when the consumer has not come as far.
        ReplayNotReached: when the log does not reach back to it any more, with the correction that does the same.
    """
    log, records, read = turn.consumer.log, turn.records, turn.bookmark.read
    if read is None:
        raise NothingToReplay(turn.consumer.name, quoted(text), "nothing yet")
    to = _place(turn, text, reason)
    if not read.reaches(to):
        raise NothingToReplay(turn.consumer.name, log.told(to), log.told(read))
    try:
        return Rewind(read, to, log.since(records, to))
    except LogNotReached as error:
        raise _beyond(turn, log.told(to), to.at, reason) from error


def replay_of(turn: Turn, request: Request) -> str:
    """The time from which everything of the window of a request is read again: the beginning of its first slot.

    No record of a slot comes before the slot begins, so what lies before it is of other slots.

    Raises:
        RequestElsewhere: when it asks for another table than the consumer keeps.
    """
    consumer, first = turn.consumer, request.window.first
    if request.table != consumer.table:
        raise RequestElsewhere(consumer.name, request.table)
    if isinstance(first, datetime):
        return f"{first:%Y-%m-%dT%H:%MZ}"
    begins = datetime.combine(first, time(), ZoneInfo(consumer.partition.zone or "UTC"))
    return f"{begins.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def rewind(turn: Turn, text: str, reason: str) -> Rewind:
    """Set the bookmark back; the next turns read on from there.

    Raises:
        NameNeeded: when it is nobody who asks for it.
        PositionUnread, NothingToReplay, ReplayNotReached: as :func:`foretell`.
    """
    refuse_unsigned(turn.actor, f"set back {turn.consumer.name}")
    consumer, told = turn.consumer, foretell(turn, text, reason)

    def decide(live: Snapshot) -> Decision[Change | None, Position]:
        there = bookmark_of(live, consumer.name)
        before = there.read or told.to
        if not before.reaches(told.to):
            raise NothingToReplay(consumer.name, consumer.log.told(told.to), consumer.log.told(before))
        return Decision(Change(apps=apps_of(consumer.name, there.rewound(told.to)), metadata=_info(there)), before)

    def _info(there: Bookmark) -> dict[str, str]:
        return {
            CONSUMER: consumer.name,
            POSITION: consumer.log.told(told.to),
            FROM: consumer.log.told(there.read or told.to),
            BY: written(turn.actor),
            REASON: reason,
            RUN: turn.run_id,
        }

    done = turn.records.table(consumer.table).commit_decided(decide, touches_files=False)
    return Rewind(done.result, told.to, told.again)


def open_beside(ctx: StepContext, turn: Turn, text: str, reason: str, over: Collection[Slot], replaces: str) -> Plan:
    """Open a correction by which the slots that came after a place are read again beside live.

    It is staged, validated, approved, cut over and rolled back like any other; the commit of its cut over gives the
    consumer the bookmark of the place and the corrected code, and that of a full roll back what it had; the version of
    the code that it ``replaces`` is not used from then on. ``over`` are the slots that are complete: the consumer goes
    on with all others, and reads them again after the cut over. Where the log no longer reaches the place, the slots
    since then are read from its table, in their order.

    Raises:
        NameNeeded: when it is nobody who asks for it.
        PositionUnread, NothingToReplay: as :func:`foretell`.
    """
    refuse_unsigned(turn.actor, f"read again beside {turn.consumer.name}")
    log, table, records = turn.consumer.log, turn.consumer.table, turn.records
    try:
        told = foretell(turn, text, reason)
        to, touched = told.to, told.again.slots
    except ReplayNotReached as error:
        to, touched = log.earliest(records), frozenset(read_request(error.request).window.days)
        touched |= log.since(records, to).slots
    slots = sorted(touched & records.days(table) & frozenset(over))
    if not slots:
        raise NothingToReplay(turn.consumer.name, log.told(to), "nothing since then that is complete")
    window = Window.spanning(slots, turn.consumer.partition.grain)
    why = reason or f"{table} is read again from {log.told(to)} beside live."
    request = Request(table, window, why, days=() if len(slots) == len(window) else tuple(slots))
    return open_correction(ctx, request, Beside(to.numbers, replaces))


def _place(turn: Turn, text: str, reason: str) -> Position:
    log, records = turn.consumer.log, turn.records
    if (found := log.read(records, text)) is not None:
        return found
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise PositionUnread(log.name, text, log.told(log.newest(records))) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return log.position_at(records, at)
    except LogNotReached as error:
        raise _beyond(turn, f"{at:%Y-%m-%dT%H:%MZ}", at, reason) from error


def _beyond(turn: Turn, wanted: str, at: datetime | None, reason: str) -> ReplayNotReached:
    """The refusal, with a request of a correction of the slots since then, which reads the table and not its log."""
    log, records, table = turn.consumer.log, turn.records, turn.consumer.table
    slots, grain = sorted(records.days(table)), turn.consumer.partition.grain
    first = [slot for slot in slots if at is None or slot >= _slot_at(at, grain)]
    request: dict[str, Any] = {
        "table": table,
        "window": {"first": (first or slots[-1:])[0], "last": slots[-1]},
        "reason": f"{table} is to be read again from {wanted}, before what its log reaches{because(reason)}.",
        "watchers": [],
        "expect": {"same_rows": True},
        "approval": "manual",
    }
    head = f"# {log.name} no longer holds, one after the other, what came after {wanted}."
    told = request_text(head, request).rstrip()
    return ReplayNotReached(log.name, wanted, log.told(log.earliest(records)), log.told(log.newest(records)), told)


def _slot_at(at: datetime, grain: Grain) -> Slot:
    return Hour.of(at) if grain is Grain.HOUR else at.astimezone(UTC).date()
