"""Telling the watchers: notices from measured figures, recorded before the step they tell of is written down."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from backfill_assets.core.day_comparison import DayComparison, Sums
from backfill_assets.core.events import Event
from backfill_assets.core.notice import write_notices
from backfill_assets.core.periods import month_of
from backfill_assets.core.progress import Progress, history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.runbook.desk import Desk


def tell_watchers(desk: Desk, progress: Progress, event: str, number: int = 1) -> list[str]:
    """Publish a notice for each watcher; returns where they are.

    The same event and number make the same notices, so that a step that is taken again tells nobody twice.
    """
    figures = figures_of(progress, desk.records.ledger.events(progress.plan.correction))
    notices = write_notices(progress.plan, event, figures, number)
    return [desk.subject.publish(notice) for notice in notices]


def tell_waiting(desk: Desk, validated: Event) -> None:
    """Tell that a validation is about to leave the correction waiting for a person, when it is."""
    events = desk.records.ledger.events(validated.correction)
    pending = (*events, replace(validated, sequence=len(events) + 1))
    progress = history(pending)
    if progress.is_approved:
        return
    number = sum(_is_validation(event) for event in pending)
    notices = write_notices(progress.plan, "waiting", figures_of(progress, pending), number)
    for notice in notices:
        desk.subject.publish(notice)


def figures_of(progress: Progress, events: tuple[Event, ...]) -> Mapping[str, Any]:
    """What the notices of a correction tell: what its last validation measured, and who let it through."""
    validated = [event for event in events if _is_validation(event)]
    figures: dict[str, Any] = dict(validated[-1].detail) if validated else {}
    figures["closed_months"] = sorted(progress.closed_months)
    if progress.approval:
        override = ", overriding failed checks" if progress.approval.override else ""
        second = f" and {progress.seconded.by}" if progress.seconded else ""
        figures["approved_by"] = progress.approval.by + second + override
        figures["note"] = progress.approval.note
    taken_back = [event for event in events if event.step in {Step.ROLL_BACK, Step.ABANDON}]
    if taken_back and not progress.approval:
        figures["note"] = taken_back[-1].detail.get("note", "")
    if progress.swapped_at and progress.swapped:
        figures["roll_back_until"] = f"{progress.plan.roll_back_deadline(progress.swapped_at):%Y-%m-%d}"
    return figures


def sums_told(sums: Mapping[str, Sums]) -> dict[str, dict[str, str]]:
    """Old and new sum of each measure, as the ledger keeps them."""
    return {name: {"old": f"{found.old:f}", "new": f"{found.new:f}"} for name, found in sums.items()}


def sums_by_month(days: Iterable[DayComparison]) -> dict[str, dict[str, dict[str, str]]]:
    """Old and new sum of each measure over the days of each month."""
    months: dict[str, dict[str, Sums]] = {}
    for day in days:
        sums = months.setdefault(month_of(day.day), {})
        sums.update({name: sums.get(name, Sums()) + found for name, found in day.sums.items()})
    return {month: sums_told(sums) for month, sums in sorted(months.items())}


def _is_validation(event: Event) -> bool:
    return event.step is Step.VALIDATE and "totals" in event.detail and event.outcome in {Outcome.DONE, Outcome.FAILED}
