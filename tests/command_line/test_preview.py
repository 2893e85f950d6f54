"""``preview``: what a request or the code would change; and no file of the lake or of Dagster's home is touched."""

import gc
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import deltalake
import pytest
import typer
import yaml
from typer.testing import CliRunner

from backfill_assets.command_line import app
from backfill_assets.errors.request import RequestFieldInvalid
from backfill_assets.runbook.request import read_request
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import FACTOR, TABLE, Stranger, days, location, orders, stranger_at

DAYS = days(10)
WRONG = DAYS[2:6]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """Ten days of orders, four of them published by code that doubled every price."""
    with stranger_at(tmp_path_factory.mktemp("previewed"), location()) as there:
        there.land(orders(DAYS), DAYS)
        FACTOR[0] = 2
        there.publish(WRONG)
        FACTOR[0] = 1
        there.publish([*DAYS[:2]])
        there.publish([*DAYS[6:]])
        yield there


def bytes_of(*roots: Path) -> dict[str, str]:
    """Every file below some folders with the hash of what is in it."""
    files = (file for root in roots for file in root.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def printed(stranger: Stranger, *arguments: str) -> str:
    with stranger.house.entered():
        ended = CliRunner().invoke(app, ["preview", *arguments])
    assert ended.exit_code in {0, 5}, ended.output
    return ended.stdout


WAYS: Mapping[str, tuple[str, ...]] = {
    "a few days of a request": ("REQUEST", "--days", "3", "--seed", "1"),
    "every day of a request": ("REQUEST", "--days", "99"),
    "a few days of history": ("--table", TABLE, "--days", "2", "--seed", "5"),
    "a part of history": ("--first", str(DAYS[1]), "--last", str(DAYS[3]), "--days", "9", "--fail-if-changed"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_file_of_the_lake_of_dagster_or_of_readers_is_touched(way: str, stranger: Stranger):
    request = str(stranger.house.request(DAYS[0], DAYS[9], table=TABLE))
    roots = (stranger.house.root, stranger.house.home)
    gc.collect()  # SQLite tidies up when what published the days lets go of it.
    before = bytes_of(*roots)

    answered = stranger.house.run("preview", *(request if one == "REQUEST" else one for one in WAYS[way]))

    assert answered.code in {0, 5}, answered.text
    assert answered.told["drawn"]
    after = bytes_of(*roots)
    assert {file for file in {**before, **after} if before.get(file) != after.get(file)} == set()


def test_every_day_computed_is_exact_and_tells_of_reports_and_of_limits(stranger: Stranger):
    request = stranger.house.request(DAYS[0], DAYS[9], table=TABLE, expect={"max_change_per_day": "1%"})
    told = stranger.house.run("preview", str(request), "--days", "99").told

    assert (told["whole"], told["slots"], told["changed"]) == (True, 10, [str(day) for day in WRONG])
    revenue = {one["name"]: one for one in told["effects"]}["revenue"]
    assert (revenue["net"]["total"], revenue["gross"]["total"], revenue["before"]) == ("-800", "800", "2800")
    assert revenue["net"]["least"] == revenue["net"]["most"] == "-800"
    rows = {one["name"]: one for one in told["effects"]}["rows"]
    assert (rows["net"]["total"], rows["gross"]["total"]) == ("0", "8")
    (weekly,) = told["reports"]
    assert (weekly["report"], weekly["partitions"]) == ("weekly_orders", 2)
    assert [(one["partition"], round(one["share"], 4)) for one in weekly["largest"]] == [
        ("2026-01-05", -0.3636),
        ("2026-01-12", 0.0),
    ]
    assert told["limits"] == {
        "columns": ["revenue"],
        "same_rows": True,
        "max_change_per_day": "100%",
        "max_change_total": "58%",
    }
    assert any("moves by more than 1%" in sentence for sentence in told["failing"])


def test_the_request_that_it_prints_is_one_that_keeps_what_was_declared(stranger: Stranger):
    request = stranger.house.request(DAYS[0], DAYS[9], table=TABLE, expect={"max_change_per_day": "60%"})
    text = stranger.house.run("preview", str(request), "--days", "99").told["request"]

    read = read_request(text)
    assert (read.table, read.window.first, read.window.last) == (TABLE, DAYS[0], DAYS[9])
    declared = yaml.safe_load(text)["expect"]
    assert declared["max_change_per_day"] == "60%"
    assert declared["max_change_total"] == "58%"
    assert list(yaml.safe_load(text))[-1] in {"expect", "approval"}


def test_what_is_estimated_holds_what_is_true_and_is_told_as_such(stranger: Stranger):
    told = stranger.house.run("preview", "--days", "6", "--seed", "2").told
    revenue = {one["name"]: one for one in told["effects"]}["revenue"]
    assert float(revenue["net"]["least"]) <= -800 <= float(revenue["net"]["most"])
    assert float(revenue["gross"]["least"]) >= sum(float(one["sums"]["revenue"]["gross"]) for one in told["drawn"])
    assert revenue["foretold"] == 0
    text = printed(stranger, "--days", "6", "--seed", "2")
    assert "6 of 10 days of daily_orders (2026-01-05..2026-01-14) were computed in memory. Nothing was opened." in text
    assert "Nothing told beforehand where the change is large" in text


def test_the_code_as_it_is_now_is_flagged_before_it_is_merged(stranger: Stranger):
    sound = ("--first", str(DAYS[6]), "--days", "9", "--fail-if-changed")
    assert stranger.house.run("preview", *sound).code == 0
    assert "### History of `daily_orders` would not change" in printed(stranger, *sound, "--markdown")

    FACTOR[0] = 3
    try:
        answered = stranger.house.run("preview", *sound)
        comment = printed(stranger, *sound, "--markdown")
    finally:
        FACTOR[0] = 1
    assert (answered.code, len(answered.told["changed"])) == (5, 4)
    with pytest.raises(RequestFieldInvalid):  # the reason is for a person to write
        read_request(answered.told["request"])
    assert read_request(answered.told["request"].replace("…", "it tripled")).window.first == DAYS[6]
    assert "### History of `daily_orders` would change" in comment
    assert "| revenue, net | +1,600 | +200.00\u00a0% |" in comment
    assert "```yaml\n# The limits" in comment


def test_a_sample_without_a_difference_says_what_it_may_have_missed(stranger: Stranger):
    text = printed(stranger, "--first", str(DAYS[6]), "--days", "2")
    assert "None of the drawn days differs. A change of fewer than 78% of them may have been missed." in text


def test_it_reads_well_in_eighty_columns(stranger: Stranger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = printed(stranger, "--days", "99")
    assert "4 of 10 days differ from live." in text
    lines = [line for line in text.splitlines() if line.split()[:1] == ["2026-01-07"]]
    assert lines[0].split() == ["2026-01-07", "2", "2", "400.00", "200.00", "\u2212200.00"]


def test_a_day_without_its_source_is_named_and_stops_no_other(tmp_path: Path):
    with stranger_at(tmp_path, location()) as there:
        there.land(orders(DAYS), DAYS)
        there.publish(DAYS)
        deltalake.DeltaTable(there.house.records.lake.table_uri("orders_log")).delete(f"day = '{DAYS[3]}'")
        told = there.house.run("preview", "--days", "99").told
        assert [*told["unable"]] == [str(DAYS[3])]
        assert (told["slots"], told["changed"]) == (9, [])


REFUSED = {
    "a table that there is not": (["--table", "nothing"], 2, "TableUnknown"),
    "a day that is none": (["--first", "soon"], 2, "DaysUnreadable"),
    "a window without live days": (["--first", "2027-01-01"], 2, "NothingToPreview"),
    "a request and a table": (["REQUEST", "--table", TABLE], 2, "CommandMisused"),
    "a request outside what is live": (["LATER"], 2, "WindowOutsideData"),
    "no days": (["--days", "0"], 2, "CommandMisused"),
}


@pytest.mark.parametrize("asked", REFUSED)
def test_what_cannot_be_previewed_is_refused(asked: str, stranger: Stranger):
    arguments, code, error = REFUSED[asked]
    request = str(stranger.house.request(DAYS[0], "2027-01-01" if arguments == ["LATER"] else DAYS[9], table=TABLE))
    answered = stranger.house.run("preview", *(request if one in {"REQUEST", "LATER"} else one for one in arguments))
    assert (answered.code, answered.told["error"]) == (code, error), answered.text
    assert_in_three_sentences(answered.told["message"])


def test_every_call_in_the_documents_is_one_that_the_command_takes():
    page = (Path(__file__).parents[2] / "docs" / "preview.md").read_text()
    (workflow,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    runs = [step["run"] for step in workflow["jobs"]["preview"]["steps"] if "run" in step]
    calls = [line for text in (page, *runs) for line in text.splitlines() if line.startswith("backfill-assets preview")]
    command = typer.main.get_command(app).commands["preview"]  # type: ignore[attr-defined]
    assert len(calls) == 5
    for call in calls:
        words = shlex.split(re.sub(r"\$\{\{.*?\}\}", "7", call).split(" > ")[0], comments=True)
        with command.make_context("preview", words[2:]) as parsed:
            assert parsed.params["days"] > 0
