"""The page put together: what is fixed since validation, and around it what the ledger says now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.chain import is_mixed, mixed_told
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Approved, Swapped, summary_of
from backfill_assets.core.figures import ROWS, Figures
from backfill_assets.core.next_step import Stuck, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.sampling import Sample
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.steps import LANES, NINE_STEPS, Lane, Outcome, Step
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.pages.formats import amount
from backfill_assets.pages.shell import rendered

LANE_NAMES = {Lane.DATA_ENGINEERING: "data engineering", Lane.COMMUNICATION: "communication"}


@dataclass(frozen=True, slots=True)
class PageContent:
    """Everything that a page tells of one correction; what validation has not brought yet is None.

    ``chain`` are the other corrections of its chain.
    """

    progress: Progress
    events: Sequence[Event]
    certificate: Certificate | None
    figures: Figures | None
    sample: Sample | None
    now: datetime
    chain: tuple[Progress, ...] = ()


def page(content: PageContent, changes: Markup) -> str:
    """The whole page, self-contained: no script, no link to anything but files beside it, no request to anybody."""
    return rendered("correction.html", **page_values(content, changes))


def page_values(content: PageContent, changes: Markup) -> dict[str, Any]:
    """What the template ``correction.html`` shows, and one that extends it."""
    plan = content.progress.plan
    state, tone = state_of(content.progress)
    return {
        "title": f"Correction {plan.correction} of {plan.table}",
        "attributes": {"correction": plan.correction, "state": state},
        "state": state,
        "tone": tone,
        "progress": content.progress,
        "plan": plan,
        "grain": plan.window.grain,
        "summary_of": summary_of,
        "deadline": _deadline(content),
        "moved": _moved(content.progress, content.now),
        "next": sentence_of(plan.correction, next_step(content.progress, content.now, chain=content.chain)),
        "mixed": mixed_told(content.progress, content.chain) if is_mixed(content.progress, content.chain) else "",
        "chain": plan.chain,
        "in_short": _in_short(content),
        "part_back": days_listed(
            content.progress.taken_back, len(content.progress.gate.changed), plan.window.grain.value
        ),
        "lanes": [LANE_NAMES[lane] for lane in Lane],
        "timeline": timeline(content.progress, content.events),
        "changes": changes,
        "certificate": content.certificate,
        "files": [_files(side) for side in (content.certificate.staged, content.certificate.live)]
        if content.certificate
        else [],
        "decisions": list(_decisions(content)),
        "events": content.events,
        "now": content.now,
    }


def state_of(progress: Progress) -> tuple[str, str]:
    """Where the correction stands in a word or two, and how it looks."""
    if progress.publication.ending:
        return progress.publication.ending, "soft"
    if progress.publication.moved:
        return "changed by hand", "bad"
    if progress.publication.swapped:
        return ("live in part", "wait") if progress.taken_back else ("live", "good")
    if progress.publication.swap_count:
        return "rolled back", "wait"
    return _state_before_swap(progress)


def _state_before_swap(progress: Progress) -> tuple[str, str]:
    if progress.gate.certificate and not progress.gate.passed:
        return "validation failed", "bad"
    if progress.gate.certificate:
        return ("approved" if progress.is_approved else "waits for approval"), "wait"
    return "in preparation", "wait"


@dataclass(frozen=True, slots=True)
class StepCell:
    """A step in its lane: how far it is, and what the ledger last said of it."""

    step: Step
    number: int
    lane: Lane
    mark: str
    last: Event | None

    @property
    def row(self) -> int:
        """Which lane it is, counted from one."""
        return list(Lane).index(self.lane) + 1


def timeline(progress: Progress, events: Sequence[Event]) -> list[StepCell]:
    """The nine steps in their two lanes: done, failed or open, when and by whom."""
    cells: list[StepCell] = []
    for number, step in enumerate(NINE_STEPS, 1):
        mark = "done" if step in progress.done else "failed" if step in progress.failures else "open"
        ended = [event for event in events if event.step is step and event.outcome in {Outcome.DONE, Outcome.FAILED}]
        cells.append(StepCell(step, number, LANES[step], mark, ended[-1] if ended and mark != "open" else None))
    return cells


def _deadline(content: PageContent) -> datetime | None:
    live = content.progress.publication
    if not (live.swapped and live.swapped_at) or live.ending:
        return None
    return content.progress.plan.roll_back_deadline(live.swapped_at)


def _moved(progress: Progress, now: datetime) -> str:
    """Which days live does not hold as the correction left them, and what can be done."""
    decided = next_step(progress, now) if progress.publication.moved else None
    return decided.reason if isinstance(decided, Stuck) else ""


@dataclass(frozen=True, slots=True)
class Glance:
    """A figure to be seen at a glance, and what it is of."""

    figure: str
    name: str
    tone: str = ""


def _in_short(content: PageContent) -> list[Glance]:
    """Nothing before validation."""
    certificate, figures = content.certificate, content.figures
    if certificate is None or figures is None:
        return []
    measure = figures.main_measure
    total, largest, said = figures.total.of(measure), figures.largest_day(measure), measure or ROWS
    failed = [check for check in certificate.checks if not check.passed]
    passed = f"{len(certificate.checks) - len(failed)} of {len(certificate.checks)}"
    changed, unchanged = len(certificate.changed_days), len(certificate.unchanged_days)
    grain = content.progress.plan.window.grain
    moving = grain.worded(verb(changed, "day changes", "days change"))
    days = f"{moving} and {unchanged:,} {verb(unchanged, 'does', 'do')} not"
    glances = [
        Glance(f"{changed:,}", days),
        Glance(amount(total.change, signed=True), f"{said} in all"),
        Glance(
            f"{figures.mean_absolute_share(measure):.2%}",
            f"mean change of {grain.worded('a day')}, either way, in {said}",
        ),
        Glance(passed, "checks passed", "bad" if failed else "good"),
    ]
    if largest is not None:
        change = amount(largest.of(measure).change, signed=True)
        glances.insert(3, Glance(change, f"on {largest.name}, the largest {grain.value}"))
    return glances


def _files(fingerprints: Mapping[date, str]) -> int:
    """The days that have files: the others have an empty fingerprint."""
    return sum(bool(print_) for print_ in fingerprints.values())


@dataclass(frozen=True, slots=True)
class Decision:
    """Who approved, cut over, rolled back or abandoned, and why; ``days`` are those that a swap moved."""

    event: Event
    note: str
    days: int | None
    is_override: bool


def _decisions(content: PageContent) -> Iterator[Decision]:
    for event in content.events:
        fact = event.fact
        if isinstance(fact, Approved | Swapped | Abandoned):
            days = len(fact.swap.days) if isinstance(fact, Swapped) else None
            is_override = isinstance(fact, Approved) and bool(fact.override)
            yield Decision(event, str(fact.note or ""), days, is_override)
