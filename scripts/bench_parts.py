"""The parts of scripts/bench, each in a process of its own, so that its peak memory is its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.processes import seconds_of
from rich.console import Console
from rich.table import Table as Shown

from backfill_assets.core.events import fact_of
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window

if TYPE_CHECKING:
    from tests.e2e.small_lake import SmallLake

ROOT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
sys.path.insert(0, str(ROOT))
# How often Dagster's daemon looks at backfills, which nobody can set.
SECONDS_A_DAEMON_TICK = 30
REAL = ROOT.parent / "shared" / "data"
DAYS = 90
ELSEWHERE = ("comparison", "adopting", "syncing", "raw", "large_day")
"""Parts with a module of their own."""
console = Console()


def main() -> None:
    """Run the parts asked for, or all."""
    for part in sys.argv[1:] or ["nightly", "daemon", "hourly", *ELSEWHERE]:
        if part in ELSEWHERE:
            subprocess.run([sys.executable, str(ROOT / f"scripts/bench_{part}.py")], check=False)
            continue
        # A file in each of thousands of folders costs what the disk takes for it, so hours are measured in memory.
        memory = MEMORY if part == "hourly" and MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="backfill-bench-", dir=memory) as place:
            environment = {
                **os.environ,
                "BACKFILL_LAKE": f"{place}/lake",
                "BACKFILL_LANDING": f"{place}/landing",
                "BACKFILL_PUBLISHED": f"{place}/published",
                "DAGSTER_HOME": f"{place}/home",
                "BACKFILL_STORAGES": "reusing",
                # Parts make their lake after they have loaded the definitions.
                "BACKFILL_FIRST_DAY": "2010-12-01",
                "PYTHONWARNINGS": "ignore",
            }
            for phase in PHASES[part]:
                subprocess.run([sys.executable, __file__, "--phase", phase], check=True, env=environment)


def stage_by_day() -> None:
    """Ninety days of a table by day, beside which the one by hour is measured."""
    import bench_hourly

    _keep("by_day", bench_hourly.seconds_of_staging("days"))


def stage_by_hour() -> None:
    """The same rows as 2,160 hours, in waves of 360."""
    import bench_hourly

    by_hour, by_day = bench_hourly.seconds_of_staging("hours"), _kept("by_day")
    dagster, delta = bench_hourly.seconds_of_dagster("hours"), bench_hourly.seconds_of_delta("hours")
    _say(
        "Staging 2,160 hours in six waves, beside the same rows as 90 days, in seconds of the processor",
        ("90 days", f"{by_day:.2f} s"),
        ("2,160 hours", f"{by_hour:.2f} s"),
        ("of these Dagster alone, for 2,160 partitions", f"{dagster:.2f} s"),
        ("of these delta-rs alone, for 2,160 partitions", f"{delta:.2f} s"),
        ("ratio", f"{by_hour / by_day:.1f} of 2"),
    )


def publish_real_data() -> None:
    """Nightly over 374 days of the real data."""
    import dagster as dg

    from backfill_assets.command_line.session import prepare_home
    from backfill_assets.orchestration.instance.runner import Runner
    from backfill_assets.orchestration.nightly.jobs import nightlies_in
    from backfill_assets.orchestration.nightly.publish import NightlyRun
    from backfill_assets.revenue.definitions import LAKE, load_definitions

    if not REAL.is_dir():
        console.print("The real data is not beside the repository, nightly is not measured.")
        return
    prepare_home()
    landing = Path(os.environ["BACKFILL_LANDING"])
    for folder in ("fx", "ledger"):
        (landing / folder).mkdir(parents=True)
    shutil.copytree(REAL / "online_retail/transactions", landing / "transactions")
    shutil.copy(REAL / "ecb/eurofxref-hist.csv", landing / "fx")
    shutil.copy(REAL / "online_retail/ledger.csv", landing / "ledger")
    defs = load_definitions()
    (pipeline,) = nightlies_in(defs).values()
    run = NightlyRun(pipeline, Runner(defs, dg.DagsterInstance.get()), LAKE)
    started = time.monotonic()
    done = run.publish(date(2011, 12, 9))
    taken = time.monotonic() - started
    partitions = 5 * len(done.published)
    _say(
        "Nightly over the real data",
        ("days published", str(len(done.published))),
        ("time", f"{taken:.1f} s of 60"),
        ("per asset partition", f"{taken / partitions * 1000:.1f} ms"),
    )


def correct_in_process() -> None:
    """Ninety wrong days of the example, taken to the gate in this process: the work without any waiting."""
    import dagster as dg

    from backfill_assets.command_line.session import prepare_home
    from backfill_assets.core.next_step import WaitForPerson
    from backfill_assets.core.plan import Request
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.orchestration.driving.in_process import Driver
    from backfill_assets.orchestration.driving.sensor import driver_name
    from backfill_assets.orchestration.instance.runner import Runner
    from backfill_assets.pages.publishing import write_page
    from backfill_assets.revenue.definitions import LAKE, defs
    from backfill_assets.runbook import open_correction, validate

    lake = _lake_of_ninety_wrong_days(Path(os.environ["BACKFILL_LAKE"]).parent)
    prepare_home()
    definition = tables_in(defs)["fct_daily_revenue"]
    ctx, instance = definition.step_context(LAKE, "bench"), dg.DagsterInstance.get()
    plan = open_correction(ctx, Request("fct_daily_revenue", lake.wrong, "bench", correction="bench"))
    driver = Driver(definition, Runner(defs, instance), LAKE, "bench", lambda _step, _ctx: None)
    started = time.monotonic()
    waits = driver.drive(plan.correction)
    _keep("work", time.monotonic() - started)
    if not isinstance(waits, WaitForPerson):
        raise SystemExit(str(waits))
    validated = seconds_of(lambda: validate(ctx, plan.correction))
    folder = Path(os.environ["BACKFILL_PUBLISHED"], "anew")
    paged = seconds_of(lambda: write_page(ctx, plan.correction, folder, fresh=True))
    for number in range(50):
        closed = open_correction(ctx, Request("fct_daily_revenue", lake.other, "bench", correction=f"closed_{number}"))
        for step in (Step.ABANDON, Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE):
            ctx.record(closed.correction, fact_of(step, Outcome.DONE, {"note": ""}))
    for number, day in enumerate(lake.other.days[:2]):
        open_correction(ctx, Request("fct_daily_revenue", Window(day, day), "bench", correction=f"open_{number}"))
    sensor = next(one for one in defs.sensors or () if one.name == driver_name("fct_daily_revenue"))

    def tick() -> None:
        with dg.build_sensor_context(instance=instance, resources={"lake": (defs.resources or {})["lake"]}) as context:
            sensor(context)

    tick()
    _say(
        "Ninety wrong days of the example, in this process",
        ("to the gate", f"{_kept('work'):.1f} s"),
        ("validation once more", f"{validated:.2f} s of 2"),
        ("the correction's page drawn anew", f"{paged:.2f} s of 3"),
        ("a sensor tick, 50 closed and 3 open", f"{seconds_of(tick) * 1000:.0f} ms of 200"),
    )


def correct_with_daemon() -> None:
    """The same days, launched as analysts do, with a real webserver and daemon, to the gate."""
    from backfill_assets.orchestration.instance import tags
    from tests.e2e.server import dagster_dev, wait_until
    from tests.e2e.story import environment

    lake = _lake_of_ninety_wrong_days(Path(os.environ["BACKFILL_LAKE"]).with_name("beside"))
    table, within = "fct_daily_revenue", 900.0

    def at_gate() -> bool:
        return any(Step.VALIDATE in progress.done for progress in lake.small.records.ledger.all_progress().values())

    with dagster_dev(environment(lake.small) | {"BACKFILL_SYNC": "on"}) as server:
        started = time.monotonic()
        backfill = server.launch_backfill(["backfill", table], [str(day) for day in lake.wrong])
        wait_until(lambda: server.runs(dagster__backfill=backfill), within, "the first run of the backfill")
        nightly = server.launch_job(f"{table}__nightly", {tags.PUBLISH: tags.PUBLISH_LIVE, tags.PRIORITY: "10"})
        wait_until(at_gate, within, "the gate")
        gate = time.monotonic() - started
        beside = wait_until(lambda: server.ended(nightly), within, "the end of nightly")["stats"]
        runs = [run for run in server.runs() if run["startTime"] and run["endTime"]]
    work, ticks = _kept("work"), 2 * SECONDS_A_DAEMON_TICK
    _say(
        "The same days, launched in the UI, with webserver and daemon",
        ("launch to the gate", f"{gate:.0f} s"),
        ("allowed, two ticks of Dagster's backfill daemon + the work", f"{ticks + work:.0f} s"),
        ("ratio to the work in one process", f"{gate / work:.1f}"),
        ("runs, each in a process of its own", str(len(runs))),
        ("nightly's time in the queue beside it", f"{beside['launchTime'] - beside['enqueuedTime']:.1f} s of 15"),
        ("seconds of all runs", f"{sum(run['endTime'] - run['startTime'] for run in runs):.0f} s"),
    )


@dataclass(frozen=True)
class Ninety:
    """A lake whose latest ninety days are wrong, and days before them that are right."""

    small: "SmallLake"
    wrong: Window
    other: Window


def _lake_of_ninety_wrong_days(root: Path) -> Ninety:
    from tests.e2e.story import NOW, wrong_lake

    os.environ["BACKFILL_NOW"] = NOW.isoformat()
    last = date(2026, 1, 22)
    wrong = Window(last - timedelta(days=DAYS - 1), last)
    history = Window(wrong.first - timedelta(days=10), last)
    return Ninety(
        wrong_lake(root, history, wrong),
        wrong,
        Window(history.first, wrong.first - timedelta(days=1)),
    )


def _keep(name: str, value: float) -> None:
    Path(os.environ["BACKFILL_LAKE"]).with_name(name).write_text(str(value))


def _kept(name: str) -> float:
    return float(Path(os.environ["BACKFILL_LAKE"]).with_name(name).read_text())


def _say(title: str, *rows: tuple[str, str]) -> None:
    table = Shown(title=title, show_header=False, title_justify="left", min_width=60)
    for row in rows:
        table.add_row(*row)
    console.print(table)


PHASES = {
    "nightly": ("publish_real_data",),
    "hourly": ("stage_by_day", "stage_by_hour"),
    "daemon": ("correct_in_process", "correct_with_daemon"),
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--phase"]:
        {name: globals()[name] for phases in PHASES.values() for name in phases}[sys.argv[2]]()
    else:
        main()
