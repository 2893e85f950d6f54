"""The commands ``reconcile``, ``audit`` and ``maintain``: jobs that are run here and seen in the UI."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backfill_assets.command_line.session import DONE, FOUND, OTHER, Answer, Json, Session
from backfill_assets.core.given import slot_given
from backfill_assets.errors.correction import RunFailed
from backfill_assets.errors.setup import NotOfTable, TableUnclear

NamedTable = Annotated[str, typer.Option("--table", help="The table; the only one that has it when left out.")]


def reconcile(
    through: Annotated[str, typer.Option(help="The last day, ISO; the last published one when left out.")] = "",
    table: NamedTable = "",
    json: Json = False,
) -> None:
    """Compare live with the external ledger, say since when they differ, and write a request for the correction."""
    answer = Answer(as_json=json)
    with answer.refusals():
        if through:
            slot_given(through, "--through")
        told = _run(Session(), "reconcile", "ledger", {"through": through}, table)
        answer.give(told, lambda console: _print_findings(console, told))
    raise typer.Exit(_code(told))


def audit(
    days: Annotated[int, typer.Option(min=1, help="How many published days to compute again.")] = 5,
    seed: Annotated[int, typer.Option(help="Draws the same days for the same number.")] = 0,
    table: NamedTable = "",
    json: Json = False,
) -> None:
    """Compute some random published days again with today's code, without publishing them, and compare with live."""
    answer = Answer(as_json=json)
    with answer.refusals():
        told = _run(Session(), "audit", "days", {"days": days, "seed": str(seed)}, table)
        answer.give(told, lambda console: _print_audit(console, told))
    raise typer.Exit(_code(told))


def _run(session: Session, what: str, op: str, config: dict[str, Any], table: str = "") -> dict[str, Any]:
    """Run the job of one op of a table, or of the only one that has it, in this process; returns what it found.

    Raises:
        TableUnclear: when no table has such a job, or several have and none is named.
        NotOfTable: when the table has none.
    """
    known = {job.name for job in session.definitions.jobs or ()}
    tables = [table for table in session.tables if f"{table}__{what}" in known]
    if not tables or (not table and len(tables) > 1):
        raise TableUnclear(what, tables)
    if table and table not in tables:
        raise NotOfTable(what, table, tables)
    job = f"{table or tables[0]}__{what}"
    return session.output_of(job, f"{job}_{op}", config)


def _code(told: dict[str, Any]) -> int:
    """Found something wrong, met nothing at all, or all is well."""
    return FOUND if told["wrong"] else DONE if told["met"] else OTHER


def _print_findings(console: Console, told: dict[str, Any]) -> None:
    for line in told["bad_lines"]:
        console.print(f"The external ledger cannot be used in {line}.", style="yellow", soft_wrap=True)
    if not told["findings"]:
        console.print(told["sentence"], style="green" if told["days"] else "yellow", soft_wrap=True)
    else:
        table = Table("since", "last", "cause", told["grouped_by"], f"{told['grain']}s", "difference", "sure", box=None)
        for found in told["findings"]:
            named, sure = ", ".join(found["groups"]), f"{found['confidence']:.0%}"
            cells = (
                found["since"],
                found["last"],
                found["cause"],
                named,
                str(found["days"]),
                f"{Decimal(found['difference']):,}",
                sure,
            )
            table.add_row(*cells)
        console.print(table)
    for found in told["findings"]:
        if found["request"]:
            console.print(f"backfill-assets open {found['request']}", soft_wrap=True)
    for closed in told["closed"]:
        console.print(f"Closed {closed}.")


def _print_audit(console: Console, told: dict[str, Any]) -> None:
    differing = [found for found in told["findings"] if found["day"] in told["differing"]]
    if not differing:
        console.print(told["sentence"], style="yellow" if told["proves_nothing"] else "green", soft_wrap=True)
    for found in differing:
        console.print(Text(found["sentence"], style="red"), soft_wrap=True)
    if told.get("request"):
        console.print(f"backfill-assets open {told['request']}", soft_wrap=True)


def maintain(
    retention_days: Annotated[int, typer.Option(min=0, help="Keep files that nothing names so many days.")] = 30,
    json: Json = False,
) -> None:
    """Compact, vacuum and clean the logs of every table, as far as open corrections allow."""
    from backfill_assets.orchestration.instance.runner import RunResult
    from backfill_assets.orchestration.watching.maintenance import maintenance_job_name, maintenance_op_name

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        done: list[Mapping[str, Any]] = []
        for table in session.tables:
            job, op = maintenance_job_name(table), maintenance_op_name(table)
            ran: RunResult = session.runner.run_op(job, op, {"retention_days": retention_days})
            if not ran.success:
                raise ran.refusal or RunFailed(job, ran.errors)
            done += ran.output["tables"]
        told = {"tables": done}
        answer.give(told, lambda console: _print(console, done))


def _print(console: Console, done: list[Mapping[str, Any]]) -> None:
    table = Table("table", "days compacted", "files deleted", "log files deleted", box=None)
    for one in done:
        table.add_row(one["table"], str(len(one["compacted"])), str(len(one["deleted"])), str(one["log_files_deleted"]))
    console.print(table)
