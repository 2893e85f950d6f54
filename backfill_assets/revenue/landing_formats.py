"""Bytes of a landed file as a frame: Parquet with its types, CSV and NDJSON as text, so that no digit is lost."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PanicException, PolarsError

LINES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows that could be read, or None when nothing could, and the names of the lines that could not."""

    frame: pl.DataFrame | None
    damaged: tuple[str, ...] = ()


def parse_parquet(content: bytes) -> Parsed:
    """Read Parquet. A truncated or damaged file gives nothing."""
    try:
        return Parsed(pl.read_parquet(io.BytesIO(content)))
    except (PolarsError, PanicException, OSError):
        return Parsed(None)


def parse_csv(content: bytes) -> Parsed:
    """Read CSV as text. The header is required, also of a day without trade."""
    try:
        return Parsed(pl.read_csv(content, infer_schema=False))
    except PolarsError:
        return Parsed(None, _ragged_lines(content))


def parse_ndjson(content: bytes) -> Parsed:
    """Read one JSON object a line; an empty file is a day without trade. Numbers stay the text they were.

    Polars' own reader takes numbers through a float and drops digits beyond the seventeenth.
    """
    frames: list[pl.DataFrame] = []
    damaged: list[str] = []
    lines = content.splitlines()
    for start in range(0, len(lines), LINES_AT_ONCE):
        rows = [_object(line) for line in lines[start : start + LINES_AT_ONCE]]
        damaged += [f"line {start + at}" for at, row in enumerate(rows, 1) if row is None]
        frames.append(_text_frame([row for row in rows if row is not None]))
    return Parsed(pl.concat(frames, how="diagonal") if frames else pl.DataFrame(), tuple(damaged))


PARSERS: dict[str, Callable[[bytes], Parsed]] = {
    ".parquet": parse_parquet,
    ".csv": parse_csv,
    ".ndjson": parse_ndjson,
}


def _object(line: bytes) -> dict[str, object] | None:
    """The object on a line; an empty line holds an empty one. None when it is something else."""
    try:
        value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _text_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String) for name in names})


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _ragged_lines(content: bytes) -> tuple[str, ...]:
    """The lines of another width than the header's, as far as Python's own reader can tell."""
    rows: Iterable[list[str]] = csv.reader(io.StringIO(content.decode(errors="replace")))
    widths = [len(row) for row in rows]
    return tuple(f"line {number}" for number, width in enumerate(widths, 1) if width != widths[0])
