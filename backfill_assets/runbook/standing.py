"""Where corrections stand: by the ledger, by the table, and what is next. What commands and the console show."""

from dataclasses import dataclass
from datetime import datetime

from backfill_assets.core.events import Event
from backfill_assets.core.next_step import NextStep, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing
from backfill_assets.runbook.looking import looked
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Standing:
    """A correction with its events, its progress, and what is next."""

    progress: Progress
    events: tuple[Event, ...]
    next_step: NextStep


def standings(records: Records, now: datetime, correction: str = "") -> list[Standing]:
    """Where one correction stands, or all, oldest first.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    ledger = records.ledger
    chosen = {correction: ledger.progress(correction)} if correction else ledger.all_progress()
    seen = {name: looked(records, progress) for name, progress in sorted(chosen.items())}
    known = ledger.all_progress()
    return [
        Standing(progress, ledger.events(name), next_step(progress, now, others=sharing(progress, known)))
        for name, progress in seen.items()
    ]
