"""What ``status`` prints fits a terminal of eighty columns, says where to look, and leaves nothing out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from backfill_assets.command_line.status import print_ended, print_statuses, status_json
from backfill_assets.core.chain import WaitForChain
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRate,
    WaitForRuns,
    WaitUntil,
)
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.window import Window
from backfill_assets.runbook.standing import Standing
from tests.core.test_next_step import DAYS, LIVE, REBUILT, folded, plan

WIDTH = 80
NOW = datetime(2026, 2, 6, 7, 30, tzinfo=UTC)
LONG = "fct_daily_revenue_by_country_and_channel_of_the_second_house"
REASON = "The FX join used the rate of the previous day. " * 4
STEPS: Sequence[NextStep] = (
    TakeSteps((Step.FREEZE_REPORTS, Step.VERIFY_SOURCE, Step.RESET_WATERMARKS)),
    StageWaves((Window(DAYS[0], DAYS[-1]),), 2),
    RebuildReports({LONG: ("2026-01-01",)}),
    WaitForRuns(tuple(f"20260123_12/wave/2026-01-0{day}..2026-01-0{day}" for day in range(1, 7))),
    WaitForRate(LONG, 12.5, NOW),
    WaitForNightly(LONG, NOW, NOW),
    WaitForChain("20260123_11", f"Correction 20260123_12 waits for 20260123_11 of {LONG}, which is cut over first."),
    WaitForPerson("Correction 20260123_12 is validated and waits for approval."),
    Paused("Grace (finance), month end is on its way"),
    BudgetSpent("The staging has cost 2 core-hours of its budget of 2 core-hours, and is expected to cost 3 in all."),
    WaitUntil(NOW, frozenset({LONG, "billing"})),
    Stuck(Step.VALIDATE, f"{LONG}__backfill_20260123_12 differs from live beyond the expectation. " * 3),
    *(Finished(ending) for ending in Ending),
)
TABLES = {"short": "sales", "long": LONG, "longer than a line": "t" * 128}


def standing(step: NextStep, table: str = "sales", name: str = "20260123_12") -> Standing:
    """A correction that is live, of a table, whose next step is this."""
    told = (*LIVE, *REBUILT)
    request = replace(plan().request, table=table, reason=REASON)
    progress = folded(told, replace(plan(), request=request, correction=name))
    events = [
        Event(name, fact_of(*one), NOW + timedelta(minutes=number), "Grace (finance)", "", number)
        for number, one in enumerate(told)
    ]
    return Standing(progress, tuple(events), step)


def printed(found: Sequence[Standing], *, whole: bool) -> str:
    into = StringIO()
    print_statuses(Console(file=into, width=WIDTH, markup=False, highlight=False), found, whole=whole)
    return into.getvalue()


def test_there_is_a_case_of_every_kind_of_next_step() -> None:
    assert {type(step) for step in STEPS} == {*get_args(NextStep)}


@pytest.fixture(params=["console", "page", "none"])
def shown(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a correction is shown: in the console, in a file below the folder, or nowhere."""
    monkeypatch.setenv("BACKFILL_CONSOLE", "http://127.0.0.1:3001/" if request.param == "console" else "")
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.chdir(tmp_path)
    page = Path("published/corrections/20260123_12/index.html")
    if request.param == "page":
        page.parent.mkdir(parents=True)
        page.touch()
    return {"console": "http://127.0.0.1:3001/corrections/20260123_12/", "page": str(page), "none": ""}[request.param]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_every_state_fits_and_says_where_to_look(name: str, shown: str, *, whole: bool) -> None:
    for step in STEPS:
        found = standing(step, TABLES[name])
        told = printed([found], whole=whole)

        assert max(map(len, told.splitlines())) <= WIDTH
        sentence = status_json(found)["sentence"].split()
        assert "".join(sentence) in "".join(told.split())
        assert TABLES[name] in "".join(told.split())
        assert not shown or [line.strip() for line in told.splitlines() if line.strip()][-1] == shown
        assert status_json(found)["page"] == shown


def test_several_corrections_stand_below_each_other(shown: str) -> None:
    names = ["20260123", "20260123_2", "20260123_12"]

    told = printed([standing(step, LONG, name) for name in names for step in STEPS[:1]], whole=False)

    assert max(map(len, told.splitlines())) <= WIDTH
    assert [line.split()[0] for line in told.splitlines() if line.startswith("2026")] == names
    assert (shown in told) is True


def test_one_correction_shows_everything_that_happened_with_its_own_time(shown: str) -> None:
    found = standing(STEPS[-1])

    told = printed([found], whole=True)

    assert shown in told
    for event in found.events:
        assert f"{event.at:%Y-%m-%d %H:%M:%S}  " in told


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_where_somebody_has_to_look_the_end_of_a_run_says_where(step: NextStep, shown: str) -> None:
    into = StringIO()

    print_ended(Console(file=into, width=WIDTH, markup=False, highlight=False), "20260123_12", step)

    needs_somebody = isinstance(step, WaitForPerson | Paused | BudgetSpent | Stuck)
    assert (into.getvalue().splitlines()[-1] == shown) is (needs_somebody and shown != "")
