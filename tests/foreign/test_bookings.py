"""Four hundred days of another writer, by text: adopted and corrected without a rewrite, beside everybody's readers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import reload
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable, QueryBuilder

from backfill_assets.storage import table as commits
from backfill_assets.storage.snapshot import Snapshot
from tests.e2e.house import House, new_house
from tests.foreign.bookings import adopted
from tests.foreign.bookings.writer import booked, write, write_history, written
from tests.foreign.project import commanded

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

MANY, WRONG = 400, range(250, 340)
Rows = list[tuple[object, ...]]


def by_duckdb(uri: str) -> Any:
    """DuckDB's own reader where its extension is installed; it is never fetched."""
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        try:
            connection.execute("load delta")
        except duckdb.Error:
            return None
        return connection.execute("select date, hotel, nights, revenue from delta_scan(?)", [uri]).fetchall()


# Whoever reads the table by the path, and what he sees of it.
READERS: dict[str, Callable[[str], Any]] = {
    "Polars": lambda uri: pl.scan_delta(uri).collect().rows(),
    "an Arrow dataset": lambda uri: pl.DataFrame(DeltaTable(uri).to_pyarrow_dataset().to_table()).rows(),
    "an Arrow table": lambda uri: pl.DataFrame(DeltaTable(uri).to_pyarrow_table()).rows(),
    "DuckDB on an Arrow dataset": lambda uri: duckdb.from_arrow(DeltaTable(uri).to_pyarrow_dataset()).fetchall(),
    "DataFusion": lambda uri: pl.DataFrame(
        QueryBuilder().register("t", DeltaTable(uri)).execute("select * from t").read_all()
    ).rows(),
    "DuckDB": by_duckdb,
}

WATCHING = ("Polars", "an Arrow dataset")
"""Who reads at every commit that a command makes; all of them read between the commands."""


def seen_by(uri: str, *names: str) -> Rows:
    """The rows that readers see, all the same ones."""
    told = {name: sorted(rows) for name in names or READERS if (rows := READERS[name](uri)) is not None}
    first, *others = told.values()
    assert all(rows == first for rows in others), {name: len(rows) for name, rows in told.items()}
    return first


@contextmanager
def watched(uri: str) -> Iterator[list[tuple[bool, Rows]]]:
    """What is seen after each commit to any table, and whether it was one to this table."""
    seen: list[tuple[bool, Rows]] = []
    commit = commits.attempt

    def attempt(snapshot: Snapshot, change: commits.Change) -> datetime | None:
        done = commit(snapshot, change)
        seen.append((snapshot.folder.uri == uri, seen_by(uri, *WATCHING)))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commits, "attempt", attempt)
        yield seen


def files_by_day(uri: str) -> Mapping[str, set[str]]:
    """The files of each day, by what the log itself says."""
    found: dict[str, set[str]] = {}
    for action in DeltaTable(uri).get_add_actions(flatten=True).to_struct_array().to_pylist():
        found.setdefault(action["partition.date"], set()).add(action["path"])
    return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """The lake with the table, and the table of what is booked beside the lake."""
    place = new_house(tmp_path / "house", f"{written(MANY)}T06:00:00+00:00")
    write_history(place.root / "lake/bookings", [booked(day, 2 if day in WRONG else 1) for day in range(MANY)])
    write_history(tmp_path / "booked", [booked(day) for day in range(MANY)])
    monkeypatch.setenv("BOOKED", str(tmp_path / "booked"))
    reload(adopted)
    return place


def run(house: House, *command: str, code: int = 0) -> Mapping[str, Any]:
    """A command, which has to end with a code."""
    answered = house.run(*command)
    assert answered.code == code, answered.text
    return answered.told


@dataclass
class Table:
    """The table, its rows as everybody has to see them, and its files."""

    house: House
    wrong: Rows
    right: Rows

    @property
    def uri(self) -> str:
        return str(self.house.root / "lake/bookings")

    def assert_seen(self, rows: Rows) -> None:
        """Every reader sees these rows."""
        assert seen_by(self.uri) == rows

    def append(self, number: int) -> None:
        """The other writer goes on."""
        write(Path(self.uri), [booked(number)])
        self.wrong, self.right = (sorted([*rows, *booked(number)]) for rows in (self.wrong, self.right))


def test_ninety_of_400_days_are_corrected_without_a_rewrite_and_readers_see_nothing_but_the_swap(house: House):
    wrong = sorted(row for day in range(MANY) for row in booked(day, 2 if day in WRONG else 1))
    table = Table(house, wrong, sorted(row for day in range(MANY) for row in booked(day)))
    table.assert_seen(table.wrong)

    adopted_as_it_is(table)
    with commanded(adopted):
        name = staged_unseen(table)
        table.append(MANY)
        corrected_and_taken_back(table, name)


def adopted_as_it_is(table: Table) -> None:
    """Adopt the table: a look that writes nothing, then a commit that moves no file."""
    of_before, files = DeltaTable(table.uri).version(), files_by_day(table.uri)
    keys = ("--key", "hotel", "--measure", "nights", "--measure", "revenue")
    looked = run(table.house, "adopt", "bookings", "--check", *keys)
    assert (looked["possible"], DeltaTable(table.uri).version()) == (True, of_before)
    done = run(table.house, "adopt", "bookings", *keys)
    assert (done["stage"], done["day"], done["rewritten"]) == ("adopted", "date", False)
    assert files_by_day(table.uri) == files
    table.assert_seen(table.wrong)


def staged_unseen(table: Table) -> str:
    """Take a correction to its gate, which nobody sees; returns its id."""
    house, files = table.house, files_by_day(table.uri)
    request = str(house.request(written(WRONG[0]), written(WRONG[-1]), table="bookings", reason="Counted twice."))
    run(house, "plan", request)
    table.assert_seen(table.wrong)
    name = str(run(house, "open", request)["correction"])
    seen = seen_during(house, table.uri, "run", name)
    assert len(seen) > 10
    assert all(rows == table.wrong for _, rows in seen)
    status = run(house, "status", name)
    assert (status["waits_for"], status["changed"]) == ("person", len(WRONG))
    assert files_by_day(table.uri) == files
    return name


def corrected_and_taken_back(table: Table, name: str) -> None:
    """Swap the days in and back: the files of other days stay, and so does what an earlier commit shows."""
    house, files, of_gate = table.house, files_by_day(table.uri), DeltaTable(table.uri).version()
    run(house, "approve", name, "--by", "Ada", "--note", "Looked at.")
    table.assert_seen(table.wrong)
    assert swapped_in(seen_during(house, table.uri, "run", name), table.wrong, table.right)
    table.assert_seen(table.right)
    after = files_by_day(table.uri)
    assert {day for day in files if after[day] != files[day]} == {written(day) for day in WRONG}
    pinned = pl.DataFrame(DeltaTable(table.uri, version=of_gate).to_pyarrow_table()).rows()
    assert sorted(pinned) == table.wrong

    back = seen_during(house, table.uri, "roll-back", name, "--all", "--by", "Ada", "--note", "Too early.")
    assert swapped_in(back, table.right, table.wrong)
    table.assert_seen(table.wrong)
    assert files_by_day(table.uri) == files
    run(house, "run", name, code=3)
    table.assert_seen(table.wrong)


def seen_during(house: House, uri: str, *command: str) -> list[tuple[bool, Rows]]:
    """What is seen at every commit of a command."""
    with watched(uri) as seen:
        answered = house.run(*command)
    assert answered.code in {0, 3}, answered.text
    return seen


def swapped_in(seen: list[tuple[bool, Rows]], before: Rows, after: Rows) -> bool:
    """Whether rows became others by one commit to the table, and by nothing else."""
    rows = [before, *(there for _, there in seen)]
    assert all(there in (before, after) for there in rows)
    changes = [number for number, there in enumerate(rows[1:]) if there != rows[number]]
    return rows[-1] == after and len(changes) == 1 and seen[changes[0]][0]
