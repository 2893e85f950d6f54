"""What may be a transform: any function over sources that returns a frame, whoever's frame it is."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.orchestration.asset.frames import FRAMES_GIVEN, giver_of, kind_told

Compute = Callable[..., Any]
CONTEXT = "context"
NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


@dataclass(frozen=True, slots=True)
class Taken:
    """The parameters of a transform: its sources in order, and what else Dagster gives it, by parameter name.

    ``context`` and ``config`` are the names of those parameters, empty where there are none; ``kinds`` are the frames
    that the sources are annotated as.
    """

    sources: tuple[str, ...] = ()
    context: str = ""
    config: str = ""
    config_class: type[dg.Config] | None = None
    resources: tuple[str, ...] = ()
    kinds: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def without(self, source: str) -> "Taken":
        """The same but for one source."""
        return replace(self, sources=tuple(one for one in self.sources if one != source))

    def signature(self) -> inspect.Signature:
        """The signature of an asset's function: the context, and the config where there is one."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(CONTEXT, kind, annotation=dg.AssetExecutionContext)]
        if self.config:
            parameters.append(inspect.Parameter("config", kind, annotation=self.config_class))
        return inspect.Signature(parameters)

    def given(self, context: dg.AssetExecutionContext, config: Any = None) -> dict[str, Any]:
        """What a run gives the transform beside its sources."""
        found = self.given_without_run(context.resources, config)
        return {**found, self.context: context} if self.context else found

    def given_without_run(self, resources: Any, config: Any = None) -> dict[str, Any]:
        """What is given where no run of the asset is: resources by name, and a config of its defaults.

        Raises:
            pydantic.ValidationError: when the config has a field without a default.
        """
        found = {name: getattr(resources, name) for name in self.resources}
        if self.config_class is not None:
            found[self.config] = self.config_class() if config is None else config
        return found


def taken_by(name: str, compute: Compute) -> Taken:
    """What a transform takes, as its signature says.

    A parameter named ``context`` or annotated as Dagster's context is that, one annotated with a subclass of
    ``dg.Config`` the config, one annotated with a resource the resource of its name; every other one is a source.

    Raises:
        TransformUnusable: when it cannot be called with these by name.
    """
    sources: list[str] = []
    resources: list[str] = []
    found: dict[str, Any] = {}
    kinds: dict[str, Any] = {}
    for parameter in inspect.signature(compute, eval_str=_can_eval(compute)).parameters.values():
        kind = parameter.annotation
        if parameter.kind not in NAMED:
            why = f"its parameter {parameter.name} cannot be given by a name"
            raise TransformUnusable(name, why, "Name each source as a parameter of its own.")
        if parameter.name == CONTEXT or kind in {dg.AssetExecutionContext, dg.OpExecutionContext}:
            found["context"] = parameter.name
        elif isinstance(kind, type) and issubclass(kind, dg.Config) and not _is_resource(kind):
            found |= {"config": parameter.name, "config_class": kind}
        elif _is_resource(kind):
            resources.append(parameter.name)
        elif parameter.default is not inspect.Parameter.empty:
            why = f"its parameter {parameter.name} has a default, and every source is read"
            raise TransformUnusable(name, why, "Write the value into the function, or give it by a dg.Config.")
        else:
            sources.append(parameter.name)
            kinds[parameter.name] = kind
    _refuse_kinds(name, kinds)
    return Taken(tuple(sources), resources=tuple(resources), kinds=kinds, **found)


def as_annotated(compute: Compute, taken: Taken) -> Compute:
    """The function, given each of its sources as the frame that it is annotated as."""
    givers = {name: giver for name, kind in taken.kinds.items() if (giver := giver_of(kind)) is not None}

    @functools.wraps(compute)
    def given(*sources: Any, **named: Any) -> Any:
        told = inspect.signature(compute).bind(*sources, **named).arguments
        return compute(
            **{
                name: givers[name](one) if isinstance(one, pl.LazyFrame) and name in givers else one
                for name, one in told.items()
            }
        )

    return given


def refuse_strange(compute: Any) -> None:
    """Refuse what is no plain function.

    Raises:
        TransformUnusable: saying what it is.
    """
    name = getattr(compute, "__name__", None) or f"A {type(compute).__name__}"
    if isinstance(compute, dg.AssetsDefinition | dg.OpDefinition | dg.GraphDefinition):
        why = f"it is a {type(compute).__name__} already"
        raise TransformUnusable(name, why, "Decorate the plain function, and leave the other decorator out.")
    if isinstance(compute, functools.partial):
        why = "it is a partial, of which nobody can read the source or the name"
        raise TransformUnusable(name, why, "Write a function that calls it.")
    if not inspect.isroutine(compute):
        why = f"it is a {type(compute).__name__} and no function"
        raise TransformUnusable(name, why, "Decorate a function that takes its sources and returns a frame.")
    if inspect.iscoroutinefunction(compute) or inspect.isgeneratorfunction(compute):
        why = "it yields or awaits instead of returning"
        raise TransformUnusable(name, why, "Return one frame from a plain function.")


def _refuse_kinds(name: str, kinds: Mapping[str, Any]) -> None:
    for parameter, kind in kinds.items():
        if giver_of(kind) is None:
            why = f"its source {parameter} is annotated as {kind_told(kind)}, which no table can be given as"
            raise TransformUnusable(name, why, f"Annotate it as {FRAMES_GIVEN}, or not at all.")


def _is_resource(kind: Any) -> bool:
    made = getattr(kind, "__origin__", kind)
    if isinstance(made, type) and issubclass(made, dg.ConfigurableResource):
        return True
    return "resource_param" in (getattr(kind, "__metadata__", ()) or ())


def _can_eval(compute: Compute) -> bool:
    """Whether annotations that are written as text can be read."""
    try:
        inspect.signature(compute, eval_str=True)
    except Exception:  # noqa: BLE001 - whatever an author's annotation raises, the plain text is what there is
        return False
    return True
