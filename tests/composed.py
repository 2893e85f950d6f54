"""The example's table and its nightly, as they are found in its definitions."""

from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.revenue.definitions import defs

DAILY_REVENUE = tables_in(defs)["fct_daily_revenue"]
NIGHTLY = nightlies_in(defs)["fct_daily_revenue"]
