"""The command ``exposure``: where the wrong numbers of a correction were shown."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.exposure import Carrier, Exposure, Seen

if TYPE_CHECKING:
    from backfill_assets.core.slots import Grain


def exposure(
    correction: Annotated[str, typer.Argument(help="The correction, such as 20260123.", show_default=False)],
    csv: Annotated[bool, typer.Option("--csv", help="Print comma separated values.")] = False,
    json: Json = False,
) -> None:
    """Show which reports, files, notices and readers carried wrong numbers, from when to when and from which commit."""
    from backfill_assets.command_line.work import table_of_correction
    from backfill_assets.pages.exposure import exposure_csv
    from backfill_assets.runbook import exposure as runbook

    answer = Answer(as_json=json)
    with answer.refusals():
        session = Session()
        definition = table_of_correction(session, correction)
        ctx = definition.step_context(session.lake, "command line")
        found = runbook.exposure(ctx, correction)
        grain = definition.slots.grain
        if csv and not json:
            typer.echo(exposure_csv(found), nl=False)
        else:
            answer.give(_told(found, grain), lambda console: _print(console, found, grain))


def _told(found: Exposure, grain: "Grain") -> dict[str, Any]:
    from backfill_assets.pages.exposure import told

    return {
        "correction": found.correction,
        "table": found.table,
        "told": told(found, grain),
        "wrong": {str(day): side.value for day, side in sorted(found.wrong.sides.items())},
        "seen": [
            {
                "kind": one.carrier.value,
                "name": one.name,
                "part": one.part,
                "days": [str(day) for day in one.days],
                "commit": one.commit,
                "since": one.since.isoformat(),
                "until": _time(one.until),
                "sent": one.sent,
            }
            for carrier in Carrier
            for one in found.of(carrier)
        ],
        "banners": [
            {
                "report": one.report,
                "since": one.since.isoformat(),
                "until": _time(one.until),
            }
            for one in found.banners
        ],
        "stale": list(found.stale),
        "unknown": list(found.unknown),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _place(one: Seen) -> str:
    """What is told in one line: a report, an audience, a reader, or the files of one folder."""
    folder = PurePosixPath(one.name).parent
    return f"{folder}/" if one.carrier is Carrier.FILE and folder.name else one.name


def _until(lines: Sequence[Seen]) -> str:
    """Until when the last of them showed wrong numbers; of what was sent, that it was."""
    ends = [one.until for one in lines if one.until]
    if len(ends) < len(lines):
        return next(one.sent or "still" for one in lines if not one.until)
    return f"{max(ends):%Y-%m-%d %H:%M}"


def _print(console: Console, found: Exposure, grain: "Grain") -> None:
    from backfill_assets.pages.exposure import NAMES, told

    console.print(told(found, grain), soft_wrap=True)
    for carrier in Carrier:
        lines = found.of(carrier)
        if not lines:
            continue
        table = Table(NAMES[carrier].lower(), "lines", f"{grain.value}s", "since", "until", box=None)
        for name in dict.fromkeys(map(_place, lines)):
            same = [one for one in lines if _place(one) == name]
            days = sorted({day for one in same for day in one.days})
            since = f"{min(one.since for one in same):%Y-%m-%d %H:%M}"
            table.add_row(name, f"{len(same):,}", f"{len(days):,}", since, _until(same))
        console.print(table)
    if any(found.of(carrier) for carrier in Carrier):
        console.print("Each line, with its commit, is told by --csv and by --json.")
    for sentence in (*found.stale, *found.unknown):
        console.print(sentence, soft_wrap=True)
