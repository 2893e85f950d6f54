"""The commands for people around a correction: ``months`` closed, ``notices``, ``pages``, ``withdrawals`` to decide."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.keeping import outlooks_of
from backfill_assets.command_line.session import DONE, OTHER, WAITS_FOR_PERSON, Answer, Json, Session


def months(
    close: Annotated[
        list[str] | None, typer.Option("--close", help="A month such as 2026-01; may be repeated.")
    ] = None,
    reopen: Annotated[list[str] | None, typer.Option("--reopen", help="Open a closed month again.")] = None,
    by: Annotated[str, typer.Option("--by", help="Your own name, for the record; needed to change one.")] = "",
    json: Json = False,
) -> None:
    """Close months, open them again, and list those that are closed: changing them takes two people's approval."""
    answer = Answer(as_json=json)
    with answer.refusals():
        from backfill_assets.storage.calendar import refuse_unreadable

        lake = Session().lake
        closed = lake.records().closed_months
        refuse_unreadable([*(close or ()), *(reopen or ())])
        closed.close(*(close or ()), by=by, at=lake.now())
        closed.reopen(*(reopen or ()), by=by, at=lake.now())
        told = sorted(closed.current())
        answer.give({"closed": told}, lambda console: console.print(", ".join(told) or "No month is closed."))


def notices(
    correction: Annotated[str, typer.Argument(help="All when left out.")] = "",
    send: Annotated[bool, typer.Option("--send", help="Send what is pending now.")] = False,
    json: Json = False,
) -> None:
    """Show which notices were delivered and which were not; with --send try again those that were not."""
    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        records = session.lake.records()
        if correction:
            records.ledger.progress(correction)  # refuses one that nobody opened
        if send:
            from backfill_assets.orchestration.asset.surroundings import published_root
            from backfill_assets.orchestration.instance.delivery import Post

            Post(records, published_root() / "notices", session.lake.now()).deliver()
        told = [_delivery(one) for one in records.outbox.deliveries(correction)]
        answer.give({"notices": told}, lambda console: _print_notices(console, told))
    raise typer.Exit(OTHER if send and any(one["state"] == "pending" for one in told) else DONE)


def pages(json: Json = False) -> None:
    """Update every page and file from the tables and the ledger, and send pending notices."""
    from backfill_assets.orchestration.asset.surroundings import published_root
    from backfill_assets.pages.retention import write_retention
    from backfill_assets.pages.storage_cost import write_storage_cost
    from backfill_assets.runbook.storage_cost import storage_cost
    from backfill_assets.runbook.storage_prices import prices_of

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        lake = session.lake
        left = [one for definition in session.tables.values() for one in definition.refresh_outputs(lake.records())]
        ctxs = [one.step_context(lake, "pages") for one in session.tables.values()]
        write_storage_cost(storage_cost(ctxs, prices_of()), published_root())
        write_retention(outlooks_of(session), lake.now(), published_root())
        answer.give(
            {"left": left}, lambda console: console.print("\n".join(left) or "Pages and notices are up to date.")
        )
    raise typer.Exit(OTHER if left else DONE)


def _delivery(one: Any) -> dict[str, Any]:
    state = "written" if not one.channel else "pending" if one.is_pending else "sent"
    return {
        "notice": one.notice.name,
        "event": one.notice.event,
        "audience": one.notice.audience,
        "channel": one.channel,
        "state": state,
        "sent_at": one.sent_at.isoformat() if one.sent_at else None,
        "failures": one.failures,
        "why": one.why if state == "pending" else "",
        "message_id": one.notice.message_id,
    }


def _print_notices(console: Console, told: list[dict[str, Any]]) -> None:
    if not told:
        console.print("There are no notices.")
        return
    table = Table("notice", "channel", "state", "failures", "why", box=None)
    for one in told:
        table.add_row(
            one["notice"], one["channel"] or "none, see the folder", one["state"], str(one["failures"]), one["why"]
        )
    console.print(table)


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
