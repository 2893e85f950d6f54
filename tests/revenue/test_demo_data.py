"""The demo's landing, through the pipeline and against the ledger that comes with it."""

import hashlib
import importlib.util
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from backfill_assets.revenue.fixings import rates_in_force
from backfill_assets.revenue.landing import fixing_files, read_ledger
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.reports import finance_reconciliation_export
from backfill_assets.revenue.transforms import daily_revenue
from tests.revenue.shorthands import as_raw, checked, read_day, read_fixings
from tests.scenarios import FRIDAY, KEY, MONDAY, SATURDAY, SUNDAY, fixings

CHRISTMAS = date(2025, 12, 25)


def script(name):
    """A module of ``scripts/``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "scripts" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


demo = script("demo_data")


def hashes(root):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in root.rglob("*") if file.is_file()}


def test_the_pipeline_agrees_with_the_ledger_of_the_demo_and_the_bug_does_not(tmp_path):
    demo.write_landing(tmp_path, date(2025, 12, 20), date(2026, 1, 4))
    days = sorted(TRANSACTIONS.landed(tmp_path))
    raw = checked("raw_transactions", pl.concat([as_raw(read_day(tmp_path, day), 1, KEY) for day in days])).lazy()
    (file,) = fixing_files(tmp_path)
    published = read_fixings(file.read_bytes(), file.name)

    right = checked("fct_daily_revenue", daily_revenue(raw, rates_in_force(published, days).lazy()))
    wrong = checked("fct_daily_revenue", daily_revenue(raw, demo.wrong_rates_in_force(published, days).lazy()))

    ledger = read_ledger(tmp_path)
    assert set(finance_reconciliation_export(right, ledger, days)["reason"]) == {"equal"}
    assert set(finance_reconciliation_export(wrong, ledger, days)["reason"]) == {"equal", "amount_differs"}
    assert len(set(right["currency"])) == 8
    assert read_day(tmp_path, CHRISTMAS).rows == 0
    sundays = pl.col("day").dt.weekday() == 7
    assert wrong.filter(sundays).equals(right.filter(sundays))


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for root in (tmp_path / "one", tmp_path / "two"):
        demo.write_landing(root, FRIDAY, SUNDAY)

    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert not demo.transactions(FRIDAY, 1).equals(demo.transactions(FRIDAY, 2))


def test_trade_grows_and_slows_on_sundays():
    assert demo.transactions(FRIDAY).height > 1.4 * demo.transactions(SUNDAY).height
    assert demo.transactions(FRIDAY).height > demo.transactions(FRIDAY - timedelta(days=182)).height


def test_with_the_bug_a_day_takes_what_was_in_force_the_day_before():
    published = fixings({(FRIDAY - timedelta(days=1), "USD"): "1.0", (FRIDAY, "USD"): "1.1", (MONDAY, "USD"): "1.2"})
    days = [FRIDAY, SATURDAY, SUNDAY, MONDAY]

    as_fixings = rates_in_force(demo.wrong_rates(published), days)
    as_rates = checked("fx_rates", demo.wrong_rates_in_force(published, days))

    usd = as_rates.filter(currency="USD")
    assert [float(rate) for rate in usd["rate"]] == [1.0, 1.1, 1.1, 1.1]
    assert usd["fixing_day"].to_list() == [FRIDAY - timedelta(days=1), FRIDAY, FRIDAY, FRIDAY]
    assert as_fixings.drop("fixing_day").equals(as_rates.drop("fixing_day"))
