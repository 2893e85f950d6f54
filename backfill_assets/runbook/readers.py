"""Who keeps a watermark on a table, and what a swap asks of them."""

from collections.abc import Collection
from datetime import date

from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.window import Window
from backfill_assets.runbook.context import StepContext

NIGHTLY = "nightly"


def holders_of(ctx: StepContext) -> tuple[str, ...]:
    """Everyone who keeps a watermark on the table: nightly where it has one, the reports, and whoever registered."""
    registered = ctx.records.watermarks.holders(ctx.table.name)
    known = ctx.table.consumers
    nightly = [NIGHTLY] if known.has_nightly else []
    return tuple(sorted({*nightly, *known.reports, *known.holders, *registered}))


def internal_holders(ctx: StepContext) -> frozenset[str]:
    """Nightly where there is one, the reports, and whoever else moves its mark by our own doing."""
    known = ctx.records.watermarks.holders(ctx.table.name)
    external = {name for name, holder in known.items() if holder.external}
    return frozenset(holders_of(ctx)) - external - frozenset(ctx.table.consumers.holders)


def register_declared(ctx: StepContext) -> None:
    """Make the external holders known that the code declares."""
    for name in ctx.table.consumers.holders:
        ctx.records.watermarks.register(name, ctx.table.name, by="code", at=ctx.now, external=True)


def rewind_readers(ctx: StepContext, correction: str, window: Window, days: Collection[date], commit: int) -> list[str]:
    """After a swap or roll back: hold our own holders until they are rebuilt, make external ones read again.

    ``commit`` is the swap's: what was read of an earlier one counts as not read. Returns the external holders that are
    awaited. Called again it changes nothing more.
    """
    if not days:
        return []
    register_declared(ctx)
    watermarks, table = ctx.records.watermarks, ctx.table.name
    watermarks.hold(correction, table, internal_holders(ctx), window, by=ctx.actor, at=ctx.now)
    spanned = Window.spanning(days, ctx.table.partition.grain)
    return [*watermarks.rewind(correction, table, spanned, by=ctx.actor, at=ctx.now, commit=commit)]


def release_left(ctx: StepContext) -> None:
    """Let go of our own holders that a process holds back which came too late.

    It stopped between its swap, or its decision, and the ledger, and another one has brought the correction further.
    """

    def is_over(correction: str) -> bool:
        progress = ctx.records.ledger.all_progress().get(correction)
        if progress is None or progress.publication.planned is not None:
            return False
        is_abandoned = progress.publication.ending is Ending.ABANDONED
        return is_abandoned or Step.REBUILD_DOWNSTREAM in progress.done

    ctx.records.watermarks.release_over(ctx.table.name, is_over, by=ctx.actor, at=ctx.now)
