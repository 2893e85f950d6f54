"""A table as it will be once the validated days of a staged version are swapped in, read before that has happened."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from backfill_assets.core.slots import Slot
from backfill_assets.storage.layout import SLOT, staged_folder
from backfill_assets.storage.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Overlay:
    """Which slots of a table are read from the staged version of a correction."""

    correction: str
    slots: frozenset[Slot]


@dataclass(frozen=True)
class Overlaid(Snapshot):
    """A commit of a live table, with some slots from a staged version of it, whose files lie below its folder.

    Files have the paths that a swap gives them, so that fingerprints are those of live after it.
    """

    staged: Snapshot | None = None
    overlay: Overlay | None = None

    @classmethod
    def of(cls, live: Snapshot, staged: Snapshot, overlay: Overlay) -> "Overlaid":
        """The live commit below the staged slots, with the columns of both."""
        schema = pl.Schema({**live.schema, **staged.schema})
        return cls(live.handle, live.folder, schema, live.partition, staged, overlay)

    @cached_property
    def _actions(self) -> pl.DataFrame:
        live = Snapshot(self.handle, self.folder, self.schema, self.partition)
        if self.staged is None or self.overlay is None:
            return live.actions
        slots = pl.Series(list(self.overlay.slots), dtype=self.partition.slot_type).implode()
        below = staged_folder(self.overlay.correction)
        kept = live.actions.filter(~pl.col(SLOT).is_in(slots).fill_null(value=False))
        brought = self.staged.actions.filter(pl.col(SLOT).is_in(slots))
        brought = brought.with_columns(path=pl.lit(f"{below}/") + pl.col("path"))
        return pl.concat([kept, brought], how="diagonal_relaxed")
