"""Holding whatever asset is given as a report: it asks before it computes, and tells when it wrote by itself.

Where its rows go is the business of whoever keeps them, so the one place at which every report can be held is the
function that computes it. Dagster hands a finished asset's function out, but takes no other one in its place by public
means; ``tests/test_upstream_dagster.py`` pins what is used here.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import dagster as dg

from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.instance.columns import records_of_run
from backfill_assets.orchestration.instance.jobs import logging_refusals
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.reports.completeness import Built, commits_read, complete, graph_of
from backfill_assets.orchestration.reports.freeze import Freezer, keys_of_run
from backfill_assets.storage.records import Records

HELD = "__backfill_assets_held__"
LAKE = "lake"


def hold(table: str, asset: dg.AssetsDefinition) -> None:
    """Let an asset be refused while a correction holds it as a report, whatever it computes and wherever it writes.

    Raises:
        ArgumentUnusable: when no function of its own could be held, or no run of step 7 could give it its config.
    """
    named = ", ".join(sorted(key.to_user_string() for key in asset.keys))
    for op in _ops(asset):
        function, config = getattr(op.compute_fn, "decorated_fn", None), op.config_schema.as_field()
        if function is None:
            found = f"{named}, which is computed by no function of its own,"
            raise ArgumentUnusable(table, "reports", found, "Write it with dg.asset, or leave it out of the reports.")
        if config is not None and config.is_required:
            found = f"{named}, which cannot be built without config,"
            raise ArgumentUnusable(table, "reports", found, "Give each field of its config a default.")
        if not hasattr(function, HELD):
            vars(op)["_compute_fn"] = op.compute_fn._replace(decorated_fn=_held(function))


def _ops(asset: dg.AssetsDefinition) -> list[Any]:
    """The ops that an asset is computed by: its own, or those of its graph."""
    node: Any = asset.node_def
    return [*node.iterate_op_defs()] if isinstance(node, dg.GraphDefinition) else [node]


@dataclass
class Hold:
    """A run of reports, from before it computes to when it has.

    ``wrote`` is what it has written by itself; what one op of several returns is not yet written.
    """

    context: dg.AssetExecutionContext
    records: Records
    freezer: Freezer
    begun: Mapping[str, int]
    wrote: list[dg.AssetKey] = field(default_factory=list[dg.AssetKey])

    @classmethod
    def begin(cls) -> "Hold | None":
        """Ask whether the run's assets may be built; None outside of a run, and where no lake is.

        Raises:
            ReportFrozen: while a correction other than the run's own holds one of them.
        """
        found = _run_on_lake()
        if found is None:
            return None
        context, lake = found
        records = records_of_run(context, lake.records())
        freezer, selected = Freezer(records, context.run.tags, lake.now()), sorted(context.selected_asset_keys)
        run = cls(context, records, freezer, commits_read(graph_of(context), records, selected))
        with logging_refusals(context):
            run._refuse()
        return run

    def hand_out(self, value: Any) -> Any:
        """What the function returns or yields; a result without a value was written by the function itself."""
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, dg.MaterializeResult) and not _has_value(one):
                self._wrote(one.asset_key)
            elif one is not None:
                self._refuse()
        return value

    def returned(self, value: Any) -> Any:
        """What a function returned that yields nothing: with None it has written everything itself."""
        if value is None:
            self._wrote()
        return self.hand_out(value)

    def _refuse(self) -> None:
        """A freeze that came while something was computed is not to be overrun by what writes it."""
        self.freezer.refuse_run(self.context.selected_asset_keys, keys_of_run(self.context))

    def _wrote(self, key: dg.AssetKey | None = None) -> None:
        if not isinstance(self.context.assets_def.node_def, dg.GraphDefinition):
            self.wrote += [key] if key else self.context.selected_asset_keys

    def end(self) -> None:
        """Write down what was built by itself, and of what."""
        keys, run_id = tuple(keys_of_run(self.context)), self.context.run.run_id
        for report in dict.fromkeys(self.wrote):
            built = Built(report, keys, run_id, self.begun)
            complete(graph_of(self.context), self.records, built, self.freezer.now)
            self.freezer.remember(table_of(report), keys)
            self.freezer.tell_built(table_of(report), keys, run_id)


def _run_on_lake() -> tuple[dg.AssetExecutionContext, LakeResource] | None:
    try:
        context = dg.AssetExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return None  # called as a function, in a unit test
    resource = context.job_def.resource_defs.get(LAKE) if context.has_assets_def else None
    if resource is None:
        return None
    with dg.build_resources({LAKE: resource}, instance=context.instance) as resources:
        lake = getattr(resources, LAKE)
    return (context, lake) if isinstance(lake, LakeResource) else None


def _has_value(result: Any) -> bool:
    return getattr(result, "value", None) is not getattr(dg.MaterializeResult(), "value", None)


def _held(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a report, which asks before it computes."""
    if inspect.isasyncgenfunction(function):
        held = _yielding_later(function)
    elif inspect.iscoroutinefunction(function):
        held = _returning_later(function)
    elif inspect.isgeneratorfunction(function):
        held = _yielding(function)
    else:
        held = _returning(function)
    made = wraps(function)(held)
    setattr(made, HELD, True)
    return made


def _returning(function: Callable[..., Any]) -> Callable[..., Any]:
    def held(*given: Any, **named: Any) -> Any:
        run = Hold.begin()
        value = function(*given, **named)
        if run is None:
            return value
        handed = run.returned(value)
        run.end()
        return handed

    return held


def _returning_later(function: Callable[..., Any]) -> Callable[..., Any]:
    async def held(*given: Any, **named: Any) -> Any:
        run = Hold.begin()
        value = await function(*given, **named)
        if run is None:
            return value
        handed = run.returned(value)
        run.end()
        return handed

    return held


def _yielding(function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    def held(*given: Any, **named: Any) -> Iterator[Any]:
        run = Hold.begin()
        for value in function(*given, **named):
            yield run.hand_out(value) if run else value
        if run:
            run.end()

    return held


def _yielding_later(function: Callable[..., AsyncIterator[Any]]) -> Callable[..., Any]:
    async def held(*given: Any, **named: Any) -> AsyncIterator[Any]:
        run = Hold.begin()
        async for value in function(*given, **named):
            yield run.hand_out(value) if run else value
        if run:
            run.end()

    return held
