"""The page put together: what is fixed since validation, and around it what the ledger says now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Approved, Swapped
from backfill_assets.core.figures import ROWS, Figures
from backfill_assets.core.next_step import Stuck, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.sampling import Sample
from backfill_assets.core.steps import LANES, NINE_STEPS, Lane, Outcome, Step
from backfill_assets.errors.base import days_listed
from backfill_assets.pages.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
LANE_NAMES = {Lane.DATA_ENGINEERING: "data engineering", Lane.COMMUNICATION: "communication"}


@dataclass(frozen=True, slots=True)
class PageContent:
    """Everything that a page tells of one correction; what validation has not brought yet is None."""

    progress: Progress
    events: Sequence[Event]
    certificate: Certificate | None
    figures: Figures | None
    sample: Sample | None
    now: datetime


def page(content: PageContent, figures_html: str) -> str:
    """The whole page, self-contained: no script, no link to anything but files beside it, no request to anybody."""
    plan = content.progress.plan
    state, tone = state_of(content.progress)
    title = f"Correction {plan.correction} of {plan.table}"
    return (
        f'<!doctype html>\n<html lang="en" data-correction="{escape(plan.correction)}" data-state="{escape(state)}">'
        f'<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="reason">{escape(plan.request.reason)}</p>'
        f'<p><span class="state {tone}">{escape(state)}</span> <span class="soft">{plan.window}, {len(plan.days)} days'
        f"{_deadline(content)}</span></p></header><main>"
        f"{_moved(content.progress, content.now)}{_in_short(content)}"
        f"{timeline(content.progress, content.events)}{figures_html}"
        f"{_certificate(content)}{_people(content)}{_plan(content)}</main>"
        f"<footer>Written on {content.now:%Y-%m-%d %H:%M} UTC from the ledger, "
        f"after its event {content.progress.sequence}. "
        "This file needs nothing but itself.</footer></body></html>\n"
    )


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


def timeline(progress: Progress, events: Sequence[Event]) -> str:
    """The nine steps in their two lanes: done, failed or open, when and by whom."""
    cells: list[str] = []
    for row, lane in enumerate(Lane, 1):
        cells.append(f'<li class="lane" style="grid-row:{row}">{LANE_NAMES[lane]}</li>')
    for column, step in enumerate(NINE_STEPS, 2):
        row = list(Lane).index(LANES[step]) + 1
        done, failed = step in progress.done, step in progress.failures
        mark = "done" if done else "failed" if failed else "open"
        last = [event for event in events if event.step is step and event.outcome in {Outcome.DONE, Outcome.FAILED}]
        when = f"{last[-1].at:%Y-%m-%d %H:%M}<br>{escape(last[-1].actor)}" if last and mark != "open" else ""
        cells.append(
            f'<li class="step {mark} {LANES[step]}" style="grid-row:{row};grid-column:{column}">'
            f"<b>{column - 1} {_breaking(step)}</b>"
            f"{'✓ ' if done else '✗ ' if failed else ''}{mark}<br>{when}</li>"
        )
    return f'<h2>Nine steps</h2><ol class="lanes">{"".join(cells)}</ol>'


def _breaking(step: Step) -> str:
    """The name of a step, which may break after an underscore."""
    return str(step).replace("_", "_<wbr>")


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Figures to be seen at a glance."""
    return (
        '<div class="facts">'
        + "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in pairs)
        + "</div>"
    )


def definitions(pairs: Mapping[str, str]) -> str:
    """Names and what they stand for; the values are HTML."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in pairs.items()) + "</dl>"


def _deadline(content: PageContent) -> str:
    live = content.progress.publication
    if not (live.swapped and live.swapped_at) or live.ending:
        return ""
    return f", may be rolled back until {content.progress.plan.roll_back_deadline(live.swapped_at):%Y-%m-%d %H:%M} UTC"


def _moved(progress: Progress, now: datetime) -> str:
    """Which days live does not hold as the correction left them, and what can be done."""
    decided = next_step(progress, now) if progress.publication.moved else None
    return f'<p class="bad">{escape(decided.reason)}</p>' if isinstance(decided, Stuck) else ""


def _in_short(content: PageContent) -> str:
    certificate, figures = content.certificate, content.figures
    if certificate is None or figures is None:
        return "<h2>In short</h2><p>Nothing has been validated yet.</p>"
    measure = figures.main_measure
    total, largest, said = figures.total.of(measure), figures.largest_day(measure), escape(measure or ROWS)
    failed = [check for check in certificate.checks if not check.passed]
    tone = "bad" if failed else "good"
    pairs = [
        ("days change, " + f"{len(certificate.unchanged_days)} are left alone", str(len(certificate.changed_days))),
        (f"{said} in all", f"{total.change:+,f}"),
        (f"mean change of a day, either way, in {said}", f"{figures.mean_absolute_share(measure):.2%}"),
        (
            "checks passed",
            f'<span class="{tone}">{len(certificate.checks) - len(failed)} of {len(certificate.checks)}</span>',
        ),
    ]
    if largest is not None:
        pairs.insert(3, (f"on {largest.name}, the largest day", f"{largest.of(measure).change:+,f}"))
    return f"<h2>In short</h2>{_part_live(content.progress)}{facts(pairs)}"


def _part_live(progress: Progress) -> str:
    """Which days are rolled back while others are live: the figures are those of the validation, which has them all."""
    back = progress.taken_back
    if not back:
        return ""
    return (
        f'<p class="part">{days_listed(back, len(progress.gate.changed))} are rolled back, '
        f"{len(progress.publication.swapped)} are live. "
        "The figures below are those of the validation, of all days together.</p>"
    )


def _certificate(content: PageContent) -> str:
    found = content.certificate
    if found is None:
        return ""
    verdict = "every check passed" if found.passed else "checks failed, so it opens no gate without an override"
    return "<h2>Certificate</h2>" + definitions(
        {
            "Digest": f"<code>{found.digest}</code>",
            "Says": escape(verdict),
            "Binds": f"{_files(found.staged)} staged days against {_files(found.live)} live ones",
            "Plan": f"<code>{found.plan}</code>",
        }
    )


def _files(fingerprints: Mapping[date, str]) -> int:
    """The days that have files: the others have an empty fingerprint."""
    return sum(bool(print_) for print_ in fingerprints.values())


def _people(content: PageContent) -> str:
    """Who approved, cut over, rolled back or gave up, and why."""
    lines: list[str] = []
    for event in content.events:
        fact = event.fact
        if isinstance(fact, Approved | Swapped | Abandoned):
            override = ", overriding failed checks" if isinstance(fact, Approved) and fact.override else ""
            note = fact.note or ""
            count = f", {len(fact.swap.days)} days" if isinstance(fact, Swapped) else ""
            said = f": {escape(str(note))}" if note else ""
            who = f"<b>{event.step}</b> by {escape(event.actor)}"
            lines.append(f"<li>{event.at:%Y-%m-%d %H:%M} {who}{override}{count}{said}</li>")
    listed = f"<ul>{''.join(lines)}</ul>" if lines else "<p>Nobody has approved it yet.</p>"
    return f"<h2>Approvals and swaps</h2>{listed}"


def _plan(content: PageContent) -> str:
    plan = content.progress.plan
    reports = [
        f"{escape(name)}, {len(keys)} partitions ({keys[0]} to {keys[-1]})"
        for name, keys in plan.reports.items()
        if keys
    ]
    return "<h2>Plan</h2>" + definitions(
        {
            "Staged version": f"<code>{escape(plan.version_name)}</code>",
            "Opened": f"{plan.opened_at:%Y-%m-%d %H:%M} by {escape(plan.opened_by)}",
            "Expected": "<br>".join(map(escape, plan.request.expectation.as_lines())) or "nothing declared",
            "Approval": escape(str(plan.request.approval)),
            "Watchers": escape(", ".join(plan.request.watchers)) or "everyone",
            "Reports rebuilt": "<br>".join(reports) or "none",
            "Watermarks": escape(", ".join(plan.holders)),
            "Sources pinned at": escape(", ".join(f"{name} commit {commit}" for name, commit in plan.pins.items())),
            "Code version": f"<code>{escape(plan.code_version)}</code>",
            "Plan digest": f"<code>{plan.digest}</code>",
        }
    )
