"""The commands ``consumers``, ``consume`` and ``replay``: what reads logs on, and is set back."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import FOUND, Answer, Json, Session
from backfill_assets.errors.base import counted, days_listed, listed
from backfill_assets.errors.consuming import ConsumerUnknown, ReplayNotReached

if TYPE_CHECKING:
    from backfill_assets.runbook.consumers import Standing
    from backfill_assets.runbook.consuming import Turn
    from backfill_assets.runbook.replaying import Rewind

Name = Annotated[str, typer.Argument(help="The consumer, such as hourly_orders.", show_default=False)]


def consumers(json: Json = False) -> None:
    """Show every consumer: what it keeps, how far it has read, how far behind it is, and why it failed last."""
    answer = Answer(as_json=json)
    with answer.refusals():
        found = standings_of(Session())
        told = {"consumers": [one.as_json() for one in found]}
        answer.give(told, lambda console: _print(console, found))
    if any(one.error for one in found):
        raise typer.Exit(FOUND)


def consume(consumer: Name, json: Json = False) -> None:
    """Let a consumer read on, here, until nothing is new."""
    answer = Answer(as_json=json)
    with answer.refusals():
        told = _run(Session(), consumer, {})
        answer.give(told, lambda console: console.print(_sentence(told), soft_wrap=True))


def replay(
    consumer: Name,
    to: Annotated[str, typer.Option("--to", help="A time, UTC, a place in the log, or the file of a request.")],
    *,
    by: Annotated[str, typer.Option("--by", help="Your name; it goes into the table's log.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it is to read again.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read again, and do nothing.")] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="Read again beside live: open a correction, whose cut over switches.")
    ] = False,
    json: Json = False,
) -> None:
    """Set a consumer's bookmark back, and let it read again until it is where it was; or read again beside live."""
    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        turn = _turn(session, consumer, by)
        file = Path(to)
        if file.suffix in {".yaml", ".yml"}:
            to, reason = _of_request(turn, file, reason)
        if beside and not dry_run:
            opened = _open_beside(session, turn, to, reason)
            answer.give({"correction": opened}, lambda _console: typer.echo(opened))
            return
        try:
            foretold = _foretold(turn, to, reason)
            if dry_run:
                answer.give(_foretold_json(turn, foretold), lambda console: _print_foretold(console, turn, foretold))
                return
            config = {"rewind_to": to, "by": by or getpass.getuser(), "reason": reason}
            told = _run(session, consumer, config)
        except ReplayNotReached as error:
            if not json:
                typer.echo(error.request if file.suffix not in {".yaml", ".yml"} else file.read_text("utf-8"))
            raise
        answer.give(told, lambda console: console.print(_sentence(told), soft_wrap=True))


def standings_of(session: Session, table: str = "") -> list["Standing"]:
    """Where consumers stand; that of one table, or all."""
    from datetime import UTC, datetime

    from backfill_assets.orchestration.consuming.jobs import consumers_in
    from backfill_assets.runbook.consumers import standing_of

    found = consumers_in(session.definitions).values()
    turns = [one.turn(session.lake, "command line") for one in found if table in {"", one.name}]
    return [standing_of(turn, datetime.now(UTC)) for turn in turns]


def told_of(found: "Standing") -> str:
    """How far a consumer has read, in a sentence."""
    place = f"{found.read}{_at(found)}" if found.read else "nothing yet"
    owed = f", and again from {found.owed} once it can" if found.owed else ""
    return f"{found.consumer} is kept from {found.log}, of which it has read {place}{owed}; {_behind(found)}."


def _turn(session: Session, consumer: str, by: str) -> "Turn":
    from backfill_assets.orchestration.consuming.jobs import consumers_in

    known = consumers_in(session.definitions)
    if consumer not in known:
        raise ConsumerUnknown(consumer, known)
    return known[consumer].turn(session.lake, by or getpass.getuser())


def _open_beside(session: Session, turn: "Turn", to: str, reason: str) -> str:
    from backfill_assets.orchestration.consuming.jobs import consumers_in
    from backfill_assets.runbook.replaying import open_beside

    found = consumers_in(session.definitions)[turn.consumer.name]
    definition = found.definition
    ctx = definition.step_context(session.lake, turn.actor)
    return open_beside(ctx, turn, to, reason, definition.slots.over(turn.now), found.replaces).correction


def _of_request(turn: "Turn", file: Path, reason: str) -> tuple[str, str]:
    """Where a replay begins that does what a request of a correction asks for, and why."""
    from backfill_assets.runbook.replaying import replay_of
    from backfill_assets.runbook.request import read_request_file

    request = read_request_file(file)
    return replay_of(turn, request), reason or request.reason


def _foretold(turn: "Turn", to: str, reason: str) -> "Rewind":
    from backfill_assets.runbook.replaying import foretell

    return foretell(turn, to, reason)


def _run(session: Session, consumer: str, config: dict[str, str]) -> dict[str, Any]:
    from backfill_assets.orchestration.consuming.jobs import consumer_job_name, consumer_op_name

    _turn(session, consumer, "")
    return session.output_of(consumer_job_name(consumer), consumer_op_name(consumer), config)


def _foretold_json(turn: "Turn", found: "Rewind") -> dict[str, Any]:
    log = turn.consumer.log
    return {
        "consumer": turn.consumer.name,
        "from": log.told(found.before),
        "to": log.told(found.to),
        "records": found.again.records,
        "slots": sorted(str(slot) for slot in found.again.slots),
    }


def _print_foretold(console: Console, turn: "Turn", found: "Rewind") -> None:
    log, grain = turn.consumer.log, turn.consumer.partition.grain.value
    console.print(f"{turn.consumer.name} would go back from {log.told(found.before)} to {log.told(found.to)}.")
    console.print(
        f"It would read {counted(found.again.records, 'record')} of {log.name} again, "
        f"and compute {days_listed(found.again.slots, noun=grain)} anew. Nothing was changed.",
        soft_wrap=True,
    )


def _sentence(told: dict[str, Any]) -> str:
    place = told["bookmark"]["position"] if told["bookmark"] else "nothing"
    left = f" {counted(len(told['left']), 'slot')} left to open corrections." if told["left"] else ""
    read = (
        f"read {counted(told['records'], 'record')}, up to {place}, and wrote {counted(len(told['written']), 'slot')}"
    )
    return f"{told['consumer']} {read}.{left}"


def _print(console: Console, found: list["Standing"]) -> None:
    if not found:
        console.print("The code location has no consumer.")
        return
    table = Table("consumer", "log", "has read", "at", "behind", box=None)
    for one in found:
        table.add_row(one.consumer, one.log, one.read or "nothing yet", _at(one).strip(" ()"), _behind(one))
    console.print(table)
    for one in found:
        if one.owed:
            console.print(f"{one.consumer} will read again from {one.owed}: slots of it failed or are claimed.")
        if one.set_aside:
            named = f"{counted(len(one.set_aside), 'message')} set aside ({listed(one.set_aside)})"
            console.print(f"{one.log} has {named}; `feed {one.log} --again` reads them once more.", soft_wrap=True)
        if one.error:
            console.print(one.error, style="red", soft_wrap=True)


def _at(found: "Standing") -> str:
    at = found.bookmark.read.at if found.bookmark.read else None
    return f" ({at:%Y-%m-%d %H:%M} UTC)" if at else ""


def _behind(found: "Standing") -> str:
    if found.records is None:
        return "the log no longer reaches back to it"
    if not found.records:
        return "nothing is new"
    return f"{counted(found.records, 'record')} and {counted(round(found.seconds or 0), 'second')} behind"
