"""Dagster instances of tests: the product's own configuration, without capturing what runs print."""

from pathlib import Path

import dagster as dg

ROOT = Path(__file__).parent.parent
# Two processes a run, which only wait.
WITHOUT_COMPUTE_LOGS = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def configured(home: Path) -> Path:
    """A home with the configuration in it."""
    home.mkdir(parents=True, exist_ok=True)
    config = (ROOT / "backfill_assets/orchestration/dagster.yaml").read_text(encoding="utf-8")
    (home / "dagster.yaml").write_text(config + WITHOUT_COMPUTE_LOGS, encoding="utf-8")
    return home


def instance_in(home: Path) -> dg.DagsterInstance:
    """The instance of a home, which ``DAGSTER_HOME`` has to name."""
    return dg.DagsterInstance.from_config(str(home))
