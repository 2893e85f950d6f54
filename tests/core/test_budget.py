"""A staging stops at a wave's boundary before it would exceed its budget, and goes on once that is raised."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core import facts
from backfill_assets.core.budget import Budget, budget_given
from backfill_assets.core.facts import Paced
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import NextStep, StageWaves, TakeSteps, WaitForRuns, next_step
from backfill_assets.core.pace import BudgetSpent, Paused, may_begin
from backfill_assets.core.plan import Approval, Member, Plan, PlannedCost, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import RunIsFree, holds
from backfill_assets.core.steps import WorkItem
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from tests.core.test_rate import DAYS, T0, asked, events

POLICY = WavePolicy(max_days=4, at_once=2, order=WaveOrder.OLDEST)
EXPECTED = 3600.0
"""The plan expects so many core-seconds of twenty days, which is 180 a day."""


def plan(budget: str = "", core_hour: str = "") -> Plan:
    request = Request("a", Window(DAYS[0], DAYS[-1]), "wrong", correction="a", waves=POLICY)
    price = Decimal(core_hour) if core_hour else None
    cost = PlannedCost(core_seconds=EXPECTED, core_hour=price)
    return Plan("a", replace(request, budget=budget_given(budget)), T0, "ada", PlannedInputs({"log": 1}), cost)


def progress(of: Plan, *told: facts.Fact) -> Progress:
    return fold(of, events(of, *((0.0, fact) for fact in told)))


def next_after(of: Plan, *told: facts.Fact) -> NextStep:
    return next_step(progress(of, *told), T0)


def staged(first: int, last: int, core_seconds: float) -> facts.DaysStaged:
    return facts.DaysStaged(DAYS[first - 1 : last], core_seconds=core_seconds)


def failed(first: int, last: int, core_seconds: float) -> facts.DaysFailed:
    return facts.DaysFailed(dict.fromkeys(DAYS[first - 1 : last], "broken"), core_seconds)


def waves_of(step: NextStep) -> int | None:
    return len(step.waves) if isinstance(step, StageWaves) else None


FIRST = staged(1, 4, 400.0)
# By budget and facts: how many of the waves may begin, of which two run at once.
BEGUN: dict[str, tuple[Plan, tuple[facts.Fact, ...], int | None]] = {
    "none": (plan(), (), 5),
    "more than all": (plan("2 core-hours"), (), 5),
    "exactly all, by the plan": (plan("1 core-hour"), (), 5),
    "four days, by the plan": (plan("0.2 core-hours"), (), 1),
    "seven days, by the plan": (plan("0.35 core-hours"), (), 1),
    "eight days, by the plan": (plan("0.4 core-hours"), (), 2),
    "three days, by the plan": (plan("0.15 core-hours"), (), None),
    "measured at 100 a day, four more days": (plan("0.23 core-hours"), (FIRST,), 1),
    "measured, and not one more": (plan("0.2 core-hours"), (FIRST,), None),
    "what failed has cost as well": (plan("0.3 core-hours"), (FIRST, failed(5, 8, 400.0)), None),
    "what is under way is counted": (plan("0.4 core-hours"), (asked(1, 4),), 1),
    "money at a price": (plan("2 XTS", "2"), (), 5),
    "money for half": (plan("1.01 XTS", "2"), (), 2),
    "raised": (plan("0.2 core-hours"), (FIRST, Paced(budget=budget_given("0.4 core-hours"))), 2),
    "raised twice, the last holds": (
        plan("0.2 core-hours"),
        (FIRST, *(Paced(budget=budget_given(f"{hours} core-hours")) for hours in ("9", "0.23"))),
        1,
    ),
    "lowered": (plan("2 core-hours"), (FIRST, Paced(budget=budget_given("0.1 core-hours"))), None),
    "another width leaves it": (plan("0.2 core-hours"), (FIRST, Paced(4)), None),
    "facts of before say no cost": (plan("0.2 core-hours"), (facts.DaysStaged(DAYS[:4]),), 1),
}


@pytest.mark.parametrize("what", BEGUN)
def test_a_wave_begins_while_the_budget_pays_for_it(what: str) -> None:
    of, told, wanted = BEGUN[what]

    assert waves_of(next_after(of, *told)) == wanted


def test_what_is_under_way_comes_to_its_end_first() -> None:
    of = plan("0.2 core-hours")

    assert next_after(of, asked(1, 4)) == WaitForRuns((asked(1, 4).request,))
    assert isinstance(next_after(of, asked(1, 4), staged(1, 4, 700.0)), BudgetSpent)


def test_it_says_what_was_spent_and_what_all_would_cost() -> None:
    hours, money = plan("0.2 core-hours"), plan("0.5 XTS", "2")

    assert next_after(hours, FIRST) == BudgetSpent(
        "The staging has cost 0.1111 core-hours of its budget of 0.2 core-hours, and is expected to cost "
        "0.5556 core-hours in all."
    )
    assert next_after(money, staged(1, 4, 900.0)) == BudgetSpent(
        "The staging has cost 0.5000 XTS of its budget of 0.5 XTS, and is expected to cost 2.50 XTS in all."
    )


TOLD = {0.0: "0.0000 XTS", 0.1: "less than 0.0001 XTS", 0.18: "0.0001 XTS", 1800.0: "1.00 XTS", 1e7: "5555.56 XTS"}


@pytest.mark.parametrize("core_seconds", TOLD)
def test_an_amount_is_told_in_the_unit_of_the_budget(core_seconds: float) -> None:
    assert Budget(Decimal(40), "XTS").told(core_seconds, Decimal(2)) == TOLD[core_seconds]


def test_a_pause_is_told_before_the_budget() -> None:
    assert next_after(plan("0.2 core-hours"), FIRST, Paced(paused=True)) == Paused("ada")


def test_what_comes_after_staging_goes_on_however_much_it_has_cost() -> None:
    assert isinstance(next_after(plan("0.2 core-hours"), staged(1, 20, 9_000.0)), TakeSteps)


def test_a_chain_has_one_budget() -> None:
    chain = (Member("a", "a"), Member("a-2", "b"))
    lead = replace(plan("0.4 core-hours"), inputs=PlannedInputs({"log": 1}, chain=chain))
    follower = replace(lead, correction="a-2", request=replace(lead.request, table="b"))
    following, waves = progress(follower), (Window(DAYS[0], DAYS[3]),)
    spent, raised = staged(1, 20, 1_300.0), Paced(budget=budget_given("9 core-hours"))

    assert may_begin(following, waves, [progress(lead)]) == waves
    assert isinstance(may_begin(following, waves, [progress(lead, spent)]), BudgetSpent)
    assert may_begin(following, waves, [progress(lead, spent, raised)]) == waves


WAVE = WorkItem(wave=Window(DAYS[4], DAYS[7]))
MEANWHILE: dict[str, tuple[facts.Fact, bool]] = {
    "nothing": (Paced(4), True),
    "a pause": (Paced(paused=True), False),
    "a budget that is spent": (Paced(budget=budget_given("0.1 core-hours")), False),
    "one that pays for it": (Paced(budget=budget_given("0.23 core-hours")), True),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_wave_that_was_decided_on_is_not_begun_against_what_came_meanwhile(what: str) -> None:
    meanwhile, begins = MEANWHILE[what]
    told = events(plan(), (0.0, FIRST), (0.0, meanwhile))
    asked_for = RunIsFree("a", fold(plan(), told).runs.next_key("a", WAVE), WAVE, T0)

    assert holds(asked_for, {"a": told}) is begins
    assert holds(replace(asked_for, launched=True), {"a": told})


STAGED_MEANWHILE: dict[str, tuple[tuple[int, int], bool]] = {
    "none of them": ((9, 12), True),
    "the first of them": ((1, 5), False),
    "the last of them": ((8, 12), False),
    "all of them": ((5, 8), False),
    "all days": ((1, 20), False),
}


@pytest.mark.parametrize("what", STAGED_MEANWHILE)
def test_a_wave_is_not_begun_when_another_driver_has_staged_days_of_it_meanwhile(what: str) -> None:
    """Two who know of other waves that came back cut the days in other places."""
    (first, last), begins = STAGED_MEANWHILE[what]
    told = events(plan(), (0.0, staged(first, last, 1.0)))
    asked_for = RunIsFree("a", fold(plan(), told).runs.next_key("a", WAVE), WAVE, T0)

    assert holds(asked_for, {"a": told}) is begins
    assert holds(replace(asked_for, launched=True), {"a": told})


HELD: dict[str, tuple[facts.Fact, bool]] = {
    "nothing": (Paced(4), True),
    "a pause": (Paced(paused=True), False),
    "a budget that is spent": (Paced(budget=budget_given("0.1 core-hours")), False),
    "one that does not pay for the next wave": (Paced(budget=budget_given("0.15 core-hours")), False),
    "one that pays for it": (Paced(budget=budget_given("0.23 core-hours")), True),
}


@pytest.mark.parametrize("what", HELD)
def test_nightly_waits_for_no_correction_that_a_person_has_to_let_go_on(what: str) -> None:
    by, waits = HELD[what]
    of = replace(plan(), request=replace(plan().request, approval=Approval.AUTOMATIC))
    found = progress(of, FIRST, by)

    assert replace(found, staging=replace(found.staging, extended=True)).claims_later is waits


GIVEN: dict[str, str | None] = {
    "40 XTS": "40 XTS",
    "2.5 core-hours": "2.5 core-hours",
    "1 core-hour": "1 core-hour",
    "1core-hours": "1 core-hour",
    "40": None,
    "XTS 40": None,
    "40 xts": None,
    "-1 XTS": None,
    "0 XTS": None,
    "0.000 core-hours": None,
    "1e9 XTS": None,
    "nan XTS": None,
    "40 dollars": None,
    "1,000 XTS": None,
    "": None,
}


@pytest.mark.parametrize("text", GIVEN)
def test_a_budget_is_an_amount_and_a_unit(text: str) -> None:
    found = budget_given(text)

    assert (str(found) if found else None) == GIVEN[text]
    assert found is None or Budget.from_json(found.as_json()) == found


@given(
    st.floats(0.02, 2.0),
    st.lists(st.floats(20.0, 500.0), min_size=20, max_size=20),
    st.integers(1, 4),
)
def test_what_is_spent_exceeds_no_budget_by_more_than_days_cost_beyond_the_mean(
    hours: float, costs: list[float], at_once: int
) -> None:
    """Days cost what they do; a wave begins only when as many days of the mean so far still fit."""
    budget = Budget(Decimal(f"{hours:.6f}"), "core-hours")
    of = plan()
    of = replace(of, request=replace(of.request, budget=budget, waves=replace(POLICY, at_once=at_once)))
    told: list[facts.Fact] = []
    while isinstance(step := next_after(of, *told), StageWaves):
        before = progress(of, *told).staging.spent
        begun = [day for wave in step.waves[: step.at_once] for day in wave]
        a_day = before.core_seconds / before.days if before.days else EXPECTED / len(DAYS)
        assert before.core_seconds + a_day * len(begun) <= budget.core_seconds(None) + 1e-6
        told += [facts.DaysStaged((day,), core_seconds=costs[DAYS.index(day)]) for day in begun]
    assert isinstance(step, BudgetSpent) or not progress(of, *told).missing


LONG = WorkItem(wave=Window(DAYS[0], DAYS[-1]))
OF_LONG: dict[str, bool] = {
    "1 core-hours": True,
    "0.99 core-hours": False,
    "0.8 core-hours": False,
    "0.1 core-hours": False,
}


@pytest.mark.parametrize("budget", OF_LONG)
def test_a_wave_longer_than_usual_is_begun_whole_or_not_at_all_where_a_budget_came_meanwhile(budget: str) -> None:
    """Twenty days that nobody had limited are expected to cost a core-hour."""
    left_open = replace(plan(), request=replace(plan().request, waves=WavePolicy(at_once=1, order=WaveOrder.OLDEST)))
    told = events(left_open, (0.0, Paced(budget=budget_given(budget))))
    asked_for = RunIsFree("a", fold(left_open, told).runs.next_key("a", LONG), LONG, T0)

    assert holds(asked_for, {"a": told}) is OF_LONG[budget]
