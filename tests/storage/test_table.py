import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from backfill_assets.errors.base import Refused
from backfill_assets.errors.lake import CommitContended, CommitUnknown, NothingBesideSlots, TableMissing
from backfill_assets.storage import commits
from backfill_assets.storage.table import Change, Snapshot, Table
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.storage.lakes import SCHEMA, SMALL, content, created, day, days, live_with, rows, worth
from tests.stores import Root, files_below


def parquet_below(root: Root) -> int:
    return len(list(root.rglob("*.parquet")))


def test_replaced_days_are_read_back_exactly(root):
    table = created(root / "t", SCHEMA)
    commit = table.replace_days({day(0): rows("1.0001", "-99999999999999.9999"), day(1): rows("2")})
    assert commit is not None
    assert commit.number == 1
    assert abs(datetime.now(UTC) - commit.at) < timedelta(minutes=1)
    read = table.snapshot().scan([day(0)]).collect()
    assert read.schema == SCHEMA
    assert sorted(read["revenue"]) == [Decimal("-99999999999999.9999"), Decimal("1.0001")]
    table.replace_days({day(0): rows("5")})
    assert table.snapshot().scan().select(pl.sum("revenue")).collect().item() == Decimal("7.0000")


def test_a_day_without_rows_has_a_file_and_is_not_a_missing_day(root):
    table = live_with(root / "t", {day(0): [], day(1): [1]})
    snapshot = table.snapshot()
    assert snapshot.days == {day(0), day(1)}
    assert snapshot.files[day(0)][0].rows == 0
    assert snapshot.fingerprint(day(0)) != ""
    assert snapshot.fingerprint(day(2)) == ""
    assert snapshot.scan([day(0)]).collect().height == 0
    assert snapshot.scan([day(2)]).collect().schema == SMALL
    assert snapshot.scan([]).collect().schema == SMALL
    assert DeltaTable(table.uri).count() == 1
    assert pl.read_delta(table.uri)["revenue"].to_list() == [1]
    DeltaTable(table.uri).optimize.compact()
    assert table.snapshot().days == {day(0), day(1)}


def test_statistics_rebuilt_from_the_log_are_the_ones_that_were_written(root):
    table = created(root / "t", SCHEMA)
    written = table.write_files({day(0): rows("1.0001", "-12345678901234.5678"), day(1): rows()})
    table.commit(lambda _: Change(tuple(written.values())))
    assert {of: files for of, (files,) in table.snapshot().files.items()} == written
    assert table.snapshot().files_of([day(0), day(5)]) == {day(0): (written[day(0)],), day(5): ()}


def test_written_files_are_visible_to_nobody_until_they_are_committed(root):
    table = live_with(root / "t", {day(0): [1]})
    table.write_files({day(0): worth(2), day(1): worth(3)})
    assert content(table) == {day(0): [1]}


def test_a_stale_handle_is_refused_and_the_decision_is_taken_again(root):
    table = live_with(root / "t", {day(0): [1]})
    seen: list[int] = []

    def decide(snapshot: Snapshot) -> Change:
        seen.append(snapshot.commit)
        if len(seen) == 1:
            write_deltalake(table.uri, pl.DataFrame({"day": [day(1)], "revenue": [2]}), mode="append")
        return Change(metadata={"of": len(seen)})

    commit = table.commit(decide)
    assert commit is not None
    assert (seen, commit.number, commit.retries) == ([1, 2], 3, 1)


def test_a_refusal_deletes_the_files_that_were_written_for_it(root):
    table = live_with(root / "t", {day(0): [1]})

    def refuse(_: Snapshot) -> None:
        raise Refused

    for write in (
        lambda: table.replace_days({day(0): worth(2)}, allow=refuse),
        lambda: table.append(worth(2), day=day(0), allow=refuse),
    ):
        with pytest.raises(Refused):
            write()
    assert parquet_below(root / "t") == 1
    assert content(table) == {day(0): [1]}


def test_a_commit_whose_answer_is_lost_is_not_repeated(root, monkeypatch):
    table = live_with(root / "t", {day(0): [1]})
    commit = DeltaTable.create_write_transaction

    def lost(self, *args, **options):
        commit(self, *args, **options)
        raise OSError("connection reset")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", lost)
    table.append(worth(2), day=day(0))
    assert content(table) == {day(0): [1, 2]}


def test_files_stay_when_it_is_not_known_whether_they_were_committed(root, monkeypatch):
    table = live_with(root / "t", {day(0): [1]})

    def lost(self, *args, **options):
        raise OSError("connection reset")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", lost)
    with pytest.raises(CommitUnknown, match="connection reset"):
        table.append(worth(2), day=day(0))
    assert parquet_below(root / "t") == 2


def test_equal_days_are_left_out_and_nothing_is_committed_when_all_are(root):
    table = live_with(root / "t", {day(0): [1, 2], day(1): [], day(2): [3, 3]})
    same = {day(0): worth(2, 1), day(1): worth(), day(2): worth(3, 3)}
    before = table.snapshot().commit
    assert table.replace_days(same, skip_equal=True) is None
    assert table.snapshot().commit == before
    prints = {of: table.snapshot().fingerprint(of) for of in days(3)}
    table.replace_days({**same, day(2): worth(3, 4), day(3): worth()}, skip_equal=True)
    after = table.snapshot()
    assert [after.fingerprint(of) == prints[of] for of in days(3)] == [True, True, False]
    assert content(table) == {day(0): [1, 2], day(1): [], day(2): [3, 4], day(3): []}
    assert parquet_below(root / "t") == 5


def test_rows_are_compared_as_a_multiset(root):
    table = live_with(root / "t", {day(0): [1, 1, 2]})
    assert table.replace_days({day(0): worth(1, 2, 2)}, skip_equal=True) is not None
    assert content(table) == {day(0): [1, 2, 2]}


def test_appended_rows_find_the_day_they_name(root):
    table = live_with(root / "t", {day(0): [1]})
    frame = pl.DataFrame({"day": [day(0), day(1)], "revenue": [2, 3]})
    table.append(frame)
    assert content(table) == {day(0): [1, 2], day(1): [3]}


def test_a_table_without_days_is_appended_to_and_time_travels(root):
    table = created(root / "t", pl.Schema({"revenue": pl.Int64}), partition=None)
    for revenue in range(3):
        table.append(worth(revenue), metadata={"who": "ledger", "count": revenue})
    assert sorted(table.snapshot().scan().collect()["revenue"]) == [0, 1, 2]
    assert sorted(table.snapshot(2).scan().collect()["revenue"]) == [0, 1]
    assert DeltaTable(table.uri).history(1)[0]["who"] == "ledger"


def test_a_table_that_was_never_created_is_named(root):
    with pytest.raises(TableMissing, match="nowhere"):
        Table(str(root / "nowhere"), SMALL).replace_days({day(0): worth(1)})
    assert not Table(str(root / "nowhere"), SMALL).exists()


def test_threads_that_write_one_table_at_once_lose_and_double_nothing(root):
    live = created(root / "t")
    with ThreadPoolExecutor(6) as pool:
        commits = list(pool.map(lambda of: Table(live.uri, SMALL).replace_days({of: worth(of.day)}), days(18)))
    assert content(live) == {of: [of.day] for of in days(18)}
    assert len({commit.number for commit in commits if commit}) == 18


def test_a_writer_that_never_gets_its_turn_gives_up_at_the_deadline(root):
    table = live_with(root / "t", {day(0): [1]})

    def overtaken(_: Snapshot) -> Change:
        write_deltalake(table.uri, pl.DataFrame({"day": [day(1)], "revenue": [2]}), mode="append")
        return Change()

    with pytest.raises(CommitContended, match="came first"):
        table.commit(overtaken, deadline_seconds=0.05)


FIRST_WRITER = """
import sys
import polars as pl
from datetime import date
from backfill_assets.storage.table import Table
table = Table(sys.argv[1], pl.Schema({"day": pl.Date, "revenue": pl.Int64}))
sys.stdin.read()
table.create()
table.replace_days({date(2026, 1, int(sys.argv[2])): pl.DataFrame({"revenue": [int(sys.argv[2])]})})
"""


@pytest.mark.slow
def test_six_first_writers_of_one_table_all_succeed(root):
    uri = str(root / "t" / "_backfill_a")
    writers = [
        subprocess.Popen([sys.executable, "-c", FIRST_WRITER, uri, str(number)], stdin=subprocess.PIPE)
        for number in range(1, 7)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * 6
    assert content(Table(uri, SMALL)) == {date(2026, 1, number): [number] for number in range(1, 7)}


def test_simultaneous_creators_all_succeed_and_create_the_table_once(root):
    for number in range(10):
        uri = str(root / f"t{number}")
        together = Barrier(8)

        def create(_, uri=uri, together=together):
            table = Table(uri, SMALL)
            together.wait()
            table.create()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(create, range(8)))
        assert Table(uri, SMALL).snapshot().commit == 0


def test_properties_are_set_when_a_table_is_created_and_never_again(root):
    table = created(root / "t")
    assert DeltaTable(table.uri).metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
    Table(table.uri, SMALL, properties={"delta.checkpointInterval": "7"}).create()
    assert DeltaTable(table.uri).metadata().configuration["delta.checkpointInterval"] == "100"
    assert table.snapshot().commit == 0


def test_a_root_with_spaces_and_accents_and_equal_signs_is_read(root):
    live = live_with(root / "my lake é" / "env=prod" / "[t] *", {day(0): [1], day(1): [2]})
    assert content(live) == {day(0): [1], day(1): [2]}
    assert any(path.startswith("my lake é/env=prod/[t] */day=2026-01-01/") for path in files_below(root))


@pytest.mark.parametrize("schema", [{"day": pl.Date()}, {}])
def test_a_table_with_no_column_but_that_of_its_days_is_refused(root, schema):
    with pytest.raises(NothingBesideSlots) as refused:
        created(root / "t", pl.Schema(schema))
    assert_in_three_sentences(str(refused.value))
    assert not files_below(root)


def test_a_commit_in_whose_place_another_writers_is_found_is_made_again(root, monkeypatch):
    """As a store leaves it that has put the one over the other."""
    table = created(root / "t")
    entry, real = root / "t/_delta_log" / f"{1:020}.json", commits.force_written

    def overwritten(folder, commit):
        real(folder, commit)
        if commit == 1:
            info = {"commitInfo": {"timestamp": 0, "operation": "WRITE", "operationParameters": {}}}
            entry.write_text(json.dumps(info) + "\n")

    monkeypatch.setattr(commits, "force_written", overwritten)

    done = table.replace_days({day(0): worth(1)})

    assert done is not None
    assert (done.number, done.retries) == (2, 1)
    assert content(table) == {day(0): [1]}


def test_a_table_that_lacks_no_column_is_left_as_it_is(root):
    table = live_with(root / "t", {day(0): [1]})
    table.add_nullable_columns()
    assert table.snapshot().commit == 1
