"""Notices: what consumers are told, written from measured figures."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfill_assets.core.plan import Plan

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one audience about one event of a correction.

    ``number`` counts repetitions of the event (a second cut over is told anew). ``message_id`` is the same whenever
    the same notice is sent again.
    """

    correction: str
    event: str
    audience: str
    subject: str
    body: str
    number: int = 1

    @property
    def name(self) -> str:
        """The file name of the notice, without its ending."""
        again = f"-{self.number}" if self.number > 1 else ""
        return f"{self.correction}-{self.event}{again}-{self.audience}"

    @property
    def message_id(self) -> str:
        """SHA-256 over correction, event, number and audience."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def write_notices(plan: Plan, event: str, figures: Mapping[str, Any], number: int = 1) -> tuple[Notice, ...]:
    """A notice for each watcher of the plan, or one for everyone where it has none.

    ``figures`` are those of the events they tell of: totals as strings, days as ISO dates.
    """
    subject = _SUBJECTS[event].format(table=plan.table, window=plan.window, correction=plan.correction)
    body = "\n".join([f"# {subject}", "", *_lines(plan, event, figures), ""])
    watchers = plan.request.watchers or (EVERYONE,)
    return tuple(Notice(plan.correction, event, watcher, subject, body, number) for watcher in watchers)


_SUBJECTS = {
    "published": "{table} {window} is corrected",
    "rolled_back": "The correction of {table} {window} was rolled back",
    "abandoned": "The correction of {table} {window} was given up",
}
_MOVES = {
    "published": "Rerun whatever you copied from these days. Pages and exports are rebuilt already.",
    "rolled_back": "The earlier numbers are back. Do not use figures taken since the correction was published.",
    "abandoned": "Nothing was published. The reports are no longer frozen.",
}


def _lines(plan: Plan, event: str, figures: Mapping[str, Any]) -> list[str]:
    facts = {
        "Correction": f"{plan.correction} of `{plan.table}`",
        "Why": plan.request.reason,
        "Window": f"{plan.window} ({len(plan.days)} days)",
        "Days changed": figures.get("days_changed"),
        "Days left alone": figures.get("days_unchanged"),
        **{f"Total {name}": f"{sums['old']} before, {sums['new']} now" for name, sums in _totals(figures).items()},
        "Largest day": figures.get("largest_day"),
        "Reports": ", ".join(sorted(plan.reports)) or None,
        "Approved by": figures.get("approved_by"),
        "Roll back possible until": figures.get("roll_back_until"),
        "Note": figures.get("note"),
    }
    told = [f"- **{name}:** {value}" for name, value in facts.items() if value not in (None, "")]
    return [*told, "", _MOVES[event]]


def _totals(figures: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    return figures.get("totals", {})
