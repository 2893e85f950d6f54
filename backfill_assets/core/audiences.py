"""Who is told, and what each has to do: the same event means other work to finance than to the board's preparers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from backfill_assets.core.periods import months_of
from backfill_assets.core.plan import Plan


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


def moves_for(audience: Audience, event: str, plan: Plan, figures: Mapping[str, Any]) -> list[str]:
    """What this audience does about this event, a sentence a line."""
    months = ", ".join(months_of(plan.days))
    told = _MOVES.get((event, audience)) or _MOVES[event, Audience.ANYONE]
    moves = [told.format(months=months, window=plan.window, correction=plan.correction)]
    closed = figures.get("closed_months", ())
    if closed and audience is Audience.FINANCE and event in {"waiting", "published"}:
        named = ", ".join(closed)
        moves += {
            "waiting": [f"{named} is closed. Two people have to approve, each by name."],
            "published": [f"{named} is closed. Post the restatement journal; it is in the workbook of each month."],
        }[event]
    return moves


_MOVES: Mapping[tuple[str, Audience], str] = {
    ("opened", Audience.FINANCE): "Do not reconcile or close {months} until you hear that it is corrected.",
    ("opened", Audience.EXECUTIVES): "Do not decide on figures of {window}; the dashboard shows the state before.",
    ("opened", Audience.BOARD): "Hold every pack that quotes {months}. The pages say which state they show.",
    ("opened", Audience.ANYONE): "Do not copy figures of {window} until you hear that it is corrected.",
    ("waiting", Audience.FINANCE): "Compare the totals with your own, then tell the data team whether to go ahead.",
    ("waiting", Audience.EXECUTIVES): "Nothing yet. The dashboard stays as it is until the correction is approved.",
    ("waiting", Audience.BOARD): "Prepare to restate {months}; the figures above are what they will say.",
    ("waiting", Audience.ANYONE): "Nothing yet. You hear again when it is published or given up.",
    ("published", Audience.FINANCE): "Take the workbooks of {months} again; their journal lists every entry to post.",
    ("published", Audience.EXECUTIVES): "Read the dashboard anew, and correct what was quoted from {window}.",
    ("published", Audience.BOARD): "Replace the packs of {months}. Each restated month shows its earlier figure.",
    ("published", Audience.ANYONE): "Run again whatever copied these days. Pages and exports are rebuilt already.",
    ("rolled_back", Audience.FINANCE): "Reverse what you posted for correction {correction}; the journal has the "
    "reversing entries.",
    ("rolled_back", Audience.BOARD): "Withdraw packs of {months} made since the correction was published.",
    ("rolled_back", Audience.ANYONE): "Do not use figures of {window} taken since the correction was published.",
    ("abandoned", Audience.FINANCE): "Go on with {months} as published. A new correction will be announced.",
    ("abandoned", Audience.ANYONE): "Nothing. Figures of {window} are as they were; they may still be corrected later.",
    ("decommissioned", Audience.FINANCE): "Nothing. Keep the journal; it is the only record of the earlier figures.",
    ("decommissioned", Audience.ANYONE): "Nothing. To change these days again, a new correction has to be opened.",
}
