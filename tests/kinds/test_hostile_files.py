"""Whatever lies in a landing: a correct load or a sentence that names the file, and every other day goes on.

A file ends nobody's process, makes nobody wait, takes no more memory than was said, and is taken in whole or not.
"""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.nightly.pipeline import landed_by
from backfill_assets.revenue import fixing_log, partitions
from backfill_assets.revenue.errors import UnusableFixings, UnusableLedger
from backfill_assets.revenue.landing import read_ledger
from backfill_assets.sources import DeclarationUnknown, NotRead, apart, raw_manifest, reading
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.composed import NIGHTLY
from tests.e2e.shop import FIXINGS
from tests.kinds.hostile_files import (
    AT,
    BASES,
    COLUMNS,
    DAY,
    NOON,
    READINGS,
    Place,
    Rows,
    frame,
    mutated,
    parquet,
    tried,
    wrong,
)
from tests.scenarios import drop_csv

HEADER = "meter,slot,read_at,grid,kwh"
LINE = "m1,1,2026-03-02T12:00:00Z,north,1.500"
GOOD = f"{HEADER}\n{LINE}\n".encode()
JSON = b'{"meter": "m1", "slot": 1, "read_at": "2026-03-02T12:00:00Z", "grid": "north", "kwh": "1.500"}\n'
ROW = ("m1", 1, NOON, "north", Decimal("1.500"))


def line(**fields: str) -> bytes:
    """A CSV of one row with other fields."""
    row = dict(zip(HEADER.split(","), LINE.split(","), strict=True)) | fields
    return f"{HEADER}\n{','.join(row.values())}\n".encode()


def others(**columns: Any) -> bytes:
    """A Parquet file of one row with other columns."""
    return parquet(frame().with_columns(**columns))


def written_by_arrow(kwh: Any) -> bytes:
    """A Parquet file as Arrow writes it, with a column of its own type."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = frame().to_arrow()
    at = table.column_names.index("kwh")
    written = io.BytesIO()
    pq.write_table(table.set_column(at, "kwh", kwh(pa)), written)
    return written.getvalue()


def packed(kind: str) -> bytes:
    import bz2
    import gzip
    import lzma

    return {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}[kind](GOOD)


def workbook() -> bytes:
    import io

    made = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_excel(made)
    return made.getvalue()


TAKEN: dict[str, tuple[str, bytes, Rows]] = {
    "a header alone": ("csv", f"{HEADER}\n".encode(), []),
    "no byte of NDJSON": ("ndjson", b"", []),
    "no row of Parquet": ("parquet", parquet(frame().clear()), []),
    "a byte-order mark of CSV": ("csv", b"\xef\xbb\xbf" + GOOD, [ROW]),
    "a byte-order mark of NDJSON": ("ndjson", b"\xef\xbb\xbf" + JSON, [ROW]),
    "line ends of Windows": ("csv", GOOD.replace(b"\n", b"\r\n"), [ROW]),
    "a line end within quotes": ("csv", line(grid='"no\nrth"'), [(*ROW[:3], "no\nrth", ROW[4])]),
    "a quote within quotes": ("csv", line(grid='"no""rth, e"'), [(*ROW[:3], 'no"rth, e', ROW[4])]),
    "letters of everywhere": ("csv", line(meter="żółć-水-😀"), [("żółć-水-😀", *ROW[1:])]),
    "columns in another order": ("csv", b"kwh,grid,slot,meter,read_at\n1.5,north,1,m1,2026-03-02T12:00:00Z\n", [ROW]),
    "another time zone": ("csv", line(read_at="2026-03-02T21:00:00+09:00"), [ROW]),
    "a time zone of Parquet": ("parquet", others(read_at=pl.col("read_at").dt.convert_time_zone("Asia/Tokyo")), [ROW]),
    "the year 9999": (
        "csv",
        line(read_at="9999-12-31T23:59:59Z"),
        [(*ROW[:2], datetime.fromisoformat("9999-12-31T23:59:59+00:00"), *ROW[3:])],
    ),
    "the year 1": (
        "csv",
        line(read_at="0001-01-01T00:00:00Z"),
        [(*ROW[:2], datetime.fromisoformat("0001-01-01T00:00:00+00:00"), *ROW[3:])],
    ),
    "as many digits as there may be": ("csv", line(kwh="999999999.999"), [(*ROW[:4], Decimal("999999999.999"))]),
    "zeroes behind the last digit": ("csv", line(kwh="1.50000000000000000000"), [ROW]),
    "a measure as whole numbers of Parquet": ("parquet", others(kwh=pl.lit(2)), [(*ROW[:4], Decimal(2))]),
}
HEADERLESS = "does not begin with a line that names its columns"

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "no byte of CSV": ("csv", b"", "truncated or damaged at line 1"),
    "no byte of Parquet": ("parquet", b"", "truncated or damaged"),
    "Parquet without its end": ("parquet", others()[:-1], "truncated or damaged"),
    "Parquet in capitals": ("parquet", others().upper(), "truncated or damaged"),
    "CSV named Parquet": ("parquet", GOOD, "is text and no Parquet"),
    "NDJSON named Parquet": ("parquet", JSON, "is text and no Parquet"),
    "Parquet named CSV": ("csv", others(), "is Parquet and no CSV"),
    "Parquet named NDJSON": ("ndjson", others(), "is Parquet and no NDJSON"),
    "NDJSON named CSV": ("csv", JSON, HEADERLESS),
    "CSV named NDJSON": ("ndjson", GOOD, "damaged at line 1, line 2"),
    "gzip named CSV": ("csv", packed("gzip"), "is gzip and no CSV"),
    "two members of gzip": ("csv", packed("gzip") * 2, "is gzip and no CSV"),
    "gzip named Parquet": ("parquet", packed("gzip"), "is gzip and no Parquet"),
    "bzip2 named CSV": ("csv", packed("bzip2"), "damaged at line"),
    "xz named NDJSON": ("ndjson", packed("xz"), "is xz and no NDJSON"),
    "Zstandard": ("csv", b"\x28\xb5\x2f\xfd\x04\x00", "is Zstandard and no CSV"),
    "a workbook named CSV": ("csv", workbook(), "is a zip archive or a workbook and no CSV"),
    "gzip as its name says": ("csv.gz", packed("gzip"), "is of a format that is not read"),
    "a workbook as its name says": ("xlsx", workbook(), "is of a format that is not read"),
    "a name in capitals": ("CSV", GOOD, "is of a format that is not read"),
    "JSON": ("json", b"[]", "is of a format that is not read"),
    "UTF-16": ("csv", GOOD.decode().encode("utf-16"), "is UTF-16 and no CSV"),
    "UTF-16 without a mark": ("csv", GOOD.decode().encode("utf-16-le"), "damaged at line 1"),
    "UTF-32": ("ndjson", JSON.decode().encode("utf-32"), "is UTF-32 and no NDJSON"),
    "Latin-1": ("csv", line(grid="Zürich").decode().encode("latin-1"), "damaged at line 2"),
    "a header that looks like compressed bytes": (
        "csv",
        b"x^," + GOOD.replace(b"\nm1", b"\n1,m1"),
        "unexpected columns x^",
    ),
    "semicolons": ("csv", GOOD.replace(b",", b";"), HEADERLESS),
    "tabs": ("csv", GOOD.replace(b",", b"\t"), HEADERLESS),
    "thousands apart": ("csv", line(kwh='"1,500.000"'), "unusable values (kwh in 1 row)"),
    "thousands apart by dots": ("csv", line(kwh='"1.500,000"'), "unusable values (kwh in 1 row)"),
    "thousands apart by spaces": ("csv", line(kwh="1 500.000"), "unusable values (kwh in 1 row)"),
    "a quote that never closes": ("csv", line(grid='"north'), "truncated or damaged"),
    "a quote that never closes, in the header": ("csv", b'"' + GOOD, HEADERLESS),
    "NUL": ("csv", line(grid="no\0rth"), "damaged at line 2"),
    "NUL as a letter of NDJSON": ("ndjson", JSON.replace(b"north", b"no\\u0000rth"), ""),
    "line ends of old Macs": ("csv", GOOD.replace(b"\n", b"\r"), "which has no end"),
    "a column twice": ("csv", GOOD.replace(b"grid,kwh", b"grid,grid"), "given twice"),
    "a column twice, in other letters": ("csv", GOOD.replace(b"grid,kwh", b"grid,Grid"), "unexpected columns Grid"),
    "a column in other letters": ("csv", GOOD.replace(b"kwh", b"kWh"), "lacks the columns kwh and has"),
    "a column with spaces": ("csv", GOOD.replace(b"grid,kwh", b"grid, kwh"), "unexpected columns  kwh"),
    "a column less": ("csv", b"meter,slot,read_at,grid\nm1,1,2026-03-02T12:00:00Z,north\n", "lacks the columns kwh"),
    "a column more": ("csv", GOOD.replace(b"\n", b",x\n"), "unexpected columns x"),
    "a quote that never closes, in a long file": (
        "csv",
        b'"' + GOOD + LINE.encode() * 10_000 + b"\n",
        HEADERLESS,
    ),
    "a name that is a sentence": ("csv", GOOD.replace(b"kwh", b"k. w: h"), "unexpected columns"),
    "a name that moves the cursor": ("csv", GOOD.replace(b"kwh", b"\x1b[2Jkwh"), "unexpected columns"),
    "ten thousand columns": ("csv", ",".join(f"c{n}" for n in range(10_000)).encode() + b"\n", HEADERLESS),
    "ten thousand columns more": (
        "csv",
        ",".join(["meter", *(f"c{n}" for n in range(10_000))]).encode() + b"\n",
        "and 9995 more",
    ),
    "ten thousand columns of Parquet": (
        "parquet",
        parquet(pl.DataFrame({f"c{n}": [1] for n in range(10_000)})),
        "and 9995 more",
    ),
    "ten thousand keys of NDJSON": (
        "ndjson",
        b"{" + b", ".join(b'"c%d": "1"' % n for n in range(10_000)) + b"}\n",
        "and 9995 more",
    ),
    "a key twice": ("csv", GOOD + LINE.encode() + b"\n", "holds 1 key more than once (m1 1)"),
    "an object for a text": ("ndjson", JSON.replace(b'"north"', b'{"a": [1]}'), "grid as object"),
    "a list for a measure": ("ndjson", JSON.replace(b'"1.500"', b"[1]"), "kwh in 1 row"),
    "lists of Parquet": ("parquet", others(kwh=pl.concat_list("kwh")), "wrong type"),
    "structs of Parquet": ("parquet", others(grid=pl.struct("grid", "slot")), "wrong type"),
    "maps of Parquet": (
        "parquet",
        written_by_arrow(lambda pa: pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))),
        "wrong type",
    ),
    "bytes for a text": ("parquet", others(grid=pl.lit(b"\xff\xfe")), "wrong type"),
    "floats, one of them no number": ("parquet", others(kwh=pl.lit(float("nan"))), "wrong type"),
    "no number": ("csv", line(kwh="NaN"), "unusable values (kwh in 1 row)"),
    "no end of numbers": ("ndjson", JSON.replace(b'"1.500"', b"Infinity"), "unusable values (kwh in 1 row)"),
    "no end of numbers, below": ("csv", line(kwh="-inf"), "unusable values (kwh in 1 row)"),
    "39 digits": ("csv", line(kwh="9" * 39), "unusable values (kwh in 1 row)"),
    "39 digits of NDJSON": ("ndjson", JSON.replace(b'"1.500"', b"9" * 39), "unusable values (kwh in 1 row)"),
    "39 digits of Parquet": (
        "parquet",
        written_by_arrow(lambda pa: pa.array([Decimal("9" * 39)], pa.decimal256(39, 0))),
        "",
    ),
    "more digits than Parquet says": ("parquet", mutated("parquet, plain", 15), "unusable values (kwh in 1 row)"),
    "a number with an exponent": ("csv", line(kwh="1e2"), "unusable values (kwh in 1 row)"),
    "20 digits of a whole number": ("csv", line(slot="9" * 20), "unusable values (slot in 1 row)"),
    "a time without a zone": ("csv", line(read_at="2026-03-02T12:00:00"), "unusable values (read_at in 1 row)"),
    "a time of Parquet without a zone": (
        "parquet",
        others(read_at=pl.col("read_at").dt.replace_time_zone(None)),
        "wrong type",
    ),
    "a zone that is none": ("csv", line(read_at="2026-03-02T12:00:00+99:99"), "unusable values (read_at in 1 row)"),
    "the year 10000": ("csv", line(read_at="10000-01-01T00:00:00Z"), "unusable values (read_at in 1 row)"),
    "the year 0": ("csv", line(read_at="0000-01-01T00:00:00Z"), "unusable values (read_at in 1 row)"),
    "a year before all": ("csv", line(read_at="-0001-01-01T00:00:00Z"), "unusable values (read_at in 1 row)"),
    "a year of Parquet beyond the calendar": (
        "parquet",
        others(read_at=pl.lit(2**62).cast(COLUMNS["read_at"])),
        "unusable values (read_at in 1 row)",
    ),
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("case", TAKEN)
def test_a_strange_file_is_taken_in_to_the_last_digit(place: Place, case: str) -> None:
    suffix, content, rows = TAKEN[case]
    name = f"{DAY}.{suffix}"
    place.file(name).write_bytes(content)

    assert wrong(place, name, rows) == ""
    assert place.takes().reasons == {}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_file_is_named_with_its_reason_and_the_other_day_goes_on(place: Place, case: str) -> None:
    suffix, content, culprit = REFUSED[case]
    name = f"{DAY}.{suffix}"
    place.file(name).write_bytes(content)

    assert wrong(place, name) == ""
    why = place.takes().reasons
    assert culprit in why[DAY].message if why else not culprit
    assert not why or len(why[DAY].message) < 2000


def a_pipe(file: Path) -> None:
    os.mkfifo(file)


def a_socket(file: Path) -> None:
    where = Path.cwd()
    os.chdir(file.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(file.name)
    finally:
        os.chdir(where)


def a_link_out(file: Path) -> None:
    secret = file.parents[2] / "secret.csv"
    secret.write_bytes(GOOD)
    file.symlink_to(secret)


def a_link_in_a_circle(file: Path) -> None:
    file.symlink_to(file)


def what_nobody_may_read(file: Path) -> None:
    file.write_bytes(GOOD)
    file.chmod(0)


def what_is_too_large(file: Path) -> None:
    with file.open("wb") as there:
        there.truncate(3_000_000_000)


PLACED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a folder": (Path.mkdir, "is a folder and no file"),
    "a pipe": (a_pipe, "is a pipe and no file"),
    "a socket": (a_socket, "is a socket and no file"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), "is a device and no file"),
    "a link to nowhere": (lambda file: file.symlink_to("nowhere.csv"), "cannot be read (no such file or directory)"),
    "a link in a circle": (a_link_in_a_circle, "cannot be read (too many levels of symbolic links)"),
    "a link out of the landing": (a_link_out, "is a link that leads out of the landing"),
    "a file of three gigabytes": (what_is_too_large, "has 3,000,000,000 bytes, more than the 2,000,000,000"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", PLACED)
def test_what_is_no_file_is_named_and_nobody_waits_for_it(place: Place, case: str) -> None:
    put, why = PLACED[case]
    name = f"{DAY}.csv"
    put(place.file(name))

    assert wrong(place, name) == ""
    assert why in place.takes().reasons[DAY].message
    assert DAY in READINGS.landed(place.landing)


@pytest.mark.skipif(os.geteuid() == 0, reason="whoever is root may read all")
def test_a_file_that_may_not_be_read_is_named(place: Place) -> None:
    what_nobody_may_read(place.file(f"{DAY}.csv"))

    assert "cannot be read (permission denied)" in place.takes().reasons[DAY].message


def test_a_link_within_the_landing_is_followed(place: Place) -> None:
    place.file("kept.txt").write_bytes(GOOD)
    place.file(f"{DAY}.csv").symlink_to("kept.txt")

    assert wrong(place, f"{DAY}.csv", [ROW]) == ""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", PLACED)
def test_the_same_goes_for_fixings_and_the_ledger(tmp_path: Path, case: str) -> None:
    put, why = PLACED[case]
    for folder in ("fx", "ledger"):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder / "b.csv")
    (tmp_path / "fx/a.csv").write_text(FIXINGS)
    records = Records(Lake(str(tmp_path / "lake")))

    with pytest.raises(NotRead) as refused:
        fixing_log.ingest_fixings(records, tmp_path, AT)
    with pytest.raises(UnusableLedger) as unused:
        read_ledger(tmp_path)

    assert raw_manifest(records).rows()["path"].to_list() == ["fx/a.csv"]
    assert "`fx/b.csv`" in str(refused.value)
    assert "`ledger/b.csv`" in str(unused.value)
    assert why in str(refused.value)
    assert why in str(unused.value)


NAMES = {
    "a line end": "new\nline.csv",
    "letters of everywhere": "żółć-水-😀.csv",
    "255 bytes": "n" * 251 + ".csv",
    "bytes that are no text": os.fsdecode(b"caf\xe9\xff.csv"),
    "a sentence": "it. is: over.csv",
    "a mark of Markdown and HTML": "`<script>`.csv",
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("content", [FIXINGS, "Date,USD,\n2026-01-09,much,\n"], ids=["whole", "damaged"])
def test_a_file_of_any_name_is_taken_in_or_named_in_words_that_can_be_shown(
    tmp_path: Path, case: str, content: str
) -> None:
    (tmp_path / "fx").mkdir()
    (tmp_path / "fx" / NAMES[case]).write_text(content)
    records = Records(Lake(str(tmp_path / "lake")))

    if content == FIXINGS:
        fixing_log.ingest_fixings(records, tmp_path, AT)
        assert raw_manifest(records).rows().height == 1
        return
    with pytest.raises(UnusableFixings) as refused:
        fixing_log.ingest_fixings(records, tmp_path, AT)
    assert str(refused.value).isprintable()
    assert str(refused.value).encode()
    assert str(refused.value).count(". ") == 2


def test_a_file_that_grows_while_it_is_read_waits_until_it_is_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with a whole line at any moment, so that nothing in it says that more is to come."""
    file, grows = place.file(f"{DAY}.csv"), [True]
    file.write_bytes(GOOD)
    real = reading.largest_read

    def writing_on() -> int:  # asked after the file was opened and before it is read
        if grows:
            with file.open("ab") as there:
                there.write(LINE.replace("m1", "m2").encode() + b"\n")
        return real()

    monkeypatch.setattr(reading, "largest_read", writing_on)
    assert wrong(place, file.name) == ""
    assert "was being written while it was read" in place.takes().reasons[DAY].message

    grows.clear()
    file.write_bytes(GOOD)
    assert place.takes().arrived == (DAY,)
    assert place.live() == [ROW]


CENTURIES = [date(1, 1, 1), date(202, 1, 9), date(1026, 1, 9), date(9999, 12, 31)]


@pytest.mark.parametrize("day", CENTURIES, ids=str)
def test_a_slip_in_the_name_of_a_file_does_not_make_history_begin_centuries_ago(
    tmp_path: Path, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every day since would be a partition, of which nobody could load that many."""
    monkeypatch.delenv("BACKFILL_FIRST_DAY")
    lake = LakeResource(root=str(tmp_path / "lake"))
    for landed in (day, DAY):
        drop_csv(tmp_path, landed)

    assert partitions.first_day(lake, tmp_path, "raw_transactions") == DAY


@pytest.mark.parametrize("day", CENTURIES, ids=str)
def test_a_day_that_cannot_be_is_named_and_the_others_are_published(day: date) -> None:
    pipeline = replace(NIGHTLY, landed=lambda: frozenset({day, DAY}))

    possible, impossible = landed_by(pipeline, DAY, AT)

    assert possible == {DAY}
    assert [why.error for why in impossible.values()] == ["DayNotOver" if day > DAY else "DayBeforeFirst"]


DEADLY = 692
"""A seed of a file that ends the process of whoever reads it with Polars."""


def test_a_file_that_ends_the_process_of_its_reader_ends_nobody_elses(place: Place) -> None:
    name, content = f"{DAY}.parquet", mutated("parquet, plain", DEADLY)
    place.file(name).write_bytes(content)
    alone = "import sys, polars as pl; pl.read_parquet(sys.argv[1])"
    ended = subprocess.run([sys.executable, "-c", alone, place.file(name)], stderr=subprocess.DEVNULL, check=False)
    assert ended.returncode == -signal.SIGABRT, "Polars reads it by now; draw another seed"

    assert wrong(place, name) == ""
    assert "ended its reader (SIGABRT)" in place.takes().reasons[DAY].message

    place.file(name).write_bytes(parquet(frame()))
    assert wrong(place, name, [ROW]) == ""


BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "many rows of one value": ("parquet", lambda: repeated(pl.lit(1.5)), "holds 5,600,000 bytes of rows"),
    "a text that is long": ("parquet", lambda: others(grid=pl.lit("x" * 5_000_000)), "more than the 1,000,000 that"),
    "long texts in few bytes": ("csv", lambda: GOOD + LINE.encode() * 30_000, "bytes, more than the 1,000,000 that"),
}


def repeated(kwh: pl.Expr, rows: int = 100_000) -> bytes:
    """A file of many rows that takes few bytes."""
    made = pl.concat([frame()] * 1).select(pl.all().repeat_by(rows).explode()).with_columns(kwh=kwh)
    return parquet(made)


@pytest.mark.parametrize("case", BOMBS)
def test_a_file_is_read_into_no_more_memory_than_was_said(
    place: Place, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix, made, why = BOMBS[case]
    name, content = f"{DAY}.{suffix}", made()
    place.file(name).write_bytes(content)
    monkeypatch.setenv("BACKFILL_LARGEST_FILE", "1 MB")

    assert wrong(place, name) == ""
    assert why in place.takes().reasons[DAY].message


def test_a_reader_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    reader = apart.Decoder(most=10**9)
    content = parquet(frame())
    try:
        assert reader.rows(content).height == 1
        assert reader.process is not None
        os.kill(reader.process.pid, signal.SIGSTOP)
        reader.seconds = 0.5
        with pytest.raises(apart.NotDecoded, match="could not be read within 1 seconds"):
            reader.rows(content)
    finally:
        reader.close()


def test_a_reader_that_was_killed_is_begun_again() -> None:
    reader = apart.Decoder(most=10**9)
    content = parquet(frame())
    try:
        assert reader.rows(content).height == 1
        assert reader.process is not None
        reader.process.kill()
        reader.process.wait()
        assert reader.rows(content).height == 1
    finally:
        reader.close()


@pytest.mark.parametrize("told", ["much", "2", "-1 GB", "0 GB", "1e9 B"])
def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("BACKFILL_LARGEST_FILE", told)
    with pytest.raises(DeclarationUnknown, match="BACKFILL_LARGEST_FILE"):
        reading.largest_read()


@pytest.mark.parametrize("base", BASES)
def test_files_with_bytes_changed_at_random_are_taken_in_as_others_read_them_or_named(
    tmp_path: Path, base: str
) -> None:
    """A few of those that ``scripts/soak`` tries by the thousand."""
    outcomes = Counter[str]()
    found = [tried(tmp_path / str(seed), base, seed, outcomes) for seed in range(12)]

    assert [one for one in found if one] == []
    assert outcomes["refused"]
