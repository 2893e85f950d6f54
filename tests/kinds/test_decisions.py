"""A dangerous default: empty is never "all", and a machine's, a placeholder's or nobody's name is never a person's."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.events import fact_of
from backfill_assets.core.given import MACHINES, PLACEHOLDERS, is_person, is_same_person
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.deciding import ExtentContradictory, ExtentUnsaid, NameNeeded
from backfill_assets.errors.watermarks import WaiverUnsigned
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name, partitions_of
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook import abandon, approve, decommission, roll_back
from backfill_assets.runbook.opening import try_again
from backfill_assets.runbook.watermark_steps import waive_holder
from backfill_assets.storage import swap
from backfill_assets.storage.calendar import ClosedMonths
from tests.e2e.house import House
from tests.e2e.shop import open_shop
from tests.e2e.test_bad_input import assert_in_three_sentences, assert_refused
from tests.instances import instance_in
from tests.runbook.test_swapping import prepared
from tests.runbook.world import World, day

FACT = "fct_daily_revenue"
DAYS = Window(date(2026, 1, 5), date(2026, 1, 9))
NOBODY = [
    "",
    "  \t",
    "dagster",
    "Dagster ",
    "root",
    "<your name>",
    "Your name",
    "TODO",
    "N/A",
    "…",
    "?",
    "42",
    "\u200b",
]
NOBODY += ["fct_daily_revenue__nightly_schedule", "retention sweep", "command line", "renovate[bot]", "svc-etl", "None"]
PEOPLE = ["Ada", "Grace (finance)", "ada", "李娜", "J. R.", "ada@example.com", "Root Hansen", "Dr. Max Daemon", "Ö"]


@pytest.mark.parametrize("name", NOBODY)
def test_no_person_is_called(name: str) -> None:
    assert not is_person(name)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_person_may_be_called(name: str) -> None:
    assert is_person(name)


@given(
    st.sampled_from(sorted(MACHINES | PLACEHOLDERS)), st.sampled_from(["{}", " {} ", "<{}>", "[{}]", "{}.", "\u200b{}"])
)
def test_no_spelling_makes_a_machine_a_person(name: str, spelling: str) -> None:
    assert not is_person(spelling.format(name))
    assert not is_person(spelling.format(name.upper()))


@pytest.mark.parametrize("other", ["ada  lovelace", " Ada Lovelace\u200b", "ADA LOVELACE", "\uff21da Lovelace"])
def test_a_second_spelling_is_not_a_second_person(other: str) -> None:
    assert is_same_person("Ada Lovelace", other)


DECISIONS: dict[str, Callable[[World, str, str], object]] = {
    "approve": lambda world, correction, by: approve(world.step_context(by), correction, "looked"),
    "override": lambda world, correction, by: approve(world.step_context(by), correction, "looked", override=True),
    "roll back": lambda world, correction, by: roll_back(world.step_context(by), correction, all_days=True),
    "abandon": lambda world, correction, by: abandon(world.step_context(by), correction, "no"),
    "try again": lambda world, correction, by: try_again(world.step_context(by), correction),
    "decommission now": lambda world, correction, by: decommission(world.step_context(by), correction, now=True),
    "waive a reader": lambda world, correction, by: waive_holder(world.step_context(by), correction, "billing", "gone"),
    "close a month": lambda world, _, by: world.records.closed_months.close("2026-01", by=by, at=world.now),
    "reopen a month": lambda world, _, by: world.records.closed_months.reopen("2026-01", by=by, at=world.now),
}


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A correction that is live. Refusals leave it as it is."""
    world, correction = prepared(tmp_path_factory.mktemp("gated"))
    world.drive(correction)
    return world, correction


@pytest.mark.parametrize("by", ["", " ", "dagster", "<your name>"])
@pytest.mark.parametrize("decide", DECISIONS.values(), ids=DECISIONS)
def test_a_decision_needs_a_persons_name(gated: tuple[World, str], decide: Any, by: str) -> None:
    world, correction = gated
    before, months = world.records.ledger.events(correction), world.records.closed_months.current()

    with pytest.raises((NameNeeded, WaiverUnsigned)) as refused:
        decide(world, correction, by)

    assert refused.value.exit_code == 2
    assert_in_three_sentences(str(refused.value))
    assert world.records.ledger.events(correction) == before
    assert world.records.closed_months.current() == months


@pytest.mark.parametrize(
    ("said", "error"),
    [({}, ExtentUnsaid), ({"days": []}, ExtentUnsaid), ({"days": [day(7)], "all_days": True}, ExtentContradictory)],
)
def test_a_roll_back_says_how_far_it_goes(
    gated: tuple[World, str], said: dict[str, Any], error: type[BackfillAssetsError]
) -> None:
    world, correction = gated
    before = world.records.ledger.events(correction)

    with pytest.raises(error) as refused:
        roll_back(world.step_context(), correction, **said)

    assert_in_three_sentences(str(refused.value))
    assert world.records.ledger.events(correction) == before


def test_one_bad_month_of_two_closes_neither(gated: tuple[World, str]) -> None:
    world, _ = gated
    months: ClosedMonths = world.records.closed_months

    with pytest.raises(BackfillAssetsError):
        months.close("2026-02", "2026-13", by="Fay", at=world.now)

    assert "2026-02" not in months.current()


# ---- the forms and the command line


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """A house with a correction that waits for a person. Refusals leave it as it is."""
    house = open_shop(tmp_path_factory.mktemp("decisions") / "house", DAYS.days, "2026-01-24T06:00:00+00:00")
    return house, house.opened("2026-01-05", "2026-01-07")


def launched(house: House, correction: str, what: str, config: dict[str, Any] | None) -> RunResult:
    """A job of the UI, with the form as it is prefilled where no config is given."""
    job = manual_job_name(FACT, what)
    told = {"ops": {manual_op_name(FACT, what): {"config": config}}} if config is not None else {}
    with house.entered(), instance_in(house.home) as instance:
        instance.add_dynamic_partitions(partitions_of(FACT, what), [correction])
        return Runner(defs, instance).execute(defs.resolve_job_def(job), {}, key=correction, config=told)


BY = {"by": "Ada"}
FORMS: list[tuple[str, dict[str, Any] | None, str]] = [
    ("approve", None, "person's name"),
    ("approve", {"by": "", "note": "", "override": False}, "person's name"),
    ("approve", {"by": "dagster", "override": True, "note": "x"}, "person's name"),
    ("roll_back", None, "not stated which days"),
    ("roll_back", {"by": "", "note": "", "days": [], "all_days": False}, "not stated which days"),
    ("roll_back", {**BY, "days": []}, "not stated which days"),
    ("roll_back", {"all_days": True}, "person's name"),
    ("roll_back", {"days": ["2026-01-05"], "by": " "}, "person's name"),
    ("roll_back", {**BY, "days": ["2026-01-05"], "all_days": True}, "not both"),
    ("roll_back", {**BY, "days": ["2025-11-31"]}, "2025-11-31"),
    ("roll_back", {**BY, "days": ["2026-01-05", "20260106", "soon", ""]}, "'', '20260106', 'soon'"),
    ("roll_back", {**BY, "days": ["2026-W02-1"]}, "2026-W02-1"),
    ("roll_back", {**BY, "days": ["2026-01-05 "]}, "2026-01-05 "),
    ("abandon", None, "person's name"),
    ("try_again", None, "person's name"),
    ("decommission", {"now": True}, "person's name"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(("what", "config", "named"), FORMS)
def test_a_form_as_it_is_prefilled_or_filled_in_wrongly_changes_nothing(
    live: tuple[House, str], what: str, config: dict[str, Any] | None, named: str
) -> None:
    house, correction = live
    before = house.records.ledger.events(correction)

    ran = launched(house, correction, what, config)

    assert not ran.success
    assert ran.refusal is not None
    assert named in str(ran.refusal)
    assert ran.refusal.exit_code == 2
    assert_in_three_sentences(str(ran.refusal))
    assert house.records.ledger.events(correction) == before


COMMANDS: list[tuple[list[str], str]] = [
    (["approve", "ID"], "NameNeeded"),
    (["approve", "ID", "--by", "root"], "NameNeeded"),
    (["roll-back", "ID"], "ExtentUnsaid"),
    (["roll-back", "ID", "--by", "Ada"], "ExtentUnsaid"),
    (["roll-back", "ID", "--all"], "NameNeeded"),
    (["roll-back", "ID", "--all", "--day", "2026-01-05", "--by", "Ada"], "ExtentContradictory"),
    (["roll-back", "ID", "--day", "2025-11-31", "--by", "Ada"], "DaysUnreadable"),
    (["abandon", "ID"], "NameNeeded"),
    (["decommission", "ID", "--now"], "NameNeeded"),
    (["watermarks", "waive", "ID", "billing", "--by", "dagster", "--note", "x"], "WaiverUnsigned"),
    (["months", "--close", "2026-01"], "NameNeeded"),
    (["months", "--reopen", "2026-01", "--by", "ci"], "NameNeeded"),
    (["months", "--close", "2026-01", "--close", "2026-1", "--by", "Ada"], "MonthUnreadable"),
]


@pytest.mark.dagster
@pytest.mark.parametrize(
    ("command", "error"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_a_command_decides_nothing_by_default(live: tuple[House, str], command: list[str], error: str) -> None:
    house, correction = live
    before, runs = house.commits(), _runs(house)

    assert_refused(house.run(*(correction if word == "ID" else word for word in command)), error)

    assert house.commits() == before
    assert _runs(house) == runs, "a red run in the UI"


def _runs(house: House) -> int:
    with house.entered():
        return len(instance_in(house.home).get_run_ids())


def test_what_a_person_decided_is_brought_to_its_end_without_asking_again(tmp_path: Path) -> None:
    """A roll back of one day was planned when its process died; nobody's form does not make it one of all days."""
    world, correction = prepared(tmp_path)
    world.drive(correction)
    swaps = world.records.ledger.manifests(correction)[correction]
    half_done = swap.plan_roll_back(world.live.snapshot(), swaps, correction=correction, swap_count=2, days=[day(6)])
    detail = {"version": 2, "days": [str(day(6))], "note": "first"}
    world.step_context().record(correction, fact_of(Step.ROLL_BACK, Outcome.PLANNED, detail), manifest=half_done)

    event = roll_back(world.step_context("dagster"), correction)

    assert event.detail["days"] == [str(day(6))]
    assert day(7) in world.progress(correction).publication.swapped
