"""The raw log of the example: transactions by day, as the library keeps them; fixings have a log of their own shape."""

from collections.abc import Mapping

import polars as pl

from backfill_assets import validated
from backfill_assets.lake import Records
from backfill_assets.revenue.landing_checks import LANDED, as_landed
from backfill_assets.revenue.schemas import RawTransactions
from backfill_assets.sources import ControlTotals, RawLog, arrived, raw_manifest

RAW, FIXINGS = "raw_transactions", "raw_fixings"
TRANSACTIONS = RawLog(
    table=RAW,
    columns=LANDED,
    key=("transaction_id",),
    totals=ControlTotals(("amount",), by="currency"),
    personal={"customer_id": "customer"},
    folder="transactions",
    as_landed=as_landed,
    validate=lambda rows: validated(RawTransactions.validate, rows),
    noun="transaction",
)


def notes(records: Records) -> Mapping[str, str]:
    """What a person should know of what arrived, transactions and fixings, by data file, oldest first."""
    there = [source for source in (RAW, FIXINGS) if records.exists(source)]
    visible = [file for source in there for file in arrived(records, records.snapshot(source), source)["file"]]
    told = raw_manifest(records).rows().filter(pl.col("note").is_not_null(), pl.col("file").is_in(visible))
    return dict(told.select("file", "note").iter_rows())
