"""A ledger event: one fact about one correction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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


def days_of(event: Event, name: str = "days") -> frozenset[date]:
    """The days that an event names."""
    return frozenset(date.fromisoformat(day) for day in event.detail.get(name, ()))


def reach_of(event: Event) -> frozenset[tuple[str, str]]:
    """The report partitions that a swap reaches, as report and key."""
    return frozenset((report, key) for report, keys in event.detail.get("reach", {}).items() for key in keys)


def closed_months_of(event: Event) -> frozenset[str]:
    """The closed months that an event names."""
    return frozenset(event.detail.get("closed_months", ()))
