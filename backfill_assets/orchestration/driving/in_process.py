"""Driving a correction in this process: ask what is next, do it, fold again, until it is done or waits.

The sensor may be at it too: whoever wants a run asks for it in the ledger first, so nothing is done twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRuns,
    WaitUntil,
    next_step,
    thawing,
)
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.core.work import WorkItem
from backfill_assets.errors.correction import RunFailed
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.table_definition import Office
from backfill_assets.orchestration.correction.manual_jobs import hand_job_name
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.driving.run_requests import ask, bury_the_dead, run_tags, settle, take_over
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.processes import this_process
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Ran, Runner
from backfill_assets.runbook import Desk
from backfill_assets.runbook.opening import forget_failures

Told = Callable[[NextStep, Desk], None]


@dataclass(frozen=True)
class Driver:
    """Takes a correction forward with runs in this process. ``told`` hears of every next step before it is taken."""

    office: Office
    runner: Runner
    lake: LakeResource
    actor: str
    told: Told

    def drive(self, correction: str) -> NextStep:
        """Take the correction as far as it goes now; returns what it waits for, or where it is stuck.

        Raises:
            RunFailed: when a run failed without leaving a word in the ledger.
        """
        self._take_over(correction)
        while True:
            before = self._settled(correction)
            action = next_step(before, self.lake.now())
            self.told(action, self.desk())
            match action:
                case TakeSteps(steps=steps):
                    ran = self._run(before, [WorkItem(steps=steps)])
                case StageWaves(waves=waves):
                    ran = self._run(before, [WorkItem(wave=wave) for wave in waves])
                case RebuildReports():
                    ran = self._run(before, [WorkItem(steps=thawing(before))])
                case WaitForRuns() | WaitForPerson() | WaitUntil() | Stuck() | Finished():
                    return action
            if _stands_still(before, self._settled(correction)):
                raise RunFailed(correction, [error for one in ran for error in one.errors])

    def take(self, correction: str, step: Step) -> Ran:
        """Take one step by hand."""
        self.runner.instance.add_dynamic_partitions(partitions_name(self.office.table), [correction])
        return self._take(correction, (step,), {tags.CORRECTION: correction})

    def desk(self) -> Desk:
        """The desk of whoever drives, at this moment."""
        return self.office.desk(self.lake, self.actor)

    def _take(self, correction: str, steps: Sequence[Step], told: Mapping[str, str]) -> Ran:
        if Step.ROLL_BACK in steps:
            # Asked for and written down, but not known to have happened: the job takes up what it finds planned.
            job = hand_job_name(self.office.table, Step.ROLL_BACK)
            return self.runner.run_job(job, correction, f"{job}_by_hand", {"by": self.actor}, told)
        keys = [step_key(self.office.table, step) for step in steps]
        return self.runner.run_partition(keys, correction, told)

    def _run(self, progress: Progress, errands: Sequence[WorkItem]) -> list[Ran]:
        """Run errands one after the other, each asked for in the ledger first; what somebody else does is left."""
        ran: list[Ran] = []
        correction = progress.plan.correction
        for errand in errands:
            asked = ask(self.desk(), progress, errand, this_process())
            if asked is None:
                continue
            told = run_tags(correction, asked)
            if errand.wave is not None:
                ran.append(self.runner.run_days([self.office.asset.staged_key], errand.wave, told))
            else:
                ran.append(self._take(correction, errand.steps, told))
        return ran

    def _settled(self, correction: str) -> Progress:
        """Where the correction stands, once the ends of runs are written down that said nothing themselves."""
        desk = self.desk()
        progress = desk.progress(correction)
        return desk.progress(correction) if settle(desk, self.runner.instance, progress).told else progress

    def _take_over(self, correction: str) -> None:
        """A person drives now: failures are forgotten, and what the daemon has not begun is taken from it."""
        instance, desk = self.runner.instance, self.desk()
        instance.add_dynamic_partitions(partitions_name(self.office.table), [correction])
        bury_the_dead(instance)
        take_over(desk, instance, self._settled(correction))
        progress = desk.progress(correction)
        if progress.failures or progress.staging.tries:
            forget_failures(desk, correction)


def _stands_still(before: Progress, after: Progress) -> bool:
    """Whether nothing but the asking itself was written down."""
    return replace(before, runs=after.runs, sequence=after.sequence) == after
