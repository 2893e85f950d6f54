"""One correction on the lake of a test, taken forward by runs in this process."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from backfill_assets.core.events import last_of
from backfill_assets.core.facts import Validated
from backfill_assets.core.facts.gate import CheckResult
from backfill_assets.core.next_step import Finished, NextStep, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.notice import Notice
from backfill_assets.core.progress import Progress
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.steps import Step
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name, partitions_of
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.runbook.looking import chain_of, looked
from backfill_assets.testing.place import Day, Place, refuse_failed, slot_of


@dataclass(frozen=True)
class TestCorrection:
    """A correction: its ``id``, and ``by`` whom it is driven and decided.

    What refuses is raised as it is. A method that does not get where its name says raises an ``AssertionError`` with
    the sentence of what is next.
    """

    __test__ = False  # pytest would take it for a test

    place: Place
    id: str
    by: str

    @property
    def progress(self) -> Progress:
        """Where the correction stands, with what live says of its days."""
        return looked(self.place.records, self.place.records.ledger.progress(self.id))

    @property
    def next_step(self) -> NextStep:
        """What is next."""
        return next_step(self.progress, self.place.now, chain=chain_of(self.place.records, self.progress))

    @property
    def checks(self) -> Mapping[str, CheckResult]:
        """What the last validation found, by check; none before it."""
        events = self.place.records.ledger.events(self.id)
        validated = last_of(events, Validated)
        return {check.name: check for check in validated.checks} if validated else {}

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What its watchers were told; of notices of one time the order is not known."""
        told = [delivery.notice for delivery in self.place.records.outbox.deliveries(self.id)]
        return tuple(dict.fromkeys(told))

    def drive(self) -> NextStep:
        """Take it as far as it goes now, as ``backfill-assets run`` does; returns what it waits for."""
        with self.place.entered():
            driver = Driver(self._definition, self.place.runner, self.place.lake, self.by, lambda _step, _ctx: None)
            return driver.drive(self.id)

    def to_gate(self) -> Mapping[str, CheckResult]:
        """Stage and validate its days, until a person has to approve; returns what the checks found."""
        self._reach(WaitForPerson)
        return self.checks

    def approve(self, note: str = "Looked at.", *, by: str = "", override: bool = False) -> None:
        """Approve what was validated; with ``override`` although checks failed."""
        self._by_hand(Step.APPROVE, by=by or self.by, note=note, override=override)

    def cut_over(self) -> None:
        """Swap the changed days in, rebuild the reports and tell the watchers, once it is approved."""
        self._reach(WaitUntil)

    def through(self) -> None:
        """All of it from wherever it is: to the gate, approved, and cut over, or closed where nothing changes."""
        if isinstance(self.drive(), WaitForPerson):
            self.approve()
        self._reach(WaitUntil, Finished)

    def roll_back(self, days: Collection[Day] = (), *, note: str = "") -> None:
        """Bring the retired days back, all of them or some, and rebuild the reports."""
        named = sorted(str(slot_of(day)) for day in days)
        self._by_hand(Step.ROLL_BACK, by=self.by, note=note, days=named, all_days=not named)
        self.drive()

    def abandon(self, *, note: str = "") -> None:
        """End it without publishing it."""
        self._by_hand(Step.ABANDON, by=self.by, note=note)
        self.drive()

    def decommission(self) -> None:
        """Delete the retired files without waiting for the end of the rollback window; then there is no way back."""
        self._by_hand(Step.DECOMMISSION, by=self.by, now=True)

    @property
    def _definition(self) -> TableDefinition:
        return self.place.definition(self.progress.plan.table)

    def _reach(self, *there: type) -> None:
        waits = self.drive()
        if type(waits) not in there:
            raise AssertionError(sentence_of(self.id, waits))

    def _by_hand(self, step: Step, **config: Any) -> None:
        table = self._definition.table
        job, op = manual_job_name(table, step), manual_op_name(table, step)
        with self.place.entered():
            self.place.instance.add_dynamic_partitions(partitions_of(table, step), [self.id])
            refuse_failed(self.place.runner.run_job(job, self.id, op, config))
