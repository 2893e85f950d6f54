"""What a swap is planned from: the gate of a cut over, what a roll back takes back, and what is put right again."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.chain import wait_for_cut_over
from backfill_assets.core.facts import CutOverHeld, SwapRefused, ValidationVoided
from backfill_assets.core.plan import Plan
from backfill_assets.core.position import Switch
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.core.window import closed_among
from backfill_assets.errors.base import listed
from backfill_assets.errors.chains import OutOfTurn
from backfill_assets.errors.correction import (
    CertificateOutdated,
    CertificateUnknown,
    ManifestsMissing,
    NotApproved,
    StepsMissing,
)
from backfill_assets.errors.state import LaterSlotsPublished
from backfill_assets.errors.swaps import RetiredFilesMissing, StagedFilesMissing
from backfill_assets.runbook.carrying import around, extension
from backfill_assets.runbook.chains import linked, reading_staged, refuse_other_inputs, to_swap
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import chain_of, happened, left, staged_version
from backfill_assets.storage import swap
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest, after_swaps, days_missing


def plan_cut_over(ctx: StepContext, progress: Progress) -> Manifest:
    """The swap of the changed days of the certificate, if the gate is open and nothing has moved.

    Raises:
        NotApproved: when the gate is closed.
        OutOfTurn: when another of its chain is not approved, or has to be cut over first.
        InputsStagedAgain: when a table of its chain was staged from other days than those that are swapped in.
        StepsMissing: when the reports are not frozen.
        CertificateOutdated: when live or staged moved since validation; exactly those days are staged again.
        LaterSlotsPublished: when state is carried, and days were published since, which are staged as well.
    """
    plan, correction = progress.plan, progress.plan.correction
    _refuse_unapproved(progress)
    if plan.chain:
        _refuse_out_of_turn(ctx, progress)
    if Step.FREEZE_REPORTS not in progress.done:
        raise StepsMissing(correction, Step.CUT_OVER, {Step.FREEZE_REPORTS})
    certificate = _certificate(ctx, progress)
    _refuse_unseconded(ctx, progress, certificate)
    staged_table = staged_version(ctx.records, plan)
    live, staged = ctx.records.table(plan.table, staged_table.schema).snapshot(), staged_table.snapshot()
    _refuse_moved(ctx, progress, certificate, live, staged)
    _refuse_published_since(ctx, progress, live)
    days = to_swap(plan, certificate.changed_days) - progress.publication.swapped
    manifest = swap.plan_cut_over(
        live,
        staged,
        correction=correction,
        swap_count=_next_swap_count(ctx, correction),
        days=days,
        certified_live=certificate.live,
        certified_staged=certificate.staged,
    )
    return replace(manifest, around=around(plan, live, days), switch=_switch(plan))


def _refuse_out_of_turn(ctx: StepContext, progress: Progress) -> None:
    """Refuse the cut over of one of a chain before all are approved, or before those that it reads are cut over.

    The tables are asked too: of those before, whether they still hold what was swapped in, and of those after, whether
    they were staged from what is swapped in now.
    """
    correction, others = progress.plan.correction, chain_of(ctx.records, progress)
    if waits := wait_for_cut_over(progress, others):
        raise OutOfTurn(correction, waits.sentence.removesuffix("."))
    for one in linked(ctx, progress.plan):
        plan = one.progress.plan
        if Step.CUT_OVER not in one.progress.done:
            refuse_other_inputs(reading_staged(one.ctx, plan), plan, staged_version(one.ctx.records, plan).snapshot())


def _certificate(ctx: StepContext, progress: Progress) -> Certificate:
    """The certificate that the ledger names; where the store has lost it, validation is to make it anew."""
    try:
        return ctx.records.certificates.find(progress.gate.certificate)
    except CertificateUnknown as error:
        ctx.record_next(progress, ValidationVoided(str(error)))
        raise


def plan_again(ctx: StepContext, progress: Progress, days: Collection[date]) -> Manifest:
    """The swap that makes live hold once more what the correction left on these days, whatever is there now.

    Raises:
        ManifestsMissing: naming days of which nothing says what was left there.
        StagedFilesMissing, RetiredFilesMissing: naming days of which a file is gone.
    """
    correction, live = progress.plan.correction, ctx.records.snapshot(progress.plan.table)
    known = left(ctx.records, progress, days)
    if lost := set(days) - known.keys():
        raise ManifestsMissing(correction, lost, live.partition.grain.value)
    arriving = tuple(file for day in sorted(days) for file in known[day].files)
    if gone := days_missing(live, arriving):
        raise (StagedFilesMissing if set(gone) & progress.publication.swapped else RetiredFilesMissing)(
            correction, gone
        )
    retired = tuple(file for files in live.files_of(sorted(days)).values() for file in files)
    return Manifest(correction, _next_swap_count(ctx, correction), retired, arriving)


def plan_roll_back(ctx: StepContext, progress: Progress, days: Collection[date]) -> Manifest:
    """The swap that takes these days back: those in live, and those that had gone back and were changed since."""
    correction = progress.plan.correction
    inside = set(days) & progress.publication.swapped
    again = plan_again(ctx, progress, set(days) - inside)
    if not inside:
        return again
    switch = _switch(progress.plan, is_back=True) if progress.publication.swapped <= inside else None
    back = swap.plan_roll_back(
        ctx.records.snapshot(progress.plan.table),
        happened(ctx.records, correction),
        correction=correction,
        swap_count=again.swap_count,
        days=inside,
    )
    both = {"retired": back.retired + again.retired, "arriving": back.arriving + again.arriving}
    return replace(back, switch=switch, **both)


def _switch(plan: Plan, *, is_back: bool = False) -> Switch | None:
    """What a swap does to the consumer of the table, where the correction was opened to read again beside it."""
    return Switch(plan.table, plan.inputs.beside, is_back) if plan.inputs.beside else None


def with_days_let_go(ctx: StepContext, manifest: Manifest, days: Collection[date]) -> Manifest:
    """The manifest, with those of the days that hold already what it would bring there: as if it had brought it."""
    let_go = set(days) - set(manifest.days)
    if not let_go:
        return manifest
    inside = after_swaps(happened(ctx.records, manifest.correction))
    known = [inside[day] for day in sorted(let_go) if day in inside]
    return replace(
        manifest,
        retired=manifest.retired + tuple(file for one in known for file in one.after),
        arriving=manifest.arriving + tuple(file for one in known for file in one.before),
    )


def _refuse_unapproved(progress: Progress) -> None:
    correction = progress.plan.correction
    if progress.is_closed:
        raise NotApproved(correction, f"it is {progress.publication.ending}")
    if not progress.gate.certificate:
        raise NotApproved(correction, "it has not been validated")
    if not progress.is_approved:
        why = "nobody has approved it" if progress.gate.approval is None else "its validation failed after the approval"
        raise NotApproved(correction, why)


def _refuse_unseconded(ctx: StepContext, progress: Progress, certificate: Certificate) -> None:
    """Two names for days of a month that is closed by now, also when it was open at validation."""
    closed = closed_among(certificate.changed_days, ctx.records.closed_months.current())
    if closed and progress.gate.seconded is None:
        correction = progress.plan.correction
        error = NotApproved(
            correction, f"it changes closed months ({listed(closed)}), which two people have to approve"
        )
        ctx.record_next(progress, CutOverHeld(str(error), tuple(closed)))
        raise error


def _refuse_moved(
    ctx: StepContext, progress: Progress, certificate: Certificate, live: Snapshot, staged: Snapshot
) -> None:
    """Refuse when any certified day moved, also one that was found unchanged: it may not be any more."""
    correction = progress.plan.correction
    moved = {
        day
        for day in certificate.staged.keys() - progress.publication.swapped
        if live.fingerprint(day) != certificate.live.get(day, "") or staged.fingerprint(day) != certificate.staged[day]
    }
    certified = {
        day: digest
        for day, digest in certificate.contents.staged.items()
        if day not in {*moved, *progress.publication.swapped}
    }
    moved |= {day for day, digest in staged.contents(certified).items() if digest != certified[day]}
    if moved:
        error = CertificateOutdated(correction, moved, progress.plan.window.grain.value)
        ctx.record_next(progress, SwapRefused(Step.CUT_OVER, str(error), tuple(sorted(moved))))
        raise error


def _refuse_published_since(ctx: StepContext, progress: Progress, live: Snapshot) -> None:
    """Let the plan grow by what was published since it was staged, where state is carried."""
    if (grows := extension(ctx, progress.plan, live)) is None:
        return
    extended, again = grows
    later = [day for day in live.days if day > progress.plan.window.last]
    correction = progress.plan.correction
    noun = progress.plan.window.grain.value
    error = LaterSlotsPublished(correction, later, noun) if later else CertificateOutdated(correction, again, noun)
    restage = tuple(sorted(again))
    ctx.record_next(progress, SwapRefused(Step.CUT_OVER, str(error), restage, extended))
    raise error


def _next_swap_count(ctx: StepContext, correction: str) -> int:
    """One more than any swap of the correction was ever planned with, so that no number is used twice."""
    planned = ctx.records.ledger.manifests_of(correction)
    return 1 + max((manifest.swap_count for manifest in planned), default=0)
