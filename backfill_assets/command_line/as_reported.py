"""The command ``as-reported``: the figures that a table showed at a time, for ever."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.planning import only_step_context
from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.given import as_day, days_given, time_given
from backfill_assets.core.reported import Amounts
from backfill_assets.errors.base import days_listed
from backfill_assets.pages.formats import amount

if TYPE_CHECKING:
    from backfill_assets.core.slots import Grain
    from backfill_assets.runbook.as_reported import AsReported


def as_reported(
    table: Annotated[str, typer.Argument(help="The correctable table.", show_default=False)],
    at: Annotated[
        str, typer.Option("--at", help="A day, which is its end in UTC, or a time with its offset.", show_default=False)
    ],
    day: Annotated[
        list[str] | None, typer.Option("--day", help="A day, or FIRST..LAST; may be repeated. All when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what a table said at a time: rows and exact sums per day, whatever was swapped or deleted since."""
    from backfill_assets.runbook import as_reported as runbook

    answer = Answer(as_json=json)
    with answer.refusals():
        ctx = only_step_context(Session(), table, "command line")
        grain = ctx.table.partition.grain
        found = runbook.as_reported(ctx, _moment(at, ctx.now), days_given(day or (), "--day", grain))
        answer.give(_told(found), lambda console: _print(console, found, grain))


def _moment(text: str, now: datetime) -> datetime:
    """The moment that somebody wrote; of a day its end, as far as it has passed."""
    day = as_day(text)
    if day is None:
        return time_given(text, "--at")
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return now if end - timedelta(days=1) <= now < end else end


def _told(found: "AsReported") -> dict[str, Any]:
    return {
        "table": found.table,
        "at": found.at.isoformat(),
        "commit": found.commit,
        "made_at": found.made_at.isoformat(),
        "made_by": found.made_by,
        "days": [{"day": str(day), **_amounts(one)} for day, one in found.lines.items()],
        "total": _amounts(found.total),
        "not_recorded": [str(day) for day in found.unknown],
        "not_published": [str(day) for day in found.absent],
    }


def _amounts(one: Amounts) -> dict[str, Any]:
    return {"rows": one.rows, "sums": {name: f"{value:f}" for name, value in one.sums.items()}}


def _print(console: Console, found: "AsReported", grain: "Grain") -> None:
    console.print(
        f"{found.table} as it was at {found.at:%Y-%m-%d %H:%M} UTC, commit {found.commit}, {found.made_by} "
        f"at {found.made_at:%Y-%m-%d %H:%M} UTC.",
        soft_wrap=True,
    )
    if found.lines:
        lines = Table(grain.value, box=None)
        names = [*found.total.sums]
        for name in ("rows", *names):
            lines.add_column(name, justify="right")
        for label, one in [*((str(day), one) for day, one in found.lines.items()), ("total", found.total)]:
            lines.add_row(
                label, f"{one.rows:,}", *(amount(one.sums[name]) if name in one.sums else "" for name in names)
            )
        console.print(lines)
    if found.unknown:
        told = days_listed(found.unknown, noun=grain.value)
        console.print(f"The amounts of {told} were not recorded then, and their files are deleted.", soft_wrap=True)
    if found.absent:
        console.print(f"Not published then were {days_listed(found.absent, noun=grain.value)}.", soft_wrap=True)
