"""A ledger event: one fact about one correction, and the columns ``step``, ``outcome`` and ``detail`` that keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, get_args

from backfill_assets.core import facts
from backfill_assets.core.codec import decoded_fields, encoded_fields
from backfill_assets.core.facts import Fact
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.lake import FactUnknown

Detail = Mapping[str, Any]
Kind = TypeVar("Kind")
_SWAPS = (facts.SwapPlanned, facts.SwapRefused, facts.Swapped)
_SWAPS_BY_OUTCOME: Mapping[Outcome, type[facts.Fact]] = {kind.outcome: kind for kind in _SWAPS}
# The kinds that their step and outcome alone tell.
_BY_KIND: Mapping[tuple[Step, Outcome], type[facts.Fact]] = {
    (kind.step, kind.outcome): kind
    for kind in get_args(facts.Fact)
    if isinstance(kind.step, Step) and isinstance(kind.outcome, Outcome)
}
# A failure that is more than a reason, by the key that only its own detail has.
_FAILURES: tuple[tuple[Step, str, type[facts.Fact], Mapping[str, Any]], ...] = (
    (Step.STAGE, "backfill", facts.StagingStopped, {}),
    (Step.STAGE, "days", facts.DaysFailed, {}),
    (Step.VALIDATE, "certificate", facts.Validated, {"passed": False}),
    (Step.CUT_OVER, "closed_months", facts.CutOverHeld, {}),
    (Step.VERIFY_SOURCE, "problems", facts.SourceUnfit, {}),
)


def detail_of(fact: facts.Fact) -> dict[str, Any]:
    """The detail under which the ledger keeps a fact, JSON-ready."""
    return encoded_fields(fact)


def fact_of(step: Step, outcome: Outcome, detail: Detail) -> facts.Fact:
    """Read a fact from the ledger's columns.

    Raises:
        FactUnknown: for a step and an outcome that mean nothing together.
    """
    kind, given = _read_as(step, outcome, detail)
    if kind is None:
        raise FactUnknown(step, outcome)
    return decoded_fields(kind, detail, **given)


def _read_as(step: Step, outcome: Outcome, detail: Detail) -> tuple[type[facts.Fact] | None, dict[str, Any]]:
    """Which fact it is, and what its columns say of it beside the detail."""
    if outcome is Outcome.REQUESTED and "request" in detail:
        return facts.RunRequested, {}
    if outcome is Outcome.ENDED:
        return facts.RunEnded, {"step": step}
    if outcome is Outcome.FAILED:
        return _failure(step, detail)
    if step in {Step.CUT_OVER, Step.ROLL_BACK} and outcome in _SWAPS_BY_OUTCOME:
        return _SWAPS_BY_OUTCOME[outcome], {"step": step}
    if (step, outcome) == (Step.VALIDATE, Outcome.DONE):
        return facts.Validated, {"passed": True}
    return _BY_KIND.get((step, outcome)), {}


def _failure(step: Step, detail: Detail) -> tuple[type[facts.Fact], dict[str, Any]]:
    for of, key, kind, given in _FAILURES:
        if of is step and key in detail:
            return kind, dict(given)
    return (facts.RunFailed if "request" in detail else facts.StepFailed), {"step": step}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to which correction, when, and by whom.

    ``sequence`` counts from 1 within the correction and is given by the ledger, as is the ``digest``; of an event of
    before there were digests it is empty. ``at`` is UTC.
    """

    correction: str
    fact: Fact
    at: datetime
    actor: str
    run_id: str = ""
    sequence: int = 0
    digest: str = field(default="", compare=False)

    @property
    def step(self) -> Step:
        """The step that the fact is about."""
        return self.fact.step

    @property
    def outcome(self) -> Outcome:
        """How far the step got."""
        return self.fact.outcome

    @property
    def detail(self) -> Mapping[str, Any]:
        """The fact as the ledger stores it and ``--json`` prints it, JSON-ready."""
        return detail_of(self.fact)


def last_of(events: Sequence[Event], kind: type[Kind]) -> Kind | None:
    """The last fact of a kind among some events; None when there is none."""
    return next((event.fact for event in reversed(events) if isinstance(event.fact, kind)), None)
