"""The launcher in this process: each work item is run here, one after the other, until the correction waits.

The sensor may be at it too: whoever wants a run asks for it in the ledger first, so nothing is done twice.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from backfill_assets.core.advance import advance
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.next_step import NextStep, Stuck, WaitForPerson
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step, WorkItem
from backfill_assets.errors.correction import RunFailed
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_around
from backfill_assets.orchestration.correction.board import show_on_board
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.driving.giving_way import nightly_at_risk
from backfill_assets.orchestration.driving.run_requests import (
    fail_orphaned_runs,
    others_of,
    run_tags,
    settle,
    take_over,
)
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.pulses import beating
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.orchestration.instance.runs import this_process
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.looking import chain_of
from backfill_assets.runbook.opening import forget_failures
from backfill_assets.runbook.requesting import ask

OnNextStep = Callable[[NextStep, StepContext], None]


@dataclass(frozen=True)
class Driver:
    """Takes a correction forward with runs in this process; ``on_next_step`` hears of each before it is taken."""

    definition: TableDefinition
    runner: Runner
    lake: LakeResource
    actor: str
    on_next_step: OnNextStep
    waited: list[datetime] = field(default_factory=list[datetime])

    def drive(self, correction: str) -> NextStep:
        """Take the correction, and with it its chain, as far as it goes now.

        Returns what it waits for, or where it is stuck; of a chain what a person has to look at, if anything.

        Raises:
            RunFailed: when a run failed without leaving a word in the ledger.
        """
        chain = self.step_context().records.ledger.progress(correction).plan.chain
        drivers = {member.correction: self._of_table(member.table) for member in chain} or {correction: self}
        for name, driver in drivers.items():
            driver.take_over(name)
        while True:
            before = self._written(drivers)
            decided = {name: driver.advance(name) for name, driver in drivers.items()}
            if not chain or self._written(drivers) == before:
                break
        for driver in drivers.values():
            show_on_board(self.runner.instance, driver.definition.table, self.lake.records().ledger, self.now())
        urgent = [one for kind in (Stuck, WaitForPerson) for one in decided.values() if isinstance(one, kind)]
        return (urgent or [decided[correction]])[0]

    def _of_table(self, table: str) -> "Driver":
        """The driver of another table of the chain, as whom the step context knows its definition."""
        return replace(self, definition=tables_around(self.definition.asset)[table])

    def advance(self, correction: str) -> NextStep:
        """Take one correction as far as it goes now, without the others of its chain."""
        return advance(self, correction, announce=lambda decided: self.on_next_step(decided, self.step_context()))

    def _written(self, corrections: Iterable[str]) -> int:
        """How much was written down of some corrections."""
        known = self.step_context().records.ledger.all_progress()
        return sum(known[name].sequence for name in corrections)

    def progress(self, correction: str) -> Progress:
        """Where the correction stands, once the ends of runs are written down that said nothing themselves."""
        ctx = self.step_context()
        progress = ctx.progress(correction)
        return ctx.progress(correction) if settle(ctx, self.runner.instance, progress).changed else progress

    def now(self) -> datetime:
        """The time, UTC; a clock that stands still does not take back what was waited for."""
        return max([self.lake.now(), *self.waited[-1:]])

    def busy(self, _progress: Progress, /) -> Collection[date]:
        """None: a person who drives stages every day himself."""
        return ()

    def others(self, progress: Progress, /) -> Collection[Progress]:
        """Other corrections that read a source whose rate the correction keeps."""
        return others_of(self.step_context(), self.runner.instance, progress)

    def nightly(self) -> WaitForNightly | None:
        """The nightly that may miss its deadline, if there is one."""
        return nightly_at_risk(self.definition, self.lake.records(), self.now())

    def chain(self, progress: Progress, /) -> Collection[Progress]:
        """The other corrections of its chain, as the tables have them."""
        return chain_of(self.step_context().records, progress)

    def wait(self, until: datetime, /) -> bool:
        """Sleep until then; no run is there that would hold a place meanwhile."""
        time.sleep(max(0.0, (until - self.now()).total_seconds()))
        self.waited.append(until)
        return True

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        """Run work items one after the other, each requested in the ledger first; what others requested is theirs.

        Raises:
            RunFailed: when runs failed without leaving a word in the ledger.
        """
        correction = progress.plan.correction
        asked = (ask(self.step_context(), progress, item, this_process(), self.now()) for item in items)
        requested = zip(items, asked, strict=True)
        with beating(self.runner.instance, this_process()):  # before it asks, so that others learn of its end
            ran = [self._run(correction, item, pending) for item, pending in requested if pending is not None]
        if ran and _stands_still(progress, self.progress(correction)):
            raise RunFailed(correction, [error for one in ran for error in one.errors])
        return True

    def take(self, correction: str, step: Step) -> RunResult:
        """Take one step by hand."""
        self.runner.instance.add_dynamic_partitions(partitions_name(self.definition.table), [correction])
        return self._take(correction, (step,), {tags.CORRECTION: correction})

    def step_context(self) -> StepContext:
        """The step context of whoever drives, at this moment."""
        return self.definition.step_context(self.lake, self.actor)

    def _take(self, correction: str, steps: Sequence[Step], told: Mapping[str, str]) -> RunResult:
        if Step.ROLL_BACK in steps:
            # Asked for and written down, but not known to have happened: the job takes up what it finds planned.
            named = (self.definition.table, Step.ROLL_BACK)
            job, op = manual_job_name(*named), manual_op_name(*named)
            return self.runner.run_job(job, correction, op, {"by": self.actor}, told)
        keys = [step_key(self.definition.table, step) for step in steps]
        return self.runner.run_partition(keys, correction, told)

    def _run(self, correction: str, item: WorkItem, pending: Pending) -> RunResult:
        told = run_tags(correction, pending, self.definition.slots)
        if item.wave is not None:
            return self.runner.run_range([self.definition.staged_key], told)
        return self._take(correction, item.steps, told)

    def take_over(self, correction: str) -> None:
        """A person drives now: failures are forgotten, and what the daemon has not begun is taken from it."""
        instance, ctx = self.runner.instance, self.step_context()
        instance.add_dynamic_partitions(partitions_name(self.definition.table), [correction])
        fail_orphaned_runs(instance)
        take_over(ctx, instance, self.progress(correction))
        progress = ctx.progress(correction)
        if progress.failures or progress.staging.tries:
            forget_failures(ctx, correction)


def _stands_still(before: Progress, after: Progress) -> bool:
    """Whether nothing but the asking itself was written down."""
    return replace(before, runs=after.runs, sequence=after.sequence) == after
