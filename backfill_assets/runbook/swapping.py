"""Step 6 and its way back: cut over and roll back, each exactly once, however often it is called."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Fact, SwapCommit, Swapped, SwapPlanned, SwapRefused
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import SwapIsOpen
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import NothingToRollBack, RollBackClosed
from backfill_assets.errors.lake import CommitContended
from backfill_assets.errors.swaps import StagedFilesMissing, SwapUnverified
from backfill_assets.runbook.carrying import extension, refuse_middle, stale_after
from backfill_assets.runbook.chains import Linked, record_together, to_go_back_after
from backfill_assets.runbook.context import StepContext, refuse_nameless, refuse_without_extent
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.gate import plan_again, plan_cut_over, plan_roll_back, with_days_let_go
from backfill_assets.runbook.notify import measured_sums
from backfill_assets.runbook.readers import rewind_readers
from backfill_assets.runbook.stale_readers import refuse_corrected_readers
from backfill_assets.storage import swap
from backfill_assets.storage.opening import commit_with
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Commit, Table


@stuck_when_unusable(Step.CUT_OVER)
def cut_over(ctx: StepContext, correction: str) -> Event:
    """Swap the changed days in by one commit, after the gate.

    One that was planned and may or may not have happened is settled first: the table's log knows. Days that somebody
    has changed since they were swapped in are swapped in again.

    Raises:
        NotApproved: when the gate is closed.
        CertificateOutdated: when live or staged moved since validation; exactly those days are staged again.
    """
    while True:
        settle(ctx, correction)
        progress = ctx.progress(correction)
        if progress.publication.planned in TAKE:
            continue
        again = progress.publication.moved & progress.publication.swapped
        if Step.CUT_OVER in progress.done and not again:
            return _last(ctx, correction, Step.CUT_OVER)
        manifest = plan_again(ctx, progress, again) if again else plan_cut_over(ctx, progress)
        planned = SwapPlanned(Step.CUT_OVER, manifest.swap_count, manifest.days)
        if ctx.record_next(progress, planned, manifest=manifest):
            return _take(ctx, planned, manifest)


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
        return settle(ctx, correction) or _last(ctx, correction, Step.ROLL_BACK)
    refuse_without_extent(correction, days, all_days=all_days)
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
        back = settled.fact.swap.days if settled and isinstance(settled.fact, Swapped) and taken_up else ()
        wanted = inside | undone if all_days else {*days} - {*back}
        if settled and taken_up and not wanted:
            return settled
        if not wanted or not wanted <= inside | undone:
            noun = progress.plan.window.grain.value
            raise NothingToRollBack(correction, frozenset(wanted) - inside - undone, noun)
        if event := _taken_back(ctx, progress, frozenset(wanted), note, all_days=all_days):
            return event


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
        return _take(ctx, fact, manifest) if ctx.record_next(progress, fact, manifest=manifest) else None
    writings = [one.writing(fact, manifest=manifest) for one, fact, manifest in planned]
    if record_together(writings, [one for one, _ in back]) is None:
        return None
    return [_take(one.ctx, fact, manifest) for one, fact, manifest in reversed(planned)][-1]


def settle(ctx: StepContext, correction: str) -> Event | None:
    """Bring a swap that was planned and may or may not have happened to its end; None when there is none."""
    progress = ctx.progress(correction)
    if progress.publication.planned is not Step.CUT_OVER and progress.publication.planned is not Step.ROLL_BACK:
        return None
    manifest = ctx.records.ledger.manifests(correction)[correction][-1]
    planned = (event.fact for event in reversed(ctx.records.ledger.events(correction)))
    return _take(ctx, next(fact for fact in planned if isinstance(fact, SwapPlanned)), manifest)


def _take(ctx: StepContext, planned: SwapPlanned, manifest: Manifest) -> Event:
    """Commit a planned swap and write down, once, that it happened, or that it was refused and why.

    The planned days are those that it is about, also where live holds already what it would bring there.
    """
    live_table = _live_table(ctx, planned.step, manifest)
    if not manifest.days:
        return _tell_settled(ctx, manifest, _swapped(ctx, planned, manifest, ctx.now, None))
    try:
        commit = TAKE[planned.step](live_table, manifest, metadata=_commit_metadata(ctx, planned.step))
    except CommitContended:
        raise
    except SwapUnverified as error:
        at = swapped_at(ctx, live_table.snapshot(), manifest)
        _tell_settled(ctx, manifest, replace(_swapped(ctx, planned, manifest, at, None), unverified=str(error)))
        raise
    except Refused as error:
        _tell_settled(ctx, manifest, _refused(ctx, planned.step, live_table.snapshot(), manifest, error))
        raise
    at = ctx.time_of(commit.at) if commit else swapped_at(ctx, live_table.snapshot(), manifest)
    return _tell_settled(ctx, manifest, _swapped(ctx, planned, manifest, at, commit))


def _commit_metadata(ctx: StepContext, step: Step) -> dict[str, str]:
    return {
        "backfill_assets/step": str(step),
        "backfill_assets/run": ctx.run_id,
        "backfill_assets/actor": ctx.actor,
        "backfill_assets/code_version": ctx.table.code.version,
        "backfill_assets/git_commit": ctx.table.code.git_commit,
    }


def _refused(ctx: StepContext, step: Step, live: Snapshot, manifest: Manifest, error: Refused) -> SwapRefused:
    """That a swap was refused; of a cut over also what is to be staged before another, grown to what is published."""
    restage = _to_restage(ctx, live, manifest, error)
    if step is not Step.CUT_OVER or manifest.around is None:
        return SwapRefused(step, str(error), restage)
    extended, again = extension(ctx, ctx.progress(manifest.correction).plan, live) or (None, frozenset[date]())
    if not again and manifest.around.moved(live.fingerprint):
        again = frozenset(manifest.days)
    return SwapRefused(step, str(error), tuple(sorted({*restage, *again})), extended)


def _to_restage(ctx: StepContext, live: Snapshot, manifest: Manifest, error: Refused) -> tuple[date, ...]:
    """Days to be computed anew after a refusal; swapped in once, they are not."""
    if set(manifest.days) & ctx.progress(manifest.correction).publication.swapped:
        return ()
    return manifest.days if isinstance(error, StagedFilesMissing) else tuple(_moved(live, manifest))


TAKE: Mapping[Step, Callable[..., Commit | None]] = {Step.CUT_OVER: swap.cut_over, Step.ROLL_BACK: swap.roll_back}


def _live_table(ctx: StepContext, step: Step, manifest: Manifest) -> Table:
    """Live, with the columns that the staged version brings when it is swapped in."""
    table = ctx.table.name
    if step is Step.CUT_OVER and manifest.days:
        return ctx.records.table(table, ctx.records.staged(table, manifest.correction).schema)
    return ctx.records.table(table)


def _tell_settled(ctx: StepContext, manifest: Manifest, fact: Swapped | SwapRefused) -> Event:
    """Write down what became of a planned swap; of two that took it at once, one does."""
    correction = manifest.correction
    told = ctx.record_if(correction, fact, SwapIsOpen(correction, fact.step, manifest.swap_count))
    return told or _settled(ctx, fact, manifest)


def _settled(ctx: StepContext, fact: Swapped | SwapRefused, manifest: Manifest) -> Event:
    """What somebody else wrote down about a swap."""
    same = [event for event in ctx.records.ledger.events(manifest.correction) if type(event.fact) is type(fact)]
    mine = [event for event in same if _number(event.fact) == manifest.swap_count and event.step is fact.step]
    return mine[-1] if mine else _last(ctx, manifest.correction, fact.step, fact.outcome)


def _number(fact: Fact) -> int | None:
    return fact.swap.swap_count if isinstance(fact, Swapped) else None


def _last(ctx: StepContext, correction: str, step: Step, outcome: Outcome = Outcome.DONE) -> Event:
    events = ctx.records.ledger.events(correction)
    return next(event for event in reversed(events) if event.step is step and event.outcome is outcome)


def _read_from(ctx: StepContext, manifest: Manifest, commit: int | None) -> int:
    """The commit of a swap, from which on its days are what it brought; the newest where the log no longer says."""
    if commit is not None:
        return commit
    live = ctx.records.snapshot(ctx.table.name)
    found = commit_with(live, _marks_of(manifest))
    return live.commit if found is None else found[0]


def swapped_at(ctx: StepContext, live: Snapshot, manifest: Manifest) -> datetime:
    """When the swap was committed, by the table's own log; now when the log no longer says."""
    found = commit_with(live, _marks_of(manifest))
    return ctx.time_of(found[1]) if found else ctx.now


def _marks_of(manifest: Manifest) -> dict[str, str]:
    """What the commit of a swap says of itself in the table's log."""
    return {"backfill_assets/correction": manifest.correction, "backfill_assets/swap": str(manifest.swap_count)}


def _moved(live: Snapshot, manifest: Manifest) -> list[date]:
    held = {
        day: frozenset((file.path, file.size) for file in manifest.retired if file.day == day) for day in manifest.days
    }
    return [day for day in manifest.days if live.names(day) != held[day]]


def _swapped(
    ctx: StepContext, planned: SwapPlanned, manifest: Manifest, at: datetime, commit: Commit | None
) -> Swapped:
    about = with_days_let_go(ctx, manifest, planned.days)
    plan, back = ctx.records.ledger.progress(manifest.correction).plan, planned.step is Step.ROLL_BACK
    number = commit.number if commit else None
    milliseconds = round(commit.milliseconds, 1) if commit else None
    return Swapped(
        step=planned.step,
        swap=SwapCommit(about.swap_count, about.days, at, number, milliseconds),
        reach=ctx.surroundings.reach(about.days),
        rewound=tuple(
            rewind_readers(ctx, manifest.correction, plan.window, about.days, _read_from(ctx, manifest, number))
        ),
        note=planned.note,
        sums=measured_sums(ctx, about, back=back),
        stale=stale_after(ctx, plan, about.days) if back else (),
    )
