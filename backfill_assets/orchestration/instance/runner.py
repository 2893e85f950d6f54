"""Running assets in this process, on the same Dagster instance as the UI, so that it shows what was done here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar
from uuid import uuid4

import dagster as dg

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.answers import is_of_a_store
from backfill_assets.errors.base import BackfillAssetsError, Unforeseen, in_one_line
from backfill_assets.errors.failure import DaysFailed, Failure, failure_of, known_as
from backfill_assets.errors.setup import PartitionsUnusable
from backfill_assets.errors.store import StoreUnreachable
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import cause_of, sentence_of
from backfill_assets.orchestration.instance.kept_jobs import with_hook
from backfill_assets.orchestration.instance.runs import living_in_this
from backfill_assets.orchestration.instance.slots import key_of, kind_of

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and the errors of the steps that failed, in their order, each as it was raised.

    ``output`` is what the one op returned that the run was asked for by :meth:`Runner.run_op`.
    """

    run_id: str
    success: bool
    faults: tuple[BaseException, ...] = ()
    output: Any = None

    @property
    def errors(self) -> tuple[str, ...]:
        """What each error says, without Dagster's wrapping."""
        return tuple(sentence_of(fault) for fault in self.faults)

    @property
    def refusal(self) -> BackfillAssetsError | None:
        """The first of our own errors."""
        return next((fault for fault in self.faults if isinstance(fault, BackfillAssetsError)), None)

    @property
    def failed_days(self) -> Mapping[date, Failure]:
        """The days that runs of many days could not do, each with the first reason."""
        of_steps = [fault.reasons for fault in self.faults if isinstance(fault, DaysFailed)]
        return {day: why for reasons in reversed(of_steps) for day, why in reasons.items()}


@dataclass(frozen=True)
class Loaded:
    """The definitions of a run, seen from within it."""

    repository: dg.RepositoryDefinition

    def resolve_implicit_global_asset_job_def(self) -> dg.JobDefinition:
        """The job of any selection of assets."""
        return self.repository.get_implicit_global_asset_job_def()

    def resolve_asset_graph(self) -> Any:
        """The assets and what is known of each."""
        return self.repository.asset_graph

    def resolve_job_def(self, name: str) -> dg.JobDefinition:
        """A job by its name."""
        return self.repository.get_job(name)


_FAULTS: ContextVar[list[BaseException] | None] = ContextVar("errors of the run's steps", default=None)
_RUNNING: ContextVar[dg.Definitions | Loaded | None] = ContextVar("definitions of the run", default=None)


@dg.failure_hook(name="hand_over_error")
def hand_over_error(context: dg.HookContext) -> None:
    """Hand the error of a failed step to whoever runs it in this process; Dagster's events keep its text only."""
    faults = _FAULTS.get()
    if faults is not None and context.op_exception is not None:
        cause = cause_of(context.op_exception)
        faults.append(StoreUnreachable(cause) if is_of_a_store(cause) else cause)


@dataclass(frozen=True)
class Runner:
    """Definitions and the instance they run on. ``run_tags`` are put on every run."""

    definitions: dg.Definitions | Loaded
    instance: dg.DagsterInstance
    run_tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def run_days(
        self, assets: Sequence[dg.AssetKey], window: Window, run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Materialize assets with the same partitions for a run of slots in one run."""
        first, last = self._keys(assets[0], [window.first, window.last])
        return self.run_keys(assets, first, last, run_tags)

    def run_range(self, assets: Sequence[dg.AssetKey], run_tags: Mapping[str, str]) -> RunResult:
        """Materialize assets for the range of partitions that the tags name, in one run."""
        return self._run(assets, run_tags, None)

    def run_keys(
        self, assets: Sequence[dg.AssetKey], first: str, last: str, run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Materialize assets for consecutive partition keys in one run."""
        return self._run(assets, {tags.RANGE_START: first, tags.RANGE_END: last, **(run_tags or {})}, None)

    def run_unpartitioned(self, assets: Sequence[dg.AssetKey], run_tags: Mapping[str, str] | None = None) -> RunResult:
        """Materialize assets that have no partitions."""
        return self._run(assets, run_tags or {}, None)

    def run_partition(
        self, assets: Sequence[dg.AssetKey], key: str, run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Materialize assets for one partition."""
        return self._run(assets, run_tags or {}, key)

    def _keys(self, asset: dg.AssetKey, slots: Sequence[Slot]) -> list[str]:
        """The keys of slots, as the asset's partitions definition writes them."""
        partitions = self.definitions.resolve_asset_graph().get(asset).partitions_def
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            raise PartitionsUnusable(asset.to_user_string(), kind_of(partitions), "Partition it by time")
        return [key_of(partitions, slot) for slot in slots]

    def run_job(
        self, job: str, key: str, op: str, config: Mapping[str, object], run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Run a job of one op for one partition, with the op's config."""
        told = {"ops": {op: {"config": dict(config)}}}
        return self.execute(self.definitions.resolve_job_def(job), run_tags or {}, key=key, config=told)

    def run_op(self, job: str, op: str, config: Mapping[str, object]) -> RunResult:
        """Run a job without partitions for what one of its ops returns, also when another of them fails."""
        told = {"ops": {op: {"config": dict(config)}}}
        result, faults = self._executed(self.definitions.resolve_job_def(job), {}, run_config={**QUIET, **told})
        returned = any(event.is_step_success and event.step_key == op for event in result.all_events)
        output = result.output_for_node(op) if returned else None
        return RunResult(result.run_id, result.success, faults, output)

    def execute(
        self,
        job: dg.JobDefinition,
        run_tags: Mapping[str, str],
        *,
        assets: Sequence[dg.AssetKey] | None = None,
        key: str | None = None,
        config: Mapping[str, object] | None = None,
    ) -> RunResult:
        """Run a job, or some assets of it. Runs within it find these definitions by :func:`runner_within`."""
        selected, told = list(assets) if assets else None, {**QUIET, **(config or {})}
        result, faults = self._executed(job, run_tags, asset_selection=selected, partition_key=key, run_config=told)
        return RunResult(result.run_id, result.success, faults)

    def _executed(
        self, job: dg.JobDefinition, run_tags: Mapping[str, str], **what: Any
    ) -> tuple[dg.ExecuteInProcessResult, tuple[BaseException, ...]]:
        run_id, faults = str(uuid4()), list[BaseException]()
        running, handing = _RUNNING.set(self.definitions), _FAULTS.set(faults)
        try:
            result = with_hook(job, hand_over_error).execute_in_process(
                instance=self.instance,
                run_id=run_id,
                tags={tags.PROCESS: living_in_this(run_id), **self.run_tags, **run_tags},
                raise_on_error=False,
                **what,
            )
        finally:
            _RUNNING.reset(running)
            _FAULTS.reset(handing)
        return result, tuple(faults)

    def _run(self, assets: Sequence[dg.AssetKey], run_tags: Mapping[str, str], key: str | None) -> RunResult:
        return self.execute(self.definitions.resolve_implicit_global_asset_job_def(), run_tags, assets=assets, key=key)


def runner_within(context: dg.AssetExecutionContext | dg.OpExecutionContext, run_tags: Mapping[str, str]) -> Runner:
    """A runner for runs of their own within a run, wherever that runs: here, or in a process of the daemon's."""
    definitions = _RUNNING.get() or Loaded(context.repository_def)
    return Runner(definitions, context.instance, run_tags)


MOST_TRIES = 40
T = TypeVar("T")


@dataclass
class Apart:
    """Runs of one nightly. ``tries`` are how often it may still try in halves, so that it ends when all is down."""

    tries: int = MOST_TRIES

    def failures(
        self, run: Callable[[Sequence[T]], RunResult], wanted: Sequence[T]
    ) -> Iterator[tuple[Sequence[T], RunResult]]:
        """Run what is wanted; of what fails, the smallest part that is known to, and how its run ended."""
        ran = guarded(lambda: run(wanted))
        if ran.success:
            return
        if not self.is_worth_halving(ran, len(wanted)):
            yield wanted, ran
            return
        middle = len(wanted) // 2
        yield from self.failures(run, wanted[:middle])
        yield from self.failures(run, wanted[middle:])

    def is_worth_halving(self, ran: RunResult, of: int) -> bool:
        """Whether the failure may be that of one alone; takes a try if so. A refusal is the same for each half."""
        if ran.success or of < 2 or self.tries < 1 or not is_unforeseen(ran):  # noqa: PLR2004 - one has no halves
            return False
        self.tries -= 1
        return True


def guarded(run: Callable[[], RunResult]) -> RunResult:
    """How a run ended, also one that broke before Dagster could say so."""
    try:
        return run()
    except FAULTS as error:
        return RunResult("", success=False, faults=(known_as(error, "The run"),))


def is_unforeseen(ran: RunResult) -> bool:
    """Whether a run failed by an error that is none of ours."""
    return not ran.success and (ran.refusal is None or isinstance(ran.refusal, Unforeseen))


def why(ran: RunResult) -> Failure:
    """Why a run failed, as one failure."""
    if ran.success:
        return Failure("RunFailed", "the run succeeded and wrote nothing of the day")
    said = " ".join(ran.errors)
    if ran.refusal is None:
        return failure_of(Unforeseen("The run", in_one_line(said) or "Dagster gives no reason"), "The run")
    return replace(failure_of(ran.refusal, "The run"), message=said)
