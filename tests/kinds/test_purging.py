"""What may be purged of a landing, what has to stay and is named, and that nothing misses what was purged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from backfill_assets.core.retention import Kept, Retention
from backfill_assets.errors.keeping import LandingUnknown, RawLogUnknown, RetentionDeclaredWrongly
from backfill_assets.sources import Declaration, Keeping
from backfill_assets.sources.purging import EARLIER, LINK, NEVER, UNARCHIVED, PurgedFiles, purge, purgeable
from backfill_assets.sources.restoring import restore
from backfill_assets.sources.scrubbing import scrub
from tests.keeping import AT, LOG, Meters, owned
from tests.kinds.test_archive import one_bit, pinned
from tests.sources.test_raw_log import DAY, NEXT, READINGS, reading

MONTH = Retention(LOG, Kept.LANDING, "The law says so.", days=30)
OVER = AT + timedelta(days=30)


@pytest.fixture
def meters(tmp_path: Path) -> Meters:
    made = Meters(tmp_path / "landing", tmp_path / "lake")
    made.lands_usual()
    return made


@dataclass(frozen=True)
class Landed:
    """What is done to the landing or the lake before the purge, and why the file of the first day then stays."""

    do: Callable[[Meters], object]
    stays: str
    path: str = f"{LOG}/{DAY}.parquet"


def break_archive(meters: Meters) -> None:
    file = meters.root / meters.archive_file(1)
    file.write_bytes(one_bit(file.read_bytes()))


def forget_archive(meters: Meters) -> None:
    from backfill_assets.sources import MANIFEST, raw_manifest

    rows = raw_manifest(meters.records).rows().filter(day=DAY).with_columns(archive=None)
    raw_manifest(meters.records).append(lambda _: rows.select(list(MANIFEST)).cast(dict(MANIFEST)))


def link(meters: Meters) -> None:
    file = meters.file()
    file.rename(file.parent / "elsewhere.bin")
    file.symlink_to(file.parent / "elsewhere.bin")


def never_taken(meters: Meters) -> None:
    meters.drops(owned(1), date(2026, 3, 9))


def nested(meters: Meters) -> None:
    (meters.landing / LOG / "old").mkdir()
    (meters.landing / LOG / "old" / f"{DAY}.parquet").write_bytes(meters.file().read_bytes())


STAY = {
    "an edition that waits": Landed(lambda meters: meters.drops(owned(1)), NEVER),
    "an earlier edition again": Landed(lambda meters: meters.drops(owned(12)), EARLIER),
    "a file that never arrived": Landed(never_taken, NEVER, f"{LOG}/2026-03-09.parquet"),
    "a name that is no day": Landed(
        lambda m: (m.landing / LOG / "notes.csv").write_text("Ada"), NEVER, f"{LOG}/notes.csv"
    ),
    "a file below": Landed(nested, NEVER, f"{LOG}/old/{DAY}.parquet"),
    "a link": Landed(link, LINK),
    "an archive that was altered": Landed(break_archive, "which is not what it was"),
    "an archive that is gone": Landed(lambda m: (m.root / m.archive_file(1)).unlink(), "which is missing"),
    "an arrival without an archive": Landed(forget_archive, UNARCHIVED),
}


@pytest.mark.parametrize("kind", STAY)
def test_what_is_not_proven_to_be_taken_in_and_archived_is_named_and_stays(meters: Meters, kind: str) -> None:
    landed = STAY[kind]
    landed.do(meters)
    content = (meters.landing / landed.path).read_bytes()

    done = purge(meters.records, purgeable(READINGS, meters.records, meters.landing, MONTH, OVER), "ada")

    assert landed.stays in done.stays[landed.path]
    assert (meters.landing / landed.path).read_bytes() == content
    assert not meters.file(NEXT).exists()
    assert f"{LOG}/{NEXT}.parquet" in [one.path for one in PurgedFiles(meters.records.lake).all()]


def test_a_look_changes_nothing_and_nothing_goes_before_its_time(meters: Meters) -> None:
    files = sorted(meters.landing.rglob("*"))
    assert purgeable(READINGS, meters.records, meters.landing, MONTH, OVER - timedelta(seconds=1)).due == ()
    assert purgeable(READINGS, meters.records, meters.landing, None, OVER).later == 2
    assert len(purgeable(READINGS, meters.records, meters.landing, MONTH, OVER).due) == 2
    assert sorted(meters.landing.rglob("*")) == files
    assert PurgedFiles(meters.records.lake).all() == []


def test_a_file_that_changes_between_the_look_and_the_deletion_stays(meters: Meters) -> None:
    found = purgeable(READINGS, meters.records, meters.landing, MONTH, OVER)
    meters.drops(owned(3))
    done = purge(meters.records, found, "ada")
    assert "has changed since" in done.stays[f"{LOG}/{DAY}.parquet"]
    assert meters.file().exists()


def purged(meters: Meters) -> None:
    purge(meters.records, purgeable(READINGS, meters.records, meters.landing, MONTH, OVER), "ada")
    assert not list(meters.landing.rglob("*.parquet"))


def test_nothing_misses_what_was_purged(meters: Meters) -> None:
    before, versions = meters.content(), READINGS.source_versions(meters.records)
    purged(meters)

    assert READINGS.landed(meters.landing) == frozenset()
    assert READINGS.landed(meters.landing, meters.records) == {DAY, NEXT}
    done = meters.takes([DAY, NEXT])
    assert (done.known, done.arrived, done.reasons) == ((DAY, NEXT), (), {})
    assert READINGS.moved(meters.records, meters.landing, [DAY, NEXT]) == frozenset()
    assert READINGS.waiting(meters.records, meters.landing, Declaration()) == ()
    assert READINGS.verify(meters.records, pinned(meters)) == ()
    assert READINGS.source_versions(meters.records) == versions
    assert scrub(meters.records).bad == ()
    assert meters.content().equals(before, null_equal=True)


def test_a_day_that_was_never_taken_in_is_missing_though_others_were_purged(meters: Meters) -> None:
    purged(meters)
    third = date(2026, 3, 4)
    assert "MissingDays" in str(meters.takes([DAY, third]).reasons[third])


def test_what_lands_again_is_known_and_goes_again_and_a_new_edition_is_an_arrival(meters: Meters) -> None:
    content = meters.file(NEXT).read_bytes()
    purged(meters)
    meters.file(NEXT).write_bytes(content)
    assert meters.takes([NEXT]).known == (NEXT,)
    purged(meters)

    assert meters.lands([*owned(2), reading("m09")], NEXT).arrived == (NEXT,)
    assert READINGS.arrivals(meters.records).filter(day=NEXT).height == 2


def test_a_purged_day_that_the_log_loses_comes_back_out_of_the_archive(meters: Meters) -> None:
    before = meters.content()
    purged(meters)
    for number in range(3):
        (meters.root / meters.log_file(number)).unlink()
    restore(READINGS, meters.records, OVER)
    assert meters.content().equals(before, null_equal=True)


WRONG = {
    "twice": (MONTH, MONTH),
    "without a duty": (Retention(LOG, Kept.RAW, " "),),
    "for 0 days": (Retention(LOG, Kept.RAW, "Why.", days=0),),
    "for 30 days with a warning 30 days": (Retention(LOG, Kept.RAW, "Why.", days=30, warn_days=30),),
}


@pytest.mark.parametrize("told", WRONG)
def test_a_retention_that_cannot_be_is_refused_when_it_is_declared(told: str) -> None:
    with pytest.raises(RetentionDeclaredWrongly, match=f"of {LOG} is declared to be kept {told}"):
        Keeping(retention=WRONG[told])


def test_what_is_not_declared_is_named() -> None:
    with pytest.raises(RawLogUnknown, match="Name one of meter_readings"):
        Keeping(logs=(READINGS,)).log("orders")
    with pytest.raises(LandingUnknown):
        Keeping().landing_root()
