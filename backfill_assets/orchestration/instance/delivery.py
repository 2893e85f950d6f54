"""Notices on their way: recorded and written first, then sent through Apprise, and sent again until they arrive.

``BACKFILL_NOTIFY_<AUDIENCE>`` (``BACKFILL_NOTIFY_EXEC_OPS`` for ``exec-ops``) holds the Apprise URLs of an audience.
They may contain passwords and are never logged, stored or raised.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backfill_assets.core.notice import Notice
from backfill_assets.core.plain import one_line
from backfill_assets.errors.setup import ExtraMissing, needs_extra
from backfill_assets.orchestration.instance.channels import KINDS
from backfill_assets.pages.notices import notice_page
from backfill_assets.storage.outbox import Delivery
from backfill_assets.storage.records import Records
from backfill_assets.storage.replacing import replace_text

VARIABLE = "BACKFILL_NOTIFY_"
MESSAGE_ID = "X-Notice-Id"
# What an address begins with; whatever else stands there may be a secret.
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9]{0,19})://")
UNKNOWN_KIND = "of no known kind"


@dataclass(frozen=True)
class Post:
    """Where notices go: the folder of their Markdown, and the channels of each audience."""

    records: Records
    folder: Path
    now: datetime

    def publish(self, notice: Notice) -> str:
        """Record a notice, and write it down as text and as a page; returns its path. Sending is :meth:`deliver`'s."""
        self.records.outbox.record(notice, channels_of(notice.audience), self.now)
        target = self.folder / f"{notice.name}.md"
        replace_text(target, notice.body)
        replace_text(target.with_name(f"{notice.name}.html"), notice_page(notice))
        return str(target)

    def deliver(self) -> tuple[Delivery, ...]:
        """Send what is pending, once each; returns what is pending still.

        A channel that fails is not tried again for the other notices of this call. Sent, but killed before that
        could be written down, a notice goes out again later, with the same id.

        Raises:
            ExtraMissing: without Apprise, after that was written down for each notice that waits.
        """
        down: set[tuple[str, str]] = set()
        left: list[Delivery] = []
        missing: ExtraMissing | None = None
        for delivery in self.records.outbox.pending():
            channel = (delivery.notice.audience, delivery.channel)
            why = "" if channel not in down else delivery.why or "the channel is down"
            if not why:
                try:
                    why = _send(delivery)
                except ExtraMissing as error:
                    missing, why = error, "Apprise is not installed"
                self.records.outbox.tell(delivery, self.now, why)
            if why:
                down.add(channel)
                left.append(delivery)
        if missing is not None:
            raise missing
        return tuple(left)


def channels_of(audience: str) -> tuple[str, ...]:
    """The names of an audience's channels: their place, from 1, and their kind."""
    return tuple(_named(number, url) for number, url in enumerate(_urls(audience), start=1))


def _named(number: int, url: str) -> str:
    """A channel by its place and its kind; of one of no known kind, nothing is told."""
    return f"{number} {_kind(url) or UNKNOWN_KIND}"


def _kind(url: str) -> str:
    """What an address begins with, where that is a kind of channel; whatever else stands there is not told."""
    found = SCHEME.match(url)
    kind = found[1].casefold() if found else ""
    return kind if kind in KINDS else ""


def _urls(audience: str) -> list[str]:
    variable = VARIABLE + re.sub(r"\W", "_", audience).upper()
    told = os.environ.get(variable, "")
    return [url for url in re.split(r"[\s,]+(?=[A-Za-z0-9+]+://)", told.strip()) if url]


def _send(delivery: Delivery) -> str:
    """Send a notice on its channel; the empty string when it was accepted, else why not, never with an address."""
    urls = {_named(number, url): url for number, url in enumerate(_urls(delivery.notice.audience), start=1)}
    url = urls.get(delivery.channel)
    if url is None:
        return "the channel is not configured any more"
    if not _kind(url):
        return "the address does not begin with a kind of channel, such as mailto://"
    with _silent_apprise() as apprise:
        try:
            channel = apprise.Apprise.instantiate(_with_header(url, delivery.notice.message_id))
            if not channel:
                return "the address is not one that Apprise knows"
            accepted = channel.notify(
                title=one_line(delivery.notice.subject),
                body=delivery.notice.body,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 - whatever a channel does, the notice stays in the outbox
            return f"the channel failed ({type(error).__name__})"
    return "" if accepted else "the channel did not accept it"


def _with_header(url: str, message_id: str) -> str:
    """The address with the notice's id as a header, which mail, JSON, XML and form channels send; others ignore it."""
    return f"{url}{'&' if '?' in url else '?'}+{MESSAGE_ID}={message_id}"


@contextmanager
def _silent_apprise() -> Iterator[Any]:
    """Apprise without its log, which names hosts and targets."""
    with needs_extra("notify", "Sending notices"):
        import apprise

    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        yield apprise
    finally:
        logger.disabled = before
