"""The command ``maintain``: the maintenance job, run here and seen in the UI."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Session
from backfill_assets.errors.correction import RunFailed

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


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
