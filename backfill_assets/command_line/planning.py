"""What ``plan`` shows beyond the request: the waves with their times, what comes first, and windows by code version."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.printing import print_plan, print_stale, took
from backfill_assets.command_line.session import Answer, Session
from backfill_assets.core.plan import Plan
from backfill_assets.core.wave_size import planned_waves
from backfill_assets.core.waves import Estimate, PastRun, estimate, ordered_waves
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.base import counted, listed
from backfill_assets.errors.chains import NothingStale
from backfill_assets.errors.request import CodeVersionUnknown, TableUnknown

if TYPE_CHECKING:
    from backfill_assets.runbook import StepContext

MOST_WAVES = 12


def show(session: Session, file: Path, answer: Answer) -> None:
    """Answer with what a request would do."""
    from backfill_assets.command_line.work import step_context_of
    from backfill_assets.runbook.opening import plan_chain
    from backfill_assets.runbook.request import read_request_file
    from backfill_assets.runbook.stale_readers import will_be_stale

    request = read_request_file(file)
    ctx = step_context_of(session, request.table)
    planned, *following = plan_chain(ctx, request)
    stale = will_be_stale(ctx, planned.days, [member.table for member in planned.chain])

    def text(console: Console) -> None:
        for one in (planned, *following):
            print_plan(console, one)
            print_waves(console, one)
        print_stale(console, stale)

    told = {"planned_waves": waves_json(planned), "stale": [one.as_json() for one in stale]}
    told |= {"downstream": [one.as_json() for one in following]} if following else {}
    answer.give({**planned.as_json(), **told}, text)


def propose(session: Session, table: str, code_version: str, answer: Answer) -> None:
    """Answer with a request for what a code version built."""
    ctx = only_step_context(session, table)
    windows = built_by(ctx, code_version)
    request = proposed_request(ctx, code_version, windows)
    told = {
        "table": ctx.table.name,
        "code_version": code_version,
        "windows": [{"first": str(one.first), "last": str(one.last)} for one in windows],
        "request": request,
    }
    answer.give(told, lambda _console: typer.echo(request))


def propose_stale(session: Session, table: str, answer: Answer) -> None:
    """Answer with a request for the days of a table that were computed from other inputs than there are now.

    Raises:
        NothingStale: when there are none.
    """
    from backfill_assets.command_line.work import definition_of
    from backfill_assets.orchestration.asset.lateness import waiting_days
    from backfill_assets.runbook.request import request_text

    definition = definition_of(session, table)
    days = waiting_days(definition, session.lake.records())
    if not days:
        raise NothingStale(table, definition.slots.grain.value)
    window = Window.spanning(days, definition.slots.grain)
    many = counted(len(days), window.grain.value)
    fields = {
        "table": table,
        "window": {"first": window.first, "last": window.last},
        "reason": f"{many} were computed from what {listed(definition.compute_spec.sources.values())} held before.",
    }
    request = request_text(f"# {many} of this window are stale.", fields).rstrip()
    told = {"table": table, "days": [str(day) for day in days], "request": request}
    answer.give(told, lambda _console: typer.echo(request))


def only_step_context(session: Session, table: str, by: str = "command line") -> "StepContext":
    """A step context of the named table, or of the only one; one that a consumer keeps has to be named beside another.

    Raises:
        TableUnknown: when none is named and there are several, or none of that name.
    """
    from backfill_assets.command_line.work import step_context_of
    from backfill_assets.orchestration.consuming.jobs import tables_meant

    tables, meant = session.tables, tables_meant(session.definitions)
    if not table and len(meant) != 1:
        raise TableUnknown("no table", tables)
    return step_context_of(session, table or meant[0], by)


def waves_of(plan: Plan) -> Estimate:
    """The waves of a plan, laid out in time as it was estimated."""
    policy = plan.request.waves
    past = [PastRun(1, plan.cost.seconds_per_day)] if plan.cost.seconds_per_day else []
    return estimate(ordered_waves(plan.days, planned_waves(plan), plan.window.grain), policy, past)


def waves_json(plan: Plan) -> list[dict[str, Any]]:
    """The waves of a plan, JSON-ready."""
    return [
        {
            "first": str(wave.window.first),
            "last": str(wave.window.last),
            "days": len(wave.window),
            "starts_after": round(wave.starts_after, 1),
            "seconds": round(wave.seconds, 1),
        }
        for wave in waves_of(plan).waves
    ]


def print_waves(console: Console, plan: Plan) -> None:
    """The waves as a table, with what they take and cost."""
    laid = waves_of(plan)
    table = Table("wave", f"{plan.window.grain.value}s", "window", "starts after", "takes", box=None)
    for number, wave in enumerate(laid.waves[:MOST_WAVES], start=1):
        window = str(wave.window.first) if len(wave.window) == 1 else str(wave.window)
        table.add_row(str(number), str(len(wave.window)), window, took(wave.starts_after), took(wave.seconds))
    console.print(table)
    if len(laid.waves) > MOST_WAVES:
        console.print(f"and {counted(len(laid.waves) - MOST_WAVES, 'more wave')}.")
    cost = plan.cost
    known = f"from {counted(cost.runs_seen, 'past run')}" if cost.runs_seen else "a guess, as no run was measured yet"
    at_once = plan.request.waves.at_once
    console.print(
        f"Staging takes about {took(cost.seconds)}, {at_once} at once, {took(cost.run_seconds)} of runs, {known}.",
    )
    if plan.request.waves.days_per_minute:
        days = plan.request.waves.days_per_minute
        noun = plan.window.grain.value
        console.print(f"A source limits the pace to {days:g} {noun if days == 1 else f'{noun}s'} a minute.")
    if plan.inputs.after:
        console.print(
            f"Cut over {', '.join(plan.inputs.after)} first; "
            f"this table reads the {plan.window.grain.value}s that it corrects.",
            style="yellow",
        )


def built_by(ctx: "StepContext", code_version: str) -> list[Window]:
    """The windows of live days that a code version built, oldest first.

    Raises:
        CodeVersionUnknown: naming the versions that built what is live.
    """
    table = ctx.table.name
    live = ctx.records.newest(table)
    builds = ctx.records.builds.of_days(table, {**live.files_of(live.days)}) if live else {}
    days = [day for day, build in builds.items() if build.code_version.startswith(code_version)]
    if not days:
        raise CodeVersionUnknown(code_version, table, {build.code_version for build in builds.values()})
    return list(contiguous(days, grain=ctx.table.partition.grain))


def proposed_request(ctx: "StepContext", code_version: str, windows: Sequence[Window]) -> str:
    """A request, ready to be filled in and opened, for all that a code version built."""
    from backfill_assets.runbook.request import request_text

    window = Window(windows[0].first, windows[-1].last, windows[0].grain)
    request = {
        "table": ctx.table.name,
        "window": {"first": window.first, "last": window.last},
        "reason": f"These {window.grain.value}s were built by code version {code_version}, which is wrong because …",
        "watchers": [],
        "expect": {"same_rows": True},
        "approval": "manual",
    }
    days = sum(len(one) for one in windows)
    told = [f"# {code_version} built {days:,} of {counted(len(window), window.grain.value)} of this window."]
    if len(windows) > 1:
        told += [f"#   {one}" for one in windows]
    return request_text("\n".join(told), request).rstrip()
