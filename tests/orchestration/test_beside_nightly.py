"""Nightly beside a correction: new days go out, a claimed day is the correction's, and late rows are not lost."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from backfill_assets.core.next_step import Finished
from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Ending
from backfill_assets.core.window import Window
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.publish import MARKED, Nightly, NightlyRun
from backfill_assets.revenue.definitions import LAKE, defs
from backfill_assets.runbook import abandon, approve, open_correction
from tests.composed import DAILY_REVENUE, NIGHTLY
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import Daemon
from tests.scenarios import drop_parquet, transaction

pytestmark = pytest.mark.dagster

CLAIMED = Window(date(2026, 1, 19), date(2026, 1, 21))
LATE, NEW = date(2026, 1, 21), date(2026, 1, 23)


def nightly(daemon: Daemon, through: date) -> Nightly:
    return NightlyRun(NIGHTLY, Runner(defs, daemon.instance), LAKE).publish(through)


def drive(daemon: Daemon, correction: str):
    return Driver(DAILY_REVENUE, Runner(defs, daemon.instance), LAKE, "ada", lambda _step, _ctx: None).drive(correction)


def at(monkeypatch, day: int) -> None:
    monkeypatch.setenv("BACKFILL_NOW", datetime(2026, 1, day, 6, tzinfo=UTC).isoformat())


def late_row(daemon: Daemon) -> None:
    """One more transaction in a file that had landed already."""
    file = daemon.lake.landing / "transactions" / f"{LATE}.parquet"
    there = pl.read_parquet(file)
    more = there.head(1).with_columns(transaction_id=pl.lit("late"), currency=pl.lit("USD"), amount=Decimal(1000))
    pl.concat([there, more.cast(dict(there.schema))]).write_parquet(file)


def revenue(daemon: Daemon, day: date) -> Decimal:
    return daemon.lake.live().filter(pl.col("day") == day)["revenue_usd"].sum()


def fingerprints(daemon: Daemon) -> dict[date, str]:
    live = daemon.lake.records.snapshot(FACT)
    return {day: live.fingerprint(day) for day in CLAIMED}


def test_new_days_go_out_a_claimed_day_waits_and_its_late_row_comes_in_once_the_correction_is_over(daemon, monkeypatch):
    ctx = DAILY_REVENUE.step_context(LAKE, "ada")
    correction = open_correction(ctx, Request(FACT, CLAIMED, "wrong")).correction
    before = fingerprints(daemon)
    drop_parquet(daemon.lake.landing, NEW, [transaction("n", NEW)])
    late_row(daemon)
    at(monkeypatch, 24)

    done = nightly(daemon, NEW)

    assert (done.published, done.rebuilt) == ((NEW,), ())
    assert not done.failed
    assert fingerprints(daemon) == before

    runner = Runner(defs, daemon.instance)
    refused = runner.run_days([DAILY_REVENUE.asset.key], Window(LATE, LATE), MARKED)
    assert not refused.success
    assert f"correction {correction} has claimed" in str(refused.refusal)
    assert fingerprints(daemon) == before

    assert drive(daemon, correction) == Finished(Ending.UNCHANGED)
    without = revenue(daemon, LATE)

    again = nightly(daemon, NEW)

    assert again.rebuilt == (LATE,)
    assert revenue(daemon, LATE) - without == 1000
    dashboard = daemon.lake.records.snapshot("executive_dashboard").scan([LATE]).collect()
    assert dashboard["revenue_usd"].sum() == revenue(daemon, LATE)


def test_a_late_row_of_a_claimed_day_beyond_the_look_back_is_proposed_once_the_correction_is_over(daemon, monkeypatch):
    ctx = DAILY_REVENUE.step_context(LAKE, "ada")
    correction = open_correction(ctx, Request(FACT, CLAIMED, "wrong")).correction
    late_row(daemon)
    at(monkeypatch, 30)
    drop_parquet(daemon.lake.landing, NEW, [transaction("n", NEW)])
    assert nightly(daemon, NEW).late == ()
    abandon(DAILY_REVENUE.step_context(LAKE, "ada"), correction, "no")
    assert nightly(daemon, NEW).late == (LATE,)


def test_the_swap_and_every_staged_day_say_by_which_code_run_and_correction(daemon, monkeypatch):
    monkeypatch.setenv("BACKFILL_GIT_COMMIT", "abcdef123456")
    from backfill_assets.orchestration.instance.resources import git_commit

    git_commit.cache_clear()
    ctx = DAILY_REVENUE.step_context(LAKE, "ada")
    window = Window(date(2026, 1, 14), date(2026, 1, 16))
    correction = open_correction(ctx, Request(FACT, window, "wrong")).correction
    drive(daemon, correction)
    staged = daemon.lake.records.staged(FACT, correction).snapshot()
    builds = daemon.lake.records.builds.of_days(FACT, {**staged.files_of(window.days)})
    approve(DAILY_REVENUE.step_context(LAKE, "ada"), correction, "looked")
    drive(daemon, correction)
    git_commit.cache_clear()
    version = DAILY_REVENUE.compute_spec.code_version
    for build in builds.values():
        assert (build.code_version, build.git_commit, build.correction) == (version, "abcdef123456", correction)
        assert build.run_id
        assert build.seconds > 0
    told = [
        {name: info.get(f"backfill_assets/{name}") for name in ("code_version", "git_commit", "correction", "run")}
        for info in (*daemon.lake.records.snapshot(FACT).handle.history(3), *staged.handle.history(1))
        if info.get(tags.CORRECTION) == correction
    ]
    assert len(told) == 2
    assert all(
        one | {"run": ""}
        == {"code_version": version, "git_commit": "abcdef123456", "correction": correction, "run": ""}
        for one in told
    )
    assert all(one["run"] for one in told)
