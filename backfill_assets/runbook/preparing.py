"""Steps 1 to 3: freeze the reports, verify the source, reset the watermarks."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from backfill_assets.core import facts as core_facts
from backfill_assets.core.events import Event
from backfill_assets.core.facts import ReportsFrozen, SourceVerified, WatermarksReset
from backfill_assets.core.plan import Approval, Plan
from backfill_assets.core.slots import Slot, calendar_day
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.core.window import contiguous
from backfill_assets.errors.base import counted, days_listed
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import Problem
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.notify import notify_watchers
from backfill_assets.runbook.planning import pinned, refuse_rows_without_day
from backfill_assets.runbook.readers import internal_holders, register_declared, release_left
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import days_missing

# How long a person usually takes to look at a validated correction.
APPROVAL_TAKES = timedelta(days=1)


@stuck_when_unusable(Step.FREEZE_REPORTS)
def freeze_reports(ctx: StepContext, correction: str) -> Event:
    """Hold every report downstream at its last good state, but for those that tolerate a changing history."""
    progress = ctx.progress(correction)
    names = [name for name in ctx.table.consumers.reports if name not in ctx.table.consumers.tolerant]
    pinned = {name: ctx.records.snapshot(name).commit for name in names if ctx.records.exists(name)}
    live = ctx.records.snapshot(ctx.table.name)
    frozen = ReportsFrozen(
        reports=tuple(names),
        tolerated=ctx.table.consumers.tolerant,
        pinned=pinned,
        pinned_table=live.commit,
        as_of=max(live.days, default=None),
        until=_expected_thaw(progress.plan, ctx.now),
        reason=progress.plan.request.reason,
    )
    ctx.surroundings.show(ctx.event(correction, frozen))
    notify_watchers(ctx, progress, NoticeKind.OPENED)
    return ctx.record(correction, frozen)


def _expected_thaw(plan: Plan, frozen_at: datetime) -> datetime:
    """When a correction is expected to let its reports go: its own estimate, and a day for a person to look."""
    looks = APPROVAL_TAKES if plan.request.approval is Approval.MANUAL else timedelta()
    return frozen_at + timedelta(seconds=plan.cost.seconds) + looks


@stuck_when_unusable(Step.VERIFY_SOURCE)
def verify_source(ctx: StepContext, correction: str) -> Event:
    """Find the source of every day there, complete and unaltered; every problem of every day in one report.

    A source that was repaired since the opening is pinned anew, as long as nothing was staged from the old one.

    Raises:
        SourceUnfit: naming what is wrong with which days, and the largest window that can be corrected.
        RowsWithoutDay: naming a source with rows that are in no day.
    """
    progress = ctx.progress(correction)
    plan = progress.plan
    refuse_rows_without_day(pinned(ctx, plan.pins))
    problems = _problems(ctx, plan)
    if problems and not progress.staging.staged:
        newest = {source: ctx.records.snapshot(source).commit for source in plan.pins}
        plan = plan.pinned_at(newest) if newest != plan.pins else plan
        problems = _problems(ctx, plan) if newest != progress.plan.pins else problems
    if problems:
        named: dict[str, list[date]] = {}
        for problem in sorted(problems, key=lambda problem: (problem.day, problem.what)):
            named.setdefault(problem.what, []).append(problem.day)
        sound = contiguous(set(plan.days) - {problem.day for problem in problems}, grain=plan.window.grain)
        # Of two that are as long the newer, which more people still look at.
        largest = (
            str(max(sound, key=lambda window: (len(window), window.first)))
            if sound
            else f"other {plan.window.grain.value}s"
        )
        error = SourceUnfit(correction, named, largest, plan.window.grain.value)
        by_day = {day: tuple(sorted(what for what, days in named.items() if day in days)) for day in _days_of(problems)}
        told = {what: tuple(days) for what, days in named.items()}
        ctx.record(correction, core_facts.SourceUnfit(str(error), told, by_day, largest))
        raise error
    return ctx.record(correction, _verified(ctx, plan))


def _verified(ctx: StepContext, plan: Plan) -> SourceVerified:
    """Over how much the sources were found fit: sources, their files of the days, and the looks of the author's."""
    snapshots = [ctx.records.snapshot(source, plan.pins[source]) for source in ctx.table.sources.names]
    read = [ctx.table.sources.read_of(source).of(plan.days) for source in ctx.table.sources.names]
    files = sum(
        len(one.names(slot))
        for one, slots in zip(snapshots, read, strict=True)
        for slot in (slots if one.by_day else (None,))
    )
    return SourceVerified(len(plan.days), dict(plan.pins), len(snapshots), files, len(ctx.table.sources.verify))


def _problems(ctx: StepContext, plan: Plan) -> list[Problem]:
    sources = {source: ctx.records.snapshot(source, plan.pins[source]) for source in ctx.table.sources.names}
    problems = [*_absent(ctx, plan, sources), *_beyond_retention(ctx, plan)]
    for verify in ctx.table.sources.verify:
        problems += verify(ctx.records, plan)
    # A look that names the day says more of the same file.
    named = {problem.day for problem in problems}
    return problems + [problem for problem in _losses(ctx, plan, sources) if problem.day not in named]


@stuck_when_unusable(Step.RESET_WATERMARKS)
def reset_watermarks(ctx: StepContext, correction: str) -> Event:
    """Set our own holders back before the window, by a hold; marks are kept as they are.

    External holders are named, and set back by the cut over: before it there is nothing new for them to read.
    """
    plan = ctx.progress(correction).plan
    watermarks, table = ctx.records.watermarks, ctx.table.name
    register_declared(ctx)
    watermarks.hold(correction, table, internal_holders(ctx), plan.window, by=ctx.actor, at=ctx.now)
    holders = watermarks.holders(table)
    fact = WatermarksReset(
        marks={name: holder.mark for name, holder in holders.items()},
        effective={name: holder.effective for name, holder in holders.items()},
        external=tuple(name for name, holder in holders.items() if holder.external),
    )
    event = ctx.record(correction, fact)
    release_left(ctx)
    return event


def _absent(ctx: StepContext, plan: Plan, sources: Mapping[str, Snapshot]) -> list[Problem]:
    """Days that a source lacks at the commit that the correction is staged from."""
    problems: list[Problem] = []
    for source, snapshot in sources.items():
        reads = ctx.table.sources.read_of(source)
        lacking = {day: snapshot.lacking(reads.needed(day)) for day in plan.days}
        problems += [Problem(day, _lacks(snapshot, source, day, absent)) for day, absent in lacking.items() if absent]
    return problems


def _losses(ctx: StepContext, plan: Plan, sources: Mapping[str, Snapshot]) -> list[Problem]:
    """Days of which a file is gone that a source's log names at that commit."""
    problems: list[Problem] = []
    for source in sources.keys() - ctx.records.outside.keys():
        reads = ctx.table.sources.read_of(source)
        lost = lost_slots(sources[source], reads.of(plan.days))
        problems += [Problem(day, f"{source} has lost a file") for day in plan.days if lost & {*reads.of([day])}]
    return problems


def lost_slots(snapshot: Snapshot, slots: Collection[Slot]) -> frozenset[Slot]:
    """The slots of which a file is gone that the table's log names; all where files are not of slots."""
    if not snapshot.by_day:
        missing = snapshot.folder.missing(path for path, _ in snapshot.names(None))
        return frozenset(slots) if missing else frozenset()
    return frozenset(days_missing(snapshot, [file for of in snapshot.files_of(slots).values() for file in of]))


def _lacks(snapshot: Snapshot, source: str, day: Slot, absent: Sequence[Slot]) -> str:
    noun = snapshot.partition.grain.value
    return f"{source} lacks {f'the {noun}' if absent == [day] else days_listed(absent, noun=noun)}"


def _beyond_retention(ctx: StepContext, plan: Plan) -> list[Problem]:
    """Days older than a source keeps: what is there of them may be gone before the correction is done."""
    problems: list[Problem] = []
    for source, kept in ctx.table.sources.retention_days.items():
        oldest = ctx.now.date() - timedelta(days=kept)
        problems += [
            Problem(day, f"{source} keeps {counted(kept, 'day')} only, since {oldest}")
            for day in plan.days
            if calendar_day(min(ctx.table.sources.read_of(source).needed(day))) < oldest
        ]
    return problems


def _days_of(problems: Sequence[Problem]) -> list[date]:
    return sorted({problem.day for problem in problems})
