"""Scrub, purge and the look at what ends soon as Dagster runs them, and what goes on after the landing was purged."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from backfill_assets.command_line import app
from backfill_assets.core.retention import Kept
from backfill_assets.errors.personal import TracesLeft
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.jobs import nightly_name
from backfill_assets.orchestration.watching.keeping import KEPT_LONG_ENOUGH, WHOLE
from backfill_assets.revenue.definitions import defs
from backfill_assets.revenue.keeping import KEEPING
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.storage.vault import Vault
from tests.e2e.small_lake import FACT
from tests.e2e.story import demo_data
from tests.kinds.test_archive import one_bit
from tests.orchestration.daemon import stage_by_hand
from tests.orchestration.worlds import HISTORY, WRONG, later

pytestmark = pytest.mark.dagster


def run(daemon, job):
    return Runner(defs, daemon.instance).execute(defs.resolve_job_def(f"{FACT}__{job}"), {})


def check(daemon, name):
    key = dg.AssetCheckKey(dg.AssetKey(FACT), name)
    found = daemon.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return found[0].event.dagster_event.asset_check_evaluation_data


def test_a_scrub_fails_by_the_file_and_the_morning_tells_what_can_be_corrected(daemon):
    assert run(daemon, "scrub").success
    assert run(daemon, "keeping").success
    told = check(daemon, KEPT_LONG_ENOUGH)
    assert told.passed
    assert (
        f"The largest window of {FACT} that can still be corrected is {HISTORY.first}..{HISTORY.last}"
        in told.description
    )

    arrival = TRANSACTIONS.arrivals(daemon.lake.records).row(0, named=True)
    for path in (f"raw_transactions/{arrival['file']}", arrival["archive"]):
        file = daemon.lake.records.table("raw_transactions").folder.local.parent / path
        whole = file.read_bytes()
        file.write_bytes(one_bit(whole))
        ran = run(daemon, "scrub")
        assert not ran.success
        assert path in ran.errors[0]
        assert f"restore raw_transactions --day {arrival['day']}" in ran.errors[0]
        file.write_bytes(whole)
    assert run(daemon, "watch").success is not None
    assert not check(daemon, WHOLE).passed


@pytest.mark.soak
def test_nightly_and_a_correction_go_on_after_the_landing_was_purged(daemon, tmp_path):
    now, landing = os.environ["BACKFILL_NOW"], daemon.lake.landing / "transactions"
    os.environ["BACKFILL_NOW"] = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    assert run(daemon, "purge_landing").success
    assert not list(landing.glob("*.parquet"))
    os.environ["BACKFILL_NOW"] = now

    new = HISTORY.last + timedelta(days=1)
    demo_data.write_landing(tmp_path / "more", HISTORY.first, new)
    shutil.copy(tmp_path / f"more/transactions/{new}.parquet", landing)
    later(1)
    ran = run(daemon, nightly_name(FACT).removeprefix(f"{FACT}__"))
    assert ran.success, ran.errors
    assert daemon.lake.records.snapshot(FACT).days == {*HISTORY.days, new}
    assert stage_by_hand(daemon, str(WRONG.first), str(WRONG.days[3])).success
    assert daemon.go_on().gate.passed


def test_people_are_forgotten_by_the_duty_that_is_declared_and_their_traces_are_named(daemon):
    first = HISTORY.days[3]
    job = "expire_personal_data"
    assert run(daemon, job).success
    assert whose(daemon) == {*HISTORY.days}
    os.environ["BACKFILL_NOW"] = datetime(first.year + 3, first.month, first.day, 7, tzinfo=UTC).isoformat()
    today = datetime.fromisoformat(os.environ["BACKFILL_NOW"]).date()
    kept = KEEPING.of(Kept.PERSONAL)[TRANSACTIONS.table].oldest(today)
    assert kept in HISTORY.days

    failed = run(daemon, job)
    assert isinstance(failed.faults[0], TracesLeft)  # the landing was not purged
    assert f"{HISTORY.first}.parquet" in str(failed.faults[0])
    assert whose(daemon) == {day for day in HISTORY.days if day >= kept}
    shutil.rmtree(daemon.lake.landing / "transactions")
    assert run(daemon, job).success

    done = CliRunner().invoke(app, ["expire-personal-data", "--dry-run", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["before"]) == (0, str(kept))
    unclear = CliRunner().invoke(app, ["expire-personal-data", "--table", "fx_rates"])
    assert "not clear before which day" in " ".join(unclear.stderr.split())


def whose(daemon):
    """The days of which people are known."""
    return Vault(daemon.lake.records.lake, TRANSACTIONS.table).table.snapshot().days
