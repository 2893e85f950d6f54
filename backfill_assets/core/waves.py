"""Waves: the days one run recomputes together, in which order they go, how long they take and what they cost."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heappop, heappush
from statistics import median

from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window, contiguous

USUAL_DAYS = 15


class WaveOrder(StrEnum):
    """Which days go first. ``CANARY`` sends the newest day alone and the rest, oldest first, after it."""

    CANARY = "canary"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class WavePolicy:
    """How the days of a plan are cut into waves.

    ``max_days`` bounds one wave; None leaves it to how long a day takes (:mod:`backfill_assets.core.wave_size`).
    ``at_once`` bounds the waves in flight, ``attempts`` the tries of one day before a person has to look.
    ``days_per_minute`` is what the sources can bear, 0 without a limit.
    """

    max_days: int | None = None
    at_once: int = 2
    order: WaveOrder = WaveOrder.CANARY
    attempts: int = 3
    days_per_minute: float = 0.0

    @property
    def has_canary(self) -> bool:
        """Whether one day goes alone before all others."""
        return self.order is WaveOrder.CANARY

    @property
    def usual_days(self) -> int:
        """The most days in one wave, before it is known how long one takes."""
        return self.max_days or USUAL_DAYS

    def least_seconds(self, days: int) -> float:
        """How long so many days keep the sources, so that they are not asked too quickly; no run waits for that."""
        return days * 60 / self.days_per_minute if self.days_per_minute > 0 else 0.0


def ordered_waves(days: Collection[Slot], policy: WavePolicy, grain: Grain = Grain.DAY) -> tuple[Window, ...]:
    """Every wave of a plan in the order in which they go, the canary first where there is one."""
    first = plan_waves(days, policy, grain)
    if not policy.has_canary or not first:
        return first
    return (*first, *plan_waves(set(days) - set(first[0]), policy, grain, canary_done=True))


def plan_waves(
    days: Collection[Slot], policy: WavePolicy, grain: Grain = Grain.DAY, *, canary_done: bool = False
) -> tuple[Window, ...]:
    """Cut days into waves of consecutive days, none longer than ``policy.usual_days``, in the policy's order.

    Every day is in exactly one wave. While the canary has not come back it is the only wave.
    """
    if not days:
        return ()
    if policy.order is WaveOrder.CANARY and not canary_done:
        newest = max(days)
        return (Window(newest, newest, grain),)
    waves = contiguous(days, policy.usual_days, grain)
    return tuple(reversed(waves) if policy.order is WaveOrder.NEWEST else waves)


# Starting a run, opening tables and committing, beside the work itself; measured with Dagster in one process.
SECONDS_PER_RUN = 3.0
# Nothing was ever measured: one day of the worked example, rounded up.
SECONDS_PER_DAY = 0.2
MOST_RUNS = 50


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the past: how many days it computed, and in how many seconds."""

    days: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """One wave of the plan: when it starts, counted from the beginning of staging, and how long its run takes."""

    window: Window
    starts_after: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What staging is expected to take.

    ``seconds`` on the wall, waits for the rates of sources included; ``run_seconds`` of all runs together, which is
    what they cost. ``runs_seen`` runs of the past stand behind it; with none it is a guess.
    """

    waves: tuple[PlannedWave, ...]
    seconds: float
    run_seconds: float
    seconds_per_day: float
    runs_seen: int


def estimate(waves: Sequence[Window], policy: WavePolicy, past: Sequence[PastRun]) -> Estimate:
    """Lay the waves out on as many runs at once as the policy allows; a canary comes back before the others go.

    The time of a day is that of :func:`seconds_of_day`.
    """
    per_day, runs_seen = seconds_of_day(past)
    busy_until: list[float] = [0.0] * policy.at_once
    laid: list[PlannedWave] = []
    for number, window in enumerate(waves):
        seconds = SECONDS_PER_RUN + per_day * len(window)
        starts = heappop(busy_until)
        laid.append(PlannedWave(window, starts, seconds))
        ends = starts + max(seconds, policy.least_seconds(len(window)))
        heappush(busy_until, ends)
        if number == 0 and policy.has_canary:
            busy_until = [ends] * policy.at_once
    return Estimate(
        waves=tuple(laid),
        seconds=max(busy_until) if laid else 0.0,
        run_seconds=sum(wave.seconds for wave in laid),
        seconds_per_day=per_day,
        runs_seen=runs_seen,
    )


def seconds_of_day(past: Sequence[PastRun]) -> tuple[float, int]:
    """How long a day takes, and how many runs of the past stand behind it; a guess where there are none.

    It is the median of the newest runs, so that one run on a busy machine does not decide.
    """
    seen = [run for run in past if run.days and run.seconds > 0][-MOST_RUNS:]
    return median(run.seconds / run.days for run in seen) if seen else SECONDS_PER_DAY, len(seen)


def in_order(policy: WavePolicy) -> WavePolicy:
    """The policy by which waves go one after another, oldest first: each is computed from the one before."""
    return replace(policy, at_once=1, order=WaveOrder.OLDEST)


def within_rate(policy: WavePolicy, days_per_minute: float) -> WavePolicy:
    """The policy that keeps below what a source can bear: one wave at a time, none longer than a minute's worth.

    The next wave waits for as long as its days keep the source (:meth:`WavePolicy.least_seconds`).
    """
    if days_per_minute <= 0:
        return policy
    most = max(1, int(days_per_minute))
    return replace(policy, max_days=min(policy.usual_days, most), at_once=1, days_per_minute=days_per_minute)
