"""Who is notified, and what each has to do, in words of the code location where it has some."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from backfill_assets.core.formats import month_told, slot_told, span_told
from backfill_assets.core.plan import Plan
from backfill_assets.core.slots import Grain, read_slot
from backfill_assets.core.steps import NoticeKind as Kind
from backfill_assets.core.window import contiguous, months_of
from backfill_assets.errors.base import verb
from backfill_assets.errors.setup import AudienceUnusable

MOST_RUNS = 4


@dataclass(frozen=True, slots=True)
class Audience:
    """Watchers whose names begin with ``name``, and what notices tell them to do.

    ``moves`` are sentences by kind of notice, in which ``{months}``, ``{days}`` and ``{correction}`` are filled in.
    ``closed`` are further ones for events that change closed months. A kind that ``moves`` leaves out is told as to
    anyone. Sums are those of ``every_measure`` that changed, or of the last one; by month and quarter, or by quarter.

    Raises:
        AudienceUnusable: when a sentence names something else that is to be filled in.
    """

    name: str
    moves: Mapping[Kind, str] = field(default_factory=dict[Kind, str])
    closed: Mapping[Kind, str] = field(default_factory=dict[Kind, str])
    every_measure: bool = False
    by_month: bool = True

    def __post_init__(self) -> None:
        for sentence in self.moves.values():
            try:
                sentence.format(months="", days="", correction="")
            except (LookupError, ValueError, AttributeError) as error:
                raise AudienceUnusable(self.name, sentence) from error


ANYONE = Audience(
    "",
    moves={
        Kind.OPENED: "Do not copy figures of {days} until you hear that it is corrected.",
        Kind.WAITING: "Nothing yet. You will be notified when it is published or abandoned.",
        Kind.PUBLISHED: "Run again whatever copied these days. The reports are rebuilt already.",
        Kind.ROLLED_BACK: "Do not use figures of {days} taken since the correction was published.",
        Kind.ABANDONED: "Nothing. Figures of {days} are as they were; they may still be corrected later.",
        Kind.UNCHANGED: "Nothing. Figures of {days} are right as they are.",
        Kind.DECOMMISSIONED: "Nothing. To change these days again, a new correction has to be opened.",
    },
    closed={Kind.WAITING: "Two people have to approve, each by name."},
)


def audience_of(watcher: str, audiences: Collection[Audience] = ()) -> Audience:
    """The audience that a watcher's name begins with.

    >>> audience_of("sales-eu", [Audience("sales")]).name, audience_of("growth", [Audience("sales")]) is ANYONE
    ('sales', True)
    """
    name = watcher.casefold()
    return next((one for one in audiences if name.startswith(one.name.casefold())), ANYONE)


def days_of_event(plan: Plan, figures: Mapping[str, Any]) -> tuple[date, ...]:
    """The days that an event was about, oldest first; those of the plan where its figures name none."""
    named = figures.get("days") or figures.get("changed") or ()
    return tuple(read_slot(day) for day in named) or plan.days


def is_part(figures: Mapping[str, Any]) -> bool:
    """Whether an event was about some of the days that the correction changes, and not all."""
    return not figures.get("whole", True)


def days_named(days: Collection[date], grain: Grain = Grain.DAY) -> str:
    """Days as they fit into a sentence: each run of them, or how many and from when to when.

    >>> days_named([date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 9)])
    '5 to 6 January 2026 and 9 January 2026'
    """
    runs = runs_named(days, grain)
    if len(runs) > MOST_RUNS:
        return f"{len(days)} {grain.value}s between {slot_told(min(days))} and {slot_told(max(days))}"
    return " and ".join(filter(None, [", ".join(runs[:-1]), runs[-1]]))


def runs_named(days: Collection[date], grain: Grain = Grain.DAY) -> list[str]:
    """Each run of neighbouring days, oldest first; a day alone is a run."""
    return [span_told(run.days) for run in contiguous(days, grain=grain)]


def moves_for(audience: Audience, event: Kind, plan: Plan, figures: Mapping[str, Any]) -> list[str]:
    """What this audience does about this event, a sentence a line."""
    days = days_of_event(plan, figures)
    nothing_stays = event is Kind.DECOMMISSIONED and not figures.get("days", plan.days)
    kind = Kind.ABANDONED if nothing_stays else event
    grain = plan.window.grain
    named = days_named(days, grain) if is_part(figures) else span_told(plan.days)
    # Whoever has words of his own chose them for his table.
    is_own = audience is not ANYONE and kind in audience.moves
    told = audience.moves[kind] if is_own else grain.worded(ANYONE.moves[kind])
    moves = [told.format(months=", ".join(map(month_told, months_of(days))), days=named, correction=plan.correction)]
    closed = figures.get("closed_months", ())
    if closed and event in audience.closed:
        moves.append(
            f"{', '.join(map(month_told, closed))} {verb(len(closed), 'is', 'are')} closed. {audience.closed[event]}"
        )
    return moves
