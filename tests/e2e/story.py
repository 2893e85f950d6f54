"""A small lake with a history to correct, made without Dagster: a demo landing, published with the story's bug."""

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from backfill_assets.core.window import Window
from tests.e2e.small_lake import SmallLake, ingest, publish, publish_rates, with_rates_of_the_day_before
from tests.scenarios import KEY

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import demo_data

HISTORY = Window(date(2025, 12, 8), date(2026, 1, 22))
WRONG = Window(date(2025, 12, 20), date(2026, 1, 18))
"""Thirty days, of which those after a day without a fixing are not wrong at all."""
NOW = datetime(2026, 1, 23, 7, 30, tzinfo=UTC)


def wrong_lake(root: Path, history: Window = HISTORY, wrong: Window = WRONG) -> SmallLake:
    """A lake of some weeks of made-up trade, the fact of which took the rates of the previous day in a window."""
    lake = SmallLake(root)
    demo_data.write_landing(lake.landing, history.first, history.last)
    ingest(lake, history.days, NOW)
    publish_rates(lake, history.days)
    publish(lake, history.days)
    publish(lake, wrong.days, with_rates_of_the_day_before(lake, wrong))
    return lake


def environment(lake: SmallLake, now: datetime = NOW) -> dict[str, str]:
    """The variables under which every process of a test sees the same lake at the same time."""
    return environment_at(lake.root, now)


def environment_at(root: Path, now: datetime) -> dict[str, str]:
    """The same of a lake below a folder, which a home of Dagster is made beside."""
    home = root / "home"
    home.mkdir(exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("BACKFILL_", "DAGSTER_"))},
        "BACKFILL_LAKE": str(root / "lake"),
        "BACKFILL_LANDING": str(root / "landing"),
        "BACKFILL_PUBLISHED": str(root / "published"),
        "BACKFILL_NOW": now.isoformat(),
        "BACKFILL_CHROMIUM": "none",
        "BACKFILL_TOKEN_KEY": KEY.decode(),
        "DAGSTER_HOME": str(home),
        "BACKFILL_STORAGES": "reusing",
        "BACKFILL_SYNC": "off",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PYTHONWARNINGS": "ignore",
    }
