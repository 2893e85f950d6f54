"""Files as no upstream should send them, and what must come of each: a sentence that names it, or all that is in it.

What is in a file is told by readers of others, written apart: Python's for text, Arrow's for Parquet.
"""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.sources import ControlTotals, Ingested, RawLog
from tests.landings import LandingAndLake

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
AT = datetime(2026, 3, 4, 6, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COLUMNS = pl.Schema(
    {
        "meter": pl.String(),
        "slot": pl.Int64(),
        "read_at": pl.Datetime("us", "UTC"),
        "grid": pl.String(),
        "kwh": pl.Decimal(12, 3),
    }
)
READINGS = RawLog(table="readings", columns=COLUMNS, key=("meter", "slot"), totals=ControlTotals(("kwh",), by="grid"))
Rows = list[tuple[Any, ...]]


def reading(meter: str = "m1", slot: int = 1, kwh: str = "1.500") -> dict[str, Any]:
    return {"meter": meter, "slot": slot, "read_at": NOON, "grid": "north", "kwh": Decimal(kwh)}


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows) or [reading()], schema=COLUMNS)


def parquet(rows: pl.DataFrame, **options: Any) -> bytes:
    written = io.BytesIO()
    rows.write_parquet(written, **options)
    return written.getvalue()


@dataclass(frozen=True)
class Place(LandingAndLake):
    """A landing with a good file of the next day, and a lake."""

    def file(self, name: str) -> Path:
        (self.landing / "readings").mkdir(parents=True, exist_ok=True)
        return self.landing / "readings" / name

    def takes(self, days: Collection[date] = (DAY, NEXT)) -> Ingested:
        good = self.file(f"{NEXT}.csv")
        if not good.exists():
            good.write_text("meter,slot,read_at,grid,kwh\ng,1,2026-03-03T12:00:00Z,north,1\n")
        return READINGS.ingest(self.records, self.landing, days, b"", AT)

    def live(self, day: date = DAY) -> Rows:
        """What the raw log shows of a day."""
        if not self.records.exists("readings"):
            return []
        rows = self.records.snapshot("readings").scan([day]).collect()
        return in_order(rows.select(COLUMNS.names()).rows())


def in_order(rows: Collection[tuple[Any, ...]]) -> Rows:
    return sorted(rows, key=repr)


def wrong(place: Place, name: str, expected: Rows | None = None) -> str:
    """What does not hold after a file of this name landed; nothing where all does.

    The good day is taken in whatever the file is. The file is taken in as a whole, as the reader of somebody else has
    it, or named in three sentences and nothing of it is visible.
    """
    done = place.takes()
    if NEXT not in {*done.arrived, *done.known} or len(place.live(NEXT)) != 1:
        return "the other day was not taken in"
    there = place.live()
    if DAY in done.arrived:
        return "" if expected is None or there == in_order(expected) else f"{there} and not {expected}"
    if there:
        return f"{len(there)} rows of a refused file are visible"
    why = done.reasons.get(DAY)
    if why is None:
        return "the day is neither taken in nor refused"
    if name not in why.message and why.error != "MissingDays":
        return f"the file is not named in {why}"
    sentences = why.message.count(". ") == 2 and ": " not in why.message and why.message.isprintable()
    return "" if sentences and why.error != "UnforeseenInFile" else f"no sentence a person can use, {why}"


def read_by_others(name: str, content: bytes) -> Rows | None:
    """The rows of a file by other readers, in the declared types; None where these see no whole and exact file."""
    try:
        rows = [*READERS[name.rpartition(".")[2]](content)]
        return [tuple(TYPED[column](row[column]) for column in COLUMNS) for row in rows]
    except Exception:  # noqa: BLE001 - whatever it is, it is no file that these readers know
        return None


def _csv(content: bytes) -> Iterator[dict[str, Any]]:
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    header = next(reader)
    for row in reader:
        if len(row) != len(header) or len({*header}) != len(header):
            raise ValueError
        yield dict(zip(header, row, strict=True))


def _ndjson(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.decode("utf-8-sig").splitlines():
        yield json.loads(line, parse_float=str, parse_int=str)


def _parquet(content: bytes) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    yield from pq.read_table(io.BytesIO(content)).to_pylist()


READERS: dict[str, Callable[[bytes], Iterator[dict[str, Any]]]] = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}


def _text(value: Any) -> str | None:
    return value or None


def _time(value: Any) -> datetime:
    told = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return told.astimezone(UTC)


TYPED: dict[str, Callable[[Any], Any]] = {
    "meter": _text,
    "slot": int,
    "read_at": _time,
    "grid": _text,
    "kwh": Decimal,
}

BASES: dict[str, Callable[[], bytes]] = {
    "csv": lambda: MANY.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").encode(),
    "csv, quoted": lambda: MANY.write_csv(
        datetime_format="%Y-%m-%dT%H:%M:%SZ", quote_style="always", line_terminator="\r\n"
    ).encode(),
    "ndjson": lambda: "".join(json.dumps(row, default=str) + "\n" for row in MANY.iter_rows(named=True)).encode(),
    "parquet": lambda: parquet(MANY),
    "parquet, snappy": lambda: parquet(MANY, compression="snappy", row_group_size=7, data_page_size=64),
    "parquet, plain": lambda: parquet(MANY, compression="uncompressed", statistics=False),
}
MANY = frame(*(reading(f"m{number}", number, f"{number}.25") for number in range(20)))
PIECES = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
    b'"',
    b"\n",
    b"\r",
    b",",
    b";",
    b"\\u",
    b"\0",
    b"{",
    b"1e9",
)


def mutated(base: str, seed: int) -> bytes:
    """A file of a base with some of its bytes changed, lost, doubled or put in, drawn by a seed."""
    drawn, content = random.Random(f"{base} {seed}"), bytearray(BASES[base]())
    for _ in range(drawn.choice((1, 1, 1, 2, 4, 16)) if content else 0):
        # A footer is small beside what it speaks of, and most of what can go wrong is in it.
        near = drawn.random() < 0.7 and base.startswith("parquet")
        at = drawn.randrange(max(0, len(content) - 1200) if near else 0, max(1, len(content)))
        match drawn.randrange(8):
            case 0:
                content[at : at + 1] = bytes([drawn.randrange(256)])
            case 1:
                content[at : at + 1] = bytes([(content[at] if content else 0) ^ 1 << drawn.randrange(8)])
            case 2:
                del content[at : at + drawn.randrange(1, 9)]
            case 3:
                content[at:at] = content[at : at + drawn.randrange(1, 40)]
            case 4:
                content[at : at + 4] = drawn.choice(PIECES)
            case 5 | 6:
                content[at : at + 1] = bytes(drawn.choices(content, k=1))
            case _:
                content[at:] = content[at : drawn.randrange(at, len(content) + 1)]
    return bytes(content)


def tried(root: Path, base: str, seed: int, outcomes: Counter[str]) -> str:
    """Land one mutated file and say what does not hold, if anything; its outcome is counted."""
    place, suffix = Place(root), base.partition(",")[0]
    name, content = f"{DAY}.{suffix}", mutated(base, seed)
    place.file(name).write_bytes(content)
    found = wrong(place, name, read_by_others(name, content))
    outcomes["violated" if found else "taken in" if place.live() else "refused"] += 1
    return f"{base}, seed {seed}, {found}" if found else ""
