"""Real processes, killed with SIGKILL where it hurts, and the same command run again."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.sources import raw_manifest
from tests.e2e.house import House, finance_ledger, new_house, per_currency
from tests.revenue.real_data import real_data

pytestmark = pytest.mark.dagster

SHOP = Window(date(2010, 12, 1), date(2010, 12, 9))
WRONG = Window(date(2010, 12, 3), date(2010, 12, 8))

# Dies at the n-th commit to a table whose path ends so, before the commit or after it.
KILLED = """
import os, signal, sys
from backfill_assets.storage import table
ending, number, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.argv[1:4] = []
commit, seen = table.attempt, []

def attempt(snapshot, change):
    if snapshot.handle.table_uri.rstrip("/").endswith(ending):
        seen.append(ending)
        if len(seen) == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        at = commit(snapshot, change)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return at
    return commit(snapshot, change)

table.attempt = attempt
from backfill_assets.command_line import app
app()
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Nine real days, published, six of them doubled by an outside writer. Copy it, do not write to it."""
    real_data()
    house = new_house(tmp_path_factory.mktemp("published") / "house", "2010-12-10T06:00:00+00:00").moved_in(SHOP.days)
    assert house.run("nightly", "--through", str(SHOP.last)).code == 0
    live = house.records.table("fct_daily_revenue")
    wrong = house.fact(WRONG.days).with_columns(pl.col("revenue_usd") * 2)
    live.replace_days({day: wrong.filter(pl.col("day") == day) for day in WRONG})
    return house


@pytest.fixture(scope="module")
def approved(published: House, tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """A correction of the wrong days, staged in waves of two, validated and approved. Copy it too."""
    house = published.copy(tmp_path_factory.mktemp("approved") / "house")
    correction = house.opened(WRONG.first, WRONG.last, waves={"max_days": 2})
    assert house.run("run", correction).code == 3
    assert house.run("approve", correction, "--by", "Ada", "--note", "looked").code == 0
    return house, correction


@pytest.fixture(scope="module")
def swapped(approved: tuple[House, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """The same, cut over."""
    house, correction = approved[0].copy(tmp_path_factory.mktemp("swapped") / "house"), approved[1]
    assert house.run("run", correction).code == 0
    return house, correction


def killed(house: House, table: str, number: int, when: str, *command: str) -> None:
    ended = house.python(KILLED, table, str(number), when, *command)
    assert ended.code == -9, ended.text


def assert_corrected_once(house: House, correction: str) -> None:
    assert per_currency(house.fact()).rows() == finance_ledger().filter(pl.col("day") <= SHOP.last).rows()
    infos = house.live().handle.history()
    assert sum("backfill_assets/swap" in info for info in infos) == 1
    events = house.records.ledger.events(correction)
    swaps = [event for event in events if event.step is Step.CUT_OVER and event.outcome is Outcome.DONE]
    assert len(swaps) == 1


def test_killed_in_the_middle_of_staging(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    correction = house.opened(WRONG.first, WRONG.last, waves={"max_days": 2})
    before = house.live().commit
    killed(house, f"_backfill_{correction}", 2, "after", "run", correction)
    staged = house.records.staged("fct_daily_revenue", correction).snapshot()
    assert 0 < len(staged.days) < len(WRONG)

    assert house.process("run", correction).code == 3

    assert house.live().commit == before
    house.run("approve", correction, "--by", "Ada", "--note", "looked")
    assert house.run("run", correction).told["waits_for"] == "time"
    assert_corrected_once(house, correction)


def test_killed_between_the_commit_of_the_swap_and_the_ledger(approved: tuple[House, str], tmp_path: Path):
    house, correction = approved[0].copy(tmp_path / "house"), approved[1]
    killed(house, "/fct_daily_revenue", 1, "after", "run", correction)
    assert per_currency(house.fact()).rows() == finance_ledger().filter(pl.col("day") <= SHOP.last).rows()

    answered = house.process("run", correction)

    assert (answered.code, answered.told["waits_for"]) == (0, "time"), answered.text
    assert_corrected_once(house, correction)


def test_killed_between_the_plan_of_the_swap_and_its_commit(approved: tuple[House, str], tmp_path: Path):
    house, correction = approved[0].copy(tmp_path / "house"), approved[1]
    before = house.live().commit
    killed(house, "/fct_daily_revenue", 1, "before", "run", correction)
    assert house.live().commit == before

    answered = house.run("run", correction)

    assert (answered.code, answered.told["waits_for"]) == (0, "time"), answered.text
    assert_corrected_once(house, correction)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_commit_of_a_roll_back(published: House, swapped: tuple[House, str], tmp_path: Path, when: str):
    house, correction = swapped[0].copy(tmp_path / "house"), swapped[1]
    planted = published.fact()
    assert not house.fact().equals(planted)
    killed(house, "/fct_daily_revenue", 1, when, "roll-back", correction, "--all", "--by", "Ada", "--note", "no")

    answered = house.run("run", correction)

    assert (answered.code, answered.told["waits_for"]) == (3, "person"), answered.text
    assert house.fact().equals(planted)
    assert sum("backfill_assets/swap" in info for info in house.live().handle.history()) == 2


@pytest.mark.parametrize(
    ("table", "number", "when"),
    [
        ("raw_manifest", 2, "after"),  # the first is that of the fixings
        ("raw_transactions", 1, "after"),
        ("builds", 1, "after"),
        ("fct_daily_revenue", 1, "after"),
        ("executive_dashboard", 1, "after"),
    ],
    ids=str,
)
def test_nightly_killed_between_two_tables_neither_loses_nor_doubles(
    tmp_path: Path, table: str, number: int, when: str
):
    real_data()
    house = new_house(tmp_path / "house", "2010-12-06T06:00:00+00:00").moved_in(SHOP.days[:5])
    killed(house, table, number, when, "nightly", "--through", "2010-12-05")

    assert house.run("nightly", "--through", "2010-12-05").code == 0

    assert per_currency(house.fact()).rows() == finance_ledger().filter(pl.col("day") <= SHOP.days[4]).rows()
    assert TRANSACTIONS.arrivals(house.records)["arrival"].to_list() == [1] * 5
    raw = house.records.snapshot("raw_transactions").scan().select("transaction_id").collect()
    assert raw["transaction_id"].is_unique().all()
    assert len(raw_manifest(house.records).rows()) >= 6
    for report in ("executive_dashboard", "finance_reconciliation_export"):
        assert house.records.snapshot(report).days == frozenset(SHOP.days[:5])
    assert len(house.records.builds.of_days("fct_daily_revenue", house.live().files)) == 5
