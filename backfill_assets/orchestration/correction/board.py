"""The board in Dagster, brought in line with the ledger: a row a step, a column a correction that is not over.

Dagster remembers that a step was materialized, and not that it was undone. So the board is a picture of the ledger: who
drives a correction, or decides on one, brings it in line afterwards, and every tick does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from backfill_assets.core.board import BOARD, holding, is_over, undone
from backfill_assets.core.events import Event
from backfill_assets.core.facts import summary_of
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.correction.metadata import Shown, approval_metadata, metadata_of, progress_metadata
from backfill_assets.orchestration.correction.steps import job_name, step_key
from backfill_assets.storage.ledger import Ledger

Events = Callable[[str], Sequence[Event]]


def closed_name(table: str) -> str:
    """The name of the dynamic partitions of corrections that are over."""
    return f"{table}__closed"


def retained_name(table: str) -> str:
    """The name of the dynamic partitions of corrections that have files to delete, closed or not."""
    return f"{table}__retained"


def closed_key(table: str) -> dg.AssetKey:
    """The asset that keeps them."""
    return dg.AssetKey([job_name(table), "closed"])


def closed_asset(table: str) -> dg.AssetSpec:
    """Every correction that is over, with how it ended; nothing is launched there."""
    return dg.AssetSpec(
        closed_key(table),
        group_name=job_name(table),
        partitions_def=dg.DynamicPartitionsDefinition(name=closed_name(table)),
        description=f"The corrections of {table} that are over, each with how it ended. They are off the board, "
        "so that nothing of them counts as missing.",
        kinds={"correction"},
    )


def show_on_board(instance: dg.DagsterInstance, table: str, ledger: Ledger, now: datetime) -> None:
    """Bring the board of a table in line with the ledger."""
    found = {name: progress for name, progress in ledger.all_progress().items() if progress.plan.table == table}
    Board(instance, table, found, ledger.events).show(now)


@dataclass(frozen=True, slots=True)
class Board:
    """The corrections of a table, and what Dagster knows of their steps."""

    instance: dg.DagsterInstance
    table: str
    found: Mapping[str, Progress]
    events: Events

    def show(self, now: datetime) -> None:
        """Columns of what is open, of each the rows that hold, and whatever is over among the closed ones."""
        over = {name for name, progress in self.found.items() if is_over(progress, now)}
        self._close(over)
        still_open = sorted(self.found.keys() - over)
        self._offer(partitions_name(self.table), still_open)
        ended = {name for name in over if self.found[name].publication.ending is Ending.DECOMMISSIONED}
        self._offer(retained_name(self.table), sorted(self.found.keys() - ended))
        for step in BOARD if still_open else ():
            self._show_row(step, still_open)

    def _offer(self, partitions: str, wanted: Sequence[str]) -> None:
        """Let these corrections, of those that are known, be the partitions of that name."""
        known = set(self.instance.get_dynamic_partitions(partitions))
        for name in sorted(known & self.found.keys() - set(wanted)):
            self.instance.delete_dynamic_partition(partitions, name)
        if new := [name for name in wanted if name not in known]:
            self.instance.add_dynamic_partitions(partitions, new)

    def _show_row(self, step: Step, still_open: Collection[str]) -> None:
        key = step_key(self.table, step)
        shown = self.instance.get_materialized_partitions(key) & set(still_open)
        lost = [name for name in shown if step in undone(self.found[name])]
        if lost:
            # Dagster's storages forget an asset as a whole or not at all; the others are told again.
            self.instance.wipe_assets([key])
            shown = set[str]()
        for name in sorted(set(still_open) - shown):
            progress = self.found[name]
            if step in holding(progress) and (lost or not progress.runs.pending):
                self._tell(dg.AssetMaterialization(key, partition=name, metadata=self._about(name, step)))
            elif lost and step in undone(progress) and progress.publication.swap_count:
                self._tell(dg.AssetObservation(key, partition=name, description=self._last(name)))

    def _close(self, over: Collection[str]) -> None:
        known = frozenset(self.instance.get_dynamic_partitions(closed_name(self.table)) if over else ())
        new = sorted(name for name in over if name not in known)
        if new:
            self.instance.add_dynamic_partitions(closed_name(self.table), new)
        for name in new:
            progress = self.found[name]
            told = metadata_of({"ended": str(progress.publication.ending), "last": self._last(name)})
            metadata = {**progress_metadata(progress), **told}
            self._tell(dg.AssetMaterialization(closed_key(self.table), partition=name, metadata=metadata))

    def _about(self, name: str, step: Step) -> Shown:
        progress = self.found[name]
        decided = approval_metadata(progress) if step is Step.APPROVE else {}
        return {**progress_metadata(progress), **decided}

    def _last(self, name: str) -> str:
        """What somebody decided last, or else what happened last."""
        events, grain = self.events(name), self.found[name].plan.window.grain
        decided = [one for one in events if one.step in (Step.ROLL_BACK, Step.ABANDON)] or events
        return " ".join(f"{summary_of(one.fact, grain)} By {one.actor or 'nobody'}." for one in decided[-1:])

    def _tell(self, event: dg.AssetMaterialization | dg.AssetObservation) -> None:
        self.instance.report_runless_asset_event(event)
