"""The commands ``watermarks``: how far every holder has come, and who reads again after a correction."""

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.planning import only_step_context
from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.given import slot_given

if TYPE_CHECKING:
    from backfill_assets.runbook import StepContext
    from backfill_assets.storage.watermarks import Holder

OfTable = Annotated[str, typer.Option("--table", help="The correctable table; the only one when left out.")]
Name = Annotated[str, typer.Argument(help="The holder, such as billing.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Your name.")]

watermarks = typer.Typer(no_args_is_help=True, help="Up to which day each reader of a table has read.")


@watermarks.command("list", epilog="Example: backfill-assets watermarks list")
def list_(table: OfTable = "", json: Json = False) -> None:
    """Show every holder: its mark, what holds it back, and after which day it reads next."""
    answer = Answer(as_json=json)
    with answer.refusals():
        ctx = _step_context(Session(), table, "")
        holders = ctx.records.watermarks.holders(ctx.table.name)
        told = {"table": ctx.table.name, "holders": [_told(holder) for _, holder in sorted(holders.items())]}
        answer.give(told, lambda console: _print(console, told))


@watermarks.command(epilog="Example: backfill-assets watermarks register billing --table daily_orders")
def register(name: Name, table: OfTable = "", by: By = "", json: Json = False) -> None:
    """Make an external reader known: corrections ask it to read again and wait until it has."""
    from backfill_assets.runbook.watermark_steps import register_holder

    answer = Answer(as_json=json)
    with answer.refusals():
        told = _told(register_holder(_step_context(Session(), table, by), name))
        answer.give(told, lambda console: console.print(f"{name} is registered."))


@watermarks.command(epilog="Example: backfill-assets watermarks advance billing 2026-01-22")
def advance(
    name: Name,
    day: Annotated[str, typer.Argument(help="The last day it has processed, ISO.", show_default=False)],
    table: OfTable = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Record that an external reader has processed everything up to a day."""
    from backfill_assets.runbook.watermark_steps import advance_holder

    answer = Answer(as_json=json)
    with answer.refusals():
        through = slot_given(day, "DAY")
        told = _told(advance_holder(_step_context(Session(), table, by), name, through))
        answer.give(told, lambda console: console.print(_sentence(told)))


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
        "holds": {
            correction: {"after": str(hold.before), "through": str(hold.through)}
            for correction, hold in sorted(holder.holds.items())
        },
    }


def _sentence(told: Mapping[str, Any]) -> str:
    held = f", and has to read again for {', '.join(told['holds'])}" if told["holds"] else ""
    return f"{told['holder']} has processed everything up to {told['effective']}{held}."


def _print(console: Console, told: Mapping[str, Any]) -> None:
    if not told["holders"]:
        console.print(f"Nobody keeps a watermark on {told['table']} yet.")
        return
    table = Table("holder", "who", "mark", "reads after", "held by", box=None)
    for one in told["holders"]:
        holds = [f"{name} ({hold['after']} to {hold['through']})" for name, hold in one["holds"].items()]
        who = "external" if one["external"] else "ours"
        table.add_row(one["holder"], who, one["mark"] or "never", one["effective"] or "the beginning", ", ".join(holds))
    console.print(table)
