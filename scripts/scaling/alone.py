"""What is measured in a process of its own, which says it in a line of JSON."""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scripts.scaling.measuring import builds, seconds_of

PAGES = Path("/proc/self/statm")
README = Path(__file__).parents[2] / "README.md"
TICKS = 7


def opening(uri: str) -> Mapping[str, float]:
    """Open a table and know its files."""
    from backfill_assets.storage.table import Table
    from scripts.scaling.measuring import SCHEMA

    table, before = Table(uri, SCHEMA), resident()
    started = time.monotonic()
    snapshot = table.snapshot()
    known = snapshot.days
    return {"seconds": time.monotonic() - started, "memory": resident() - before, "days": len(known)}


def appending(root: str) -> Mapping[str, float]:
    """Append a row to ``_control/builds``."""
    from backfill_assets.storage.builds import Builds
    from backfill_assets.storage.layout import Lake

    table, before = Builds(Lake(root)), resident()
    seconds = seconds_of(lambda: table.record(builds(1)))
    return {"seconds": seconds, "memory": resident() - before}


def folding(root: str) -> Mapping[str, float]:
    """Know where every correction stands."""
    from backfill_assets.storage.layout import Lake
    from backfill_assets.storage.ledger import Ledger

    ledger, before = Ledger(Lake(root)), resident()
    seconds = seconds_of(ledger.all_progress)
    return {"seconds": seconds, "memory": resident() - before}


def night(folder: str) -> Mapping[str, float]:
    """Publish a day of a table, count what was committed into control tables, and let its driver look."""
    import dagster as dg

    from backfill_assets.testing import TestLake

    place = Path(folder)
    definitions = shop(place)
    lake = TestLake(place / "lake", definitions, now="2026-01-06T06:00:00+00:00")
    lake.nightly()
    lake.later(1)
    before = commits(place)
    seconds = seconds_of(lake.nightly)
    made = commits(place) - before
    sensor = next(one for one in definitions.sensors or () if one.name == "daily_orders__correction_driver")

    def tick() -> None:
        with dg.build_sensor_context(instance=lake.instance, resources={"lake": lake.lake}) as context:
            sensor(context)

    with lake.entered():
        tick()
        ticks = [seconds_of(tick) for _ in range(TICKS)]
    return {"night_control_commits": made, "night_seconds": seconds, "tick_seconds": min(ticks)}


def shop(folder: Path) -> Any:
    """The code location of the README."""
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    if found is None:
        raise SystemExit(f"{README} shows no code location.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop_of_readme.py").write_text(found[1])
    sys.path.insert(0, str(folder))
    return importlib.import_module("shop_of_readme").defs


def commits(folder: Path) -> int:
    """How many commits all control tables have."""
    return sum(1 for _ in folder.glob("**/_control/*/_delta_log/*.json"))


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


PARTS: Mapping[str, Callable[[str], Mapping[str, float]]] = {
    "open": opening,
    "append": appending,
    "fold": folding,
    "night": night,
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](sys.argv[2])))
