"""What sources declare about themselves, in the metadata of their assets: what they bear, and how long they keep."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from backfill_assets.errors.setup import SourceLimitInvalid
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The days a minute that sources bear and the days that they are kept, by source; absent ones have no limit."""

    rates: dict[str, float] = field(default_factory=dict[str, float])
    retention_days: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def days_per_minute(self) -> float:
        """The smallest rate that any source bears, 0 without a limit."""
        return min(self.rates.values(), default=0.0)


def declared_limits(sources: Iterable[dg.AssetsDefinition]) -> SourceLimits:
    """Read ``backfill_assets/days_per_minute`` and ``backfill_assets/retention_days`` of each source.

    Raises:
        SourceLimitInvalid: when one is no positive number.
    """
    declared = [(table_of(key), asset.metadata_by_key.get(key, {})) for asset in sources for key in asset.keys]
    rates = {
        name: _positive(name, tags.DAYS_PER_MINUTE, told) for name, told in declared if tags.DAYS_PER_MINUTE in told
    }
    kept = {name: _positive(name, tags.RETENTION_DAYS, told) for name, told in declared if tags.RETENTION_DAYS in told}
    return SourceLimits(rates, {name: int(days) for name, days in kept.items()})


def _positive(source: str, limit: str, told: Any) -> float:
    value = getattr(told[limit], "value", told[limit])
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise SourceLimitInvalid(source, limit, value)
    return float(value)
