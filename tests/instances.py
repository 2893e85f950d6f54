"""Dagster instances of tests: the product's own configuration, without capturing what runs print."""

import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest

from backfill_assets.command_line.session import CONFIGURATION

# Two processes a run, which only wait.
WITHOUT_COMPUTE_LOGS = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def configured(home: Path) -> Path:
    """A home with the configuration and Dagster's empty files in it, which take a second to make."""
    shutil.copytree(_ready().name, home, dirs_exist_ok=True)
    return home


def configuration() -> str:
    """What a new home is configured by when it asks for the quicker storages."""
    ours = files("backfill_assets.orchestration.instance")
    return "\n".join((ours / part).read_text("utf-8") for part in CONFIGURATION["reusing"])


@cache
def _ready() -> TemporaryDirectory[str]:
    made = TemporaryDirectory(prefix="dagster-ready-")
    Path(made.name, "dagster.yaml").write_text(configuration() + WITHOUT_COMPUTE_LOGS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", made.name)
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        with instance_in(Path(made.name)):
            return made


def instance_in(home: Path) -> dg.DagsterInstance:
    """The instance of a home, which ``DAGSTER_HOME`` has to name."""
    return dg.DagsterInstance.from_config(str(home))
