"""``diff`` and ``history``: the same difference before the swap, while it is live and after it was taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backfill_assets.command_line import app
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import FACTOR, Stranger, days, location, orders, stranger_at

DAYS = days(10)
WRONG = days(6)[2:]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    with stranger_at(tmp_path_factory.mktemp("differing"), location()) as there:
        there.land(orders(DAYS), DAYS)
        FACTOR[0] = 2
        there.publish(WRONG)
        FACTOR[0] = 1
        there.publish([*DAYS[:2]])
        there.publish([*DAYS[6:]])
        yield there


@pytest.fixture(scope="module")
def correction(stranger: Stranger) -> str:
    opened = stranger.ask("open", DAYS[0], DAYS[7])
    assert opened.code == 0, opened.text
    name = str(opened.told["correction"])
    unstaged = stranger.house.run("diff", name)
    assert (unstaged.code, unstaged.told["error"]) == (2, "DaysNotStaged")
    assert stranger.house.run("run", name).told["waits_for"] == "person"
    return name


def _is_the_whole_difference(stranger: Stranger, correction: str) -> None:
    told = stranger.house.run("diff", correction, "--rows").told
    assert (told["compared"], told["changed"], told["rows_changed"]) == (8, 4, 8)
    assert [line["name"] for line in told["lines"]] == [str(day) for day in WRONG]
    assert told["lines"][0]["sums"] == {"revenue": {"before": "400", "now": "200", "change": "-200"}}
    assert told["total"]["sums"] == {"revenue": {"before": "2400", "now": "1600", "change": "-800"}}
    assert len(told["rows"]) == 8
    assert told["rows"][0]["values"] == {"revenue": ["200", "100"]}


def test_it_is_the_same_before_the_swap_while_live_and_after_the_roll_back(stranger: Stranger, correction: str):
    _is_the_whole_difference(stranger, correction)
    by_market = stranger.house.run("diff", correction, "--by", "market", "--day", str(WRONG[0])).told
    assert {line["name"]: line["sums"]["revenue"]["change"] for line in by_market["lines"]} == {
        "EU": "-100",
        "US": "-100",
    }
    house = stranger.house
    house.run("approve", correction, "--by", "Ada", "--note", "looked")
    assert house.run("run", correction).told["waits_for"] == "time"
    _is_the_whole_difference(stranger, correction)
    assert house.run("roll-back", correction, "--all", "--by", "Ada", "--note", "early").code == 0
    _is_the_whole_difference(stranger, correction)


def test_it_reads_well_in_eighty_columns(stranger: Stranger, correction: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    with stranger.house.entered():
        printed = CliRunner().invoke(app, ["diff", correction, "--rows"]).stdout
        history = CliRunner().invoke(app, ["history", correction]).stdout
    assert "4 of 8 days differ, with 8 rows changed, 0 added and 0 gone." in printed
    total = next(line for line in printed.splitlines() if line.split()[:1] == ["total"])
    assert total.split() == ["total", "2,400", "1,600", "\u2212800"]
    assert "2026-01-07 EU  changed  revenue 200 → 100" in printed
    assert "Validated. 4 days change and 4 do not." in history
    assert "(Ada)" in history


def test_a_day_without_rows_on_both_sides_differs_in_nothing(tmp_path: Path):
    with stranger_at(tmp_path, location()) as there:
        there.land(orders(DAYS[1:]), DAYS)
        there.publish(DAYS)
        name = str(there.ask("open", DAYS[0], DAYS[2]).told["correction"])
        assert there.house.run("run", name).told["waits_for"] in {"nothing", "time"}
        told = there.house.run("diff", name).told
        assert (told["compared"], told["changed"], told["lines"]) == (3, 0, [])


UNUSABLE = {
    "a day that is none": (["--day", "tomorrow"], "DaysUnreadable"),
    "a day outside": (["--day", str(DAYS[9])], "DaysNotStaged"),
    "a column that there is not": (["--by", "colour"], "ColumnUnknown"),
}


@pytest.mark.parametrize("asked", UNUSABLE)
def test_what_cannot_be_compared_is_told(asked: str, stranger: Stranger, correction: str):
    arguments, error = UNUSABLE[asked]
    answered = stranger.house.run("diff", correction, *arguments)
    assert (answered.code, answered.told["error"]) == (2, error)
    assert_in_three_sentences(answered.told["message"])


def test_after_the_decommission_there_is_nothing_to_compare(stranger: Stranger, correction: str):
    assert stranger.house.run("abandon", correction, "--by", "Ada", "--note", "once more").code == 0
    name = stranger.through(DAYS[0], DAYS[5])
    assert stranger.house.run("decommission", name, "--now", "--by", "Ada").code == 0
    answered = stranger.house.run("diff", name)
    assert (answered.code, answered.told["error"]) == (4, "FilesDeleted")
    assert_in_three_sentences(answered.told["message"])
    assert stranger.house.run("history", name).told["events"][-1]["step"] == "decommission"
