"""A wave computed in shares: the run sends them out, tells what workers logged, and makes one wave of their answers."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.plan import Plan
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import counted, fault_told
from backfill_assets.errors.executing import SharesDiffer, WorkerDied
from backfill_assets.errors.failure import Failure
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.alone import tried_of
from backfill_assets.orchestration.asset.arguments import described
from backfill_assets.orchestration.asset.executors import Wide, executor_given
from backfill_assets.orchestration.asset.failing_days import said, stretches_of
from backfill_assets.orchestration.asset.guard import Guarded
from backfill_assets.orchestration.asset.staging_job import (
    ShareStaged,
    StagingJob,
    TablesKnown,
    address_of,
    reference_of,
    refuse_unimportable,
    stage_days,
)
from backfill_assets.orchestration.asset.stopwatch import Stopwatch
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wave import ComputeSpec
from backfill_assets.orchestration.asset.writing import WrittenWave
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.storage.records import Records

LEAST_DAYS = 2
"""A share has more than one day, so that the one that is computed alone is compared with itself among others."""

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Share = tuple[Slot, ...]
Answers = dict[Share, ShareStaged | BaseException]


def refuse_executor(declared: ComputeSpec, executor: object) -> None:
    """Refuse what names no executor, and an executor for a transform that no worker could import.

    Raises:
        ArgumentUnusable, ExecutorUnknown: when it names none.
        TransformNotSendable: when the transform is of ``__main__`` or of a file that was loaded by its path.
    """
    if not isinstance(executor, str | Wide):
        instead = "Give it as text, such as processes:4, or as a Wide."
        raise ArgumentUnusable(declared.table, "executor", described(executor), instead)
    if executor_given(declared.table, executor) is not None:
        refuse_unimportable(declared.table, declared.compute.__module__)


def kept_in_process(definition: TableDefinition, days: Collection[Slot]) -> str:
    """Why no executor is asked for a wave, as the middle of a sentence; empty where one may be."""
    spec = definition.compute_spec
    taken = {"resources": spec.taken.resources, "a config": spec.taken.config, "the context": spec.taken.context}
    if spec.read.carried is not None:
        return "state is carried from slot to slot"
    if named := [what for what, is_taken in taken.items() if is_taken]:
        return f"the transform takes {' and '.join(named)} of the run"
    if definition.limits.most_readers == 1:
        return f"{', '.join(sorted(definition.limits.rates))} may be read by one at a time"
    if len(days) < 2 * LEAST_DAYS:
        return f"{counted(len(days), spec.columns.partition.grain.value)} would be one share"
    return ""


def shares_of(days: Collection[Slot], width: int) -> list[Share]:
    """Some days as stretches of about the same length, no more than the width and none of a single day."""
    ordered = sorted(days)
    number = max(1, min(width, len(ordered) // LEAST_DAYS))
    ends = [len(ordered) * share // number for share in range(number + 1)]
    return [tuple(ordered[first:last]) for first, last in pairwise(ends)]


def answers_of(
    executor: Executor, work: Callable[[Job], Answer], jobs: Mapping[Share, Job]
) -> Iterator[tuple[Share, Answer | BaseException]]:
    """What workers have made of jobs, all of which are sent at once, or what each failed with; in their order."""
    sent: dict[Share, Future[Answer] | BrokenExecutor] = {}
    for share, job in jobs.items():
        try:
            sent[share] = executor.submit(work, job)
        except BrokenExecutor as error:
            sent[share] = error
    for share, future in sent.items():
        try:
            answer = future if isinstance(future, BrokenExecutor) else future.result()
        except FAULTS as error:
            answer = error
        yield share, answer


@dataclass(frozen=True, slots=True)
class WideWave:
    """A wave of a correction that is about to be computed in shares; ``log`` is that of its run."""

    definition: TableDefinition
    records: Records
    plan: Plan
    wide: Wide
    log: Any

    def computed(self, lake: LakeResource, days: Collection[Slot]) -> WrittenWave:
        """The wave, with the files that workers wrote.

        Raises:
            TransformNotSendable, WorkerOfOtherCode, ExecutorUnreachable: when no worker can stage it.
            SharesDiffer: when what workers staged makes no wave. Their files are deleted.
        """
        stopwatch, answers = Stopwatch(), Answers()
        whole = self._job(lake, days)
        try:
            with self.wide.open() as executor:
                shares = self._shares_of(days, executor)
                self._tell(len(days), f"in {counted(len(shares), 'share')} on the executor {self.wide.name}")
                answers |= self._answered(executor, whole.shares(shares, tried_of(days)))
            died = [share for share, answer in answers.items() if isinstance(answer, BrokenExecutor)]
            lost = sorted(day for share in died for day in share)
            if lost:
                self._tell(len(lost), "once more, because their workers died")
            for share in died:
                del answers[share]
            # What kills a worker takes no more days with it than a wave usually has.
            for some in stretches_of(lost):
                with self.wide.open() as executor:
                    answers |= self._answered(executor, whole.shares(self._shares_of(some, executor), tried_of(days)))
            return self._wave(answers, stopwatch)
        except FAULTS:
            self._delete(answers)
            raise

    def _shares_of(self, days: Collection[Slot], executor: Executor) -> list[Share]:
        width = self.wide.width_of(executor)
        return shares_of(days, min(width, self.definition.limits.most_readers or width))

    def _job(self, lake: LakeResource, days: Collection[Slot]) -> StagingJob:
        """The whole wave as one job."""
        spec = self.definition.compute_spec
        return StagingJob(
            asset=reference_of(self.definition.asset, self.definition.table, spec.compute),
            code_version=spec.code_version,
            lake=address_of(lake),
            correction=self.plan.correction,
            slots=tuple(sorted(days)),
            pins=dict(self.plan.pins),
            reads=dict(spec.read.reads),
            known=TablesKnown.of(self.records),
        )

    def _answered(self, executor: Executor, jobs: Sequence[StagingJob]) -> Answers:
        """What workers have made of jobs, by share: an answer, or what it failed with; their logs go into the run's."""
        found = Answers()
        for share, answer in answers_of(executor, stage_days, {job.slots: job for job in jobs}):
            found[share] = answer
            if isinstance(answer, BaseException):
                continue
            for line in answer.lines:
                self.log.log(line.level, "[%s] %s", answer.worker, line.text)
        return found

    def _tell(self, days: int, how: str) -> None:
        grain = self.definition.compute_spec.columns.partition.grain.value
        self.log.info("Computing %s of %s %s.", counted(days, grain), self.definition.table, how)

    def _wave(self, answers: Answers, stopwatch: Stopwatch) -> WrittenWave:
        """One wave of all that was staged; days of workers that died have failed."""
        died, staged = dict[Slot, Failure](), list[ShareStaged]()
        for share, answer in sorted(answers.items()):
            if isinstance(answer, BrokenExecutor):
                died |= dict.fromkeys(share, said(WorkerDied(share, fault_told(answer))))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                staged.append(answer)
        written = [share for share in staged if share.days]
        spec, schema = self.definition.compute_spec, _schema_of(self.definition.table, written)
        days = {day: known for share in written for day, known in share.days.items()}
        return WrittenWave(
            table=spec.table,
            frames=dict.fromkeys(sorted(days), schema.to_frame()),
            reasons={**died, **{day: why for share in staged for day, why in share.reasons.items()}},
            inputs={day: known.inputs for day, known in days.items()},
            code_version=spec.code_version,
            correction=self.plan.correction,
            guarded=Guarded(spec.look_back_days, measures=spec.columns.measures),
            partition=next((share.partition for share in written), spec.columns.partition),
            stopwatch=stopwatch,
            elsewhere=sum(share.core_seconds for share in staged),
            alone={day: what for share in staged for day, what in share.alone.items()},
            files={day: known.file for day, known in days.items()},
            sums={day: known.sums for day, known in days.items()},
        )

    def _delete(self, answers: Answers) -> None:
        """Delete what workers wrote of a wave that is none."""
        for share in answers.values():
            if isinstance(share, ShareStaged) and share.days:
                records = self.records.knowing({self.definition.table: share.partition})
                table = records.staged(self.definition.table, self.plan.correction, share.schema)
                table.delete_unnamed([known.file for known in share.days.values()])


def _schema_of(table: str, shares: Sequence[ShareStaged]) -> pl.Schema:
    """The columns that the rows of all shares have.

    Raises:
        SharesDiffer: when they do not have the same.
    """
    schema = next((share.schema for share in shares), pl.Schema())
    for share in shares:
        names = {*schema, *share.schema}
        differing = {name for name in names if schema.get(name) != share.schema.get(name)}
        if share.partition != shares[0].partition:
            differing.add(share.partition.name)
        if differing:
            raise SharesDiffer(table, differing)
    return schema
