"""The command ``withdrawals``: files that take more back than they may without a person's decision."""

from typing import Annotated

import typer
from rich.console import Console

from backfill_assets.command_line.session import DONE, WAITS_FOR_PERSON, Answer, Session

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
What = "A day such as 2026-01-22, or the path of a file; may be repeated."


def withdrawals(
    accept: Annotated[list[str] | None, typer.Option("--accept", help=What)] = None,
    decline: Annotated[list[str] | None, typer.Option("--decline", help="Keep what was known instead.")] = None,
    by: Annotated[str, typer.Option("--by", help="Your name, for the record.")] = "",
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    json: Json = False,
) -> None:
    """Show landed files that withdraw much and wait for a person's decision, or decide; the next nightly follows it."""
    answer = Answer(as_json=json)
    with answer.refusals():
        from backfill_assets.command_line.work import pipelines_that_wait
        from backfill_assets.sources.withdrawals import decide

        session = Session()
        pipelines = pipelines_that_wait(session)
        lake, records = session.lake, session.lake.records()
        there = [one for pipeline in pipelines for one in pipeline.files_waiting(records)]
        given = [(what, True) for what in accept or ()] + [(what, False) for what in decline or ()]
        decided = [
            decide(records, there, what, accepted=accepted, by=by, note=note, at=lake.now()).what
            for what, accepted in given
        ]
        left = [one for one in there if one.what not in decided]
        told = {
            "decided": decided,
            "waiting": [{"what": one.what, "file": one.path, "why": one.why} for one in left],
            "withdrawn": [note for pipeline in pipelines for note in pipeline.notes(records).values()],
        }
        answer.give(told, lambda console: _print(console, told))
    raise typer.Exit(WAITS_FOR_PERSON if told["waiting"] else DONE)


def _print(console: Console, told: dict[str, list]) -> None:
    for what in told["decided"]:
        console.print(f"Noted for {what}. The next nightly follows it.", style="green")
    for one in told["waiting"]:
        console.print(one["why"], style="yellow", soft_wrap=True)
    for note in told["withdrawn"]:
        console.print(note, soft_wrap=True)
    if not any(told.values()):
        console.print("Nothing waits, and nothing was withdrawn.")
