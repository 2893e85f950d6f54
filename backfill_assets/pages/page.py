"""The page put together: what is fixed since validation, and around it what the ledger says now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.chain import is_mixed, mixed_told
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Approved, Fact, Swapped, summary_of
from backfill_assets.core.figures import ROWS, Figures
from backfill_assets.core.formats import amount, percent, period_told
from backfill_assets.core.next_step import NextStep, Stuck, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.sampling import Sample
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import Lane
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.pages.changes import SAMPLE_FILE, proofs
from backfill_assets.pages.places import Places
from backfill_assets.pages.shell import rendered
from backfill_assets.pages.timeline import LANE_NAMES, timeline
from backfill_assets.pages.words import coded, told
from backfill_assets.storage.outbox import Delivery


@dataclass(frozen=True, slots=True)
class PageContent:
    """Everything that a page tells of one correction; what validation has not brought yet is None.

    ``chain`` are the other corrections of its chain, ``notices`` what people were told, ``root`` is the folder of
    what is published, in which only what is there is linked.
    """

    progress: Progress
    events: Sequence[Event]
    certificate: Certificate | None
    figures: Figures | None
    sample: Sample | None
    now: datetime
    chain: tuple[Progress, ...] = ()
    notices: tuple[Delivery, ...] = ()
    root: Path = Path()


def page(content: PageContent, changes: Markup) -> str:
    """The whole page, self-contained: no script, no link to anything but files beside it, no request to anybody."""
    return rendered("correction.html", **page_values(content, changes))


def page_values(content: PageContent, changes: Markup) -> dict[str, Any]:
    """What the template ``correction.html`` shows, and one that extends it."""
    progress, plan = content.progress, content.progress.plan
    state, tone = state_of(progress)
    places = Places(content.root, plan.correction)
    certificate = content.certificate
    return {
        "title": f"Correction {plan.correction} of {plan.table}",
        "attributes": {"correction": plan.correction, "state": state},
        "state": state,
        "tone": tone,
        "progress": progress,
        "plan": plan,
        "grain": plan.window.grain,
        "happened": [(event, fact_told(event.fact, plan.window.grain)) for event in content.events],
        "deadline": deadline_of(progress),
        "moved": _moved(progress, content.now),
        **dict(
            zip(
                ("next", "why"), next_told(progress, next_step(progress, content.now, chain=content.chain)), strict=True
            )
        ),
        "mixed": mixed_told(progress, content.chain) if is_mixed(progress, content.chain) else "",
        "chain": plan.chain,
        "in_short": _in_short(content),
        "part": _part_told(progress) if progress.taken_back else "",
        "lanes": [LANE_NAMES[lane] for lane in Lane],
        "timeline": timeline(progress, content.events, content.notices),
        "changes": changes,
        **_proofs(content, places),
        "certificate": certificate,
        "files": [_files(side) for side in (certificate.staged, certificate.live)] if certificate else [],
        "decisions": list(_decisions(content)),
        "notices": list({one.notice.message_id: one for one in content.notices}.values()),
        "places": places,
        "now": content.now,
        "head": content.events[-1].digest,
    }


def next_told(progress: Progress, step: NextStep) -> tuple[str, str]:
    """What is next in a sentence, and the reason of what is stuck, which may be long, apart from it."""
    reason = step.reason if isinstance(step, Stuck) else ""
    return sentence_of(progress.plan.correction, step).removesuffix(reason).rstrip(), reason


def _part_told(progress: Progress) -> str:
    back, live = len(progress.taken_back), len(progress.publication.swapped)
    listed = days_listed(progress.taken_back, len(progress.gate.changed), progress.plan.window.grain.value)
    return f"{listed} {verb(back, 'is', 'are')} rolled back and {live:,} {verb(live, 'is', 'are')} live."


def fact_told(fact: Fact, grain: Grain) -> Markup:
    """What happened, as people read it; the words of whoever decided stay as they are."""
    return told(summary_of(fact, grain), str(getattr(fact, "note", "") or ""))


def _proofs(content: PageContent, places: Places) -> dict[str, object]:
    checks = content.certificate.checks if content.certificate else ()
    grain = content.progress.plan.window.grain
    return proofs(checks, content.sample, grain, has_file=(places.folder / SAMPLE_FILE).is_file())


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


def deadline_of(progress: Progress) -> datetime | None:
    """Until when what is live can be taken back; None when nothing is, or no more."""
    live = progress.publication
    if not (live.swapped - live.gone and live.swapped_at) or live.ending:
        return None
    return progress.plan.roll_back_deadline(live.swapped_at)


def _moved(progress: Progress, now: datetime) -> str:
    """Which days live does not hold as the correction left them, and what can be done."""
    decided = next_step(progress, now) if progress.publication.moved else None
    return decided.reason if isinstance(decided, Stuck) else ""


@dataclass(frozen=True, slots=True)
class Glance:
    """A figure to be seen at a glance, and what it is of."""

    figure: str
    name: Markup | str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class InShort:
    """The answer before all others: how much was wrong in all, how much of it is left net, and further figures."""

    gross: str
    net: str
    measure: Markup | str
    glances: list[Glance]


def _in_short(content: PageContent) -> InShort | None:
    """None before validation."""
    certificate, figures = content.certificate, content.figures
    if certificate is None or figures is None:
        return None
    measure, grain = figures.main_measure, content.progress.plan.window.grain
    failed = sum(not check.passed for check in certificate.checks)
    passed = f"{len(certificate.checks) - failed} of {len(certificate.checks)}"
    changed, unchanged = len(certificate.changed_days), len(certificate.unchanged_days)
    moving = grain.worded(verb(changed, "day changes", "days change"))
    glances = [
        Glance(f"{changed:,}", f"{moving} and {unchanged:,} {verb(unchanged, 'does', 'do')} not"),
        Glance(percent(figures.mean_absolute_share(measure)), f"mean change of {grain.worded('a day')}, either way"),
        Glance(passed, "checks passed", "bad" if failed else "good"),
    ]
    if (largest := figures.largest_day(measure)) is not None:
        change = amount(largest.of(measure).change, signed=True)
        glances.insert(1, Glance(change, f"on {period_told(largest.name)}, the largest {grain.value}"))
    net = amount(figures.total.of(measure).change, signed=True)
    return InShort(amount(figures.gross(measure)), net, coded(measure) if measure else ROWS, glances)


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
