"""What people read on the command line: their own words, unchanged, whatever is in them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from backfill_assets.command_line.printing import print_next_step, print_plan
from backfill_assets.command_line.session import plain_console, prepare_home
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.next_step import Stuck
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window

WORDS = "the [red]rates[/red] of [the] day before [/]"
EXPECT = {"columns": ["revenue_usd", "rate_usd"], "same_rows": True, "max_change_total": "0.5%"}


def plan(**fields) -> Plan:
    request = Request("fact", Window(date(2026, 1, 1), date(2026, 1, 9)), WORDS, **fields)
    return Plan("20260123", request, datetime(2026, 1, 23, tzinfo=UTC), "ada")


def test_a_reason_is_printed_as_it_was_written(capsys: pytest.CaptureFixture[str]):
    print_plan(plain_console(stderr=False), plan())
    assert WORDS in capsys.readouterr().out


def test_a_sentence_is_printed_as_it_was_told(capsys: pytest.CaptureFixture[str]):
    print_next_step(plain_console(stderr=False), "20260123", Stuck(Step.STAGE, WORDS))
    assert WORDS in capsys.readouterr().out


def test_every_expected_clause_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]):
    print_plan(plain_console(stderr=False), plan(expectation=Expectation.from_request(EXPECT)))
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    expected = [line for line in told if line.startswith("expects")]
    assert expected == [
        "expects columns revenue_usd, rate_usd",
        "expects same rows",
        "expects max change total 0.5%",
    ]


def test_a_plan_that_expects_nothing_says_so(capsys: pytest.CaptureFixture[str]):
    print_plan(plain_console(stderr=False), plan())
    assert "expects nothing" in " ".join(capsys.readouterr().out.split())


def test_a_home_that_an_earlier_version_made_finds_its_storages_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    config = tmp_path / "dagster.yaml"
    prepare_home()
    now = config.read_text()
    config.write_text(now.replace(".instance.sqlite_storages", ".sqlite_storages"))
    assert config.read_text() != now

    prepare_home()

    assert config.read_text() == now
