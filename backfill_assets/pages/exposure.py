"""Where the wrong numbers of a correction were shown, as a page and as a file of comma separated values beside it."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from backfill_assets.core.audiences import runs_named
from backfill_assets.core.exposure import Carrier, Exposure, Seen, Side
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.errors.base import counted
from backfill_assets.pages.places import EXPOSURE, EXPOSURE_ROWS
from backfill_assets.pages.shell import rendered
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.exposure import exposure
from backfill_assets.storage.replacing import replace_text

COLUMNS = ("kind", "name", "part", "days", "first_day", "last_day", "commit", "since", "until", "sent")
MOST_RUNS = 4
NAMES = {
    Carrier.REPORT: "Reports",
    Carrier.FILE: "Published files",
    Carrier.NOTICE: "Notices",
    Carrier.READER: "Readers outside",
}
NOTHING = {
    Carrier.REPORT: "No report that is recorded carried them.",
    Carrier.FILE: "No published file that is recorded carried them.",
    Carrier.NOTICE: "No notice told them.",
    Carrier.READER: "No reader outside has reported that it used them.",
}


def exposure_page(found: Exposure, grain: Grain, now: datetime) -> str:
    """The whole page, self-contained."""
    # A report has many partitions, and folds under its name; of anything else each is a line.
    groups = [
        (
            NAMES[carrier],
            NOTHING[carrier],
            _grouped(lines) if carrier is Carrier.REPORT else [("", lines)] if lines else [],
        )
        for carrier in Carrier
        for lines in [found.of(carrier)]
    ]
    return rendered(
        "exposure.html",
        title=f"Where the wrong numbers of correction {found.correction} were shown",
        attributes={"correction": found.correction},
        found=found,
        grain=grain,
        groups=groups,
        days_told=lambda days: days_as_said(days, grain),
        in_short=told(found, grain),
        now=now,
    )


def told(found: Exposure, grain: Grain) -> str:
    """What is known, in a sentence or two."""
    days = sorted(found.wrong.days)
    if not days:
        return f"Correction {found.correction} changes nothing, so no wrong numbers of it were shown."
    sides = {found.wrong.sides[day] for day in days}
    which = {
        frozenset({Side.EARLIER}): "The numbers before it",
        frozenset({Side.CORRECTED}): "The numbers that it brought and took back",
    }.get(frozenset(sides), "The numbers before it, and of what was rolled back those that it brought,")
    still = len({(one.carrier, one.name, one.part) for one in found.still})
    where = f"{counted(still, 'place')} still" if still else "no place"
    shows = "shows" if still <= 1 else "show"
    any_more = "" if still else " any more"
    return (
        f"{which} are wrong for {counted(len(days), grain.value)} ({days_as_said(days, grain)}). "
        f"As far as that is recorded, {where} {shows} them{any_more}."
    )


def days_as_said(days: Sequence[Slot], grain: Grain) -> str:
    """Some days as people write them, in runs."""
    runs = runs_named(days, grain)
    more = f" and {len(runs) - MOST_RUNS:,} more stretches" if len(runs) > MOST_RUNS + 1 else ""
    return ", ".join(runs[:MOST_RUNS] if more else runs) + more


def _grouped(lines: Sequence[Seen]) -> list[tuple[str, list[Seen]]]:
    """The lines of each name."""
    found: dict[str, list[Seen]] = {}
    for line in lines:
        found.setdefault(line.name, []).append(line)
    return [*found.items()]


def exposure_csv(found: Exposure) -> str:
    """A line for each place and stretch of time; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for carrier in Carrier:
        for one in found.of(carrier):
            writer.writerow([_safe(cell) for cell in as_row(one).values()])
    return text.getvalue()


def as_row(one: Seen) -> dict[str, str]:
    """The cells of a line, by column."""
    return {
        "kind": one.carrier.value,
        "name": one.name,
        "part": one.part,
        "days": str(len(one.days)),
        "first_day": str(one.days[0]),
        "last_day": str(one.days[-1]),
        "commit": "" if one.commit is None else str(one.commit),
        "since": one.since.isoformat(),
        "until": "" if one.until is None else one.until.isoformat(),
        "sent": one.sent,
    }


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def write_exposure(ctx: StepContext, correction: str, folder: Path) -> None:
    """Write both beside the page of a correction."""
    found = exposure(ctx, correction)
    replace_text(folder / EXPOSURE_ROWS, exposure_csv(found))
    replace_text(folder / EXPOSURE, exposure_page(found, ctx.table.partition.grain, ctx.now))
