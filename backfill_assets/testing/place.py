"""Where a test works: a folder with a lake, a Dagster instance and a clock, and the definitions that work there."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import yaml

from backfill_assets.core.given import slot_given
from backfill_assets.core.slots import Slot
from backfill_assets.errors.request import TableUnknown
from backfill_assets.errors.setup import TableUnclear
from backfill_assets.orchestration.asset.io_manager import DeltaLakeIOManager
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.consuming.jobs import tables_meant
from backfill_assets.orchestration.instance.columns import columns_in, knowing
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.storage.records import Records

Day = str | date
"""A slot as a value or as text, such as ``2026-01-05`` or ``2026-01-05T01:00Z``."""

NOTICES = "BACKFILL_NOTIFY_"
# What a step prints is seen by the test already.
WITHOUT_COMPUTE_LOGS = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


class Place:
    """A lake, an instance and a clock below a folder, and definitions whose resources are led there."""

    def __init__(
        self, folder: Path | str, definitions: dg.Definitions, now: datetime | str | None, resources: Mapping[str, Any]
    ) -> None:
        self.folder = Path(folder).absolute()
        told = datetime.fromisoformat(now) if isinstance(now, str) else now or datetime.now(UTC)
        self.now = told if told.tzinfo else told.replace(tzinfo=UTC)
        self.resources = dict(resources)
        self.definitions = _led(definitions, self.lake, self.resources)

    @property
    def lake(self) -> LakeResource:
        """The lake as a resource."""
        return LakeResource(root=str(self.folder / "lake"))

    @property
    def records(self) -> Records:
        """The records of the lake: its tables, ledger, watermarks and certificates."""
        graph = self.definitions.resolve_asset_graph()
        return knowing(self.lake.records(), columns_in(graph, graph.get_all_asset_keys()))

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """Dagster's instance, in the folder ``dagster``."""
        home = self.folder / "dagster"
        with self.entered():
            if not (home / "dagster.yaml").exists():
                configured(home)
            return dg.DagsterInstance.from_config(str(home))

    @property
    def runner(self) -> Runner:
        """Runs assets and jobs in this process."""
        return Runner(self.definitions, self.instance)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this lake, its instance and its clock those of the whole process, for commands and runs of your own."""
        told = self._environment
        before = {name: text for name, text in os.environ.items() if name in told or name.startswith(NOTICES)}
        for name in before:
            del os.environ[name]
        os.environ.update(told)
        try:
            yield
        finally:
            for name in told:
                os.environ.pop(name, None)
            os.environ.update(before)

    def definition(self, table: str = "") -> TableDefinition:
        """The definition of a correctable table; of the only one that no consumer keeps when it is not named.

        Raises:
            TableUnclear, TableUnknown: when there is none of that name, or it has to be named.
        """
        known, meant = tables_in(self.definitions), tables_meant(self.definitions)
        if not table and len(meant) != 1:
            raise TableUnclear("correctable table", known)
        if table and table not in known:
            raise TableUnknown(table, known)
        return known[table or meant[0]]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "BACKFILL_LAKE": str(self.folder / "lake"),
            "BACKFILL_LANDING": str(self.folder / "landing"),
            "BACKFILL_PUBLISHED": str(self.folder / "published"),
            "BACKFILL_NOW": self.now.isoformat(),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            # Nobody misses a lake of tests after a power cut.
            "BACKFILL_SYNC": os.environ.get("BACKFILL_SYNC") or "off",
        }


def slot_of(day: Day) -> Slot:
    """The slot of a day as a test writes it."""
    return slot_given(day) if isinstance(day, str) else day


def refuse_failed(ran: RunResult) -> None:
    """Raise what a run failed with, as it was raised there."""
    if not ran.success:
        raise next(iter(ran.faults), AssertionError("The run failed without an error of a step."))


def _led(definitions: dg.Definitions, lake: LakeResource, given: Mapping[str, Any]) -> dg.Definitions:
    """The definitions with resources that lead to a lake, wherever their own do."""
    resources = {**(definitions.resources or {}), "lake": lake}
    resources = {
        name: DeltaLakeIOManager(lake=lake) if isinstance(one, DeltaLakeIOManager) else one
        for name, one in resources.items()
    }
    return dg.Definitions(
        assets=definitions.assets,
        schedules=definitions.schedules,
        sensors=definitions.sensors,
        jobs=definitions.jobs,
        resources={**resources, **given},
        executor=definitions.executor,
        loggers=definitions.loggers,
        asset_checks=definitions.asset_checks,
    )


def configured(home: Path) -> Path:
    """A home of Dagster with our configuration in it, and with the storages that ``BACKFILL_STORAGES`` asks for."""
    shutil.copytree(_prepared(os.environ.get("BACKFILL_STORAGES", "")).name, home, dirs_exist_ok=True)
    return home


@cache
def _prepared(storages: str) -> "TemporaryDirectory[str]":
    """A home with Dagster's empty files in it, which take a second to make."""
    made = TemporaryDirectory(prefix="dagster-home-")
    ours = files("backfill_assets.orchestration.instance")
    parts = ["dagster.yaml", *(["storages.yaml"] if storages == "reusing" else [])]
    text = "\n".join((ours / part).read_text("utf-8") for part in parts)
    told = yaml.safe_load(text) | {"compute_logs": WITHOUT_COMPUTE_LOGS}
    Path(made.name, "dagster.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = made.name
    try:
        dg.DagsterInstance.from_config(made.name).dispose()
    finally:
        os.environ.pop("DAGSTER_HOME")
        if before is not None:
            os.environ["DAGSTER_HOME"] = before
    return made
