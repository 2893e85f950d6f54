"""What other writers do to the lake, seen from the command line: named, with its exit code, and no day lost."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from backfill_assets.command_line import app
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


@pytest.mark.parametrize("table", [FACT, "raw_transactions", "_control/watermarks", "_control/first_days"])
def test_an_empty_entry_of_any_log_is_named_and_nothing_is_written_to_that_table_until_it_is_repaired(
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

    foretold = house.run("repair")
    assert foretold.code == 3, foretold.text
    assert [one["table"] for one in foretold.told["damaged"]] == [table]
    lost = [told for told in foretold.told["damaged"][0]["told"] if told.startswith("3 landed files")]
    assert len(lost) == (table == "raw_transactions"), foretold.text
    assert not newest.read_bytes()
    with house.entered():
        shown = CliRunner().invoke(app, ["repair", table], env={"COLUMNS": "80"})
    assert "Nothing was changed. Add --commit to do it." in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    done = house.run("repair", "--commit", "--by", "Ada Lovelace")
    assert (done.code, len(done.told["damaged"][0]["set_aside"])) == (0, 1), done.text
    assert house.run("nightly", "--through", str(NEXT)).told["published"][-1:] == [str(NEXT)]
    assert house.live().days == {*PUBLISHED, NEXT}
    assert house.live().scan().collect().height == 4 * len(trade(NEXT))
