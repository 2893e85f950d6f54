"""A ledger event: one fact about one correction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backfill_assets.core.steps import Outcome, Step

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to which correction, when, and by whom.

    ``sequence`` counts from 1 within the correction and is given by the ledger. ``at`` is UTC. ``detail`` is
    JSON-ready (strings, numbers, booleans, lists, objects; dates as ISO strings, decimals as strings).
    """

    correction: str
    step: Step
    outcome: Outcome
    at: datetime
    actor: str
    run_id: str = ""
    detail: Detail = field(default_factory=dict[str, Any])
    sequence: int = 0
