"""Asset checks of somebody's own that gate a correction too: they are asked of the staged rows before a cut over."""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg
import polars as pl

from backfill_assets.core.check import Check, Clause, Held
from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import counted, fault_told, in_one_line, listed, verb
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.arguments import described
from backfill_assets.runbook.correctable_table import Evidence
from backfill_assets.runbook.looking import staged_version

GIVEN = "prove"
AS_WHAT = (
    "Give a function of one frame, or what dg.asset_check made of one, that returns a result or whether it passed."
)

CONVERSIONS: dict[tuple[str, str], Callable[[pl.LazyFrame], Any]] = {
    ("polars", "DataFrame"): lambda frame: frame.collect(),
    ("pandas", "DataFrame"): lambda frame: frame.collect().to_pandas(),
    ("pyarrow", "Table"): lambda frame: frame.collect().to_arrow(),
}
"""How a lazy frame becomes one of another kind, by its package and class."""


@dataclass(frozen=True)
class OwnCheck:
    """A check by its name, which asks its function of the staged rows, in the frame that it takes."""

    name: str
    function: Callable[..., Any]
    converted: Callable[[pl.LazyFrame], Any]

    def __call__(self, evidence: Evidence) -> Sequence[Check]:
        """What the function finds of the staged rows of all days of the correction."""
        plan = evidence.plan
        staged = staged_version(evidence.records, plan).snapshot().scan(plan.days)
        rows = staged.select(pl.len()).collect(engine="streaming").item()
        held = Held(len(plan.days), rows)
        try:
            result = self.function(self.converted(staged))
        except FAULTS as error:
            return [self._failing(f"could not be asked of what is staged ({fault_told(error)})").over(held)]
        return [self._found(result, held).over(held)]

    def _found(self, result: Any, held: Held) -> Check:
        if isinstance(result, bool):
            result = dg.AssetCheckResult(passed=result)
        if not isinstance(result, dg.AssetCheckResult):
            return self._failing(f"returned {described(result)}, which says nothing of what is staged")
        told = f", {in_one_line(result.description).rstrip('.')}" if result.description else ""
        detail = {name: str(value.value) for name, value in result.metadata.items()}
        if result.passed:
            over = f"{counted(held.rows, 'staged row')}"
            return Check.passing(self.name, f"{self.name} passes on {over}{told}.", detail)
        if result.severity is dg.AssetCheckSeverity.WARN:
            return Check.passing(self.name, f"{self.name} fails as a warning, which stops nothing{told}.", detail)
        return self._failing(f"fails on what is staged{told}", detail)

    def _failing(self, why: str, detail: dict[str, str] | None = None) -> Check:
        return Check.failing(self.name, f"{self.name} {why}.", (), detail or {})


def from_check(check: dg.AssetChecksDefinition | Callable[..., Any]) -> OwnCheck:
    """Let an asset check gate corrections too: it is asked of the staged rows, and what fails stops the cut over.

    Args:
        check: what ``dg.asset_check`` made of a function that takes the asset's frame, or a function of one frame that
            returns a ``dg.AssetCheckResult`` or a bool. The frame is of the kind that its parameter is annotated with,
            of Polars, pandas or Arrow, and lazy where it is not.

    Raises:
        ArgumentUnusable: when it could not be asked of a frame.
    """
    name, function = _function_of(check)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    fault = _fault(function, parameters)
    if not fault and name in {*Clause}:
        fault = "has the name of a check of ours"
    if fault:
        raise ArgumentUnusable("from_check", "check", f"{name or described(check)}, which {fault},", AS_WHAT)
    return OwnCheck(name, function, _conversion(parameters[0], function))


def _function_of(check: object) -> tuple[str, Callable[..., Any]]:
    if isinstance(check, dg.AssetChecksDefinition):
        specs, node = [*check.check_specs], check.node_def
        function = getattr(getattr(node, "compute_fn", None), "decorated_fn", None)
        if len(specs) != 1 or function is None:
            names = listed([spec.name for spec in specs])
            found = f"{names}, which {verb(len(specs), 'is', 'are')} no single function's,"
            raise ArgumentUnusable("from_check", "check", found, AS_WHAT)
        return specs[0].name, function
    if not callable(check) or isinstance(check, type | dg.AssetsDefinition):
        raise ArgumentUnusable("from_check", "check", described(check), AS_WHAT)
    return str(getattr(check, "__name__", "")), check


def _fault(function: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> str:
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        return "returns no result by itself"
    if len(parameters) != 1:
        names = [one.name for one in parameters]
        return f"takes {listed(names)} and not one frame" if names else "takes no frame"
    return "takes a context and no frame" if parameters[0].name in {"context", "_context"} else ""


def _conversion(parameter: inspect.Parameter, function: Callable[..., Any]) -> Callable[[pl.LazyFrame], Any]:
    """How a lazy frame becomes the one that a parameter is annotated with."""
    try:
        wanted = inspect.get_annotations(function, eval_str=True).get(parameter.name)
    except FAULTS:
        wanted = None
    package = str(getattr(wanted, "__module__", "")).partition(".")[0]
    return CONVERSIONS.get((package, str(getattr(wanted, "__name__", ""))), _as_it_is)


def _as_it_is(frame: pl.LazyFrame) -> Any:
    return frame


def own_checks(prove: Collection[Any]) -> tuple[str, ...]:
    """The names of those proofs that are asset checks of somebody's own."""
    return tuple(one.name for one in prove if isinstance(one, OwnCheck))


def refuse_checks_alike(table: str, prove: Collection[Any]) -> None:
    """Refuse two checks of one name, of which only one could be shown.

    Raises:
        ArgumentUnusable: naming it.
    """
    names = own_checks(prove)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ArgumentUnusable(table, GIVEN, f"{twice[0]} twice", "Give each check once, or another name to one.")


def checks_not_asked(graph: Any, table: dg.AssetKey, prove: Collection[Any]) -> tuple[str, ...]:
    """A sentence for each blocking check on a live asset that its corrections do not ask, by the definitions' graph."""
    keys = [cast("dg.AssetCheckKey", key) for key in graph.asset_check_keys]
    blocking = sorted(key.name for key in keys if key.asset_key == table and graph.get_check_spec(key).blocking)
    name = table.to_user_string()
    return tuple(
        f"Corrections of {name} do not ask its blocking check {one}, so that rows which it would stop can be cut over. "
        f"Give the builder prove=[from_check({one})] to have it asked of what is staged."
        for one in blocking
        if one not in own_checks(prove)
    )
