"""Decisions, taken by the jobs of the Dagster UI in this process, once each, by whoever was shown what they change."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from backfill_assets.core.given import refuse_unsigned
from backfill_assets.core.progress import Progress
from backfill_assets.errors.web import ChoiceNeeded, DecisionNotOffered, FormForged, FormOutdated, NoteNeeded
from backfill_assets.orchestration.asset.table_definition import TableDefinition, definition_in, records_of
from backfill_assets.orchestration.driving.by_hand import take_by_hand
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.pages.page import state_of
from backfill_assets.runbook.standing import Standing, standings
from backfill_assets.runbook.watermark_steps import waive_holder
from backfill_assets.web.case import Case
from backfill_assets.web.decisions import Decision
from backfill_assets.web.forms import Form, is_token, token_of


@dataclass(frozen=True)
class Desk:
    """Where decisions are taken, one at a time."""

    tables: Mapping[str, TableDefinition]
    runner: Runner
    lake: LakeResource
    deciding: threading.Lock = field(default_factory=threading.Lock)

    def case(self, correction: str) -> Case:
        """Where a correction stands, and those that are decided on with it.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        records, now = records_of(self.tables, self.lake), self.lake.now()
        (standing,) = standings(records, now, correction)
        names = [member.correction for member in standing.progress.plan.chain]
        members = [standing if name == correction else standings(records, now, name)[0] for name in names]

        def reach(one: Standing, days: Collection[date]) -> Mapping[str, Collection[str]]:
            return definition_in(self.tables, one.progress.plan.table).surroundings(records).reach(days)

        return Case(standing, tuple(members) or (standing,), reach)

    def sequence(self, correction: str) -> int:
        """How many facts the ledger has of a correction.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        return self.lake.records().ledger.progress(correction).sequence

    def token(self, secret: bytes, session: str, case: Case, decision: Decision) -> str:
        """What the form of a decision carries for this browser while the correction is as it is."""
        correction, basis = case.progress.plan.correction, decision.rests_on(case)
        about = {"correction": correction, "decision": decision.name, "basis": basis}
        return token_of(secret, session=session, **about)

    def take(self, secret: bytes, session: str, correction: str, decision: Decision, form: Form) -> bool:
        """Take a decision that is confirmed; False when the form is in order and yet to be confirmed.

        Raises:
            FormForged: when this browser was not shown a form.
            FormOutdated: when what the form shows is no longer so, or it was sent before.
            NameNeeded, NoteNeeded, ChoiceNeeded: when something is missing.
            Refused: with what the job refused.
        """
        if not session or not form.token:
            raise FormForged
        with self.deciding:
            case = self.case(correction)
            if not is_token(form.token, self.token(secret, session, case, decision)):
                raise FormOutdated(correction)
            refuse_unoffered(case, decision)
            _refuse_incomplete(case.progress, decision, form)
            if form.is_confirmed:
                self._take(case.progress, decision, form)
            return form.is_confirmed

    def _take(self, progress: Progress, decision: Decision, form: Form) -> None:
        definition, correction = definition_in(self.tables, progress.plan.table), progress.plan.correction
        if decision.job is None:
            ctx = definition.step_context(self.lake, form.by)
            for holder in form.chosen:
                waive_holder(ctx, correction, holder, form.note)
            return
        take_by_hand(definition, self.runner, correction, decision.job.step, decision.job.config(form))


def refuse_unoffered(case: Case, decision: Decision) -> None:
    """Refuse what cannot be decided where the correction stands.

    Raises:
        DecisionNotOffered: naming where it stands.
    """
    plan = case.progress.plan
    if not decision.is_offered(case):
        is_led = plan.is_follower and decision.is_offered(replace(case, standing=case.members[0]))
        where = f"decided on by {plan.lead}" if is_led else state_of(case.progress)[0]
        raise DecisionNotOffered(decision.label.lower(), plan.correction, where)


def _refuse_incomplete(progress: Progress, decision: Decision, form: Form) -> None:
    correction, what = progress.plan.correction, decision.deed
    refuse_unsigned(form.by, f"{what} correction {correction}")
    if decision.needs_note and not form.note:
        raise NoteNeeded(what, correction)
    choices = {str(one) for one in decision.choices(progress)}
    if choices and not form.is_all and (not form.chosen or not choices >= set(form.chosen)):
        raise ChoiceNeeded(what, correction)
