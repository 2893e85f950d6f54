"""Frozen reports: refused while a correction holds them, remembered, and told when built for one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from backfill_assets.core.events import Event
from backfill_assets.core.progress import Progress, history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import ReportFrozen
from backfill_assets.orchestration import tags
from backfill_assets.orchestration.resources import actor_of
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Freezer:
    """A run that may build reports: its tags, and the time."""

    records: Records
    run_tags: Mapping[str, str]
    now: datetime

    def refuse(self, report: str, partitions: Collection[str]) -> None:
        """Refuse to build a report that a correction other than the run's own holds, and remember what was refused.

        Raises:
            ReportFrozen: naming the report and who holds it.
        """
        own = self.run_tags.get(tags.REBUILD_FOR, "")
        holding = {name: held for name, held in self.held_by(report).items() if name != own}
        if not holding:
            return
        for name, progress in holding.items():
            new = sorted(key for key in partitions if (report, key) not in progress.owed)
            if new:
                detail = {"report": report, "partitions": new}
                self._tell(name, progress.plan.table, Step.FREEZE_REPORTS, Outcome.REFUSED, detail)
        raise ReportFrozen(report, partitions, holding)

    def tell_built(self, report: str, partitions: Collection[str], run_id: str) -> None:
        """Write down that a correction's report partitions are built, when the run is for one."""
        own = self.run_tags.get(tags.REBUILD_FOR)
        if own:
            table = history(self.records.ledger.events(own)).plan.table
            detail = {"report": report, "partitions": sorted(partitions)}
            self._tell(own, table, Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail, run_id)

    def held_by(self, report: str) -> dict[str, Progress]:
        """The corrections that hold a report, by id."""
        folded = {name: history(events) for name, events in self.records.ledger.histories().items()}
        return {name: progress for name, progress in folded.items() if report in progress.frozen}

    def _tell(
        self, correction: str, table: str, step: Step, outcome: Outcome, detail: Mapping[str, object], run_id: str = ""
    ) -> None:
        event = Event(correction, step, outcome, self.now, actor_of(self.run_tags), run_id, dict(detail))
        self.records.ledger.append(event, table=table)
