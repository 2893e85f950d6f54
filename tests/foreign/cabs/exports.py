"""What the dispatch system exports: a Parquet file a local day, times in UTC."""

import os
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import polars as pl

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("airport", "centre", "harbour")
RIDE = pl.Schema(
    {
        "day": pl.Date,
        "ride": pl.Int64,
        "zone": pl.String,
        "picked_up": pl.Datetime("us", "UTC"),
        "fare": pl.Decimal(9, 2),
    }
)


def export(folder: Path, first: date, days: int) -> None:
    """Write the files of some days, of which that of the night in which the clocks change has an hour less."""
    folder.mkdir(parents=True, exist_ok=True)
    for day in (first + timedelta(days=number) for number in range(days)):
        chance = Random(day.toordinal())
        midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp()
        rows = [
            (
                day,
                number,
                chance.choice(ZONES),
                midnight + chance.randrange(23 * 3600),
                Decimal(chance.randrange(500, 9000)),
            )
            for number in range(30)
        ]
        frame = pl.DataFrame(rows, schema=["day", "ride", "zone", "seconds", "cents"], orient="row")
        frame.select(
            "day",
            "ride",
            "zone",
            picked_up=pl.from_epoch("seconds").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
            fare=(pl.col("cents") / 100).cast(pl.Decimal(9, 2)),
        ).cast(dict(RIDE)).write_parquet(folder / f"rides-{day}.parquet")


def exported() -> str:
    """The files, as a pattern."""
    return os.environ.get("CAB_EXPORTS", "exports") + "/rides-*.parquet"
