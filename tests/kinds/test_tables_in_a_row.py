"""A correctable table that others read is corrected alone: what is stale by it is named wherever people look."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from backfill_assets import build_correction_definitions, correctable_asset
from backfill_assets.command_line.commands import app
from backfill_assets.errors.chains import ReadersCorrected, TablesReadEachOther
from backfill_assets.orchestration.asset.lateness import CHECK
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.tables_in_a_row import DAYS, DAYS_THERE, NOW, day, days, doubled, location, orders


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return location()


@pytest.fixture(scope="module")
def original(definitions: dg.Definitions, tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """Four weeks, of which ``daily`` is doubled on four days, and with it what is computed from them."""
    lake = TestLake(tmp_path_factory.mktemp("original") / "lake", definitions, now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    alone = lake.with_code(location(daily={"reports": []}))
    alone.publish(day(1), day(DAYS_THERE), table="daily")
    alone.plant(day(9), day(12), doubled, table="daily")
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lake.publish(day(1), day(22), table="weekly")
    return lake


@pytest.fixture
def lake(original: TestLake, tmp_path: Path) -> TestLake:
    return original.copy(tmp_path / "lake")


STALE = {"trailing": [str(one) for one in days(9, 14)], "weekly": [str(day(8))]}


def stale_in(told: Mapping[str, Any]) -> dict[str, list[str]]:
    return {one["table"]: one["days"] for one in told["stale"]}


def asked(lake: TestLake, monkeypatch: pytest.MonkeyPatch, *command: str) -> Mapping[str, Any]:
    """What a command answers about the lake."""
    import json
    import sys
    from types import ModuleType

    module = ModuleType("tables_in_a_row_defs")
    vars(module)["defs"] = lake.definitions
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("BACKFILL_DEFINITIONS", module.__name__)
    with lake.entered():
        ran = CliRunner().invoke(app, [*command, "--json"])
    return json.loads(ran.stdout)


def checked(lake: TestLake, table: str) -> dg.AssetCheckEvaluation | None:
    """What is told on an asset."""
    key = dg.AssetCheckKey(dg.AssetKey(table), CHECK)
    found = lake.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    event = found[key].event if key in found else None
    return event.dagster_event.event_specific_data if event and event.dagster_event else None


def test_correcting_it_alone_names_what_is_stale_everywhere(lake: TestLake, monkeypatch: pytest.MonkeyPatch):
    request = lake.folder / "request.yaml"
    request.write_text(f"table: daily\nwindow: {{first: {day(9)}, last: {day(12)}}}\nreason: Doubled.\n")
    assert stale_in(asked(lake, monkeypatch, "plan", str(request))) == STALE
    assert stale_in(asked(lake, monkeypatch, "preview", str(request), "--days", "2")) == STALE

    one = lake.correct(day(9), day(12), table="daily", reason="Doubled.")
    assert stale_in(asked(lake, monkeypatch, "status", one.id)) == STALE
    one.through()

    told = asked(lake, monkeypatch, "status", one.id)
    assert stale_in(told) == STALE
    assert all(each["stale_now"] for each in told["stale"])
    (opened,) = [notice for notice in one.notices if notice.event == "opened"]
    assert "6 days" in opened.body
    assert "downstream [trailing]" in opened.body
    (published,) = [notice for notice in one.notices if notice.event == "published"]
    assert "of trailing are stale" in published.body
    for table, stale in STALE.items():
        evaluation = checked(lake, table)
        assert evaluation is not None
        assert not evaluation.passed
        assert stale[0] in str(evaluation.description)
    assert checked(lake, "daily") is None


def test_the_proposed_correction_makes_it_right(lake: TestLake, monkeypatch: pytest.MonkeyPatch):
    lake.correct(day(9), day(12), table="daily", reason="Doubled.").through()
    for table in ("trailing", "weekly"):
        proposed = asked(lake, monkeypatch, "plan", "--stale", table)
        assert proposed["days"] == STALE[table]
        file = lake.folder / f"{table}.yaml"
        file.write_text(proposed["request"])
        opened = asked(lake, monkeypatch, "open", str(file))
        lake.correction(opened["correction"]).through()

    assert asked(lake, monkeypatch, "plan", "--stale", "weekly")["error"] == "NothingStale"
    for table in STALE:
        evaluation = checked(lake, table)
        assert evaluation is not None
        assert evaluation.passed


def test_what_corrected_days_were_computed_from_is_not_rolled_back(lake: TestLake):
    below = lake.correct(day(9), day(12), table="daily", reason="Doubled.")
    below.through()
    above = lake.correct(day(9), day(14), table="trailing", reason="Computed from doubled ones.")
    above.through()
    before = lake.rows("daily")

    with pytest.raises(ReadersCorrected, match=above.id) as refused:
        below.roll_back()

    assert_in_three_sentences(str(refused.value))
    assert lake.rows("daily").equals(before)
    above.roll_back()
    below.roll_back()
    assert not lake.rows("daily").equals(before)


def test_tables_that_read_it_and_were_never_published_are_no_hindrance(tmp_path: Path):
    lake = TestLake(tmp_path / "lake", location(daily={"reports": []}), now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    lake.publish(day(9), day(12), table="daily")
    right = lake.rows("daily")
    lake.plant(day(9), day(12), doubled, table="daily")

    one = lake.correct(day(9), day(12), table="daily", reason="Doubled.")
    one.through()
    assert lake.rows("daily").equals(right)
    one.roll_back()

    assert all("stale" not in notice.body for notice in one.notices)


def test_a_plan_says_what_goes_with_it_and_what_is_left_stale(lake: TestLake, monkeypatch: pytest.MonkeyPatch):
    request = lake.folder / "request.yaml"
    window = f"window: {{first: {day(9)}, last: {day(12)}}}"
    request.write_text(f"table: daily\n{window}\nreason: Doubled.\ndownstream: [trailing]\n")

    told = asked(lake, monkeypatch, "plan", str(request))
    opened = asked(lake, monkeypatch, "open", str(request))["correction"]
    standing = asked(lake, monkeypatch, "status", f"{opened}-2")

    assert [(one["correction"], one["table"]) for one in told["downstream"]] == [(f"{opened}-2", "trailing")]
    assert stale_in(told) == {"weekly": STALE["weekly"]}
    assert [one["table"] for one in standing["chain"]] == ["daily", "trailing"]
    assert standing["mixed"] == ""


CIRCLES: Mapping[str, Mapping[str, str]] = {
    "two tables": {"first": "second", "second": "first"},
    "three tables": {"first": "third", "second": "first", "third": "second"},
}
"""Which table each one reads."""


@pytest.mark.parametrize("reads", CIRCLES.values(), ids=CIRCLES.keys())
def test_a_circle_of_tables_is_refused_at_load_by_name(reads: Mapping[str, str]):
    def compute(source: Any) -> Any:
        return source

    declared: dict[str, Any] = {"partitions_def": DAYS, "keys": [], "measures": ["revenue"], "code_version": "v1"}
    decorate: Callable[..., Any] = correctable_asset
    made = {name: decorate(name=name, sources={"source": read}, **declared)(compute) for name, read in reads.items()}
    *others, (last, read) = reads.items()
    for name, source in others:
        build_correction_definitions(made[name], sources=[made[source]])

    with pytest.raises(TablesReadEachOther) as refused:
        build_correction_definitions(made[last], sources=[made[read]])

    assert_in_three_sentences(str(refused.value))
    assert {*made} <= {*str(refused.value).split()}
