"""The outbox: every notice and what became of it, in ``_control/outbox``. Recorded before it is sent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from backfill_assets.core.notice import Notice
from backfill_assets.core.steps import NoticeKind
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of

RECORDED, SENT, FAILED = "recorded", "sent", "failed"
NO_CHANNEL = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """What happened to a notice on one channel; the text of one that is recorded already is not repeated."""

    message_id: str
    channel: str
    state: str
    correction: str
    event: NoticeKind
    number: int
    audience: str
    subject: str
    body: str
    why: str
    at: datetime

    @classmethod
    def of(cls, notice: Notice, channel: str, state: str, at: datetime, why: str = "") -> "Sending":
        """A notice that came to a state."""
        return cls(
            message_id=notice.message_id,
            channel=channel,
            state=state,
            correction=notice.correction,
            event=notice.event,
            number=notice.number,
            audience=notice.audience,
            subject=notice.subject,
            body=notice.body if state == RECORDED else "",
            why=why,
            at=at,
        )

    @property
    def notice(self) -> Notice:
        """The notice as it is recorded."""
        return Notice(self.correction, self.event, self.audience, self.subject, self.body, self.number)


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
        self._rows = RowTable(lake, "outbox", Sending)

    def record(self, notice: Notice, channels: Collection[str], at: datetime) -> None:
        """Write down that a notice is to be sent on these channels; one that is recorded already is left as it is."""
        wanted = list(channels) or [NO_CHANNEL]
        rows = [Sending.of(notice, channel, RECORDED, at) for channel in wanted]

        def decide(known: pl.DataFrame) -> Decision[Sequence[Sending], None]:
            return Decision(() if notice.message_id in set(known["message_id"]) else rows, None)

        self._rows.append_decided(decide)

    def tell(self, delivery: Delivery, at: datetime, why: str = "") -> None:
        """Write down that a notice was sent on a channel, or with a reason that it was not."""
        self._rows.append([Sending.of(delivery.notice, delivery.channel, FAILED if why else SENT, at, why)])

    def deliveries(self, correction: str = "") -> tuple[Delivery, ...]:
        """Every notice on every channel, of one correction or of all, in the order they were recorded."""
        rows = self._rows.rows()
        if correction:
            rows = rows.filter(pl.col("correction") == correction)
        found: dict[tuple[str, str], list[Sending]] = {}
        for one in values_of(Sending, rows):
            found.setdefault((one.message_id, one.channel), []).append(one)
        return tuple(_delivery(of_one) for of_one in found.values())

    def pending(self) -> tuple[Delivery, ...]:
        """What is still to be sent, oldest first."""
        return tuple(delivery for delivery in self.deliveries() if delivery.is_pending)


def _delivery(sendings: Sequence[Sending]) -> Delivery:
    first = next((one for one in sendings if one.state == RECORDED), sendings[0])
    failed = [one for one in sendings if one.state == FAILED]
    return Delivery(
        notice=first.notice,
        channel=first.channel,
        recorded_at=first.at,
        sent_at=next((one.at for one in sendings if one.state == SENT), None),
        failures=len(failed),
        why=failed[-1].why if failed else "",
    )
