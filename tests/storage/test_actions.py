import json
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote, unquote

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import example, given
from hypothesis import strategies as st

from backfill_assets.storage import actions
from backfill_assets.storage.actions import DataFile, fingerprint, milliseconds, statistics, statistics_of, unquoted
from backfill_assets.storage.table import Change
from tests.storage.lakes import SCHEMA, created, day, rows


def file(path: str = "a.parquet", size: int = 3) -> DataFile:
    return DataFile(path, size, day(0), 5, 1, "{}")


@given(st.lists(st.text(alphabet="a%2F3:é/ =€0C4A", max_size=12)))
def test_paths_are_unquoted_as_everywhere(paths: list[str]):
    paths = [*paths, *map(quote, paths)]

    assert unquoted(pl.Series(paths, dtype=pl.String)).to_list() == [unquote(path) for path in paths]


KINDS: dict[str, list[object]] = {
    "numbers": [1, -2, None],
    "decimals": [Decimal("-9.90"), Decimal("0.01"), Decimal("12345678901234567890.12")],
    "text": ["", "x" * 40, None],
    "floats": [1.5, float("nan"), None],
    "days": [date(2026, 1, 1), None, date(1900, 2, 3)],
    "times": [datetime(2026, 1, 1, 3, 4, 5, 6, tzinfo=UTC), None, datetime(1969, 1, 1, tzinfo=UTC)],
    "naive times": [datetime(2026, 1, 1), datetime(2020, 1, 1, 1, 1), None],  # noqa: DTZ001 - naive on purpose
    "truths": [True, None, False],
    "nothing": [None, None, None],
}
"""Columns of values; the next kind is one line."""


@pytest.mark.parametrize("small", [1, 10_000])
@pytest.mark.parametrize("kinds", [[*KINDS], ["floats", "truths"], *([one] for one in KINDS)], ids=str)
def test_statistics_of_many_frames_are_those_of_each(kinds: list[str], small: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actions, "SMALL", small)
    rows = pl.DataFrame({kind: KINDS[kind] for kind in kinds})
    with_day = rows.with_columns(day=pl.lit(date(2026, 1, 1)))
    frames = [rows.head(1), rows, rows.clear(), with_day, rows.tail(2), rows.slice(1, 1)]

    assert statistics_of(frames) == [statistics(frame) for frame in frames]
    assert statistics_of([]) == []
    assert statistics_of([rows]) == [statistics(rows)]


def test_statistics_keep_decimals_exact_and_times_to_the_microsecond():
    stats = json.loads(statistics(rows("-99999999999999.9999", "1.0001")), parse_float=Decimal)
    assert stats["numRecords"] == 2
    assert stats["minValues"]["revenue"] == Decimal("-99999999999999.9999")
    assert stats["maxValues"]["revenue"] == Decimal("1.0001")
    assert stats["maxValues"]["at"] == "2026-01-01T12:00:00.123456Z"
    assert stats["nullCount"] == {"key": 0, "revenue": 0, "at": 0, "rows": 0, "open": 0}


def test_statistics_of_no_rows_have_no_bounds():
    assert json.loads(statistics(rows())) == {
        "numRecords": 0,
        "minValues": {},
        "maxValues": {},
        "nullCount": {"key": 0, "revenue": 0, "at": 0, "rows": 0, "open": 0},
    }


@given(texts=st.lists(st.text(min_size=30, max_size=40), min_size=1, max_size=3))
@example(texts=["z" * 33])
def test_bounds_of_long_texts_still_enclose_every_value(texts):
    stats = json.loads(statistics(pl.DataFrame({"key": texts})))
    assert stats["minValues"]["key"] <= min(texts)
    assert stats["maxValues"]["key"] >= max(texts)


def test_statistics_of_files_that_others_wrote_are_rebuilt_completely(root):
    table = created(root / "t", SCHEMA)
    written = rows("1.5", "2.5").with_columns(pl.lit(day(0)).alias("day"), at=datetime(2026, 1, 1, tzinfo=UTC))
    write_deltalake(table.uri, written.select(SCHEMA.names()), mode="append")
    (theirs,) = table.snapshot().files[day(0)]
    mine = json.loads(statistics(written.drop("day")), parse_float=Decimal)
    rebuilt = json.loads(theirs.stats, parse_float=Decimal)
    assert rebuilt["minValues"].pop("open") is rebuilt["maxValues"].pop("open") is True
    assert rebuilt == mine


def test_readers_prune_by_the_statistics_and_lose_no_row(root):
    table = created(root / "t", SCHEMA)
    table.replace_days({day(offset): rows(f"{offset}.0001", "-99999999999999.9999") for offset in range(3)})
    handle = DeltaTable(table.uri)
    found = pl.scan_delta(handle).filter(pl.col("revenue") == Decimal("2.0001")).collect()
    assert found["day"].to_list() == [day(2)]
    exact = handle.to_pyarrow_dataset().to_table(filter=None).num_rows
    assert exact == handle.count() == 6
    moment = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert pl.scan_delta(handle).filter(pl.col("at") == moment).collect().height == 6


def test_a_file_without_statistics_is_known_to_be_one(root):
    table = created(root / "t", SCHEMA)
    (written,) = table.write_files({day(0): rows("1")}).values()
    bare = DataFile(written.path, written.size, written.day, written.modified, -1, "{}")
    table.commit(lambda _: Change((bare,)))
    assert table.snapshot().files[day(0)] == (bare,)


def test_a_file_survives_being_written_down_and_seen_from_above():
    assert DataFile.from_json(file().as_json()) == file()
    assert file().under("_backfill_a").path == "_backfill_a/a.parquet"
    assert file().add_action().partition_values == {"day": "2026-01-01"}


def test_the_fingerprint_is_of_the_set_of_paths_and_sizes():
    one, two = file("a"), file("b")
    assert fingerprint([one, two]) == fingerprint([two, one])
    assert fingerprint([one]) != fingerprint([file("a", 4)])
    assert fingerprint([]) == ""


def test_milliseconds_are_exact():
    assert milliseconds(datetime(2026, 1, 1, 0, 0, 0, 1999, tzinfo=UTC)) % 1000 == 1
    assert date(1970, 1, 1).toordinal() * 86_400_000 + milliseconds(datetime(1970, 1, 2, tzinfo=UTC)) == (
        date(1970, 1, 2).toordinal() * 86_400_000
    )
