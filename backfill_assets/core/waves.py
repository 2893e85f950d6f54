"""Waves: the days one run recomputes together, and the order in which they go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from backfill_assets.core.window import Window, contiguous


class WaveOrder(StrEnum):
    """Which days go first. ``CANARY`` sends the newest day alone and the rest, oldest first, after it."""

    CANARY = "canary"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class WavePolicy:
    """How the days of a plan are cut into waves.

    ``max_days`` bounds one wave, ``at_once`` the waves in flight, ``attempts`` the tries of one day before a
    person has to look.
    """

    max_days: int = 15
    at_once: int = 2
    order: WaveOrder = WaveOrder.CANARY
    attempts: int = 3


def plan_waves(days: Collection[date], policy: WavePolicy, *, canary_done: bool = False) -> tuple[Window, ...]:
    """Cut days into waves of consecutive days, none longer than ``policy.max_days``, in the policy's order.

    Every day is in exactly one wave. While the canary has not come back it is the only wave.
    """
    if not days:
        return ()
    if policy.order is WaveOrder.CANARY and not canary_done:
        newest = max(days)
        return (Window(newest, newest),)
    waves = [
        Window(run.days[start], run.days[min(start + policy.max_days, len(run)) - 1])
        for run in contiguous(days)
        for start in range(0, len(run), policy.max_days)
    ]
    return tuple(reversed(waves) if policy.order is WaveOrder.NEWEST else waves)
