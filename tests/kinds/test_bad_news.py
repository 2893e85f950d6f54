"""Bad news looks like bad news: the check on the asset fails, the run fails, the command ends with another code.

And no news is not good news: a look that was not taken, met nothing or is old does not pass.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets.command_line.session import DONE, FOUND, OTHER
from backfill_assets.core.audited import Audit, Audited, Verdict
from backfill_assets.orchestration.asset.lateness import CHECK as LATE
from backfill_assets.orchestration.nightly.freshness import watch_job_name
from backfill_assets.revenue.landing import LEDGER
from backfill_assets.runbook.request import read_request_file
from tests.e2e.house import FACT, House, new_house
from tests.e2e.shop import open_shop, trade
from tests.e2e.small_lake import SmallLake, publish
from tests.scenarios import drop_parquet

pytestmark = pytest.mark.dagster

DAYS = [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
ALTERED = DAYS[1]
NOW = "2026-01-08T06:00:00+00:00"
AGREES, REPLAYS, FRESH = "agrees_with_ledger", "replays_to_what_was_published", "newest_day_is_fresh"
COMMANDS: Mapping[str, tuple[list[str], str]] = {
    "reconcile": (["reconcile"], AGREES),
    "audit": (["audit", "--days", "3"], REPLAYS),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three days, published as finance booked them. Copy it, do not write to it."""
    house = open_shop(tmp_path_factory.mktemp("sound") / "house", DAYS, NOW)
    rows = house.fact().group_by("day", "currency").agg(pl.col("transactions", "revenue_usd").sum())
    lines = [",".join(map(str, row)) for row in rows.sort("day", "currency").iter_rows()]
    (house.landing / "ledger").mkdir()
    (house.landing / "ledger/ledger.csv").write_text("\n".join([",".join(LEDGER), *lines]) + "\n")
    return house


@pytest.fixture(scope="module")
def altered(sound: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same, but for one day that somebody has altered."""
    house = sound.copy(tmp_path_factory.mktemp("altered") / "house")
    raised = (pl.col("revenue_usd") + Decimal("0.5000")).cast(pl.Decimal(38, 4))
    publish(SmallLake(house.root), [ALTERED], lambda rows: rows.with_columns(raised))
    return house


def verdict(house: House, check: str) -> dg.AssetCheckEvaluation:
    """The last evaluation of a check of the fact."""
    with house.entered(), dg.DagsterInstance.get() as instance:
        key = dg.AssetCheckKey(dg.AssetKey(FACT), check)
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    found = record.event.asset_check_evaluation
    assert found is not None
    return found


def last_run(house: House, job: str) -> Any:
    with house.entered(), dg.DagsterInstance.get() as instance:
        return instance.get_runs(dg.RunsFilter(job_name=f"{FACT}__{job}"), limit=1)[0]


def watched(house: House) -> None:
    """Every check on the fact evaluated, as each morning."""
    from backfill_assets.revenue.definitions import defs

    with house.entered(), dg.DagsterInstance.get() as instance:
        defs.resolve_job_def(watch_job_name(FACT)).execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_found_wrong_fails_check_run_and_command_and_links_its_request(altered: House, command: str):
    arguments, check = COMMANDS[command]

    answered = altered.run(*arguments)

    assert answered.code == FOUND, answered.text
    found = verdict(altered, check)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    request = Path(str(found.metadata["request"].value))
    assert read_request_file(request).window.first == ALTERED
    run = last_run(altered, command)
    assert run.status is dg.DagsterRunStatus.FAILURE
    watched(altered)
    assert not verdict(altered, check).passed


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_sound_passes_everywhere(sound: House, tmp_path, command: str):
    house = sound.copy(tmp_path / "house")
    arguments, check = COMMANDS[command]

    answered = house.run(*arguments)

    assert answered.code == DONE, answered.text
    assert verdict(house, check).passed
    assert last_run(house, command).status is dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_look_that_met_nothing_is_no_good_news(tmp_path, command: str):
    house = new_house(tmp_path / "house", NOW)
    (house.landing / "transactions").mkdir(parents=True)
    arguments, check = COMMANDS[command]

    answered = house.run(*arguments)

    assert answered.code == OTHER, answered.text
    found = verdict(house, check)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert last_run(house, command).status is dg.DagsterRunStatus.FAILURE


def test_checks_do_not_pass_before_anybody_looked_nor_when_nobody_has_for_days(sound: House, tmp_path):
    house = sound.copy(tmp_path / "house")
    watched(house)
    before = {check: verdict(house, check) for check in (AGREES, REPLAYS)}

    for arguments, _ in COMMANDS.values():
        assert house.run(*arguments).code == DONE
    watched(house)
    fresh = {check: verdict(house, check).passed for check in (AGREES, REPLAYS, FRESH)}
    watched(house.at("2026-01-20T06:00:00+00:00"))
    after = {check: verdict(house, check) for check in (AGREES, REPLAYS, FRESH)}

    assert fresh == dict.fromkeys(fresh, True)
    assert not any(found.passed for found in (*before.values(), *after.values()))
    assert {found.severity for found in before.values()} == {dg.AssetCheckSeverity.WARN}
    assert "2026-01-08" in str(after[AGREES].description)


def test_lines_of_the_ledger_that_cannot_be_used_are_told_by_the_check(sound: House, tmp_path):
    house = sound.copy(tmp_path / "house")
    with (house.landing / "ledger/ledger.csv").open("a") as file:
        file.write("nonsense\n")

    house.run("reconcile")

    found = verdict(house, AGREES)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 line of the ledger cannot be used" in str(found.description)


def test_late_days_too_old_for_nightly_fail_a_check_that_names_them(sound: House, tmp_path):
    house = sound.copy(tmp_path / "house").at("2026-02-20T06:00:00+00:00")
    drop_parquet(house.landing, ALTERED, trade(ALTERED, amount="13.0000"))

    answered = house.run("nightly", "--through", str(DAYS[-1]))

    assert answered.told["late"] == [str(ALTERED)]
    found = verdict(house, LATE)
    assert not found.passed
    assert f"{ALTERED}..{ALTERED}" in str(found.description)


def test_a_notice_that_cannot_be_delivered_is_not_a_night_without_fault(sound: House, tmp_path, monkeypatch):
    monkeypatch.setenv("BACKFILL_NOTIFY_FINANCE", "json://127.0.0.1:9/nobody")
    house = sound.copy(tmp_path / "house")
    correction = house.opened(DAYS[0], DAYS[-1])
    house.run("run", correction)

    answered = house.run("nightly", "--through", str(DAYS[-1]))

    assert answered.told["readers_wait"]
    assert answered.code == OTHER


def test_a_night_that_finds_nothing_anywhere_is_refused_by_name(tmp_path):
    house = new_house(tmp_path / "house", NOW)

    answered = house.run("nightly", "--through", str(DAYS[-1]))

    assert (answered.code, answered.told["error"]) == (OTHER, "NothingToPublish")


def test_days_that_were_not_compared_do_not_come_out_as_they_were_published():
    moved = [Audited(day, Verdict.INPUTS_MOVED, "v1") for day in DAYS[:2]]
    same = Audited(DAYS[2], Verdict.SAME, "v1")

    assert Audit("t", "1", "v1", tuple(moved), published=2).sentence.startswith(
        "None of 2 published days was compared."
    )
    told = Audit("t", "1", "v1", (*moved, same)).sentence
    assert told.startswith("1 day computed again equals what was published")
    assert "2 days were published from other inputs" in told
