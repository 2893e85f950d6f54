"""What is archived of what landed, what a scrub finds of it and of the raw log, and what brings it back."""

import gzip
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.window import Window
from backfill_assets.errors.keeping import RawLogUnrecorded
from backfill_assets.sources import ArchivedFiles, archiving, raw_manifest
from backfill_assets.sources.arrivals import MANIFEST
from backfill_assets.sources.restoring import restore
from backfill_assets.sources.scrubbing import ALTERED, MISSING, scrub
from backfill_assets.storage.archive import Archive
from tests.keeping import AT, LOG, OWNERS, Meters, owned
from tests.sources.test_raw_log import DAY, NEXT, READINGS
from tests.stores import Root, files_below


@pytest.fixture
def on_disk(tmp_path: Path) -> Meters:
    return Meters(tmp_path / "landing", tmp_path / "lake")


@pytest.fixture
def meters(tmp_path: Path, root: Root) -> Meters:
    return Meters(tmp_path / "landing", root / "lake")


def test_what_landed_is_archived_with_tokens_under_the_hash_of_what_is_archived(meters: Meters) -> None:
    meters.lands_usual()
    stored = meters.content()
    for number, arrival in enumerate(meters.arrivals):
        content = Archive(meters.records.lake).read(arrival["archive"])
        assert arrival["archive"] == f"_archive/{LOG}/{hashlib.sha256(content).hexdigest()}.parquet"
        rows = pl.read_parquet(io.BytesIO(content))
        mine = stored.filter(pl.col("day") == arrival["day"], pl.col("arrival") == arrival["arrival"])
        assert rows.sort("meter").equals(mine.filter(READINGS.counts).select(rows.columns), null_equal=True), number
        assert arrival["sha256"] not in arrival["archive"]
    assert scrub(meters.records).bad == ()


def test_no_name_and_no_byte_of_the_archive_holds_what_is_personal(meters: Meters) -> None:
    meters.lands_usual()
    below = files_below(meters.root / "_archive")
    assert len(below) == 3
    for path in below:
        content = (meters.root / "_archive" / path).read_bytes()
        text = f"{path} {content!r} {pl.read_parquet(io.BytesIO(content)).to_dicts()}"
        assert not any(part in text for owner in OWNERS for part in owner.split())


def test_the_same_file_again_adds_nothing_and_the_same_content_is_one_file(on_disk: Meters) -> None:
    on_disk.lands_usual()
    before = files_below(on_disk.root / "_archive")
    on_disk.takes([DAY, NEXT])
    again = on_disk.lands(owned(12)[:11])
    assert again.arrived == (DAY,)
    assert len(files_below(on_disk.root / "_archive")) == len(before) + 1
    on_disk.lands(owned(12))  # its first edition once more
    assert len(files_below(on_disk.root / "_archive")) == len(before) + 1
    assert on_disk.archive_file(3) == on_disk.archive_file(0)


def test_what_cannot_be_archived_is_not_taken_in(on_disk: Meters, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiving.Archive, "keep", full)
    done = on_disk.lands(owned(2))
    assert done.arrived == ()
    assert "No space left" in str(done.reasons[DAY])
    assert raw_manifest(on_disk.records).rows().is_empty()
    assert not [path for path in files_below(on_disk.root / LOG) if path.endswith(".parquet")]
    monkeypatch.undo()
    assert on_disk.takes().arrived == (DAY,)


def test_a_file_that_holds_nothing_personal_is_archived_as_it_landed_once_a_content(on_disk: Meters) -> None:
    kept = ArchivedFiles(on_disk.records.lake)
    for content in (b"day,sum\n", b"day,sum\n", b"day,sum\n2026-03-02,7\n"):
        kept.keep(on_disk.records, "books", "books/march.csv", content, AT)
    assert [gzip.decompress(Archive(on_disk.records.lake).read(one.archive)) for one in kept.all()] == [
        b"day,sum\n",
        b"day,sum\n2026-03-02,7\n",
    ]
    assert all(one.archive.endswith(".csv.gz") for one in kept.all())


Damage = Callable[[bytes], bytes | None]


def one_bit(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def cut(content: bytes) -> bytes:
    return content[:-1]


def gone(_: bytes) -> None:
    return None


DAMAGES: dict[str, tuple[Damage, str]] = {"one bit": (one_bit, ALTERED), "cut": (cut, ALTERED), "gone": (gone, MISSING)}


@dataclass(frozen=True)
class File:
    """A kind of file that is kept: which it is, of which day, and whether it can be made again."""

    path: Callable[[Meters], str]
    day: object
    can_be_made: bool = True


FILES = {
    "of the raw log, first edition": File(lambda meters: meters.log_file(0), DAY),
    "of the raw log, with a withdrawal": File(lambda meters: meters.log_file(1), DAY),
    "archived, first edition": File(lambda meters: meters.archive_file(0), DAY),
    "archived, of the next day": File(lambda meters: meters.archive_file(2), NEXT),
    "archived as it landed": File(lambda meters: ArchivedFiles(meters.records.lake).all()[0].archive, None, False),
}


def damage(meters: Meters, path: str, how: Damage) -> None:
    file = meters.root / path
    content = how(file.read_bytes())
    file.unlink() if content is None else file.write_bytes(content)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("kind", FILES)
def test_a_scrub_names_the_file_and_the_day_and_what_brings_it_back(on_disk: Meters, kind: str, how: str) -> None:
    meters = on_disk
    meters.lands_usual()
    ArchivedFiles(meters.records.lake).keep(meters.records, "books", "books/march.csv", b"day,sum\n", AT)
    before, (break_it, finding), file = meters.content(), DAMAGES[how], FILES[kind]
    path = file.path(meters)
    whole = (meters.root / path).read_bytes()
    damage(meters, path, break_it)

    found = scrub(meters.records)

    (bad,) = found.bad
    assert (bad.file.path, bad.file.day, bad.finding) == (path, file.day, finding)
    if not file.can_be_made:
        assert "from a copy of the lake" in bad.sentence
        return
    assert f"backfill-assets restore {LOG} --day {file.day}" in bad.sentence
    assert (
        restore(READINGS, meters.records, AT, commit=False).as_json() == restore(READINGS, meters.records, AT).as_json()
    )
    assert (meters.root / path).read_bytes() == whole
    assert scrub(meters.records).bad == ()
    assert meters.content().equals(before, null_equal=True)


def test_shares_read_every_file_once(on_disk: Meters) -> None:
    on_disk.lands_usual()
    every = scrub(on_disk.records)
    shares = [scrub(on_disk.records, part, 3) for part in (1, 2, 3)]
    assert sum(one.files for one in shares) == every.files == 6
    assert sum(one.size for one in shares) == every.size > 0


def test_a_lost_raw_table_is_made_anew_out_of_the_archive(meters: Meters) -> None:
    meters.lands_usual()
    before, versions = meters.content(), READINGS.source_versions(meters.records)
    for path in files_below(meters.root / LOG):
        (meters.root / LOG / path).unlink()
    records = Meters(meters.landing, meters.root).records

    assert len(restore(READINGS, records, AT, commit=False).replaced) == 3
    restore(READINGS, records, AT)

    assert meters.content().equals(before, null_equal=True)
    assert READINGS.source_versions(records) == versions
    assert READINGS.verify(records, pinned(meters)) == ()
    assert scrub(records).bad == ()
    assert meters.takes([NEXT]).known == (NEXT,)


def test_days_of_a_raw_table_that_lost_every_file_come_back_as_they_were(meters: Meters) -> None:
    meters.lands_usual()
    before, commit = meters.content(), meters.records.snapshot(LOG).commit
    for number in range(3):
        (meters.root / meters.log_file(number)).unlink()

    done = restore(READINGS, meters.records, AT, [DAY])
    assert len(done.put_back) == 2
    assert [bad.file.day for bad in scrub(meters.records).bad] == [NEXT]
    restore(READINGS, meters.records, AT)

    assert meters.content().equals(before, null_equal=True)
    assert meters.records.snapshot(LOG).commit == commit
    assert READINGS.verify(meters.records, pinned(meters)) == ()


def test_rows_that_another_writer_packs_otherwise_enter_as_new_files(
    on_disk: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk.lands_usual()
    before = on_disk.content()
    lost = on_disk.log_file(1)
    (on_disk.root / lost).unlink()
    monkeypatch.setattr("backfill_assets.sources.restoring.rows_packed", lambda frame: b"other bytes")

    assert restore(READINGS, on_disk.records, AT).replaced == [lost]
    monkeypatch.undo()

    assert on_disk.content().equals(before, null_equal=True)
    assert scrub(on_disk.records).bad == ()
    assert READINGS.verify(on_disk.records, pinned(on_disk)) == ()


def test_what_is_lost_in_both_places_is_refused_by_name(on_disk: Meters) -> None:
    on_disk.lands_usual()
    lost = on_disk.log_file(0)
    damage(on_disk, lost, one_bit)
    damage(on_disk, on_disk.archive_file(0), gone)
    done = restore(READINGS, on_disk.records, AT)
    assert (done.put_back, done.replaced, done.archived) == ([], [], [])
    (refused,) = done.refused
    assert lost in refused
    assert str(DAY) in refused


def test_arrivals_of_before_there_was_an_archive_are_told_and_archived_out_of_the_log(on_disk: Meters) -> None:
    on_disk.lands_usual()
    names = [arrival["archive"] for arrival in on_disk.arrivals]
    old = raw_manifest(on_disk.records).rows().with_columns(archive=pl.lit(None, pl.String))
    raw_manifest(on_disk.records).append(lambda _: old.select(list(MANIFEST)))
    for path in files_below(on_disk.root / "_archive"):
        (on_disk.root / "_archive" / path).unlink()
    assert scrub(on_disk.records).unarchived == {LOG: 3}
    assert "3 arrivals of meter_readings came before there was an archive" in " ".join(
        scrub(on_disk.records).sentences()
    )

    restore(READINGS, on_disk.records, AT)

    assert [arrival["archive"] for arrival in on_disk.arrivals] == names
    assert (scrub(on_disk.records).unarchived, scrub(on_disk.records).bad) == ({}, ())


def test_nothing_can_be_restored_of_what_never_arrived(on_disk: Meters) -> None:
    with pytest.raises(RawLogUnrecorded, match="No arrival of meter_readings"):
        restore(READINGS, on_disk.records, AT)


def pinned(meters: Meters) -> Plan:
    pins = {LOG: meters.records.snapshot(LOG).commit}
    return Plan("a", Request("usage", Window(DAY, NEXT), "wrong"), AT, "ada", PlannedInputs(pins))
