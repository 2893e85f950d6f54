"""Dagster's SQLite event log, with one engine a database instead of one a statement.

Dagster's own storage makes a new SQLAlchemy engine for every statement, so compiles every statement anew, and waits for
the disk after each; publishing a year of days is mostly that. Everything else is Dagster's, the files on disk included;
taking ``event_log_storage`` out of ``dagster.yaml`` goes back to it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

WHERE_DAGSTER_KEEPS_IT = ("history", "runs")
MOST_ENGINES = 64


class ReusingSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log below ``home``, in the folder where Dagster's default storage keeps it too."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(str(Path(home, *WHERE_DAGSTER_KEEPS_IT)), inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make the storage of its configuration in ``dagster.yaml``."""
        return cls(config_value["home"], inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard) or self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """A new engine for a shard; a shard is a run, so only the latest are kept."""
        if len(self._engines) >= MOST_ENGINES:
            self._engines.clear()
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        )
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        return engine


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    """Let SQLite return before the disk has: a killed process loses nothing by it, a power cut the last events.

    What the project must not lose is in the lake.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
