"""What the data costs to keep: prices as they are given, sizes as they lie in the lake, and the one sentence."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from backfill_assets.core.storage_cost import KeptTwice, Kind, StorageCost, TableSize, cost_a_year, size_told
from backfill_assets.errors.given import PricesUnusable
from backfill_assets.pages.storage_cost import storage_cost_page, write_storage_cost
from backfill_assets.runbook import approve, decommission
from backfill_assets.runbook.storage_cost import storage_cost
from backfill_assets.runbook.storage_prices import prices_of
from tests.runbook.world import REPORT, SOURCE, START, TABLE, world_at

PRICES = prices_of()
FIRST = date(2025, 1, 1)


def measured(*tables: TableSize, **more) -> StorageCost:
    return StorageCost(START, PRICES, tables, **more)


def table(a_day: list[int], **more) -> TableSize:
    by_day = {FIRST + timedelta(days=number): size for number, size in enumerate(a_day)}
    return TableSize("raw", Kind.RAW, sum(a_day), by_day, **more)


def test_a_petabyte_of_raw_for_a_year_is_240_000_dollars():
    assert PRICES.of_raw == Decimal("0.02")
    assert cost_a_year(10**15, PRICES.of_raw) == Decimal(240_000)
    found = measured(table([10**15 // 365 + 1] * 40))
    assert "One more year of raw is 1.0 PB and costs 240,000 USD a year" in found.answer()


@dataclass(frozen=True)
class Days:
    """Bytes of days in a row, and what is said of them."""

    sizes: list[int]
    a_day: int
    growth: Fraction | None


DAYS = [
    Days([], 0, None),
    Days([7], 7, None),
    Days([10] * 30, 10, None),
    Days([10] * 31, 10, Fraction(0)),
    Days([10] * 30 + [15] * 30, 15, Fraction(1, 2)),
    Days([10] * 90 + [0] * 30, 0, Fraction(-1)),
    Days([0] * 30 + [5] * 30, 5, None),
]


@pytest.mark.parametrize("days", DAYS, ids=str)
def test_a_day_is_the_mean_of_the_newest_thirty_and_growth_compares_it_with_those_before(days):
    found = table(days.sizes)
    assert (found.a_day, found.growth) == (days.a_day, days.growth)


HEAD = 'currency = "USD"\nas_of = "2026-01-01"\nsource = "a list"\nraw = "a"\n'
BROKER = "\n[broker]\ncopies = 3\ndisk = 1"
WRONG_PRICES = {
    "no TOML": "tiers = [",
    "nothing": "",
    "a price in words": f'{HEAD}[tiers]\na = "cheap"{BROKER}',
    "less than nothing": f"{HEAD}[tiers]\na = -1{BROKER}",
    "no number": f"{HEAD}[tiers]\na = nan{BROKER}",
    "no such tier": f"{HEAD}[tiers]\nb = 1{BROKER}",
    "no tiers": f"{HEAD}tiers = 3{BROKER}",
    "no broker": f"{HEAD}[tiers]\na = 1",
    "no date": f"{HEAD}[tiers]\na = 1{BROKER}".replace("2026-01-01", "lately"),
    "no copies": f"{HEAD}[tiers]\na = 1{BROKER}".replace("3", "0"),
}


def test_what_costs_nothing_may_be_said_so(tmp_path):
    (tmp_path / "prices.toml").write_text(f"{HEAD}[tiers]\na = 0{BROKER}")
    assert prices_of(tmp_path / "prices.toml").tiers["a"] == 0


@pytest.mark.parametrize("text", WRONG_PRICES.values(), ids=WRONG_PRICES)
def test_prices_that_cannot_be_are_refused_by_file(tmp_path, text):
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(PricesUnusable, match=r"prices\.toml cannot be used"):
        prices_of(tmp_path / "prices.toml")


def test_what_lies_in_the_lake_is_measured_and_what_a_correction_keeps_twice_goes_with_it(
    tmp_path,
):
    world = world_at(tmp_path)
    before = storage_cost([world.step_context()], PRICES)
    assert before.kept_twice == before.corrections == ()
    assert before.answer().endswith("; no correction has been made of it yet.")
    correction = world.open(4, 9).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    world.drive(correction)
    found = storage_cost([world.step_context()], PRICES)

    for one in found.tables:
        if one.kind is not Kind.RECORD:
            live = world.records.snapshot(one.name)
            paths = [path for slot in live.files for path, _ in live.names(slot)]
            assert one.size == sum((tmp_path / one.name / path).stat().st_size for path in paths) > 0
    kinds = {one.name: one.kind for one in found.tables if one.kind is not Kind.RECORD}
    assert kinds == {SOURCE: Kind.RAW, TABLE: Kind.CORRECTABLE}
    (kept,) = found.kept_twice
    progress = world.progress(correction)
    assert kept.until == progress.plan.roll_back_deadline(progress.publication.swapped_at)
    (made,) = found.corrections
    assert (made.table, made.days, made.changed) == (TABLE, 6, len(world.progress(correction).publication.swapped))
    assert f"correction {correction} took" in found.answer()
    assert f"{made.changed} wrong days of {TABLE} could not have been computed anew" in found.answer()
    assert found.raw_bytes_a_year == 365 * found.raw[0].a_day > 0
    assert (
        found.raw[0].event_bytes == len('{"day":"2026-01-01","shop":"a","revenue":100}')
        or found.raw[0].event_bytes > 20
    )
    page = storage_cost_page(found)
    assert size_told(kept.size) in page
    assert correction in page

    world.later(15)
    done = decommission(world.step_context(), correction)
    assert done.detail["bytes_freed"] == kept.size > 0
    assert storage_cost([world.step_context()], PRICES).kept_twice == ()
    assert REPORT not in kinds


def test_what_is_kept_twice_costs_less_the_sooner_it_may_go():
    kept = [KeptTwice("20260101", 10**12, START + timedelta(days=left)) for left in (0, 1, 15, 30)]
    costs = [measured(kept_twice=(one,)).twice() for one in kept]
    assert costs == [Decimal(0), Decimal("0.77"), Decimal("11.50"), Decimal(23)]
    assert measured(kept_twice=(replace(kept[0], until=None),)).twice() == Decimal(23)


def test_the_page_is_written_whole(tmp_path):
    world = world_at(tmp_path / "lake")
    page = write_storage_cost(storage_cost([world.step_context()], PRICES), tmp_path / "published")
    assert page.read_text().count("</html>") == 1
