"""Bytes of a landed file as a frame: Parquet with its types, CSV and NDJSON as text, so that no digit is lost.

Nothing is read leniently: a record without its end, a name given twice, a line of another width, bytes that are no
text are damage, named by line.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from backfill_assets.core.plain import one_line
from backfill_assets.sources.apart import NotDecoded, decoder
from backfill_assets.sources.reading import largest_read

LINES_AT_ONCE = 20_000
END, NUL, MARK = b"\n", b"\0", b"\xef\xbb\xbf"
"""A zero byte is never part of text; what a file holds that was extended before it was written."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows that could be read, or None when nothing could, and the names of the lines that could not.

    ``mistyped`` maps columns of NDJSON that hold anything but text and null to what they hold; a column of numbers may
    hold these, and is looked at by its digits.
    """

    frame: pl.DataFrame | None
    damaged: tuple[str, ...] = ()
    mistyped: Mapping[str, str] = field(default_factory=dict[str, str])


def parse_parquet(content: bytes, _numbers: Collection[str] = ()) -> Parsed:
    """Read Parquet. A truncated or damaged file gives nothing.

    Raises:
        NotDecoded: when it is too large, or breaks whoever reads it.
    """
    try:
        return Parsed(decoder(largest_read()).rows(content))
    except NotDecoded as error:
        if error.why:
            raise
        return Parsed(None)


def parse_csv(content: bytes, _numbers: Collection[str] = ()) -> Parsed:
    """Read CSV as text. The header is required, also of a day without rows."""
    if damaged := damage(content):
        return Parsed(None, damaged)
    if twice := names_given_twice(content):
        return Parsed(None, tuple(f"column {name}, given twice" for name in twice))
    try:
        frame = csv_frame(content)
    except (PolarsError, PanicException):
        return Parsed(None, ragged_lines(content))
    ragged = short_lines(content, frame.width)
    return Parsed(None if ragged else frame, ragged)


def parse_ndjson(content: bytes, numbers: Collection[str] = ()) -> Parsed:
    """Read one JSON object a line; an empty file is a day without rows. Numbers stay the text they were.

    Only the columns of ``numbers`` may hold any.

    Polars' own reader takes numbers through a float and drops digits beyond the seventeenth, and it takes the last of
    two equal keys.
    """
    if content and (damaged := damage(content)):
        return Parsed(None, damaged)
    frames: list[pl.DataFrame] = []
    damaged_lines: list[str] = []
    mistyped: dict[str, str] = {}
    lines = content.decode("utf-8-sig").split("\n")[:-1]
    for start in range(0, len(lines), LINES_AT_ONCE):
        rows = [object_of(line) for line in lines[start : start + LINES_AT_ONCE]]
        damaged_lines += [f"line {start + at}{row}" for at, row in enumerate(rows, 1) if isinstance(row, str)]
        frames.append(_text_frame([row for row in rows if not isinstance(row, str)], mistyped, numbers))
    frame = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    return Parsed(frame, tuple(damaged_lines), mistyped)


PARSERS: dict[str, Callable[[bytes, Collection[str]], Parsed]] = {
    ".parquet": parse_parquet,
    ".csv": parse_csv,
    ".ndjson": parse_ndjson,
}


def csv_frame(content: bytes) -> pl.DataFrame:
    """CSV as text, and as nothing else: with a byte-order mark before it Polars takes no text for compressed bytes."""
    return pl.read_csv(MARK + content.removeprefix(MARK), infer_schema=False)


def damage(content: bytes) -> tuple[str, ...]:
    """The first line of a text file that is no UTF-8, or its last one where the end of that line is missing."""
    if not content:
        return ("line 1",)
    if NUL in content:
        return (f"line {content.count(END, 0, content.index(NUL)) + 1}",)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return (f"line {content.count(END, 0, error.start) + 1}",)
    if not content.endswith(END):
        return (f"line {content.count(END) + 1}, which has no end",)
    return ()


def begins_with_a_row(content: bytes, names: Collection[str]) -> bool:
    """Whether the first line of sound CSV names none of the columns."""
    fields = _first_fields(content)
    return bool(fields) and not damage(content) and set(fields).isdisjoint(names)


def _first_fields(content: bytes) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(content.partition(END)[0].decode("utf-8-sig", errors="replace"))), [])
    except csv.Error:
        return []


def names_given_twice(content: bytes) -> list[str]:
    """The names that the header of a CSV file gives to more than one column; readers rename the later ones."""
    header = _first_fields(content)
    return [name or "(unnamed)" for name, times in Counter(header).items() if times > 1]


def short_lines(content: bytes, width: int) -> tuple[str, ...]:
    """The lines of a CSV file with fewer fields than its header, which readers fill up with nulls.

    No line may have more: where commas separate only, their number alone says that none has fewer.
    """
    complete = content.count(b",") == (width - 1) * content.count(END)
    return () if complete and b'"' not in content else ragged_lines(content)


def ragged_lines(content: bytes) -> tuple[str, ...]:
    """The lines of another width than the header's, as far as Python's own reader can tell."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    widths: list[tuple[int, int]] = []
    try:
        widths += [(reader.line_num, len(row)) for row in reader]
    except csv.Error:
        return (f"line {reader.line_num}",)
    return tuple(f"line {number}" for number, width in widths if width != widths[0][1])


class _Number(str):
    """The digits of a number, as they stood in the file."""

    __slots__ = ()


class _GivenTwice(ValueError):
    """A key of an object is given twice."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _GivenTwice(next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))
    return found


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_once)


def object_of(line: str) -> dict[str, Any] | str:
    """The object of a text, numbers as the digits they were, or the rest of a sentence about one that holds none."""
    try:
        value = _DECODER.decode(line)
        if not isinstance(value, dict):
            return ""
        if "\\u" in line:  # half of a surrogate pair is no character
            "".join([*value, *map(str, value.values())]).encode()
    except _GivenTwice as error:
        return f", which gives {one_line(error)} twice"
    except (ValueError, RecursionError):
        return ""
    return value


def _text_frame(rows: Sequence[dict[str, Any]], mistyped: dict[str, str], numbers: Collection[str]) -> pl.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, pl.Series] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        strange = {KINDS.get(kind, "text") for kind in set(map(type, values))} - {"text"}
        if strange and name not in numbers:
            mistyped.setdefault(name, " and ".join(sorted(strange)))
        columns[name] = pl.Series([text_of(value) for value in values], dtype=pl.String)
    return pl.DataFrame(columns)


KINDS: dict[type, str] = {_Number: "number", bool: "boolean", list: "list", dict: "object"}


def text_of(value: object) -> str | None:
    """A value of an object as text, numbers as the digits they were."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
