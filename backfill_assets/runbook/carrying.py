"""Corrections of a table that carries state: which windows they can have, and whether they were staged in order."""

from collections.abc import Collection

from backfill_assets.core.carried import NOTHING_BEFORE, Around, CarriedState, Extension, Link, and_later, first_broken
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.state import LaterSlotsLeft, NothingBefore, StateOutOfOrder, WindowEndsEarly
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.planning import late_days
from backfill_assets.storage.carried import begins, computed_from_others
from backfill_assets.storage.snapshot import Snapshot


def refuse_part(ctx: StepContext, request: Request, live: Snapshot) -> None:
    """Refuse a request of a table that carries state, unless it reaches without a gap to the newest live slot.

    Raises:
        WindowEndsEarly, NothingBefore: with the window to ask for.
    """
    carried, newest = ctx.table.sources.carried, max(live.days)
    if carried is None:
        return
    first = request.window.first
    whole = Window(first, newest, carried.grain)
    if request.all_days != whole.days:
        raise WindowEndsEarly(ctx.table.name, newest, whole)
    before = carried.before(first, begins(ctx.records, ctx.table.name))
    if before is not None and before not in live.days:
        # From the first slot that has a published one before it.
        known = [one for one in live.days if one < before]
        starts = carried.grain.after(max(known, default=first))
        raise NothingBefore(ctx.table.name, first, before, Window(min(starts, newest), newest, carried.grain))


def staged_out_of_order(ctx: StepContext, plan: Plan, staged: Snapshot) -> StateOutOfOrder | None:
    """What is wrong with days that were staged from another state than is staged before them; None where nothing is."""
    carried = ctx.table.sources.carried
    if carried is None or not plan.carries_state:
        return None
    builds = ctx.records.builds.of_days(plan.table, staged.files_of(plan.days))
    links: dict[Slot, Link | None] = {
        day: Link(builds[day].content, builds[day].inputs.get(plan.table, "unknown")) if day in builds else None
        for day in plan.days
    }
    broken = first_broken(links, before_plan(ctx, plan, carried))
    return None if broken is None else StateOutOfOrder(plan.correction, broken)


def refuse_middle(progress: Progress, wanted: Collection[Slot]) -> None:
    """Refuse to roll back some days of a table that carries state without all of the correction that come after them.

    Raises:
        LaterSlotsLeft: with the call that takes these along.
    """
    live = progress.publication.swapped | progress.publication.moved
    left = and_later(wanted, live) - frozenset(wanted)
    if progress.plan.carries_state and left:
        noun = progress.plan.window.grain.value
        raise LaterSlotsLeft(progress.plan.correction, left, min(wanted), max(live), noun)


def stale_after(ctx: StepContext, plan: Plan, back: Collection[Slot]) -> tuple[Slot, ...]:
    """The live days that carry on a state which is gone once some are rolled back: of these, or published since."""
    carried = ctx.table.sources.carried
    if carried is None or not plan.carries_state or not back:
        return ()
    live = ctx.records.snapshot(plan.table)
    later = [day for day in live.days if day >= min(back)]
    builds = ctx.records.builds.of_days(plan.table, live.files_of(later))
    found = computed_from_others(ctx.records, plan.table, carried, live, builds)
    return tuple(sorted(and_later(found, later)))


def around(plan: Plan, live: Snapshot, days: Collection[Slot]) -> Around | None:
    """What live has to hold around a swap of some days of a plan; None where no state is carried."""
    if not plan.carries_state or not days:
        return None
    before = plan.window.grain.before(min(days))
    return Around(plan.window.last, {before: live.fingerprint(before)})


def extension(ctx: StepContext, plan: Plan, live: Snapshot) -> tuple[Extension, frozenset[Slot]] | None:
    """How the window has to grow before its days may be swapped, and which of them are then staged anew.

    Those are the slots that were published since, everything from the first day on of which a source has moved, and all
    where the slot before them has. None where nothing was published or moved.
    """
    carried = ctx.table.sources.carried
    if carried is None or not plan.carries_state:
        return None
    last, grain = max({plan.window.last, *live.days}), plan.window.grain
    moved_before = before_plan(ctx, plan, carried) != before_plan(ctx, plan, carried, live)
    if last == plan.window.last and not moved_before:
        return None
    pins = {source: ctx.records.snapshot(source).commit for source in plan.pins} | {plan.table: live.commit}
    days = grain.between(plan.window.first, last)
    again = {day for day in days if moved_before or day > plan.window.last} | late_days(ctx, plan)
    grown = Window(plan.window.first, last, grain).days
    return Extension(last, pins, ctx.surroundings.reach(grown)), and_later(again, grown)


def before_plan(ctx: StepContext, plan: Plan, carried: CarriedState, live: Snapshot | None = None) -> str:
    """The content of the live slot before a plan's first day, at the commit that is pinned or at a newer one."""
    before = carried.before(plan.days[0], begins(ctx.records, plan.table))
    there = live or ctx.records.snapshot(plan.table, plan.pins.get(plan.table))
    if before is None or before not in there.days:
        return NOTHING_BEFORE
    return carried.digest(there.scan([before]).collect())
