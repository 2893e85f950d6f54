"""Where shares of a wave are computed: in the process of its run, in processes beside it, or on a cluster."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any

from backfill_assets.errors.executing import ExecutorUnknown, ExecutorUnreachable
from backfill_assets.orchestration.asset.clusters import on_dask, on_ray

VARIABLE = "BACKFILL_EXECUTOR"
IN_PROCESS, PROCESSES = "in-process", "processes"
CLUSTERS = {"dask": on_dask, "ray": on_ray}
FEWEST, MOST = 2, 512


@dataclass(frozen=True)
class Wide:
    """An executor on which waves are computed in shares.

    Args:
        open: opens it; it is closed when the shares of a wave are through, and opened anew where its workers died.
        width: how many shares it computes at once; 0 where it says so itself by an attribute ``width``.
        name: how people know it.
    """

    open: Callable[[], AbstractContextManager[Executor]]
    width: int = 0
    name: str = "of your own"

    def width_of(self, executor: Executor) -> int:
        """How many shares it computes at once, now that it is open.

        Raises:
            ExecutorUnreachable: when it has no workers.
        """
        found = self.width or int(getattr(executor, "width", 0))
        if found < 1:
            raise ExecutorUnreachable(self.name, "it has no workers")
        return found


class Processes(Executor):
    """Processes that are spawned, each for one call.

    One that dies takes no other call with it, which it would in a pool. None outlives the process that began it.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._context = get_context("spawn")
        self._stop = self._context.Event()
        self._pools: list[ProcessPoolExecutor] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a call in a process of its own."""
        pool = ProcessPoolExecutor(1, mp_context=self._context, initializer=_end_with, initargs=(self._stop,))
        self._pools.append(pool)
        return pool.submit(fn, *args, **kwargs)

    def shutdown(self, *wait: bool, **how: bool) -> None:
        """End the processes once they are through."""
        for pool in self._pools:
            pool.shutdown(*wait, **how)

    def __exit__(self, kind: object, *_: object) -> bool | None:
        """End the processes; at once where the work was broken off."""
        if kind is not None:
            self._stop.set()
        self.shutdown(wait=True, cancel_futures=kind is not None)
        return None


def executor_chosen(table: str, given: str | Wide) -> Wide | None:
    """The executor that the environment names, else the one that the code does; None for the process of the run.

    Raises:
        ExecutorUnknown: when it names none.
    """
    told = os.environ.get(VARIABLE, "").strip()
    return executor_named(VARIABLE, told) if told else executor_given(table, given)


def executor_given(table: str, given: str | Wide) -> Wide | None:
    """The executor that code was given for a table, as :func:`executor_chosen`."""
    return given if isinstance(given, Wide) else executor_named(f"The executor of {table}", given)


def executor_named(source: str, told: str) -> Wide | None:
    """The executor of a setting; None for the process of the run.

    Raises:
        ExecutorUnknown: when it names none.
    """
    kind, _, rest = told.partition(":")
    if told in {"", IN_PROCESS}:
        return None
    if kind == PROCESSES and rest.isascii() and rest.isdigit() and FEWEST <= int(rest) <= MOST:
        return Wide(lambda: Processes(int(rest)), int(rest), told)
    if kind in CLUSTERS and rest.strip():
        return Wide(lambda: CLUSTERS[kind](rest.strip()), name=kind)
    raise ExecutorUnknown(source, told)


def _end_with(stop: Any) -> None:
    """End this process as soon as it is told to, or the one that began it is gone."""
    parent = parent_process()
    for ended in (stop.wait, *(() if parent is None else (parent.join,))):
        threading.Thread(target=_exit_after, args=(ended,), daemon=True).start()


def _exit_after(ended: Callable[[], object]) -> None:
    ended()
    os._exit(1)
