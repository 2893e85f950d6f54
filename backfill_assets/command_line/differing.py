"""The commands ``diff`` and ``history``: what a correction changes, and what has happened to it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.facts import summary_of
from backfill_assets.core.figures import Line
from backfill_assets.core.given import slot_given
from backfill_assets.errors.base import counted
from backfill_assets.pages.formats import DASH, amount, signed

if TYPE_CHECKING:
    from backfill_assets.core.slots import Grain
    from backfill_assets.runbook.differing import Difference
    from backfill_assets.runbook.standing import Standing

Id = Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)]
MOST_ROWS = 50


def diff(
    correction: Id,
    day: Annotated[list[str] | None, typer.Option("--day", help="Only this one; may be repeated.")] = None,
    by: Annotated[str, typer.Option("--by", help="Add up by a column instead, such as a key.")] = "",
    rows: Annotated[bool, typer.Option("--rows", help="Show also the rows that move most, five of each day.")] = False,
    json: Json = False,
) -> None:
    """Show what a correction changes: what readers saw before it beside what it stages."""
    from backfill_assets.command_line.work import table_of_correction
    from backfill_assets.runbook.differing import difference

    answer = Answer(as_json=json)
    with answer.refusals():
        wanted = [slot_given(one, "--day") for one in day or ()]
        session = Session()
        definition = table_of_correction(session, correction)
        found = difference(definition.step_context(session.lake, "command line"), correction, wanted, by)
        told = _told(found, by, with_rows=rows)
        answer.give(told, lambda console: _print(console, told, definition.slots.grain))


def history(correction: Id, json: Json = False) -> None:
    """Tell what has happened to a correction, in sentences, oldest first."""
    from backfill_assets.command_line.work import standings_of

    answer = Answer(as_json=json)
    with answer.refusals():
        (standing,) = standings_of(Session(), correction)
        told = {"correction": correction, "events": _events(standing)}
        answer.give(told, lambda console: _print_history(console, told))


def _told(found: "Difference", by: str, *, with_rows: bool) -> dict[str, Any]:
    lines = [line for line in found.by_value if line.moves] if by else found.by_day
    told = {
        "by": by or "slot",
        "compared": len(found.comparison.days),
        "changed": len(found.comparison.changed_days),
        "rows_changed": found.comparison.differing,
        "rows_added": found.comparison.only_new,
        "rows_gone": found.comparison.only_old,
        "lines": [_line(line) for line in lines],
        "total": _line(found.total),
    }
    return {**told, "rows": [row.as_json() for row in found.comparison.largest_rows(MOST_ROWS)]} if with_rows else told


def _line(line: Line) -> dict[str, Any]:
    sums = {
        name: {"before": f"{one.old:f}", "now": f"{one.new:f}", "change": f"{one.change:f}"}
        for name, one in line.sums.items()
    }
    return {"name": line.name, "rows_before": line.rows_old, "rows_now": line.rows_new, "sums": sums}


def _print(console: Console, told: Mapping[str, Any], grain: "Grain") -> None:
    changed, compared = told["changed"], counted(told["compared"], grain.value)
    counts = (
        f"{counted(told['rows_changed'], 'row')} changed, {told['rows_added']:,} added and {told['rows_gone']:,} gone"
    )
    console.print(f"{changed:,} of {compared} differ, with {counts}.", soft_wrap=True)
    if told["lines"]:
        console.print(_table(told, grain.value if told["by"] == "slot" else told["by"]))
    for row in told.get("rows", ()):
        key = " ".join(row["key"].values())
        moved = ", ".join(f"{name} {old or DASH} → {new or DASH}" for name, (old, new) in row["values"].items())
        console.print(f"{key}  {row['kind']}  {moved}", soft_wrap=True)


def _table(told: Mapping[str, Any], named: str) -> Table:
    """A line for each that differs, with before, now and change of every measure that moves, and the total below."""
    lines: Sequence[Mapping[str, Any]] = [*told["lines"], told["total"]]
    measures = [*told["total"]["sums"]]
    moving = [name for name in measures if any(Decimal(line["sums"][name]["change"]) for line in lines)] or measures
    table = Table(named, box=None)
    for name in moving or ["rows"]:
        for heading in (f"{name} before", "now", "change"):
            table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(line["name"], *_cells(line, moving))
    return table


def _cells(line: Mapping[str, Any], measures: Sequence[str]) -> list[str]:
    if not measures:
        before, now = line["rows_before"], line["rows_now"]
        return [f"{before:,}", f"{now:,}", signed(str(now - before))]
    return [
        text
        for one in (line["sums"][name] for name in measures)
        for text in (amount(Decimal(one["before"])), amount(Decimal(one["now"])), signed(one["change"]))
    ]


def _events(standing: "Standing") -> list[dict[str, str]]:
    grain = standing.progress.plan.window.grain
    return [
        {
            "at": event.at.isoformat(),
            "step": str(event.step),
            "by": event.actor,
            "told": summary_of(event.fact, grain),
        }
        for event in standing.events
    ]


def _print_history(console: Console, told: Mapping[str, Any]) -> None:
    for event in told["events"]:
        at = event["at"][:19].replace("T", " ")
        console.print(f"{at}  {event['told']} ({event['by']})", soft_wrap=True)
