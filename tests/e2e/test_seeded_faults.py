"""Each seeded fault is found at the level of a whole correction, by the clause that should find it and by its name.

Real data of two weeks, published with the rates of the day before; the correction is staged right but for the fault.
"""

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.core.check import Clause
from backfill_assets.core.plan import Request
from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import CertificateOutdated, StagingIncomplete
from backfill_assets.errors.validation import KeysNotUnique
from backfill_assets.revenue import transforms
from backfill_assets.runbook.request import request_of
from backfill_assets.storage.proofs import Samples
from tests.e2e.small_lake import (
    FACT,
    SmallLake,
    Spoil,
    failed_checks,
    ingest,
    planted_lake,
    prepared,
    stage,
    with_rates_of_the_day_before,
)

AROUND = Window(date(2011, 10, 3), date(2011, 10, 19))
WINDOW = Window(date(2011, 10, 5), date(2011, 10, 18))
BUSY = date(2011, 10, 12)  # a day with sales in USD, too
CELL = (pl.col("day") == BUSY) & (pl.col("country") == "Germany")
A_CENTI_CENT = Decimal("0.0001")


@cache
def template() -> Path:
    """Built once; every test works on a copy."""
    root = Path(mkdtemp(prefix="seeded_faults_"))
    planted_lake(root / "one", WINDOW, AROUND)
    return root / "one"


@cache
def staged_template() -> Path:
    """The same, with the correction staged right: only validation is left to do."""
    shutil.copytree(template(), template().with_name("staged"))
    prepared(SmallLake(template().with_name("staged")), request())
    return template().with_name("staged")


def lake(root: Path, monkeypatch: pytest.MonkeyPatch, *, staged: bool = False) -> SmallLake:
    shutil.copytree(staged_template() if staged else template(), root / "lake_of_test")
    copied = SmallLake(root / "lake_of_test")
    monkeypatch.setenv("BACKFILL_LANDING", str(copied.landing))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(root / "published"))
    return copied


def request() -> Request:
    return request_of(
        {
            "table": FACT,
            "window": {"first": WINDOW.first, "last": WINDOW.last},
            "reason": "The FX join used the rate of the previous day.",
            "expect": {
                "columns": ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"],
                "same_rows": True,
                "unchanged_where": "currency = 'USD'",
                "max_change_per_day": "2%",
                "max_change_total": "0.5%",
            },
        }
    )


def validated(root: Path, monkeypatch: pytest.MonkeyPatch, spoil: Spoil) -> set[str]:
    """The checks that fail when a right staging is spoiled."""
    found = lake(root, monkeypatch, staged=True)
    plan = found.step_context().progress("20111210").plan
    stage(found, plan, spoil)
    runbook.stage(found.step_context(), plan.correction)
    return failed_checks(runbook.validate(found.step_context(), plan.correction))


def changed(column: str, value: pl.Expr, where: pl.Expr = CELL) -> Spoil:
    """The staged rows with one column altered in some of them."""
    return lambda rows: rows.with_columns(
        pl.when(where).then(value).otherwise(pl.col(column)).cast(rows.schema[column]).alias(column)
    )


def test_a_right_correction_passes_every_check_and_cuts_over(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch, staged=True)
    plan = found.step_context().progress("20111210").plan

    seen = runbook.validate(found.step_context(), plan.correction)
    runbook.approve(found.step_context(), plan.correction, "looked at every day")
    runbook.cut_over(found.step_context(), plan.correction)

    assert {check.name for check in seen.checks} >= {
        Clause.CONTROL_TOTALS,
        Clause.SAMPLE_REDERIVED,
        Clause.CLOSER_TO_LEDGER,
    }
    assert seen.failed == ()


def test_a_lost_day_is_never_validated(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    plan = runbook.open_correction(found.step_context(), request())
    runbook.freeze_reports(found.step_context(), plan.correction)

    with pytest.raises(StagingIncomplete, match="2011-10"):
        runbook.stage(found.step_context(), plan.correction)


def test_the_rows_of_a_lost_day_are_missed_by_control_totals(tmp_path, monkeypatch):
    failed = validated(tmp_path, monkeypatch, lambda rows: rows.filter(pl.col("day") != BUSY))

    assert {Clause.CONTROL_TOTALS, Clause.SAME_ROWS} <= failed


def test_a_doubled_row_is_refused_by_its_key(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    plan = prepared(found, request(), lambda rows: rows.vstack(rows.filter(CELL)))

    with pytest.raises(KeysNotUnique, match="Germany"):
        runbook.validate(found.step_context(), plan.correction)


def test_a_row_that_counts_double_is_found_by_control_totals(tmp_path, monkeypatch):
    doubled = changed("transactions", pl.col("transactions") * 2)

    assert Clause.CONTROL_TOTALS in validated(tmp_path, monkeypatch, doubled)


def test_one_cell_off_by_a_ten_thousandth_is_found_by_the_second_derivation(tmp_path, monkeypatch):
    off = changed("revenue_usd", pl.col("revenue_usd") + A_CENTI_CENT)

    assert Clause.SAMPLE_REDERIVED in validated(tmp_path, monkeypatch, off)


def test_swapped_currencies_are_found_by_control_totals_and_rows(tmp_path, monkeypatch):
    swapped = changed("currency", pl.col("currency").replace({"EUR": "GBP", "GBP": "EUR"}), pl.lit(value=True))

    failed = validated(tmp_path, monkeypatch, swapped)

    assert {Clause.CONTROL_TOTALS, Clause.SAME_ROWS, Clause.SAMPLE_REDERIVED} <= failed


def test_a_touched_dollar_row_is_found_by_unchanged_where(tmp_path, monkeypatch):
    dollars = pl.col("currency") == "USD"
    touched = changed("revenue_usd", pl.col("revenue_usd") + A_CENTI_CENT, dollars)

    assert Clause.UNCHANGED_WHERE in validated(tmp_path, monkeypatch, touched)


def test_a_wrong_sign_is_found_by_control_totals_and_by_the_change_of_the_day(tmp_path, monkeypatch):
    turned = validated(tmp_path, monkeypatch, changed("amount", -pl.col("amount")))

    assert Clause.CONTROL_TOTALS in turned


def test_revenue_of_the_wrong_sign_is_found_by_the_change_of_the_day(tmp_path, monkeypatch):
    turned = changed("revenue_usd", -pl.col("revenue_usd"), (pl.col("day") == BUSY) & (pl.col("currency") == "GBP"))

    failed = validated(tmp_path, monkeypatch, turned)

    assert {Clause.CHANGE_PER_DAY, Clause.SAMPLE_REDERIVED, Clause.CLOSER_TO_LEDGER} <= failed


def test_a_rate_carried_one_day_too_far_is_found_by_ledger_and_second_derivation(tmp_path, monkeypatch):
    wrong = with_rates_of_the_day_before(SmallLake(template()), Window(BUSY - ONE_DAY, BUSY))

    failed = validated(tmp_path, monkeypatch, wrong)

    assert Clause.SAMPLE_REDERIVED in failed
    assert Clause.CLOSER_TO_LEDGER not in failed  # as far away as live was, and the other days are closer


def test_a_right_day_made_wrong_is_found_by_the_ledger(tmp_path, monkeypatch):
    off = changed("revenue_usd", pl.col("revenue_usd") + 900, (pl.col("day") == BUSY) & (pl.col("currency") == "GBP"))

    assert Clause.CLOSER_TO_LEDGER in validated(tmp_path, monkeypatch, off)


def test_errors_of_one_day_that_cancel_across_currencies_are_found_by_the_ledger(tmp_path, monkeypatch):
    amount = pl.when(pl.col("currency") == "GBP").then(5000).otherwise(-5000)
    largest = pl.col("country").is_in(["United Kingdom", "Germany"]) & (pl.col("day") == BUSY)
    off = changed("revenue_usd", pl.col("revenue_usd") + amount, largest)

    failed = validated(tmp_path, monkeypatch, off)

    assert Clause.CLOSER_TO_LEDGER in failed
    assert Clause.CHANGE_PER_DAY not in failed


def test_half_up_for_half_even_is_found_by_the_second_derivation(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)

    def half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
        return (numerator * 2 + denominator) // (denominator * 2)

    with monkeypatch.context() as patched:
        patched.setattr(transforms, "divided_half_even", half_up)
        plan = prepared(found, request())

    assert Clause.SAMPLE_REDERIVED in failed_checks(runbook.validate(found.step_context(), plan.correction))


def test_a_staged_day_written_again_after_validation_is_not_cut_over(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch, staged=True)
    plan = found.step_context().progress("20111210").plan
    runbook.validate(found.step_context(), plan.correction)
    runbook.approve(found.step_context(), plan.correction, "fine")
    table = found.records.staged(FACT, plan.correction)
    table.replace_days({BUSY: table.snapshot().scan([BUSY]).collect()})

    with pytest.raises(CertificateOutdated, match=str(BUSY)):
        runbook.cut_over(found.step_context(), plan.correction)


def test_a_staged_file_altered_in_place_after_validation_is_not_cut_over(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch, staged=True)
    before = found.live()
    plan = found.step_context().progress("20111210").plan
    runbook.validate(found.step_context(), plan.correction)
    runbook.approve(found.step_context(), plan.correction, "fine")
    table = found.records.staged(FACT, plan.correction)
    path = Path(table.uri) / table.snapshot().files_of([BUSY])[BUSY][0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(Refused, match=str(BUSY)):
        runbook.cut_over(found.step_context(), plan.correction)

    assert found.live().equals(before)


def test_a_day_that_arrived_again_is_held_to_its_latest_arrival(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    landed = found.landing / f"transactions/{BUSY}.parquet"
    pl.read_parquet(landed).with_columns(pl.col("amount") * 2).write_parquet(landed)
    ingest(found, [BUSY])

    plan = prepared(found, request())
    seen = runbook.validate(found.step_context(), plan.correction)

    assert seen.other_inputs == {BUSY}
    assert failed_checks(seen) == set()


def test_late_rows_that_land_after_the_opening_raise_no_alarm(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    plan = prepared(found, request())
    landed = found.landing / f"transactions/{BUSY}.parquet"
    dearer = pl.when(pl.int_range(pl.len()) < 50).then(pl.col("amount") * 2).otherwise("amount")
    there = pl.read_parquet(landed)
    there.with_columns(dearer.cast(there.schema["amount"]).alias("amount")).write_parquet(landed)
    ingest(found, [BUSY])

    seen = runbook.validate(found.step_context(), plan.correction)

    assert failed_checks(seen) == set()
    assert BUSY in seen.late


def test_the_sample_lists_every_transaction_with_both_rates(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch, staged=True)
    plan = found.step_context().progress("20111210").plan
    runbook.validate(found.step_context(), plan.correction)

    sample = Samples(found.records.lake).latest(plan.correction)

    assert sample is not None
    assert sample.derived == sample.population
    refunds = [line for row in sample.rows for line in row.lines if line["amount"].startswith("-")]
    assert refunds
    assert {row.key["currency"] for row in sample.rows} == set(
        found.live().filter(pl.col("day").is_between(WINDOW.first, WINDOW.last))["currency"]
    )
    for row in sample.rows:
        revenue = next(cell for cell in row.cells if cell.column == "revenue_usd")
        assert sum(Decimal(line["USD"]) for line in row.lines) == Decimal(revenue.derived or "")
        assert {"rate of currency", "rate of USD", "fixed", "USD fixed"} <= row.lines[0].keys()


def test_a_window_without_any_trade_passes(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    saturday = date(2011, 10, 8)
    plan = prepared(found, replace(request(), window=Window(saturday, saturday)))

    seen = runbook.validate(found.step_context(), plan.correction)

    assert failed_checks(seen) == set()
    assert seen.comparison.rows_new == 0
