"""The commands ``watermarks``: how far every holder has come, and who reads again after a correction."""

import getpass
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.consumers import standings_of, told_of
from backfill_assets.command_line.planning import only_step_context
from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.given import days_given, number_given, slot_given

if TYPE_CHECKING:
    from backfill_assets.core.holders import Holder
    from backfill_assets.runbook import StepContext

OfTable = Annotated[str, typer.Option("--table", help="The correctable table; the only one when left out.")]
Name = Annotated[str, typer.Argument(help="The holder, such as billing.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Your name.")]

watermarks = typer.Typer(no_args_is_help=True, help="Up to which day each reader of a table has read.")


@watermarks.command("list", epilog="Example: backfill-assets watermarks list")
def list_(table: OfTable = "", json: Json = False) -> None:
    """Show every holder: its mark, what holds it back, and after which day it reads next."""
    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        ctx = _step_context(session, table, "")
        kept = standings_of(session, ctx.table.name)
        holders = ctx.records.watermarks.holders(ctx.table.name)
        newest = ctx.records.newest(ctx.table.name)
        told = {
            "table": ctx.table.name,
            "commit": newest.commit if newest else None,
            "holders": [_told(holder) for _, holder in sorted(holders.items())],
            "consumers": [one.as_json() for one in kept],
        }
        answer.give(told, lambda console: _print(console, told, [*map(told_of, kept)]))


@watermarks.command(epilog="Example: backfill-assets watermarks register billing --table daily_orders")
def register(name: Name, table: OfTable = "", by: By = "", json: Json = False) -> None:
    """Make an external reader known: corrections ask it to read again and wait until it has."""
    from backfill_assets.runbook.watermark_steps import register_holder

    answer = Answer(as_json=json)
    with answer.refusals():
        told = _told(register_holder(_step_context(Session(), table, by), name))
        answer.give(told, lambda console: console.print(f"{name} is registered."))


@watermarks.command(epilog="Example: backfill-assets watermarks advance billing 2026-01-22 --commit 118")
def advance(
    name: Name,
    day: Annotated[
        str,
        typer.Argument(help="The last day it has processed, ISO, or FIRST..LAST.", show_default=False),
    ],
    commit: Annotated[str, typer.Option("--commit", help="The commit of the table that it has read.")] = "",
    table: OfTable = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Record that an external reader has processed everything up to a day, of a commit of the table."""
    from backfill_assets.core.holders import Reading
    from backfill_assets.runbook.watermark_steps import advance_holder

    answer = Answer(as_json=json)
    with answer.refusals():
        first, _, last = day.rpartition("..")
        through, began = slot_given(last, "DAY"), slot_given(first, "DAY") if first else None
        read = number_given(commit, "--commit") if commit else None
        ctx = _step_context(Session(), table, by)
        reading = Reading(read, ctx.table.partition.grain.before(began) if began else None)
        told = _told(advance_holder(ctx, name, through, reading))
        answer.give(told, lambda console: console.print(_sentence(told)))


@watermarks.command(epilog="Example: backfill-assets watermarks used filing-2026-q1 --commit 118")
def used(
    name: Annotated[str, typer.Argument(help="The cache, file or model.", show_default=False)],
    commit: Annotated[str, typer.Option("--commit", help="The commit of the table that it used.", show_default=False)],
    day: Annotated[
        list[str] | None, typer.Option("--day", help="A day it used, or FIRST..LAST; may be repeated. All if left out.")
    ] = None,
    table: OfTable = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Record which commit a reader outside has used; exposure names it until it has used a later one."""
    from backfill_assets.runbook.watermark_steps import report_use

    answer = Answer(as_json=json)
    with answer.refusals():
        read = number_given(commit, "--commit")
        ctx = _step_context(Session(), table, by)
        days = days_given(day or (), "--day", ctx.table.partition.grain)
        told = _told(report_use(ctx, name, read, days))
        answer.give(told, lambda console: console.print(f"{name} has used commit {read}{_again(told)}."))


@watermarks.command(epilog='Example: backfill-assets watermarks waive 20260123 billing --by Ada --note "switched off"')
def waive(
    correction: Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)],
    name: Name,
    by: Annotated[str, typer.Option("--by", help="Your name.", show_default=False)],
    note: Annotated[str, typer.Option("--note", help="Why nobody has to wait.", show_default=False)],
    json: Json = False,
) -> None:
    """Close a correction without waiting for a reader, by name and reason."""
    from backfill_assets.command_line.work import table_of_correction
    from backfill_assets.runbook.watermark_steps import waive_holder

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        waive_holder(table_of_correction(session, correction).step_context(session.lake, by), correction, name, note)
        told = {"correction": correction, "waived": name, "by": by, "note": note}
        sentence = f"Correction {correction} no longer waits for {name}."
        answer.give(told, lambda console: console.print(sentence))


def _step_context(session: Session, table: str, by: str) -> "StepContext":
    return only_step_context(session, table, by or getpass.getuser())


def _told(holder: "Holder") -> dict[str, Any]:
    return {
        "holder": holder.name,
        "external": holder.external,
        "mark": str(holder.mark) if holder.mark else None,
        "effective": str(holder.effective) if holder.effective else None,
        "commit": max((use.commit for use in holder.uses if use.commit is not None), default=None),
        "holds": {
            correction: {"after": str(hold.before), "through": str(hold.through), "commit": hold.commit}
            for correction, hold in sorted(holder.holds.items())
        },
    }


def _sentence(told: Mapping[str, Any]) -> str:
    return f"{told['holder']} has processed everything up to {told['effective']}{_again(told)}."


def _again(told: Mapping[str, Any]) -> str:
    return f", and has to read again for {', '.join(told['holds'])}" if told["holds"] else ""


def _print(console: Console, told: Mapping[str, Any], kept: Sequence[str]) -> None:
    for sentence in kept:
        console.print(sentence, soft_wrap=True)
    if not told["holders"]:
        console.print(f"Nobody keeps a watermark on {told['table']} yet.")
        return
    console.print(f"The newest commit of {told['table']} is {told['commit']}.")
    table = Table("holder", "who", "mark", "reads after", "held by", box=None)
    for one in told["holders"]:
        holds = [f"{name} ({hold['after']} to {hold['through']})" for name, hold in one["holds"].items()]
        who = "external" if one["external"] else "ours"
        table.add_row(one["holder"], who, one["mark"] or "never", one["effective"] or "the beginning", ", ".join(holds))
    console.print(table)
