"""The command ``attest``: what can be proven of a correction, and the statement of it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backfill_assets.command_line.session import DONE, FOUND, Answer, Json, Session
from backfill_assets.errors.attesting import KeyWithoutStatement


def attest(
    correction: Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)],
    head: Annotated[
        str, typer.Option("--head", help="A digest that a notice, page or statement told: the ledger has to have it.")
    ] = "",
    statement: Annotated[
        Path | None, typer.Option("--statement", help="Write an in-toto statement of the certificate into this file.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="Sign the statement with this Ed25519 key, a file in PEM.")
    ] = None,
    json: Json = False,
) -> None:
    """Prove that a correction's ledger, certificate, files and swaps are what was written, or say what differs."""
    from backfill_assets.orchestration.asset.table_definition import records_of, tables_in
    from backfill_assets.runbook.attesting import attest as attested
    from backfill_assets.runbook.stating import told_as_json, write_statement

    answer = Answer(as_json=json)
    with answer.refusals():
        if key is not None and statement is None:
            raise KeyWithoutStatement
        session = Session()
        found = attested(records_of(tables_in(session.definitions), session.lake), correction, head)
        if statement is not None:
            write_statement(found, statement, key, session.lake.now())

        def print_(console: Console) -> None:
            for line in (found.told, *found.wrong[1:], *found.unproven):
                console.print(line, soft_wrap=True)

        answer.give(told_as_json(found, str(statement or "")), print_)
    raise typer.Exit(FOUND if found.wrong else DONE)
