"""Jobs as they run in this process, each made once. Dagster makes one anew for every run, with its snapshots."""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg

_HOOKED: WeakKeyDictionary[dg.JobDefinition, dg.JobDefinition] = WeakKeyDictionary()
MOST_SELECTIONS = 128
# What Dagster makes a job by that runs in a process; a release without it makes it by other means, for every run.
MAKING = "as_ephemeral_job"


def with_hook(job: dg.JobDefinition, hook: dg.HookDefinition) -> dg.JobDefinition:
    """The job with a hook, the same for as long as the job is there; a job is asked for with one hook only.

    What Dagster makes of it to run some of its assets is kept too, by what is selected.
    """
    if job not in _HOOKED:
        hooked = job.with_hooks({hook})
        # Dagster notes there of which job it is a copy, which would be kept by it.
        vars(hooked).pop("__wrapped__", None)
        if make := getattr(hooked, MAKING, None):
            vars(hooked)[MAKING] = _OnceEach(make)
        _HOOKED[job] = hooked
    return _HOOKED[job]


class _OnceEach:
    """What makes a job of a selection of assets, and makes it once where nothing else is asked for."""

    def __init__(self, make: Callable[..., dg.JobDefinition]) -> None:
        self._make = make
        self._made: dict[tuple[dg.AssetKey, ...], dg.JobDefinition] = {}

    def __call__(self, *, asset_selection: Sequence[dg.AssetKey] | None = None, **what: Any) -> dg.JobDefinition:
        selected, is_plain = tuple(asset_selection or ()), not any(what.values())
        if selected in self._made and is_plain:
            return self._made[selected]
        job = self._make(asset_selection=asset_selection, **what)
        if is_plain and len(self._made) < MOST_SELECTIONS:
            self._made[selected] = job
        return job
