"""The commands ``erase`` and ``expire-personal-data``: who is forgotten, and what a search of every byte shows then."""

import getpass
import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backfill_assets.command_line.session import DONE, FOUND, WAITS_FOR_PERSON, Answer, Json, Session
from backfill_assets.core.given import slot_given
from backfill_assets.core.slots import calendar_day

if TYPE_CHECKING:
    from backfill_assets.core.forgetting import Forgotten

By = Annotated[str, typer.Option("--by", help="Your name, which is kept with it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def erase(
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="The person's id; may be repeated; - reads standard input.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept for ever, so without the person's id.")] = "",
    by: By = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erase a person from every vault, for good, and search every byte of lake, pages and Dagster's home for traces."""
    from backfill_assets.orchestration.watching.searched import searched
    from backfill_assets.runbook import forgetting
    from backfill_assets.sources.token_keys import token_keys

    answer = Answer(as_json=json)
    with answer.refusals():
        lake = Session().lake
        asked = forgetting.Signed(by or getpass.getuser(), lake.now(), reason)
        person = [
            one for given in customer or () for one in (sys.stdin.read().split("\n") if given == "-" else [given])
        ]
        keys = token_keys(make=False)
        done = forgetting.erase(lake.records(), person, keys, asked, searched(), commit=not dry_run)
        answer.give(done.as_json(), lambda console: _print(console, done))
    raise typer.Exit(_code(done))


def expire_personal_data(
    before: Annotated[
        str, typer.Option("--before", help="The first day whose people are still known, ISO; by the duty if left out.")
    ] = "",
    table: Annotated[str, typer.Option(help="One raw log; every one that has a vault when left out.")] = "",
    by: By = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Delete whose the tokens of all days before one are, and search every byte for traces; raw logs stay."""
    from backfill_assets.orchestration.watching.searched import searched
    from backfill_assets.runbook import forgetting

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        lake = session.lake
        if before:
            first = calendar_day(slot_given(before, "--before"))
        else:
            table, first = _by_duty(session, table)
        asked = forgetting.Signed(by or getpass.getuser(), lake.now())
        done = forgetting.expire(lake.records(), first, asked, searched(), commit=not dry_run, table=table)
        answer.give(done.as_json(), lambda console: _print(console, done))
    raise typer.Exit(_code(done))


def _by_duty(session: Session, table: str) -> tuple[str, date]:
    """A raw log and the first day whose people may still be known, as the code location declares it.

    Raises:
        DutyUnclear: when it declares none, or several and none is named.
    """
    from backfill_assets.command_line.keeping import keeping_of
    from backfill_assets.core.retention import Kept
    from backfill_assets.errors.personal import DutyUnclear

    keeping, today = keeping_of(session), session.lake.now().date()
    oldest = {name: one.oldest(today) for name, one in keeping.of(Kept.PERSONAL).items()}
    meant = [(name, first) for name, first in oldest.items() if first and table in {"", name}]
    if len(meant) != 1:
        raise DutyUnclear(table, keeping.days_of(Kept.PERSONAL))
    return meant[0]


def _code(done: "Forgotten") -> int:
    if done.proof is None or not (done.proof.held or done.proof.unread):
        return DONE
    return FOUND if done.proof.is_found else WAITS_FOR_PERSON


def _print(console: Console, done: "Forgotten") -> None:
    from backfill_assets.errors.base import counted

    would = "" if done.proof else "would be "
    if done.before is None:
        known = "" if done.erasure is None else f" {done.erasure}"
        tokens = counted(done.tombstones, "token")
        console.print(f"Erasure{known}: {tokens} {would or ('is ' if done.tombstones == 1 else 'are ')}entombed.")
    for one in done.vaults:
        rows, files = counted(one.rows, "row"), counted(len(one.files), "file")
        console.print(f"{one.table}: {rows} in {files} {would or ('was ' if one.rows == 1 else 'were ')}deleted.")
    if not done.vaults:
        console.print("No raw log has a vault.")
    if done.proof is None:
        console.print("Nothing was changed. Leave `--dry-run` out to do it.", style="yellow")
        return
    for name, (files, size) in done.proof.searched.items():
        console.print(f"  {name}: {counted(files, 'file')}, {size:,} bytes", soft_wrap=True)
    for one in done.proof.held:
        chance = "" if one.is_certain else f" (perhaps by chance, beside {one.around!r})"
        console.print(f"  {one.file} holds it in {one.where}{chance}", style="yellow", soft_wrap=True)
    for file, why in done.proof.unread.items():
        console.print(f"  {file} could not be looked into ({why})", style="red", soft_wrap=True)
    console.print(done.proof.sentence, style="yellow" if done.proof.held or done.proof.unread else "green")
    if any(one.is_certain for one in done.proof.held):
        console.print("What lies in the landing goes with its retention, or by hand; then ask again.", soft_wrap=True)
