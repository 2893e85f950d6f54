"""What Dagster knows of runs: those that were asked for, and why one failed."""

from collections.abc import Collection, Sequence
from typing import Any, cast

import dagster as dg

from backfill_assets.orchestration.instance import tags

# Releases of Dagster differ in what they know.
UNFINISHED = [
    dg.DagsterRunStatus[name]
    for name in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING", "SUSPENDED")
    if name in dg.DagsterRunStatus.__members__
]
ENDED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


def runs_of_requests(instance: dg.DagsterInstance, keys: Collection[str]) -> dict[str, dg.DagsterRun]:
    """The newest run of each request that has one, by the request's key."""
    if not keys:
        return {}
    records = instance.get_run_records(dg.RunsFilter(tags={tags.REQUEST: sorted(keys)}), ascending=True)
    return {record.dagster_run.tags[tags.REQUEST]: record.dagster_run for record in records}


def reasons_of(instance: dg.DagsterInstance, run_id: str) -> tuple[bool, tuple[str, ...]]:
    """Whether a run that left no word failed in code, and what Dagster says of its end, for a person to read."""
    steps = _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    said = [_message_of(event.step_failure_data.error) for event in steps if event.step_failure_data.error]
    if steps:
        return True, tuple(dict.fromkeys(said))
    engine = _events(instance, run_id, dg.DagsterEventType.ENGINE_EVENT)
    errors = [event.engine_event_data.error for event in engine if event.engine_event_data.error]
    ends = _events(instance, run_id, dg.DagsterEventType.RUN_FAILURE)
    told = [*(_message_of(error) for error in errors), *(str(event.message) for event in ends if event.message)]
    return False, tuple(dict.fromkeys(told))


def _message_of(error: Any) -> str:
    """The innermost message of a serialised error, without Dagster's wrapping."""
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Sequence[Any]:
    entries = cast("Any", instance.all_logs(run_id, of_type=kind))
    return [entry.dagster_event for entry in entries if entry.dagster_event is not None]
