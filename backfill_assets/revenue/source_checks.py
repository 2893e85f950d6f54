"""Step 2 of the example: what landed is still there as it landed, and every currency that was traded has a rate.

One scan of the raw rows and one pass over the bytes of their files, side by side.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets.checks import Problem
from backfill_assets.corrections import Plan
from backfill_assets.lake import Records, Snapshot
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.transforms import control_totals, latest_transactions
from backfill_assets.text import FAULTS

RAW, RATES = raw_log.RAW, "fx_rates"
THREADS = 4
SUMS = pl.Schema({"day": pl.Date(), "arrival": pl.Int64(), "currency": pl.String(), "amount": pl.Decimal(38, 4)})
COUNTS = pl.Schema({"day": pl.Date(), "arrival": pl.Int64(), "rows": pl.Int64()})
TOTALS = pl.Schema({**COUNTS, "currency": pl.String(), "amount": pl.Decimal(38, 4)})


def verify_sources(records: Records, plan: Plan) -> Sequence[Problem]:
    """Every problem of every day of the plan, at the commits that the correction is staged from."""
    raw = records.snapshot(RAW, plan.pins[RAW])
    rates = records.snapshot(RATES, plan.pins[RATES])
    days = sorted(set(plan.days) & raw.days)
    known = raw_log.arrivals(records, plan.pins[RAW]).filter(pl.col("day").is_in(days))
    with ThreadPoolExecutor(THREADS) as pool:
        looks = pool.map(lambda row: _file_problem(raw, row), known.iter_rows(named=True))
        totals, unreadable = _totals(raw, days)
        altered = [problem for problem in looks if problem is not None]
    bad = {problem.day for problem in (*altered, *unreadable)}
    sound = known.filter(~pl.col("day").is_in(list(bad)))
    standing = _standing(raw, sound, totals)
    found = [
        *altered,
        *unreadable,
        *_unannounced(raw, known, days),
        *_other_totals(sound, totals),
        *_other_standing(sound, standing),
        *_without_rate(standing, rates, days),
    ]
    return list(dict.fromkeys(found))


def _file_problem(raw: Snapshot, row: Mapping[str, Any]) -> Problem | None:
    """Whether an arrival's data file is gone or is not the one that was written."""
    day, path, written = row["day"], str(row["file"]), row["file_sha256"]
    try:
        content = raw.folder.read(path)
    except FAULTS:
        return Problem(day, f"{RAW} has a file that cannot be read")
    if written and hashlib.sha256(content).hexdigest() != written:
        return Problem(day, f"{RAW} has a file that was altered since it arrived")
    return None


def _totals(raw: Snapshot, days: Sequence[date]) -> tuple[pl.DataFrame, list[Problem]]:
    """Rows and sums per day, arrival and currency; where a file breaks the scan, day by day to name it."""
    try:
        return control_totals(raw.scan(days)), []
    except FAULTS:
        found, broken = [pl.DataFrame(schema=TOTALS)], list[Problem]()
        for day in days:
            try:
                found.append(control_totals(raw.scan([day])).select(list(TOTALS)))
            except FAULTS:
                broken.append(Problem(day, f"{RAW} has a file that cannot be read"))
        return pl.concat(found), broken


def _standing(raw: Snapshot, known: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """How many transactions count, per day and currency: of a day that landed again, those its arrivals have left."""
    again = sorted(set(known.filter(pl.col("arrival") > 1)["day"]))
    once = totals.filter(~pl.col("day").is_in(again)).select("day", "currency", "rows")
    if not again:
        return once
    left = latest_transactions(raw.scan(again)).group_by("day", "currency").agg(rows=pl.len().cast(pl.Int64))
    return pl.concat([once, left.collect().select(once.columns)])


def _other_standing(known: pl.DataFrame, standing: pl.DataFrame) -> list[Problem]:
    """Days of which other transactions count than the latest arrival has left."""
    last = known.filter(pl.col("arrival") == pl.col("arrival").max().over("day"), pl.col("standing").is_not_null())
    there = standing.group_by("day").agg(there=pl.col("rows").sum())
    other = last.join(there, on="day", how="left").filter(pl.col("standing") != pl.col("there").fill_null(0))
    what = f"{RAW} has other transactions that count than its latest arrival has left"
    return [Problem(day, what) for day in sorted(other["day"])]


def _unannounced(raw: Snapshot, known: pl.DataFrame, days: Collection[date]) -> list[Problem]:
    """Days of raw with a file that no arrival brought."""
    announced = set(known["file"])
    strange = [day for day in days if {path for path, _ in raw.names(day)} - announced]
    return [Problem(day, f"{RAW} has a file that no arrival brought") for day in strange]


def _other_totals(known: pl.DataFrame, totals: pl.DataFrame) -> list[Problem]:
    """Days whose rows, or sum of a currency, are not what the manifest stated when the file arrived."""
    there = totals.group_by("day", "arrival").agg(pl.col("rows").sum())
    counts = known.select(list(COUNTS)).join(there, on=["day", "arrival"], how="left", suffix="_there")
    fewer = counts.filter(pl.col("rows") != pl.col("rows_there").fill_null(0))
    stated, unstated = _stated(known)
    arrivals = known.filter(~pl.col("day").is_in(unstated)).select("day", "arrival")
    both = pl.DataFrame(stated, schema=SUMS, orient="row").join(
        totals.join(arrivals, on=["day", "arrival"], how="semi"),
        on=["day", "arrival", "currency"],
        how="full",
        coalesce=True,
        suffix="_there",
    )
    other = both.filter(pl.col("amount").fill_null(0) != pl.col("amount_there").fill_null(0))
    return [
        *(Problem(day, f"{RAW} has control totals that cannot be read") for day in unstated),
        *(Problem(day, f"{RAW} has other rows than arrived") for day in sorted(set(fewer["day"]))),
        *(
            Problem(day, f"{RAW} has another sum of {currency} than arrived")
            for day, currency in sorted(set(other.select("day", "currency").iter_rows()))
        ),
    ]


def _stated(known: pl.DataFrame) -> tuple[list[tuple[date, int, str, Decimal]], list[date]]:
    """The sums that the manifest stated, and the days of which it states none that can be read."""
    stated: list[tuple[date, int, str, Decimal]] = []
    unstated: list[date] = []
    for row in known.iter_rows(named=True):
        try:
            totals = {str(currency): Decimal(total) for currency, total in json.loads(row["totals"]).items()}
            stated += [(row["day"], row["arrival"], currency, total) for currency, total in totals.items()]
        except FAULTS:
            unstated.append(row["day"])
    return [one for one in stated if one[0] not in unstated], unstated


def _without_rate(standing: pl.DataFrame, rates: Snapshot, days: Collection[date]) -> list[Problem]:
    """Days on which a currency was traded, or any, for which there is no usable rate of it, or of the dollar."""
    traded = standing.select("day", "currency").unique()
    wanted = pl.concat([traded, traded.select("day", currency=pl.lit("USD"))]).unique()
    try:
        there = rates.scan(days).filter(pl.col("rate") > 0).select("day", "currency").collect()
    except FAULTS:
        gone = rates.folder.missing([path for day in days for path, _ in rates.names(day)])
        lost = [day for day in days if {path for path, _ in rates.names(day)} & gone] or list(days)
        return [Problem(day, f"{RATES} has a file that cannot be read") for day in sorted(lost)]
    without = wanted.filter(pl.col("day").is_in(list(rates.days))).join(there, on=["day", "currency"], how="anti")
    return [Problem(day, f"{RATES} has no rate of {currency}") for day, currency in sorted(without.iter_rows())]
