"""What the two hashes of content tell apart: bytes of files, which a certificate is about, and rows, which state is."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.carried import CarriedState
from backfill_assets.errors.correction import CertificateOutdated
from backfill_assets.runbook import approve, cut_over
from tests.runbook.world import TABLE, World, copy_of, planted_at, world_at

# ---- a certificate: the bytes of each day's staged and live files


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    world = world_at(tmp_path_factory.mktemp("certified") / "lake")
    correction = world.open(6, 7).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    return world, correction


def files(world: World, correction: str) -> list[Path]:
    return sorted((world.root / TABLE / f"_backfill_{correction}").glob("day=*/*.parquet"))


def one_bit(first: Path, _second: Path) -> None:
    content = first.read_bytes()
    first.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])


def one_row(first: Path, _second: Path) -> None:
    pl.read_parquet(first, hive_partitioning=False).with_columns(pl.col("revenue") + 1).write_parquet(first)


def another_layout(first: Path, _second: Path) -> None:
    pl.read_parquet(first, hive_partitioning=False).write_parquet(first, compression="uncompressed")


def each_others(first: Path, second: Path) -> None:
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def cut_short(first: Path, _second: Path) -> None:
    first.write_bytes(first.read_bytes()[:-1])


def gone(first: Path, _second: Path) -> None:
    first.unlink()


ALTERED: Mapping[str, Callable[[Path, Path], None]] = {
    "one bit": one_bit,
    "one row": one_row,
    "the same rows in another layout": another_layout,
    "the files of two days exchanged": each_others,
    "a byte less": cut_short,
    "a file less": gone,
}
"""What was done to staged files, under their names, after they were certified."""


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_a_staged_file_that_was_altered_in_place_is_not_swapped_in(
    approved: tuple[World, str], tmp_path: Path, alter: Callable[[Path, Path], None]
):
    world, correction = copy_of(approved[0], tmp_path / "altered"), approved[1]
    alter(*files(world, correction))

    with pytest.raises(CertificateOutdated) as refused:
        cut_over(world.step_context(), correction)

    assert min(refused.value.days) == date(2026, 1, 6)
    assert world.content() == planted_at()


def test_a_certificate_has_the_bytes_of_both_sides_of_each_day(approved: tuple[World, str]):
    world, correction = approved
    certificate = world.records.certificates.find(world.progress(correction).gate.certificate)
    days = {date(2026, 1, 6), date(2026, 1, 7)}

    sides = (certificate.contents.staged, certificate.contents.live)

    assert [side.keys() for side in sides] == [days, days]
    assert len({content for side in sides for content in side.values()}) == 4
    assert cut_over(world.step_context(), correction) is not None


# ---- state that is carried: the rows, whatever files and order they are in

KINDS = {
    "name": pl.String(),
    "amount": pl.Decimal(18, 4),
    "share": pl.Float64(),
    "at": pl.Datetime("us", "UTC"),
    "local": pl.Datetime("us"),
    "mark": pl.Binary(),
}
STATE = CarriedState("before", KINDS, date(2026, 1, 5))
ROW = {
    "name": "a",
    "amount": "1.5000",
    "share": "0.0",
    "at": "2026-01-05 00:00:00",
    "local": "2026-01-05 00:00:00",
    "mark": "x",
}


def frame(*rows: Mapping[str, str | None]) -> pl.DataFrame:
    texts = pl.DataFrame([{**ROW, **row} for row in rows], schema=dict.fromkeys(KINDS, pl.String()))
    naive = texts.with_columns(pl.col("at", "local").str.to_datetime(time_unit="us"))
    return naive.with_columns(pl.col("at").dt.replace_time_zone("UTC")).cast(dict(KINDS))


TWO = ({}, {"name": "b", "amount": None})
SAME: Mapping[str, pl.DataFrame] = {
    "rows in another order": frame(*reversed(TWO)),
    "rows of two files": pl.concat([frame(TWO[0]), frame(TWO[1])], rechunk=False),
    "columns in another order": frame(*TWO).select(reversed(KINDS)),
    "a decimal of another scale": frame(*TWO).cast({"amount": pl.Decimal(30, 8)}),
    "a moment in another zone": frame(*TWO).with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo")),
    "a column that is not carried": frame(*TWO).with_columns(further=1),
}
OTHER: Mapping[str, pl.DataFrame] = {
    "as they are": frame(*TWO),
    "a row more": frame(*TWO, TWO[0]),
    "another amount": frame({"amount": "1.5001"}, TWO[1]),
    "no amount": frame({"amount": None}, TWO[1]),
    "an amount of nothing": frame({"amount": "0"}, TWO[1]),
    "an empty name": frame({"name": ""}, TWO[1]),
    "no name": frame({"name": None}, TWO[1]),
    "a name of that word": frame({"name": "null"}, TWO[1]),
    "a moment later": frame({"at": "2026-01-05 00:00:01"}, TWO[1]),
    "an hour here": frame({"local": "2026-01-05 01:00:00"}, TWO[1]),
    "no share": frame({"share": None}, TWO[1]),
    "a share that is no number": frame({"share": "NaN"}, TWO[1]),
    "an infinite share": frame({"share": "inf"}, TWO[1]),
    "as far below": frame({"share": "-inf"}, TWO[1]),
    "zero from below": frame({"share": "-0.0"}, TWO[1]),
    "an empty mark": frame({"mark": ""}, TWO[1]),
    "no mark": frame({"mark": None}, TWO[1]),
    "no rows": frame(TWO[0]).clear(),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_rows_have_one_content(name: str):
    assert STATE.digest(SAME[name]) == STATE.digest(frame(*TWO))


def test_other_rows_have_another_content_each():
    contents = {name: STATE.digest(rows) for name, rows in OTHER.items()}

    assert len({*contents.values()}) == len(OTHER), contents


def test_a_content_of_before_is_still_that_of_its_rows():
    """Slots that were computed from it would all be computed again otherwise."""
    before = "4c1cea9dcfde84b6660cdd10d6daef788d322c129da7cf444da1587af5787ccc"

    assert STATE.digest(frame(*TWO)) == before
