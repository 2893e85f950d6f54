"""Faults at the operations of storage: the n-th fails, times out, loses its answer, is refused for good, or kills."""

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import NoReturn
from urllib.parse import unquote

import pytest

from backfill_assets.storage import entries, files, opening, operations, syncing
from backfill_assets.storage.layout import SET_ASIDE, STAGED_PREFIX
from backfill_assets.storage.operations import Operation


class KilledError(BaseException):
    """The process is gone."""


class Fault(StrEnum):
    """What goes wrong at one operation; only a refusal stays, for whatever writes."""

    FAILS = "fails"
    TIMES_OUT = "times out"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused from there on"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


WRITING = frozenset({Operation.COMMIT, Operation.PUT, Operation.DELETE, Operation.MOVE, Operation.SYNC})
# What only reads leaves nothing behind, so that a kill or a lost answer there is one at the write before it; and reads
# that time out are tried again by the seam itself.
OF_READING = (Fault.FAILS,)


def faults_of(operation: Operation) -> tuple[Fault, ...]:
    return tuple(Fault) if operation in WRITING else OF_READING


@dataclass
class Injector:
    """What was done to storage, and the fault at one of the operations, from 1; with 0 there is none."""

    number: int
    fault: Fault
    done: list[tuple[Operation, str]] = field(default_factory=list)
    is_dead: bool = False
    on_death: Callable[[], None] = lambda: None
    lock: Lock = field(default_factory=Lock)

    def __call__(self, operation: Operation, where: str, work: Callable[[], object]) -> object:
        with self.lock:
            if self.is_dead:
                raise KilledError
            self.done.append((operation, where))
            here = len(self.done) == self.number
            self.is_dead = here and self.fault is Fault.KILLED_BEFORE
        if self.fault is Fault.REFUSED and 0 < self.number <= len(self.done) and operation in WRITING:
            raise OSError(errno.ENOSPC, "No space left on device")
        if not here:
            return work()
        if self.fault is Fault.KILLED_BEFORE:
            self.die()
        if self.fault is Fault.FAILS:
            raise OSError(errno.EIO, "Input/output error")
        if self.fault is not Fault.TIMES_OUT:
            work()
        if self.fault is Fault.KILLED_AFTER:
            self.die()
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    def die(self) -> NoReturn:
        self.is_dead = True
        self.on_death()
        raise KilledError


@contextmanager
def injected(
    number: int = 0, fault: Fault = Fault.FAILS, on_death: Callable[[], None] = lambda: None
) -> Iterator[Injector]:
    """Let a fault happen within, in a process of its own."""
    with another_process(), operations.around(injector := Injector(number, fault, on_death=on_death)):
        yield injector


@contextmanager
def another_process() -> Iterator[None]:
    """What is done within knows nothing of lakes that was known before, and does one thing after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "MOST_THREADS", 1)
        patch.setattr(syncing, "MOST_THREADS", 1)
        patch.setattr(operations, "sleep", lambda _: None)
        forget()
        yield
        forget()


def forget() -> None:
    """Forget what this process knows of lakes."""
    entries._whole.clear()
    syncing._forced.clear()
    opening._kept.clear()


def astray(root: Path) -> list[str]:
    """Files below a lake that no table names, and that no vacuum would delete because their names are hidden."""
    found: list[str] = []
    for log in root.rglob("_delta_log"):
        named = named_below(log)
        for file in log.parent.rglob("*"):
            path = file.relative_to(log.parent).as_posix()
            is_hidden = path.startswith(("_", ".")) and not path.startswith(("_delta_log/", STAGED_PREFIX, SET_ASIDE))
            if file.is_file() and is_hidden and path not in named:
                found.append(file.relative_to(root).as_posix())
    return sorted(found)


def named_below(log: Path) -> set[str]:
    """The files that the entries of a log add or remove."""
    return {path for entry in log.glob("*.json") for path in _paths(entry, "add", "remove")}


def added(entry: Path) -> Iterator[str]:
    """The files that an entry of a log adds."""
    return _paths(entry, "add")


def _paths(entry: Path, *kinds: str) -> Iterator[str]:
    for action in map(json.loads, entry.read_text().splitlines()):
        yield from (unquote(action[kind]["path"]) for kind in kinds if kind in action)
