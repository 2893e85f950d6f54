"""What the turbines' controllers send: a reading every twenty minutes, under the hour in UTC that it is of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import polars as pl

TURBINES = ("A1", "A2", "B1")
READINGS = pl.Schema(
    {
        "hour": pl.Datetime("us"),
        "turbine": pl.String,
        "measured_at": pl.Datetime("us"),
        "kilowatts": pl.Float64,
        "wind": pl.Float64,
    }
)


def hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """The hours of a window, without a time zone as the controllers' clocks are."""
    hour, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    while hour < end:
        yield hour
        hour += timedelta(hours=1)


def measured(start: datetime, end: datetime) -> pl.DataFrame:
    rows = []
    for hour in hours_between(start, end):
        chance = Random(f"{hour}")
        for turbine in TURBINES:
            for minutes in (0, 20, 40):
                wind = chance.randrange(20, 250) / 10
                at = hour + timedelta(minutes=minutes, seconds=chance.randrange(60))
                rows.append((hour, turbine, at, round(min(wind, 14) ** 3 * 0.73, 1), wind))
    return pl.DataFrame(rows, schema=READINGS, orient="row")
