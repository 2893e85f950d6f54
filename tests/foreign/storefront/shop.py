"""What the shop's database exports: who had registered by a day, and what was ordered on it."""

from datetime import date, timedelta
from random import Random

import polars as pl

COUNTRIES = ("AT", "DE", "FR", "IT")
USERS = pl.Schema({"snapshot_date": pl.Date, "user_id": pl.Int32, "country": pl.String})
ORDERS = pl.Schema({"order_date": pl.Date, "order_id": pl.Int64, "user_id": pl.Int32, "amount": pl.Float64})


def days_between(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


def registered(start: date, end: date) -> pl.DataFrame:
    rows = [(day, user, COUNTRIES[user % 4]) for day in days_between(start, end) for user in range(24)]
    return pl.DataFrame(rows, schema=USERS, orient="row")


def ordered(start: date, end: date) -> pl.DataFrame:
    rows = []
    for day in days_between(start, end):
        chance = Random(day.toordinal())
        rows += [
            (day, day.toordinal() * 100 + n, chance.randrange(24), chance.randrange(10_000) / 100) for n in range(40)
        ]
    return pl.DataFrame(rows, schema=ORDERS, orient="row")
