"""What a raw log holds beside what its manifest says arrived: files, rows and control totals.

A file that still is the very bytes that were read back when it arrived holds what the manifest says of it, and is not
decoded again. Files of before that are added up anew.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets.core.check import Problem
from backfill_assets.core.faults import FAULTS
from backfill_assets.sources.log_rows import ARRIVAL, LogRows, counts_read, totals_read
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.snapshot import Snapshot

THREADS = 4


@dataclass(frozen=True, slots=True)
class Verified:
    """What is wrong with some days, and how many rows of each group count on those whose files are whole.

    ``standing`` has a row per day and group, with the number of ``rows``.
    """

    problems: tuple[Problem, ...]
    standing: pl.DataFrame


def verified(log: LogRows, raw: Snapshot, known: pl.DataFrame, days: Sequence[date]) -> Verified:
    """Compare days of the log, at a commit, with the manifest's rows of what had arrived by then."""
    with ThreadPoolExecutor(THREADS) as pool:
        looks = pool.map(lambda row: _file_problem(log, raw, row), known.iter_rows(named=True))
        altered = [problem for problem in looks if problem is not None]
    read_back = _read_back(log, raw, known, {problem.day for problem in altered})
    totals, unreadable = _totals(log, raw, [day for day in days if day not in read_back])
    totals = pl.concat([_kept_totals(log, known.filter(pl.col("day").is_in(list(read_back)))), totals])
    bad = {problem.day for problem in (*altered, *unreadable)}
    sound = known.filter(~pl.col("day").is_in(list(bad)))
    standing = _standing(log, raw, sound, totals)
    found = [
        *altered,
        *unreadable,
        *_unannounced(log, raw, known, days),
        *_other_totals(log, sound, totals),
        *_other_standing(log, sound, standing),
    ]
    return Verified(tuple(dict.fromkeys(found)), standing)


def stated_totals(log: LogRows, known: pl.DataFrame) -> tuple[pl.DataFrame, list[date]]:
    """What the manifest stated, a row per day, arrival and group, and the days of which it cannot be read.

    ``rows`` are null of arrivals that were not read back, as those of before that were not.
    """
    rows: list[dict[str, Any]] = []
    unstated: list[date] = []
    for row in known.iter_rows(named=True):
        try:
            by_measure = totals_read(row["totals"], log.totals.measures)
            counts = counts_read(row["counts"] or "{}")
        except FAULTS:
            unstated.append(row["day"])
            continue
        groups = dict.fromkeys(group for sums in by_measure.values() for group in sums)
        rows += [
            {"day": row["day"], "arrival": row["arrival"], log.group: group, "rows": counts.get(group)}
            | {name: _as_kept(by_measure[name].get(group, Decimal(0)), kind) for name, kind in log.sums.items()}
            for group in groups
        ]
    schema = {"day": pl.Date(), "arrival": pl.Int64(), log.group: pl.String(), "rows": pl.Int64(), **log.sums}
    stated = pl.DataFrame(rows, schema=schema, orient="row")
    return stated.filter(~pl.col("day").is_in(unstated)), unstated


def _as_kept(total: Decimal, kind: pl.DataType) -> Decimal | int:
    return total if kind.is_decimal() else int(total)


def _file_problem(log: LogRows, raw: Snapshot, row: Mapping[str, Any]) -> Problem | None:
    """Whether an arrival's data file is gone or is not the one that was written."""
    day, path, written = row["day"], str(row["file"]), row["file_sha256"]
    try:
        found = raw.folder.sha256(path)
    except FAULTS:
        return _unreadable(log, day)
    if written and found != written:
        return Problem(day, f"{log.table} has a file that was altered since it arrived")
    return None


def _unreadable(log: LogRows, day: date) -> Problem:
    return Problem(day, f"{log.table} has a file that cannot be read")


def _read_back(log: LogRows, raw: Snapshot, known: pl.DataFrame, bad: Collection[date]) -> frozenset[date]:
    """The days of which every file was read back when it arrived, and is unaltered since."""
    stated, unstated = stated_totals(log, known)
    uncounted = {*stated.filter(pl.col("rows").is_null())["day"]}
    hashed = known.filter(pl.col("file_sha256").is_not_null(), pl.col("counts").is_not_null())
    files = {*hashed["file"]}
    whole = {day for day in known["day"].unique() if files.issuperset(path for path, _ in raw.names(day))}
    return frozenset(whole - uncounted - {*unstated, *bad})


def _kept_totals(log: LogRows, known: pl.DataFrame) -> pl.DataFrame:
    """As :func:`_totals`, of arrivals that were read back: from the manifest."""
    kept, _ = stated_totals(log, known)
    return kept.select(DAY, ARRIVAL, log.group, "rows", *log.sums)


def _totals(log: LogRows, raw: Snapshot, days: Sequence[date]) -> tuple[pl.DataFrame, list[Problem]]:
    """Rows and sums per day, arrival and group; where a file breaks the scan, day by day to name it."""
    try:
        return log.control_totals(raw.scan(days)), []
    except FAULTS:
        found, broken = [log.control_totals(log.schema.to_frame().lazy())], list[Problem]()
        for day in days:
            try:
                found.append(log.control_totals(raw.scan([day])))
            except FAULTS:
                broken.append(_unreadable(log, day))
        return pl.concat(found), broken


def _standing(log: LogRows, raw: Snapshot, known: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """How many rows count, per day and group: of a day that landed again, those its arrivals have left."""
    again = sorted(set(known.filter(pl.col("arrival") > 1)["day"]))
    once = totals.filter(~pl.col("day").is_in(again)).select("day", log.group, "rows")
    if not again:
        return once
    left = log.added_up(log.latest(raw.scan(again)), "day")
    return pl.concat([once, left.select(once.columns)])


def _other_standing(log: LogRows, known: pl.DataFrame, standing: pl.DataFrame) -> list[Problem]:
    """Days of which other rows count than the latest arrival has left."""
    last = known.filter(pl.col("arrival") == pl.col("arrival").max().over("day"), pl.col("standing").is_not_null())
    there = standing.group_by("day").agg(there=pl.col("rows").sum())
    other = last.join(there, on="day", how="left").filter(pl.col("standing") != pl.col("there").fill_null(0))
    what = f"{log.table} has other {log.noun}s that count than its latest arrival has left"
    return [Problem(day, what) for day in sorted(other["day"])]


def _unannounced(log: LogRows, raw: Snapshot, known: pl.DataFrame, days: Collection[date]) -> list[Problem]:
    """Days of the log with a file that no arrival brought."""
    announced = set(known["file"])
    strange = [day for day in days if {path for path, _ in raw.names(day)} - announced]
    return [Problem(day, f"{log.table} has a file that no arrival brought") for day in strange]


def _other_totals(log: LogRows, known: pl.DataFrame, totals: pl.DataFrame) -> list[Problem]:
    """Days whose rows, or sum of a group, are not what the manifest stated when the file arrived."""
    there = totals.group_by("day", "arrival").agg(pl.col("rows").sum())
    counts = known.select("day", "arrival", "rows").join(there, on=["day", "arrival"], how="left", suffix="_there")
    fewer = counts.filter(pl.col("rows") != pl.col("rows_there").fill_null(0))
    stated, unstated = stated_totals(log, known)
    comparable = known.filter(~pl.col("day").is_in(unstated)).select("day", "arrival")
    ours = totals.join(comparable, on=["day", "arrival"], how="semi")
    both = stated.join(ours, on=["day", "arrival", log.group], how="full", coalesce=True, suffix="_there")
    return [
        *(Problem(day, f"{log.table} has control totals that cannot be read") for day in unstated),
        *(Problem(day, f"{log.table} has other rows than arrived") for day in sorted(set(fewer["day"]))),
        *(problem for measure in log.totals.measures for problem in _other_sums(log, both, measure)),
    ]


def _other_sums(log: LogRows, both: pl.DataFrame, measure: str) -> list[Problem]:
    other = both.filter(pl.col(measure).fill_null(0) != pl.col(f"{measure}_there").fill_null(0))
    found = sorted(set(other.select("day", log.group).iter_rows()))
    return [
        Problem(day, f"{log.table} has another sum of {_named(log, measure, group)} than arrived")
        for day, group in found
    ]


def _named(log: LogRows, measure: str, group: str) -> str:
    """What a sum is of: the group alone where there is one measure."""
    if not log.totals.by:
        return measure
    return group if len(log.totals.measures) == 1 else f"{measure} of {group}"
