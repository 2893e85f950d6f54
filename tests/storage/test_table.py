from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from backfill_assets.storage.table import Change, Table

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
FIRST = date(2026, 1, 1)


def day(offset: int) -> date:
    return FIRST + timedelta(days=offset)


def rows(*revenues: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "key": [f"k{index}" for index in range(len(revenues))],
            "revenue": [Decimal(revenue) for revenue in revenues],
            "at": [datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)] * len(revenues),
            "rows": list(range(len(revenues))),
            "open": [True] * len(revenues),
        },
        schema={name: kind for name, kind in SCHEMA.items() if name != "day"},
    )


def created(uri: str | Path, schema: pl.Schema = SCHEMA, **options) -> Table:
    table = Table(str(uri), schema, **options)
    table.create()
    return table


def total(table: Table) -> Decimal:
    return table.snapshot().scan().select(pl.sum("revenue")).collect().item()


def test_replaced_days_are_read_back_exactly(tmp_path):
    table = created(tmp_path / "t")
    commit = table.replace_days({day(0): rows("1.0001", "-99999999999999.9999"), day(1): rows("2")})
    assert commit is not None
    assert commit.number == 1
    assert abs(datetime.now(UTC) - commit.at) < timedelta(minutes=1)
    read = table.snapshot().scan([day(0)]).collect()
    assert read.schema == SCHEMA
    assert sorted(read["revenue"]) == [Decimal("-99999999999999.9999"), Decimal("1.0001")]
    table.replace_days({day(0): rows("5")})
    assert total(table) == Decimal("7.0000")


def test_a_day_without_rows_has_a_file_and_is_not_a_missing_day(tmp_path):
    table = created(tmp_path / "t")
    table.replace_days({day(0): rows(), day(1): rows("1")})
    snapshot = table.snapshot()
    assert snapshot.days == {day(0), day(1)}
    assert snapshot.files[day(0)][0].rows == 0
    assert snapshot.fingerprint(day(0)) != ""
    assert snapshot.fingerprint(day(2)) == ""
    assert snapshot.scan([day(0)]).collect().height == 0
    assert snapshot.scan([day(2)]).collect().schema == SCHEMA
    assert DeltaTable(table.uri).count() == 1


def test_statistics_rebuilt_from_the_log_are_the_ones_that_were_written(tmp_path):
    table = created(tmp_path / "t")
    written = table.write_files({day(0): rows("1.0001", "-12345678901234.5678")})
    table.commit(lambda _: Change(tuple(written.values())))
    assert table.snapshot().files[day(0)] == (written[day(0)],)
