"""What Dagster itself shows of a correction: everywhere the way to the console, and without one all that it would show.

Every event of a whole correction is asked, so whatever is logged next is asked as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.steps import NINE_STEPS, Step
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.testing import TestLake
from tests.kinds.stranger import NOW, TABLE, days, location, orders

pytestmark = pytest.mark.dagster

DAYS = [str(day) for day in days(6)]
CONSOLES = {"named": "http://console.example.org/", "without a scheme": "console.example.org", "none": ""}
Told = Mapping[str, dg.MetadataValue]


@dataclass(frozen=True)
class Shown:
    """An event's metadata, and what it is of: an asset key's last part, the check's name, or an op."""

    of: str
    kind: str
    told: Told

    def read(self, name: str) -> str:
        """A value as it is to be read."""
        value = self.told[name]
        assert isinstance(value, dg.MarkdownMetadataValue), (self.of, name, value)
        return value.md_str or ""


def shown(lake: TestLake) -> Iterator[Shown]:
    """Whatever was logged with metadata, oldest first."""
    for run in reversed(lake.instance.get_runs()):
        for entry in lake.instance.all_logs(run.run_id):
            if (event := entry.dagster_event) is None:
                continue
            if event.is_step_materialization:
                one = event.step_materialization_data.materialization
                yield Shown("/".join(one.asset_key.path), "materialization", one.metadata)
            elif event.is_asset_observation:
                one = event.asset_observation_data.asset_observation
                if one.metadata:
                    yield Shown("/".join(one.asset_key.path), "observation", one.metadata)
            elif event.event_type_value == "ASSET_CHECK_EVALUATION":
                one = event.asset_check_evaluation_data
                yield Shown(one.check_name, "check", one.metadata)
            elif event.is_successful_output and event.step_output_data.metadata:
                yield Shown(str(event.step_key), "output", event.step_output_data.metadata)


@pytest.fixture(scope="module", params=["named", "none"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Sequence[Shown]]]:
    """The console, the correction's id, and what Dagster shows of it: overridden, live, taken back and abandoned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKFILL_CONSOLE", CONSOLES[request.param])
        lake = TestLake(tmp_path_factory.mktemp("shown") / "lake", location(reports=[]), now=NOW)
        lake.write("orders_log", orders(days(6)))
        lake.publish(DAYS[0], DAYS[-1])
        lake.plant(DAYS[1], DAYS[3], lambda rows: rows.with_columns(pl.col("revenue") * 2))
        published = len([*shown(lake)])
        one = lake.correct(DAYS[0], DAYS[4], reason="Counted twice.", expect={"max_change_total": "0.1%"})
        one.drive()
        one.approve("Known.", override=True)
        one.cut_over()
        one.roll_back(DAYS[3:4], note="Too early.")
        one.roll_back(note="All of it.")
        one.abandon(note="Another way.")
        yield CONSOLES[request.param], one.id, [*shown(lake)][published:]


def test_every_page_is_an_address_that_a_browser_opens(told: tuple[str, str, Sequence[Shown]]):
    console, correction, events = told
    pages = [value for event in events for name, value in event.told.items() if name == "page"]
    assert all(isinstance(page, dg.UrlMetadataValue) for page in pages)
    expected = {f"http://console.example.org/corrections/{correction}/"} if console else set()
    assert {page.value for page in pages} == expected


def test_where_there_is_a_console_everything_that_is_shown_of_a_correction_leads_to_it(
    told: tuple[str, str, Sequence[Shown]],
):
    console, _, events = told
    ours = [event for event in events if event.kind != "check" or "offending_days" in event.told]
    assert {event.of.rpartition("/")[2] for event in ours} >= {Step.VALIDATE, Step.CUT_OVER, TABLE}
    if console:
        assert [event for event in ours if "page" not in event.told] == []


def _of(events: Sequence[Shown], name: str) -> Shown:
    return next(event for event in events if name in event.of and "totals" in event.told)


def test_without_one_dagster_shows_the_days_the_totals_and_the_checks(told: tuple[str, str, Sequence[Shown]]):
    _, _, events = told
    validated, swapped = _of(events, f"/{Step.VALIDATE}"), _of(events, f"/{Step.CUT_OVER}")
    back, rest = [event for event in events if Step.ROLL_BACK in event.of and "totals" in event.told]
    for event in (validated, swapped):
        assert "| FAILED | change_total |" in event.read("checks")
    assert "| revenue | 1,600 | 1,000 | -600 | 37.5% |" in validated.read("totals")
    assert "| revenue | 1,200 | 600 | -600 | 50% |" in swapped.read("totals")
    assert "| revenue | 200 | 400 | +200 | 100% |" in back.read("totals")
    assert "| revenue | 400 | 800 | +400 | 100% |" in rest.read("totals")
    for event, moved in ((validated, DAYS[1:4]), (swapped, DAYS[1:4]), (back, DAYS[3:4]), (rest, DAYS[1:3])):
        table = event.read("largest_days")
        assert [day for day in DAYS if f"| {day} |" in table] == moved


@pytest.mark.parametrize("console", CONSOLES.values())
def test_descriptions_lead_to_the_console(console: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKFILL_CONSOLE", console)
    graph = location().resolve_asset_graph()
    keys = [dg.AssetKey(TABLE), dg.AssetKey(["backfill", TABLE]), *(step_key(TABLE, step) for step in NINE_STEPS)]
    link = "[the console](http://console.example.org/)" if console else " the console"
    assert [key.to_user_string() for key in keys if link not in (graph.get(key).description or "")] == []
