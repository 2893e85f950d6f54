"""Driving a correction in this process: ask what is next, do it, fold again, until it is done or waits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
)
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import RunFailed
from backfill_assets.orchestration import tags
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.hands import hand_job_name
from backfill_assets.orchestration.in_process import Ran, Runner
from backfill_assets.orchestration.rebuilding import rebuild
from backfill_assets.orchestration.resources import LakeResource
from backfill_assets.orchestration.staging import partitions_name
from backfill_assets.orchestration.steps import step_key
from backfill_assets.runbook import Desk
from backfill_assets.runbook.opening import try_again

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
        self._forget_failures(correction)
        self.runner.instance.add_dynamic_partitions(partitions_name(self.office.table), [correction])
        while True:
            before = self.desk().progress(correction)
            action = next_step(before, self.lake.now())
            self.told(action, self.desk())
            match action:
                case TakeSteps(steps=steps):
                    ran = [self._take(correction, steps)]
                case StageWaves(waves=waves):
                    ran = [self._stage(correction, wave) for wave in waves]
                case RebuildReports(partitions=partitions):
                    ran = self._rebuild(correction, partitions)
                case WaitForRuns() | WaitForPerson() | WaitUntil() | Stuck() | Finished():
                    return action
            if self.desk().progress(correction).sequence == before.sequence:
                raise RunFailed(correction, [error for one in ran for error in one.errors])

    def take(self, correction: str, step: Step) -> Ran:
        """Take one step by hand."""
        self.runner.instance.add_dynamic_partitions(partitions_name(self.office.table), [correction])
        return self._take(correction, (step,))

    def desk(self) -> Desk:
        """The desk of whoever drives, at this moment."""
        return self.office.desk(self.lake, self.actor)

    def _take(self, correction: str, steps: Sequence[Step]) -> Ran:
        if Step.ROLL_BACK in steps:
            # Asked for and written down, but not known to have happened: the job takes up what it finds planned.
            job = hand_job_name(self.office.table, Step.ROLL_BACK)
            return self.runner.run_job(job, correction, f"{job}_by_hand", {"by": self.actor})
        keys = [step_key(self.office.table, step) for step in steps]
        return self.runner.run_partition(keys, correction, {tags.CORRECTION: correction})

    def _stage(self, correction: str, wave: Window) -> Ran:
        return self.runner.run_days([self.office.asset.staged_key], wave, {tags.CORRECTION: correction})

    def _rebuild(self, correction: str, partitions: Mapping[str, Sequence[str]]) -> list[Ran]:
        return rebuild(self.office, self.desk(), self.runner, correction, partitions)

    def _forget_failures(self, correction: str) -> None:
        desk = self.desk()
        progress = desk.progress(correction)
        if progress.failures or progress.tries:
            try_again(desk, correction)
