"""Killing the process at a write: everything that would go on in it fails, and its runs are left as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

import dagster as dg

from backfill_assets.orchestration.instance.runs import begin_again
from backfill_assets.storage import table
from backfill_assets.storage.snapshot import Snapshot

EVENTS = "handle_new_event"


class Killed(BaseException):
    """The process that worked on a lake is gone."""


@dataclass
class Writes:
    """The URI of the table of each commit, in order, and whether the process was killed at one of them."""

    tables: list[str] = field(default_factory=list[str])
    killed: bool = False

    def __len__(self) -> int:
        return len(self.tables)


@contextmanager
def killed_at_write(instance: dg.DagsterInstance, number: int, *, after: bool) -> Iterator[Writes]:
    """Kill the process at the n-th commit to any table within, from 1; see ``TestLake.killed_at_write``."""
    writes, commit = Writes(), table.attempt

    def attempt(snapshot: Snapshot, change: table.Change) -> datetime | None:
        if writes.killed:
            raise Killed
        writes.tables.append(snapshot.folder.uri)
        if len(writes) != number:
            return commit(snapshot, change)
        if after:
            commit(snapshot, change)
        writes.killed = True
        # Dagster writes down how a run ends, also of one that is interrupted; a process that is killed cannot.
        vars(instance)[EVENTS] = _killed
        raise Killed

    table.attempt = attempt
    try:
        yield writes
    except BaseException:
        if not writes.killed:
            raise
    finally:
        table.attempt = commit
        vars(instance).pop(EVENTS, None)
        if writes.killed:
            begin_again()


def _killed(*_event: object, **_options: object) -> NoReturn:
    raise Killed
