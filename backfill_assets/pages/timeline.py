"""The nine steps in the playbook's two lanes, with the word of people and the notices where they happen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Approved
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import LANES, NINE_STEPS, Lane, NoticeKind, Outcome, Step
from backfill_assets.storage.outbox import Delivery

LANE_NAMES = {Lane.DATA_ENGINEERING: "Data", Lane.COMMUNICATION: "People and reports"}
NOTICED_AT = {
    NoticeKind.OPENED: Step.FREEZE_REPORTS,
    NoticeKind.WAITING: Step.VALIDATE,
    NoticeKind.UNCHANGED: Step.VALIDATE,
    NoticeKind.PUBLISHED: Step.COMMUNICATE,
    NoticeKind.ROLLED_BACK: Step.COMMUNICATE,
    NoticeKind.ABANDONED: Step.COMMUNICATE,
    NoticeKind.DECOMMISSIONED: Step.DECOMMISSION,
}
READERS = "its readers"


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told of one thing that happened, and when."""

    kind: NoticeKind
    audiences: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class StepCell:
    """What stands in one lane below one step: how far it is, who did it and when, and what was told there.

    ``step`` is None in the lane of people where the step itself is one of the data.
    """

    title: str
    number: int
    lane: Lane
    mark: str
    step: Step | None = None
    last: Event | None = None
    told: tuple[Told, ...] = ()

    @property
    def row(self) -> int:
        """Which lane it is, counted from one."""
        return list(Lane).index(self.lane) + 1


def timeline(progress: Progress, events: Sequence[Event], notices: Sequence[Delivery] = ()) -> list[StepCell]:
    """Every step in its lane, and below those of the data what people did and were told, in their order."""
    return [
        cell for number, step in enumerate(NINE_STEPS, 1) for cell in _cells(number, step, progress, events, notices)
    ]


def _cells(
    number: int, step: Step, progress: Progress, events: Sequence[Event], notices: Sequence[Delivery]
) -> Iterator[StepCell]:
    ended = [event for event in events if event.step is step and event.outcome in {Outcome.DONE, Outcome.FAILED}]
    mark = "done" if step in progress.done else "failed" if step in progress.failures else "open"
    last = ended[-1] if ended and mark != "open" else None
    title, told = step.replace("_", " ").capitalize(), tuple(_told(step, notices))
    if LANES[step] is Lane.COMMUNICATION:
        yield StepCell(title, number, Lane.COMMUNICATION, mark, step, last, told)
        return
    yield StepCell(title, number, Lane.DATA_ENGINEERING, mark, step, last)
    if step is Step.VALIDATE:
        yield _agreement(number, progress, events, told)
    elif told:
        yield StepCell("Notices", number, Lane.COMMUNICATION, "done", told=told)


def _agreement(number: int, progress: Progress, events: Sequence[Event], told: tuple[Told, ...]) -> StepCell:
    """What validation is for people: somebody looks at it with the first of those who are told, and approves."""
    approved = [event for event in events if isinstance(event.fact, Approved)]
    waits = bool(progress.gate.certificate) and not progress.is_closed
    mark = "done" if progress.is_approved else "waiting" if waits else "open"
    last = approved[-1] if approved and mark == "done" else None
    first = next(iter(progress.plan.request.watchers), READERS)
    return StepCell(f"Validate with {first}", number, Lane.COMMUNICATION, mark, last=last, told=told)


def _told(step: Step, notices: Sequence[Delivery]) -> Iterator[Told]:
    """The notices that belong to a step, those of one moment together."""
    here = [one for one in notices if NOTICED_AT[one.notice.event] is step]
    moments = dict.fromkeys((one.notice.event, one.notice.number) for one in here)
    for kind, number in moments:
        same = [one for one in here if (one.notice.event, one.notice.number) == (kind, number)]
        yield Told(kind, tuple(dict.fromkeys(one.notice.audience for one in same)), same[0].recorded_at)
