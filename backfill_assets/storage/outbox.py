"""The outbox: every notice and what became of it, in ``_control/outbox``. Recorded before it is sent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from backfill_assets.core.notice import Notice
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema(
    {
        "message_id": pl.String(),
        "channel": pl.String(),
        "state": pl.String(),
        "correction": pl.String(),
        "event": pl.String(),
        "number": pl.Int64(),
        "audience": pl.String(),
        "subject": pl.String(),
        "body": pl.String(),
        "why": pl.String(),
        "at": pl.Datetime("us", "UTC"),
    }
)
RECORDED, SENT, FAILED = "recorded", "sent", "failed"
NO_CHANNEL = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on one channel, and whether it was told there: ``sent_at`` None is not yet.

    ``channel`` names a channel by its place among its audience's and its kind, never by its address; empty when the
    audience had none, and the notice is only written. ``why`` is the reason of the last failure.
    """

    notice: Notice
    channel: str
    recorded_at: datetime
    sent_at: datetime | None = None
    failures: int = 0
    why: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether it is still to be sent."""
        return bool(self.channel) and self.sent_at is None


class Outbox:
    """What was to be told, to whom, on which channels, and what became of it."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "outbox", SCHEMA)

    def record(self, notice: Notice, channels: Collection[str], at: datetime) -> None:
        """Write down that a notice is to be sent on these channels; one that is recorded already is left as it is."""
        wanted = list(channels) or [NO_CHANNEL]
        rows = pl.DataFrame([_row(notice, channel, RECORDED, at) for channel in wanted], schema=SCHEMA)

        def new(known: pl.DataFrame) -> pl.DataFrame | None:
            return None if notice.message_id in set(known["message_id"]) else rows

        self._rows.append(new)

    def tell(self, delivery: Delivery, at: datetime, why: str = "") -> None:
        """Write down that a notice was sent on a channel, or with a reason that it was not."""
        row = _row(delivery.notice, delivery.channel, FAILED if why else SENT, at, why)
        self._rows.append(lambda _: pl.DataFrame([row], schema=SCHEMA))

    def deliveries(self, correction: str = "") -> tuple[Delivery, ...]:
        """Every notice on every channel, of one correction or of all, in the order they were recorded."""
        rows = self._rows.rows()
        if correction:
            rows = rows.filter(pl.col("correction") == correction)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows.sort("at", maintain_order=True).iter_rows(named=True):
            found.setdefault((row["message_id"], row["channel"]), []).append(row)
        return tuple(sorted((_delivery(of_one) for of_one in found.values()), key=_order))

    def pending(self) -> tuple[Delivery, ...]:
        """What is still to be sent, oldest first."""
        return tuple(delivery for delivery in self.deliveries() if delivery.is_pending)


def _order(delivery: Delivery) -> tuple[datetime, str, str]:
    return (delivery.recorded_at, delivery.notice.name, delivery.channel)


def _delivery(rows: list[dict[str, Any]]) -> Delivery:
    first = next((row for row in rows if row["state"] == RECORDED), rows[0])
    sent = [row["at"] for row in rows if row["state"] == SENT]
    failed = [row for row in rows if row["state"] == FAILED]
    notice = Notice(
        first["correction"], first["event"], first["audience"], first["subject"], first["body"], first["number"]
    )
    return Delivery(
        notice=notice,
        channel=first["channel"],
        recorded_at=first["at"],
        sent_at=min(sent, default=None),
        failures=len(failed),
        why=failed[-1]["why"] if failed else "",
    )


def _row(notice: Notice, channel: str, state: str, at: datetime, why: str = "") -> dict[str, Any]:
    return {
        "message_id": notice.message_id,
        "channel": channel,
        "state": state,
        "correction": notice.correction,
        "event": notice.event,
        "number": notice.number,
        "audience": notice.audience,
        "subject": notice.subject,
        "body": notice.body if state == RECORDED else "",
        "why": why,
        "at": at,
    }
