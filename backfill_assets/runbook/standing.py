"""Where corrections stand: by the ledger, by the table, and what is next. What commands and the console show."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from backfill_assets.core.chain import is_mixed, mixed_told
from backfill_assets.core.events import Event
from backfill_assets.core.next_step import NextStep, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import chain_of, looked
from backfill_assets.runbook.stale_readers import StaleReader, is_stale
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Standing:
    """A correction with its events, its progress, and what is next.

    ``stale`` are other tables' days by it, ``mixed`` says that tables that are corrected together may disagree.
    """

    progress: Progress
    events: tuple[Event, ...]
    next_step: NextStep
    stale: tuple[StaleReader, ...] = ()
    mixed: str = ""

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
    return [_standing(records, progress, now) for progress in seen.values()]


def _standing(records: Records, progress: Progress, now: datetime) -> Standing:
    chain, known = chain_of(records, progress), records.ledger.all_progress()
    decided = next_step(progress, now, others=sharing(progress, known), chain=chain)
    mixed = mixed_told(progress, chain) if is_mixed(progress, chain) else ""
    return Standing(progress, records.ledger.events(progress.plan.correction), decided, mixed=mixed)
