"""Nightly, on a small shop: late data, claimed days, frozen reports, and what an earlier nightly left behind."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.revenue import transforms
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.runbook import freeze_reports
from tests.composed import DAILY_REVENUE
from tests.e2e.house import House
from tests.e2e.shop import FIXINGS, open_shop, trade
from tests.scenarios import drop_parquet

pytestmark = pytest.mark.dagster

PUBLISHED = Window(date(2026, 1, 5), date(2026, 1, 9))
LATEST, OLD, NEXT = date(2026, 1, 9), date(2026, 1, 5), date(2026, 1, 10)
NOW, TOMORROW = "2026-01-10T06:00:00+00:00", "2026-01-11T06:00:00+00:00"
REPORTS = ("executive_dashboard", "finance_reconciliation_export", "board_pack")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five published days. Copy it, do not write to it."""
    return open_shop(tmp_path_factory.mktemp("published") / "house", PUBLISHED.days, NOW)


def pounds(house: House, day: date) -> Decimal:
    return house.fact([day]).filter(pl.col("currency") == "GBP")["amount"].sum()


def on_the_dashboard(house: House, day: date) -> Decimal:
    return house.records.snapshot("executive_dashboard").scan([day]).collect()["revenue_usd"].sum()


def test_late_data_inside_the_look_back_is_taken_in_and_published(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    drop_parquet(house.landing, LATEST, trade(LATEST, "99.0000"))

    answered = house.run("nightly", "--through", str(LATEST))

    assert (answered.code, answered.told["rebuilt"], answered.told["late"]) == (0, [str(LATEST)], [])
    assert pounds(house, LATEST) == 99
    assert on_the_dashboard(house, LATEST) == house.fact([LATEST])["revenue_usd"].sum()


def test_late_data_beyond_the_look_back_is_kept_named_every_night_and_left_to_a_correction(
    published: House, tmp_path: Path
):
    house = published.copy(tmp_path / "house")
    drop_parquet(house.landing, OLD, trade(OLD, "99.0000"))

    for _ in range(2):
        answered = house.run("nightly", "--through", str(LATEST))
        assert (answered.code, answered.told["rebuilt"], answered.told["late"]) == (0, [], [str(OLD)])

    assert pounds(house, OLD) == Decimal("12.5")
    assert TRANSACTIONS.arrivals(house.records).filter(pl.col("day") == OLD)["arrival"].to_list() == [1, 2]
    correction = house.opened(OLD, OLD)
    house.run("run", correction)
    house.run("approve", correction, "--by", "Ada", "--note", "late rows")
    assert house.run("run", correction).told["waits_for"] == "time"
    assert pounds(house, OLD) == 99
    assert house.run("nightly", "--through", str(LATEST)).told["late"] == []


def test_a_fixing_that_is_revised_is_late_data_too(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    (house.landing / "fx/eurofxref-hist.csv").write_text(FIXINGS.replace("1.1664", "1.2000").replace("1.1642", "1.3"))

    answered = house.run("nightly", "--through", str(LATEST))

    assert answered.told["rebuilt"] == [str(LATEST)]
    assert answered.told["late"] == [str(OLD)]
    assert house.fact([LATEST])["rate_usd"].unique().to_list() == [Decimal("1.3")]


def test_a_changed_file_that_is_bad_is_named_and_changes_nothing(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    file = drop_parquet(house.landing, OLD, trade(OLD, "99.0000"))
    file.write_bytes(file.read_bytes()[:100])
    before = house.fact()

    answered = house.run("nightly", "--through", str(LATEST))

    assert (answered.code, answered.told["error"]) == (2, "UnreadableFile")
    assert list(answered.told["failed"]) == [str(OLD)]
    assert house.fact().equals(before)


def test_a_claimed_day_is_left_to_its_correction_and_comes_right_in_it(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    correction = house.opened(date(2026, 1, 8), LATEST)
    drop_parquet(house.landing, LATEST, trade(LATEST, "99.0000"))
    drop_parquet(house.landing, NEXT, trade(NEXT))

    answered = house.at(TOMORROW).run("nightly", "--through", str(NEXT))

    assert answered.told["published"] == [str(NEXT)]
    assert answered.told["claimed"] == [str(LATEST)]
    assert answered.told["rebuilt"] == []
    assert pounds(house, LATEST) == Decimal("12.5")
    assert set(answered.told["frozen"]) <= set(REPORTS)
    house.run("abandon", correction, "--by", "Ada", "--note", "nightly may have them")
    assert house.at(TOMORROW).run("nightly", "--through", str(NEXT)).told["rebuilt"] == [str(LATEST)]
    assert pounds(house, LATEST) == 99


def test_a_new_day_is_published_while_reports_are_frozen_and_reported_after_the_thaw(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    correction = house.opened(OLD, date(2026, 1, 6))
    with house.entered():
        freeze_reports(DAILY_REVENUE.step_context(LakeResource(), "ada"), correction)
    drop_parquet(house.landing, NEXT, trade(NEXT))
    house = house.at(TOMORROW)
    answered = house.run("nightly", "--through", str(NEXT))

    assert answered.told["published"] == [str(NEXT)]
    assert {"finance_reconciliation_export", "board_pack"} <= set(answered.told["frozen"])
    assert NEXT not in house.records.snapshot("finance_reconciliation_export").days
    assert house.run("abandon", correction, "--by", "Ada", "--note", "never mind").code == 0
    assert NEXT in house.records.snapshot("finance_reconciliation_export").days


def test_a_correction_opened_while_nightly_computes_keeps_its_days(
    published: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nightly has passed the guard and is about to commit; the claim comes first."""
    house = published.copy(tmp_path / "house")
    drop_parquet(house.landing, LATEST, trade(LATEST, "99.0000"))
    opened, compute = [], transforms.daily_revenue

    def overtaken(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
        if not opened:
            opened.append(house.opened(LATEST, LATEST))
        return compute(raw_transactions, fx_rates)

    # Whichever definitions the command composes, they call this.
    monkeypatch.setattr(transforms, "daily_revenue", overtaken)
    answered = house.run("nightly", "--through", str(LATEST))

    assert (answered.code, answered.told["error"]) == (4, "LiveWriteRefused")
    assert opened[0] in answered.told["message"]
    assert pounds(house, LATEST) == Decimal("12.5")


def test_a_gap_that_a_roll_back_leaves_is_published_again(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    gap = date(2026, 1, 7)
    live = house.records.table("fct_daily_revenue")
    live.commit(lambda now: _without(now, gap))
    assert house.records.watermarks.holders("fct_daily_revenue")["nightly"].effective == LATEST

    answered = house.run("nightly", "--through", str(LATEST))

    assert answered.told["published"] == [str(gap)]
    assert house.live().days == frozenset(PUBLISHED)


def test_a_partition_of_a_report_that_was_written_and_not_recorded_is_built_again(published: House, tmp_path: Path):
    """A nightly was killed between the two, and live has changed since."""
    house = published.copy(tmp_path / "house")
    lake = house.records.lake
    right = {report: house.records.snapshot(report).scan().collect() for report in REPORTS}
    for report in REPORTS:
        DeltaTable(lake.control_uri("completeness")).delete(f"report = '{report}'")
        DeltaTable(lake.table_uri(report)).update(updates=dict.fromkeys(amounts_of(right[report]), "0"))
        assert not house.records.snapshot(report).scan().collect().equals(right[report])

    assert house.run("nightly", "--through", str(LATEST)).code == 0

    for report in REPORTS:
        there = house.records.snapshot(report).scan().collect()
        assert there.sort(pl.all()).equals(right[report].sort(pl.all())), report


def amounts_of(frame: pl.DataFrame) -> list[str]:
    return [name for name, kind in frame.schema.items() if kind.is_decimal()]


def test_an_earlier_day_never_moves_the_mark_back(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")

    assert house.run("nightly", "--through", str(OLD)).code == 0

    assert house.records.watermarks.holders("fct_daily_revenue")["nightly"].effective == LATEST


def test_a_report_that_fails_is_named_and_the_days_are_published(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    (house.landing / "ledger").mkdir(exist_ok=True)
    (house.landing / "ledger/broken.csv").write_text("no header\n")
    drop_parquet(house.landing, NEXT, trade(NEXT))

    answered = house.at(TOMORROW).run("nightly", "--through", str(NEXT))

    assert answered.code != 0
    assert answered.told["published"] == [str(NEXT)]
    assert list(answered.told["reports_failed"]) == ["finance_reconciliation_export"]
    assert answered.told["error"] == "UnusableLedger"
    (house.landing / "ledger/broken.csv").unlink()
    assert house.at(TOMORROW).run("nightly", "--through", str(NEXT)).code == 0
    assert NEXT in house.records.snapshot("finance_reconciliation_export").days


def _without(now, gap: date):
    from backfill_assets.storage.table import Change

    return Change(removes=now.files_of([gap])[gap])
