"""Steps 4 and 5: every day staged, then old against new, and the approval that follows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from backfill_assets.core.audited import same_alone
from backfill_assets.core.certificate import Certificate, Contents
from backfill_assets.core.check import Check
from backfill_assets.core.events import Event
from backfill_assets.core.facts import (
    CheckResult,
    Compared,
    DaysStaged,
    DaysToRestage,
    Measured,
    StagingCompleted,
    Validated,
    ValidationVoided,
)
from backfill_assets.core.next_step import before_validation
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.requirements import NothingStagedSince
from backfill_assets.core.steps import Step
from backfill_assets.core.swapped import sums_by_month, sums_told
from backfill_assets.core.validation import validate_days
from backfill_assets.core.window import closed_among
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import StagingIncomplete, StepsMissing, ValidationFailed
from backfill_assets.errors.runs import StagedByOtherCode
from backfill_assets.runbook.carrying import staged_out_of_order
from backfill_assets.runbook.chains import (
    Linked,
    linked,
    others_unchanged,
    reading_staged,
    record_together,
    refuse_other_inputs,
    restage_after,
    upstream_of,
)
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import Evidence
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.looking import staged_version, staged_whole
from backfill_assets.runbook.notify import notify_waiting
from backfill_assets.runbook.planning import late_days
from backfill_assets.runbook.settling import settle
from backfill_assets.runbook.sides import Compare, Sides, compared
from backfill_assets.storage.builds import same_inputs
from backfill_assets.storage.ledger import Writing
from backfill_assets.storage.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation found: the comparison, the checks, and the certificate they ended in.

    ``other_inputs`` are days whose live rows were computed from other inputs, ``foreign`` those that somebody else
    wrote, ``late`` those whose source has moved since the correction was opened.
    """

    comparison: Comparison
    checks: tuple[Check, ...]
    certificate: Certificate
    other_inputs: frozenset[date]
    foreign: frozenset[date]
    late: frozenset[date]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


@stuck_when_unusable(Step.STAGE)
def stage(ctx: StepContext, correction: str) -> Event:
    """Find every day of the plan in the staged version, by looking, not by counting runs.

    Where the code changed between two waves, the days of the other version are to be staged again.

    Raises:
        StagingIncomplete: naming the days that are missing.
        StagedByOtherCode: naming the days that another version of the code staged than the rest.
    """
    progress = ctx.progress(correction)
    plan = progress.plan
    staged = staged_version(ctx.records, plan).snapshot()
    if missing := set(plan.days) - staged_whole(staged, plan.days):
        raise _restage(
            ctx, StagingIncomplete(correction, missing, len(plan.days), plan.window.grain.value), correction, missing
        )
    builds = ctx.records.builds.of_days(plan.table, staged.files_of(plan.days))
    versions = sorted({build.code_version for build in builds.values()})
    if len(versions) > 1:
        current = ctx.table.code.version
        other = {day: build.code_version for day, build in builds.items() if build.code_version != current}
        error = StagedByOtherCode(correction, other, set(other.values()), current, plan.window.grain.value)
        raise _restage(ctx, error, correction, other)
    _refuse_out_of_order(ctx, plan, staged)
    cost = round(progress.staging.spent.core_seconds, 3), plan.cost.core_seconds
    return ctx.record(correction, StagingCompleted(plan.version_name, len(plan.days), tuple(versions), *cost))


def _refuse_out_of_order(ctx: StepContext, plan: Plan, staged: Snapshot) -> None:
    if (error := staged_out_of_order(ctx, plan, staged)) is not None:
        raise _restage(ctx, error, plan.correction, {error.slot})


def _restage(ctx: StepContext, error: Refused, correction: str, days: Collection[date]) -> Refused:
    """Write down that days are to be staged again; returns the error to raise."""
    ctx.record(correction, DaysToRestage(tuple(sorted(days)), str(error)))
    return error


@stuck_when_unusable(Step.VALIDATE)
def validate(ctx: StepContext, correction: str, compare: Compare = compared) -> Validation:
    """Compare staged with live and with the source, and write the certificate down.

    Where every check passes, no day differs and none was ever swapped, the correction is closed by that.

    A failed validation is in the ledger too; whoever calls this decides whether it ends a run
    (:func:`refuse_failed`).

    Raises:
        StepsMissing: when the source is not verified, the watermarks not reset, or with a request the reports not
            frozen.
        StagingIncomplete: when days are missing.
        UpstreamNotValidated, InputsStagedAgain: when a table before it in its chain is not what it was staged from.
    """
    progress = ctx.progress(correction)
    if progress.publication.planned is None and settle(ctx, correction):
        progress = ctx.progress(correction)
    plan = progress.plan
    if early := set(before_validation(plan)) - progress.done:
        raise StepsMissing(correction, Step.VALIDATE, early)
    staged_table = staged_version(ctx.records, plan)
    staged = staged_table.snapshot()
    live = ctx.records.table(plan.table, staged_table.schema).snapshot()
    if missing := set(plan.days) - staged_whole(staged, plan.days):
        raise _restage(
            ctx, StagingIncomplete(correction, missing, len(plan.days), plan.window.grain.value), correction, missing
        )
    _refuse_out_of_order(ctx, plan, staged)
    reading = reading_staged(ctx, plan)
    refuse_other_inputs(reading, plan, staged)
    found = _validated(reading, plan, Sides(ctx.table, correction, live, staged, plan.days), compare)
    digest = ctx.records.certificates.keep(found.certificate, ctx.now, ctx.records.ledger.head(correction))
    closed = closed_among(found.certificate.changed_days, ctx.records.closed_months.current())
    fact = _as_fact(found, digest, tuple(closed))
    is_unchanged = fact.passed and not found.certificate.changed_days and progress.publication.swap_count == 0
    if is_unchanged and (others := others_unchanged(ctx, plan)) is not None:
        _close(ctx, progress, fact, others)
        return found
    notify_waiting(ctx, ctx.event(correction, fact))
    ctx.record(correction, fact)
    if plan.chain:
        restage_after(ctx, progress)
    return found


def _close(ctx: StepContext, progress: Progress, fact: Validated, others: Sequence[Writing]) -> None:
    """Write down that nothing has to change, unless days were staged meanwhile: then it is to be validated again."""
    correction = progress.plan.correction
    own = Linked(ctx, progress)
    required = NothingStagedSince(correction, progress.sequence)
    closing = own.writing(replace(fact, closes=True), required)
    if record_together([closing, *others], linked(ctx, progress.plan)) is None:
        reason = f"Days of correction {correction} were staged while it was validated."
        ctx.record(correction, ValidationVoided(reason))


def refuse_failed(found: Validation, plan: Plan) -> None:
    """Raise when a check failed.

    Raises:
        ValidationFailed: with the sentence of each failed check.
    """
    if found.failed:
        names = [check.name for check in found.failed]
        sentences = [check.sentence for check in found.failed]
        raise ValidationFailed(plan.version_name, names, sentences, plan.correction)


def _validated(ctx: StepContext, plan: Plan, sides: Sides, compare: Compare) -> Validation:
    table, records, live, staged = ctx.table, ctx.records, sides.live, sides.staged
    days = frozenset(plan.days)
    built = records.builds.of_days(plan.table, live.files_of(plan.days))
    restaged = records.builds.of_days(plan.table, staged.files_of(plan.days))
    # What a chain corrects before the table is meant to be other than it was, and so is what live was computed from of
    # itself.
    corrected = {plan.table, *(member.table for member in upstream_of(ctx, plan))}
    other = frozenset(
        day for day in built if day in restaged and not same_inputs(built[day], restaged[day], besides=corrected)
    )
    contents = Contents(staged.contents(plan.days), live.contents(plan.days))
    old, new = live.scan(plan.days), staged.scan(plan.days)
    by_slot = [table.partition.as_slots(side) for side in (old, new)]
    comparison = compare(sides).in_grain(plan.window.grain)
    evidence = Evidence(plan, records, by_slot[1], by_slot[0], plan.days, other)
    checks = (
        *validate_days(
            plan.request.expectation,
            comparison,
            old,
            new,
            days=plan.days,
            excluded=other,
            column=table.partition,
        ),
        *(check.worded(plan.window.grain) for prove in table.prove for check in prove(evidence)),
        *(check.worded(plan.window.grain) for check in _same_alone(ctx, plan)),
    )
    changed = frozenset(comparison.changed_days) | (days - live.days)
    certificate = Certificate(
        correction=plan.correction,
        plan=plan.digest,
        staged={day: staged.fingerprint(day) for day in plan.days},
        live={day: live.fingerprint(day) for day in plan.days},
        inputs={day: dict(build.inputs) for day, build in restaged.items()},
        changed_days=tuple(sorted(changed)),
        unchanged_days=tuple(sorted(days - changed)),
        checks=checks,
        contents=contents,
    )
    foreign = (days & live.days) - built.keys()
    return Validation(comparison, checks, certificate, other, frozenset(foreign), late_days(ctx, plan))


def _same_alone(ctx: StepContext, plan: Plan) -> list[Check]:
    facts = (event.fact for event in ctx.records.ledger.events(plan.correction))
    check = same_alone([fact for fact in facts if isinstance(fact, DaysStaged)], plan.days)
    return [check] if check else []


def _as_fact(found: Validation, digest: str, closed_months: tuple[str, ...]) -> Validated:
    comparison, certificate = found.comparison, found.certificate
    worst = comparison.worst_day
    compared = Compared(
        changed=certificate.changed_days,
        days_changed=len(certificate.changed_days),
        days_unchanged=len(certificate.unchanged_days),
        other_inputs=tuple(sorted(found.other_inputs)),
        foreign=tuple(sorted(found.foreign)),
        late=tuple(sorted(found.late)),
    )
    measured = Measured(
        totals={name: {"old": str(sums.old), "new": str(sums.new)} for name, sums in comparison.totals.items()},
        largest_day=str(worst.day) if worst else None,
        largest=sums_told(worst.sums) if worst else {},
        months=sums_by_month((day.day, day.sums) for day in comparison.days),
    )
    return Validated(
        passed=not found.failed,
        certificate=digest,
        closed_months=closed_months,
        compared=compared,
        measured=measured,
        checks=tuple(CheckResult(check.name, check.passed, check.sentence) for check in found.checks),
        reason=" ".join(check.sentence for check in found.failed),
    )
