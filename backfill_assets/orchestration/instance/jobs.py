"""What jobs and checks share: their clock, what they look at, and refusals as one red line in the run's log."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import dagster as dg
from pydantic import Field, create_model

from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.resources import LakeResource


def schedule_name(job: str) -> str:
    """The schedule of a job."""
    return f"{job}_schedule"


Value = TypeVar("Value")


class BuiltFrom(Generic[Value]):
    """What jobs were built from: Dagster's definitions have no place for a value of ours."""

    def __init__(self) -> None:
        self._values: WeakKeyDictionary[dg.JobDefinition, Value] = WeakKeyDictionary()

    def remember(self, job: dg.JobDefinition, value: Value) -> None:
        """Remember what a job was built from, for as long as there is the job."""
        self._values[job] = value

    def found_in(self, definitions: dg.Definitions) -> list[Value]:
        """What the jobs of some definitions were built from, in their order; other jobs are left out."""
        jobs = [job for job in definitions.jobs or () if isinstance(job, dg.JobDefinition)]
        return [self._values[job] for job in jobs if job in self._values]


def routine_job(name: str, about: str, op: dg.OpDefinition) -> dg.JobDefinition:
    """A job of one op that decides nothing."""

    @dg.job(name=name, description=about, tags=tags.ROUTINE)
    def job() -> None:
        op()

    return job


def by_the_clock(job: Any, cron: str, description: str) -> dg.ScheduleDefinition:
    """A schedule, in UTC, of a job that needs no telling; it runs unless somebody stops it."""
    return dg.ScheduleDefinition(
        name=schedule_name(job.name),
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


Function = TypeVar("Function", bound=Callable[..., Any])
DAY_WRITTEN, HOUR_WRITTEN = "YYYY-MM-DD", "YYYY-MM-DDTHH:00Z"


def told_in(grain: Grain) -> Callable[[Function], Function]:
    """For a function that Dagster configures by a ``dg.Config``: its fields are described in words of a grain."""

    def worded(function: Function) -> Function:
        told = function.__annotations__
        told["config"] = config_in(grain, told["config"])
        return function

    return worded


def config_in(grain: Grain, config: type[dg.Config]) -> type[dg.Config]:
    """A config whose descriptions, and those of the configs within it, call slots what they are in a grain."""
    if grain is Grain.DAY:
        return config
    fields: dict[str, Any] = {}
    for name, field in config.model_fields.items():
        kind, default = field.annotation, field.default
        if isinstance(kind, type) and issubclass(kind, dg.Config):
            kind = config_in(grain, kind)
            default = kind()
        about = grain.worded(field.description or "")
        about = about.replace(DAY_WRITTEN, HOUR_WRITTEN) if grain is Grain.HOUR else about
        fields[name] = (kind, Field(default=default, description=about))
    about = grain.worded(config.__doc__ or "")
    return cast("type[dg.Config]", create_model(config.__name__, __base__=config, __doc__=about, **fields))


@contextmanager
def logging_refusals(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Log the sentences of a refusal before Dagster wraps it, and show them on the page of the asset it is about."""
    try:
        yield
    except BackfillAssetsError as error:
        if isinstance(context, dg.AssetExecutionContext) and len(context.assets_def.keys) == 1:
            context.log_event(dg.AssetObservation(context.asset_key, description=str(error)))
        context.log.error("%s", error)  # noqa: TRY400 - the stack trace follows anyway
        raise


def cause_of(error: BaseException) -> BaseException:
    """The error of ours that a failure goes back to; where there is none, the one that it began with."""
    while not isinstance(error, BackfillAssetsError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def sentence_of(error: BaseException) -> str:
    """What an error says: a refusal its sentences, anything else as Python prints it, with the name of its class."""
    if isinstance(error, BackfillAssetsError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()


def lake_check(
    asset: dg.AssetKey, name: str, about: str, look: Callable[[LakeResource], dg.AssetCheckResult]
) -> dg.AssetChecksDefinition:
    """A check on a live asset that looks at the lake alone."""

    @dg.asset_check(asset=asset, name=name, description=about, required_resource_keys={"lake"})
    def looks(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return look(context.resources.lake)

    return looks


def as_result(told: dg.AssetCheckEvaluation) -> dg.AssetCheckResult:
    """What an evaluation outside a check says, as the check itself says it."""
    return dg.AssetCheckResult(
        passed=told.passed, severity=told.severity, description=told.description, metadata=told.metadata
    )
