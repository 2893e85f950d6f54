"""Waves: the days one run recomputes together, and the order in which they go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from backfill_assets.core.slots import Grain, Slot
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
    person has to look. ``days_per_minute`` is what the sources can bear, 0 without a limit.
    """

    max_days: int = 15
    at_once: int = 2
    order: WaveOrder = WaveOrder.CANARY
    attempts: int = 3
    days_per_minute: float = 0.0

    @property
    def has_canary(self) -> bool:
        """Whether one day goes alone before all others."""
        return self.order is WaveOrder.CANARY

    def least_seconds(self, days: int) -> float:
        """How long a run of so many days has to hold its place, so that the sources are not asked too quickly."""
        return days * 60 / self.days_per_minute if self.days_per_minute > 0 else 0.0


def ordered_waves(days: Collection[date], policy: WavePolicy) -> tuple[Window, ...]:
    """Every wave of a plan in the order in which they go, the canary first where there is one."""
    first = plan_waves(days, policy)
    if not policy.has_canary or not first:
        return first
    return (*first, *plan_waves(set(days) - set(first[0]), policy, canary_done=True))


def plan_waves(
    days: Collection[Slot], policy: WavePolicy, grain: Grain = Grain.DAY, *, canary_done: bool = False
) -> tuple[Window, ...]:
    """Cut days into waves of consecutive days, none longer than ``policy.max_days``, in the policy's order.

    Every day is in exactly one wave. While the canary has not come back it is the only wave.
    """
    if not days:
        return ()
    if policy.order is WaveOrder.CANARY and not canary_done:
        newest = max(days)
        return (Window(newest, newest, grain),)
    waves = contiguous(days, policy.max_days, grain)
    return tuple(reversed(waves) if policy.order is WaveOrder.NEWEST else waves)
