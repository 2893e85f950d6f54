"""Running assets in this process, on the same Dagster instance as the UI, so that it shows what was done here."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import uuid4

import dagster as dg

from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError, retold
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.processes import living_in_this

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: whether it succeeded, the messages of the steps that did not, and the refusal among them."""

    run_id: str
    success: bool
    errors: tuple[str, ...] = ()
    refusal: BackfillAssetsError | None = None


@dataclass(frozen=True)
class Loaded:
    """The definitions of a run, seen from within it."""

    repository: dg.RepositoryDefinition

    def resolve_implicit_global_asset_job_def(self) -> dg.JobDefinition:
        """The job of any selection of assets."""
        return self.repository.get_implicit_global_asset_job_def()

    def resolve_job_def(self, name: str) -> dg.JobDefinition:
        """A job by its name."""
        return self.repository.get_job(name)


_RUNNING: ContextVar[dg.Definitions | Loaded | None] = ContextVar("definitions of the run", default=None)


@dataclass(frozen=True)
class Runner:
    """Definitions and the instance they run on. ``run_tags`` are put on every run."""

    definitions: dg.Definitions | Loaded
    instance: dg.DagsterInstance
    run_tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def run_days(
        self, assets: Sequence[dg.AssetKey], window: Window, run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Materialize assets for a run of days (or of months, named by their first days) in one run."""
        ends = {tags.RANGE_START: str(window.first), tags.RANGE_END: str(window.last)}
        return self._run(assets, {**ends, **(run_tags or {})}, None)

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

    def run_job(
        self, job: str, key: str, op: str, config: Mapping[str, object], run_tags: Mapping[str, str] | None = None
    ) -> RunResult:
        """Run a job of one op for one partition, with the op's config."""
        told = {"ops": {op: {"config": dict(config)}}}
        return self.execute(self.definitions.resolve_job_def(job), run_tags or {}, key=key, config=told)

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
        run_id = str(uuid4())
        token = _RUNNING.set(self.definitions)
        try:
            result = job.execute_in_process(
                instance=self.instance,
                asset_selection=list(assets) if assets else None,
                run_id=run_id,
                tags={tags.PROCESS: living_in_this(run_id), **self.run_tags, **run_tags},
                partition_key=key,
                run_config={**QUIET, **(config or {})},
                raise_on_error=False,
            )
        finally:
            _RUNNING.reset(token)
        return _ran(result)

    def _run(self, assets: Sequence[dg.AssetKey], run_tags: Mapping[str, str], key: str | None) -> RunResult:
        return self.execute(self.definitions.resolve_implicit_global_asset_job_def(), run_tags, assets=assets, key=key)


def runner_within(context: dg.AssetExecutionContext | dg.OpExecutionContext, run_tags: Mapping[str, str]) -> Runner:
    """A runner for runs of their own within a run, wherever that runs: here, or in a process of the daemon's."""
    definitions = _RUNNING.get() or Loaded(context.repository_def)
    return Runner(definitions, context.instance, run_tags)


def _ran(result: dg.ExecuteInProcessResult) -> RunResult:
    """What became of a run; the innermost messages, without Dagster's wrapping."""
    errors: list[str] = []
    refusal: BackfillAssetsError | None = None
    for event in result.all_events:
        data = event.step_failure_data if event.is_step_failure else None
        if data is None or data.error is None:
            continue
        error = data.error
        while error.cause is not None:
            error = error.cause
        found = retold(error.cls_name or "", error.message.strip().partition(": ")[2])
        refusal = refusal or found
        errors.append(str(found) if found else error.message.strip())
    return RunResult(result.run_id, result.success, tuple(errors), refusal)
