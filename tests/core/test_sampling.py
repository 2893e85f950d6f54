"""Samples are drawn at random, spread over every stratum and the whole window, and can be drawn again."""

from datetime import date, timedelta

import polars as pl

from backfill_assets.core.sampling import Cell, Sample, SampledRow, sample_size, sampling_order

STRATA = ("currency", "has_refund")
KEYS = ("day", "currency")


def population(days: int = 90) -> pl.DataFrame:
    rows = [
        {"day": date(2026, 1, 1) + timedelta(days=n), "currency": currency, "has_refund": n % 7 == 0}
        for n in range(days)
        for currency in ("EUR", "GBP", "JPY")
        if currency != "JPY" or n == 45
    ]
    return pl.DataFrame(rows)


def drawn(seed: str = "20260123", n: int = 30) -> pl.DataFrame:
    return sampling_order(population(), keys=KEYS, strata=STRATA, seed=seed).head(n)


def test_the_same_correction_draws_the_same_rows_and_another_one_others():
    assert drawn().equals(drawn())
    assert not drawn().equals(drawn("20260124"))


def test_every_currency_and_its_refunds_are_drawn_before_any_twice():
    first = drawn(n=population().select(STRATA).unique().height)

    assert first.select(STRATA).is_duplicated().sum() == 0
    assert "JPY" in first["currency"]


def test_a_sample_reaches_into_every_part_of_the_window():
    thirds = drawn(n=30).select(((pl.col("day") - date(2026, 1, 1)).dt.total_days() // 30).alias("third"))

    assert thirds["third"].value_counts()["count"].min() >= 5


def test_a_longer_plan_has_a_larger_sample_and_a_small_one_is_taken_whole():
    def size(days: int) -> int:
        return sample_size(population(days), strata=STRATA, days=days)

    assert size(2) == population(2).height
    assert size(90) == 30
    assert size(3000) == 200


def test_nothing_can_be_drawn_from_nothing():
    assert sampling_order(population().clear(), keys=KEYS, strata=STRATA, seed="1").is_empty()


def test_a_sample_survives_json():
    row = SampledRow({"day": "2026-01-01"}, (Cell("amount", "1.0000", None),), ({"transaction": "t1"},))
    sample = Sample("20260123", 3, 2, 10, (row,))

    assert Sample.from_json(sample.as_json()) == sample
    assert not row.agrees
