"""Reading what a correction is expected to change."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.condition import rows_where
from backfill_assets.core.expectation import Estimate, Expectation
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.validation import (
    ClauseUnknown,
    ConditionUnusable,
    ExpectationContradictory,
    ExpectationUnreadable,
    ExpectedColumnsUnknown,
    KeysCannotDiffer,
    ShareAmbiguous,
)
from tests.scenarios_comparison import KEYS, MEASURES, SCHEMA, corrected, frame


def fx_expectation() -> dict[str, Any]:
    return {
        "columns": ["revenue_usd", "rate"],
        "same_rows": True,
        "unchanged_where": "currency = 'USD'",
        "max_change_per_day": "2%",
        "max_change_total": "0.5%",
        "sign": "up",
        "estimate": {"measure": "revenue_usd", "total": "15.80", "tolerance": "5%"},
    }


def test_every_clause_is_read_exactly() -> None:
    expectation = Expectation.from_request(fx_expectation())

    assert expectation.columns == ("revenue_usd", "rate")
    assert expectation.max_change_total == Decimal("0.005")
    assert expectation.estimate == Estimate("revenue_usd", Decimal("15.80"), tolerance=Decimal("0.05"))
    assert not expectation.is_empty


def test_what_it_writes_it_reads() -> None:
    days = {"measure": "amount", "days": {date(2026, 1, 2): 3, "2026-01-03": -1}}
    for clauses in (fx_expectation(), {"columns": []}, {"max_change_per_day": "250%"}, {"estimate": days}, {}):
        expectation = Expectation.from_request(clauses)
        assert Expectation.from_request(expectation.as_json()) == expectation


@given(st.decimals(0, 1000, places=6))
def test_a_percentage_survives_writing_and_reading(percent: Decimal) -> None:
    expectation = Expectation.from_request({"max_change_total": f"{percent:f}%"})

    assert Expectation.from_request(expectation.as_json()) == expectation
    assert expectation.max_change_total == percent / 100


def test_nothing_declared_is_empty() -> None:
    assert Expectation.from_request({}).is_empty
    assert Expectation.from_request({"same_rows": False, "columns": None}).is_empty
    assert Expectation.from_request({}).as_json() == {}
    assert not Expectation.from_request({"columns": []}).is_empty


@pytest.mark.parametrize(
    ("clauses", "refusal"),
    [
        ({"max_changes": "2%"}, ClauseUnknown),
        ({"estimate": {"measure": "amount", "sum": 3}}, ClauseUnknown),
        ({"max_change_per_day": 2}, ShareAmbiguous),
        ({"max_change_per_day": "1"}, ShareAmbiguous),
        ({"max_change_per_day": "-2%"}, ExpectationUnreadable),
        ({"max_change_per_day": "two"}, ExpectationUnreadable),
        ({"max_change_per_day": True}, ExpectationUnreadable),
        ({"max_change_per_day": float("nan")}, ExpectationUnreadable),
        ({"columns": "revenue_usd"}, ExpectationUnreadable),
        ({"columns": [1]}, ExpectationUnreadable),
        ({"same_rows": "yes"}, ExpectationUnreadable),
        ({"sign": "higher"}, ExpectationUnreadable),
        ({"sign": ["up"]}, ExpectationUnreadable),
        ({"unchanged_where": ""}, ExpectationUnreadable),
        ({"unchanged_where": "currency = = 'USD'"}, ConditionUnusable),
        ({"unchanged_where": "true) OR (true LIMIT 1"}, ConditionUnusable),
        ({"estimate": {"measure": "amount"}}, ExpectationUnreadable),
        ({"estimate": {"total": 3}}, ExpectationUnreadable),
        ({"estimate": 15}, ExpectationUnreadable),
        ({"estimate": {"measure": "amount", "total": "NaN"}}, ExpectationUnreadable),
        ({"estimate": {"measure": "amount", "days": {"January": 1}}}, ExpectationUnreadable),
        ({"estimate": {"measure": "amount", "days": {datetime(2026, 1, 1): 1}}}, ExpectationUnreadable),  # noqa: DTZ001
        ({"sign": "down", "estimate": {"measure": "amount", "total": 3}}, ExpectationContradictory),
        (
            {"columns": ["rate"], "same_rows": True, "estimate": {"measure": "amount", "total": 3}},
            ExpectationContradictory,
        ),
        ({"estimate": {"measure": "amount", "total": 3, "days": {"2026-01-01": 2}}}, ExpectationContradictory),
    ],
)
def test_what_cannot_be_held_is_refused_when_it_is_read(clauses: dict[str, Any], refusal: type[BadInput]) -> None:
    with pytest.raises(refusal) as caught:
        Expectation.from_request(clauses)
    assert str(caught.value).count(". ") >= 2


def test_a_small_fraction_is_a_share() -> None:
    assert Expectation.from_request({"max_change_total": 0.00001}).max_change_total == Decimal("0.00001")


def test_columns_and_keys_are_checked_against_the_table() -> None:
    def check(clauses: dict[str, Any], columns: Any = SCHEMA) -> None:
        Expectation.from_request(clauses).check_against(columns, keys=["day", *KEYS], measures=MEASURES)

    check(fx_expectation())
    check(fx_expectation(), list(SCHEMA))
    check({"unchanged_where": "currency IN ('USD', 'EUR') AND day < '2026-01-05'"})
    with pytest.raises(ExpectedColumnsUnknown, match=r"columns names columns that the table lacks \(revenue-usd\)"):
        check({"columns": ["revenue-usd"]})
    with pytest.raises(ExpectedColumnsUnknown, match="currencies"):
        check({"unchanged_where": "currencies IN ('USD')"})
    with pytest.raises(ExpectedColumnsUnknown, match="currencies"):
        check({"unchanged_where": "currencies = 'USD'"}, list(SCHEMA))
    with pytest.raises(ExpectedColumnsUnknown, match="The clause estimate"):
        check({"estimate": {"measure": "rate", "total": 1}})
    with pytest.raises(KeysCannotDiffer, match="payment"):
        check({"columns": ["payment"]})
    with pytest.raises(ConditionUnusable, match="is a String"):
        check({"unchanged_where": "currency"})
    for condition in ("amount > AVG(amount)", "SUM(amount) > 3"):
        with pytest.raises(ConditionUnusable, match="row by row"):
            check({"unchanged_where": condition})


def test_a_condition_that_is_null_is_not_met() -> None:
    rows = [{**row, "currency": None} for row in corrected()]

    assert rows_where(frame(rows), "currency <> 'USD'").collect().height == 0
    assert rows_where(frame(corrected()), "currency IN ('USD', 'GBP')").collect().height == 20
