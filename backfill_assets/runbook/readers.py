"""Who keeps a watermark on a table, and what a swap asks of them."""

from collections.abc import Collection
from datetime import date

from backfill_assets.core.window import Window
from backfill_assets.runbook.desk import Desk

NIGHTLY = "nightly"


def holders_of(desk: Desk) -> tuple[str, ...]:
    """Everyone who keeps a watermark on the table: nightly, the reports, and whoever registered."""
    registered = desk.records.watermarks.holders(desk.subject.table)
    return tuple(sorted({NIGHTLY, *desk.subject.reports, *desk.subject.holders, *registered}))


def internal_holders(desk: Desk) -> frozenset[str]:
    """Nightly, the reports, and whoever else moves its mark by our own doing."""
    known = desk.records.watermarks.holders(desk.subject.table)
    external = {name for name, holder in known.items() if holder.external}
    return frozenset(holders_of(desk)) - external - frozenset(desk.subject.holders)


def register_declared(desk: Desk) -> None:
    """Make the external holders known that the code declares."""
    for name in desk.subject.holders:
        desk.records.watermarks.register(name, desk.subject.table, by="code", at=desk.now, external=True)


def rewind_readers(desk: Desk, correction: str, window: Window, days: Collection[date]) -> list[str]:
    """After a swap or roll back: hold our own holders until they are rebuilt, make external ones read again.

    Returns the external holders that are awaited. Called again it changes nothing more.
    """
    if not days:
        return []
    register_declared(desk)
    watermarks, table = desk.records.watermarks, desk.subject.table
    watermarks.hold(correction, table, internal_holders(desk), window, by=desk.actor, at=desk.now)
    return list(watermarks.rewind(correction, table, Window.spanning(days), by=desk.actor, at=desk.now))
