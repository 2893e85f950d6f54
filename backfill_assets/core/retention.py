"""How long what corrections are made of is kept, by what duty, and which days can be corrected with it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.base import counted, days_listed, verb

WARN_DAYS = 30


class Kept(StrEnum):
    """What is kept of a source."""

    RAW = "raw log"
    RATES = "rates"
    LEDGER = "external ledger"
    PERSONAL = "personal data"
    LANDING = "landing"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long something of a source is kept, and why.

    Args:
        source: the table, or the name by which its files are archived.
        what: what of it.
        duty: by what duty, a sentence.
        days: how many days; None for ever. What is by day is kept so many days after its day, a landed file so many
            days after it was taken in.
        warn_days: so many days before the end of days that a correction might still need it is warned of.
    """

    source: str
    what: Kept
    duty: str
    days: int | None = None
    warn_days: int = WARN_DAYS

    @property
    def is_for_ever(self) -> bool:
        """Whether nothing of it is ever deleted."""
        return self.days is None

    @property
    def told(self) -> str:
        """How long, as people say it."""
        return "for ever" if self.days is None else counted(self.days, "day")

    def oldest(self, today: date) -> date | None:
        """The oldest day that is still kept; None where all are."""
        return None if self.days is None else today - timedelta(days=self.days)

    def ends(self, day: date) -> date | None:
        """The last day on which a day is kept; None where it is for ever."""
        return None if self.days is None else day + timedelta(days=self.days)

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        told = {"source": self.source, "what": self.what.value, "days": self.days}
        return {**told, "warn_days": self.warn_days, "duty": self.duty}


@dataclass(frozen=True, slots=True)
class StillCorrectable:
    """Which published slots of a table can still be corrected, and why others cannot.

    ``reasons`` are the slots that cannot, by what is in the way; ``claimed`` those of open corrections. ``looked`` says
    whether the files themselves were looked for, and not only their names in the log.
    """

    table: str
    published: frozenset[Slot]
    reasons: Mapping[str, tuple[Slot, ...]] = field(default_factory=dict[str, tuple[Slot, ...]])
    claimed: Mapping[str, tuple[Slot, ...]] = field(default_factory=dict[str, tuple[Slot, ...]])
    grain: Grain = Grain.DAY
    looked: bool = False

    @property
    def correctable(self) -> frozenset[Slot]:
        """The published slots of which everything is there that they are computed from."""
        return self.published - {slot for slots in self.reasons.values() for slot in slots}

    @property
    def largest(self) -> Window | None:
        """The largest window that can be corrected, of two that are as long the newer one."""
        return largest_of(self.correctable, self.grain)

    @property
    def sentence(self) -> str:
        """The largest window, and what keeps it from being larger."""
        noun, window = self.grain.value, self.largest
        if not self.published:
            return f"Nothing of {self.table} is published, so nothing of it can be corrected."
        lacking = len(self.published) - len(self.correctable)
        why = "; ".join(f"{what} ({days_listed(slots, noun=noun)})" for what, slots in self.reasons.items())
        if window is None:
            return f"No published {noun} of {self.table} can be corrected, because {why}."
        told = (
            f"The largest window of {self.table} that can still be corrected is {window}, {counted(len(window), noun)}"
        )
        if not lacking:
            return f"{told}; every published {noun} can be."
        return f"{told}; {counted(lacking, noun)} {verb(lacking, 'cannot', 'cannot')} be corrected, because {why}."

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        window = self.largest
        return {
            "table": self.table,
            "sentence": self.sentence,
            "largest": window.as_json() if window else None,
            "published": len(self.published),
            "correctable": len(self.correctable),
            "in_the_way": {what: [str(slot) for slot in slots] for what, slots in self.reasons.items()},
            "claimed": {name: [str(slot) for slot in slots] for name, slots in self.claimed.items()},
            "files_looked_for": self.looked,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """Days of a source that can be corrected for a while only: the first and last of them, and until when."""

    retention: Retention
    days: tuple[date, ...]
    needed: tuple[date, ...]

    @property
    def sentence(self) -> str:
        """What ends when, and what of it might still be needed."""
        first, last = self.days[0], self.days[-1]
        ends, ends_last = self.retention.ends(first), self.retention.ends(last)
        told = (
            f"{counted(len(self.days), 'day')} of {self.retention.source} ({first} to {last}) can be corrected until "
        )
        told += f"{ends} only" if ends == ends_last else f"{ends} to {ends_last} only"
        if not self.needed:
            return f"{told}; no correction and no finding speaks of them."
        needed = f"{days_listed(self.needed)} of them might still be needed"
        return f"{told}; {needed}, so correct them before, or keep them longer."


def ending(retention: Retention, days: Collection[date], needed: Collection[date], today: date) -> Ending | None:
    """The days that come to their end within the lead time; None without any. ``needed`` may be needed."""
    oldest = retention.oldest(today)
    if oldest is None:
        return None
    soon = oldest + timedelta(days=retention.warn_days)
    near = tuple(sorted(day for day in days if oldest <= day < soon))
    return Ending(retention, near, tuple(day for day in near if day in needed)) if near else None


def largest_of(slots: Collection[Slot], grain: Grain) -> Window | None:
    """The longest run of slots, of two that are as long the newer, which more people still look at."""
    return max(contiguous(slots, grain=grain), key=lambda window: (len(window), window.first), default=None)
