"""The newest commit kept for reading: never older than the log, whoever wrote it."""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.errors.lake import TableMissing
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.opening import latest
from backfill_assets.storage.records import Records
from backfill_assets.storage.retention import clean_log
from tests.stores import Root

DAY = date(2026, 1, 1)
ROWS = pl.Schema({"day": pl.Date(), "value": pl.Int64()})
NUMBERS = pl.Schema({"number": pl.Int64(), "note": pl.String()})


def rows(value: int) -> pl.DataFrame:
    return pl.DataFrame({"day": [DAY], "value": [value]}, schema=ROWS)


def published(root: Root, value: int = 1) -> Records:
    records = Records(Lake(str(root)))
    table = records.table("fct", ROWS)
    table.create()
    table.replace_days({DAY: rows(value)})
    return records


def replace_elsewhere(root: str, value: int) -> None:
    Records(Lake(root)).table("fct", ROWS).replace_days({DAY: rows(value)})


def value_of(records: Records) -> int:
    return records.snapshot("fct").scan().collect()["value"].item()


def note(table: ControlTable, number: int) -> None:
    table.append(lambda _: pl.DataFrame([{"number": number, "note": "x"}], schema=NUMBERS))


@pytest.mark.slow
def test_a_commit_of_another_process_is_seen_at_once(root: Root):
    records = published(root)
    assert value_of(records) == 1
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for value in (2, 3):
            pool.submit(replace_elsewhere, str(root), value).result()
            assert value_of(records) == value


def test_the_table_is_opened_once_for_as_long_as_no_commit_comes(root: Root):
    records = published(root)
    first = records.snapshot("fct")
    assert records.snapshot("fct") is first
    replace_elsewhere(str(root), 2)
    assert records.snapshot("fct") is not first


def test_a_table_that_was_deleted_and_made_anew_is_not_taken_for_the_old_one(tmp_path: Path):
    records = published(tmp_path, 1)
    assert value_of(records) == 1
    shutil.rmtree(tmp_path / "fct")
    with pytest.raises(TableMissing):
        records.snapshot("fct")
    published(tmp_path, 7)
    assert value_of(records) == 7


def test_committing_starts_from_a_handle_of_its_own(root: Root):
    records = published(root)
    shared = records.snapshot("fct")
    commit = shared.commit
    records.table("fct").replace_days({DAY: rows(2)})
    assert shared.commit == commit
    assert shared.scan().collect()["value"].item() == 1


def test_what_is_made_of_rows_is_made_anew_for_new_rows_only(root: Root):
    table = ControlTable(Lake(str(root)), "numbers", NUMBERS)
    made: list[int] = []

    def total(known: pl.DataFrame) -> int:
        made.append(known.height)
        return int(known["number"].sum())

    note(table, 1)
    assert [table.made_of_rows(["number"], total) for _ in range(3)] == [1, 1, 1]
    note(table, 2)
    assert [table.made_of_rows(["number"], total) for _ in range(3)] == [3, 3, 3]
    assert made == [1, 2]


def test_rows_before_and_after_the_log_was_cleaned_are_the_same(root: Root):
    lake = Lake(str(root))
    table = ControlTable(lake, "numbers", NUMBERS)
    for number in range(25):
        note(table, number)
    before = table.rows()
    assert clean_log(Records(lake).control_table("numbers"), datetime.now(UTC) + timedelta(days=1))
    assert sorted(table.rows()["number"]) == sorted(before["number"]) == list(range(25))
    note(table, 25)
    assert sorted(table.rows()["number"]) == list(range(26))


def test_a_table_that_was_never_created_has_no_newest_commit(root: Root):
    assert latest(str(root / "nothing"), {}) is None


def test_opening_a_control_table_replays_few_commits(root: Root):
    table = ControlTable(Lake(str(root)), "numbers", NUMBERS)
    for number in range(25):
        note(table, number)
    checkpoints = sorted(root.rglob("*.checkpoint.parquet"))
    commits = sorted(root.rglob("*.json"))
    assert int(commits[-1].stem) - int(checkpoints[-1].name[:20]) < 10


def test_rows_that_this_process_appended_are_those_in_the_files(root: Root):
    table = ControlTable(Lake(str(root)), "numbers", NUMBERS)
    for number in range(30):
        note(table, number)
        kept = table.rows()
        read_back = pl.read_delta(str(root / "_control/numbers")).select(NUMBERS.names())
        assert kept.sort("number").equals(read_back.sort("number"))


@pytest.mark.slow
def test_an_append_of_another_process_is_not_taken_for_ours(root: Root):
    table = ControlTable(Lake(str(root)), "numbers", NUMBERS)
    note(table, 1)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(note_elsewhere, str(root), 2).result()
        assert sorted(table.rows()["number"]) == [1, 2]
        note(table, 3)
        pool.submit(note_elsewhere, str(root), 4).result()
        assert sorted(table.rows()["number"]) == [1, 2, 3, 4]


def note_elsewhere(root: str, number: int) -> None:
    note(ControlTable(Lake(root), "numbers", NUMBERS), number)
