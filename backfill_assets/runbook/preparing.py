"""Steps 1 to 3: freeze the reports, verify the source, reset the watermarks."""

from datetime import date

from backfill_assets.core.events import Event
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import contiguous
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.runbook.desk import Desk, Problem
from backfill_assets.runbook.opening import holders_of


def freeze_reports(desk: Desk, correction: str) -> Event:
    """Hold every report downstream at its last good state."""
    plan = desk.progress(correction).plan
    pinned = {name: desk.records.snapshot(name).commit for name in desk.subject.reports if desk.records.exists(name)}
    detail = {"reports": list(desk.subject.reports), "pinned": pinned, "reason": plan.request.reason}
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
    """Set every holder back before the window, by a hold; marks are kept as they are."""
    plan = desk.progress(correction).plan
    watermarks, table = desk.records.watermarks, desk.subject.table
    known = watermarks.holders(table)
    internal = [name for name in holders_of(desk) if not (name in known and known[name].external)]
    marks = watermarks.hold(correction, table, internal, plan.window.first, by=desk.actor, at=desk.now)
    detail = {
        "marks": {name: str(mark) if mark else None for name, mark in marks.items()},
        "external": [name for name, holder in known.items() if holder.external],
    }
    return desk.tell(correction, Step.RESET_WATERMARKS, Outcome.DONE, detail)
