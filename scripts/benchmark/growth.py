"""What ten times as much takes, each in a process that has just begun: by commits of a log, files, corrections, days.

Called with what is measured and where it lies; says the seconds of it.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.runbook import StepContext
from backfill_assets.storage import swap
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import Change
from backfill_assets.storage.layout import Lake, entry_of
from backfill_assets.storage.retention import clean_log
from backfill_assets.storage.table import Table
from benchmark.made import LAST, transactions
from benchmark.processes import seconds_of, since_start

SCHEMA = pl.Schema({"day": pl.Date(), "value": pl.Int64()})
CORRECTION, TABLE, FACT = "measured", "t", "fct_daily_revenue"
DAYS, COMMITS_PER_CHECKPOINT, FACTS = 1_000, 1_000, 20


def days_up_to(number: int) -> list[date]:
    """So many days."""
    return [LAST - timedelta(days=count) for count in reversed(range(number))]


# ---- a log of many commits


def log_of(place: str, commits: int) -> None:
    """A table of ten days, each commit of which has replaced one of them, with a checkpoint every thousand.

    Two commits are made as any other. Further ones are written into the log as these are, since making each takes
    longer than what is measured; the data file is one under many names.
    """
    table, days = Table(Lake(place).table_uri(TABLE), SCHEMA), days_up_to(10)
    table.create()
    row = pl.DataFrame({"value": [1]})
    table.replace_days(dict.fromkeys(days, row))
    table.replace_days({days[0]: row})
    root, number = Path(table.uri), 2
    info, *_ = (root / entry_of(number)).read_text().splitlines()
    held = {day: files[0] for day, files in table.snapshot().files.items()}
    while number < commits:
        for _ in range(min(COMMITS_PER_CHECKPOINT, commits - number)):
            number += 1
            day = days[number % len(days)]
            new = replace(held[day], path=f"day={day}/part-{uuid.uuid4()}.parquet")
            (root / held[day].path).rename(root / new.path)
            entry = "\n".join([info, json.dumps(added(new)), json.dumps(removed(held[day]))])
            (root / entry_of(number)).write_text(entry + "\n")
            held[day] = new
        table.snapshot().handle.create_checkpoint()


def added(file: DataFile) -> dict[str, object]:
    """The action of a log that adds a file."""
    told = {"path": file.path, "partitionValues": {"day": str(file.day)}, "size": file.size, "stats": file.stats}
    return {"add": {**told, "modificationTime": file.modified, "dataChange": True}}


def removed(file: DataFile) -> dict[str, object]:
    """The action of a log that removes a file."""
    told = {"path": file.path, "partitionValues": {"day": str(file.day)}, "size": file.size}
    return {"remove": {**told, "deletionTimestamp": file.modified, "extendedFileMetadata": True, "dataChange": True}}


def opened(place: str) -> None:
    """Open the table and know its days."""
    if len(_live(place).snapshot().days) < 1:
        raise SystemExit("The table has no days.")


def committed(place: str) -> None:
    """Replace a day."""
    _live(place).replace_days({LAST: pl.DataFrame({"value": [2]})})


def cleaned(place: str) -> None:
    """Delete the entries and checkpoints that nothing needs any more."""
    clean_log(_live(place), datetime.now(UTC) + timedelta(days=1), frozenset())


def _live(place: str) -> Table:
    return Table(Lake(place).table_uri(TABLE), SCHEMA)


# ---- a cut over of many files


def sides_of(place: str, files: int) -> None:
    """A live table and a staged one of a thousand days with so many files each, all of them with the same rows."""
    lake, days = Lake(place), days_up_to(DAYS)
    for uri in (lake.table_uri(TABLE), lake.staged_uri(TABLE, CORRECTION)):
        table = Table(uri, SCHEMA)
        table.create()
        (one,) = table.write_files({LAST: pl.DataFrame({"value": [1, 2, 3]})}).values()
        content, made = Path(uri, one.path).read_bytes(), list[DataFile]()
        for number in range(files):
            day = days[number % DAYS]
            made.append(replace(one, path=f"day={day}/part-{uuid.uuid4()}.parquet", day=day, is_new=False))
            Path(uri, f"day={day}").mkdir(exist_ok=True)
            Path(uri, made[-1].path).write_bytes(content)
        table.commit(lambda _, made=made: Change(tuple(made)))


def cut_over(place: str) -> None:
    """Plan a cut over of all days, commit it, and look at it."""
    live, staged = _live(place), Table(Lake(place).staged_uri(TABLE, CORRECTION), SCHEMA)
    sides = live.snapshot(), staged.snapshot()
    certified = [{day: side.fingerprint(day) for day in side.days} for side in sides]
    manifest = swap.plan_cut_over(
        *sides,
        correction=CORRECTION,
        swap_count=1,
        days=sorted(certified[0]),
        certified_live=certified[0],
        certified_staged=certified[1],
    )
    swap.cut_over(live, manifest)


# ---- corrections that are open


def corrections_of(_: str, number: int) -> None:
    """So many open corrections of a day each in the lake of the environment, with twenty facts each."""
    from backfill_assets import runbook
    from backfill_assets.core.facts import Paced
    from backfill_assets.core.plan import Request
    from backfill_assets.core.requirements import Nothing
    from backfill_assets.core.window import Window
    from backfill_assets.storage.ledger import Writing

    ctx, surroundings = _fact(), _without_pages()
    days = sorted(ctx.records.days(FACT))[:number]
    opened = []
    for day in days:
        given = replace(_fact(), surroundings=replace(surroundings, records=ctx.records))
        opened.append(runbook.open_correction(given, Request(FACT, Window(day, day), "measured")).correction)
    for count in range(FACTS - 1):
        told = [ctx.event(name, Paced(at_once=2 + count % 2)) for name in opened]
        ctx.records.ledger.record_all([Writing(event, Nothing(), FACT) for event in told])


def _fact() -> StepContext:
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.revenue.definitions import LAKE, defs

    return tables_in(defs)[FACT].step_context(LAKE, "bench")


def _without_pages() -> Any:
    """The surroundings of the table, of which nobody looks at a page while corrections are opened by hundreds."""
    from backfill_assets.core.events import Event
    from backfill_assets.orchestration.asset.surroundings import DagsterSurroundings

    @dataclass(frozen=True)
    class WithoutPages(DagsterSurroundings):
        def publish_page(self, ctx: StepContext, event: Event) -> None:
            """There are none."""

    there: Any = _fact().surroundings
    return WithoutPages(there.records, there.reports, there.render, there.linked)


def told(_: str) -> None:
    """Say where every correction stands."""
    from backfill_assets.command_line import app

    with redirect_stdout(StringIO()):
        app(["status", "--json"], standalone_mode=False)


def ticked(_: str) -> None:
    """Let the driver look once, which asks for a run of each."""
    import dagster as dg

    from backfill_assets.command_line.session import prepare_home
    from backfill_assets.revenue.definitions import LAKE, defs

    prepare_home()
    driver = next(sensor for sensor in defs.sensors or () if sensor.name == f"{FACT}__correction_driver")
    with dg.build_sensor_context(instance=dg.DagsterInstance.get(), resources={"lake": LAKE}) as context:
        driver(context)


def listed(_: str) -> None:
    """Draw the console's list of all corrections."""
    from backfill_assets.command_line.serve import console_of
    from backfill_assets.command_line.session import Session
    from backfill_assets.orchestration.asset.table_definition import records_of
    from backfill_assets.web import views
    from backfill_assets.web.requests import Access

    console = console_of(Session(), Access())
    views.index(records_of(console.tables, console.lake), console.lake.now(), console.published)


# ---- days


def nightly(_: str) -> None:
    """Publish what has landed."""
    from backfill_assets.command_line import app

    with redirect_stdout(StringIO()):
        app(["nightly", "--json"], standalone_mode=False)


def landed(_: str, number: int) -> None:
    """Land the transactions of the day after the last, so many of them."""
    import numpy as np

    day = LAST + timedelta(days=1)
    rows = transactions(day, number, np.random.default_rng(number))
    rows.write_parquet(Path(os.environ["BACKFILL_LANDING"]) / f"transactions/{day}.parquet")


MAKES: Mapping[str, Callable[[str, int], None]] = {
    "log": log_of,
    "sides": sides_of,
    "corrections": corrections_of,
    "landed": landed,
}
TAKES: Mapping[str, Callable[[str], None]] = {
    work.__name__: work for work in (opened, committed, cleaned, cut_over, told, ticked, listed, nightly)
}


def main() -> None:
    """Make what is measured, or say what it takes; that of a command is since the start of its process."""
    match sys.argv[1:]:
        case ["make", what, place, number]:
            MAKES[what](place, int(number))
            print(json.dumps({}))
        case [what, place]:
            print(json.dumps({"seconds": seconds_of(lambda: TAKES[what](place)), "ended": since_start()}))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
