"""Constants that are measured in seconds: on tables whose files are named by their logs alone, and on a small lake.

What takes memory, or is quicker the second time, is measured in a process of its own: it is called with what to do.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from backfill_assets.core import facts
from backfill_assets.core.events import Event
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.window import Window
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build, Builds
from backfill_assets.storage.commits import Change
from backfill_assets.storage.control import MOST_FILES
from backfill_assets.storage.layout import Lake, checkpoint_of, entry_of
from backfill_assets.storage.ledger import Entry, Ledger
from backfill_assets.storage.row_table import RowTable
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Table
from scripts.scaling.cluster import Cluster
from scripts.scaling.simulated import replay

FIRST, AT = date(2016, 1, 1), datetime(2026, 1, 23, 6, tzinfo=UTC)
SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "market": pl.String(),
        "product": pl.String(),
        "orders": pl.Int64(),
        "amount": pl.Decimal(38, 4),
        "revenue": pl.Decimal(38, 4),
    }
)
# A smallest or largest amount in the statistics of a file.
AMOUNT = re.compile(r'("(?:amount|revenue)": )\d+\.\d+')
LEAST, FEW, MANY, ROUNDS = 20, 2_000, 40_000, 3
ENTRIES, EVENTS, ROWS_MANY = 90, 72, 200_000
CORRECTIONS = 40


def measured() -> dict[str, float]:
    """Every measured constant by its name."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="backfill-scale-") as place:
        for part in (of_logs, of_opening, of_builds, of_ledger, of_history, of_lake):
            found |= part(Path(place) / part.__name__)
    return {name: float(f"{value:.3g}") for name, value in found.items()}


# ---- tables


def frame(rows: int = 50) -> pl.DataFrame:
    """Rows of a day, without its day; amounts are drawn, so that they compress as amounts do."""
    import numpy as np

    chance = np.random.default_rng(20260123)
    drawn = (chance.integers(0, most, rows).tolist() for most in (10**6, 1_000, 10**8, 10**8))
    products, orders, amounts, revenues = drawn
    return pl.DataFrame(
        {
            "market": [f"market {number % 8}" for number in range(rows)],
            "product": [f"product {number:06}" for number in products],
            "orders": orders,
            "amount": [Decimal(number).scaleb(-4) for number in amounts],
            "revenue": [Decimal(number).scaleb(-4) for number in revenues],
        },
        schema={name: kind for name, kind in SCHEMA.items() if name != "day"},
    )


def files(table: Table, number: int) -> Iterator[DataFile]:
    """Files as they would be written: one is, and the others have its size and other amounts, in the log alone."""
    import numpy as np

    (one,) = table.write_files({FIRST: frame()}).values()
    amounts = iter(np.random.default_rng(number).uniform(0, 10**4, (number, 4)).tolist())
    for count in range(number):
        day, drawn = FIRST + timedelta(days=count % 3_650), iter(next(amounts))
        stats = AMOUNT.sub(lambda found, drawn=drawn: f"{found[1]}{next(drawn):.4f}", one.stats)
        yield replace(one, path=f"day={day}/part-{uuid.uuid4()}.parquet", day=day, stats=stats, is_new=False)


def table_of(place: Path, number: int, entries: int = 0) -> Table:
    """A table of so many files in a checkpoint, and so many entries of a file each after it."""
    table = Table(str(place), SCHEMA)
    table.create()
    added = tuple(files(table, number + entries))
    table.commit(lambda _: Change(added[:number]))
    table.snapshot().handle.create_checkpoint()
    for one in added[number:]:
        table.commit(lambda _, one=one: Change((one,)))
    return table


def of_logs(place: Path) -> dict[str, float]:
    """Bytes of entries and of a checkpoint."""
    table = table_of(place, FEW, 1)
    size = {number: len(table.folder.read(entry_of(number))) for number in (1, 2)}
    add = (size[1] - size[2]) / (FEW - 1)
    there = tuple(one for of_day in table.snapshot().files.values() for one in of_day)
    table.commit(lambda _: Change((), removes=there))
    removed = len(table.folder.read(entry_of(3)))
    rows = frame(100_000)
    (file,) = table.write_files({FIRST: rows}).values()
    return {
        "log_bytes_per_add": add,
        "log_bytes_per_remove": removed / len(there),
        "log_bytes_per_commit": size[2] - add,
        "checkpoint_bytes_per_file": len(table.folder.read(checkpoint_of(1))) / FEW,
        "memory_bytes_per_row": rows.estimated_size() / rows.height,
        "file_bytes_per_row": file.size / rows.height,
    }


def of_opening(place: Path) -> dict[str, float]:
    """Seconds and memory to open a table and to know its files: by the files, and by the entries after a checkpoint."""
    few, many = table_of(place / "few", LEAST), table_of(place / "many", MANY)
    after = table_of(place / "after", LEAST, ENTRIES)
    opened = {table.uri: alone("open", table.uri) for table in (few, many, after)}
    few_s, many_s, after_s = (opened[table.uri]["seconds"] for table in (few, many, after))
    memory = opened[many.uri]["memory"] - opened[few.uri]["memory"]
    return {
        "open_seconds": few_s,
        "open_seconds_per_file": (many_s - few_s) / (MANY - LEAST),
        "open_seconds_per_entry": (after_s - few_s) / ENTRIES,
        "open_memory_bytes_per_file": memory / (MANY - LEAST),
    }


# ---- control tables


def of_builds(place: Path) -> dict[str, float]:
    """What a row of ``_control/builds`` takes, and an append by its rows, in a process that has not read them.

    One that finds as many files as there may be folds them into one.
    """
    taken, folded = dict[int, Mapping[str, float]](), dict[int, float]()
    for rows in (LEAST, ROWS_MANY):
        lake = Lake(str(place / str(rows)))
        Builds(lake).record(builds(rows))
        taken[rows] = alone("append", lake.root)
        for _ in range(MOST_FILES - 1 - ROUNDS):
            Builds(lake).record(builds(1))
        folded[rows] = alone("append", lake.root, rounds=1)["seconds"]
    between = ROWS_MANY - LEAST
    per_row = {name: (taken[ROWS_MANY][name] - taken[LEAST][name]) / between for name in ("seconds", "memory")}
    (largest, *_) = sorted((place / str(ROWS_MANY)).rglob("part-*.parquet"), key=lambda one: -one.stat().st_size)
    return {
        "append_seconds": taken[LEAST]["seconds"],
        "append_seconds_per_row": per_row["seconds"],
        "fold_seconds_per_row": (folded[ROWS_MANY] - folded[LEAST]) / between - per_row["seconds"],
        "append_memory_bytes_per_row": per_row["memory"],
        "control_bytes_per_row": largest.stat().st_size / ROWS_MANY,
    }


def builds(number: int) -> Iterator[tuple[DataFile, Build]]:
    """Rows as nightly writes them, of a thousand tables."""
    file = DataFile("", 1, FIRST, 0, 1, "{}")
    for count in range(number):
        name = uuid.uuid4()
        inputs = {"orders_log": hashlib.sha256(name.bytes).hexdigest()}
        day, run = FIRST + timedelta(days=count // 1_000), str(uuid.UUID(int=count // 5))
        sums = {"amount": f"{count * 7}.1234", "revenue": f"{count * 9}.4321"}
        build = Build(f"table_{count % 1_000}", day, inputs, "1", "0" * 40, run, "", AT, 0.25, "", 50, sums)
        yield replace(file, path=f"day={day}/part-{name}.parquet"), build


def of_ledger(place: Path) -> dict[str, float]:
    """What the ledger's own log takes an event, and an event that has the manifest of a swap."""
    ledger, plan = Ledger(Lake(str(place))), opened()
    told = [facts.DaysStaged((FIRST + timedelta(days=number),), "1", 50, 14_400.0) for number in range(EVENTS - 1)]
    for fact in (facts.Opened(plan), *told):
        ledger.append(Event(plan.correction, fact, AT, "ada", "run"), table="table")
    log = sum(file.stat().st_size for file in (place / "_control/ledger/_delta_log").iterdir())
    some = tuple(files(Table(str(place / "other"), SCHEMA), FEW))
    manifest = Manifest(plan.correction, 1, some, some)
    return {
        "ledger_log_bytes_per_event": log / EVENTS,
        "ledger_bytes_per_swapped_file": len(json.dumps(manifest.as_json())) / (2 * FEW),
    }


def opened() -> Plan:
    """The plan of a correction of 180 days."""
    window = Window(FIRST, FIRST + timedelta(days=179))
    return Plan("c", Request("table", window, "wrong", correction="c"), AT, "ada", PlannedInputs({"orders_log": 1}))


def of_history(place: Path) -> dict[str, float]:
    """What a process that has just begun takes to know where every correction of 180 waves of a day stands."""
    taken: dict[int, Mapping[str, float]] = {}
    told = replay(Cluster(), asks_ledger=False).events
    for number in (1, CORRECTIONS):
        lake = Lake(str(place / str(number)))
        RowTable(lake, "ledger", Entry).append(entry(f"c{count}", event) for count in range(number) for event in told)
        taken[number] = alone("fold", lake.root)
    more = (CORRECTIONS - 1) * len(told)
    per_event = {name: (taken[CORRECTIONS][name] - taken[1][name]) / more for name in ("seconds", "memory")}
    (stored,) = (place / str(CORRECTIONS)).rglob("part-*.parquet")
    return {
        "ledger_bytes_per_event": stored.stat().st_size / (CORRECTIONS * len(told)),
        "history_seconds_per_event": per_event["seconds"],
        "history_memory_bytes_per_event": per_event["memory"],
    }


def entry(correction: str, event: Event) -> Entry:
    """An event of a correction as it is stored; what is random in one is here too."""
    mine = replace(event, correction=correction, run_id=str(uuid.uuid4()))
    digests = [hashlib.sha256(uuid.uuid4().bytes).hexdigest() for _ in range(2)]
    return replace(Entry.of(mine, "table", None), previous=digests[0], digest=digests[1])


# ---- a lake, and the driver of a table


def of_lake(place: Path) -> dict[str, float]:
    """What a night commits into control tables, and what a tick of an idle driver takes."""
    return {**alone("night", str(place), rounds=1)}


def alone(what: str, uri: str, rounds: int = ROUNDS) -> Mapping[str, float]:
    """What a process of its own measures, the least of some: other work on the machine only ever adds."""
    found: list[Mapping[str, float]] = []
    for _ in range(rounds):
        command = [sys.executable, "-W", "ignore", "-m", "scripts.scaling.alone", what, uri]
        told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        if told.returncode:
            raise SystemExit(f"{' '.join(command)} failed.\n{told.stderr[-4000:]}")
        found.append(json.loads(told.stdout.splitlines()[-1]))
    return {name: min(one[name] for one in found) for name in found[0]}


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.monotonic()
    work()
    return time.monotonic() - started
