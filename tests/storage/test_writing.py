"""A handle that was committed from is used again while no other commit came, and says what a new one would."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from backfill_assets.errors.lake import LogDamaged
from backfill_assets.storage import operations, writing
from backfill_assets.storage.commits import Change
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake, entry_of
from backfill_assets.storage.operations import Operation
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table

SCHEMA = pl.Schema({"day": pl.Date(), "value": pl.Int64(), "worth": pl.Decimal(38, 4), "name": pl.String()})
DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(8)]


def frames(days: list[date], value: int) -> dict[date, pl.DataFrame]:
    rows = {"value": [value], "worth": [value], "name": ["ä" * 40]}
    return {day: pl.DataFrame(rows, schema={k: v for k, v in SCHEMA.items() if k != "day"}) for day in days}


def live(root: Path | str, checkpoints: int = 100) -> Table:
    table = Table(f"{root}/t", SCHEMA, properties={"delta.checkpointInterval": str(checkpoints)})
    table.create()
    return table


def told(snapshot: Snapshot) -> tuple[object, ...]:
    return (
        snapshot.commit,
        {day: snapshot.names(day) for day in snapshot.days},
        snapshot.files,
        snapshot.transaction_version("a"),
        snapshot.partition_columns,
        snapshot.handle.schema(),
        snapshot.handle.metadata().configuration,
    )


def opened(table: Table) -> Snapshot:
    return Snapshot(DeltaTable(table.uri), table.folder, table.schema)


def committed_from(table: Table) -> Snapshot:
    """What the next writer decides on."""
    seen: list[Snapshot] = []

    def decide(there: Snapshot) -> None:
        seen.append(there)

    table.commit(decide)
    return seen[0]


@pytest.mark.parametrize("checkpoints", [2, 3, 100])
def test_what_is_decided_on_is_what_a_table_that_is_opened_says(tmp_path: Path, checkpoints: int) -> None:
    table = live(tmp_path, checkpoints)
    for number in range(9):
        days = DAYS[number % 3 : number % 3 + 4]
        written = tuple(table.write_files({**frames(days, number)}).values())

        def decide(there: Snapshot, written=written, days=days, number=number) -> Change:
            assert told(there) == told(opened(table))
            removes = tuple(file for files in there.files_of(days).values() for file in files)
            return Change(written, removes, (("a", number + 1),), {"n": str(number)})

        assert table.commit(decide, written=written) is not None
    assert table.snapshot().commit == 9


def reads_of(table: Table) -> int:
    """How often the table is opened for one more commit."""
    seen: list[str] = []

    def listens(operation: Operation, where: str, work, /):
        seen.extend([where] if operation is Operation.READ and where == table.uri else [])
        return work()

    with operations.around(listens):
        table.replace_days(frames(DAYS[:1], 7))
    return len(seen)


def test_a_commit_after_ones_own_opens_nothing(tmp_path: Path) -> None:
    table = live(tmp_path)
    table.replace_days(frames(DAYS, 1))
    assert reads_of(table) == 1  # the commit itself, read back


def others_commit(table: Table) -> None:
    added = table.write_files({DAYS[0]: frames(DAYS[:1], 3)[DAYS[0]]})[DAYS[0]]
    other = DeltaTable(table.uri)
    other.create_write_transaction([added.add_action()], mode="append", schema=other.schema(), partition_by=["day"])


def made_anew(table: Table) -> None:
    shutil.rmtree(table.uri)
    table.create()
    table.replace_days({**frames(DAYS, 9)})


MEANWHILE = {"another commits": others_commit, "the table is made anew": made_anew}


@pytest.mark.parametrize("case", MEANWHILE)
def test_what_came_meanwhile_is_seen(tmp_path: Path, case: str) -> None:
    table = live(tmp_path)
    table.replace_days(frames(DAYS, 1))
    kept = {**writing._idle}
    MEANWHILE[case](table)
    writing._idle.update(kept)
    assert told(committed_from(table)) == told(opened(table))


def test_an_older_entry_that_was_damaged_meanwhile_stops_the_next_commit(tmp_path: Path) -> None:
    table = live(tmp_path)
    for value in range(3):
        table.replace_days(frames(DAYS, value))
    Path(table.uri, entry_of(2)).write_bytes(b"")
    with pytest.raises(LogDamaged):
        table.replace_days(frames(DAYS, 5))


def test_two_who_commit_at_once_have_a_handle_each(tmp_path: Path) -> None:
    table = live(tmp_path)
    table.replace_days(frames(DAYS, 1))
    handles: list[object] = []

    def decide(there: Snapshot) -> None:
        handles.append(there.handle)
        if len(handles) == 1:
            table.commit(decide)

    table.commit(decide)
    assert len(handles) == 2
    assert handles[0] is not handles[1]


def test_rows_that_were_just_appended_are_read_without_opening_the_table(tmp_path: Path) -> None:
    control = ControlTable(Lake(str(tmp_path)), "facts", pl.Schema({"n": pl.Int64()}))
    control.append(lambda _: pl.DataFrame({"n": [1]}))
    with operations.around(_refusing_to_open):
        assert control.rows()["n"].to_list() == [1]
    control.append(lambda known: known.select(pl.col("n") + 1))
    assert control.rows()["n"].to_list() == [1, 2]
    assert ControlTable(Lake(str(tmp_path)), "facts", pl.Schema({"n": pl.Int64(), "m": pl.Int64()})).rows().rows() == [
        (1, None),
        (2, None),
    ]


def _refusing_to_open(operation: Operation, where: str, work, /):
    assert operation is not Operation.READ, where
    return work()
