"""What ``status`` tells: where corrections stand, for people in lines that a narrow terminal holds, and as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backfill_assets.command_line.printing import next_step_json, print_next_step, print_stale
from backfill_assets.core.events import last_of
from backfill_assets.core.facts import Validated, summary_of
from backfill_assets.core.next_step import NextStep
from backfill_assets.core.sentences import WaitsFor, waits_for
from backfill_assets.core.steps import LANES, NINE_STEPS
from backfill_assets.errors.base import counted

if TYPE_CHECKING:
    from backfill_assets.runbook.standing import Standing


def page_of(correction: str) -> str:
    """Where a browser shows a correction: in the console, else in the file of its page, else nowhere yet."""
    from backfill_assets.orchestration.asset.surroundings import console_address, published_root
    from backfill_assets.pages.publishing import page_path

    if address := console_address(correction):
        return address
    page, here = page_path(published_root(), correction), Path.cwd()
    if not page.is_file():
        return ""
    return str(page.relative_to(here) if page.is_relative_to(here) else page)


def status_json(found: "Standing") -> dict[str, Any]:
    """One correction: its plan's essentials, the steps that are done, and what is next."""
    progress, plan = found.progress, found.progress.plan
    return {
        **next_step_json(plan.correction, found.next_step),
        "table": plan.table,
        "window": {"first": str(plan.window.first), "last": str(plan.window.last)},
        "reason": plan.request.reason,
        "version": plan.version_name,
        "done": [str(step) for step in NINE_STEPS if step in progress.done],
        "days": len(plan.days),
        "staged": len(progress.staging.staged),
        "budget": str(progress.budget) if progress.budget else None,
        "core_seconds": round(progress.staging.spent.core_seconds, 3),
        "core_seconds_expected": plan.cost.core_seconds,
        "changed": len(progress.gate.changed),
        "live": len(progress.publication.swapped),
        "certificate": progress.gate.certificate,
        "approved_by": progress.gate.approval.by if progress.gate.approval else None,
        "frozen": sorted(progress.downstream.frozen),
        "ending": progress.publication.ending or None,
        "checks": _checks(found),
        "stale": [one.as_json() for one in found.stale],
        "chain": [{"correction": one.correction, "table": one.table} for one in plan.chain],
        "mixed": found.mixed,
        "page": page_of(plan.correction),
    }


def statuses_json(found: Sequence["Standing"]) -> dict[str, Any]:
    """All corrections."""
    return {"corrections": [status_json(one) for one in found]}


def print_statuses(console: Console, found: Sequence["Standing"], *, whole: bool) -> None:
    """One correction with its steps and checks, or all in a few lines each."""
    if not found:
        console.print("No correction was ever opened here.")
    elif whole:
        _print_whole(console, found[0])
    else:
        console.print(_columns(_in_short(one) for one in found))


def print_ended(console: Console, correction: str, step: NextStep) -> None:
    """What a correction waits for, and where somebody who has to do something about it can look."""
    print_next_step(console, correction, step)
    if waits_for(step) in {WaitsFor.PERSON, WaitsFor.REPAIR} and (page := page_of(correction)):
        console.print(page, soft_wrap=True)


def _in_short(found: "Standing") -> tuple[str, Text]:
    told = status_json(found)
    noun = found.progress.plan.window.grain.value
    lines = [
        f"{told['table']}, {counted(told['days'], noun)}, {_window(told)}",
        f"{told['staged']:,} staged, {told['live']:,} live",
        told["sentence"],
        *([told["page"]] if told["page"] else []),
        "",
    ]
    return told["correction"], Text("\n".join(lines))


def _print_whole(console: Console, found: "Standing") -> None:
    told, grain = status_json(found), found.progress.plan.window.grain
    days = counted(told["days"], grain.value)
    console.print(Text.assemble((f"Correction {told['correction']}", "bold"), f" of {told['table']}, {days}"))
    console.print(f"{_window(told)}  {told['reason']}")
    if told["chain"]:
        members = ", ".join(f"{one['correction']} of {one['table']}" for one in told["chain"])
        console.print(f"Corrected together, in this order: {members}")
    if told["mixed"]:
        console.print(told["mixed"], style="red")
    console.print(_steps(found))
    for check in told["checks"]:
        mark = ("passed", "green") if check["passed"] else ("failed", "red")
        console.print(_columns([(mark[0], Text(f"{check['name']}\n{check['sentence']}"))], mark[1]))
    happened = ((f"{event.at:%Y-%m-%d %H:%M:%S}", Text(summary_of(event.fact, grain))) for event in found.events)
    console.print(_columns(happened), style="dim")
    print_stale(console, found.stale, soft_wrap=False)
    print_next_step(console, told["correction"], found.next_step, soft_wrap=False)
    if told["page"]:
        console.print(told["page"])


def _steps(found: "Standing") -> Table:
    """The nine steps in their lanes: which are done, when and by whom."""
    table = Table("step", "lane", "done", "at", "by", box=None)
    table.columns[-1].overflow = "fold"
    at = {event.step: event for event in found.events if event.outcome == "done"}
    for step in NINE_STEPS:
        event = at.get(step) if step in found.progress.done else None
        done, when = ("yes" if step in found.progress.done else ""), (f"{event.at:%Y-%m-%d %H:%M:%S}" if event else "")
        lane = LANES[step].replace("_", " ")
        table.add_row(str(step), lane, done, when, Text(event.actor if event else ""))
    return table


def _columns(rows: Iterable[tuple[str, Text]], style: str = "") -> Table:
    """A heading a row, and beside it a text that is wrapped where the terminal ends."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style=style)
    table.add_column(overflow="fold")
    for heading, text in rows:
        table.add_row(heading, text)
    return table


def _window(told: dict[str, Any]) -> str:
    return f"{told['window']['first']}..{told['window']['last']}"


def _checks(found: "Standing") -> list[dict[str, Any]]:
    validated = last_of(found.events, Validated)
    return [asdict(check) for check in validated.checks] if validated else []
