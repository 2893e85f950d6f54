"""Validation in shares: workers compare days of live with the staged ones, and the run makes one comparison of them."""

from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets.core.comparison import joined
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import counted, fault_told
from backfill_assets.errors.executing import ExecutorUnreachable
from backfill_assets.orchestration.asset.executors import Wide, executor_chosen
from backfill_assets.orchestration.asset.staging_job import LakeAddress, TablesKnown, address_of, this_worker
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wide import LEAST_DAYS, Share, answers_of, shares_of
from backfill_assets.runbook.correctable_table import Columns, CorrectableTable
from backfill_assets.runbook.sides import Compare, Sides, compared
from backfill_assets.storage.records import Records

LEAST_ROWS = 1_000_000
"""Rows of both sides: fewer are compared before a worker has begun."""


@dataclass(frozen=True, slots=True)
class ComparingJob:
    """Days to compare: everything that a worker needs, and nothing but data. ``commits`` are of live and staged."""

    table: str
    lake: LakeAddress
    correction: str
    slots: tuple[Slot, ...]
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    schema: pl.Schema
    commits: tuple[int, int]
    known: TablesKnown

    def sides(self) -> Sides:
        """Both sides, as the run that sent the job sees them."""
        records = self.known.on(self.lake)
        columns = Columns(partition=records.partition_of(self.table))
        table = CorrectableTable(self.table, self.keys, self.measures, columns)
        live, staged = self.commits
        return Sides(
            table=table,
            correction=self.correction,
            live=records.table(self.table, self.schema).snapshot(live),
            staged=records.staged(self.table, self.correction, self.schema).snapshot(staged),
            days=self.slots,
        )


@dataclass(frozen=True, slots=True)
class ShareCompared:
    """What a worker found."""

    comparison: Comparison
    worker: str


def compare_days(job: ComparingJob) -> ShareCompared:
    """Compare the days of a share. It only reads, so that it may be done again.

    Raises:
        VariableNotSet: when an option of the lake is not in the environment.
        BadInput: as :func:`backfill_assets.core.comparison.compare`.
    """
    return ShareCompared(compared(job.sides()), this_worker())


@dataclass(frozen=True, slots=True)
class WideComparison:
    """Compares on an executor; ``log`` is that of the run. What workers cannot do, the run does itself, and says so."""

    records: Records
    lake: LakeAddress
    wide: Wide
    log: Any

    def __call__(self, sides: Sides) -> Comparison:
        """Both sides, compared in shares of some days each.

        Raises:
            BadInput: as :func:`backfill_assets.core.comparison.compare`.
        """
        try:
            with self.wide.open() as executor:
                shares = shares_of(sides.days, self.wide.width_of(executor))
                self._tell(sides, f"in {counted(len(shares), 'share')} on the executor {self.wide.name}")
                found = self._answered(executor, [self._job(replace(sides, days=share)) for share in shares])
        except ExecutorUnreachable as error:
            self._tell(sides, f"in this process. {error}")
            return compared(sides)
        for share in [share for share, answer in found.items() if isinstance(answer, BrokenExecutor)]:
            mine = replace(sides, days=share)
            self._tell(mine, "in this process, because their worker died")
            found[share] = compared(mine)
        if failed := next((answer for answer in found.values() if isinstance(answer, BaseException)), None):
            # Whatever a worker was refused, the run finds in all days and tells of all of them.
            self._tell(sides, f"in this process, because a worker failed. {fault_told(failed)}")
            return compared(sides)
        return joined([one for one in found.values() if isinstance(one, Comparison)])

    def _job(self, sides: Sides) -> ComparingJob:
        return ComparingJob(
            table=sides.table.name,
            lake=self.lake,
            correction=sides.correction,
            slots=sides.days,
            keys=sides.table.keys,
            measures=sides.table.measures,
            schema=sides.staged.schema,
            commits=(sides.live.commit, sides.staged.commit),
            known=TablesKnown.of(self.records),
        )

    def _answered(self, executor: Executor, jobs: list[ComparingJob]) -> dict[Share, Comparison | BaseException]:
        """By share what a worker found, or what it failed with."""
        found: dict[Share, Comparison | BaseException] = {}
        for share, answer in answers_of(executor, compare_days, {job.slots: job for job in jobs}):
            if isinstance(answer, ShareCompared):
                found[share] = answer.comparison
                self.log.info("[%s] compared %s to %s.", answer.worker, share[0], share[-1])
            else:
                found[share] = answer
        return found

    def _tell(self, sides: Sides, how: str) -> None:
        grain = sides.table.partition.grain.value
        self.log.info("Comparing %s of %s %s.", counted(len(sides.days), grain), sides.table.name, how.rstrip("."))


def comparing(
    context: dg.AssetExecutionContext, definition: TableDefinition, records: Records, given: str | Wide
) -> Compare:
    """How a run compares live with staged: on the executor that was chosen for its table, or in its own process."""
    chosen = executor_chosen(definition.table, given)
    if chosen is None:
        return compared
    wide = WideComparison(records, address_of(context.resources.lake), chosen, context.log)
    return lambda sides: wide(sides) if _is_worth_sending(sides) else compared(sides)


def _is_worth_sending(sides: Sides) -> bool:
    files = (side.files_of(sides.days).values() for side in (sides.live, sides.staged))
    rows = sum(file.rows for of_side in files for of_day in of_side for file in of_day)
    return len(sides.days) >= 2 * LEAST_DAYS and rows >= LEAST_ROWS
