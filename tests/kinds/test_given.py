"""Errors of libraries reaching people: what commands, forms and the environment are given is refused by name."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from backfill_assets.core.given import as_day, days_given, number_given, time_given
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.given import DaysUnreadable
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.revenue.definitions import defs
from tests.e2e.house import House
from tests.e2e.shop import open_shop
from tests.e2e.test_bad_input import assert_in_three_sentences, assert_refused
from tests.instances import instance_in

FACT = "fct_daily_revenue"
DAYS = Window(date(2026, 1, 5), date(2026, 1, 6))
NO_DAYS = [
    "",
    "soon",
    "2025-11-31",
    "2025-13-25",
    "20260105",
    "2026-1-5",
    "2026-W02-1",
    "2026-01-05 ",
    "2026-01-05T00:00",
]
NO_DAYS += ["05.01.2026", "01/05/2026", "\uff12026-01-05", "-2026-01-05", "0000-01-01", "2026-01-05\n", "1_026-01-05"]


@pytest.mark.parametrize("text", NO_DAYS)
def test_only_a_day_of_the_calendar_written_with_dashes_is_one(text: str):
    assert as_day(text) is None


@given(st.dates(), st.text(max_size=12))
def test_a_day_is_read_back_and_any_other_text_is_none(day: date, text: str):
    assert as_day(str(day)) == day
    assert as_day(text) is None or str(as_day(text)) == text


def test_hours_are_given_as_they_are_told():
    assert [str(slot) for slot in days_given(["2026-01-05T13:00Z", "2026-01-05"])] == [
        "2026-01-05T13:00Z",
        "2026-01-05",
    ]


def test_every_text_that_is_no_day_is_named_at_once():
    with pytest.raises(DaysUnreadable, match="'2025-11-31', 'soon' are not") as refused:
        days_given(["2026-01-05", "soon", "2025-11-31"])

    assert_in_three_sentences(str(refused.value))


@pytest.mark.parametrize("text", ["1_0", "0x1", "-1", "+1", "1.0", "1e1", "", " 1", "٣", "10000000000", "007"])
def test_only_digits_are_a_number(text: str):
    with pytest.raises(BadInput):
        number_given(text, "days")


@pytest.mark.parametrize(
    "text", ["soon", "2026-01-05", "2026-01-05T06:00", "20260105T060000Z", "2026-01-05T25:00:00Z", "1767225600"]
)
def test_only_a_time_with_its_offset_is_one(text: str):
    with pytest.raises(BadInput) as refused:
        time_given(text, "BACKFILL_NOW")

    assert_in_three_sentences(str(refused.value))


def test_a_time_comes_out_in_utc():
    assert time_given("2026-01-05T06:00:00+02:00", "x") == datetime(2026, 1, 5, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two days. Refusals leave them as they are."""
    return open_shop(tmp_path_factory.mktemp("given") / "house", DAYS.days, "2026-01-24T06:00:00+00:00")


COMMANDS: list[tuple[list[str], str]] = [
    (["nightly", "--through", "2025-11-31"], "DaysUnreadable"),
    (["nightly", "--through", "20260106"], "DaysUnreadable"),
    (["reconcile", "--through", "2026-W02-1"], "DaysUnreadable"),
    (["watermarks", "advance", "billing", "tomorrow"], "DaysUnreadable"),
    (["watermarks", "advance", "billing", "2026-02-30"], "DaysUnreadable"),
    (["watermarks", "waive", "20991231", "billing", "--by", "Ada", "--note", "x"], "CorrectionUnknown"),
    (["watermarks", "list", "--table", "fct"], "TableUnknown"),
    (["watermarks", "register", ""], "HolderUnnamed"),
    (["watermarks", "register", " billing"], "HolderUnnamed"),
    (["notices", "20991231"], "CorrectionUnknown"),
    (["audit", "--days", "many"], "CommandMisused"),
    (["audit", "--days", "0"], "CommandMisused"),
    (["audit", "--seed", "x"], "CommandMisused"),
    (["maintain", "--retention-days", "-1"], "CommandMisused"),
    (["maintain", "--retention-days", "1.5"], "CommandMisused"),
    (["months", "--close", "2026-13", "--by", "Ada"], "MonthUnreadable"),
    (["months", "--reopen", "26-01", "--by", "Ada"], "MonthUnreadable"),
    (["roll-back", "../lake", "--all", "--by", "Ada"], "CorrectionUnknown"),
    (["run", "20260123;"], "CorrectionUnknown"),
    (["status", "\u200b"], "CorrectionUnknown"),
    (["cut-over", "x" * 300], "CorrectionUnknown"),
    (["open", "a\x00b"], "CommandMisused"),
    (["open", "/dev/zero"], "RequestUnreadable"),
    (["open", "x" * 5000], "RequestUnreadable"),
    (["plan"], "CommandMisused"),
    (["plan", "a.yaml", "--built-by", "v1"], "CommandMisused"),
    (["plan", "--built-by", "v1", "--table", "nowhere"], "TableUnknown"),
    (["plan", "--built-by", "nobody"], "CodeVersionUnknown"),
    (["approve"], "CommandMisused"),
    (["approve", "a", "b"], "CommandMisused"),
    (["roll-back", "a", "--days", "2026-01-05"], "CommandMisused"),
    (["rollback"], "CommandMisused"),
    (["watermarks", "advance", "billing"], "CommandMisused"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(
    ("command", "error"), COMMANDS, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else value
)
def test_a_command_that_cannot_be_meant_changes_nothing(published: House, command: list[str], error: str):
    before = published.commits()

    assert_refused(published.run(*command), error)

    assert published.commits() == before


@pytest.mark.dagster
def test_without_json_the_same_sentences_are_for_a_person(published: House):
    from backfill_assets.command_line import app

    with published.entered():
        ended = CliRunner().invoke(app, ["audit", "--days", "many"])

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("CommandMisused ")
    assert "Traceback" not in ended.stderr


def launched(house: House, what: str, op: str, config: dict[str, Any]) -> RunResult:
    with house.entered(), instance_in(house.home) as instance:
        told = {"ops": {f"{FACT}__{what}_{op}": {"config": config}}}
        return Runner(defs, instance).execute(defs.resolve_job_def(f"{FACT}__{what}"), {}, config=told)


FORMS: list[tuple[str, str, dict[str, Any], str]] = [
    ("nightly", "publish", {"through": "2025-11-31"}, "2025-11-31"),
    ("nightly", "publish", {"through": "yesterday"}, "yesterday"),
    ("reconcile", "ledger", {"through": "20260105"}, "20260105"),
    ("audit", "days", {"days": 0}, "days is 0"),
    ("audit", "days", {"days": -5}, "days is -5"),
    ("maintenance", "", {"retention_days": -1}, "retention_days is -1"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(("what", "op", "config", "named"), FORMS)
def test_a_form_filled_in_wrongly_changes_nothing(
    published: House, what: str, op: str, config: dict[str, Any], named: str
):
    before = published.commits()
    if what == "maintenance":
        with published.entered(), instance_in(published.home) as instance:
            told = {"ops": {f"{FACT}__maintain": {"config": config}}}
            ran = Runner(defs, instance).execute(defs.resolve_job_def(f"{FACT}__maintenance"), {}, config=told)
    else:
        ran = launched(published, what, op, config)

    assert ran.refusal is not None, ran.errors
    assert named in str(ran.refusal)
    assert ran.refusal.exit_code == 2
    assert_in_three_sentences(str(ran.refusal))
    assert published.commits() == before


ENVIRONMENT: list[tuple[dict[str, str], list[str], str]] = [
    ({"BACKFILL_NOW": "soon"}, ["nightly"], "TimeUnreadable"),
    ({"BACKFILL_NOW": "2026-01-24T06:00:00"}, ["status"], "TimeUnreadable"),
    ({"BACKFILL_DEFINITIONS": "no.such.module"}, ["status"], "DefinitionsMissing"),
    ({"BACKFILL_DEFINITIONS": "json"}, ["status"], "DefinitionsMissing"),
    ({"BACKFILL_DEFINITIONS": "..x"}, ["status"], "DefinitionsMissing"),
    ({"BACKFILL_DEFINITIONS": " "}, ["status"], "DefinitionsMissing"),
    ({"DAGSTER_HOME": "FILE"}, ["status"], "PlaceUnusable"),
    ({"DAGSTER_HOME": "FILE/below"}, ["status"], "PlaceUnusable"),
    ({"BACKFILL_STORAGES": "postgres"}, ["status"], "StoragesUnknown"),
    ({"BACKFILL_SYNC": "no"}, ["status"], "SwitchUnknown"),
    ({"BACKFILL_LAKE": "FILE"}, ["status"], "PlaceUnusable"),
    ({"BACKFILL_LAKE": "FILE/below"}, ["nightly"], "PlaceUnusable"),
    ({"BACKFILL_LANDING": "FILE"}, ["nightly"], "PlaceUnusable"),
    ({"BACKFILL_PUBLISHED": "FILE"}, ["pages"], "PlaceUnusable"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(("environment", "command", "error"), ENVIRONMENT)
def test_an_environment_that_cannot_be_is_named(
    published: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    environment: dict[str, str],
    command: list[str],
    error: str,
):
    from backfill_assets.command_line import app

    (tmp_path / "FILE").write_text("no folder")
    with published.entered():
        for name, value in environment.items():
            monkeypatch.setenv(name, value.replace("FILE", str(tmp_path / "FILE")))
        ended = CliRunner().invoke(app, [*command, "--json"])
        for name in environment:
            os.environ.pop(name, None)

    assert ended.exception is None or isinstance(ended.exception, SystemExit), repr(ended.exception)
    told = json.loads(ended.stdout)
    assert (told["error"], ended.exit_code) == (error, 2)
    assert_in_three_sentences(told["message"])
