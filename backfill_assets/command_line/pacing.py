"""``backfill-assets pace``: change how quickly a correction is staged, while it is."""

import getpass
from typing import Annotated

import typer

from backfill_assets.command_line.session import Answer, Json, Session


def pace(
    correction: Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)],
    *,
    at_once: Annotated[
        int | None, typer.Option("--at-once", help="How many waves run at once from now on.", show_default=False)
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Begin no wave until --resume.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the waves.")] = False,
    budget: Annotated[
        str,
        typer.Option("--budget", help='What staging may cost, such as "2.5 core-hours".', show_default=False),
    ] = "",
    by: Annotated[str, typer.Option("--by", help="Your name, for the ledger.")] = "",
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    json: Json = False,
) -> None:
    """Change how many waves a correction stages at once, or its budget; pause it after a wave, or let it go on."""
    from backfill_assets.command_line.status import status_json
    from backfill_assets.command_line.work import standings_of, step_context_of, table_of_correction
    from backfill_assets.runbook.pacing import budget_of
    from backfill_assets.runbook.pacing import pace as changed

    if pause and resume:
        message = "give either --pause or --resume"
        raise typer.BadParameter(message)
    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        ctx = step_context_of(session, table_of_correction(session, correction).table, by or getpass.getuser())
        paused, allowed = pause if pause or resume else None, budget_of(budget) if budget else None
        event = changed(ctx, correction, at_once=at_once, paused=paused, budget=allowed, note=note)
        told = status_json(standings_of(session, correction)[0])
        answer.give(told, lambda console: console.print(event.fact.summary(), soft_wrap=True))
