"""The rate at which sources may be read: so many days a minute, counted over every run that stages from them.

A source that bears four days a minute is kept for a minute by a wave of four, counted from the wave's start. Whoever
staged them, and for which correction, is all the same, so what one correction read is a wait of the others.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backfill_assets.core.in_flight import Pending
from backfill_assets.core.progress import Progress

# Clocks of two hosts differ by no more; what is later still was written before a clock was set back, and says nothing.
CLOCKS_AGREE = timedelta(minutes=5)
# The end of somebody else's wave is not known beforehand.
LOOK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class WaitForRate:
    """The source bears no more days before ``until``; or it is being read by the run of the key ``behind``.

    How long that takes is not known; ``until`` is then when to look again.
    """

    source: str
    days_per_minute: float
    until: datetime
    behind: str = ""


def kept_for(days: int, days_per_minute: float) -> timedelta:
    """How long so many days keep a source."""
    return timedelta(minutes=days / days_per_minute)


def readable_after(progress: Progress, days: int, started: datetime) -> dict[str, datetime]:
    """From when each limited source may be read again, once days of it were read from ``started`` on."""
    readable = dict(progress.staging.readable_from)
    for source, rate in progress.plan.rates.items():
        before = readable.get(source, started)
        begins = before if started <= before <= started + _longest(progress, rate) else started
        readable[source] = begins + kept_for(days, rate)
    return readable


def sharing(progress: Progress, known: Mapping[str, Progress]) -> tuple[Progress, ...]:
    """The other corrections that read a source whose rate this one keeps; closed ones have read it too."""
    limited = progress.plan.rates.keys()
    others = (other for name, other in known.items() if name != progress.plan.correction)
    return tuple(other for other in others if limited & other.plan.pins.keys())


def wait_for_rate(progress: Progress, others: Iterable[Progress], now: datetime) -> WaitForRate | None:
    """What the next wave of a correction has to wait for; None when each of its sources may be read."""
    readers = (progress, *others)
    waits = [
        wait
        for source, rate in progress.plan.rates.items()
        for reader in readers
        if source in reader.plan.rates or source in reader.plan.pins
        for wait in (*_in_flight(source, rate, reader.runs.waves, now), *_read(source, rate, reader, now))
    ]
    return max(waits, key=lambda wait: wait.until, default=None)


def _in_flight(source: str, rate: float, waves: Collection[Pending], now: datetime) -> Iterable[WaitForRate]:
    for one in waves:
        until = max(one.at + kept_for(len(one.days), rate), now + LOOK_AGAIN)
        yield WaitForRate(source, rate, until, one.key)


def _read(source: str, rate: float, reader: Progress, now: datetime) -> Iterable[WaitForRate]:
    until = reader.staging.readable_from.get(source, now)
    if now < until <= now + _longest(reader, reader.plan.rates.get(source, rate)):
        yield WaitForRate(source, rate, until)


def _longest(progress: Progress, rate: float) -> timedelta:
    """The longest that a wave can keep a source, by clocks that agree."""
    return CLOCKS_AGREE + kept_for(progress.plan.request.waves.usual_days, rate)
