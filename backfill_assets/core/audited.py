"""The replay audit: whether today's code, given the same inputs, says what was published."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause
from backfill_assets.core.facts.staging import DaysStaged
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted, days_listed, verb


class Verdict(StrEnum):
    """What became of an audited day."""

    SAME = "same"
    DIFFERS = "differs"
    FAILED = "failed"
    NOT_DETERMINISTIC = "not_deterministic"
    READS_OTHER_DAYS = "reads_other_days"
    INPUTS_MOVED = "inputs_moved"

    @property
    def is_sound(self) -> bool:
        """Whether nothing has to be done. Inputs that moved are late data, which is nightly's business."""
        return self in {Verdict.SAME, Verdict.INPUTS_MOVED}


@dataclass(frozen=True, slots=True)
class Audited:
    """One audited day: the verdict, what it is based on, and the code that published the day, empty when unknown.

    ``rows`` were compared with live. The day is a slot of ``grain``.
    """

    day: date
    verdict: Verdict
    published_by: str
    what: str = ""
    rows: int = 0
    grain: Grain = Grain.DAY

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        by = f"code version {self.published_by}" if self.published_by else "somebody else"
        match self.verdict:
            case Verdict.SAME:
                return f"{self.day} equals what {by} published."
            case Verdict.INPUTS_MOVED:
                return f"{self.day} was published from other inputs than there are now and was not compared."
            case Verdict.DIFFERS:
                return f"{self.day} differs from what {by} published ({self.what})."
            case Verdict.FAILED:
                return f"{self.day} cannot be computed any more ({self.what})."
            case Verdict.NOT_DETERMINISTIC:
                return f"{self.day} computed twice from the same inputs differs from itself ({self.what})."
            case Verdict.READS_OTHER_DAYS:
                others = f"with other {self.grain.value}s"
                return f"{self.day} computed alone differs from {self.day} computed {others} ({self.what})."


@dataclass(frozen=True, slots=True)
class Version:
    """A code version as lineage knows it: the days that are live from it, and ``since``, the place of its first build.

    Places are texts that sort in the order in which builds were written down.
    """

    name: str
    since: str
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    ``changed_by`` is the first code version that computes history otherwise than it was published, and ``window`` holds
    the days of the versions before it; empty and None while nothing differs. ``published`` days could have been audited
    but for those ``claimed`` by open corrections. The days are slots of ``grain``.
    """

    table: str
    seed: str
    code_version: str
    replays: tuple[Audited, ...]
    changed_by: str = ""
    window: Window | None = None
    published: int = 0
    claimed: int = 0
    grain: Grain = Grain.DAY

    @property
    def compared(self) -> tuple[Audited, ...]:
        """The days that were compared with live, and were equal or not."""
        return tuple(replay for replay in self.replays if replay.verdict is not Verdict.INPUTS_MOVED)

    @property
    def proves_nothing(self) -> bool:
        """Whether no day was compared with live although there are some to compare."""
        return not self.compared and self.published > self.claimed

    @property
    def differing(self) -> tuple[Audited, ...]:
        """The days of which something is wrong."""
        return tuple(replay for replay in self.replays if not replay.verdict.is_sound)

    @property
    def sentence(self) -> str:
        """What was found, in a sentence."""
        if not self.differing:
            return " ".join([self._alike(), *self._moved()])
        told = (
            f"{len(self.differing)} of {counted(len(self.replays), self.grain.value)} "
            f"{verb(len(self.differing), 'differs', 'differ')} from what was published when computed again."
        )
        changed = (
            f" Code version {self.changed_by} is the first to compute them differently." if self.changed_by else ""
        )
        return f"{told}{changed} {self.differing[0].sentence}"

    def _alike(self) -> str:
        """Over how much nothing differs."""
        if self.compared:
            rows = sum(replay.rows for replay in self.compared)
            equal = verb(len(self.compared), "equals", "equal")
            return (
                f"{counted(len(self.compared), self.grain.value)} computed again {equal} "
                f"what was published, in {counted(rows, 'row')}."
            )
        if self.published > self.claimed:
            return f"None of {counted(self.published - self.claimed, self._published)} was compared."
        return (
            f"Every {self._published} ({self.claimed:,}) is being corrected."
            if self.claimed
            else f"No {self.grain.value} is published yet."
        )

    @property
    def _published(self) -> str:
        return f"published {self.grain.value}"

    def _moved(self) -> list[str]:
        moved = len(self.replays) - len(self.compared)
        was = verb(moved, "was", "were")
        told = f"{counted(moved, self.grain.value)} {was} published from other inputs than there are now"
        return [f"{told} and {was} not compared."] if moved else []

    def as_json(self) -> dict[str, Any]:
        """The contract of ``backfill-assets audit --json``: ``audited`` and ``differing`` are ISO days."""
        return {
            "audited": [str(replay.day) for replay in self.replays],
            "differing": [str(replay.day) for replay in self.differing],
            "compared": [str(replay.day) for replay in self.compared],
            "proves_nothing": self.proves_nothing,
            "table": self.table,
            "seed": self.seed,
            "code_version": self.code_version,
            "changed_by": self.changed_by,
            "window": self.window.as_json() if self.window else None,
            "findings": [
                {
                    "day": str(replay.day),
                    "verdict": str(replay.verdict),
                    "published_by": replay.published_by,
                    "sentence": replay.sentence,
                }
                for replay in self.replays
                if replay.verdict is not Verdict.SAME
            ],
            "sentence": self.sentence,
        }


def days_to_recompute(
    published: Collection[date], count: int, seed: str, versions: Sequence[Version] = ()
) -> list[date]:
    """A few random days, the same for the same seed: one of each code version before a second one of any.

    The latest versions come first; days that nobody here has built count as a version of their own.
    """
    latest = sorted(versions, key=lambda version: version.since, reverse=True)
    place = {day: number for number, version in enumerate(latest) for day in version.days}
    chances = {day: hashlib.sha256(f"{seed}\x00{day}".encode()).digest() for day in published}
    turns: dict[int, int] = {}
    drawn: list[tuple[int, int, date]] = []
    for day in sorted(chances, key=lambda day: chances[day]):
        of = place.get(day, len(latest))
        turns[of] = turns.get(of, 0) + 1
        drawn.append((turns[of], of, day))
    return sorted(day for _, _, day in sorted(drawn)[:count])


def conclude(
    table: str,
    seed: str,
    code_version: str,
    replays: Sequence[Audited],
    versions: Sequence[Version],
    grain: Grain = Grain.DAY,
) -> Audit:
    """Which version changed what history says, and which days it would change.

    Versions follow each other: the one after the last of those whose days differ made the change, or today's code when
    there is none. Days that today's own version published and that differ were altered since, and are a window of
    their own.
    """
    differing = [replay for replay in replays if replay.verdict is Verdict.DIFFERS]
    if not differing:
        return Audit(table, seed, code_version, tuple(replays), grain=grain)
    by_version = {replay.published_by for replay in differing} - {code_version, ""}
    order = sorted((version for version in versions if version.name), key=lambda version: version.since)
    stale = [number for number, version in enumerate(order) if version.name in by_version]
    later = [version.name for version in order[stale[-1] + 1 :]] if stale else []
    changed_by = (later[0] if later else code_version) if stale else ""
    days = [day for version in order if version.name in by_version for day in version.days]
    window = Window.spanning({*days, *(replay.day for replay in differing)}, grain)
    return Audit(table, seed, code_version, tuple(replays), changed_by, window, grain=grain)


def seed_of(given: str, today: date) -> str:
    """The seed of an audit: as given, else the day, so that each night draws other days."""
    return given or str(today)


def versions_of(builds: Mapping[date, tuple[str, str]]) -> tuple[Version, ...]:
    """The code versions behind live days, from day to version and place of its build."""
    days: dict[str, list[date]] = {}
    since: dict[str, str] = {}
    for day, (version, at) in builds.items():
        days.setdefault(version, []).append(day)
        since[version] = min(at, since.get(version, at))
    return tuple(Version(name, since[name], tuple(sorted(of))) for name, of in days.items())


def same_alone(staged: Iterable[DaysStaged], days: Collection[Slot]) -> Check | None:
    """Whether days that were computed alone as well came out as they did in their waves; None where none was.

    Args:
        staged: what was staged, oldest first; a day that was staged again is told of by that alone.
        days: the days of the correction.
    """
    told: dict[Slot, str] = {}
    for fact in staged:
        told = {day: what for day, what in told.items() if day not in fact.days} | dict(fact.alone)
    told = {day: what for day, what in sorted(told.items()) if day in days}
    if not told:
        return None
    unlike = {day: what for day, what in told.items() if what}
    if not unlike:
        return Check.passing(
            Clause.SAME_ALONE, f"{counted(len(told), 'day')} computed alone as well came out the same."
        )
    shown = " ".join(list(unlike.values())[:EXAMPLES_SHOWN])
    sentence = (
        f"{days_listed(unlike, of=len(told))} came out otherwise computed alone. {shown} "
        "Declare how far back a source is read by its look_back, what is carried on by carries_state, and take out "
        "what is random or tells the time."
    )
    return Check.failing(
        Clause.SAME_ALONE, sentence, unlike, {"alone": {str(day): what for day, what in unlike.items()}}
    )
