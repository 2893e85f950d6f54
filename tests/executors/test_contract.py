"""What holds of a wave wherever it is computed: in the process of its run, in others, or on a cluster."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.facts import Compared, DaysStaged, Validated
from backfill_assets.core.waves import USUAL_DAYS
from backfill_assets.orchestration.asset import wide_comparison
from backfill_assets.orchestration.asset.executors import VARIABLE
from backfill_assets.orchestration.asset.staging_job import stage_days
from tests.executors.conftest import IN_PROCESS
from tests.executors.shops import FIRST, TABLE, WHOLE, Shop, new_shop

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

RIGHT = WHOLE.select("day", "market", revenue=pl.col("price") * 2).sort("day", "market")
BAD = FIRST + timedelta(days=2)


@pytest.fixture
def shop(shops: Path, tmp_path: Path) -> Shop:
    return new_shop(shops, tmp_path)


def commits(shop: Shop, correction: str) -> int:
    return shop.lake.records.staged(TABLE, correction).snapshot().commit


def is_right(shop: Shop) -> bool:
    return shop.lake.rows(TABLE).sort("day", "market").equals(RIGHT)


def test_a_wave_has_the_same_rows_lineage_and_commit_everywhere(executor: str, shop: Shop) -> None:
    correction = shop.opened()
    checks = correction.to_gate()

    assert all(check.passed for check in checks.values())
    assert commits(shop, correction.id) == 1
    there, named = shop.staged_files(correction.id)
    assert there == named
    staged = shop.lake.records.staged(TABLE, correction.id).snapshot()
    builds = shop.lake.records.builds.of_days(TABLE, {day: of for day, of in staged.files.items() if day})
    source = shop.lake.snapshot("orders_log")
    assert {day: (build.rows, build.sums, build.inputs["orders_log"]) for day, build in builds.items()} == {
        day: (2, {"revenue": str(of["revenue"].sum())}, source.fingerprint_over([day]))
        for (day,), of in RIGHT.group_by("day")
    }
    facts = [event.fact for event in shop.lake.records.ledger.events(correction.id)]
    (told,) = [fact for fact in facts if isinstance(fact, DaysStaged)]
    assert (told.rows, list(told.alone.values())) == (16, [""])
    assert bool([line for line in shop.lines() if "in 2 shares on the executor" in line]) is (executor != IN_PROCESS)
    correction.through()
    assert is_right(shop)


def test_what_workers_log_is_in_the_log_of_the_run(wide: str, shop: Shop) -> None:
    shop.opened().to_gate()

    lines = [line for line in shop.lines() if "computing" in line]
    assert [line for line in lines if line.startswith("[") and "] shop computing 4 days" in line]


def test_a_day_that_fails_fails_alone(executor: str, shop: Shop) -> None:
    shop.ask("fail")
    correction = shop.opened()
    correction.drive()

    progress = correction.progress
    assert progress.missing == {BAD}
    assert "no rate of that day" in progress.staging.reasons[BAD]
    assert commits(shop, correction.id) == 1


def test_a_killed_worker_is_replaced_once(wide: str, shop: Shop) -> None:
    shop.ask("die")
    correction = shop.opened()
    correction.to_gate()

    assert len(list(shop.asked.glob("die.*.done"))) == 1
    assert commits(shop, correction.id) == 1
    assert [line for line in shop.lines() if "because their workers died" in line]
    correction.through()
    assert is_right(shop)


def test_days_whose_workers_die_again_fail_with_a_reason(wide: str, shop: Shop) -> None:
    shop.ask("die-always")
    correction = shop.opened()
    correction.drive()

    progress = correction.progress
    assert len(progress.missing) == 8
    assert all(why.startswith("WorkerDied Two workers died") for why in progress.staging.reasons.values())


def test_files_of_a_killed_worker_are_seen_by_nobody_and_deleted_in_the_end(
    wide: str, shops: Path, tmp_path: Path
) -> None:
    assert_files_of_a_killed_worker_go(new_shop(shops, tmp_path, asked=["die-writing"]))


def assert_files_of_a_killed_worker_go(shop: Shop) -> None:
    correction = shop.opened()
    correction.to_gate()
    there, named = shop.staged_files(correction.id)

    assert len(list(shop.asked.glob("die-writing.*.done"))) == 1
    assert len(named) == 8
    assert there > named
    assert commits(shop, correction.id) == 1
    correction.through()
    assert is_right(shop)
    correction.decommission()
    assert is_right(shop)
    assert not shop.staged_files(correction.id)[0] & (there - named)


def test_no_more_read_at_once_than_the_executor_computes(executor: str, shop: Shop) -> None:
    shop.opened().to_gate()

    assert shop.most_readers <= (1 if executor == IN_PROCESS else 2)


def test_no_more_read_a_limited_source_at_once_than_it_says(
    shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = "{'backfill_assets/days_per_minute': 1000, 'backfill_assets/readers': 2}"
    shop = new_shop(shops, tmp_path, metadata=declared)
    monkeypatch.setenv(VARIABLE, "processes:4")
    shop.opened().to_gate()

    assert [line for line in shop.lines() if "in 2 shares on the executor processes:4" in line]
    assert shop.most_readers <= 2


def test_shares_of_different_types_are_refused_and_their_files_deleted(wide: str, shop: Shop) -> None:
    shop.ask("differ")
    correction = shop.opened()
    correction.drive()

    there, named = shop.staged_files(correction.id)
    assert not there | named
    assert [line for line in shop.lines() if "The shares of a wave of daily_orders differ in revenue" in line]


def test_a_job_that_is_done_twice_writes_files_twice_and_changes_nothing(shop: Shop) -> None:
    correction = shop.opened()
    correction.to_gate()
    _, named = shop.staged_files(correction.id)
    job = shop.job(correction)
    first, second = stage_days(job), stage_days(job)

    there, after = shop.staged_files(correction.id)
    written = [{known.file.path for known in share.days.values()} for share in (first, second)]
    assert after == named
    assert not written[0] & written[1]
    assert there == named | written[0] | written[1]
    assert [known.sums for known in first.days.values()] == [known.sums for known in second.days.values()]
    assert commits(shop, correction.id) == 1


@pytest.mark.parametrize("least", [0, 33])
def test_days_are_compared_alike_everywhere(
    executor: str, shop: Shop, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdicts and what is told of every day are those of one process, whoever has compared them.

    Both sides have 32 rows, of which nobody is asked where these are too few.
    """
    monkeypatch.setattr(wide_comparison, "LEAST_ROWS", least)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, IN_PROCESS)
        alone = shop.opened()
        wanted, told = alone.to_gate(), compared_of(shop, alone.id)
        alone.abandon()
    correction = shop.opened()

    assert correction.to_gate() == wanted
    assert compared_of(shop, correction.id) == told
    assert len(told.changed) == 8
    lines = [line for line in shop.lines() if line.startswith("[") and "] compared " in line]
    assert len(lines) == (0 if executor == IN_PROCESS or least else 2)


def compared_of(shop: Shop, correction: str) -> Compared:
    (found,) = [
        event.fact for event in shop.lake.records.ledger.events(correction) if isinstance(event.fact, Validated)
    ]
    return found.compared


def test_what_kills_the_workers_of_a_long_wave_takes_no_more_days_with_it_than_a_wave_usually_has(
    wide: str, shops: Path, tmp_path: Path
) -> None:
    days = [FIRST + timedelta(days=at) for at in range(40)]
    rows = pl.DataFrame({"day": [one for one in days for _ in range(2)], "market": ["EU", "US"] * 40})
    shop = new_shop(shops, tmp_path, rows.with_columns(price=pl.int_range(100, 180)), days=40)
    shop.ask("die-of-one")
    waves = {"order": "oldest", "attempts": 1, "at_once": 1}
    correction = shop.lake.correct(days[0], days[-1], reason="Prices were doubled twice.", waves=waves)
    correction.drive()

    progress = correction.progress
    assert [line for line in shop.lines() if "Computing 40 days of daily_orders in 2 shares" in line]
    assert BAD in progress.missing
    assert len(progress.missing) <= USUAL_DAYS
    facts = [event.fact for event in shop.lake.records.ledger.events(correction.id)]
    alone = {day for fact in facts if isinstance(fact, DaysStaged) for day in fact.alone}
    assert len(alone) >= 2
