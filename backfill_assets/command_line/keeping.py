"""The commands around what is kept: ``retention``, ``scrub``, ``restore`` and ``purge-landing``."""

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import DONE, FOUND, REFUSED, WAITS_FOR_PERSON, Answer, Json, Session
from backfill_assets.core.given import days_given, number_given

if TYPE_CHECKING:
    from backfill_assets.runbook.keeping import Outlook
    from backfill_assets.sources.keeping import Keeping
    from backfill_assets.sources.purging import Purge
    from backfill_assets.sources.restoring import Restored
    from backfill_assets.sources.scrubbing import Scrubbed

Commit = Annotated[bool, typer.Option("--commit", help="Do it; without, only say what would be done.")]


def retention(
    page: Annotated[bool, typer.Option("--page", help="Write it as a page among the published ones too.")] = False,
    json: Json = False,
) -> None:
    """Say how long sources are kept and why, which window can still be corrected, and what ends soon."""
    from backfill_assets.orchestration.asset.surroundings import published_root
    from backfill_assets.pages.retention import write_retention

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        found = outlooks_of(session)
        if page:
            write_retention(found, session.lake.now(), published_root())
        told = {"tables": [one.as_json() for one in found]}
        answer.give(told, lambda console: _print_outlooks(console, found))
    raise typer.Exit(FOUND if any(one.wanted for one in found) else DONE)


def outlooks_of(session: Session) -> "list[Outlook]":
    """What is kept for each correctable table of the code location."""
    from backfill_assets.runbook.keeping import outlook

    ctxs = [(one.step_context(session.lake, "command line"), one.limits.keeping) for one in session.tables.values()]
    return [outlook(ctx, keeping) for ctx, keeping in ctxs]


def scrub(
    parts: Annotated[int, typer.Option(help="Into how many shares files are divided.")] = 1,
    part: Annotated[int, typer.Option(help="Which share to read.")] = 1,
    json: Json = False,
) -> None:
    """Read archived files and raw logs, and compare each with the SHA-256 that it had; changes nothing."""
    from backfill_assets.sources.scrubbing import scrub as read_all

    answer = Answer(as_json=json)
    with answer.refusals():
        of = number_given(parts, "--parts", least=1)
        if number_given(part, "--part", least=1) > of:
            message = f"there are {of} shares, and no share {part}"
            raise typer.BadParameter(message)
        found = read_all(Session().lake.records(), part, of)
        answer.give(found.as_json(), lambda console: _print_scrub(console, found))
    raise typer.Exit(FOUND if found.bad else DONE)


def restore(
    source: Annotated[str, typer.Argument(help="The raw log.", show_default=False)],
    day: Annotated[
        list[str] | None, typer.Option("--day", help="Only this day, or FIRST..LAST; may be repeated.")
    ] = None,
    commit: Commit = False,
    json: Json = False,
) -> None:
    """Bring back files of a raw log from the archive, and archived files from the raw log."""
    from backfill_assets.sources.restoring import restore as bring_back

    answer = Answer(as_json=json)
    with answer.refusals():
        days = days_given(day or (), "--day")
        session = Session()
        log = keeping_of(session).log(source)
        found = bring_back(log, session.lake.records(), session.lake.now(), days, commit=commit)
        told = {"committed": commit, **found.as_json()}
        answer.give(told, lambda console: _print_restored(console, found, commit=commit))
    if found.refused:
        raise typer.Exit(REFUSED)
    is_any = found.put_back or found.replaced or found.archived
    raise typer.Exit(WAITS_FOR_PERSON if is_any and not commit else DONE)


def purge_landing(
    commit: Commit = False,
    by: Annotated[str, typer.Option("--by", help="Your name, for the record of what was purged.")] = "",
    json: Json = False,
) -> None:
    """Delete landed files whose time is over, if what they held is in the raw log and archived, whole."""
    from backfill_assets.core.retention import Kept
    from backfill_assets.sources.purging import purge, purgeable

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        keeping, records = keeping_of(session), session.lake.records()
        root, policy, now = keeping.landing_root(), keeping.of(Kept.LANDING), session.lake.now()
        found = [purgeable(log, records, root, policy.get(log.table), now) for log in keeping.logs]
        done = [purge(records, one, by or getpass.getuser()) for one in found] if commit else found
        told = {"committed": commit, "logs": [one.as_json() for one in done]}
        answer.give(told, lambda console: _print_purges(console, done, commit=commit))
    raise typer.Exit(WAITS_FOR_PERSON if any(one.due for one in done) and not commit else DONE)


def keeping_of(session: Session) -> "Keeping":
    """What the code location declares of all its tables together, each raw log once."""
    from backfill_assets.sources.keeping import Keeping

    every = [one.limits.keeping for one in session.tables.values()]
    retention = {(one.source, one.what): one for keeping in every for one in keeping.retention}
    logs = {log.table: log for keeping in every for log in keeping.logs}
    landing = next((one.landing for one in every if one.landing is not None), None)
    return Keeping(retention=tuple(retention.values()), logs=tuple(logs.values()), landing=landing)


def _print_outlooks(console: Console, found: "Sequence[Outlook]") -> None:
    for one in found:
        for sentence in one.sentences:
            console.print(sentence, soft_wrap=True)
        if one.retention:
            table = Table("source", "what", "kept", "because", box=None)
            for kept in one.retention:
                table.add_row(kept.source, kept.what.value, kept.told, kept.duty)
            console.print(table)
        else:
            console.print(f"Nothing is declared of how long sources of {one.days.table} are kept.")


def _print_scrub(console: Console, found: "Scrubbed") -> None:
    for sentence in found.sentences():
        console.print(sentence, soft_wrap=True)


LISTS = {
    "put_back": "Put back as it was",
    "replaced": "Made anew as another file of the same rows",
    "archived": "Archived again out of the raw log",
}


def _print_restored(console: Console, found: "Restored", *, commit: bool) -> None:
    told: dict[str, Any] = found.as_json()
    for name, heading in LISTS.items():
        for path in told[name]:
            console.print(f"{heading}: {path}", soft_wrap=True)
    for sentence in found.refused:
        console.print(f"Cannot be brought back: {sentence}. Put it back from a copy of the lake.", style="red")
    _print_end(console, "Every file is there and whole.", is_any=any(told[name] for name in LISTS), commit=commit)


def _print_purges(console: Console, found: "Sequence[Purge]", *, commit: bool) -> None:
    for one in found:
        for due in one.due:
            console.print(f"{due.record.path}, archived as {due.record.archive}", soft_wrap=True)
        for path, why in one.stays.items():
            console.print(f"{path} stays, because it {why}.", style="yellow", soft_wrap=True)
        console.print(f"{one.source}: {len(one.due):,} purged, {len(one.stays):,} stay, {one.later:,} not due yet.")
    _print_end(console, "No file is due.", is_any=any(one.due for one in found), commit=commit)


def _print_end(console: Console, nothing: str, *, is_any: bool, commit: bool) -> None:
    if not is_any:
        console.print(nothing)
    elif not commit:
        console.print("Nothing was changed. Add --commit to do it.", style="yellow")
