"""The shop's code location, as adopted, reconciled with what the bank has booked."""

import os

import dagster as dg

import backfill_assets as ba
from backfill_assets.watch import LedgerSpec, against, reconcile
from tests.foreign.storefront.adopted import daily_sales, monthly_sales, orders, users, weekly_sales

BANK = LedgerSpec(measure="revenue", group="country", name="the bank", unit="EUR", watchers=["finance"])
BOOKED = ba.DeltaSource(os.environ.get("SHOP_BANK", "bank"), day="booked_on")

defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[users, orders, weekly_sales, monthly_sales],
        resources=ba.lake_resources("io_manager"),
        executor=dg.in_process_executor,
    ),
    ba.build_correction_definitions(
        daily_sales,
        sources=[users, orders],
        reports=[weekly_sales, monthly_sales],
        watch=[reconcile(against(BANK, BOOKED, columns={"revenue": "amount"}), cron="* * * * *")],
    ),
)
