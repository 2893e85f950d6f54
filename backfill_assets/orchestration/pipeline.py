"""A pipeline as nightly knows it: its table, what that is computed from, and how to learn what landed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from backfill_assets.core.window import Window
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.named import table_of
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class Pipeline:
    """What nightly runs: an office, the assets its table is computed from in order, and the first day there is.

    ``undated`` are refreshed once before all days. ``inputs`` are by day, the sources of the table among them.
    ``moved`` says for which of some published days there is more, or something else, than the inputs hold. ``notes``
    are all that was ever to be told of what was taken in, by a name that no two share, oldest first.
    """

    office: Office
    undated: tuple[dg.AssetsDefinition, ...]
    inputs: tuple[dg.AssetsDefinition, ...]
    first_day: Callable[[], date | None]
    told: Callable[[str, Window], None] = field(default=lambda _what, _window: None)
    moved: Callable[[Records, Collection[date]], frozenset[date]] = field(default=lambda _records, _days: frozenset())
    notes: Callable[[Records], Mapping[str, str]] = field(default=lambda _records: {})

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables a day goes through until it is published, in order."""
        return (*(table_of(asset.key) for asset in self.inputs), self.office.table)
