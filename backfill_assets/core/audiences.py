"""Who is told, and what each has to do: the same event means other work to finance than to the board's preparers."""

from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from backfill_assets.core.periods import months_of
from backfill_assets.core.plan import Plan
from backfill_assets.core.slots import read_slot
from backfill_assets.core.steps import NoticeKind as Kind
from backfill_assets.core.window import contiguous
from backfill_assets.errors.base import verb

MOST_RUNS = 4


class Audience(StrEnum):
    """Whom a notice speaks to, as far as its name tells."""

    FINANCE = "finance"
    EXECUTIVES = "exec"
    BOARD = "board"
    ANYONE = "anyone"


def audience_of(watcher: str) -> Audience:
    """The audience that a watcher's name begins with.

    >>> audience_of("exec-ops").value, audience_of("growth").value
    ('exec', 'anyone')
    """
    name = watcher.casefold()
    return next((one for one in Audience if name.startswith(one.value)), Audience.ANYONE)


def days_of_event(plan: Plan, figures: Mapping[str, Any]) -> tuple[date, ...]:
    """The days that an event was about, oldest first; those of the plan where its figures name none."""
    named = figures.get("days") or figures.get("changed") or ()
    return tuple(read_slot(day) for day in named) or plan.days


def is_part(figures: Mapping[str, Any]) -> bool:
    """Whether an event was about some of the days that the correction changes, and not all."""
    return not figures.get("whole", True)


def days_named(days: Collection[date]) -> str:
    """Days as they fit into a sentence: each run of them, or how many and from when to when.

    >>> days_named([date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 9)])
    '2026-01-05..2026-01-06 and 2026-01-09'
    """
    runs = runs_named(days)
    if len(runs) > MOST_RUNS:
        return f"{len(days)} days between {min(days)} and {max(days)}"
    return " and ".join(filter(None, [", ".join(runs[:-1]), runs[-1]]))


def runs_named(days: Collection[date]) -> list[str]:
    """Each run of neighbouring days, oldest first; a day alone is a run."""
    return [str(run.first) if len(run) == 1 else str(run) for run in contiguous(days)]


def moves_for(audience: Audience, event: Kind, plan: Plan, figures: Mapping[str, Any]) -> list[str]:
    """What this audience does about this event, a sentence a line."""
    days = days_of_event(plan, figures)
    told = _MOVES.get((event, audience)) or _MOVES[event, Audience.ANYONE]
    if event in {Kind.ABANDONED, Kind.DECOMMISSIONED} and not figures.get("days", plan.days):
        told = _MOVES[Kind.ABANDONED, Audience.ANYONE if audience is not Audience.FINANCE else audience]
    named = days_named(days) if is_part(figures) else str(plan.window)
    moves = [told.format(months=", ".join(months_of(days)), days=named, correction=plan.correction)]
    closed = figures.get("closed_months", ())
    if closed and audience is Audience.FINANCE and event in {Kind.WAITING, Kind.PUBLISHED}:
        months, are = ", ".join(closed), verb(len(closed), "is", "are")
        moves += {
            Kind.WAITING: [f"{months} {are} closed. Two people have to approve, each by name."],
            Kind.PUBLISHED: [
                f"{months} {are} closed. Post the restatement journal; it is in the workbook of each month."
            ],
        }[event]
    return moves


_MOVES: Mapping[tuple[str, Audience], str] = {
    (Kind.OPENED, Audience.FINANCE): "Do not reconcile or close {months} until you hear that it is corrected.",
    (Kind.OPENED, Audience.EXECUTIVES): "Do not decide on figures of {days}; the dashboard shows the state before.",
    (Kind.OPENED, Audience.BOARD): "Do not send any pack that quotes {months}. The pages say which state they show.",
    (Kind.OPENED, Audience.ANYONE): "Do not copy figures of {days} until you hear that it is corrected.",
    (Kind.WAITING, Audience.FINANCE): "Compare the totals with your own, then tell the data team whether to go ahead.",
    (Kind.WAITING, Audience.EXECUTIVES): "Nothing yet. The dashboard stays as it is until the correction is approved.",
    (Kind.WAITING, Audience.BOARD): "Prepare to restate {months}; the figures above are what they will say.",
    (Kind.WAITING, Audience.ANYONE): "Nothing yet. You will be notified when it is published or abandoned.",
    (
        Kind.PUBLISHED,
        Audience.FINANCE,
    ): "Download the workbooks of {months} again; their journal lists every entry to post.",
    (Kind.PUBLISHED, Audience.EXECUTIVES): "Read the dashboard again, and correct what was quoted from {days}.",
    (Kind.PUBLISHED, Audience.BOARD): "Replace the packs of {months}. Each restated month shows its earlier figure.",
    (Kind.PUBLISHED, Audience.ANYONE): "Run again whatever copied these days. Pages and exports are rebuilt already.",
    (Kind.ROLLED_BACK, Audience.FINANCE): "Reverse what you posted of {days} for correction {correction}; the "
    "journal has the reversing entries.",
    (Kind.ROLLED_BACK, Audience.BOARD): "Withdraw packs of {months} made since the correction was published.",
    (Kind.ROLLED_BACK, Audience.ANYONE): "Do not use figures of {days} taken since the correction was published.",
    (Kind.ABANDONED, Audience.FINANCE): "Continue with {months} as published. A new correction will be announced.",
    (
        Kind.ABANDONED,
        Audience.ANYONE,
    ): "Nothing. Figures of {days} are as they were; they may still be corrected later.",
    (Kind.UNCHANGED, Audience.FINANCE): "Continue with {months} as published; nothing has to be posted.",
    (Kind.UNCHANGED, Audience.ANYONE): "Nothing. Figures of {days} are right as they are.",
    (Kind.DECOMMISSIONED, Audience.FINANCE): "Nothing. Keep the journal; it is the only record of the earlier figures.",
    (Kind.DECOMMISSIONED, Audience.ANYONE): "Nothing. To change these days again, a new correction has to be opened.",
}
