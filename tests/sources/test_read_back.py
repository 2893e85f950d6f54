"""A data file that was read back when it arrived is proven by its hash alone; what it proves is what its rows say."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.errors.landing import ArrivalMiswritten
from backfill_assets.sources import MANIFEST, raw_manifest
from backfill_assets.storage import operations
from backfill_assets.storage.operations import Operation
from backfill_assets.storage.table import Change
from tests.sources.test_raw_log import ADDITIONS, DAY, NEXT, READINGS, Utility, reading, readings

HISTORIES: dict[str, Callable[[Utility], Any]] = {
    "one file": lambda u: u.lands(readings(3)),
    "two groups, one of them with nothing but zeros": lambda u: u.lands(
        [*readings(3), reading("z", "0.000", grid="south", pulses=0)]
    ),
    "a day of which nothing is": lambda u: u.lands([]),
    "the whole day again": lambda u: (u.lands(readings(12)), u.lands([*readings(11), reading("new", grid="south")])),
    "an addition": lambda u: (u.lands(readings(12)), u.lands([reading("new")], declaration=ADDITIONS)),
    "an addition, and then the whole day": lambda u: (
        u.lands(readings(12)),
        u.lands([reading("new")], declaration=ADDITIONS),
        u.lands([*readings(12), reading("new", "7")]),
    ),
    "two days": lambda u: (u.lands(readings(2)), u.lands(readings(5), NEXT)),
}


@pytest.fixture
def utility(tmp_path: Path) -> Utility:
    return Utility(tmp_path)


def manifest_changed(utility: Utility, *changes: pl.Expr) -> None:
    """As if other things stood in the manifest."""
    table = raw_manifest(utility.records)._table
    rows = table.snapshot().scan().collect().with_columns(*changes)
    written = table.write_files({None: rows})
    table.commit(lambda there: Change(tuple(written.values()), tuple(there.files[None])))


def file_of(utility: Utility, day: date = DAY) -> Path:
    raw = utility.records.snapshot("meter_readings")
    return Path(raw.folder.uri) / next(iter(raw.names(day)))[0]


@pytest.mark.parametrize("case", HISTORIES)
def test_the_manifest_states_what_the_rows_add_up_to(utility: Utility, case: str) -> None:
    HISTORIES[case](utility)
    by_manifest = READINGS.stated(utility.records, [DAY, NEXT]).sort("day", "grid")
    verified = READINGS.verified(utility.records, [DAY, NEXT])

    manifest_changed(utility, pl.lit(None, pl.String).alias("counts"))

    assert READINGS.stated(utility.records, [DAY, NEXT]).sort("day", "grid").equals(by_manifest)
    added_up = READINGS.verified(utility.records, [DAY, NEXT])
    assert (verified.problems, added_up.problems) == ((), ())
    assert added_up.standing.sort("day", "grid").equals(verified.standing.sort("day", "grid"))


def test_a_file_that_is_what_was_read_back_is_not_decoded_again(utility: Utility) -> None:
    utility.lands(readings(3))
    file_of(utility).write_bytes(b"no Parquet at all")
    digest = hashlib.sha256(b"no Parquet at all").hexdigest()
    manifest_changed(utility, pl.lit(digest).alias("file_sha256"))
    assert READINGS.verify(utility.records, utility.pinned()) == ()
    assert READINGS.stated(utility.records, [DAY])["rows"].to_list() == [3]


FORGOTTEN = {
    "its hash": pl.lit(None, pl.String).alias("file_sha256"),
    "its counts": pl.lit(None, pl.String).alias("counts"),
    "counts that can be read": pl.lit("[").alias("counts"),
}


@pytest.mark.parametrize("case", FORGOTTEN)
def test_without_it_the_rows_are_added_up(utility: Utility, case: str) -> None:
    utility.lands(readings(3))
    there = pl.read_parquet(file_of(utility))
    there.with_columns(pl.col("pulses") * 2).cast(dict(there.schema)).write_parquet(file_of(utility))
    digest = hashlib.sha256(file_of(utility).read_bytes()).hexdigest()
    manifest_changed(utility, pl.lit(digest).alias("file_sha256"))
    manifest_changed(utility, FORGOTTEN[case])

    (problem,) = READINGS.verify(utility.records, utility.pinned())

    told = "control totals that cannot be read" if "read" in case else "another sum of pulses of north than arrived"
    assert problem.what == f"meter_readings has {told}"


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("pulses") * 2)


MISWRITTEN: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a row is lost": lambda rows: rows.head(2),
    "a row twice": lambda rows: pl.concat([rows, rows.head(1)]),
    "a measure moved": doubled,
    "a group moved": lambda rows: rows.with_columns(grid=pl.lit("south")),
    "of another arrival": lambda rows: rows.with_columns(arrival=pl.col("arrival") + 1),
}


@pytest.mark.parametrize("case", MISWRITTEN)
def test_what_is_not_written_as_it_landed_never_becomes_visible(utility: Utility, case: str) -> None:
    utility.lands(readings(1), NEXT)
    before = utility.records.snapshot("meter_readings").commit

    def miswrite(operation: Operation, where: str, work: Callable[[], Any], /) -> Any:
        done = work()
        if operation is Operation.PUT and where.endswith(".parquet") and "/lake/meter_readings/" in where:
            rows = pl.read_parquet(where)
            MISWRITTEN[case](rows).cast(dict(rows.schema)).write_parquet(where)
        return done

    with operations.around(miswrite), pytest.raises(ArrivalMiswritten, match="Nothing of it became visible"):
        utility.lands(readings(3))

    assert utility.records.snapshot("meter_readings").commit == before
    assert READINGS.arrivals(utility.records)["day"].to_list() == [NEXT]
    assert utility.takes().arrived == (DAY,)
    assert len(utility.current()) == 3


def test_a_manifest_of_before_has_no_counts(utility: Utility) -> None:
    assert "counts" in MANIFEST
    utility.lands(readings(3))
    assert READINGS.arrivals(utility.records)["counts"].to_list() == ['{"north": 3}']
