"""What Dagster knows of runs and backfills: those that were asked for, which process each lives in, why one failed."""

import inspect
import multiprocessing
import os
import socket
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from backfill_assets.core.slots import Slot
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.slots import TableSlots

# Releases of Dagster differ in what they know.
UNFINISHED = [
    dg.DagsterRunStatus[name]
    for name in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING", "SUSPENDED")
    if name in dg.DagsterRunStatus.__members__
]
# The module of Dagster's in which the process of a step begins, with any executor that gives each step one.
STEP_PROCESSES = "dagster._core.executor.child_process_executor"
# How often a test has killed this process; see begin_again.
_KILLED = [0]
# The errors by which Dagster tells that the process of a step is gone, was told to end, or no longer answered.
KILLED, UNHEALTHY = frozenset({"ChildProcessCrashException", "DagsterExecutionInterruptedError"}), "failed health check"
ENDED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


def runs_of_requests(instance: dg.DagsterInstance, keys: Collection[str]) -> dict[str, dg.DagsterRun]:
    """The newest run of each request that has one, by the request's key."""
    if not keys:
        return {}
    records = instance.get_run_records(dg.RunsFilter(tags={tags.REQUEST: sorted(keys)}), ascending=True)
    return {record.dagster_run.tags[tags.REQUEST]: record.dagster_run for record in records}


def reasons_of(instance: dg.DagsterInstance, run_id: str) -> tuple[bool, tuple[str, ...]]:
    """Whether a run that left no word failed in code, and what Dagster says of its end, for a person to read.

    A step whose process is gone has failed in Dagster's words too, and not in code.
    """
    steps = _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    in_code = [error for event in steps if not is_of_process(error := event.step_failure_data.error)]
    if in_code:
        return True, tuple(dict.fromkeys(_message_of(error) for error in in_code if error))
    engine = _events(instance, run_id, dg.DagsterEventType.ENGINE_EVENT)
    ends = _events(instance, run_id, dg.DagsterEventType.RUN_FAILURE)
    told = [_told_of(event, error) for event in engine if (error := event.engine_event_data.error)]
    told += [str(event.message) for event in ends if event.message]
    return False, tuple(dict.fromkeys(told))


def _told_of(event: Any, error: Any) -> str:
    """What an event of Dagster's own says: of a process that is gone how it went, else the innermost error."""
    return str(event.message) if is_of_process(error) and event.message else _message_of(error)


def is_of_process(error: Any) -> bool:
    """Whether a step failed because whatever ran it died, was told to end, or no longer answered."""
    if error is None:
        return False
    unhealthy = error.cls_name is None and UNHEALTHY in str(error.message)
    return unhealthy or error.cls_name in KILLED


def _message_of(error: Any) -> str:
    """The innermost message of a serialised error, without Dagster's wrapping."""
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Sequence[Any]:
    entries = cast("Any", instance.all_logs(run_id, of_type=kind))
    return [entry.dagster_event for entry in entries if entry.dagster_event is not None]


def this_process() -> str:
    """The name of this process: host, id, and where the system tells when it started."""
    return f"{_this_host()}:{os.getpid()}:{_began()}"


def _this_host() -> str:
    """This host by its name, and by what tells it from another of that name where the system says so."""
    return f"{socket.gethostname()}{'/' if place_of_this() else ''}{place_of_this()}"


@cache
def place_of_this() -> str:
    """Where process ids mean what they mean here: the start of the machine, and the namespace; empty when not known.

    Two containers may have one name, and two machines that were made from one image too.
    """
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{started[:8]}-{Path('/proc/self/ns/pid').readlink().name.strip('pid:[]')}"
    except OSError:
        return ""


def place_of(process: str) -> str:
    """Where a process has its id, by its name; empty when that does not tell."""
    return process.partition(":")[0].partition("/")[2]


def living_in_this(run_id: str) -> str:
    """What a run is tagged with that lives in this process, or that started it for one of its steps.

    The run is named too, because a run that is executed again is given the tags of the one before.
    """
    return f"{run_id} {process_of_this_run()}"


def process_of_this_run() -> str:
    """The process that a run lives in of which this is a step, or the whole."""
    return _of_step() or this_process()


def _of_step() -> str:
    """The process of the run where this one is for a single step of it, and gone when the step is over."""
    parent, frame = multiprocessing.parent_process(), inspect.currentframe()
    while parent is not None and frame is not None:
        if frame.f_globals.get("__name__") == STEP_PROCESSES:
            return f"{_this_host()}:{parent.pid}:{_started(parent.pid or 0)}"
        frame = frame.f_back
    return ""


def process_of(run_id: str, tagged: str) -> str:
    """The process that a run's own tag names; empty when there is none."""
    named, _, process = tagged.partition(" ")
    return process if named == run_id else ""


def is_gone(process: str) -> bool:
    """Whether a process of a host of this name is no more. Of another host's nothing is known, so it is not."""
    host, _, rest = process.partition(":")
    pid, _, started = rest.partition(":")
    if host.partition("/")[0] != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    if int(pid) == os.getpid():
        return started != _began()
    return bool(started) and _started(int(pid)) not in ("", started)


def begin_again() -> None:
    """Let this process be another one from now on, for a test that has killed it: the one that it was is gone."""
    _KILLED[0] += 1


def _began() -> str:
    """When this process started, and which of its lives it is in after the first."""
    started = _started(os.getpid())
    return f"{started}+{_KILLED[0]}" if _KILLED[0] else started


def _started(pid: int) -> str:
    """When a process started, in the system's own ticks; empty where there is no ``/proc``."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = told.rpartition(")")[2].split()
    # A zombie has ended, although its parent has not looked yet.
    return "ended" if fields[0] == "Z" else fields[19]


UNDER_WAY = ("REQUESTED", "CANCELING", "FAILING")
STOPPED = {"CANCELED": "was cancelled", "FAILED": "failed"}


def backfill_days(
    instance: dg.DagsterInstance, backfill_id: str, asset: dg.AssetKey, slots: TableSlots
) -> tuple[Slot, ...]:
    """All days that a backfill targets of an asset, oldest first; none when the backfill is not known.

    A run of a backfill sees only its own days, thirty of them arrive as two runs of fifteen.
    """
    return _days(cast("Any", instance.get_backfill(backfill_id)), asset, slots)


def days_under_way(instance: dg.DagsterInstance, asset: dg.AssetKey, slots: TableSlots) -> frozenset[Slot]:
    """The days of an asset that unfinished backfills target."""
    unfinished = BulkActionsFilter(statuses=[BulkActionStatus(name) for name in UNDER_WAY])
    found = cast("list[Any]", instance.get_backfills(filters=unfinished))
    return frozenset(day for backfill in found for day in _days(backfill, asset, slots))


def how_stopped(instance: dg.DagsterInstance, backfill_id: str) -> str:
    """How a backfill ended before its time, in a few words; empty when it did not, or is not known."""
    backfill = cast("Any", instance.get_backfill(backfill_id))
    return STOPPED.get(backfill.status.value, "") if backfill is not None else ""


def _days(backfill: Any, asset: dg.AssetKey, slots: TableSlots) -> tuple[Slot, ...]:
    data = backfill.asset_backfill_data if backfill else None
    if data is None:
        return ()
    subset = data.target_subset.partitions_subsets_by_asset_key.get(asset)
    return tuple(sorted(slots.of_keys(subset.get_partition_keys()).values())) if subset else ()
