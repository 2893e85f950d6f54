"""Steps 1 to 3: freeze the reports, verify the source, reset the watermarks."""

from datetime import date

from backfill_assets.core.events import Event
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import contiguous
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.runbook.desk import Desk, Problem
from backfill_assets.runbook.readers import internal_holders, register_declared
from backfill_assets.runbook.telling import tell_watchers


def freeze_reports(desk: Desk, correction: str) -> Event:
    """Hold every report downstream at its last good state, but for those that tolerate a changing history."""
    progress = desk.progress(correction)
    names = [name for name in desk.subject.reports if name not in desk.subject.tolerant]
    pinned = {name: desk.records.snapshot(name).commit for name in names if desk.records.exists(name)}
    detail = {
        "reports": names,
        "tolerated": list(desk.subject.tolerant),
        "pinned": pinned,
        "pinned_table": desk.records.snapshot(desk.subject.table).commit,
        "reason": progress.plan.request.reason,
    }
    desk.subject.show(desk.event(correction, Step.FREEZE_REPORTS, Outcome.DONE, detail))
    tell_watchers(desk, progress, "opened")
    return desk.tell(correction, Step.FREEZE_REPORTS, Outcome.DONE, detail)


def verify_source(desk: Desk, correction: str) -> Event:
    """Find the source of every day there, complete and unaltered; every problem of every day in one report.

    Raises:
        SourceUnfit: naming what is wrong with which days, and the largest window that can be corrected.
    """
    plan = desk.progress(correction).plan
    problems: list[Problem] = []
    for source in desk.subject.sources:
        snapshot = desk.records.snapshot(source, plan.pins[source])
        if snapshot.by_day:
            absent = set(plan.days) - snapshot.days
            problems += [Problem(day, f"{source} lacks the day") for day in sorted(absent)]
    for verify in desk.subject.verify:
        problems += verify(desk.records, plan)
    if problems:
        named: dict[str, list[date]] = {}
        for problem in sorted(problems, key=lambda problem: problem.day):
            named.setdefault(problem.what, []).append(problem.day)
        sound = contiguous(set(plan.days) - {problem.day for problem in problems})
        largest = str(max(sound, key=len)) if sound else "other days"
        error = SourceUnfit(correction, named, largest)
        told = {what: [str(day) for day in days] for what, days in named.items()}
        detail = {"reason": str(error), "problems": told, "largest_sound_window": largest}
        desk.tell(correction, Step.VERIFY_SOURCE, Outcome.FAILED, detail)
        raise error
    return desk.tell(correction, Step.VERIFY_SOURCE, Outcome.DONE, {"days": len(plan.days), "pins": dict(plan.pins)})


def reset_watermarks(desk: Desk, correction: str) -> Event:
    """Set our own holders back before the window, by a hold; marks are kept as they are.

    External holders are named, and set back by the cut over: before it there is nothing new for them to read.
    """
    plan = desk.progress(correction).plan
    watermarks, table = desk.records.watermarks, desk.subject.table
    register_declared(desk)
    watermarks.hold(correction, table, internal_holders(desk), plan.window, by=desk.actor, at=desk.now)
    holders = watermarks.holders(table)
    detail = {
        "marks": {name: _iso(holder.mark) for name, holder in holders.items()},
        "effective": {name: _iso(holder.effective) for name, holder in holders.items()},
        "external": [name for name, holder in holders.items() if holder.external],
    }
    return desk.tell(correction, Step.RESET_WATERMARKS, Outcome.DONE, detail)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
