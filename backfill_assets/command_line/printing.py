"""What the commands print, for people and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, assert_never

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backfill_assets.core.chain import WaitForChain
from backfill_assets.core.events import last_of
from backfill_assets.core.facts import Validated, summary_of
from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRate,
    WaitForRuns,
    WaitUntil,
)
from backfill_assets.core.plan import Plan
from backfill_assets.core.sentences import sentence_of, waits_for
from backfill_assets.core.steps import LANES, NINE_STEPS
from backfill_assets.errors.base import counted, days_listed, listed, verb

if TYPE_CHECKING:
    from backfill_assets.command_line.work import Published
    from backfill_assets.errors.failure import FailedAlike
    from backfill_assets.orchestration.nightly.publish import Nightly
    from backfill_assets.runbook.stale_readers import StaleReader
    from backfill_assets.runbook.standing import Standing


def next_step_json(correction: str, step: NextStep) -> dict[str, Any]:
    """What a correction waits for: nothing, time, a person, repair, or a run."""
    told = {"correction": correction, "waits_for": str(waits_for(step)), "sentence": sentence_of(correction, step)}
    match step:
        case WaitUntil(deadline=deadline):
            return {**told, "deadline": deadline.isoformat()}
        case WaitForRate(until=until):
            return {**told, "until": until.isoformat()}
        case Stuck(step=at):
            return {**told, "step": str(at)}
        case WaitForChain(behind=behind):
            return {**told, "behind": behind}
        case TakeSteps() | StageWaves() | RebuildReports() | WaitForRuns() | WaitForPerson() | Finished():
            return told
        case _:
            assert_never(step)


def print_next_step(console: Console, correction: str, step: NextStep) -> None:
    """Say what a correction waits for."""
    told = next_step_json(correction, step)
    colour = {"person": "yellow", "repair": "red"}.get(told["waits_for"], "green")
    console.print(told["sentence"], style=colour, soft_wrap=True)


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
    }


def statuses_json(found: Sequence["Standing"]) -> dict[str, Any]:
    """All corrections."""
    return {"corrections": [status_json(one) for one in found]}


def print_statuses(console: Console, found: Sequence["Standing"], *, whole: bool) -> None:
    """One correction with its steps and checks, or all in a line each."""
    if not found:
        console.print("No correction was ever opened here.")
        return
    if not whole:
        table = Table("correction", "table", "window", "staged", "live", "what is next", box=None)
        for one in found:
            told = status_json(one)
            window = f"{told['window']['first']}..{told['window']['last']}"
            days = f"{told['staged']} of {told['days']}"
            table.add_row(told["correction"], told["table"], window, days, str(told["live"]), told["sentence"])
        console.print(table)
        return
    _print_whole(console, found[0])


def _print_whole(console: Console, found: "Standing") -> None:
    told, grain = status_json(found), found.progress.plan.window.grain
    days = counted(told["days"], grain.value)
    console.print(Text.assemble((f"Correction {told['correction']}", "bold"), f" of {told['table']}, {days}"))
    console.print(f"{told['window']['first']}..{told['window']['last']}  {told['reason']}", soft_wrap=True)
    if told["chain"]:
        members = ", ".join(f"{one['correction']} of {one['table']}" for one in told["chain"])
        console.print(f"Corrected together, in this order: {members}", soft_wrap=True)
    if told["mixed"]:
        console.print(told["mixed"], style="red", soft_wrap=True)
    table = Table("step", "lane", "done", "at", "by", box=None)
    at = {event.step: event for event in found.events if event.outcome == "done"}
    for step in NINE_STEPS:
        done = str(step) in told["done"]
        event = at.get(step) if done else None
        when = f"{event.at:%Y-%m-%d %H:%M}" if event else ""
        table.add_row(str(step), str(LANES[step]), "yes" if done else "", when, event.actor if event else "")
    console.print(table)
    for check in told["checks"]:
        mark = ("passed", "green") if check["passed"] else ("failed", "red")
        console.print(Text.assemble(mark, f" {check['name']}  {check['sentence']}"), soft_wrap=True)
    for event in found.events:
        console.print(f"{event.at:%Y-%m-%d %H:%M}  {summary_of(event.fact, grain)}", style="dim", soft_wrap=True)
    print_stale(console, found.stale)
    print_next_step(console, told["correction"], found.next_step)


def _checks(found: "Standing") -> list[dict[str, Any]]:
    validated = last_of(found.events, Validated)
    return [asdict(check) for check in validated.checks] if validated else []


def print_plan(console: Console, plan: Plan) -> None:
    """The plan, as the dry run shows it."""
    noun = plan.window.grain.value
    told = Text.assemble((plan.version_name, "bold"), f" would correct {counted(len(plan.days), noun)}, {plan.window}")
    console.print(told, soft_wrap=True)
    table = Table(box=None, show_header=False)
    table.add_row("reason", plan.request.reason)
    table.add_row("approval", str(plan.request.approval))
    for clause in plan.request.expectation.as_lines(plan.window.grain) or ("nothing",):
        table.add_row("expects", clause)
    table.add_row("waves", f"{counted(plan.request.waves.max_days, noun)} at most, {plan.request.waves.order} first")
    for member in plan.chain:
        if member.correction != plan.correction:
            table.add_row("together", f"{member.table}, correction {member.correction}")
    for report, keys in plan.reports.items():
        table.add_row("rebuilds", f"{report}, {counted(len(keys), 'partition')}, {keys[0]}..{keys[-1]}")
    table.add_row("watermarks", ", ".join(plan.holders))
    if plan.carries_state:
        table.add_row("state", plan.state_told)
    if plan.inputs.unpinned:
        table.add_row("not pinned", ", ".join(plan.inputs.unpinned))
    table.add_row("replaces", f"{plan.cost.bytes_staged / 1e6:.1f} MB")
    console.print(table)


def print_stale(console: Console, stale: Sequence["StaleReader"]) -> None:
    """What is stale by a correction, or will be, and how that is corrected."""
    for one in stale:
        console.print(one.sentence, style="yellow", soft_wrap=True)


def nightly_json(told: Mapping[str, "Published"]) -> dict[str, Any]:
    """What nightly did to its table, or to each by name where there are several, days as ISO strings."""
    every = {table: _nightly_json(one.done) for table, one in told.items()}
    return every if len(every) > 1 else next(iter(every.values()))


def _nightly_json(done: "Nightly") -> dict[str, Any]:
    return {
        "published": [str(day) for day in done.published],
        "rebuilt": [str(day) for day in done.rebuilt],
        "failed": [str(day) for day in sorted(done.failed)],
        "late": [str(day) for day in done.late],
        "claimed": [str(day) for day in done.claimed],
        "frozen": list(done.frozen),
        "reports_failed": [*done.reports_failed],
        "reasons": [_failed_json(one) for one in done.failures],
        "readers_wait": list(done.readers_wait),
        "notes": list(done.notes),
        **_first_failure(done),
    }


def _first_failure(done: "Nightly") -> dict[str, str]:
    """The first thing that went wrong, as every refused command tells it; nothing when all went well."""
    told = [_failed_json(one) for one in done.failures[:1]]
    return {name: one[name] for one in told for name in ("error", "message")}


def _failed_json(failed: "FailedAlike") -> dict[str, Any]:
    """What went wrong, once, with the days or the reports that failed by it."""
    return {"error": failed.failure.error, "message": failed.failure.message, "of": [*failed.of]}


def print_nightly(console: Console, told: Mapping[str, "Published"]) -> None:
    """What nightly did to its table, or to each where there are several."""
    for table, one in told.items():
        _print_nightly(console, one.done, one.grain.value, table, f" of {table}" if len(told) > 1 else "")


def _print_nightly(console: Console, done: "Nightly", noun: str, table: str, of: str) -> None:
    first_to_last = f", {done.published[0]}..{done.published[-1]}" if done.published else ""
    console.print(f"Published {counted(len(done.published), noun)}{of}{first_to_last}.")
    if done.rebuilt:
        console.print(f"Rebuilt {days_listed(done.rebuilt, noun=noun)} for late data.")
    if done.late:
        console.print(
            f"{days_listed(done.late, noun=noun)} with late data {verb(len(done.late), 'is', 'are')} beyond the "
            f"look-back. Open the correction that `backfill-assets plan --stale {table}` proposes.",
            style="yellow",
            soft_wrap=True,
        )
    if done.frozen:
        console.print(f"{', '.join(done.frozen)} stay frozen, what they missed is remembered.", style="yellow")
    for sentence in (*done.notes, *done.readers_wait):
        console.print(sentence, style="yellow", soft_wrap=True)
    for failed in done.failures:
        console.print(Text.assemble((listed(failed.of), "red"), f" {failed.failure}"), soft_wrap=True)
