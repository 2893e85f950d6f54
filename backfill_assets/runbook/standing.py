"""Where corrections stand: by the ledger, by the table, and what is next. What commands and the console show."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from backfill_assets.core.events import Event
from backfill_assets.core.next_step import NextStep, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import chain_of, looked
from backfill_assets.runbook.stale_readers import StaleReader, is_stale
from backfill_assets.storage.records import Records


def _next_of(records: Records, progress: Progress, now: datetime) -> NextStep:
    others = sharing(progress, records.ledger.all_progress())
    return next_step(progress, now, others=others, chain=chain_of(records, progress))


@dataclass(frozen=True, slots=True)
class Standing:
    """A correction with its events, its progress, and what is next; ``stale`` are other tables' days by it."""

    progress: Progress
    events: tuple[Event, ...]
    next_step: NextStep
    stale: tuple[StaleReader, ...] = ()

    def among(self, ctx: StepContext) -> Self:
        """The same, with what it makes stale of other tables; the step context is one of its table."""
        return replace(self, stale=tuple(is_stale(ctx, self.progress)))


def standings(records: Records, now: datetime, correction: str = "") -> list[Standing]:
    """Where one correction stands, or all, oldest first.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    ledger = records.ledger
    chosen = {correction: ledger.progress(correction)} if correction else ledger.all_progress()
    seen = {name: looked(records, progress) for name, progress in sorted(chosen.items())}
    return [
        Standing(progress, ledger.events(name), _next_of(records, progress, now)) for name, progress in seen.items()
    ]
