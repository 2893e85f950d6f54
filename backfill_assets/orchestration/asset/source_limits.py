"""What sources declare about themselves, in the metadata of their assets: what they bear, and how long they keep."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from backfill_assets.core.retention import Kept
from backfill_assets.errors.base import counted
from backfill_assets.errors.keeping import RetentionDeclaredWrongly
from backfill_assets.errors.setup import SourceLimitInvalid
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.sources.keeping import Keeping

OF_SOURCES = (Kept.RAW, Kept.RATES)
NEVER_ENDS = 0


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The days a minute that sources bear and the days that they are kept, by source; absent ones have no limit."""

    rates: dict[str, float] = field(default_factory=dict[str, float])
    retention_days: dict[str, int] = field(default_factory=dict[str, int])
    keeping: Keeping = field(default_factory=Keeping)

    @property
    def days_per_minute(self) -> float:
        """The smallest rate that any source bears, 0 without a limit."""
        return min(self.rates.values(), default=0.0)


def declared_limits(sources: Iterable[dg.AssetsDefinition], keeping: Keeping | None = None) -> SourceLimits:
    """Read ``backfill_assets/days_per_minute`` and ``backfill_assets/retention_days`` of each source.

    Raises:
        SourceLimitInvalid: when one is no positive number.
        RetentionDeclaredWrongly: when a source says itself that it is kept otherwise than ``keeping`` does.
    """
    declared = [(table_of(key), asset.metadata_by_key.get(key, {})) for asset in sources for key in asset.keys]
    rates = {
        name: _positive(name, tags.DAYS_PER_MINUTE, told) for name, told in declared if tags.DAYS_PER_MINUTE in told
    }
    kept = {name: _positive(name, tags.RETENTION_DAYS, told) for name, told in declared if tags.RETENTION_DAYS in told}
    days = {name: int(days) for name, days in kept.items()}
    keeping = keeping or Keeping()
    for one in keeping.retention:
        if one.what in OF_SOURCES and days.setdefault(one.source, one.days or NEVER_ENDS) != (one.days or NEVER_ENDS):
            fault = f"for {one.told}, and by its own {tags.RETENTION_DAYS} for {counted(days[one.source], 'day')}"
            raise RetentionDeclaredWrongly(one.source, one.what.value, fault)
    return SourceLimits(rates, {name: kept for name, kept in days.items() if kept != NEVER_ENDS}, keeping)


def _positive(source: str, limit: str, told: Any) -> float:
    value = getattr(told[limit], "value", told[limit])
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise SourceLimitInvalid(source, limit, value)
    return float(value)
