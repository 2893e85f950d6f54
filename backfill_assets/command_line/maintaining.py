"""The command ``maintain``: the maintenance job, run here and seen in the UI."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.reconcile import refusal_of
from backfill_assets.command_line.session import Answer, Session

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def maintain(
    retention_days: Annotated[int, typer.Option(min=0, help="Keep files that nothing names so many days.")] = 30,
    json: Json = False,
) -> None:
    """Compact, vacuum and clean the logs of every table, as far as open corrections allow."""
    from backfill_assets.orchestration.instance.runner import QUIET
    from backfill_assets.orchestration.watching.maintenance import maintenance_job_name, maintenance_op_name

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        done: list[Mapping[str, Any]] = []
        for table in session.tables:
            job, op = maintenance_job_name(table), maintenance_op_name(table)
            result = session.runner.definitions.resolve_job_def(job).execute_in_process(
                instance=session.runner.instance,
                tags=dict(session.runner.run_tags),
                run_config={**QUIET, "ops": {op: {"config": {"retention_days": retention_days}}}},
                raise_on_error=False,
            )
            if not result.success:
                raise refusal_of(job, result)
            done += result.output_for_node(op)["tables"]
        told = {"tables": done}
        answer.give(told, lambda console: _print(console, done))


def _print(console: Console, done: list[Mapping[str, Any]]) -> None:
    table = Table("table", "days compacted", "files deleted", "log files deleted", box=None)
    for one in done:
        table.add_row(one["table"], str(len(one["compacted"])), str(len(one["deleted"])), str(one["log_files_deleted"]))
    console.print(table)
