"""Small tables and corrections of a lake in a temporary folder; every call returns fresh values."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from backfill_assets.storage.layout import staged_folder
from backfill_assets.storage.swap import Manifest, cut_over, plan_cut_over, plan_roll_back, roll_back
from backfill_assets.storage.swap_numbers import app_id
from backfill_assets.storage.table import Table

SCHEMA = pl.Schema(
    {
        "day": pl.Date,
        "key": pl.String,
        "revenue": pl.Decimal(18, 4),
        "at": pl.Datetime("us", "UTC"),
        "rows": pl.Int64,
        "open": pl.Boolean,
    }
)
SMALL = pl.Schema({"day": pl.Date, "revenue": pl.Int64})
NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def day(offset: int) -> date:
    return date(2026, 1, 1) + timedelta(days=offset)


def days(count: int, first: int = 0) -> list[date]:
    return [day(first + offset) for offset in range(count)]


def rows(*revenues: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "key": [f"k{index}" for index in range(len(revenues))],
            "revenue": [Decimal(revenue) for revenue in revenues],
            "at": [NOON] * len(revenues),
            "rows": list(range(len(revenues))),
            "open": [True] * len(revenues),
        },
        schema={name: kind for name, kind in SCHEMA.items() if name != "day"},
    )


def worth(*revenues: int) -> pl.DataFrame:
    return pl.DataFrame({"revenue": revenues}, schema={"revenue": pl.Int64})


def created(uri: str | Path, schema: pl.Schema = SMALL, **options) -> Table:
    table = Table(str(uri), schema, **options)
    table.create()
    return table


def live_with(uri: str | Path, revenues: Mapping[date, Collection[int]]) -> Table:
    table = created(uri)
    table.replace_days({of: worth(*values) for of, values in revenues.items()})
    return table


def staged_with(live: Table, correction: str, revenues: Mapping[date, Collection[int]]) -> Table:
    table = created(f"{live.uri}/{staged_folder(correction)}", live.schema)
    table.replace_days({of: worth(*values) for of, values in revenues.items()})
    return table


def content(table: Table) -> dict[date, list[int]]:
    """Every live day with its revenues, sorted; the empty list for a day without rows."""
    snapshot = table.snapshot()
    read = snapshot.scan().collect()
    by_day = {of: sorted(frame["revenue"]) for (of,), frame in read.partition_by("day", as_dict=True).items()}
    return {of: by_day.get(of, []) for of in snapshot.days}


def next_number(live: Table, correction: str) -> int:
    return live.snapshot().transaction_version(app_id(correction)) + 1


def planned_cut_over(live: Table, staged: Table, correction: str, of: Collection[date] | None = None) -> Manifest:
    now, new = live.snapshot(), staged.snapshot()
    wanted = new.days if of is None else of
    return plan_cut_over(
        now,
        new,
        correction=correction,
        swap_count=next_number(live, correction),
        days=wanted,
        certified_live={each: now.fingerprint(each) for each in wanted},
        certified_staged={each: new.fingerprint(each) for each in wanted},
    )


def done_cut_over(live: Table, staged: Table, correction: str, of: Collection[date] | None = None) -> Manifest:
    manifest = planned_cut_over(live, staged, correction, of)
    assert cut_over(live, manifest) is not None
    return manifest


def done_roll_back(
    live: Table, swaps: Collection[Manifest], correction: str, of: Collection[date] | None = None
) -> Manifest:
    manifest = plan_roll_back(
        live.snapshot(), list(swaps), correction=correction, swap_count=next_number(live, correction), days=of
    )
    assert roll_back(live, manifest) is not None
    return manifest
