"""Dagster's SQLite event log and runs, with one connection a database instead of one a statement, batches as batches.

Dagster's own storages connect anew for every statement, so compile it anew, wait for the disk after each, and write
the two events of every partition one by one; publishing a year of days is mostly that. Everything else is Dagster's,
the files on disk included. They reach into its private parts, so only :mod:`sqlite_storages` imports this module.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster import _check as check
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.pool import NullPool, StaticPool

HISTORY, RUNS = "history", "runs"
MOST_CONNECTIONS = 64
# As long as Dagster's own wait for a file that another process writes.
SQLITE_BUSY_TIMEOUT_SECONDS = 30
# Dagster hands over batches only where it is told to; 0, its default, is none.
BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
EVENTS_A_BATCH = "500"
VERSION = "SELECT version_num FROM alembic_version"
BATCHED = frozenset({DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED})


class ReusingSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log below ``home``, in the folder where Dagster's default storage keeps it too."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._connections: dict[str, Connection] = {}
        os.environ.setdefault(BATCH_SIZE, EVENTS_A_BATCH)
        super().__init__(str(Path(home, HISTORY, RUNS)), inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make the storage of its configuration in ``dagster.yaml``."""
        return cls(config_value["home"], inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and wake whoever watches its run."""
        super().store_event(event)
        self._wake_watchers(event.run_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run in one transaction a database; those that need more than a row one by one."""
        if len({one.run_id for one in events}) > 1:
            super().store_event_batch(events)
            return
        for is_batched, some in groupby(events, lambda one: one.dagster_event_type in BATCHED):
            if is_batched:
                self._store_together([*some])
            else:
                super().store_event_batch([*some])

    def _store_together(self, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(one) for one in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_connection() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            # Nobody else writes the file during the transaction, so the numbers of its rows follow each other.
            last = check.not_none(connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar())
            numbers = range(last - len(rows) + 1, last + 1)
            self._store_asset_event_tags(connection, events, numbers)
            # Of each asset only the latest event of a kind is kept beside its key.
            latest = {
                (one.get_dagster_event().asset_key, one.dagster_event_type): (one, number)
                for one, number in zip(events, numbers, strict=True)
            }
            for one, number in latest.values():
                self._store_asset_event(connection, one, number)
        self._wake_watchers(events[0].run_id)

    def wipe(self) -> None:
        """Delete everything."""
        with self._db_lock:
            self._close()
        super().wipe()

    def dispose(self) -> None:
        """Let go of the files."""
        with self._db_lock:
            self._close()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            connection = self._connections.get(shard) or self._open(shard)
            with connection.begin():
                yield connection

    def _wake_watchers(self, run_id: str) -> None:
        """Touch a run's file, which is what they watch: SQLite does not write it while a connection stays open."""
        with suppress(OSError):
            os.utime(self.path_for_shard(run_id))

    def _open(self, shard: str) -> Connection:
        """Connect to a shard for good; a shard is a run, so only the latest are kept."""
        if len(self._connections) >= MOST_CONNECTIONS:
            self._close()
        if shard not in self._initialized_dbs:
            self._make(shard)
            self._initialized_dbs.add(shard)
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        self._connections[shard] = engine.connect()
        return self._connections[shard]

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()
            connection.engine.dispose()
        self._connections.clear()

    def _make(self, shard: str) -> None:
        """Create a shard's tables where they are missing, by a copy of empty ones, which is quicker than Dagster's."""
        path = self.path_for_shard(shard)
        if not Path(path).exists():
            with (
                suppress(sqlite3.OperationalError),
                closing(sqlite3.connect(path, SQLITE_BUSY_TIMEOUT_SECONDS)) as made,
            ):
                made.execute("PRAGMA journal_mode = WAL")
                statements, versions = self._empty
                made.executescript(";\n".join(["BEGIN", *statements, ""]))
                made.executemany("INSERT INTO alembic_version VALUES (?)", versions)
                made.commit()
                return
        # There already, or somebody else makes it at this moment: Dagster knows how to wait for that.
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        self._initdb(engine)

    @cached_property
    def _empty(self) -> tuple[list[str], list[tuple[str]]]:
        """The statements that make an empty shard: those of the index, which Dagster makes in the same way."""
        with closing(sqlite3.connect(self.path_for_shard(INDEX_SHARD_NAME))) as index:
            made = index.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
            return [statement for (statement,) in made], index.execute(VERSION).fetchall()


class ReusingSqliteRunStorage(SqliteRunStorage):
    """The runs below ``home``, in the file where Dagster's default storage keeps them too."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make the storage of its configuration in ``dagster.yaml``."""
        return cls.from_local(str(Path(config_value["home"], HISTORY)), inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction, one of a few that stay open."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
        super().dispose()

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        return engine


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    """Let SQLite return before the disk has: a killed process loses nothing by it, a power cut the last events.

    What the project must not lose is in the lake.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
