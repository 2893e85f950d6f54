"""Since when a table and a ledger disagree: runs, causes, and how sure the onset is."""

from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.onset import (
    MOST_AGREEING,
    Cause,
    Observation,
    findings,
    onset_confidence,
    tolerance_of,
)
from backfill_assets.core.slots import Grain, Hour

FIRST = date(2026, 1, 5)  # a Monday


def day(offset: int) -> date:
    return FIRST + timedelta(days=offset)


def observed(pattern: str, group: str = "EUR", cause: Cause = Cause.AMOUNTS) -> list[Observation]:
    """One observation a character: ``x`` differs by 1, ``=`` agrees, a blank is a day without rows."""
    return [
        Observation(day(offset), group, Decimal(mark == "x"), cause if mark == "x" else None)
        for offset, mark in enumerate(pattern)
        if mark != " "
    ]


def test_nothing_differs_and_nothing_is_found():
    assert findings("fact", observed("=== ====")) == ()


def test_sundays_that_agree_do_not_divide_a_run():
    (found,) = findings("fact", observed("=====" + "xxxxx =" * 3))

    assert (found.since, found.last, len(found.days)) == (day(5), day(5 + 18), 15)
    assert found.groups == ("EUR",)


def test_days_without_rows_are_no_evidence_and_do_not_divide_a_run():
    (found,) = findings("fact", observed("==xx" + " " * 30 + "xx"))

    assert (found.since, found.last) == (day(2), day(35))


def test_a_working_week_that_agrees_ends_a_run():
    early, late = findings("fact", observed("xx" + "=" * MOST_AGREEING + "xx"))

    assert (early.last, late.since) == (day(1), day(2 + MOST_AGREEING))


def test_currencies_of_one_cause_are_one_finding():
    (found,) = findings("fact", observed("==xxx", "EUR") + observed("===xx", "GBP") + observed("=====", "USD"))

    assert found.groups == ("EUR", "GBP")
    assert found.since == day(2)


def test_other_causes_are_other_findings():
    found = findings("fact", observed("xxx", "EUR") + observed("  x", "GBP", Cause.ROWS))

    assert [one.cause for one in found] == [Cause.AMOUNTS, Cause.ROWS]


def test_differences_that_cancel_are_added_up_without_sign():
    up, down = (Observation(day(n), "EUR", Decimal(n * 2 - 1), Cause.AMOUNTS) for n in (0, 1))

    (found,) = findings("fact", [up, down])

    assert (found.net, found.difference) == (Decimal(0), Decimal(2))


def test_the_onset_is_surer_the_more_days_show_it_and_never_surer_than_certain():
    every_day = onset_confidence([day(n) for n in range(20)], [day(n) for n in range(10, 20)], day(10))
    some_days = onset_confidence([day(n) for n in range(20)], [day(n) for n in range(10, 20, 2)], day(10))

    assert 0 < some_days < every_day < 1


def test_an_onset_on_the_first_day_of_all_has_nothing_before_it():
    assert onset_confidence([day(0), day(1)], [day(0)], day(0)) == 1.0


def test_a_tolerance_is_the_currencys_own_before_that_of_all_others():
    tolerances = {"*": Decimal(1), "JPY": Decimal(100)}

    assert [tolerance_of(tolerances, name) for name in ("JPY", "EUR")] == [Decimal(100), Decimal(1)]
    assert tolerance_of({}, "EUR") == 0


@given(st.text("=x ", max_size=60))
def test_every_day_that_differs_is_in_exactly_one_finding(pattern: str):
    found = findings("fact", observed(pattern))

    days = [one for finding in found for one in finding.days]
    assert sorted(days) == [one.day for one in observed(pattern) if one.cause]
    assert all(0 < finding.confidence <= 1 and finding.since <= finding.last for finding in found)


@pytest.mark.parametrize("grain", Grain)
def test_a_finding_is_of_the_slots_of_its_table(grain: Grain) -> None:
    first = Hour(2026, 1, 1, 22, tzinfo=UTC) if grain is Grain.HOUR else date(2026, 1, 1)
    slots = [*grain.between(first, grain.after(first, 8))]
    wrong = slots[3:6]
    seen = [
        Observation(slot, "EUR", Decimal(slot in wrong), Cause.AMOUNTS if slot in wrong else None) for slot in slots
    ]

    (found,) = findings("fact", seen, grain)

    assert found.window.grain is grain
    assert list(found.window) == wrong
