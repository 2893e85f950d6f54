"""Landed files of days: ``<folder>/YYYY-MM-DD.parquet`` (or .csv, .ndjson), read once and checked as a whole.

A file is read once, so that its SHA-256 and its rows belong together also while upstream overwrites it.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from backfill_assets.errors.landing import (
    AmbiguousDay,
    BadLanding,
    DuplicateRows,
    MissingDays,
    MissingValues,
    SeveralProblems,
    UnreadableFile,
    UnusableValues,
    WrongColumns,
    WrongTypes,
)
from backfill_assets.sources.formats import PARSERS
from backfill_assets.storage.layout import DAY

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
    return [file for file in candidates if file.is_file()]


def stamp_of(file: Path) -> str:
    """What the file system says of a file: its size, and its times to the nanosecond."""
    status = file.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def landed_days(landing: Path, folder: str) -> frozenset[date]:
    """The days for which a file lies in a folder of the landing."""
    files = [file for file in (landing / folder).glob("*") if file.suffix in PARSERS and ISO_DAY.fullmatch(file.stem)]
    return frozenset(day for file in files if (day := day_within(file.stem)))


def day_within(text: str) -> date | None:
    """The first ISO day in a text."""
    found = ISO_DAY.search(text)
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def read_landed(landing: Path, folder: str, day: date, as_landed: AsLanded, numbers: Collection[str]) -> LandedFile:
    """Read and check what landed for a day; ``numbers`` are the columns that may hold numbers in NDJSON.

    Raises:
        MissingDays: nothing landed.
        AmbiguousDay: the day landed in two formats.
        BadLanding: the one thing that is wrong with the file, or ``SeveralProblems`` with all of them.
    """
    files = files_of(landing, folder, day)
    if not files:
        raise MissingDays(folder, [day])
    if len(files) > 1:
        raise AmbiguousDay(day, [file.name for file in files])
    path, stamp, content = files[0].relative_to(landing).as_posix(), stamp_of(files[0]), files[0].read_bytes()
    parsed = PARSERS[files[0].suffix](content, numbers)
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
        made = frame.select(_exactly(frame[name], kind) for name, kind in self.columns.items())
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


def _exactly(values: pl.Series, wanted: pl.DataType) -> pl.Series:
    """Values in a type, null where one is not held to the last digit."""
    if values.dtype == wanted:
        return values
    if values.dtype == pl.String:
        return _of_text(values, wanted)
    if isinstance(values.dtype, pl.Datetime):
        made = values.dt.convert_time_zone("UTC").cast(wanted, strict=False)
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
        return exact.str.strptime(pl.Datetime("us", "UTC"), "%+", strict=False).cast(wanted)
    elif wanted == pl.Date:
        return values.str.to_date("%Y-%m-%d", strict=False)
    elif wanted == pl.Boolean:
        return values.replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    else:
        return values.cast(wanted, strict=False)
    return values.set((~values.str.contains(pattern)).fill_null(value=False), None).cast(wanted, strict=False)
