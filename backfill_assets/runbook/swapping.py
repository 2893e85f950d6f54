"""Step 6 and its way back: cut over and roll back, each exactly once, however often it is called."""

from collections.abc import Collection
from datetime import date

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Swapped, SwapPlanned
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.correction import NothingToRollBack, RollBackClosed
from backfill_assets.runbook.carrying import refuse_middle
from backfill_assets.runbook.chains import Linked, record_together, to_go_back_after
from backfill_assets.runbook.context import StepContext, refuse_nameless, refuse_without_extent
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.gate import plan_again, plan_cut_over, plan_roll_back
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.settling import TAKE, settle, swaps_of, take, told_of
from backfill_assets.runbook.stale_readers import refuse_corrected_readers
from backfill_assets.storage.swap import Manifest


@stuck_when_unusable(Step.CUT_OVER)
def cut_over(ctx: StepContext, correction: str, *, again: bool = False) -> Event:
    """Swap the changed days in by one commit, after the gate.

    One that was planned and may or may not have happened is settled first: the table's log knows. Days that somebody
    has changed since they were swapped in are swapped in ``again`` only when a person asks for it: whoever was sent to
    cut over and comes late leaves what others wrote meanwhile.

    Raises:
        NotApproved: when the gate is closed.
        CertificateOutdated: when live or staged moved since validation; exactly those days are staged again.
        SwappedDaysMoved: when more is to be swapped in, and nobody has decided on the days that were changed.
    """
    settled: Event | None = None
    while True:
        settled = settle(ctx, correction) or settled
        progress = ctx.progress(correction)
        if progress.publication.planned in TAKE:
            continue
        changed = (progress.publication.moved & progress.publication.swapped) - _taken_up(settled, Step.CUT_OVER)
        if Step.CUT_OVER in progress.done and not (again and changed):
            return [event for event in swaps_of(ctx, correction) if event.step is Step.CUT_OVER][-1]
        if changed and not again:
            refuse_moved(progress)
        manifest = plan_again(ctx, progress, changed) if changed else plan_cut_over(ctx, progress)
        planned = SwapPlanned(Step.CUT_OVER, manifest.swap_count, manifest.days)
        if ctx.record_next(progress, planned, manifest=manifest):
            return take(ctx, planned, manifest)


def roll_back(
    ctx: StepContext, correction: str, days: Collection[date] = (), note: str = "", *, all_days: bool = False
) -> Event:
    """Bring the retired days back, those named or with ``all_days`` all; every day that landed since stays.

    In a chain, what was computed from them in the tables after it goes back first, the last table first.

    One that was planned and may or may not have happened is settled first. That is all that is done when neither
    is said: the decision was taken then, and a machine may bring it to its end. Days that hold what they held before
    already, because somebody restored them, are let go; days that had gone back and were changed since are brought
    back again.

    Raises:
        ExtentUnsaid, ExtentContradictory: when no roll back is planned and neither is said, or both.
        NameNeeded: when it is nobody who decides.
        RollBackClosed: when the correction is decommissioned or about to be.
        NothingToRollBack: when none of the days is live.
        LaterSlotsLeft: when state is carried, and days after these would stay.
        ReadersCorrected: when corrected days of another table were computed from them.
    """
    if not days and not all_days and ctx.progress(correction).publication.planned is Step.ROLL_BACK:
        number = ctx.records.ledger.manifests(correction)[correction][-1].swap_count
        return settle(ctx, correction) or told_of(ctx, correction, number)
    refuse_without_extent(ctx.records.ledger.progress(correction), days, all_days=all_days)
    refuse_nameless(ctx, "roll back", correction)
    settled: Event | None = None
    while True:
        settled = settle(ctx, correction) or settled
        progress = ctx.progress(correction)
        if progress.publication.planned in TAKE:
            continue
        if progress.is_closed or progress.publication.planned is Step.DECOMMISSION:
            raise RollBackClosed(correction)
        inside, undone = progress.publication.swapped, progress.publication.moved - progress.publication.swapped
        taken_up = settled is not None and settled.step is Step.ROLL_BACK
        # What came to these days after that swap, nobody who asked again has decided on.
        wanted = ({*inside, *undone} if all_days else {*days}) - _taken_up(settled, Step.ROLL_BACK)
        if settled and taken_up and not wanted:
            return settled
        if not wanted or not wanted <= inside | undone:
            noun = progress.plan.window.grain.value
            raise NothingToRollBack(correction, frozenset(wanted) - inside - undone, noun)
        if event := _taken_back(ctx, progress, frozenset(wanted), note, all_days=all_days):
            return event


def _taken_up(settled: Event | None, step: Step) -> frozenset[date]:
    """The days of a swap of this kind that was found planned, and is done."""
    fact = settled.fact if settled else None
    return frozenset(fact.swap.days) if isinstance(fact, Swapped) and fact.step is step else frozenset()


def _taken_back(
    ctx: StepContext, progress: Progress, days: frozenset[date], note: str, *, all_days: bool
) -> Event | None:
    """Take days back, those of tables after it in its chain first; None when something else was written meanwhile.

    All of it is planned in one commit, so that whoever goes on after a crash goes on with all of it.
    """
    later = to_go_back_after(ctx, progress, days, all_days=all_days) if progress.plan.chain else []
    back = [(Linked(ctx, progress), days), *later]
    planned: list[tuple[Linked, SwapPlanned, Manifest]] = []
    for one, wanted in back:
        if one.progress.publication.planned is not None:
            settle(one.ctx, one.correction)
            return None
        if one.progress.is_closed:
            raise RollBackClosed(one.correction)
        refuse_middle(one.progress, wanted)
        refuse_corrected_readers(one.ctx, one.progress, wanted & one.progress.publication.swapped)
        manifest = plan_roll_back(one.ctx, one.progress, wanted)
        planned.append((one, SwapPlanned(Step.ROLL_BACK, manifest.swap_count, tuple(sorted(wanted)), note), manifest))
    if not later:
        (_, fact, manifest) = planned[0]
        return take(ctx, fact, manifest) if ctx.record_next(progress, fact, manifest=manifest) else None
    writings = [one.writing(fact, manifest=manifest) for one, fact, manifest in planned]
    if record_together(writings, [one for one, _ in back]) is None:
        return None
    return [take(one.ctx, fact, manifest) for one, fact, manifest in reversed(planned)][-1]
