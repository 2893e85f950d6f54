"""Each fault is found by the clause that should find it; a right correction raises no alarm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from backfill_assets.core.check import Check
from backfill_assets.core.comparison import compare
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.proofs import Control, closer_to_ledger, control_totals, sample_rederived
from backfill_assets.errors.validation import ExpectedColumnsUnknown, KeysNotUnique, TypesDiffer
from tests.core.strategies import histories
from tests.core.validated import validate
from tests.scenarios_comparison import (
    DAYS,
    KEYS,
    MEASURES,
    Row,
    corrected,
    frame,
    off_by,
    payment,
    published,
    with_cell,
)

EVERY_CLAUSE = {
    "columns": ["rate", "revenue_usd"],
    "same_rows": True,
    "unchanged_where": "currency = 'USD'",
    "max_change_per_day": "2%",
    "max_change_total": "1%",
    "sign": "up",
    "estimate": {"measure": "revenue_usd", "total": "15.8", "tolerance": "10%"},
}
ALL_NAMES = [
    "days_complete",
    "only_expected_columns_differ",
    "same_rows",
    "unchanged_where",
    "change_per_day",
    "change_total",
    "sign",
    "estimate",
    "control_totals",
    "closer_to_ledger",
    "sample_rederived",
]


def control(rows: list[Row]) -> Control:
    """What the raw payments state, in types of their own."""
    raw = frame(rows).select("day", "currency", pl.col("amount").cast(pl.Decimal(38, 6)), pl.col("transactions"))
    return Control(
        raw.with_columns(pl.col("transactions").cast(pl.UInt32)), ("day", "currency"), ("transactions", "amount")
    )


def ledger(rows: list[Row]) -> pl.LazyFrame:
    """Finance's daily revenue, to the cent."""
    daily = frame(rows).group_by("day").agg(pl.col("revenue_usd").sum())
    return daily.with_columns(pl.col("revenue_usd").round(2).cast(pl.Decimal(18, 2)))


def sample(truth: list[Row], staged: list[Row]) -> pl.LazyFrame:
    """The revenue of every payment, computed from the payment and the published rates."""
    cells = frame(truth).select("day", "payment", expected="revenue_usd")
    return cells.join(frame(staged).select("day", "payment", actual="revenue_usd"), on=["day", "payment"], how="inner")


def validated(
    new: list[Row],
    old: list[Row] | None = None,
    clauses: dict[str, Any] | None = None,
    *,
    truth: list[Row] | None = None,
    days: tuple[date, ...] = DAYS,
    staged_days: tuple[date, ...] = (),
    excluded: tuple[date, ...] = (),
) -> dict[str, Check]:
    old, truth = published() if old is None else old, corrected() if truth is None else truth
    sides = frame(old), frame(new)
    comparison = compare(*sides, keys=KEYS, measures=MEASURES, new_days=staged_days)
    checks = validate(
        Expectation.from_request(EVERY_CLAUSE if clauses is None else clauses),
        comparison,
        *sides,
        days=days,
        excluded=excluded,
        control=control(truth),
        ledger=ledger(truth),
        sample=sample(truth, new),
    )
    return {check.name: check for check in checks}


def failing(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if not check.passed}


def without_day(rows: list[Row], day: date) -> list[Row]:
    return [row for row in rows if row["day"] != day]


def swapped_currencies(rows: list[Row]) -> list[Row]:
    return with_cell(with_cell(rows, 6, "currency", "GBP"), 7, "currency", "EUR")


# ---- a right correction


def test_the_right_correction_passes_every_clause() -> None:
    checks = validated(corrected())

    assert list(checks) == ALL_NAMES
    assert failing(checks) == set()
    assert not any(check.days or ":" in check.sentence for check in checks.values())


@given(histories())
def test_a_right_correction_raises_no_false_alarm(history: tuple[list[Row], list[Row]]) -> None:
    old, new = history
    effect = sum((row["revenue_usd"] for row in new), Decimal(0)) - sum((row["revenue_usd"] for row in old), Decimal(0))
    clauses = EVERY_CLAUSE | {
        "max_change_total": "2%",
        "estimate": {"measure": "revenue_usd", "total": str(effect), "tolerance": "0%"},
    }
    if old and all(row["currency"] != "USD" for row in old):
        del clauses["unchanged_where"]  # It would hold nothing.
    sides = frame(old), frame(new)
    comparison = compare(*sides, keys=KEYS, measures=MEASURES)
    checks = validate(
        Expectation.from_request(clauses),
        comparison,
        *sides,
        days={row["day"] for row in old},
        control=control(old),
        ledger=frame(new).group_by("day").agg(pl.col("revenue_usd").sum()),
        sample=sample(new, new),
    )
    assert [check.sentence for check in checks if not check.passed] == []


def test_a_clause_that_is_not_declared_yields_no_check() -> None:
    comparison = compare(frame(published()), frame([]), keys=KEYS, measures=MEASURES)

    checks = validate(Expectation(), comparison, frame(published()), frame([]), days=())
    assert [check.name for check in checks] == ["days_complete"]


# ---- seeded faults

Fault = tuple[Callable[[list[Row]], list[Row]], str, set[str]]
FAULTS: dict[str, Fault] = {
    "a lost day": (
        lambda rows: without_day(rows, DAYS[3]),
        "days_complete",
        {
            "same_rows",
            "unchanged_where",
            "change_per_day",
            "change_total",
            "sign",
            "estimate",
            "control_totals",
            "closer_to_ledger",
        },
    ),
    "a doubled row under another key": (
        lambda rows: [*rows, {**rows[5], "payment": "02-b2"}],
        "same_rows",
        {"change_per_day", "change_total", "estimate", "control_totals", "closer_to_ledger"},
    ),
    "a lost row": (
        lambda rows: rows[:5] + rows[6:],
        "same_rows",
        {"change_per_day", "change_total", "sign", "estimate", "control_totals", "closer_to_ledger"},
    ),
    "an amount off by the last digit": (
        lambda rows: off_by(rows, 5, "0.0001", "amount"),
        "control_totals",
        {"only_expected_columns_differ"},
    ),
    "a revenue off by the last digit": (lambda rows: off_by(rows, 5, "0.0001"), "sample_rederived", set()),
    "swapped currencies": (swapped_currencies, "only_expected_columns_differ", {"control_totals"}),
    "a dollar row touched": (lambda rows: off_by(rows, 4, "0.0001"), "unchanged_where", {"sample_rederived"}),
    "a dollar row that became another currency": (
        lambda rows: with_cell(rows, 4, "currency", "EUR"),
        "unchanged_where",
        {"only_expected_columns_differ", "control_totals"},
    ),
    "the wrong sign": (
        lambda rows: off_by(rows, 6, "-2.5"),
        "sign",
        {"sample_rederived", "closer_to_ledger", "estimate"},
    ),
    "days whose errors cancel in total": (
        lambda rows: off_by(off_by(rows, 6, "9"), 10, "-9"),
        "change_per_day",
        {"sample_rederived", "closer_to_ledger", "sign"},
    ),
    "rows whose errors cancel in the day": (
        lambda rows: off_by(off_by(rows, 5, "7"), 6, "-7"),
        "sample_rederived",
        set(),
    ),
    "a little too much every day": (
        lambda rows: [off_by([row], 0, "0.4")[0] if "b" in row["payment"] else row for row in rows],
        "estimate",
        {"sample_rederived"},
    ),
    "far too much every day": (
        lambda rows: [off_by([row], 0, "3.1")[0] if "b" in row["payment"] else row for row in rows],
        "change_total",
        {"sample_rederived", "estimate", "closer_to_ledger"},
    ),
    "half of the days not corrected": (lambda rows: published()[:20] + rows[20:], "estimate", {"sample_rederived"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_clause_that_should_find_it(name: str) -> None:
    spoil, clause, companions = FAULTS[name]

    checks = validated(spoil(corrected()))
    assert failing(checks) == {clause, *companions}
    assert checks[clause].days
    assert ":" not in checks[clause].sentence


def test_a_doubled_row_cannot_even_be_compared() -> None:
    with pytest.raises(KeysNotUnique, match=r"new side 1 key occurs more than once \(day 2026-01-02 payment 02-b\)"):
        validated([*corrected(), corrected()[5]])


def test_a_day_staged_without_rows_is_complete_and_its_rows_are_missed() -> None:
    checks = validated(without_day(corrected(), DAYS[3]), staged_days=DAYS)

    assert checks["days_complete"].passed
    assert checks["same_rows"].days == (DAYS[3],)


def test_a_sum_that_comes_from_nothing_is_an_offence_of_its_own() -> None:
    old = [{**row, "revenue_usd": Decimal(0)} if row["day"] == DAYS[0] else row for row in corrected()]

    checks = validated(corrected(), old, {"max_change_per_day": "900%"})
    assert checks["change_per_day"].days == (DAYS[0],)
    assert "from nothing" in checks["change_per_day"].sentence


def test_a_share_exactly_at_the_limit_is_within_it() -> None:
    old = [payment(DAYS[0], "a", "EUR", "100", "1")]
    new = off_by(old, 0, "2.2")

    assert validated(new, old, {"max_change_per_day": "2%"}, truth=old)["change_per_day"].passed
    over = validated(off_by(new, 0, "0.0001"), old, {"max_change_per_day": "2%"}, truth=old)
    assert not over["change_per_day"].passed


# ---- what a failing check says


def test_it_names_days_largest_offence_and_rows() -> None:
    check = validated(off_by(off_by(corrected(), 6, "9"), 10, "-9"))["change_per_day"]

    assert check.sentence == (
        "revenue_usd moves by more than 2% on 2 of 10 days (2026-01-02, 2026-01-03), "
        "most of all revenue_usd on 2026-01-02 by +10.5800 (4.126%)."
    )
    assert check.detail["largest"]["day"] == "2026-01-02"
    assert check.detail["examples"][0]["key"] == {"day": "2026-01-02", "payment": "02-c"}


def test_it_names_at_most_five_days_and_how_many() -> None:
    new = [{**row, "currency": "CHF"} for row in corrected()]

    check = validated(new)["only_expected_columns_differ"]
    assert len(check.days) == 10
    assert "10 of 10 days (2026-01-01, 2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05 and 5 more)" in check.sentence
    assert check.detail["examples"][0]["values"]["currency"][1] == "CHF"


def test_a_check_survives_writing_and_reading() -> None:
    for check in validated(swapped_currencies(corrected())).values():
        assert Check.from_json(check.as_json()) == check


# ---- days left out


def test_days_left_out_raise_no_alarm_and_are_named() -> None:
    late = [*corrected(), payment(DAYS[3], "late", "USD", "5")]

    checks = validated(
        late,
        truth=late,
        excluded=(DAYS[3],),
        clauses=EVERY_CLAUSE | {"estimate": {"measure": "revenue_usd", "days": dict.fromkeys(DAYS, "1.58")}},
    )
    assert failing(checks) == set()
    assert checks["same_rows"].detail["left_out"] == ["2026-01-04"]
    assert "left_out" not in checks["control_totals"].detail
    assert "same_rows" in failing(validated(late, truth=late))


def test_days_left_out_are_still_held_against_the_source() -> None:
    new = off_by(corrected(), 13, "1", "amount")

    checks = validated(new, excluded=(DAYS[3],))
    assert failing(checks) == {"control_totals"}


# ---- the estimate


def test_an_estimate_for_single_days_names_those_it_misses() -> None:
    estimate = {"measure": "revenue_usd", "days": {DAYS[0]: "1.58", DAYS[1]: "1.50", date(2026, 2, 1): "3"}}

    check = validated(corrected(), clauses={"estimate": estimate})["estimate"]
    assert check.days == (DAYS[1], date(2026, 2, 1))


def test_an_estimate_of_something_that_is_not_summed_is_refused() -> None:
    with pytest.raises(ExpectedColumnsUnknown, match="The clause estimate"):
        validated(corrected(), clauses={"estimate": {"measure": "rate", "total": 1}})


# ---- the source


def test_control_totals_are_held_only_for_the_planned_days() -> None:
    staged = frame(corrected()[:4])

    assert control_totals(staged, control(corrected()), days=DAYS[:1]).passed
    check = control_totals(staged, control(corrected()), days=DAYS[:2])
    assert check.days == (DAYS[1],)


def test_a_group_that_sums_to_zero_counts_as_absent() -> None:
    stated = control([*corrected(), {**payment(DAYS[0], "z", "GBP", "0"), "currency": "ISK", "transactions": 0}])

    assert control_totals(frame(corrected()), stated).passed


def test_the_ledger_judges_only_days_it_knows() -> None:
    known = ledger(corrected()).filter(pl.col("day") > DAYS[4])
    check = closer_to_ledger(frame(published()), frame(corrected()), known, measures=["revenue_usd"])
    assert check.passed
    assert check.detail["unknown_to_ledger"] == [str(day) for day in DAYS[:5]]

    nothing = closer_to_ledger(frame(published()), frame(corrected()), known.head(0), measures=["revenue_usd"])
    assert (nothing.passed, nothing.days) == (False, DAYS)


def test_a_correction_that_swaps_right_for_wrong_ends_farther_from_the_ledger() -> None:
    check = closer_to_ledger(frame(corrected()), frame(published()), ledger(corrected()), measures=["revenue_usd"])

    assert (check.passed, check.days) == (False, DAYS)


def test_as_far_on_the_other_side_is_not_closer() -> None:
    rows = [payment(DAYS[0], "a", "USD", "100")]
    low, high = off_by(rows, 0, "-1"), off_by(rows, 0, "1")

    assert not closer_to_ledger(frame(low), frame(high), ledger(rows), measures=["revenue_usd"]).passed


def test_an_empty_sample_proves_nothing_when_rows_are_staged() -> None:
    nothing = sample([], [])

    assert not sample_rederived(nothing).passed
    assert sample_rederived(nothing, nothing_to_sample=True).passed


def test_a_sample_in_another_type_is_refused() -> None:
    with pytest.raises(TypesDiffer):
        sample_rederived(sample(corrected(), corrected()).with_columns(pl.col("actual").cast(pl.Float64)))


def test_an_unchanged_row_is_held_to_the_last_digit_whatever_the_limits() -> None:
    lenient = replace(Expectation(), unchanged_where="currency IN ('USD')", max_change_per_day=Decimal(9))
    sides = frame(published()), frame(off_by(corrected(), 0, "0.0001"))

    checks = validate(lenient, compare(*sides, keys=KEYS, measures=MEASURES), *sides, days=DAYS)
    assert [check.name for check in checks if not check.passed] == ["unchanged_where"]


@pytest.mark.parametrize(
    ("columns", "rightly"),
    [(["revenue_usd", "rate"], set()), (["revenue_usd"], {"unchanged_where", "only_expected_columns_differ"})],
)
def test_an_unchanged_row_may_differ_in_a_column_expected_to_differ_that_is_no_measure(
    columns: list[str], rightly: set[str]
) -> None:
    """A dollar is worth a dollar at any rate, while the rate written beside it is corrected."""
    written_wrongly = with_cell(published(), 0, "rate", Decimal("0.90"))
    clauses = {"columns": columns, "unchanged_where": "currency = 'USD'"}

    checks = validated(corrected(), written_wrongly, clauses)
    assert failing(checks) - {"only_expected_columns_differ"} == rightly - {"only_expected_columns_differ"}
