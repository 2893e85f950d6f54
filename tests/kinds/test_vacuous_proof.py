"""No clause and no proof passes over nothing where there was something to meet; each says over how much it held."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.core.audited import Audited, Verdict, conclude
from backfill_assets.core.check import Check
from backfill_assets.core.comparison import compare
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.proofs import Control, closer_to_ledger, control_totals, sample_rederived
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.validation import ColumnsMissing
from tests.core.validated import validate
from tests.e2e.house import House
from tests.e2e.shop import open_shop
from tests.kinds.stranger import FACTOR, FIRST, NOW, TABLE, Stranger, days, location, orders, stranger_at
from tests.scenarios_comparison import DAYS, KEYS, MEASURES, corrected, frame, payment, published

LAST = FIRST + timedelta(days=4)
EVERY_CLAUSE: dict[str, Any] = {
    "columns": ["rate", "revenue_usd"],
    "same_rows": True,
    "unchanged_where": "currency = 'USD'",
    "max_change_per_day": "2%",
    "max_change_total": "1%",
    "sign": "up",
    "estimate": {"measure": "revenue_usd", "total": "15.8", "tolerance": "10%"},
}
DECLARED = {
    "columns": "only_expected_columns_differ",
    "same_rows": "same_rows",
    "unchanged_where": "unchanged_where",
    "max_change_per_day": "change_per_day",
    "max_change_total": "change_total",
    "sign": "sign",
    "estimate": "estimate",
}

Rows = list[dict[str, Any]]


def held(
    clauses: dict[str, Any], old: Rows, new: Rows, *, excluded: tuple[date, ...] = (), planned: tuple[date, ...] = DAYS
) -> dict[str, Check]:
    """The checks of an expectation, by name."""
    sides = frame(old), frame(new)
    comparison = compare(*sides, keys=KEYS, measures=MEASURES, old_days=planned, new_days=planned)
    expectation = Expectation.from_request(clauses)
    return {one.name: one for one in validate(expectation, comparison, *sides, days=planned, excluded=excluded)}


@pytest.mark.parametrize(("clause", "name"), DECLARED.items())
def test_a_clause_says_over_how_many_days_and_rows_it_held(clause: str, name: str) -> None:
    check = held({clause: EVERY_CLAUSE[clause]}, published(), corrected())[name]

    assert check.passed
    assert (check.detail["held"]["days"], check.detail["held"]["rows"]) == (
        10,
        10 if clause == "unchanged_where" else 40,
    )
    assert "10 days" in check.sentence or clause == "estimate"


@pytest.mark.parametrize(("clause", "name"), DECLARED.items())
def test_a_clause_fails_where_every_day_is_left_out(clause: str, name: str) -> None:
    check = held({clause: EVERY_CLAUSE[clause]}, published(), corrected(), excluded=DAYS)[name]

    assert (check.passed, check.days) == (False, DAYS)
    assert check.detail["held"] == {"days": 0, "rows": 0}
    assert "10 days were left out" in check.sentence


EMPTY: dict[str, tuple[dict[str, Any], Rows, Rows]] = {
    "no row in those letters": ({"unchanged_where": "currency = 'usd'"}, published(), corrected()),
    "a comparison with null": ({"unchanged_where": "currency = NULL"}, published(), corrected()),
    "a currency that only nulls could have": (
        {"unchanged_where": "currency <> 'USD'"},
        [{**row, "currency": None} for row in published()],
        [{**row, "currency": None} for row in corrected()],
    ),
    "no row on both sides": (
        {"columns": ["revenue_usd"]},
        published(),
        [{**row, "payment": row["payment"] + "-new"} for row in corrected()],
    ),
    "every row gone": ({"columns": ["revenue_usd"]}, published(), []),
    "every row new": ({"columns": ["revenue_usd"]}, [], corrected()),
}


@pytest.mark.parametrize(("clauses", "old", "new"), EMPTY.values(), ids=EMPTY)
def test_a_clause_fails_that_meets_no_row_where_there_are_some(clauses: dict[str, Any], old: Rows, new: Rows) -> None:
    (name,) = (DECLARED[clause] for clause in clauses)

    check = held(clauses, old, new)[name]

    assert not check.passed
    assert check.detail["held"]["rows"] == 0


def test_a_condition_that_is_met_on_left_out_days_alone_fails() -> None:
    late = DAYS[3]
    old = [{**row, "currency": "CHF"} if row["day"] == late else row for row in published()]
    new = [{**row, "currency": "CHF"} if row["day"] == late else row for row in corrected()]

    check = held({"unchanged_where": "currency = 'CHF'"}, old, new, excluded=(late,))["unchanged_where"]

    assert not check.passed
    assert check.sentence == (
        "Nothing was compared, because currency = 'CHF' is true for none of 36 rows on 9 days. 1 day was left "
        "out, because live was computed from other inputs."
    )


def test_rows_for_which_a_condition_is_null_are_counted() -> None:
    old = [{**row, "currency": None if row["currency"] == "GBP" else row["currency"]} for row in published()]
    new = [{**row, "currency": None if row["currency"] == "GBP" else row["currency"]} for row in corrected()]

    check = held({"unchanged_where": "currency <> 'EUR'"}, old, new)["unchanged_where"]

    assert check.passed
    assert "It is null for 10 rows, which were not compared" in check.sentence


def test_an_estimate_of_left_out_days_alone_fails() -> None:
    estimate = {"measure": "revenue_usd", "days": {DAYS[3]: "1.58"}}

    check = held({"estimate": estimate}, published(), corrected(), excluded=(DAYS[3],))["estimate"]

    assert (check.passed, check.days) == (False, (DAYS[3],))


def test_nothing_on_either_side_is_nothing_to_hold() -> None:
    checks = held(EVERY_CLAUSE | {"estimate": {"measure": "amount", "total": 0}}, [], [])

    assert all(check.passed for check in checks.values())
    assert "0 rows" in checks["same_rows"].sentence


# ---- proofs against the source

REVENUE = ["revenue_usd"]


def ledger(rows: Rows) -> pl.LazyFrame:
    return frame(rows).group_by("day").agg(pl.col("revenue_usd").sum())


def control(rows: Rows) -> Control:
    return Control(frame(rows).select("day", "currency", "amount"), ("day", "currency"), ("amount",))


def cells(rows: Rows) -> pl.LazyFrame:
    return frame(rows).select("day", expected="revenue_usd", actual="revenue_usd")


ZERO = [payment(DAYS[0], "a", "EUR", "0")]
EMPTY_PROOFS: dict[str, Check] = {
    "a ledger of other days": closer_to_ledger(
        frame(published()),
        frame(corrected()),
        ledger([payment(date(2025, 1, 1), "a", "EUR", "1")]),
        measures=REVENUE,
    ),
    "a ledger without a line": closer_to_ledger(frame(published()), frame(corrected()), ledger([]), measures=REVENUE),
    "a ledger without any measure": closer_to_ledger(
        frame(published()), frame(corrected()), ledger(corrected()), measures=[]
    ),
    "a source that states nothing": control_totals(frame(ZERO), control([]), days=DAYS),
    "a source that states no measure": control_totals(
        frame(corrected()), Control(frame(corrected()).select("day"), ("day",), ()), days=DAYS
    ),
    "a sample of zero": sample_rederived(cells([])),
    "a sample of empty cells": sample_rederived(
        cells(corrected()).with_columns(pl.lit(None, pl.Decimal(38, 4)).alias(name) for name in ("expected", "actual"))
    ),
}


@pytest.mark.parametrize("check", EMPTY_PROOFS.values(), ids=EMPTY_PROOFS)
def test_a_proof_over_nothing_fails(check: Check) -> None:
    assert not check.passed
    assert check.sentence.endswith(".")


def test_a_ledger_that_lacks_a_measure_is_refused_by_name() -> None:
    with pytest.raises(ColumnsMissing, match="amount"):
        closer_to_ledger(frame(published()), frame(corrected()), ledger(corrected()), measures=["amount"])
    with pytest.raises(BadInput, match="transactions"):
        control_totals(frame(corrected()), Control(control([]).frame, ("day",), ("transactions",)))


def test_a_proof_says_over_how_much_it_held() -> None:
    told = [
        control_totals(frame(corrected()), control(corrected()), days=DAYS).sentence,
        closer_to_ledger(
            frame(published()),
            frame(corrected()),
            ledger(corrected()).filter(pl.col("day") > DAYS[4]),
            measures=REVENUE,
        ).sentence,
        closer_to_ledger(frame(corrected()), frame(corrected()), ledger(corrected()), measures=REVENUE).sentence,
        sample_rederived(cells(corrected())).sentence,
    ]

    assert [part in sentence for part, sentence in zip(
        ["30 groups of 40 rows on 10 days", "over 5 days", "moves on 10 days", "40 cells"], told, strict=True
    )] == [True] * 4  # fmt: skip
    assert "does not have 5 further days" in told[1]


# ---- the replay audit


def test_an_audit_of_days_whose_inputs_moved_does_not_say_that_they_come_out_alike() -> None:
    moved = conclude("fact", "a", "v2", [Audited(day, Verdict.INPUTS_MOVED, "v2") for day in DAYS[:5]], [])
    alike = conclude("fact", "a", "v2", [Audited(day, Verdict.SAME, "v2", rows=4) for day in DAYS[:5]], [])

    assert "5 days computed again" not in moved.sentence
    assert "5 days were published from other inputs" in moved.sentence
    assert alike.sentence == "5 days computed again equal what was published, in 20 rows."


# ---- from outside


@pytest.fixture
def wrong(tmp_path: Path) -> Iterator[Stranger]:
    """A stranger's table whose published days are wrong by a factor."""
    with stranger_at(tmp_path, location()) as found:
        found.land(orders(days(5)), days(5))
        FACTOR[0] = 3
        try:
            found.publish(days(5))
        finally:
            FACTOR[0] = 1
        yield found


@pytest.mark.dagster
def test_an_expectation_says_in_the_status_over_how_much_it_held(wrong: Stranger) -> None:
    name = wrong.through(FIRST, LAST, expect={"columns": ["revenue"], "same_rows": True, "sign": "down"})

    checks = wrong.checks(name)
    assert "Every day is staged (5 days with 10 rows)." in checks["days_complete"]["sentence"]
    assert "10 cells of 10 rows on 5 days" in checks["only_expected_columns_differ"]["sentence"]
    assert checks["sign"]["sentence"] == "No day moves up; 5 of 5 days move in revenue."
    verified = [
        event.detail
        for event in wrong.house.records.ledger.events(name)
        if event.step == "verify_source" and event.outcome == "done"
    ]
    assert (verified[0]["sources"], verified[0]["source_files"]) == (1, 5)


@pytest.mark.dagster
def test_an_automatic_approval_over_late_days_alone_waits_for_a_person(tmp_path: Path) -> None:
    """Every live day was computed from other rows than there are now, so no clause says anything."""
    with stranger_at(tmp_path, location()) as late:
        late.land(orders(days(3)), days(3))
        late.publish(days(3))
        late.land(orders(days(3), ["EU", "US", "JP"]), days(3))
        opened = late.ask("open", FIRST, days(3)[-1], expect={"same_rows": True}, approval="automatic")

        ran = late.house.run("run", str(opened.told["correction"]))

        check = late.checks(str(opened.told["correction"]))["same_rows"]
        assert (ran.told["waits_for"], check["passed"]) == ("repair", False), ran.text
        assert "No day could be compared" in check["sentence"]
        assert TABLE in late.house.records.table(TABLE).uri
        assert late.live.scan().collect().height == 6


@pytest.mark.dagster
def test_a_ledger_file_without_a_line_is_not_taken_for_none(tmp_path: Path) -> None:
    from backfill_assets.revenue.checks import prove_ledger
    from backfill_assets.runbook import Evidence

    house: House = open_shop(tmp_path / "house", days(2), NOW)
    live = house.fact().lazy()
    moved = live.with_columns(revenue_usd=pl.col("revenue_usd") + Decimal(1))

    def proven() -> Check:
        evidence = Evidence(None, house.records, moved, live, tuple(days(2)))  # type: ignore[arg-type]
        with house.entered():
            (check,) = prove_ledger(evidence)
        return check

    assert proven().passed
    (house.landing / "ledger").mkdir()
    (house.landing / "ledger/2026.csv").write_text("day,currency,transactions,revenue_usd\n")
    assert not proven().passed


@pytest.mark.dagster
def test_a_reconciliation_and_an_audit_of_nothing_say_so(tmp_path: Path) -> None:
    house: House = open_shop(tmp_path / "house", days(2), NOW)

    reconciled = house.run("reconcile", "--through", "2025-12-31")
    audited = house.run("audit", "--days", "2")

    assert (reconciled.told["days"], reconciled.told["compared"]) == (0, 0)
    assert "Nothing was compared with the ledger" in reconciled.told["sentence"]
    assert audited.told["proves_nothing"] is False
    assert "2 days computed again equal what was published, in 4 rows." in audited.told["sentence"]
