"""Which report partitions are rebuilt, by the Delta log of each: the blast radius and what was refused, no more."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue import definitions
from tests.composed import DAILY_REVENUE
from tests.orchestration.daemon import Daemon
from tests.orchestration.worlds import daemon_on
from tests.revenue.pages.readers import Newsroom, newsroom
from tests.revenue.pages.reading import read

pytestmark = [pytest.mark.dagster, pytest.mark.timeout(300)]
HISTORY = Window(date(2025, 12, 24), date(2026, 1, 12))
WRONG = Window(date(2025, 12, 30), date(2026, 1, 3))
REPORTS = ("executive_dashboard", "finance_reconciliation_export", "board_pack")
REFUSED = date(2025, 12, 26)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("BACKFILL_CHROMIUM", "none")
    made = newsroom(tmp_path / "made", HISTORY, WRONG)
    with daemon_on(made.lake, tmp_path / "lake") as one:
        yield one


def commits_since(daemon: Daemon, report: str, commit: int) -> dict[int, set[date]]:
    """The partitions that each commit of a report after the given one has added, by its log."""
    log = Path(daemon.lake.records.lake.table_uri(report)) / "_delta_log"
    told: dict[int, set[date]] = {}
    for file in sorted(log.glob("*.json")):
        if int(file.stem) > commit:
            actions = [json.loads(line) for line in file.read_text().splitlines()]
            told[int(file.stem)] = {
                date.fromisoformat(action["add"]["partitionValues"]["day"]) for action in actions if "add" in action
            }
    return told


def newest(daemon: Daemon) -> dict[str, int]:
    return {report: daemon.lake.records.snapshot(report).commit for report in REPORTS}


def rebuilt(daemon: Daemon, since: dict[str, int]) -> dict[str, set[date]]:
    return {report: set().union(*commits_since(daemon, report, since[report]).values()) for report in REPORTS}


def frames(daemon: Daemon) -> dict[str, pl.DataFrame]:
    return {report: daemon.lake.records.snapshot(report).scan().collect().sort(pl.all()) for report in REPORTS}


def test_exactly_the_reached_and_the_refused_are_rebuilt_after_cut_over_and_after_roll_back(daemon: Daemon):
    room = Newsroom(daemon.lake)
    wrong_row = room.frame("executive_dashboard").filter(pl.col("day") == REFUSED)
    daemon.lake.records.table("executive_dashboard", wrong_row.schema).replace_days(
        {REFUSED: wrong_row.with_columns(transactions=pl.col("transactions") + 1)}
    )
    runner = Runner(definitions.defs, daemon.instance)
    driver = Driver(DAILY_REVENUE, runner, definitions.LAKE, "ada", lambda _step, _ctx: None)
    plan = runbook.open_correction(driver.step_context(), room.request(WRONG))
    driver.drive(plan.correction)
    page = daemon.lake.root / "published/executive_dashboard/index.html"
    assert read(page.read_text()).attributes["data-frozen-by"] == plan.correction

    held = newest(daemon)
    refused = runner.run_keys([DAILY_REVENUE.reports.assets[0].key], str(REFUSED), str(REFUSED))
    assert not refused.success
    runbook.approve(driver.step_context(), plan.correction, "looked")
    driver.drive(plan.correction)

    changed = set(driver.step_context().progress(plan.correction).publication.swapped)
    trailing = {day + timedelta(days=after) for day in changed for after in range(7)} & set(HISTORY.days)
    reached = {
        "executive_dashboard": trailing | {REFUSED},
        "finance_reconciliation_export": changed,
        "board_pack": {day.replace(day=1) for day in changed},
    }
    assert len(reached["board_pack"]) == 2
    assert rebuilt(daemon, held) == reached
    assert told(driver, plan.correction) == reached
    assert "data-frozen-by" not in read(page.read_text()).attributes
    now = frames(daemon)
    room.build_all()
    assert all(now[report].equals(frame) for report, frame in frames(daemon).items())

    held = newest(daemon)
    runbook.roll_back(driver.step_context(), plan.correction, (), "not yet", all_days=True)
    driver.drive(plan.correction)

    assert rebuilt(daemon, held) == {**reached, "executive_dashboard": trailing}


def told(driver: Driver, correction: str) -> dict[str, set[date]]:
    """What the ledger says was rebuilt."""
    events = driver.step_context().records.ledger.events(correction)
    done = [one for one in events if one.step is Step.REBUILD_DOWNSTREAM and one.outcome is Outcome.DONE]
    return {report: {date.fromisoformat(key) for key in keys} for report, keys in done[-1].detail["rebuilt"].items()}
