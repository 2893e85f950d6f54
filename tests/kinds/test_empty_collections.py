"""A list that is empty works all the way: gate, page, notices, command line, roll back, audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets.command_line import app
from backfill_assets.core.audited import conclude, days_to_recompute
from backfill_assets.core.comparison import compare
from backfill_assets.core.figures import Figures, figures
from backfill_assets.core.onset import findings
from backfill_assets.core.sampling import sample_size, sampling_order
from backfill_assets.core.waves import WavePolicy, ordered_waves
from tests.kinds.stranger import FACTOR, ORDERS, Stranger, days, location, orders, stranger_at

THREE = days(3)
NOTHING = pl.DataFrame(schema=ORDERS)


@dataclass(frozen=True)
class Case:
    """What is declared and asked, what live was computed from, and what the log holds now."""

    declared: Mapping[str, Any] = field(default_factory=dict[str, Any])
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    before: pl.DataFrame = field(default_factory=lambda: orders(THREE))
    after: pl.DataFrame = field(default_factory=lambda: orders(THREE))


CASES: dict[str, Case] = {
    "no measures": Case({"measures": []}, {"expect": {"columns": ["revenue"], "same_rows": True}}),
    "no keys": Case({"keys": []}, {"expect": {"same_rows": True, "max_change_total": "90%"}}),
    "no reports": Case({"reports": []}, {"watchers": [], "expect": {}}),
    "no sources": Case({"sources": []}, {"expect": {}, "watchers": []}),
    "nothing but the day": Case(
        {"keys": [], "measures": [], "reports": [], "sources": []}, {"watchers": [], "expect": {}}
    ),
    "no rows before": Case({"measures": []}, {}, before=NOTHING),
    "no rows any more": Case({}, {}, after=NOTHING),
}


@pytest.mark.dagster
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_correction_with_an_empty_list_goes_all_the_way(tmp_path: Path, case: Case) -> None:
    with stranger_at(tmp_path, location(**case.declared)) as found:
        wrongly_published(found, case.before)
        wrong = found.live.scan().collect()
        if not case.after.equals(case.before):
            found.land(case.after, THREE)

        asked = found.house.request(THREE[0], THREE[-1], table="daily_orders", **case.asked)
        planned = CliRunner().invoke(app, ["plan", str(asked)])
        assert planned.exit_code == 0, planned.output
        name = found.through(THREE[0], THREE[-1], **case.asked)

        page = found.house.root / f"published/corrections/{name}/index.html"
        assert "Checks" in page.read_text()
        assert found.live.days == set(THREE)
        assert not found.live.scan().collect().equals(wrong)
        for command in (["status", name], ["status"], ["notices", name], ["watermarks", "list"]):
            ended = CliRunner().invoke(app, command)
            assert ended.exit_code == 0, ended.output
        assert found.house.run("roll-back", name, "--all", "--by", "Ada").code == 0
        assert found.live.scan().collect().sort("day", *wrong.columns).equals(wrong.sort("day", *wrong.columns))


def wrongly_published(stranger: Stranger, rows: pl.DataFrame) -> None:
    """Days published by wrong code."""
    stranger.land(rows, THREE)
    FACTOR[0] = 3
    try:
        stranger.publish(THREE)
    finally:
        FACTOR[0] = 1


@pytest.mark.dagster
def test_days_without_a_row_on_either_side_change_nothing(tmp_path: Path) -> None:
    clauses = {"columns": [], "same_rows": True, "unchanged_where": "market = 'EU'", "max_change_total": "0%"}
    with stranger_at(tmp_path, location()) as found:
        found.land(NOTHING, THREE)
        found.publish(THREE)
        opened = found.ask("open", THREE[0], THREE[-1], expect=clauses, approval="automatic")
        name = str(opened.told["correction"])

        ran = found.house.run("run", name)

        assert ran.told["waits_for"] in {"nothing", "time"}, ran.text
        assert all(check["passed"] for check in found.checks(name).values())
        assert (found.house.root / f"published/corrections/{name}/index.html").exists()


def test_what_is_computed_of_nothing_is_nothing() -> None:
    rows = orders(THREE).lazy()
    none = rows.head(0)
    by_rows = figures(none, rows, keys=["market"], measures=[], days=THREE)

    assert compare(none, none, keys=[], measures=[]).agrees
    assert by_rows.main_measure is None
    assert by_rows.largest_day(None) is not None
    assert [line.name for line in by_rows.keys["market"]] == ["EU", "US"]
    assert figures(none, none, keys=[], measures=[], days=[]).mean_absolute_share(None) == 0
    assert Figures.from_json(by_rows.as_json()) == by_rows
    assert findings("orders", []) == ()
    assert days_to_recompute([], 5, "a") == []
    assert conclude("orders", "a", "v1", [], []).sentence == "No day is published yet."
    empty = pl.DataFrame(schema={"day": pl.Date, "market": pl.String})
    assert sampling_order(empty, keys=["day", "market"], strata=["market"], seed="a").is_empty()
    assert sample_size(empty, strata=["market"], days=0) == 0
    assert ordered_waves([], WavePolicy()) == ()
