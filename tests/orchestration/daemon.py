"""Dagster's daemon in this process: it evaluates the driver and launches what it asks for, once a run key."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from backfill_assets.core.fold import history
from backfill_assets.core.progress import Progress
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name
from backfill_assets.orchestration.driving.sensor import driver_name
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.revenue.definitions import defs
from tests.e2e.small_lake import FACT, SmallLake

NOW = datetime(2026, 1, 23, 7, 30, tzinfo=UTC)


@dataclass
class Daemon:
    """An instance of its own, kept below a folder, and the driver of the fact."""

    lake: SmallLake
    instance: dg.DagsterInstance
    refuse: set[str] = field(default_factory=set)
    launched: list[str] = field(default_factory=list)

    def tick(self) -> dg.SensorResult:
        """Evaluate the driver once; its dynamic partitions are added, its runs are not launched."""
        sensor = next(sensor for sensor in defs.sensors or () if sensor.name == driver_name(FACT))
        with dg.build_sensor_context(instance=self.instance, resources={"lake": defs.resources["lake"]}) as context:
            result = sensor(context)
        for request in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return result

    def launch(self, request: dg.RunRequest) -> RunResult | None:
        """Launch a request as the daemon does: not when a run with its key is there already."""
        known = self.instance.get_run_records(dg.RunsFilter(tags={"dagster/run_key": request.run_key}))
        if known:
            return None
        self.launched.append(request.run_key or "")
        return run_job(self.instance, request)

    def go_on(self, most: int = 12) -> Progress:
        """Tick and launch until a tick asks for nothing."""
        for _ in range(most):
            requests = self.tick().run_requests or []
            if not requests:
                break
            for request in requests:
                self.launch(request)
        return self.progress()

    def progress(self, correction: str = "") -> Progress:
        """Where a correction stands, the newest unless told otherwise."""
        histories = self.lake.records.ledger.histories()
        return history(histories[correction or max(histories)])


def run_job(instance: dg.DagsterInstance, request: dg.RunRequest) -> RunResult:
    """Run what a request asks for, in this process."""
    told = {**request.tags, "dagster/run_key": request.run_key or ""}
    job = defs.resolve_job_def(request.job_name or "")
    return Runner(defs, instance).execute(
        job, told, assets=request.asset_selection, key=request.partition_key, config=request.run_config
    )


def stage_by_hand(daemon: Daemon, first: str, last: str, **more: str) -> RunResult:
    """A person's run of days on the staged sibling, as the UI launches it."""
    ends = {tags.RANGE_START: first, tags.RANGE_END: last}
    told = {**ends, **{name.replace("__", "/"): value for name, value in more.items()}}
    job = defs.resolve_implicit_global_asset_job_def()
    return Runner(defs, daemon.instance).execute(job, told, assets=[dg.AssetKey(["backfill", FACT])])


def by_hand(daemon: Daemon, what: str, correction: str, /, **config: object) -> RunResult:
    """One of the jobs for things done by hand."""
    job, op = manual_job_name(FACT, what), manual_op_name(FACT, what)
    return Runner(defs, daemon.instance).run_job(job, correction, op, config)
