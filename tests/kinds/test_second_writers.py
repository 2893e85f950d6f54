"""Two who write the same at once, and one whose records cannot be written: no file is left that no table names.

A writer is one line: what it writes, and to which table.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.revenue.fixing_log import ingest_fixings
from backfill_assets.sources import ControlTotals, RawLog
from backfill_assets.storage import operations
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.operations import Operation
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.table import Table
from tests.faults import named_below
from tests.landings import LandingAndLake

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 4, 6, tzinfo=UTC)
READINGS = RawLog(
    table="readings",
    columns=pl.Schema({"meter": pl.String(), "kwh": pl.Decimal(12, 3)}),
    key=("meter",),
    totals=ControlTotals(("kwh",)),
)
ROWS = pl.Schema({"n": pl.Int64()})


def land_readings(there: LandingAndLake) -> None:
    READINGS.ingest(there.records, there.landing, [DAY], b"", AT)


def land_fixings(there: LandingAndLake) -> None:
    ingest_fixings(there.records, there.landing, AT)


def add_a_record(there: LandingAndLake) -> None:
    ControlTable(there.records.lake, "records", ROWS).append(lambda _: pl.DataFrame({"n": [1]}, schema=ROWS))


def table_of(there: LandingAndLake) -> Table:
    return there.records.table("plain", pl.Schema({"day": pl.Date(), "n": pl.Int64()}))


def replace_a_day(there: LandingAndLake, *, skip_equal: bool = False) -> None:
    table = table_of(there)
    table.create()
    table.replace_days({DAY: pl.DataFrame({"n": [1, 2]})}, skip_equal=skip_equal)


def replace_what_differs(there: LandingAndLake) -> None:
    replace_a_day(there, skip_equal=True)


def append_rows(there: LandingAndLake) -> None:
    table_of(there).append(pl.DataFrame({"day": [DAY], "n": [3]}))


def compact(there: LandingAndLake) -> None:
    maintain(table_of(there), retention=timedelta(days=30), now=datetime.now(UTC), keep_days=(), keep_paths=())


WRITERS: dict[str, tuple[Callable[[LandingAndLake], None], str]] = {
    "landed rows": (land_readings, "readings"),
    "landed fixings": (land_fixings, "raw_fixings"),
    "rows of a control table": (add_a_record, "_control/records"),
    "days of a frame": (replace_a_day, "plain"),
    "days of a frame that differ": (replace_what_differs, "plain"),
    "appended rows": (append_rows, "plain"),
    "a compaction": (compact, "plain"),
}


@pytest.fixture
def there(tmp_path: Path) -> LandingAndLake:
    made = LandingAndLake(tmp_path)
    (made.landing / "readings").mkdir(parents=True)
    (made.landing / "readings" / f"{DAY}.csv").write_text("meter,kwh\na,1.5\n")
    (made.landing / "fx").mkdir()
    (made.landing / "fx" / "hist.csv").write_text(f"Date,USD,\n{DAY},1.1,\n")
    table = table_of(made)
    table.create()
    for number in range(2):
        table.append(pl.DataFrame({"day": [DAY], "n": [number]}))
    return made


def unnamed(root: Path) -> list[str]:
    """Data files below a lake that no entry of a log names."""
    return [
        f"{log.parent.relative_to(root)}/{file}"
        for log in root.rglob("_delta_log")
        for file in sorted({one.relative_to(log.parent).as_posix() for one in data_of(log.parent)} - named_below(log))
    ]


def data_of(table: Path) -> Iterator[Path]:
    for file in table.rglob("*.parquet"):
        if "_delta_log" not in file.parts:
            yield file


@pytest.mark.parametrize("writer", WRITERS)
def test_who_comes_second_leaves_no_file_behind(there: LandingAndLake, writer: str):
    write, table = WRITERS[writer]
    came_first: list[str] = []

    def rival(operation: Operation, where: str, work: Callable[[], object], /) -> object:
        is_creation = where.endswith("00000000000000000000.json")  # who creates the table is nobody's rival yet
        if operation is Operation.COMMIT and f"/{table}/_delta_log/" in where and not is_creation and not came_first:
            came_first.append(where)
            write(there)
        return work()

    with operations.around(rival):
        write(there)

    assert came_first
    assert unnamed(there.root / "lake") == []


@pytest.mark.parametrize("writer", [name for name, (_, table) in WRITERS.items() if name.startswith("landed")])
def test_who_cannot_write_down_what_comes_leaves_no_file_behind(there: LandingAndLake, writer: str):
    write, _ = WRITERS[writer]
    write_down = "/lake/_control/raw_manifest/"

    def full(operation: Operation, where: str, work: Callable[[], object], /) -> object:
        if operation in {Operation.COMMIT, Operation.PUT} and write_down in where:
            raise OSError(28, "No space left on device")
        return work()

    with operations.around(full), pytest.raises(BackfillAssetsError):
        write(there)

    assert unnamed(there.root / "lake") == []


def test_what_no_table_names_is_seen(there: LandingAndLake):
    stray = there.root / "lake" / "plain" / f"day={DAY}" / "stray.parquet"
    stray.write_bytes(b"")

    assert unnamed(there.root / "lake") == [f"plain/day={DAY}/stray.parquet"]
