"""A table of 2,000 columns with 1,000 measures goes through a whole correction, and people are told of the largest."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.testing import TestLake

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

MEASURES = 1_000
DAYS = dg.DailyPartitionsDefinition("2026-01-05")
NUMBERS = [pl.lit(place + 1, pl.Int64).alias(f"m{place}") for place in range(MEASURES)]
TEXTS = [pl.lit("x").alias(f"t{place}") for place in range(MEASURES)]


@dg.asset(partitions_def=DAYS, io_manager_key="lake_io_manager", backfill_policy=dg.BackfillPolicy.single_run())
def log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date(), "market": "EU"})


@correctable_asset(partitions_def=DAYS, keys=["market"], measures=[f"m{place}" for place in range(MEASURES)])
def wide(log: pl.LazyFrame) -> pl.LazyFrame:
    return log.with_columns(*NUMBERS, *TEXTS)


def test_a_thousand_measures_go_through_and_notices_tell_of_the_one_that_moves_most(tmp_path: Path):
    defs = dg.Definitions.merge(
        dg.Definitions(assets=[log], resources=lake_resources()), build_correction_definitions(wide, sources=[log])
    )
    lake = TestLake(tmp_path, defs, now="2026-01-20T06:00:00+00:00")
    lake.publish("2026-01-05", "2026-01-07")
    right = lake.rows("wide")
    lake.plant("2026-01-05", "2026-01-07", lambda rows: rows.with_columns(pl.col(r"^m\d+$") * 2))

    correction = lake.correct("2026-01-05", "2026-01-07", reason="All were doubled.", watchers=["finance"])
    correction.through()

    assert lake.rows("wide").equals(right)
    bodies = [notice.body for notice in correction.notices]
    assert any("`m999`, days changed" in body for body in bodies)
    assert max(map(len, bodies)) < 2_000
    assert not [place for place in range(MEASURES - 1) for body in bodies if f"`m{place}`" in body]
    (page,) = (tmp_path / "published/corrections").glob("*/index.html")
    assert page.stat().st_size < 250_000
    assert f"{MEASURES - 20:,} more measures" in page.read_text()
