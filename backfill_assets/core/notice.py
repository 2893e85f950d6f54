"""Notices: what consumers are told, each audience in its own words, written from measured figures."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from backfill_assets.core.audiences import (
    Audience,
    audience_of,
    days_named,
    days_of_event,
    is_part,
    moves_for,
    runs_named,
)
from backfill_assets.core.exact import exactly
from backfill_assets.core.formats import (
    amount,
    marked,
    month_told,
    name_told,
    percent,
    period_told,
    slot_told,
    span_told,
    told,
)
from backfill_assets.core.plain import one_line, plain
from backfill_assets.core.plan import Plan
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import NoticeKind as Kind
from backfill_assets.core.window import quarter_of
from backfill_assets.errors.base import counted

EVERYONE = "everyone"
Sums = Mapping[str, Mapping[str, str]]
_UNFIT = re.compile(r"[^\w.-]+")
LONGEST_FILE_NAME = 100
# What stands in code for the two characters that would end it, or the cell that it is in.
MARK, BAR = "\u02cb", "\u00a6"


def _file_name(audience: str) -> str:
    """An audience as a part of a file name; of one that is too long in bytes, its beginning and a digest of it."""
    fit = _UNFIT.sub("-", audience)
    if len(fit.encode()) <= LONGEST_FILE_NAME:
        return fit
    beginning = fit.encode()[: LONGEST_FILE_NAME // 2].decode(errors="ignore")
    return f"{beginning}-{hashlib.sha256(audience.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one audience about one event of a correction.

    ``number`` counts repetitions of the event (a second cut over is told anew). ``message_id`` is the same whenever
    the same notice is sent again.
    """

    correction: str
    event: Kind
    audience: str
    subject: str
    body: str
    number: int = 1

    @property
    def name(self) -> str:
        """The file name of the notice, without its ending."""
        again = f"-{self.number}" if self.number > 1 else ""
        return f"{self.correction}-{self.event}{again}-{_file_name(self.audience)}"

    @property
    def message_id(self) -> str:
        """SHA-256 over correction, event, number and audience."""
        return hashlib.sha256(f"{self.name}/{self.audience}".encode()).hexdigest()


@exactly
def write_notices(
    plan: Plan, event: Kind, figures: Mapping[str, Any], number: int = 1, audiences: Collection[Audience] = ()
) -> tuple[Notice, ...]:
    """A notice for each watcher of the plan, or one for everyone where it has none, in the words of its audience.

    ``figures`` are those of the events they tell of: totals, months and largest day as texts, days as ISO dates. Where
    the event was about ``days`` that are not the ``whole`` of what the correction changes, it is told of those alone.
    """
    subject = _subject(plan, event, figures)
    watchers = dict.fromkeys(plan.request.watchers or (EVERYONE,))
    blank = [Notice(plan.correction, event, watcher, subject, "", number) for watcher in watchers]
    return tuple(replace(one, body=_body(plan, one, figures, audience_of(one.audience, audiences))) for one in blank)


def _subject(plan: Plan, event: Kind, figures: Mapping[str, Any], table: str = "") -> str:
    window, days = span_told(plan.days), days_of_event(plan, figures)
    given = {"table": table or plan.table, "window": window, "correction": plan.correction}
    if not is_part(figures) or not days or event not in _SUBJECTS_OF_PART:
        return _SUBJECTS[event].format(**given)
    return _SUBJECTS_OF_PART[event].format(**given, days=days_named(days, plan.window.grain))


_SUBJECTS_OF_PART = {
    Kind.PUBLISHED: "The correction of {days} of {table} {window} is published",
    Kind.ROLLED_BACK: "The correction of {days} of {table} {window} was rolled back",
    Kind.DECOMMISSIONED: "The correction of {days} of {table} {window} is final",
}
_SUBJECTS = {
    Kind.OPENED: "{table} {window} is being corrected and reports are frozen",
    Kind.WAITING: "The correction of {table} {window} waits for a decision",
    Kind.PUBLISHED: "{table} {window} is corrected",
    Kind.ROLLED_BACK: "The correction of {table} {window} was rolled back",
    Kind.ABANDONED: "The correction of {table} {window} was abandoned",
    Kind.UNCHANGED: "{table} {window} is right as it is",
    Kind.DECOMMISSIONED: "The correction of {table} {window} is final",
}
_LEADS = {
    Kind.OPENED: "Numbers of these days are wrong and are being recomputed beside the published ones. Until that is "
    "done, every report below keeps its last good state, under a banner that says so.",
    Kind.WAITING: "The recomputed days were compared with the published ones and with their source. Nothing is "
    "published until the correction is approved.",
    Kind.PUBLISHED: "The corrected days are published, and every report below is rebuilt from them.",
    Kind.ROLLED_BACK: "The earlier numbers of these days are published again, and the reports are rebuilt from them.",
    Kind.ABANDONED: "Nothing of it was published. The reports are no longer frozen and show what they showed before.",
    Kind.UNCHANGED: "Every day was recomputed and equals the published one. Nothing was changed, and the reports are "
    "no longer frozen.",
    Kind.DECOMMISSIONED: "The replaced files are deleted. There is no way back to the earlier numbers any more.",
}


_LEADS_OF_PART = {
    Kind.PUBLISHED: "The days named below are corrected and published, and every report below is rebuilt from them.",
    Kind.ROLLED_BACK: "The earlier numbers of the days named below are published again, and the reports are rebuilt "
    "from them. The other days of the correction stay as they are.",
    Kind.DECOMMISSIONED: "The replaced files are deleted. The corrected numbers of the days named below stay, and "
    "there is no way back to their earlier ones any more.",
}
_LEAD_TAKEN_BACK = (
    "What was published of it was rolled back before. The reports are no longer frozen and show the earlier numbers."
)
_LEAD_CLEARED = "What was recomputed for it is deleted. None of its days is published."


def _lead(event: Kind, figures: Mapping[str, Any]) -> str:
    if event == Kind.ABANDONED and figures.get("was_live"):
        return _LEAD_TAKEN_BACK
    if event == Kind.DECOMMISSIONED and "days" in figures and not figures["days"]:
        return _LEAD_CLEARED
    return _LEADS_OF_PART.get(event, _LEADS[event]) if is_part(figures) else _LEADS[event]


def _body(plan: Plan, notice: Notice, figures: Mapping[str, Any], audience: Audience) -> str:
    event = notice.event
    parts = [
        f"# {_subject(plan, event, figures, f'`{plan.table}`')}",
        plan.window.grain.worded(_lead(event, figures)),
        "\n".join(f"- **{name}:** {value}" for name, value in _facts(plan, event, figures).items()),
        *_tables(plan.window.grain, event, figures, audience),
        *_failed_checks(plan.window.grain, event, figures),
        "## What to do",
        "\n".join(f"- {move}" for move in moves_for(audience, event, plan, figures)),
        f"Notice `{notice.name}`{_after_event(figures)}",
    ]
    return "\n\n".join(parts) + "\n"


def _after_event(figures: Mapping[str, Any]) -> str:
    """By which event of the ledger it was written: who keeps the notice can tell one that was changed or cut later."""
    head = figures.get("head", "")
    return f", written after the event of the ledger with the digest `{head}`" if head else ""


def _facts(plan: Plan, event: Kind, figures: Mapping[str, Any]) -> dict[str, str]:
    days, grain = days_of_event(plan, figures), plan.window.grain
    reach: Mapping[str, Sequence[str]] = figures.get("reach", plan.reports)
    reports = [f"`{report}` ({_span(keys)})" for report, keys in sorted(reach.items()) if keys]
    facts = {
        "Correction": f"{plan.correction} of `{plan.table}`",
        "What happened": figures.get("happened", ""),
        "What was wrong": plain(plan.request.reason),
        "Since": f"{slot_told(plan.window.first)}, until {slot_told(plan.window.last)} "
        f"({counted(len(plan.days), grain.value)})",
        _COUNTED.get(event, "Days changed"): _counted(grain, days, figures),
        "Largest day": _largest(event, figures),
        "Closed months": ", ".join(month_told(month) for month in figures.get("closed_months", ())),
        "Reports": ", ".join(reports),
        "Corrected together with": marked(told(figures.get("together", ""))),
        "Tables that read it": marked(told(" ".join(figures.get("stale", ())))),
        "Sources not pinned": ", ".join(f"`{name}`" for name in plan.inputs.unpinned),
        "State": marked(told(plan.state_told)),
        "Computed from a state that is gone": marked(told(", ".join(figures.get("stale", ())))),
        "Approved by": plain(figures.get("approved_by", "")) if event in {Kind.PUBLISHED, Kind.DECOMMISSIONED} else "",
        "Roll back possible until": told(figures.get("roll_back_until", "")) if event == Kind.PUBLISHED else "",
        "Note": plain(figures.get("note", "")) if event != "opened" else "",
    }
    if event in {Kind.OPENED, Kind.ABANDONED, Kind.UNCHANGED}:
        facts = {name: value for name, value in facts.items() if name not in {"Days changed", "Largest day"}}
    if is_part(figures):
        facts.pop("Since")
    return {grain.worded(name): str(value) for name, value in facts.items() if value not in (None, "")}


def _code(name: str) -> str:
    """A name of a column, which may be anything, as code that ends where it ends."""
    return f"`{one_line(name).replace('`', MARK).replace('|', BAR)}`"


_COUNTED = {Kind.WAITING: "Days that change", Kind.ROLLED_BACK: "Days rolled back"}


def _counted(grain: Grain, days: Collection[date], figures: Mapping[str, Any]) -> str:
    """How many days the event is about; each by name where they are a part."""
    count = figures.get("days_changed")
    if not is_part(figures) or not days:
        return "" if count is None else str(count)
    return f"{count}, namely {', '.join(runs_named(days, grain))}"


def _span(keys: Sequence[str]) -> str:
    ends = [period_told(key) for key in (keys[0], keys[-1])]
    return " to ".join(dict.fromkeys(ends))


def _largest(event: Kind, figures: Mapping[str, Any]) -> str:
    day = figures.get("largest_day")
    sums: Sums = figures.get("largest") or {}
    if not day or not sums:
        return period_told(str(day or ""))
    name = list(sums)[-1]
    old, new = _sides(event, sums[name])
    return f"{period_told(str(day))}, {_code(name)} {amount(old)} to {amount(new)} ({change(old, new)})"


def _sides(event: Kind, found: Mapping[str, str]) -> tuple[Decimal, Decimal]:
    """What was read before and what is read now: a roll back goes the other way."""
    old, new = Decimal(found["old"]), Decimal(found["new"])
    return (new, old) if event == Kind.ROLLED_BACK else (old, new)


def _tables(grain: Grain, event: Kind, figures: Mapping[str, Any], audience: Audience) -> list[str]:
    """Totals by month and quarter: of every measure that changed or of the last one, as the audience reads them."""
    totals: Sums = figures.get("totals") or {}
    if event in {Kind.OPENED, Kind.ABANDONED, Kind.UNCHANGED} or not totals:
        return []
    moved = [name for name, found in totals.items() if Decimal(found["old"]) != Decimal(found["new"])]
    names = moved if audience.every_measure else moved[-1:]
    return [_table(grain, event, name, figures, audience) for name in names]


def _table(grain: Grain, event: Kind, name: str, figures: Mapping[str, Any], audience: Audience) -> str:
    months: Mapping[str, Sums] = figures.get("months") or {}
    quarters: dict[str, dict[str, Decimal]] = {}
    for month, sums in months.items():
        quarter = quarters.setdefault(quarter_of(month), {"old": Decimal(0), "new": Decimal(0)})
        for side in quarter:
            quarter[side] += Decimal(sums[name][side])
    rows = {month: sums[name] for month, sums in months.items()} if audience.by_month else {}
    rows |= {quarter: {side: str(value) for side, value in sums.items()} for quarter, sums in quarters.items()}
    rows[grain.worded("All days")] = figures["totals"][name]
    over = grain.worded("days changed" if "days" in figures else "days of the window")
    then, now = ("corrected", "earlier, now back") if event == Kind.ROLLED_BACK else ("before", "corrected")
    lines = [f"| {_code(name)}, {over} | {then} | {now} | change |", "| :-- | --: | --: | --: |"]
    for label, found in rows.items():
        old, new = _sides(event, found)
        lines.append(f"| {period_told(label)} | {amount(old)} | {amount(new)} | {change(old, new)} |")
    return "\n".join(lines)


def _failed_checks(grain: Grain, event: Kind, figures: Mapping[str, Any]) -> list[str]:
    failed = [check for check in figures.get("checks", ()) if not check["passed"]]
    if event != Kind.WAITING or not failed:
        return []
    lines = [f"- {name_told(check['name'], grain)}: {marked(told(plain(check['sentence'])))}" for check in failed]
    return ["## What did not pass", "\n".join(lines)]


@exactly
def change(old: Decimal, new: Decimal) -> str:
    r"""By how much, with its sign, and in percent where that can be said.

    >>> change(Decimal("200.00"), Decimal("190.00")).replace("\u2212", "-")
    '-10.00, -5.00\xa0%'
    """
    share = f", {percent((new - old) / abs(old), signed=True)}" if old else ""
    return f"{amount(new - old, signed=True)}{share}"
