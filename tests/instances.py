"""Dagster instances of tests, by the product's own configuration."""

from importlib.resources import files
from pathlib import Path

import dagster as dg

from backfill_assets.command_line.session import CONFIGURATION


def configuration() -> str:
    """What a new home is configured by when it asks for the quicker storages."""
    ours = files("backfill_assets.orchestration.instance")
    return "\n".join((ours / part).read_text("utf-8") for part in CONFIGURATION["reusing"])


def instance_in(home: Path) -> dg.DagsterInstance:
    """The instance of a home, which ``DAGSTER_HOME`` has to name."""
    return dg.DagsterInstance.from_config(str(home))
