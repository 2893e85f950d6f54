"""The parts of scripts/bench, each in a process of its own, so that its peak memory is its own."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
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
FIRST, DAYS, ROWS_A_DAY = date(2025, 10, 25), 90, 200_000
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "SEK", "PLN", "AUD")
console = Console()


def main() -> None:
    """Run the parts asked for, or all."""
    for part in sys.argv[1:] or ["swap", "staging", "nightly", "daemon", "hourly", "comparison", "adopting", "syncing"]:
        if part in {"comparison", "adopting", "syncing"}:
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


def prepare_staging() -> None:
    """A generated log of 90 days x 200,000 transactions, ingested as it landed; the ECB's rates; a live fact."""
    import demo_data
    import numpy as np

    from backfill_assets.revenue import fixing_log, fixings, raw_log, transforms
    from backfill_assets.revenue.definitions import LAKE
    from backfill_assets.revenue.schemas import schema_of

    records, chance = LAKE.records(), np.random.default_rng(20260123)
    days = [FIRST + timedelta(days=offset) for offset in range(DAYS)]
    landing, at = Path(os.environ["BACKFILL_LANDING"]), datetime.now(UTC)
    for folder in ("transactions", "fx"):
        (landing / folder).mkdir(parents=True)
    (landing / "fx/eurofxref-hist.csv").write_text(demo_data.published_history(days[-1]))
    fixing_log.ingest_fixings(records, landing, at)
    for start in range(0, DAYS, 15):
        for day in days[start : start + 15]:
            _transactions(day, chance).write_parquet(landing / f"transactions/{day}.parquet")
        raw_log.TRANSACTIONS.ingest(records, landing, days[start : start + 15], b"no secret of anybody's", at)
    rates = fixings.rates_in_force(fixings.fixings_known(records.snapshot("raw_fixings").scan().collect()), days)
    fact = transforms.daily_revenue(records.snapshot("raw_transactions").scan(), rates.lazy())
    for name, frame in (("fx_rates", rates), ("fct_daily_revenue", fact)):
        table = records.table(name, schema_of(name))
        table.create()
        table.replace_days({day: frame.filter(pl.col("day") == day) for day in days})


def floor_of_staging() -> None:
    """A bare Polars scan, join, exact arithmetic and group-by over the same Delta files, no orchestration."""
    import deltalake

    from backfill_assets.revenue.transforms import divided_half_even

    lake = os.environ["BACKFILL_LAKE"]

    def compute() -> None:
        raw = pl.scan_delta(deltalake.DeltaTable(f"{lake}/raw_transactions"))
        rates = pl.scan_delta(deltalake.DeltaTable(f"{lake}/fx_rates"))
        usd = rates.filter(pl.col("currency") == "USD").select("day", usd=pl.col("rate").to_physical())
        both = rates.select("day", "currency", pl.col("rate").to_physical()).join(usd, on="day")
        revenue = divided_half_even(pl.col("amount").to_physical() * pl.col("usd"), pl.col("rate"))
        summed = raw.join(both, on=["day", "currency"]).group_by("day", "currency", "country")
        summed.agg(pl.len(), pl.col("amount").sum(), revenue.sum().alias("revenue")).collect(engine="streaming")

    compute()
    _keep("floor", _seconds(compute))


def stage_through_dagster() -> None:
    """Six waves of fifteen days through Dagster, in process."""
    import dagster as dg

    from backfill_assets import runbook
    from backfill_assets.command_line.session import prepare_home
    from backfill_assets.core.plan import Request
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.orchestration.instance import tags
    from backfill_assets.orchestration.instance.runner import Runner
    from backfill_assets.revenue.definitions import LAKE, defs

    prepare_home()
    (definition,) = tables_in(defs).values()
    ctx = definition.step_context(LAKE, "bench")
    window = Window(FIRST, FIRST + timedelta(days=DAYS - 1))
    plan = runbook.open_correction(ctx, Request("fct_daily_revenue", window, "bench", correction="bench"))
    runner = Runner(defs, dg.DagsterInstance.get())
    waves = [Window(window.days[start], window.days[start + 14]) for start in range(0, DAYS, 15)]

    def stage() -> None:
        for wave in waves:
            ran = runner.run_days([definition.staged_key], wave, {tags.CORRECTION: plan.correction})
            if not ran.success:
                raise SystemExit(str(ran.errors))

    staged = _seconds(stage)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    floor = _kept("floor")
    runbook.freeze_reports(ctx, plan.correction)
    verified = _seconds(lambda: runbook.verify_source(ctx, plan.correction))
    runbook.reset_watermarks(ctx, plan.correction)
    runbook.stage(ctx, plan.correction)
    validated = _seconds(lambda: runbook.validate(ctx, plan.correction))
    _say(
        f"Staging {DAYS} days x {ROWS_A_DAY:,} transactions in six waves",
        ("bare Polars over the same files", f"{floor:.2f} s"),
        ("six waves through Dagster", f"{staged:.2f} s"),
        ("ratio to the floor", f"{staged / floor:.1f}"),
        ("allowed, 1.5 x the floor + 5 s", f"{1.5 * floor + 5:.2f} s"),
        ("peak memory", f"{peak:.2f} GiB of 1.50"),
        ("verification of the 90 days' source", f"{verified:.2f} s"),
        ("validation of the 90 days", f"{validated:.2f} s"),
    )


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


def swap_days() -> None:
    """Cut over of 90 and of 3,650 days, with planning, verification, and roll back; rows do not matter."""
    from backfill_assets.storage import swap
    from backfill_assets.storage.layout import Lake
    from backfill_assets.storage.table import Table

    def measured(count: int, height: int) -> tuple[str, str]:
        lake = Lake(f"{os.environ['BACKFILL_LAKE']}-{count}-{height}")
        days = [date(2015, 1, 1) + timedelta(days=offset) for offset in range(count)]
        frame = pl.DataFrame({"value": range(height)}, schema={"value": pl.Int64})
        schema = pl.Schema({"day": pl.Date(), "value": pl.Int64()})
        live, staged = Table(lake.table_uri("t"), schema), Table(lake.staged_uri("t", "x"), schema)
        for table in (live, staged):
            table.create()
            table.replace_days(dict.fromkeys(days, frame))
        before, beside = live.snapshot(), staged.snapshot()
        certified = [{day: side.fingerprint(day) for day in days} for side in (before, beside)]

        def take() -> None:
            manifest = swap.plan_cut_over(
                before,
                beside,
                correction="x",
                swap_count=1,
                days=days,
                certified_live=certified[0],
                certified_staged=certified[1],
            )
            swap.cut_over(live, manifest)

        return f"{count:,} days of {height:,} rows", f"{_seconds(take) * 1000:.0f} ms"

    rows = [measured(90, 1), measured(90, 10_000), measured(3_650, 1)]
    _say("Cut over: plan, commit, verify", *rows, ("allowed", "100 ms for 90 days, 500 ms for 3,650"))


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
    (definition,) = tables_in(defs).values()
    ctx, instance = definition.step_context(LAKE, "bench"), dg.DagsterInstance.get()
    plan = open_correction(ctx, Request("fct_daily_revenue", lake.wrong, "bench", correction="bench"))
    driver = Driver(definition, Runner(defs, instance), LAKE, "bench", lambda _step, _ctx: None)
    started = time.monotonic()
    waits = driver.drive(plan.correction)
    _keep("work", time.monotonic() - started)
    if not isinstance(waits, WaitForPerson):
        raise SystemExit(str(waits))
    validated = _seconds(lambda: validate(ctx, plan.correction))
    folder = Path(os.environ["BACKFILL_PUBLISHED"], "anew")
    paged = _seconds(lambda: write_page(ctx, plan.correction, folder, fresh=True))
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
        ("a sensor tick, 50 closed and 3 open", f"{_seconds(tick) * 1000:.0f} ms of 200"),
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


def _transactions(day: date, chance: object) -> pl.DataFrame:
    amounts = chance.integers(-200_000, 5_000_000, ROWS_A_DAY)  # type: ignore[attr-defined]
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return pl.DataFrame(
        {
            "transaction_id": [f"{day}-{number}" for number in range(ROWS_A_DAY)],
            "occurred_at": at,
            "customer_id": None,
            "country": chance.choice(["US", "DE", "GB", "JP", "CH", "SE", "PL", "AU"], ROWS_A_DAY),  # type: ignore[attr-defined]
            "currency": chance.choice(CURRENCIES, ROWS_A_DAY),  # type: ignore[attr-defined]
            "amount": pl.Series(amounts, dtype=pl.Int64),
        },
        schema_overrides={"customer_id": pl.String, "occurred_at": pl.Datetime("us", "UTC")},
    ).with_columns(_as_amount())


def _as_amount() -> pl.Expr:
    """Ten-thousandths as an exact amount."""
    return (pl.col("amount").cast(pl.Decimal(38, 4)) / 10_000).cast(pl.Decimal(18, 4))


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


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
    "staging": ("prepare_staging", "floor_of_staging", "stage_through_dagster"),
    "swap": ("swap_days",),
    "nightly": ("publish_real_data",),
    "hourly": ("stage_by_day", "stage_by_hour"),
    "daemon": ("correct_in_process", "correct_with_daemon"),
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--phase"]:
        {name: globals()[name] for phases in PHASES.values() for name in phases}[sys.argv[2]]()
    else:
        main()
