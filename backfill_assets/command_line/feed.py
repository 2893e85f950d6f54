"""The command ``feed``: take in what a topic holds, show how far it was read and what was set aside, or go on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.errors.topics import MessagesGone, TopicUnknown

if TYPE_CHECKING:
    from backfill_assets.sources import TopicLog

Name = Annotated[str, typer.Argument(help="The raw log, such as payments.", show_default=False)]


def feed(
    table: Name,
    again: Annotated[bool, typer.Option("--again", help="Read messages that were set aside once more.")] = False,
    after_loss: Annotated[str, typer.Option("--after-loss", help="Why to go on behind what the broker lost.")] = "",
    by: Annotated[str, typer.Option("--by", help="Your name, where you go on behind a loss.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how far the topic was read, and do nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Take the messages of a topic into its raw log, once, here."""
    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        log = _log(session, table)
        if dry_run:
            told = _standing(session, log)
            answer.give(told, lambda console: _print(console, told))
            return
        try:
            done = _run(session, table, {"again": again, "after_loss": after_loss, "by": by})
        except MessagesGone as error:
            if not json:
                typer.echo("\n".join(_requests(session, log, error)))
            raise
        answer.give(done, lambda console: console.print(_sentence(done), soft_wrap=True))


def _log(session: Session, table: str) -> "TopicLog":
    from backfill_assets.orchestration.consuming.feeding import topics_in

    known = topics_in(session.definitions)
    if table not in known:
        raise TopicUnknown(table, known)
    return known[table]


def _requests(session: Session, log: "TopicLog", error: MessagesGone) -> list[str]:
    """What to correct after a loss, of each table that a consumer keeps from the log."""
    from backfill_assets.orchestration.consuming.jobs import consumers_in
    from backfill_assets.runbook.topic_losses import request_after_loss

    kept = [name for name, one in consumers_in(session.definitions).items() if one.log.name == log.table]
    return [request_after_loss(session.lake.records(), log, name, error.gone) for name in sorted(kept)]


def _run(session: Session, table: str, config: dict[str, Any]) -> dict[str, Any]:
    from backfill_assets.orchestration.consuming.feeding import feed_job_name, feed_op_name

    return session.output_of(feed_job_name(table), feed_op_name(table), config)


def _sentence(told: dict[str, Any]) -> str:
    from backfill_assets.orchestration.consuming.feeding import sentence_of

    return sentence_of(told)


def _standing(session: Session, log: "TopicLog") -> dict[str, Any]:
    records = session.lake.records()
    known = log.offsets(records).next
    return {
        "table": log.table,
        "topic": log.topic,
        "partitions": [
            {"partition": number, "next": known.get(number), "earliest": low, "end": high}
            for number, (low, high) in sorted(log.reach().items())
        ],
        "set_aside": [str(one) for one in log.set_aside(records)],
        "lost": [str(one) for one in log.lost(records)],
    }


def _print(console: Console, told: dict[str, Any]) -> None:
    table = Table("partition", "next", "earliest", "end", "waiting", "lost", box=None)
    for one in told["partitions"]:
        begin = one["earliest"] if one["next"] is None else one["next"]
        waiting, lost = one["end"] - max(begin, one["earliest"]), max(0, one["earliest"] - begin)
        numbers = (one["partition"], begin, one["earliest"], one["end"], waiting, lost)
        table.add_row(*(f"{number:,}" for number in numbers))
    console.print(table)
    for entry in (*told["set_aside"], *told["lost"]):
        console.print(entry, soft_wrap=True)
