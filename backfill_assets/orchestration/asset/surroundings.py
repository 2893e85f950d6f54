"""What surrounds the runbook in a Dagster code location: partitions, and the folder and channels of readers."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import dagster as dg

from backfill_assets.core.events import Event
from backfill_assets.core.notice import Notice
from backfill_assets.orchestration.instance.clock import now_utc
from backfill_assets.orchestration.instance.delivery import Post
from backfill_assets.orchestration.instance.resources import place
from backfill_assets.orchestration.reports.reach import Reports
from backfill_assets.pages.publishing import publish_page
from backfill_assets.runbook import StepContext
from backfill_assets.storage.records import Records

# What cannot be made of what people read is returned in sentences; the rest is made.
Render = Callable[[Records, Path, Event | None], Collection[str]]


@dataclass(frozen=True)
class DagsterSurroundings:
    """The runbook's :class:`~backfill_assets.runbook.context.Surroundings`, by Dagster's partitions and in files."""

    records: Records
    reports: Reports
    render: Render | None = None
    linked: Callable[[StepContext], Mapping[str, StepContext]] = lambda _ctx: {}

    @property
    def post(self) -> Post:
        """Where the notices of the table go."""
        return Post(self.records, published_root() / "notices", now_utc())

    def unknown_days(self, days: Collection[date]) -> list[date]:
        """Those of the days that are no partitions of the table."""
        there = {*self.reports.slots.having(days)}
        return [day for day in days if day not in there]

    def reach(self, days: Collection[date]) -> dict[str, tuple[str, ...]]:
        """The report partitions that some days reach, as far as they exist."""
        table = self.reports.slots.table
        live = self.records.days(table)
        return self.reports.reach(days, live, now_utc())

    def publish(self, notice: Notice) -> str:
        """Record a notice and write it down for its readers; returns its path."""
        return self.post.publish(notice)

    def show(self, pending: Event | None = None) -> list[str]:
        """Bring what people read in line with the tables and with the ledger once ``pending`` is in it.

        Returns what could not be made, in sentences.
        """
        return list(self.render(self.records, published_root(), pending)) if self.render is not None else []

    def publish_page(self, ctx: StepContext, event: Event) -> None:
        """Write the page of the event's correction, when the event is one that it shows."""
        publish_page(ctx, event, published_root())

    def around(self, ctx: StepContext) -> Mapping[str, StepContext]:
        """The same context of each other correctable table around the table."""
        return self.linked(ctx)


def published_root() -> Path:
    """Where pages, files and notices for readers go: ``BACKFILL_PUBLISHED``, default ``data/published``."""
    return Path(place("", "BACKFILL_PUBLISHED", "data/published"))


def console_address(correction: str) -> str:
    """Where the console shows a correction; empty where ``BACKFILL_CONSOLE`` does not say where the console is."""
    return f"{told}/corrections/{quote(correction, safe='')}/" if (told := _console()) else ""


def page_shown(correction: str) -> dict[str, dg.MetadataValue]:
    """The link to where the console shows a correction, as Dagster shows it; nothing where there is no console."""
    return {"page": dg.MetadataValue.url(address)} if (address := console_address(correction)) else {}


def console_named() -> str:
    """The console as a description names it: as a link, where it is known where the console is."""
    return f"[the console]({told}/)" if (told := _console()) else "the console"


def _console() -> str:
    told = os.environ.get("BACKFILL_CONSOLE", "").strip().rstrip("/")
    return told if not told or "://" in told else f"http://{told}"
