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
from backfill_assets.storage.ledger import Histories
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
            table = self.records.ledger.standing(own).plan.table
            detail = {"report": report, "partitions": list(partitions)}
            self._tell(own, table, Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail, run_id)

    def hand_over(self, correction: str, report: str, partitions: Collection[str]) -> bool:
        """Leave partitions to the other corrections that hold the report; False when none does any more.

        The others owe them from then on and this one lets the report go, so that of two that end at once one builds.
        """
        others = sorted(name for name in self.held_by(report) if name != correction)
        if not others:
            return False
        table = self.records.ledger.standing(correction).plan.table
        for name in others:
            detail = {"report": report, "partitions": list(partitions)}
            self._tell(name, table, Step.FREEZE_REPORTS, Outcome.REFUSED, detail)
        told = {"report": report, "partitions": list(partitions), "handed_over_to": others}
        event = self._event(correction, Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, told)

        def still_held(histories: Histories) -> Event | None:
            held = all(report in history(histories[name]).frozen for name in others)
            return event if held else None

        return self.records.ledger.record(still_held, table=table) is not None

    def held_by(self, report: str) -> dict[str, Progress]:
        """The corrections that hold a report, by id."""
        standings = self.records.ledger.standings()
        return {name: progress for name, progress in standings.items() if report in progress.frozen}

    def _tell(  # noqa: PLR0913, PLR0917 - one argument a column
        self, correction: str, table: str, step: Step, outcome: Outcome, detail: Mapping[str, object], run_id: str = ""
    ) -> None:
        self.records.ledger.append(self._event(correction, step, outcome, detail, run_id), table=table)

    def _event(
        self, correction: str, step: Step, outcome: Outcome, detail: Mapping[str, object], run_id: str = ""
    ) -> Event:
        return Event(correction, step, outcome, self.now, actor_of(self.run_tags), run_id, dict(detail))
