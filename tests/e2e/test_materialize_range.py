"""Dagster's own command line: a range on the sibling stages, on the live table it is refused before any compute."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from backfill_assets.core.fold import history
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.runner import Runner
from tests.composed import DAILY_REVENUE
from tests.e2e.house import FACT, House
from tests.e2e.shop import open_shop

pytestmark = pytest.mark.dagster

PUBLISHED = Window(date(2026, 1, 5), date(2026, 1, 9))
NOW = "2026-01-10T06:00:00+00:00"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five published days. Copy it, do not write to it."""
    return open_shop(tmp_path_factory.mktemp("published") / "house", PUBLISHED.days, NOW)


def materialize(house: House, asset: str, first: date, last: date) -> subprocess.CompletedProcess[str]:
    """``dagster asset materialize --partition-range`` as a process of its own."""
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", asset]
    return subprocess.run(
        [*command, "--partition-range", f"{first}...{last}", "-m", "backfill_assets.revenue.definitions"],
        env={**os.environ, **house.env, "BACKFILL_SINGLE_RUN": "yes"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_range_on_the_sibling_stages_for_a_correction_and_changes_nothing_live(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    before = house.live()

    ended = materialize(house, f"key:backfill/{FACT}", date(2026, 1, 6), date(2026, 1, 8))

    assert ended.returncode == 0, ended.stderr[-2000:]
    ((correction, events),) = house.records.ledger.histories().items()
    progress = history(events)
    wanted = Window(date(2026, 1, 6), date(2026, 1, 8))
    assert progress.plan.window == wanted
    assert progress.staging.staged == frozenset(wanted)
    assert house.records.staged(FACT, correction).snapshot().days == frozenset(wanted)
    assert house.live().commit == before.commit
    assert house.run("run", correction).told["sentence"] == f"Correction {correction} is closed unchanged."


def test_a_range_on_the_live_table_is_refused(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    before = house.commits()

    ended = materialize(house, f"key:{FACT}", date(2026, 1, 6), date(2026, 1, 8))

    assert ended.returncode != 0
    assert f"backfill/{FACT}" in ended.stdout + ended.stderr
    assert house.commits() == before


@pytest.mark.parametrize(
    "tags",
    [{}, {"dagster/backfill": "abcd"}, {"dagster/schedule_name": "nightly"}, {"dagster/from_ui": "true"}],
    ids=str,
)
def test_a_launch_on_the_live_table_is_refused_before_any_compute(
    published: House, tmp_path: Path, tags: dict[str, str]
):
    from dagster import DagsterInstance

    from backfill_assets.revenue.definitions import defs

    house = published.copy(tmp_path / "house")
    compute_spec, computed = DAILY_REVENUE.compute_spec, []
    compute = compute_spec.compute
    object.__setattr__(compute_spec, "compute", lambda **inputs: computed.append(inputs))
    try:
        with house.entered():
            ran = Runner(defs, DagsterInstance.get()).run_days([DAILY_REVENUE.asset.key], PUBLISHED, tags)
    finally:
        object.__setattr__(compute_spec, "compute", compute)

    assert not ran.success
    assert type(ran.refusal).__name__ == "LiveWriteRefused"
    assert computed == []
    assert house.fact().equals(published.fact())
