"""What the commands print, for people and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backfill_assets.core.chain import WaitForChain
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
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.core.plan import Plan
from backfill_assets.core.sentences import sentence_of, waits_for
from backfill_assets.core.wave_size import planned_waves
from backfill_assets.errors.base import counted, days_listed, listed, verb

if TYPE_CHECKING:
    from backfill_assets.command_line.work import Published
    from backfill_assets.errors.failure import FailedAlike
    from backfill_assets.orchestration.nightly.publish import Nightly
    from backfill_assets.runbook.stale_readers import StaleReader


A_MINUTE = 60


def took(seconds: float) -> str:
    """Seconds as people say them, ``1:05:00`` or ``12 s``."""
    return str(timedelta(seconds=round(seconds))) if seconds >= A_MINUTE else f"{seconds:.0f} s"


def next_step_json(correction: str, step: NextStep) -> dict[str, Any]:
    """What a correction waits for: nothing, time, a person, repair, or a run."""
    told = {"correction": correction, "waits_for": str(waits_for(step)), "sentence": sentence_of(correction, step)}
    match step:
        case WaitUntil(deadline=deadline):
            return {**told, "deadline": deadline.isoformat(), "lost": step.lost}
        case WaitForRate(until=until) | WaitForNightly(until=until):
            return {**told, "until": until.isoformat()}
        case Stuck(step=at):
            return {**told, "step": str(at)}
        case WaitForChain(behind=behind):
            return {**told, "behind": behind}
        case TakeSteps() | StageWaves() | RebuildReports() | WaitForRuns() | WaitForPerson() | Finished():
            return told
        case Paused() | BudgetSpent():
            return told
        case _:
            assert_never(step)


def print_next_step(console: Console, correction: str, step: NextStep, *, soft_wrap: bool = True) -> None:
    """Say what a correction waits for; with ``soft_wrap`` in one line, which the terminal breaks."""
    told = next_step_json(correction, step)
    colour = {"person": "yellow", "repair": "red"}.get(told["waits_for"], "green")
    console.print(told["sentence"], style=colour, soft_wrap=soft_wrap)


def print_plan(console: Console, plan: Plan) -> None:
    """The plan, as it is shown before anything is opened."""
    noun = plan.window.grain.value
    told = Text.assemble((plan.version_name, "bold"), f" would correct {counted(len(plan.days), noun)}, {plan.window}")
    console.print(told, soft_wrap=True)
    table = Table(box=None, show_header=False)
    table.add_row("reason", plan.request.reason)
    table.add_row("approval", str(plan.request.approval))
    for clause in plan.request.expectation.as_lines(plan.window.grain) or ("nothing",):
        table.add_row("expects", clause)
    table.add_row("waves", _waves_told(plan))
    if budget := plan.request.budget:
        told = budget.told(plan.cost.core_seconds, plan.cost.core_hour)
        table.add_row("budget", f"{budget}, of which {told} are expected to be spent")
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


def _waves_told(plan: Plan) -> str:
    """How the days are cut into waves, in words."""
    policy, noun = plan.request.waves, plan.window.grain.value
    most = counted(planned_waves(plan).usual_days, noun)
    if policy.max_days:
        told = f"{most} at most"
    elif plan.cost.runs_seen:
        told = f"about {most} each, by how long a {noun} has taken"
    else:
        told = f"{most} each, until it shows how long one takes"
    return f"{told}, {policy.order} first"


def print_stale(console: Console, stale: Sequence["StaleReader"], *, soft_wrap: bool = True) -> None:
    """What is stale by a correction, or will be, and how that is corrected."""
    for one in stale:
        console.print(one.sentence, style="yellow", soft_wrap=soft_wrap)


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
