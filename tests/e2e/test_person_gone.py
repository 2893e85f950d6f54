"""One of the busiest customers of the real data is erased: her days are corrected to the last digit without her.

What is searched for here is searched by this test's own means, beside the product's.
"""

import gzip
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.window import Window
from tests.e2e.house import House, finance_ledger, new_house, per_currency
from tests.e2e.test_real_data import EXPECT, planted
from tests.revenue.real_data import real_data

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

LANDED = Window(date(2011, 9, 1), date(2011, 11, 6))
EXPIRED_BEFORE = date(2011, 9, 11)
WRONG = Window(date(2011, 9, 5), date(2011, 10, 29))
BUSIEST = "17841"
LATER = "2012-03-01T06:00:00+00:00"


def contents(file: Path) -> Iterator[bytes]:
    """The bytes of a file as they are, unpacked, and row by row."""
    content = file.read_bytes()
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"PAR1"):
        rows = pl.read_parquet(file, hive_partitioning=False)
        for column in rows.select(pl.selectors.string()).iter_columns():
            yield "\n".join(column.drop_nulls().unique()).encode()


def holding(folder: Path, text: str) -> set[Path]:
    """The files below a folder in which a number stands by itself, by this test's own search."""
    alone = re.compile(rb"(?<![0-9A-Za-z.,_-])" + text.encode() + rb"(?![0-9A-Za-z.,_-])")
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file for file in files if any(alone.search(content) for content in contents(file))}


def places(house: House) -> list[Path]:
    return [house.root / "lake", house.root / "published", house.home]


def in_clear(house: House) -> pl.DataFrame:
    landed = pl.scan_parquet(house.landing / "transactions" / "*.parquet")
    return landed.filter(pl.col("customer_id") == BUSIEST).collect()


def mapped(house: House, personal: str = BUSIEST) -> int:
    """How many rows of the vault name a person, as Polars reads the files that its table names."""
    vault = pl.scan_delta(str(house.root / "lake" / "_vault" / "raw_transactions"))
    text = pl.selectors.string()
    return vault.filter(pl.any_horizontal(text == personal)).select(pl.len()).collect().item()


def ledger(window: Window) -> pl.DataFrame:
    return finance_ledger().filter(pl.col("day").is_between(window.first, window.last))


def test_her_days_are_corrected_to_the_last_digit_and_no_byte_holds_her(tmp_path: Path) -> None:
    real_data()
    house = new_house(tmp_path / "house", "2011-11-07T06:00:00+00:00").moved_in(LANDED.days)
    assert len(in_clear(house)) > 1_000
    assert house.run("nightly", "--through", str(LANDED.last)).code == 0
    known = mapped(house)
    assert known > 20
    assert holding(house.root / "lake" / "_vault", BUSIEST)
    planted(house, WRONG)
    assert per_currency(house.fact()).rows() != ledger(LANDED).rows()
    raw = {file.name: file.read_bytes() for file in (house.root / "lake" / "raw_transactions").rglob("*.parquet")}

    house = house.at(LATER)
    expired = house.run("expire-personal-data", "--before", str(EXPIRED_BEFORE), "--by", "Ada")
    assert expired.told["vaults"][0]["rows"] > 0
    assert 0 < mapped(house) < known
    purged = house.run("purge-landing", "--commit", "--by", "Ada")
    assert purged.code == 0, purged.text
    assert not [*(house.landing / "transactions").glob("*.parquet")]
    erased = house.run("erase", "--customer", BUSIEST, "--reason", "Asked by letter.", "--by", "Ada")
    assert erased.code in {0, 3}, erased.text
    assert not [one for one in erased.told["proof"]["still_held"] if one["certain"]], erased.text
    assert not erased.told["proof"]["not_looked_into"]
    assert mapped(house) == 0

    correction = house.opened(WRONG.first, WRONG.last, expect=EXPECT, correction="20120301")
    assert house.run("run", correction).told["waits_for"] == "person"
    assert house.run("approve", correction, "--by", "Ada", "--note", "looked at all days").code == 0
    assert house.run("run", correction).told["waits_for"] == "time"
    assert per_currency(house.fact()).rows() == ledger(LANDED).rows()
    again = house.run("erase", "--customer", BUSIEST, "--reason", "Asked by letter.", "--by", "Ada")
    assert again.code in {0, 3}, again.text
    assert [file for place in places(house) for file in holding(place, BUSIEST)] == []

    # Somebody lands everything once more: her rows count, and she is not known again.
    house.moved_in(LANDED.days)
    assert house.run("nightly", "--through", str(LANDED.last)).code == 0
    assert mapped(house) == 0
    assert per_currency(house.fact()).rows() == ledger(LANDED).rows()
    assert [file for place in places(house) for file in holding(place, BUSIEST)] == []
    there = {file.name: file.read_bytes() for file in (house.root / "lake" / "raw_transactions").rglob("*.parquet")}
    assert {name: there.get(name) for name in raw} == raw
    # Even where the raw log is made anew.
    shutil.rmtree(house.root / "lake" / "raw_transactions")
    restored = house.run("restore", "raw_transactions", "--commit")
    assert restored.code == 0, restored.text
    assert mapped(house) == 0
