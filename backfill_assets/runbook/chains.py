"""Corrections of tables that read each other, as one: what each reads of the others, and what is decided for all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from backfill_assets.core.carried import and_later
from backfill_assets.core.chain import has_passed
from backfill_assets.core.events import Event, last_of
from backfill_assets.core.facts import DaysToRestage, Fact, Validated
from backfill_assets.core.plan import Downstream, Member, Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Requirement, SequenceIs
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import counted
from backfill_assets.errors.chains import (
    DownstreamUnread,
    InputsStagedAgain,
    LedByAnother,
    TableNotAround,
    UpstreamNotValidated,
)
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.stale_readers import slots_reading
from backfill_assets.storage.ledger import Writing
from backfill_assets.storage.overlaid import Overlay
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest


@dataclass(frozen=True, slots=True)
class Linked:
    """One correction of a chain: a step context of its table, and where it stands."""

    ctx: StepContext
    progress: Progress

    @property
    def correction(self) -> str:
        """Its id."""
        return self.progress.plan.correction

    def writing(self, fact: Fact, required: Requirement | None = None, manifest: Manifest | None = None) -> Writing:
        """A fact of it to be written, by default if nothing else was written of it since it was read."""
        event = self.ctx.event(self.correction, fact)
        needed = required or SequenceIs(self.correction, self.progress.sequence)
        return Writing(event, needed, self.ctx.table.name, manifest)


def context_of(ctx: StepContext, table: str) -> StepContext:
    """The step context of a table of the chain.

    Raises:
        TableNotAround: when the code location does not say any more that the two read each other.
    """
    if table == ctx.table.name:
        return ctx
    around = ctx.surroundings.around(ctx)
    if table not in around:
        raise TableNotAround(ctx.table.name, table)
    return around[table]


def linked(ctx: StepContext, plan: Plan) -> list[Linked]:
    """Every correction of the chain, in order; the correction itself where it stands alone."""
    members = plan.chain or (Member(plan.correction, plan.table),)
    contexts = [(context_of(ctx, member.table), member.correction) for member in members]
    return [Linked(one, one.progress(correction)) for one, correction in contexts]


def refuse_follower(plan: Plan, what: str) -> None:
    """Refuse a decision on one correction that is taken for its whole chain. ``what`` is it, such as "approve".

    Raises:
        LedByAnother: naming the id to decide by.
    """
    if plan.is_follower:
        raise LedByAnother(plan.correction, plan.table, plan.lead, what)


def record_together(writings: Sequence[Writing], among: Collection[Linked]) -> tuple[Event, ...] | None:
    """Write facts of several corrections in one commit; None, and nothing written, when one has moved meanwhile."""
    by_id = {one.correction: one.ctx for one in among}
    some = next(iter(by_id.values()))
    events = some.records.ledger.record_all(writings)
    return None if events is None else tuple(by_id[event.correction].shown(event) for event in events)


def downstream_in_order(ctx: StepContext, wanted: Sequence[Downstream]) -> list[tuple[StepContext, Downstream]]:
    """The tables that are to be corrected together with one, each after those that it reads.

    Raises:
        DownstreamUnread: naming one that reads neither the table nor another of them, or stands there twice.
    """
    around, waiting = ctx.surroundings.around(ctx), [*wanted]
    placed: dict[str, tuple[StepContext, Downstream]] = {}
    names = [one.table for one in wanted]
    while waiting:
        chosen = {ctx.table.name, *placed}
        ready = [
            one
            for one in waiting
            if one.table in around
            and names.count(one.table) == 1
            and not chosen.isdisjoint(read := set(around[one.table].table.sources.names))
            and not (read & {other.table for other in waiting})
        ]
        if not ready:
            readers = [name for name, one in around.items() if chosen & set(one.table.sources.names)]
            raise DownstreamUnread(ctx.table.name, waiting[0].table, readers)
        placed |= {one.table: (around[one.table], one) for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return [*placed.values()]


# ---- what a table reads of those before it


def reading_staged(ctx: StepContext, plan: Plan) -> StepContext:
    """The same context, which reads of tables before it in the chain what they were validated with.

    Raises:
        UpstreamNotValidated: when one of them is not validated.
    """
    overlays: dict[str, Overlay] = {}
    for member in upstream_of(ctx, plan):
        progress = ctx.records.ledger.progress(member.correction)
        if not has_passed(progress):
            raise UpstreamNotValidated(plan.correction, plan.table, member.correction, member.table)
        overlays[member.table] = Overlay(member.correction, to_swap(progress.plan, progress.gate.changed))
    return ctx.reading_over(overlays)


def to_swap(plan: Plan, changed: Collection[date]) -> frozenset[date]:
    """The days that change; where state is carried all later ones too, for what they were computed from."""
    return and_later(changed, plan.days) if plan.carries_state else frozenset(changed)


def upstream_of(ctx: StepContext, plan: Plan) -> tuple[Member, ...]:
    """The members before this one whose tables it reads."""
    names = [member.correction for member in plan.chain]
    before = plan.chain[: names.index(plan.correction)] if names else ()
    return tuple(member for member in before if member.table in ctx.table.sources.names)


def refuse_other_inputs(ctx: StepContext, plan: Plan, staged: Snapshot) -> None:
    """Refuse staged days that were computed from what a table before them is not validated with any more.

    They are to be staged again.

    Raises:
        InputsStagedAgain: naming them.
    """
    if other := staged_from_others(ctx, plan, staged):
        error = InputsStagedAgain(plan.correction, plan.table, other, plan.window.grain.value)
        ctx.record(plan.correction, DaysToRestage(other, str(error)))
        raise error


def staged_from_others(ctx: StepContext, plan: Plan, staged: Snapshot) -> tuple[date, ...]:
    """The staged days that were computed from other days of a table of the chain than those it is validated with.

    The context is one that reads them (:func:`reading_staged`).
    """
    there = sorted(set(plan.days) & staged.days)
    builds = ctx.records.builds.of_days(plan.table, staged.files_of(there))
    found: set[date] = set()
    for member in upstream_of(ctx, plan):
        source = ctx.records.snapshot(member.table, plan.pins[member.table])
        reads = ctx.table.sources.read_of(member.table)
        now = {day: source.fingerprint_over(reads.of([day])) for day in builds}
        found |= {day for day, build in builds.items() if build.inputs.get(member.table) != now[day]}
    return tuple(sorted(found))


def restage_after(ctx: StepContext, progress: Progress) -> None:
    """Once a table is validated anew: what tables after it were staged from before is to be staged again."""
    for one in _after(linked(ctx, progress.plan), progress):
        plan, records = one.progress.plan, one.ctx.records
        is_open = not one.progress.is_closed and Step.CUT_OVER not in one.progress.done
        if not is_open or not one.progress.staging.staged or not records.staged_exists(plan.table, plan.correction):
            continue
        try:
            reading = reading_staged(one.ctx, plan)
        except UpstreamNotValidated:
            continue
        if other := staged_from_others(reading, plan, records.staged(plan.table, plan.correction).snapshot()):
            reason = str(InputsStagedAgain(plan.correction, plan.table, other, plan.window.grain.value))
            one.ctx.record(plan.correction, DaysToRestage(other, reason))


def others_unchanged(ctx: StepContext, plan: Plan) -> list[Writing] | None:
    """The facts that close the others of the chain, where no day of any of them has to change; None where one has."""
    closing: list[Writing] = []
    for one in linked(ctx, plan):
        if one.correction == plan.correction:
            continue
        progress, last = one.progress, last_of(one.ctx.records.ledger.events(one.correction), Validated)
        is_right = Step.VALIDATE in progress.done and not progress.gate.changed and not progress.missing
        if last is None or not is_right or progress.publication.swap_count or progress.is_closed:
            return None
        closing.append(one.writing(replace(last, closes=True)))
    return closing


# ---- the way back


def to_go_back_after(
    ctx: StepContext, progress: Progress, days: Collection[date], *, all_days: bool
) -> list[tuple[Linked, frozenset[date]]]:
    """What of the tables after it goes back before some days do: the live days that were computed from them.

    In the order of the chain. With ``all_days`` all that they have live.
    """
    replaced = {ctx.table.name: frozenset(days)}
    found: list[tuple[Linked, frozenset[date]]] = []
    for one in _after(linked(ctx, progress.plan), progress):
        live = one.progress.publication.swapped
        sources = replaced.keys() & set(one.ctx.table.sources.names)
        reading = {slot for source in sources for slot in slots_reading(one.ctx, source, replaced[source])}
        back = live if all_days else live & reading
        if one.progress.plan.carries_state:
            back = and_later(back, live)
        replaced[one.ctx.table.name] = frozenset(back)
        if back:
            found.append((one, frozenset(back)))
    return found


def _after(chain: Sequence[Linked], progress: Progress) -> list[Linked]:
    names = [one.correction for one in chain]
    return [*chain[names.index(progress.plan.correction) + 1 :]]


# ---- what people are told


def said_of_others(ctx: StepContext, progress: Progress) -> str:
    """The other tables of the chain, and how many slots of each it changes; empty where the correction stands alone."""
    told: list[str] = []
    for one in linked(ctx, progress.plan):
        days = one.progress.gate.changed if one.progress.gate.certificate else one.progress.plan.days
        if one.correction != progress.plan.correction:
            told.append(f"{one.ctx.table.name} ({counted(len(days), one.progress.plan.window.grain.value)})")
    return ", ".join(told)
