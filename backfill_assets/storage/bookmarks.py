"""The bookmark of a consumer, kept by its output table as numbers of applications.

It is committed with the rows that it speaks of, survives checkpoints and the cleanup of the log, and is read from the
handle that commits. A number may go back: a rewind is a commit like any other.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from backfill_assets.core.position import Bookmark, Position, Switch
from backfill_assets.storage.actions import milliseconds
from backfill_assets.storage.snapshot import Snapshot

App = tuple[str, int]
BEGAN = datetime.fromtimestamp(0, UTC)
PLACES = ("read", "owed", "farthest")


def app_of(consumer: str) -> str:
    """The application that counts the commits of a consumer to its output.

    >>> app_of("intraday_revenue")
    'consumer/intraday_revenue'
    """
    return f"consumer/{consumer}"


def bookmark_of(snapshot: Snapshot, consumer: str) -> Bookmark:
    """How far a consumer has come, by a commit of its output."""
    places = {name: _position(snapshot, f"{app_of(consumer)}/{name}") for name in PLACES}
    return Bookmark(snapshot.transaction_version(app_of(consumer)), **places)


def apps_of(consumer: str, bookmark: Bookmark) -> tuple[App, ...]:
    """The numbers by which a commit keeps a bookmark."""
    places = [_written(f"{app_of(consumer)}/{name}", getattr(bookmark, name)) for name in PLACES]
    return ((app_of(consumer), bookmark.commits), *(app for place in places for app in place))


def number_of(code: str) -> int:
    """The number that a table's log has of a code version."""
    return int(hashlib.sha256(code.encode()).hexdigest()[:12], 16)


def was_replaced(snapshot: Snapshot, consumer: str, code: str) -> bool:
    """Whether the consumer was switched away from a code version, and not back since."""
    return snapshot.transaction_version(f"{app_of(consumer)}/code") == number_of(code)


def switched(live: Snapshot, correction: str, switch: Switch) -> tuple[App, ...]:
    """The numbers by which a swap gives a consumer a bookmark and code, or gives it back what it had before.

    What it had is kept with them under the correction's name. Switched once it is not switched again.
    """
    consumer, beside = switch.consumer, switch.beside
    kept, now = f"{consumer}/before/{correction}", bookmark_of(live, consumer)
    own, is_on, code = f"{app_of(consumer)}/code", f"{app_of(kept)}/is_on", f"{app_of(kept)}/code"
    to, is_switched = Position(beside.numbers), bool(live.transaction_version(is_on))
    if is_switched is not switch.is_back:
        return ()
    if switch.is_back:
        before = bookmark_of(live, kept)
        owed = to if before.owed is None else to.lowest(before.owed)
        back = Bookmark(now.commits + 1, before.read, owed, now.farthest)
        return (*apps_of(consumer, back), (own, live.transaction_version(code)), (is_on, 0))
    earlier = (*apps_of(kept, now), (code, live.transaction_version(own)), (is_on, 1))
    return (*earlier, *apps_of(consumer, now.rewound(to)), (own, number_of(beside.replaces)))


def _position(snapshot: Snapshot, app: str) -> Position | None:
    parts = snapshot.transaction_version(f"{app}/parts")
    if not parts:
        return None
    at = snapshot.transaction_version(f"{app}/at")
    numbers = tuple(snapshot.transaction_version(f"{app}/{part}") for part in range(parts))
    return Position(numbers, BEGAN + timedelta(milliseconds=at) if at else None)


def _written(app: str, position: Position | None) -> list[App]:
    if position is None:
        return [(f"{app}/parts", 0)]
    numbers = [(f"{app}/{part}", number) for part, number in enumerate(position.numbers)]
    at = milliseconds(position.at) if position.at else 0
    return [(f"{app}/parts", len(numbers)), (f"{app}/at", at), *numbers]
