"""How long sources are kept, and what can be corrected with them, as a page below the published root."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from backfill_assets.pages.places import RETENTION
from backfill_assets.pages.shell import rendered
from backfill_assets.runbook.keeping import Outlook
from backfill_assets.storage.replacing import replace_text


def retention_page(found: Sequence[Outlook], now: datetime) -> str:
    """The whole page, self-contained."""
    return rendered("retention.html", title="What can still be corrected", attributes={}, found=found, now=now)


def write_retention(found: Sequence[Outlook], now: datetime, root: Path) -> Path:
    """Write it below the published root; returns where it lies."""
    target = root / RETENTION
    replace_text(target, retention_page(found, now))
    return target
