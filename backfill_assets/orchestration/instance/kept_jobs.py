"""Jobs as they run in this process, each made once. Dagster makes one anew for every run, with its snapshots."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg

_HOOKED: WeakKeyDictionary[dg.JobDefinition, dg.JobDefinition] = WeakKeyDictionary()
MOST_SELECTIONS = 128


def with_hook(job: dg.JobDefinition, hook: dg.HookDefinition) -> dg.JobDefinition:
    """The job with a hook, the same for as long as the job is there; a job is asked for with one hook only.

    What Dagster makes of it to run some of its assets in a process is kept too, by what is selected. Where a release
    of Dagster makes that by other means, nothing is kept, and runs are as they were.
    """
    if job not in _HOOKED:
        hooked = job.with_hooks({hook})
        vars(hooked)["as_ephemeral_job"] = _once_each(hooked.as_ephemeral_job)
        _HOOKED[job] = hooked
    return _HOOKED[job]


def _once_each(make: Callable[..., dg.JobDefinition]) -> Callable[..., dg.JobDefinition]:
    @lru_cache(MOST_SELECTIONS)
    def made_of(selected: tuple[dg.AssetKey, ...]) -> dg.JobDefinition:
        return make(resource_defs={}, input_values={}, op_selection=(), asset_selection=selected)

    def made(*, asset_selection: Sequence[dg.AssetKey] | None = None, **what: Any) -> dg.JobDefinition:
        if any(what.values()):
            return make(asset_selection=asset_selection, **what)
        return made_of(tuple(asset_selection or ()))

    return made
