"""Cut over in one process, beside a rewriting overwrite of the same days and beside its own bare log entry.

Called with days, rows a day, files a day and rounds. Each round takes its swap back afterwards, which is not counted.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from deltalake import write_deltalake

from backfill_assets.storage import swap
from backfill_assets.storage.commits import Change
from backfill_assets.storage.layout import Lake, entry_of
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Table
from benchmark.processes import seconds_of

SCHEMA = pl.Schema({"day": pl.Date(), "value": pl.Int64()})
CORRECTION = "measured"


def main() -> None:
    """Say the seconds of each way, by round."""
    days, rows, files, rounds = map(int, sys.argv[1:])
    window = [date(2015, 1, 1) + timedelta(days=number) for number in range(days)]
    with tempfile.TemporaryDirectory(dir=os.environ["BENCH_PLACE"]) as place:
        lake = Lake(place)
        live = filled(Table(lake.table_uri("t"), SCHEMA), window, rows, files)
        staged = filled(Table(lake.staged_uri("t", CORRECTION), SCHEMA), window, rows, files)
        rewritten = filled(Table(lake.table_uri("rewritten"), SCHEMA), window, rows, files)
        taken: dict[str, list[float]] = {"swap": [], "rewrite": [], "entry": []}
        swaps: list[Manifest] = []
        for _ in range(rounds):
            sides = live.snapshot(), staged.snapshot()
            certified = [{day: side.fingerprint(day) for day in window} for side in sides]  # as the ledger has them
            taken["swap"].append(seconds_of(lambda s=sides, c=certified: swaps.append(swapped(live, s, c, swaps))))
            content = live.folder.read(entry_of(live.snapshot().commit))
            taken["rewrite"].append(seconds_of(lambda: overwritten(rewritten, staged, window)))
            taken["entry"].append(seconds_of(lambda c=content: forced(Path(place), c)))
            swaps.append(taken_back(live, swaps))
    print(json.dumps(taken))


def filled(table: Table, days: Sequence[date], rows: int, files: int) -> Table:
    """A table of so many rows in so many files each day."""
    frame = pl.DataFrame({"value": range(max(1, rows // files))}, schema={"value": pl.Int64})
    table.create()
    for _ in range(files):
        added = tuple(table.write_files(dict.fromkeys(days, frame)).values())
        table.commit(lambda _now, added=added: Change(added))
    return table


def swapped(
    live: Table, sides: Sequence[Snapshot], certified: Sequence[Mapping[date, str]], swaps: Sequence[Manifest]
) -> Manifest:
    """Plan a cut over of all days, commit it, and look at it."""
    manifest = swap.plan_cut_over(
        *sides,
        correction=CORRECTION,
        swap_count=len(swaps) + 1,
        days=[*certified[0]],
        certified_live=certified[0],
        certified_staged=certified[1],
    )
    swap.cut_over(live, manifest)
    return manifest


def taken_back(live: Table, swaps: Sequence[Manifest]) -> Manifest:
    """Take the last cut over back."""
    manifest = swap.plan_roll_back(live.snapshot(), swaps, correction=CORRECTION, swap_count=len(swaps) + 1)
    swap.roll_back(live, manifest)
    return manifest


def overwritten(table: Table, staged: Table, days: Sequence[date]) -> None:
    """Write the staged rows over the days, as ``replaceWhere`` does."""
    frame = staged.snapshot().scan().select(SCHEMA.names()).collect()
    predicate = f"day >= '{days[0]}' AND day <= '{days[-1]}'"
    write_deltalake(table.uri, frame, mode="overwrite", predicate=predicate)


def forced(place: Path, content: bytes) -> None:
    """Write a log entry and nothing else, and force it and its name to disk."""
    path = place / "entry.json"
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fdatasync(file.fileno())
    folder = os.open(place, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    path.unlink()


if __name__ == "__main__":
    main()
