"""Landed files on their way into the raw log: each day fails alone, whatever goes wrong with its file."""

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from backfill_assets import BackfillAssetsError, validated
from backfill_assets.lake import DataFile, Table
from backfill_assets.revenue.errors import UnforeseenInFile
from backfill_assets.revenue.landing import Arrival, as_raw, files_of, read_day
from backfill_assets.revenue.schemas import RawTransactions
from backfill_assets.text import FAULTS, Failure, said


def read_days(landing: Path, days: Collection[date]) -> tuple[list[Arrival], dict[date, Failure]]:
    """What landed for the days, and why those that could not be read were not."""
    read: list[Arrival] = []
    reasons: dict[date, Failure] = {}
    for day in sorted(days):
        try:
            read.append(read_day(landing, day))
        except FAULTS as error:
            names = ", ".join(file.relative_to(landing).as_posix() for file in files_of(landing, day))
            reasons[day] = _of_file(names or "the landing", day, error)
    return read, reasons


def _of_file(path: str, day: date, error: BaseException) -> Failure:
    """Why a day failed, in a refusal's own words or in those for what nobody foresaw."""
    return said(error if isinstance(error, BackfillAssetsError) else UnforeseenInFile(path, day, error))


def frames_of(
    arrivals: Collection[Arrival], numbers: Mapping[date, int], key: bytes, withdrawn: Mapping[date, pl.DataFrame]
) -> tuple[dict[date, pl.DataFrame], dict[date, Failure]]:
    """The rows of each arrival with its withdrawals, valid together or else one by one, and why others are left out."""
    made: dict[date, pl.DataFrame] = {}
    reasons: dict[date, Failure] = {}
    for one in arrivals:
        try:
            made[one.day] = pl.concat([as_raw(one, numbers[one.day], key), withdrawn[one.day]])
        except FAULTS as error:
            reasons[one.day] = _of_file(one.path, one.day, error)
    try:
        if made:
            validated(RawTransactions.validate, pl.concat(made.values()))
    except FAULTS:  # found again, by the file it belongs to
        for one in arrivals:
            try:
                if one.day in made:
                    validated(RawTransactions.validate, made[one.day])
            except FAULTS as error:
                reasons[one.day] = _of_file(one.path, one.day, error)
    return {day: frame for day, frame in made.items() if day not in reasons}, reasons


def written(
    raw: Table, frames: Mapping[date, pl.DataFrame], arrivals: Collection[Arrival]
) -> tuple[dict[date | None, DataFile], dict[date, Failure]]:
    """The data files of the days, written together or else one by one, and why those that are not are left out."""
    try:
        return raw.write_files({**frames}), {}
    except FAULTS:
        files: dict[date | None, DataFile] = {}
        reasons: dict[date, Failure] = {}
        for one in arrivals:
            try:
                files |= raw.write_files({one.day: frames[one.day]})
            except FAULTS as error:
                reasons[one.day] = _of_file(one.path, one.day, error)
        return files, reasons
