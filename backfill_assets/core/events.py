"""A ledger event: one fact about one correction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backfill_assets.core.fact_codec import detail_of
from backfill_assets.core.facts import Fact
from backfill_assets.core.steps import Outcome, Step


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to which correction, when, and by whom.

    ``sequence`` counts from 1 within the correction and is given by the ledger. ``at`` is UTC.
    """

    correction: str
    fact: Fact
    at: datetime
    actor: str
    run_id: str = ""
    sequence: int = 0

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
