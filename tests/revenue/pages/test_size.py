"""Pages stay light: three years of days fit into two megabytes."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import polars as pl

from backfill_assets.core.window import Window
from backfill_assets.revenue.pages.dashboard import render_dashboard
from backfill_assets.revenue.schemas import schema_of

THREE_YEARS = Window(date(2023, 1, 1), date(2025, 12, 31)).days
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "AUD", "CZK", "HKD")


def test_the_dashboard_of_three_years_is_below_two_megabytes():
    amount = Decimal("123456.7890")
    days = [(day, 1500, amount, amount, 7) for day in THREE_YEARS]
    dashboard = pl.DataFrame(days, schema=schema_of("executive_dashboard"), orient="row")
    rows = [(day, name, 9, amount, 9, amount, Decimal(0), "equal") for day in THREE_YEARS for name in CURRENCIES]
    export = pl.DataFrame(rows, schema=schema_of("finance_reconciliation_export"), orient="row")
    state = SimpleNamespace(
        dashboard=SimpleNamespace(frame=dashboard, hold=None),
        export=SimpleNamespace(frame=export),
        fact=SimpleNamespace(snapshot=None),
        builds={},
        corrections={},
        paged=frozenset(),
    )

    page = render_dashboard(state)

    assert len(page.encode()) < 2_000_000
    assert page.count("<details>") == 36
