"""Which processes of other hosts are gone: each that has runs raises a count in the storage that the hosts share.

The system tells of a process of this host. Of one elsewhere nothing is known but its count, its pulse: one that stood
still for a minute, by the clock of whoever looks, is that of a process that is gone. No clock of two hosts is compared.
"""

import json
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import dagster as dg
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage

from backfill_assets.core.faults import FAULTS
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runs import is_gone, place_of, place_of_this

EVERY, SILENT = 5.0, 60.0
"""Seconds between two beats, and after how many without one a process is gone."""
FORGOTTEN = 3600.0
AT_REST = ""
_COUNTS = count(1)
_BEATING: dict[str, "_Pulse"] = {}
_LOCK = threading.Lock()


def is_shared(instance: dg.DagsterInstance) -> bool:
    """Whether several hosts may share an instance: whether its runs are in neither a file nor memory."""
    return not isinstance(instance.run_storage, SqliteRunStorage | InMemoryRunStorage)


@contextmanager
def beating(instance: dg.DagsterInstance, process: str) -> Iterator[None]:
    """Let this process have a pulse meanwhile under a name, where others look for it."""
    begin(instance, process)
    try:
        yield
    finally:
        rest(process)


def begin(instance: dg.DagsterInstance, process: str) -> None:
    """Let this process have a pulse under a name, until it rests as often as it began."""
    if not is_shared(instance):
        return
    with _LOCK:
        pulse = _BEATING.get(process)
        if pulse is None or pulse.owner != os.getpid():  # a copy of a process has none of its threads
            pulse = _BEATING[process] = _Pulse(instance, process)
            pulse.beat()
            pulse.thread.start()
        pulse.holders += 1


def rest(process: str) -> None:
    """Take back one beginning; the last says that the process is at rest, and no longer looked for."""
    with _LOCK:
        pulse = _BEATING.get(process)
        if pulse is None:
            return
        pulse.holders -= 1
        if pulse.holders:
            return
        del _BEATING[process]
    pulse.end()


@dataclass
class _Pulse:
    instance: dg.DagsterInstance
    process: str
    holders: int = 0
    owner: int = field(default_factory=os.getpid)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._go_on, name=f"pulse of {self.process}", daemon=True)

    def beat(self) -> None:
        self.say(str(next(_COUNTS)))

    def say(self, what: str) -> None:
        self.instance.daemon_cursor_storage.set_cursor_values({f"{tags.PULSE}/{self.process}": what})

    def end(self) -> None:
        self.ended.set()
        if self.owner == os.getpid():
            self.thread.join()
        with suppress(*FAULTS):  # where the storage does not answer, the run says so
            self.say(AT_REST)

    def _go_on(self) -> None:
        while not self.ended.wait(EVERY):
            with suppress(*FAULTS):
                self.beat()


def gone_among(instance: dg.DagsterInstance, processes: Collection[str]) -> frozenset[str]:
    """Those of some processes that are no more, as far as it is known here.

    Where several hosts may share the instance, the name of a host is not enough to ask this one of a process.
    """
    elsewhere = frozenset(
        one for one in processes if is_shared(instance) and place_of(one) not in {"", place_of_this()}
    )
    asked = frozenset(one for one in processes if one not in elsewhere and is_gone(one))
    return asked | _silent(instance, _pulses(instance, elsewhere)) if elsewhere else asked


def _pulses(instance: dg.DagsterInstance, processes: Collection[str]) -> Mapping[str, str]:
    """The pulse of each process that has one and is not at rest."""
    found = instance.daemon_cursor_storage.get_cursor_values({f"{tags.PULSE}/{process}" for process in processes})
    return {key.removeprefix(f"{tags.PULSE}/"): value for key, value in found.items() if value != AT_REST}


def _silent(instance: dg.DagsterInstance, pulses: Mapping[str, str]) -> frozenset[str]:
    """Those whose pulse has stood still, since when this host has looked. What it heard is kept for its next look."""
    if not pulses:
        return frozenset()
    storage, key, now = instance.daemon_cursor_storage, f"{tags.HEARD}/{place_of_this()}", time.monotonic()
    heard: dict[str, Any] = json.loads(storage.get_cursor_values({key}).get(key, "{}"))
    kept = {process: one for process, one in heard.items() if now - one[1] < FORGOTTEN}
    for process, pulse in pulses.items():
        if process not in kept or kept[process][0] != pulse:
            kept[process] = [pulse, now]
    if kept != heard:
        storage.set_cursor_values({key: json.dumps(kept)})
    return frozenset(process for process in pulses if now - kept[process][1] > SILENT)
