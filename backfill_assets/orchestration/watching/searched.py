"""The folders beside the lake that are searched for what has to be gone."""

import os
from pathlib import Path

from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.instance.resources import place


def searched() -> dict[str, Path]:
    """The published files, Dagster's home and the landing, by name."""
    landing = Path(place("", "BACKFILL_LANDING", "data/landing"))
    home = {"Dagster's home": Path(told)} if (told := os.environ.get("DAGSTER_HOME")) else {}
    return {"published": published_root(), **home, "landing": landing}
