"""What other writers do to the lake, seen from the command line: named, with its exit code, and no day lost."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from backfill_assets.core.window import Window
from backfill_assets.storage.layout import LOG
from tests.e2e.house import FACT, House
from tests.e2e.shop import open_shop, trade
from tests.e2e.test_bad_input import assert_refused
from tests.scenarios import drop_parquet

pytestmark = pytest.mark.dagster

PUBLISHED = Window(date(2026, 1, 5), date(2026, 1, 7))
NEXT = date(2026, 1, 8)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three days, published. Copy it, do not write to it."""
    return open_shop(tmp_path_factory.mktemp("published") / "house", PUBLISHED.days, "2026-01-24T06:00:00+00:00")


@pytest.mark.parametrize("table", [FACT, "raw_transactions"])
def test_a_row_without_a_day_is_named_by_nightly_and_before_a_correction_opens(
    published: House, tmp_path: Path, table: str
):
    house = published.copy(tmp_path / "house")
    rows = house.records.snapshot(table).scan().collect().head(1).with_columns(day=pl.lit(None, pl.Date))
    write_deltalake(house.records.lake.table_uri(table), rows, mode="append")
    drop_parquet(house.landing, NEXT, trade(NEXT))

    nightly = house.run("nightly", "--through", str(NEXT))

    assert nightly.told["published"] == [str(NEXT)], nightly.text
    assert house.live().days == {*PUBLISHED, NEXT}
    assert house.live().scan().collect()["day"].drop_nulls().n_unique() == 4
    assert [sentence for sentence in nightly.told["readers_wait"] if f"without a day in {table}, 1," in sentence]
    assert_refused(house.run("open", str(house.request(PUBLISHED.first, PUBLISHED.last))), "RowsWithoutDay", 4)
    assert house.records.ledger.histories() == {}


@pytest.mark.parametrize("table", [FACT, "raw_transactions", "_control/watermarks"])
def test_an_empty_entry_of_any_log_is_named_and_nothing_is_written_to_that_table(
    published: House, tmp_path: Path, table: str
):
    house = published.copy(tmp_path / "house")
    newest = max((house.root / "lake" / table / LOG).glob("*.json"))
    newest.write_bytes(b"")
    drop_parquet(house.landing, NEXT, trade(NEXT))

    refused = house.run("nightly", "--through", str(NEXT))

    assert_refused(refused, "LogDamaged", 4)
    assert table in refused.told["message"]
    assert max(newest.parent.glob("*.json")) == newest
