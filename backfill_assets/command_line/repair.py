"""The command ``repair``: what a power cut left of logs is set aside, with what it proves."""

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from backfill_assets.command_line.session import DONE, REFUSED, WAITS_FOR_PERSON, Answer, Json, Session
from backfill_assets.errors.lake import Unusable

if TYPE_CHECKING:
    from backfill_assets.runbook.repairing import Lost, Repair


def repair(
    table: Annotated[str, typer.Argument(help="A table by its path in the lake; all when left out.")] = "",
    commit: Annotated[bool, typer.Option("--commit", help="Do it; without, only say what would be done.")] = False,
    by: Annotated[str, typer.Option("--by", help="Your name, for the tables' logs and the ledger.")] = "",
    json: Json = False,
) -> None:
    """Set aside what a power cut left of logs, say what it was, and take over what the ledger lost."""
    from backfill_assets.runbook import repairing

    answer, actor = Answer(as_json=json), by or getpass.getuser()
    with answer.refusals():
        session = Session()
        lake = _lake(session)
        repairs = repairing.repair(lake.records(), table, commit=commit, at=lake.now(), by=actor)
        lost = repairing.take_over(_contexts(session, actor, commit=commit), commit=commit)
        told = {
            "committed": commit,
            "damaged": [one.as_json() for one in repairs],
            "lost_by_ledger": [one.as_json() for one in lost],
        }
        answer.give(told, lambda console: _print(console, repairs, lost, commit=commit))
    if any(one.damage.refused for one in repairs) or any(one.refused for one in lost):
        raise typer.Exit(REFUSED)
    raise typer.Exit(WAITS_FOR_PERSON if (repairs or lost) and not commit else DONE)


def _lake(session: Session) -> Any:
    """The lake of the code location, or that of the environment where what is damaged keeps it from being loaded."""
    from backfill_assets.orchestration.instance.resources import LakeResource

    try:
        return session.lake
    except Unusable:
        return LakeResource()


def _contexts(session: Session, actor: str, *, commit: bool) -> list[Any]:
    """A step context of each correctable table; none before the repair of what keeps them from being loaded."""
    try:
        return [one.step_context(session.lake, actor) for one in session.tables.values()]
    except Unusable:
        if commit:
            raise
        return []


def _print(console: Console, repairs: Sequence["Repair"], lost: Sequence["Lost"], *, commit: bool) -> None:
    for one in repairs:
        console.print(Text.assemble((one.damage.table, "bold"), f": {', '.join(one.damage.found)}."), soft_wrap=False)
        if one.damage.refused:
            console.print(Text(f"  Nothing was changed, because {one.damage.refused}", style="red"))
        for sentence in one.told:
            console.print(f"  {sentence}")
        for place in one.moved:
            console.print(f"  Set aside as {place}", soft_wrap=True)
    for one in lost:
        console.print(one.sentence, style="red" if one.refused else "yellow")
    if not repairs and not lost:
        console.print("Every log is whole, and the ledger has every swap of its tables.", style="green")
    elif not commit:
        console.print("Nothing was changed. Add --commit to do it.", style="yellow")
