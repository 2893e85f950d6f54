"""What each of the processes does that work on one stream at once; any of them may be killed, and begins again."""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import polars as pl

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.testing import TestLake
from tests.kinds.streamed import COLUMNS, NOW, READINGS, Stream, day, thrice, usage_with

CLOSED = range(6)
"""Days that are over, and that the correction is about."""
OPEN = 18
LANDS = 12


def work(role: str, root: str, landing: str, opened: str, seed: int) -> None:
    """Do what a role does until it is through; the lander's part is as long as its number of editions."""
    stream = Stream(TestLake(root, usage_with(until_switched=thrice), now=NOW), Path(landing))
    ROLES[role](stream, opened, random.Random(seed))


def edition(stream: Stream, offset: int, kwh: int) -> None:
    """A file that lands whole, or not at all, and is taken in."""
    file = stream.landing / "readings" / f"{day(offset)}.parquet"
    draft = file.with_suffix(f".{os.getpid()}")
    pl.DataFrame([{"meter": "a", "hour": 1, "kwh": Decimal(kwh)}], schema=COLUMNS).write_parquet(draft)
    draft.replace(file)
    taken_in(stream)


def taken_in(stream: Stream) -> None:
    READINGS.ingest(stream.lake.records, stream.landing, [day(offset) for offset in (*CLOSED, OPEN)], b"", NOW)


def landed(stream: Stream) -> dict[int, float]:
    """What each day is worth, as its file says."""
    folder = stream.landing / "readings"
    return {of: float(pl.read_parquet(folder / f"{day(of)}.parquet")["kwh"].sum()) for of in (*CLOSED, OPEN)}


def lands(stream: Stream, _: str, draw: random.Random) -> None:
    for _number in range(LANDS):
        edition(stream, OPEN, draw.randint(2, 10_000))
        time.sleep(0.02)


def lands_late(stream: Stream, _: str, draw: random.Random) -> None:
    for _number in range(LANDS // 2):
        edition(stream, draw.choice(CLOSED), draw.randint(2, 10_000))
        time.sleep(0.05)


def consumes(stream: Stream, _: str, __: random.Random) -> None:
    while not stopped(stream).exists():
        with suppress(BackfillAssetsError):
            stream.consumes()
        time.sleep(0.02)


def switches(stream: Stream, opened: str, _: random.Random) -> None:
    """The correction to its cut over; who has to wait for another process asks again."""
    while True:
        with suppress(BackfillAssetsError):
            stream.lake.correction(opened, by="Ada").through()
            return
        time.sleep(0.05)


def stopped(stream: Stream) -> Path:
    """The file that ends the consumers."""
    return stream.landing.parent / "enough"


ROLES: dict[str, Callable[[Stream, str, random.Random], None]] = {
    "lander": lands,
    "lander of late files": lands_late,
    "consumer": consumes,
    "another consumer": consumes,
    "shadow": switches,
}
