"""The banner of a frozen report: since when and why it is held, as of which day, and until when that is expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from backfill_assets.core.events import Event
from backfill_assets.core.facts import ReportsFrozen
from backfill_assets.core.plan import Approval, Plan
from backfill_assets.storage.records import Records

# How long a person usually takes to look at a validated correction.
APPROVAL_TAKES = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Banner:
    """What a reader of a frozen report is told.

    ``since`` is when the first of the ``corrections`` froze it and ``until`` when the last is expected to let it go,
    UTC. It shows the state ``as_of`` the newest day that was published when it was frozen.
    """

    report: str
    corrections: tuple[str, ...]
    reason: str
    since: datetime
    as_of: date | None
    until: datetime

    @property
    def sentence(self) -> str:
        """The banner in one sentence."""
        state = f" It shows the state of {self.as_of}." if self.as_of else ""
        return (
            f"Frozen since {self.since:%Y-%m-%d %H:%M} UTC by correction {', '.join(self.corrections)}. "
            f"{self.reason}{state} Expected to be released by {self.until:%Y-%m-%d %H:%M} UTC."
        )


def banner_of(records: Records, report: str) -> Banner | None:
    """The banner of a report; None when no correction holds it."""
    freezing: list[tuple[Plan, Event, ReportsFrozen]] = []
    for correction, progress in records.ledger.all_progress().items():
        if report in progress.downstream.frozen and (frozen := _freezing(records.ledger.events(correction), report)):
            freezing.append((progress.plan, *frozen))
    if not freezing:
        return None
    _, first, frozen = min(freezing, key=lambda one: one[1].at)
    return Banner(
        report=report,
        corrections=tuple(sorted(plan.correction for plan, _, _ in freezing)),
        reason=" ".join(dict.fromkeys(_sentence(plan.request.reason) for plan, _, _ in freezing)),
        since=first.at,
        as_of=frozen.as_of,
        until=max(expected_thaw(plan, event.at) for plan, event, _ in freezing),
    )


def expected_thaw(plan: Plan, frozen_at: datetime) -> datetime:
    """When a correction is expected to let its reports go: its own estimate, and a day for a person to look."""
    looks = APPROVAL_TAKES if plan.request.approval is Approval.MANUAL else timedelta()
    return frozen_at + timedelta(seconds=plan.cost.seconds) + looks


def _freezing(events: Sequence[Event], report: str) -> tuple[Event, ReportsFrozen] | None:
    """The newest event by which the report was frozen."""
    frozen = ((event, fact) for event in reversed(events) if isinstance(fact := event.fact, ReportsFrozen))
    return next(((event, fact) for event, fact in frozen if report in fact.reports), None)


def _sentence(reason: str) -> str:
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
