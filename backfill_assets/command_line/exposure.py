"""The command ``exposure``: who has seen the wrong numbers of a correction."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Json, Session
from backfill_assets.core.exposure import Carrier, Exposure

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


def _print(console: Console, found: Exposure, grain: "Grain") -> None:
    from backfill_assets.pages.exposure import NAMES, days_told, told

    console.print(told(found, grain), soft_wrap=True)
    for carrier in Carrier:
        lines = found.of(carrier)
        if not lines:
            continue
        table = Table(NAMES[carrier].lower(), "part", f"{grain.value}s", "commit", "since", "until", box=None)
        for one in lines:
            until = f"{one.until:%Y-%m-%d %H:%M}" if one.until else one.sent or "still"
            commit = "" if one.commit is None else f"{one.commit:,}"
            since = f"{one.since:%Y-%m-%d %H:%M}"
            table.add_row(one.name, one.part, days_told(one.days, grain), commit, since, until)
        console.print(table)
    for sentence in (*found.stale, *found.unknown):
        console.print(sentence, soft_wrap=True)
