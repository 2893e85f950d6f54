"""How many days one wave has where its request does not say: so many that its run is worth starting, and no more.

To start a run takes seconds, so days that take next to nothing go together. Where a day takes hours it goes alone:
no slot is idle meanwhile, and less is lost with a run. Between the two a wave has :data:`USUAL_DAYS`.
"""

from dataclasses import dataclass, replace

from backfill_assets.core.pace import width
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress, Took
from backfill_assets.core.steps import WAVE
from backfill_assets.core.waves import USUAL_DAYS, WavePolicy

LEAST_SECONDS = 10.0
"""A wave gets more than the usual days up to this. Whoever pauses waits no longer, and little memory is needed."""
MOST_SECONDS = 600.0
"""A wave gets fewer than the usual days beyond this."""
MOST_DAYS = 366
"""No wave has more than the days of a year: its page in Dagster has to be readable."""
MOST_BYTES = 64 * 2**20
"""So many of what is written, compressed, may be in memory because a wave has more than the usual days."""
SECONDS_OF_WAVE = 1.0
"""What each wave takes whatever its days: opening tables, writing and committing."""
LEAST_SECONDS_OF_DAY = 0.002


@dataclass(frozen=True, slots=True)
class DayTakes:
    """What one more day takes, as far as that is known: seconds on the wall and bytes written, 0 where it is not."""

    seconds: float = 0.0
    bytes: float = 0.0


def sized(policy: WavePolicy, days: int, of_day: DayTakes) -> WavePolicy:
    """The policy with the days that a wave has while so many are missing; what a request says stays as it is."""
    if policy.max_days is not None or not of_day.seconds:
        return replace(policy, max_days=policy.usual_days)
    share = -(-days // max(1, policy.at_once))
    worth_a_run = LEAST_SECONDS / of_day.seconds
    if share > USUAL_DAYS:
        fits = MOST_BYTES / of_day.bytes if of_day.bytes else MOST_DAYS
        found = max(USUAL_DAYS, min(share, worth_a_run, fits, MOST_DAYS))
    else:
        found = max(share, min(USUAL_DAYS, worth_a_run))
    return replace(policy, max_days=max(1, int(min(found, MOST_SECONDS / of_day.seconds))))


def planned_waves(plan: Plan) -> WavePolicy:
    """How the days of a plan are cut into waves as far as its opening can tell; what a day takes shows meanwhile."""
    return sized(plan.request.waves, len(plan.days), _expected(plan))


def waves_now(progress: Progress) -> WavePolicy:
    """How the missing days of a correction are cut into waves, by how long the others have taken.

    Once the run of a wave has died without a word none has more than the usual days, so that fewer are lost with the
    next.
    """
    plan, took = progress.plan, progress.staging.took
    policy = replace(plan.request.waves, at_once=width(progress))
    if policy.max_days is None and any(name.startswith(WAVE) for name in progress.runs.fruitless):
        return replace(policy, max_days=min(planned_waves(plan).usual_days, _bearable(took)))
    if not took.days:
        return sized(policy, len(progress.missing), _expected(plan))
    measured = _of_day(took)
    # A canary alone tells little: what is expected, or guessed, has to be as quick.
    seconds = measured if took.days >= USUAL_DAYS else max(measured, plan.cost.seconds_per_day)
    return sized(policy, len(progress.missing), DayTakes(seconds, _bytes(plan)))


def _of_day(took: Took) -> float:
    return max(LEAST_SECONDS_OF_DAY, (took.seconds - SECONDS_OF_WAVE * took.waves) / took.days)


def _bearable(took: Took) -> int:
    """The most days of a wave by what was measured: a power of two, so that the windows of tries seldom change."""
    fits = max(1, int(MOST_SECONDS / _of_day(took))) if took.days else USUAL_DAYS
    return 1 << (fits.bit_length() - 1) if fits < USUAL_DAYS else USUAL_DAYS


def _expected(plan: Plan) -> DayTakes:
    return DayTakes(plan.cost.seconds_per_day if plan.cost.runs_seen else 0.0, _bytes(plan))


def _bytes(plan: Plan) -> float:
    return plan.cost.bytes_staged / max(1, len(plan.days))
