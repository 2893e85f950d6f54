"""The command ``adopt``: a table that another writer made, looked at, adopted, and given back."""

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backfill_assets.command_line.session import DONE, FOUND, Answer, Json, Session, refuse_unusable_places
from backfill_assets.core.adoption import Report, Weight
from backfill_assets.errors.adoption import TableOutsideLake
from backfill_assets.errors.base import counted

if TYPE_CHECKING:
    from backfill_assets.runbook.adopting import Adopted
    from backfill_assets.storage.adoptions import Adoption
    from backfill_assets.storage.files import Folder

Named = Annotated[str, typer.Argument(help="A name in the lake, a path or a URI.", show_default=False)]
MARKS: Mapping[Weight, tuple[str, str]] = {
    Weight.FINE: ("ok", "green"),
    Weight.NOTE: ("note", "dim"),
    Weight.ADOPT: ("adopt", "cyan"),
    Weight.REWRITE: ("rewrite", "yellow"),
    Weight.CHANGE: ("change", "red"),
}


def adopt(  # noqa: PLR0917 - an option each
    table: Named,
    check: Annotated[bool, typer.Option("--check", help="Only look, and write nothing.")] = False,
    day: Annotated[str, typer.Option(help="The column that says the day, where several could.")] = "",
    key: Annotated[list[str] | None, typer.Option(help="A column that identifies a row; may be repeated.")] = None,
    measure: Annotated[list[str] | None, typer.Option(help="A column to be summed; may be repeated.")] = None,
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Repartition the table in place, by one commit.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring back what was there before, if nobody wrote since.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at a Delta table that another writer made, and take it into the lake as one that can be corrected."""
    answer = Answer(as_json=json)
    if check + rewrite + undo > 1:
        message = "give one of --check, --rewrite and --undo"
        raise typer.BadParameter(message)
    asked = {"day": day or None, "keys": tuple(key or ()), "measures": tuple(measure) if measure else None}
    with answer.refusals():
        refuse_unusable_places()
        if check:
            raise typer.Exit(_check(table, asked, answer))
        _take(table, asked, answer, rewrite=rewrite, undo=undo)


def _check(table: str, asked: Mapping[str, Any], answer: Answer) -> int:
    from backfill_assets.runbook.adopting import check
    from backfill_assets.runbook.adoption_findings import Asked

    report = check(_folder(table), Asked(**asked))
    told = {**report.as_json(), "next": _next(report, table)}
    answer.give(told, lambda console: _print_report(console, report, table))
    return DONE if report.is_possible else FOUND


def _take(table: str, asked: Mapping[str, Any], answer: Answer, *, rewrite: bool, undo: bool) -> None:
    from backfill_assets.runbook.adopting import Adopter
    from backfill_assets.runbook.adoption_findings import Asked

    lake = _lake()
    uri = _folder(table).uri
    name = uri.rpartition("/")[2]
    if lake.lake().table_uri(name) != uri:
        raise TableOutsideLake(uri, lake.lake().root)
    adopter = Adopter(lake.records(), name, getpass.getuser(), lake.now())
    if undo:
        undone = adopter.undo()
        told = _adoption_json(undone)
        answer.give(told, lambda console: console.print(told["sentence"], style="green", soft_wrap=True))
        return
    adopted: Adopted = adopter.adopt(Asked(**asked), by_rewrite=rewrite)
    told = {**_adoption_json(adopted.adoption), "settled": adopted.settled}
    answer.give(told, lambda console: _print_adopted(console, adopted))


def _folder(table: str) -> "Folder":
    """The folder of a table that was named by its name in the lake, by a path, or by a URI."""
    from backfill_assets.storage.files import Folder

    if "://" in table:
        return Folder(table.rstrip("/"))
    if "/" in table or table in {".", ".."}:
        return Folder(str(Path(table).absolute()))
    lake = _lake().lake()
    return Folder(lake.table_uri(table), dict(lake.storage_options))


def _lake() -> Any:
    """The lake of the code location that the environment names; without one, that of the environment."""
    from backfill_assets.orchestration.instance.resources import LakeResource

    return Session().lake if os.environ.get("BACKFILL_DEFINITIONS") else LakeResource()


def _next(report: Report, table: str) -> str:
    """The command that follows a look."""
    if report.is_possible:
        return f"backfill-assets adopt {table}"
    return f"backfill-assets adopt {table} --rewrite" if report.is_rewritable else ""


def _print_report(console: Console, report: Report, table: str) -> None:
    from backfill_assets.runbook.adoption_findings import amount

    size = report.look.size
    counts = f"{counted(size.files, 'file')}, {counted(size.rows, 'row')}, {amount(size.bytes)}"
    console.print(Text.assemble((report.uri, "bold"), f", commit {report.look.commit}"), soft_wrap=True)
    console.print(counts)
    shown = Table("what", "", "found, and what to do", box=None, padding=(0, 2, 0, 0))
    for finding in report.findings:
        mark, colour = MARKS[finding.weight]
        shown.add_row(finding.subject, Text(mark, style=colour), f"{finding.found} {finding.change}".strip())
    console.print(shown)
    if report.is_possible:
        console.print("Its days can be swapped as it is.", style="green")
    else:
        console.print("Its days cannot be swapped as it is.", style="red")
    if following := _next(report, table):
        console.print(following, soft_wrap=True)


def _adoption_json(adoption: "Adoption") -> dict[str, Any]:
    """An adoption or the end of one, with its sentence."""
    way_back = f"--undo restores commit {adoption.before} as long as nobody writes."
    how = "was repartitioned and is adopted" if adoption.rewritten else "is adopted"
    sentence = f"{adoption.table} {how}, by {adoption.column}, at commit {adoption.after}. {way_back}"
    if adoption.stage == "undone":
        sentence = f"{adoption.table} is as it was at commit {adoption.before}, and not adopted any more."
    return {
        "table": adoption.table,
        "stage": str(adoption.stage),
        "day": adoption.column,
        "rewritten": adoption.rewritten,
        "before": adoption.before,
        "after": adoption.after,
        "sentence": sentence,
    }


def _print_adopted(console: Console, adopted: "Adopted") -> None:
    if adopted.settled:
        console.print("An adoption that had stopped half-way was brought to its end.", style="yellow")
    console.print(_adoption_json(adopted.adoption)["sentence"], style="green", soft_wrap=True)
