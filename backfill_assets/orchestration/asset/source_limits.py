"""What sources declare about themselves, in the metadata of their assets: what they bear, and how long they keep."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from backfill_assets.core.retention import Kept
from backfill_assets.errors.base import counted
from backfill_assets.errors.keeping import RetentionDeclaredWrongly
from backfill_assets.errors.setup import ReadersInvalid, SourceLimitInvalid
from backfill_assets.orchestration.asset.arguments import is_whole
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.sources.keeping import Keeping

OF_SOURCES = (Kept.RAW, Kept.RATES)
NEVER_ENDS = 0
MOST_READERS = 10_000


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The days a minute that sources bear and the days that they are kept, by source; absent ones have no limit.

    One with a rate is read by one wave at a time, and within it by as many workers as ``readers`` says, else by one.
    """

    rates: dict[str, float] = field(default_factory=dict[str, float])
    retention_days: dict[str, int] = field(default_factory=dict[str, int])
    keeping: Keeping = field(default_factory=Keeping)
    readers: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def most_readers(self) -> int | None:
        """How many workers may read the sources at once; None where none of them is limited."""
        return min((self.readers.get(source, 1) for source in self.rates), default=None)

    @property
    def days_per_minute(self) -> float:
        """The smallest rate that any source bears, 0 without a limit."""
        return min(self.rates.values(), default=0.0)


def declared_limits(sources: Iterable[dg.AssetsDefinition], keeping: Keeping | None = None) -> SourceLimits:
    """Read ``backfill_assets/days_per_minute``, ``…/readers`` and ``…/retention_days`` of each source.

    Raises:
        SourceLimitInvalid: when one is no positive number.
        ReadersInvalid: when readers are no whole number, or are counted of a source without a rate.
        RetentionDeclaredWrongly: when a source says itself that it is kept otherwise than ``keeping`` does.
    """
    declared = [(table_of(key), asset.metadata_by_key.get(key, {})) for asset in sources for key in asset.keys]
    rates = {
        name: _positive(name, tags.DAYS_PER_MINUTE, told) for name, told in declared if tags.DAYS_PER_MINUTE in told
    }
    kept = {name: _positive(name, tags.RETENTION_DAYS, told) for name, told in declared if tags.RETENTION_DAYS in told}
    readers = {name: _counted(name, told) for name, told in declared if tags.READERS in told}
    days = {name: int(days) for name, days in kept.items()}
    keeping = keeping or Keeping()
    for one in keeping.retention:
        if one.what in OF_SOURCES and days.setdefault(one.source, one.days or NEVER_ENDS) != (one.days or NEVER_ENDS):
            fault = f"for {one.told}, and by its own {tags.RETENTION_DAYS} for {counted(days[one.source], 'day')}"
            raise RetentionDeclaredWrongly(one.source, one.what.value, fault)
    return SourceLimits(rates, {name: kept for name, kept in days.items() if kept != NEVER_ENDS}, keeping, readers)


def _counted(source: str, told: Any) -> int:
    """How many may read a source at once, which is kept for those alone whose waves the ledger lets in one by one."""
    value = getattr(told[tags.READERS], "value", told[tags.READERS])
    if not is_whole(value, 1, MOST_READERS) or tags.DAYS_PER_MINUTE not in told:
        raise ReadersInvalid(source, value)
    return int(value)


def _positive(source: str, limit: str, told: Any) -> float:
    value = getattr(told[limit], "value", told[limit])
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise SourceLimitInvalid(source, limit, value)
    return float(value)
