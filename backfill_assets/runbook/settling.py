"""What became of a planned swap: it is brought to its end, called off, or found in the table afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime

from backfill_assets.core.events import Event
from backfill_assets.core.facts import SwapCommit, Swapped, SwapPlanned, SwapRefused
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import SwapIsOpen
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import Refused
from backfill_assets.errors.lake import CommitContended, LakeUnreachable
from backfill_assets.errors.swaps import (
    StagedFilesMissing,
    SwapCalledOff,
    SwapNumberBurnt,
    SwapNumberTaken,
    SwapUnrecorded,
    SwapUnverified,
)
from backfill_assets.runbook.carrying import extension, stale_after
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.gate import with_days_let_go
from backfill_assets.runbook.notify import measured_sums
from backfill_assets.runbook.readers import release_left, rewind_readers
from backfill_assets.storage import swap
from backfill_assets.storage.held import manifest_between
from backfill_assets.storage.layout import correction_of
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.swap_numbers import HEAD, RUN, STEP, Fate, burn, commit_of, fate_of, is_certain
from backfill_assets.storage.table import Commit, Table


def settle(ctx: StepContext, correction: str) -> Event | None:
    """Bring a swap that was planned and may or may not have happened to its end; None when there is none.

    The table is asked for those as well that the ledger has as refused (:func:`admit_swapped`), or has lost.

    Raises:
        SwapUnrecorded: when the table has a swap that the ledger has lost, and its log has lost what it was.
    """
    event: Event | None = None
    while True:
        progress = ctx.progress(correction)
        if progress.publication.planned in TAKE:
            event = take(ctx, *_planned(ctx, correction))
        elif not _planned_anew(ctx, progress):
            return admit_swapped(ctx, progress) or event


def call_off(ctx: StepContext, correction: str) -> None:
    """Settle a planned cut over without committing it, unless it has happened already.

    A planned roll back is taken: a person has decided on it, and the days would stay live without it.
    """
    if ctx.progress(correction).publication.planned is Step.CUT_OVER:
        planned, manifest = _planned(ctx, correction)
        if burn(ctx.records.table(ctx.table.name), correction, manifest.swap_count):
            reason = str(SwapCalledOff(correction, manifest.swap_count))
            ctx.record_if(correction, SwapRefused(planned.step, reason), _open(planned, manifest))
    settle(ctx, correction)


def admit_swapped(ctx: StepContext, progress: Progress) -> Event | None:
    """Write down a swap that the ledger has as refused and the table as committed; None when there is none.

    Software that did not burn refused numbers could leave one behind. A correction that was closed is open again by it.
    """
    correction, live = progress.plan.correction, ctx.table.name
    told = {event.fact.swap.swap_count for event in swaps_of(ctx, correction) if isinstance(event.fact, Swapped)}
    for manifest in ctx.records.ledger.manifests_of(correction):
        number = manifest.swap_count
        if number in told or not is_certain(ctx.records.snapshot(live), correction, number):
            continue
        at = _swapped_at(ctx, ctx.records.table(live).snapshot(), manifest)
        fact = _swapped(ctx, _planned(ctx, correction, number)[0], manifest, at, None)
        if told := ctx.record_next(progress, fact):
            return told
        release_left(ctx)
        return admit_swapped(ctx, ctx.progress(correction))
    return None


def _planned_anew(ctx: StepContext, progress: Progress) -> bool:
    """Write down the plan of a swap that the table has and the ledger has lost, as the table's log shows it."""
    correction, live = progress.plan.correction, ctx.records.newest(ctx.table.name)
    manifests = ctx.records.ledger.manifests_of(correction)
    number = 1 + max((manifest.swap_count for manifest in manifests), default=0)
    if live is None or fate_of(live, correction, number) is not Fate.SWAPPED:
        return False
    found = commit_of(live, correction, number)
    if found is None:
        raise SwapUnrecorded(correction, ctx.table.name, number)
    before, after = (ctx.records.snapshot(ctx.table.name, commit) for commit in (found[0] - 1, found[0]))
    manifest = manifest_between(before, after, correction, number)
    is_in = any(correction_of(file.path) == correction for file in manifest.arriving)
    planned = SwapPlanned(Step.CUT_OVER if is_in else Step.ROLL_BACK, number, manifest.days)
    ctx.record_next(progress, planned, manifest=manifest)
    return True


def _planned(ctx: StepContext, correction: str, number: int | None = None) -> tuple[SwapPlanned, Manifest]:
    """The last planned swap, or the one of a number, and its manifest."""
    facts = [event.fact for event in ctx.records.ledger.events(correction)]
    planned = [fact for fact in facts if isinstance(fact, SwapPlanned) and number in {None, fact.swap_count}][-1]
    manifests = ctx.records.ledger.manifests(correction)[correction]
    return planned, [manifest for manifest in manifests if manifest.swap_count == planned.swap_count][-1]


def take(ctx: StepContext, planned: SwapPlanned, manifest: Manifest) -> Event:
    """Commit a planned swap and write down, once, that it happened, or that it was refused and why.

    The planned days are those that it is about, also where live holds already what it would bring there. Before it is
    said to be refused its number is burnt, so that no process that has stopped on the way commits it later.
    """
    live_table, correction = _live_table(ctx, planned.step, manifest), manifest.correction
    if not manifest.days:
        return _tell_swapped(ctx, manifest, _swapped(ctx, planned, manifest, ctx.now, None))
    commit: Commit | None = None
    try:
        commit = TAKE[planned.step](live_table, manifest, metadata=_commit_metadata(ctx, planned.step, correction))
    except (CommitContended, LakeUnreachable):
        raise  # Nobody has refused it, and it stays planned.
    except SwapUnverified as error:
        at = _swapped_at(ctx, live_table.snapshot(), manifest)
        _tell_swapped(ctx, manifest, replace(_swapped(ctx, planned, manifest, at, None), unverified=str(error)))
        raise
    except Refused as error:
        if isinstance(error, SwapNumberTaken) or burn(live_table, correction, manifest.swap_count):
            refused = _refused(ctx, planned.step, live_table.snapshot(), manifest, error)
            ctx.record_if(correction, refused, _open(planned, manifest))
            raise
    at = ctx.time_of(commit.at) if commit else _swapped_at(ctx, live_table.snapshot(), manifest)
    return _tell_swapped(ctx, manifest, _swapped(ctx, planned, manifest, at, commit))


def _commit_metadata(ctx: StepContext, step: Step, correction: str) -> dict[str, str]:
    return {
        STEP: str(step),
        RUN: ctx.run_id,
        HEAD: ctx.records.ledger.head(correction),
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


def _tell_swapped(ctx: StepContext, manifest: Manifest, fact: Swapped) -> Event:
    """Write down that a planned swap has happened; of two that took it at once, one does.

    Raises:
        SwapNumberBurnt: when it has not, because somebody called it off.
    """
    correction, number = manifest.correction, manifest.swap_count
    told = ctx.record_if(correction, fact, SwapIsOpen(correction, fact.step, number))
    if told is None:
        release_left(ctx)
    return told or told_of(ctx, correction, number)


def _open(planned: SwapPlanned, manifest: Manifest) -> SwapIsOpen:
    return SwapIsOpen(manifest.correction, planned.step, manifest.swap_count)


def told_of(ctx: StepContext, correction: str, number: int) -> Event:
    """What somebody else wrote down about a swap that has happened."""
    admitted = admit_swapped(ctx, ctx.progress(correction))
    for event in (*swaps_of(ctx, correction), *([admitted] if admitted else ())):
        if isinstance(event.fact, Swapped) and event.fact.swap.swap_count == number:
            return event
    raise SwapNumberBurnt(correction, number)


def swaps_of(ctx: StepContext, correction: str) -> list[Event]:
    """Every swap and roll back that the ledger has as done, oldest first."""
    return [event for event in ctx.records.ledger.events(correction) if isinstance(event.fact, Swapped)]


def _read_from(ctx: StepContext, manifest: Manifest, commit: int | None) -> int:
    """The commit of a swap, from which on its days are what it brought; the newest where the log no longer says."""
    if commit is not None:
        return commit
    live = ctx.records.snapshot(ctx.table.name)
    found = commit_of(live, manifest.correction, manifest.swap_count)
    return live.commit if found is None else found[0]


def _swapped_at(ctx: StepContext, live: Snapshot, manifest: Manifest) -> datetime:
    """When the swap was committed, by the table's own log; now when the log no longer says."""
    found = commit_of(live, manifest.correction, manifest.swap_count)
    return ctx.time_of(found[1]) if found else ctx.now


def _moved(live: Snapshot, manifest: Manifest) -> list[date]:
    retired = swap.by_day(manifest.retired)
    return [day for day in manifest.days if live.names(day) != swap.names_of(retired.get(day, ()))]


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
