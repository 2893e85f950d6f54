"""The approval of what was validated, of one table or of all that are corrected together."""

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Approved
from backfill_assets.core.given import is_same_person, written
from backfill_assets.core.requirements import Nothing
from backfill_assets.core.steps import Step
from backfill_assets.core.window import closed_among
from backfill_assets.errors.correction import ApprovalPremature
from backfill_assets.errors.deciding import SecondNameNeeded
from backfill_assets.runbook.chains import Linked, linked, record_together, refuse_follower
from backfill_assets.runbook.context import StepContext, refuse_nameless


def approve(ctx: StepContext, correction: str, note: str, *, override: bool = False) -> Event:
    """Let a validated correction through, and with it the others of its chain that wait.

    With ``override`` also one that failed. Name and reason are recorded.

    Raises:
        NameNeeded: when it is nobody who decides.
        ApprovalPremature: when it is not validated, or failed and no override was given.
        SecondNameNeeded: when the same person approves twice what changes a closed month.
        LedByAnother: when another correction leads its chain.
    """
    progress = ctx.progress(correction)
    refuse_nameless(ctx, "override the checks of" if override else "approve", correction)
    refuse_follower(progress.plan, "approve")
    chain = linked(ctx, progress.plan)
    waiting = [one for one in chain if Step.CUT_OVER not in one.progress.done and not one.progress.is_approved] or chain
    if override:
        waiting = [one for one in waiting if one.progress.gate.certificate] or waiting
    writings = [one.writing(_approval(one, note, override=override), Nothing()) for one in waiting]
    return next(iter(record_together(writings, chain) or ()))


def _approval(one: Linked, note: str, *, override: bool) -> Approved:
    """The approval of one correction, where it may be approved."""
    ctx, progress, correction = one.ctx, one.progress, one.correction
    if progress.is_closed:
        raise ApprovalPremature(correction, f"it is {progress.publication.ending}", "Open a new one")
    if not progress.gate.certificate or Step.CUT_OVER in progress.done:
        why = "it is cut over already" if Step.CUT_OVER in progress.done else "it is not validated yet"
        raise ApprovalPremature(correction, why, f"See the status of {correction}")
    if not progress.gate.passed and not override:
        raise ApprovalPremature(correction, "its validation failed", "Look at its checks, or override them by name")
    if override and not written(note):
        raise ApprovalPremature(correction, "an override needs a reason", "Give it as its note")
    closed = closed_among(progress.gate.changed, ctx.records.closed_months.current())
    if closed and progress.gate.approval is not None and is_same_person(progress.gate.approval.by, ctx.actor):
        raise SecondNameNeeded(correction, ctx.actor, closed)
    overrides = override and not (progress.plan.chain and progress.gate.passed)
    return Approved(progress.gate.certificate, progress.plan.digest, note, overrides, tuple(closed))
