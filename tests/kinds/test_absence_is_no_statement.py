"""What a newer file leaves out is not taken back: what was known stays, and the gap is named or the file refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.revenue import fixing_log, raw_log
from backfill_assets.revenue.fixings import fixings_known, rates_in_force
from backfill_assets.revenue.reconciling import reconcile
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.e2e.house import House, per_currency
from tests.e2e.shop import FIXINGS, open_shop, trade
from tests.scenarios import KEY, drop_parquet, transaction

AT = datetime(2026, 1, 17, 6, tzinfo=UTC)
HISTORY = "fx/eurofxref-hist.csv"
HEADER, *LINES = FIXINGS.splitlines()
NEWER = "2026-01-19,1.1633,0.8670,"


def written(lines: list[str], header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def column(line: str, *kept: int) -> str:
    cells = line.split(",")
    return ",".join(cells[one] for one in kept) + ","


NO_POUND = written([column(line, 0, 1) for line in (NEWER, *LINES)], "Date,USD,")
FEWER_DAYS = written([NEWER, *LINES[:2], *LINES[4:]])
STARTS_LATER = written([NEWER, *LINES[:2]])
BLANK_CELL = written([NEWER, LINES[0], "2026-01-09,1.1642,,", *LINES[2:]])
BLANK_LINE_CUT = written([NEWER, LINES[0], "2026-01-09,1.1642", *LINES[2:]])
SAYS_NONE = written([NEWER, *(column(line, 0, 1) + "N/A," for line in LINES)])
ENDS_EARLIER = written(LINES[1:])
NOTHING = HEADER + "\n"

# path, content, what names it (an error's class, or a part of the note)
CASES: dict[str, tuple[str, str, str]] = {
    "without a currency's column": (HISTORY, NO_POUND, "GBP on 6 days, 2026-01-05..2026-01-16"),
    "with fewer days": (HISTORY, FEWER_DAYS, "GBP on 2 days, 2026-01-07..2026-01-08; USD on 2 days"),
    "starting later": (HISTORY, STARTS_LATER, ""),
    "with a blank cell": (HISTORY, BLANK_CELL, "UnusableFixings"),
    "with a line cut off": (HISTORY, BLANK_LINE_CUT, "UnusableFixings"),
    "with N/A for all of a currency": (HISTORY, SAYS_NONE, "FixingWithdrawalWaits"),
    "ending earlier": (HISTORY, ENDS_EARLIER, "StaleFixings"),
    "with a header only": (HISTORY, NOTHING, "StaleFixings"),
    "of the last days, beside the history": ("fx/eurofxref-hist-90d.csv", STARTS_LATER, ""),
    "of another currency only, beside the history": ("fx/other.csv", NO_POUND, "GBP on 6 days"),
    "older than the history, beside it": ("fx/eurofxref-hist-copy.csv", ENDS_EARLIER, ""),
}


def ingested(root: Path, content: str, path: str = HISTORY) -> tuple[Records, str]:
    """The lake after a file of fixings landed, and what was said about it."""
    records = Records(Lake(str(root / "lake")))
    (root / "landing/fx").mkdir(parents=True, exist_ok=True)
    (root / "landing" / path).write_text(content)
    try:
        done = fixing_log.ingest_fixings(records, root / "landing", AT)
    except BackfillAssetsError as error:
        return records, f"{type(error).__name__} {error}"
    return records, " ".join(done.notes)


def known(records: Records) -> set[tuple[object, ...]]:
    log = records.snapshot("raw_fixings").scan().collect()
    return set(fixings_known(log).select("fixing_day", "currency", "rate").rows())


@pytest.mark.parametrize("case", CASES)
def test_a_file_of_fixings_takes_back_nothing_by_leaving_it_out(case: str, tmp_path: Path):
    path, content, named = CASES[case]
    before = known(ingested(tmp_path, FIXINGS)[0])

    records, told = ingested(tmp_path, content, path)

    assert before <= known(records)
    assert named in told
    assert bool(told) == bool(named)
    assert ": " not in told


def test_a_currency_that_ended_is_missing_from_newer_files_and_that_is_no_gap(tmp_path: Path):
    lev = "Date,USD,BGN,\n2025-12-31,1.1750,1.9558,\n2025-12-30,1.1740,1.9558,\n"
    before = known(ingested(tmp_path, lev)[0])

    records, told = ingested(tmp_path, "Date,USD,\n2026-01-02,1.1721,\n2025-12-31,1.1750,\n2025-12-30,1.1740,\n")

    assert before < known(records)
    assert told == ""


def test_a_single_fixing_of_which_the_file_says_that_there_is_none_is_withdrawn_by_name(tmp_path: Path):
    many = [f"2026-01-{day:02},1.1{day:02},0.86{day:02}," for day in range(20, 4, -1)]
    ingested(tmp_path, written(many))

    records, told = ingested(tmp_path, written([line.replace("0.8607", "N/A") for line in many]))

    assert "GBP on 2026-01-07" in told
    assert (date(2026, 1, 7), "GBP") not in {(day, currency) for day, currency, _ in known(records)}
    log = records.snapshot("raw_fixings").scan().collect()
    in_force = rates_in_force(fixings_known(log), [date(2026, 1, 7)])
    assert in_force.filter(pl.col("currency") == "GBP").is_empty()


def test_an_older_file_changes_no_fixing_that_a_newer_one_stated(tmp_path: Path):
    before = known(ingested(tmp_path, FIXINGS)[0])

    records, _ = ingested(tmp_path, "Date,USD,\n2026-01-05,9.9,\n2026-01-02,1.17,\n", "fx/old.csv")

    assert {day for day, _, _ in known(records) - before} == {date(2026, 1, 2)}


def test_a_manifest_that_lost_a_day_does_not_mean_that_nothing_arrived(tmp_path: Path):
    """The same file again would count every transaction twice."""
    records = Records(Lake(str(tmp_path / "lake")))
    day = date(2026, 1, 5)
    drop_parquet(tmp_path / "landing", day, trade(day))
    raw_log.TRANSACTIONS.ingest(records, tmp_path / "landing", [day], KEY, AT)
    before = records.snapshot("raw_transactions").fingerprint(day)
    manifest = tmp_path / "lake/_control/raw_manifest"
    manifest.rename(tmp_path / "lost")

    done = raw_log.TRANSACTIONS.ingest(records, tmp_path / "landing", [day], KEY, AT)

    assert list(done.reasons) == [day]
    assert done.reasons[day].error.startswith("ArrivalUnannounced")
    assert records.snapshot("raw_transactions").fingerprint(day) == before


DAYS = Window(date(2026, 1, 5), date(2026, 1, 9))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five published days in two currencies. Copy it, do not write to it."""
    return open_shop(tmp_path_factory.mktemp("shop") / "house", DAYS.days, "2026-01-12T06:00:00+00:00")


@pytest.mark.dagster
def test_nightly_rewrites_no_day_for_a_file_that_leaves_a_currency_out(shop: House, tmp_path: Path):
    house = shop.copy(tmp_path / "house")
    before, standing = house.fact(), house.live().commit
    (house.landing / HISTORY).write_text(NO_POUND)

    answered = house.run("nightly", "--through", str(DAYS.last))

    assert answered.code == 0, answered.text
    assert (answered.told["late"], answered.told["rebuilt"]) == ([], [])
    assert "GBP" in answered.told["notes"][0]
    assert house.live().commit == standing
    assert house.fact().equals(before)


def booked(house: House, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda lines: lines) -> tuple[Any, ...]:
    """What reconciliation finds beside a ledger that agrees but for the change, and what it closes."""
    (house.landing / "ledger").mkdir(exist_ok=True)
    change(per_currency(house.fact())).write_csv(house.landing / "ledger/finance.csv")
    with house.entered():
        done = reconcile(house.records, house.landing, None, AT)
    return [(one["cause"], one["groups"], one["days"], bool(one["request"])) for one in done.findings], done.closed


ON = date(2026, 1, 7)
LEAVES_OUT: dict[str, tuple[pl.Expr, list[tuple[str, list[str], int, bool]]]] = {
    "nothing": (pl.lit(value=False), []),
    "a currency": (pl.col("currency") == "GBP", [("ledger_missing", ["GBP"], 5, False)]),
    "a currency on a day": (
        (pl.col("currency") == "GBP") & (pl.col("day") == ON),
        [("ledger_missing", ["GBP"], 1, False)],
    ),
    "a day": (pl.col("day") == ON, [("ledger_missing", ["EUR", "GBP"], 1, False)]),
    "everything": (pl.lit(value=True), [("ledger_missing", ["EUR", "GBP"], 5, False)]),
}


@pytest.mark.parametrize("case", LEAVES_OUT)
def test_what_finances_ledger_leaves_out_it_does_not_deny(shop: House, tmp_path: Path, case: str):
    house = shop.copy(tmp_path / "house")
    left_out, expected = LEAVES_OUT[case]

    found, _ = booked(house, lambda lines: lines.filter(~left_out))

    assert found == expected


@pytest.mark.parametrize("case", [name for name in LEAVES_OUT if name != "nothing"])
def test_a_finding_is_not_closed_because_the_ledger_no_longer_speaks_of_its_days(
    shop: House, tmp_path: Path, case: str
):
    house = shop.copy(tmp_path / "house")
    is_wrong = (pl.col("day") == ON) & (pl.col("currency") == "GBP")
    dearer = pl.when(is_wrong).then(pl.col("revenue_usd") + 1).otherwise("revenue_usd").cast(pl.Decimal(38, 4))
    assert booked(house, lambda lines: lines.with_columns(revenue_usd=dearer))[0] == [("amounts", ["GBP"], 1, True)]

    assert booked(house, lambda lines: lines.filter(~LEAVES_OUT[case][0]))[1] == ()
    _, closed = booked(house)

    assert any("amounts" in name for name in closed)


@pytest.mark.dagster
def test_a_day_that_got_no_further_is_published_once_its_inputs_are_mended(tmp_path: Path):
    """Its inputs are there, which does not mean that they are what they have to be."""
    house = open_shop(tmp_path / "house", [date(2026, 1, 5)], "2026-01-10T06:00:00+00:00")
    no_currency, no_rate = date(2026, 1, 6), date(2026, 1, 7)
    drop_parquet(house.landing, no_currency, [transaction("a", no_currency, currency="SEK")])
    drop_parquet(house.landing, no_rate, [transaction("a", no_rate, currency="NOK")])
    through = ("nightly", "--through", str(no_rate))
    assert sorted(house.run(*through).told["failed"]) == [str(no_currency), str(no_rate)]
    drop_parquet(house.landing, no_currency, [transaction("a", no_currency, currency="GBP")])
    rates = written([f"{column(line, 0, 1, 2)}11.7," for line in LINES], "Date,USD,GBP,NOK,")
    (house.landing / HISTORY).write_text(rates)

    answered = house.run(*through)

    assert (answered.code, answered.told["published"]) == (0, [str(no_currency), str(no_rate)]), answered.text
