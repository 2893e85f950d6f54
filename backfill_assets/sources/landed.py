"""Landed files of days: ``<folder>/YYYY-MM-DD.parquet`` (or .csv, .ndjson), read once and checked as a whole.

A file is read once, so that its SHA-256 and its rows belong together also while upstream overwrites it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from backfill_assets.errors.landing import (
    AmbiguousDay,
    BadLanding,
    DuplicateRows,
    MissingDays,
    MissingValues,
    NotRead,
    SeveralProblems,
    UnfitFile,
    UnreadableFile,
    UnusableValues,
    WrongColumns,
    WrongTypes,
)
from backfill_assets.sources.apart import NotDecoded
from backfill_assets.sources.formats import PARSERS, begins_with_a_row
from backfill_assets.sources.reading import named_in, read_whole
from backfill_assets.storage.layout import DAY

DATA = {"csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "arrow", "feather", "avro", "orc", "xls", "xlsx"}
PACKED = {"gz", "zst", "bz2", "xz", "zip", "lz4", "snappy", "tar", "tgz"}
"""The ends of names under which data lands, whether it is read or has to be named because it is not."""
ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXACT_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6}0*)?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
TRUTHS = {"true": True, "false": False}

AsLanded = Callable[[pl.DataFrame, str, date, Mapping[str, str]], tuple[pl.DataFrame, Sequence[BadLanding]]]
"""Of a parsed frame (CSV and NDJSON as text), its path, its day, and the columns of NDJSON that held another type: the
rows in the declared columns, and everything that is wrong with them. The rows are of use only without problems."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One landed file of one day, checked; ``path`` is relative to the landing's root, ``sha256`` the file's.

    ``frame`` has the columns of the file, personal ones still in clear. ``stamp`` is what the file system said of the
    file before it was read; where it says the same the file was not touched since, whatever any clock shows.
    """

    day: date
    path: str
    sha256: str
    frame: pl.DataFrame = field(compare=False, repr=False)
    stamp: str = field(default="", compare=False)

    @property
    def rows(self) -> int:
        """How many rows landed."""
        return self.frame.height


def files_of(landing: Path, folder: str, day: date) -> list[Path]:
    """The files that landed for a day, one for each format."""
    candidates = [landing / folder / f"{day}{suffix}" for suffix in PARSERS]
    # Whatever lies there under that name; what is no file, or leads nowhere, is named when it is read.
    there = [file for file in candidates if os.path.lexists(file)]
    return there or sorted(file for file in (landing / folder).glob(f"{day}.*") if _meant_as_day(file) is not None)


def landed_days(landing: Path, folder: str) -> frozenset[date]:
    """The days for which a file lies in a folder of the landing, one of a format that is not read included."""
    days = (_meant_as_day(file) for file in (landing / folder).glob("*"))
    return frozenset(day for day in days if day)


def _meant_as_day(file: Path) -> date | None:
    """The day that a file is meant to hold, whether it can be read or not; a name that is unfinished says nothing."""
    stem, *ends = file.name.lower().split(".")
    return day_within(stem) if ends and (DATA | PACKED).issuperset(ends) and ISO_DAY.fullmatch(stem) else None


def day_within(text: str) -> date | None:
    """The first ISO day in a text."""
    found = ISO_DAY.search(text)
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def read_landed(
    landing: Path, folder: str, day: date, as_landed: AsLanded, numbers: Collection[str], names: Collection[str]
) -> LandedFile:
    """Read and check what landed for a day; ``numbers`` are the columns that may hold numbers in NDJSON.

    Where the first line of CSV has none of the ``names`` it is a row, and its values are not told.

    Raises:
        MissingDays: nothing landed.
        AmbiguousDay: the day landed in two formats.
        BadLanding: the one thing that is wrong with the file, or ``SeveralProblems`` with all of them.
        DeclarationUnknown: when it is not said how large a file may be.
    """
    files = files_of(landing, folder, day)
    if not files:
        raise MissingDays(folder, [day])
    if len(files) > 1:
        raise AmbiguousDay(day, [file.name for file in files])
    path = named_in(landing, files[0])
    try:
        content, stamp = read_whole(landing, files[0])
        if files[0].suffix == ".csv" and begins_with_a_row(content, names):
            raise UnfitFile(path, day, "does not begin with a line that names its columns")
        parsed = PARSERS[files[0].suffix](content, numbers)
    except NotRead as error:
        raise UnfitFile(path, day, error.finding) from error
    except NotDecoded as error:
        raise UnfitFile(path, day, error.why) from error
    if parsed.frame is None:
        raise UnreadableFile(path, day, parsed.damaged)
    frame, problems = as_landed(parsed.frame, path, day, parsed.mistyped)
    if parsed.damaged:
        problems = (UnreadableFile(path, day, parsed.damaged), *problems)
    if problems:
        raise problems[0] if len(problems) == 1 else SeveralProblems(problems)
    return LandedFile(day, path, hashlib.sha256(content).hexdigest(), frame, stamp)


@dataclass(frozen=True)
class TypedColumns:
    """Landed rows by declared types alone: every value is kept to the last digit, or the file is refused.

    ``required`` are columns without gaps; ``key`` identifies a row.
    """

    columns: pl.Schema
    key: tuple[str, ...]
    required: frozenset[str]

    def __call__(
        self, parsed: pl.DataFrame, path: str, day: date, mistyped: Mapping[str, str]
    ) -> tuple[pl.DataFrame, Sequence[BadLanding]]:
        """As :data:`AsLanded`."""
        frame = self._with_absent(parsed.with_columns(pl.col(pl.Null).cast(pl.String)), path)
        if set(frame.columns) != set(self.columns):
            missing, unexpected = self.columns.keys() - set(frame.columns), set(frame.columns) - self.columns.keys()
            return frame, [WrongColumns(path, day, missing, unexpected)]
        if path.endswith((".csv", ".ndjson")):
            frame = frame.with_columns(pl.col(pl.String).replace("", None))
        strange = {
            name: str(frame[name].dtype)
            for name, kind in self.columns.items()
            if not _may_become(frame[name].dtype, kind, text=not path.endswith(".parquet"))
        }
        if strange := {**strange, **mistyped}:
            return frame, [WrongTypes(path, day, strange)]
        made = frame.select(exactly(frame[name], kind) for name, kind in self.columns.items())
        return made, self._problems(frame, made, path, day)

    def _with_absent(self, parsed: pl.DataFrame, path: str) -> pl.DataFrame:
        """Writers of NDJSON drop keys without value, and a file without rows has none at all."""
        if not path.endswith(".ndjson"):
            return parsed
        absent = self.columns.keys() - set(parsed.columns)
        may = absent if parsed.is_empty() else absent - self.required
        return parsed.with_columns(pl.lit(None, pl.String).alias(name) for name in sorted(may))

    def _problems(self, frame: pl.DataFrame, made: pl.DataFrame, path: str, day: date) -> list[BadLanding]:
        gaps = {name: rows for name in sorted(self.required) if (rows := frame[name].null_count())}
        lost = {name: made[name].null_count() - frame[name].null_count() for name in self.columns}
        if DAY in self.columns:
            lost[DAY] += made.filter(pl.col(DAY) != day).height
        twice = made.filter(pl.struct(self.key).is_duplicated()).select(self.key).unique(maintain_order=True)
        names = [" ".join(map(str, key)) for key in twice.iter_rows()]
        lost = {name: rows for name, rows in lost.items() if rows}
        found: list[BadLanding] = [MissingValues(path, day, gaps)] if gaps else []
        found += [UnusableValues(path, day, lost)] if lost else []
        return found + ([DuplicateRows(path, day, names)] if names and not gaps and not lost else [])


def _may_become(there: pl.DataType, wanted: pl.DataType, *, text: bool) -> bool:
    """Whether values of a type can be looked at one by one; the types of Parquet are meant as they are."""
    if there == wanted or (there == pl.String and text):
        return True
    if isinstance(wanted, pl.Decimal) or wanted.is_integer():
        return there.is_decimal() or there.is_integer()
    return isinstance(wanted, pl.Datetime) and isinstance(there, pl.Datetime) and bool(there.time_zone)


def within_precision(values: pl.Series) -> pl.Series:
    """Decimals, null where one has more digits than its type; a damaged Parquet file may hold some."""
    kind = values.dtype
    if not isinstance(kind, pl.Decimal) or kind.precision is None:
        return values
    return values.set((values.to_physical().abs() >= 10**kind.precision).fill_null(value=False), None)


def within_calendar(values: pl.Series) -> pl.Series:
    """Days and times, null where one is before the year 1 or after 9999, which Python and most readers cannot hold."""
    kind = values.dtype
    if isinstance(kind, pl.Datetime) and kind.time_unit != "ns":  # nanoseconds do not reach that far
        first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        ends = pl.Series([first, last], dtype=pl.Datetime(kind.time_unit, "UTC"))
    elif kind == pl.Date:
        ends = pl.Series([date.min, date.max])
    else:
        return values
    there, (low, high) = values.to_physical(), ends.to_physical()
    return values.set(((there < low) | (there > high)).fill_null(value=False), None)


def exactly(values: pl.Series, wanted: pl.DataType) -> pl.Series:
    """Values in a type, null where one is not held to the last digit."""
    if values.dtype == wanted:
        return within_precision(within_calendar(values))
    if values.dtype == pl.String:
        return _of_text(values, wanted)
    if isinstance(values.dtype, pl.Datetime):
        made = within_calendar(values.dt.convert_time_zone("UTC").cast(wanted, strict=False))
        return made.set((made.cast(values.dtype) != values).fill_null(value=False), None)
    made = values.cast(wanted, strict=False)
    back = made.cast(values.dtype, strict=False)
    return made.set((back != values).fill_null(value=True) & values.is_not_null(), None)


def _of_text(values: pl.Series, wanted: pl.DataType) -> pl.Series:
    if isinstance(wanted, pl.Decimal):
        digits = f"{{1,{max((wanted.precision or 38) - wanted.scale, 1)}}}"
        pattern = rf"^[+-]?[0-9]{digits}(\.[0-9]{{0,{wanted.scale}}}0*)?$"
    elif wanted.is_integer():
        pattern = r"^[+-]?[0-9]{1,19}$"
    elif isinstance(wanted, pl.Datetime):
        exact = values.set((~values.str.contains(EXACT_TIME)).fill_null(value=False), None)
        return within_calendar(exact.str.strptime(pl.Datetime("us", "UTC"), "%+", strict=False).cast(wanted))
    elif wanted == pl.Date:
        return within_calendar(values.str.to_date("%Y-%m-%d", strict=False))
    elif wanted == pl.Boolean:
        return values.replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    else:
        return values.cast(wanted, strict=False)
    return values.set((~values.str.contains(pattern)).fill_null(value=False), None).cast(wanted, strict=False)
