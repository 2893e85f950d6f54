"""A correction with a budget: how far it goes, what it says, what it has cost; and budgets that cannot be kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backfill_assets.core.facts import DaysStaged, StagingCompleted
from backfill_assets.core.next_step import WaitForPerson
from backfill_assets.core.pace import BudgetSpent
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook.pacing import budget_of, pace
from backfill_assets.runbook.storage_prices import VARIABLE
from backfill_assets.testing import TestLake
from backfill_assets.testing.correction import TestCorrection
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.tables_in_a_row import DAYS_THERE, NOW, day, days, doubled, location, orders

pytestmark = pytest.mark.dagster

WAVES = {"max_days": 2, "at_once": 1, "order": "oldest"}
PRICES = """
currency = "XTS"
as_of = "2026-01-01"
source = "A contract."
raw = "cold"
[tiers]
cold = "0.02"
[broker]
copies = 3
disk = "0.08"
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """Four weeks of a table of orders, of which six days are doubled."""
    lake = TestLake(tmp_path_factory.mktemp("original") / "lake", location(daily={"reports": []}), now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    lake.publish(day(1), day(DAYS_THERE), table="daily")
    lake.plant(day(1), day(6), doubled, table="daily")
    return lake


@pytest.fixture
def lake(original: TestLake, tmp_path: Path) -> TestLake:
    return original.copy(tmp_path / "lake")


def opened(lake: TestLake, budget: str = "") -> TestCorrection:
    told = {"budget": budget} if budget else {}
    return lake.correct(day(1), day(6), table="daily", reason="Wrong.", waves=WAVES, **told)


def raised(lake: TestLake, correction: TestCorrection, budget: str) -> None:
    ctx = lake.definition("daily").step_context(lake.lake, "ada")
    pace(ctx, correction.id, budget=budget_of(budget))


def test_what_staging_cost_is_in_the_ledger_beside_what_was_expected(lake: TestLake) -> None:
    first = opened(lake)
    first.to_gate()

    facts = [event.fact for event in lake.records.ledger.events(first.id)]
    staged = [fact for fact in facts if isinstance(fact, DaysStaged)]
    (completed,) = [fact for fact in facts if isinstance(fact, StagingCompleted)]
    assert len(staged) == 3
    assert min(fact.core_seconds for fact in staged) > 0
    assert completed.core_seconds == pytest.approx(sum(fact.core_seconds for fact in staged), abs=0.01)
    assert completed.expected == first.progress.plan.cost.core_seconds > 0
    assert f"for {completed.core_seconds:,.1f} core-seconds of" in completed.summary()

    first.through()
    again = opened(lake).progress.plan
    assert again.cost.core_seconds == pytest.approx(completed.core_seconds, abs=0.01)  # six days, measured


def test_a_correction_stops_at_its_budget_and_goes_on_once_it_is_raised(lake: TestLake) -> None:
    before = lake.rows("daily")
    correction = opened(lake, "0.000001 core-hours")

    waits = correction.drive()

    assert isinstance(waits, BudgetSpent), waits
    assert correction.progress.missing == frozenset(days(1, 6))
    raised(lake, correction, "1 core-hours")
    assert isinstance(correction.drive(), WaitForPerson)
    assert lake.rows("daily").equals(before)
    correction.through()


def begun(original: TestLake, folder: Path) -> tuple[TestLake, TestCorrection]:
    """A correction of six days whose driver was killed between its first wave and its last."""
    for number in range(6, 40):
        lake = original.copy(folder / f"killed-at-{number}")
        correction = opened(lake, "9 core-hours")
        with lake.killed_at_write(number):
            correction.drive()
        if correction.progress.staging.staged:
            return lake, correction
    raise AssertionError("no day was staged")


def test_it_stops_between_two_waves(original: TestLake, tmp_path: Path) -> None:
    lake, correction = begun(original, tmp_path)
    before = correction.progress.staging.staged
    assert before < frozenset(days(1, 6))
    raised(lake, correction, "0.000001 core-hours")

    waits = correction.drive()

    assert isinstance(waits, BudgetSpent), waits
    assert correction.progress.staging.staged == before
    assert "of its budget of 0.000001 core-hours" in waits.told
    raised(lake, correction, "9 core-hours")
    correction.through()


def test_a_budget_of_money_is_counted_at_the_price_that_the_plan_keeps(
    lake: TestLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(f'{PRICES}[compute]\ncore_hour = "36"\n')  # 1 for a hundred seconds
    monkeypatch.setenv(VARIABLE, str(prices))
    correction = opened(lake, "0.000001 XTS")
    prices.write_text(f'{PRICES}[compute]\ncore_hour = "0.000001"\n')

    waits = correction.drive()

    assert isinstance(waits, BudgetSpent), waits
    assert waits.told.endswith(" XTS in all.")
    raised(lake, correction, "40 XTS")
    assert isinstance(correction.drive(), WaitForPerson)


def dearer(lake: TestLake, budget: str) -> None:
    correction = opened(lake)
    raised(lake, correction, budget)


def follower(lake: TestLake, _budget: str) -> None:
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lead = lake.correct(day(1), day(2), reason="Wrong.", table="daily", downstream=["trailing"])
    ctx = lake.definition("trailing").step_context(lake.lake, "ada")
    pace(ctx, f"{lead.id}-2", budget=budget_of("2 core-hours"))


# By what is done: with which budget, and what is told.
REFUSED: dict[str, tuple[Callable[[TestLake, str], object], str, str]] = {
    "no unit": (opened, "40", "It takes an amount and its unit"),
    "an amount in words": (opened, "forty core-hours", "It takes an amount and its unit"),
    "nothing": (opened, "0 core-hours", "It takes an amount and its unit"),
    "a currency without a price": (opened, "40 XTS", "the prices are in [A-Z]{3}"),
    "raised to no budget": (dearer, "more", "'more' is no budget"),
    "raised in money that it was not opened with": (dearer, "40 XTS", "was opened without a price in XTS"),
    "raised of a follower": (follower, "", "its budget is that of correction"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_budget_that_cannot_be_kept_is_refused(what: str, lake: TestLake) -> None:
    do, budget, why = REFUSED[what]

    with pytest.raises(BackfillAssetsError, match=why) as refused:
        do(lake, budget)

    assert_in_three_sentences(str(refused.value))


def test_prices_without_one_for_computing_say_so(
    lake: TestLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices.toml").write_text(PRICES)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "prices.toml"))

    with pytest.raises(BackfillAssetsError, match="have none for a core for an hour"):
        opened(lake, "40 XTS")
    assert not lake.records.ledger.histories()
