"""Computing slots of a table in memory, whole or from thin slices of its largest source; nothing is written."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.slots import Slot
from backfill_assets.errors.correction import SourceDayMissing
from backfill_assets.orchestration.asset.transform import Compute
from backfill_assets.orchestration.asset.wave import ComputeSpec, Wave
from backfill_assets.runbook.previewing import InMemory
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot

ROWS_OF_A_SLOT = 64
"""A slice of a slot has about so many source rows, in two halves."""
LEAST_PART = 16
"""Slices of all slots together are no more than this part of the source."""
_AT = "row\0"
_SEED = 7


@dataclass(frozen=True)
class WaveScratch:
    """The runbook's :class:`~backfill_assets.runbook.previewing.Scratch`: waves that nobody writes."""

    spec: ComputeSpec
    records: Records
    given: Mapping[str, Any]

    def lacking(self, slots: Collection[Slot]) -> dict[Slot, str]:
        """Those of some slots of which a source is not there."""
        found: dict[Slot, str] = {}
        for table, snapshot in self._sources().items():
            reads = self.spec.read.of(table)
            lacking = {slot: snapshot.lacking(reads.needed(slot)) for slot in slots}
            found |= {slot: str(SourceDayMissing(table, gone[0])) for slot, gone in lacking.items() if gone}
        return found

    def whole(self, slots: Collection[Slot], before: Mapping[Slot, pl.DataFrame]) -> InMemory:
        """Compute some slots as a wave does."""
        began = time.perf_counter()
        wave = self.spec.wave(self.records, slots, given=self.given, computed=before)
        reasons = {slot: str(why) for slot, why in wave.reasons.items()}
        return InMemory(wave.frames, reasons, wave.inputs, time.perf_counter() - began)

    def slices(self, slots: Collection[Slot]) -> tuple[pl.LazyFrame, pl.LazyFrame] | None:
        """Compute slots from two halves of a thin slice of the source that has most rows; the others are whole."""
        largest, rows = self._largest(slots)
        part = max(LEAST_PART, rows // (len(slots) * ROWS_OF_A_SLOT))
        if rows < 2 * part or self.spec.read.carried is not None:
            return None
        try:
            first, second = (self._slice(slots, largest, 2 * part, half * part) for half in (0, 1))
        except FAULTS:  # whatever an author's function makes of few rows, slots are drawn without them
            return None
        return (first, second) if first is not None and second is not None else None

    def _sources(self) -> dict[str, Snapshot]:
        records = self.records.reading(self.spec.read.outside)
        return {table: records.snapshot(table) for table in self.spec.sources.values()}

    def _largest(self, slots: Collection[Slot]) -> tuple[str, int]:
        """The parameter that is given most rows, and how many."""
        snapshots = self._sources()
        counted = {
            parameter: snapshots[table].read(self.spec.read.of(table).of(slots)).select(pl.len()).collect().item()
            for parameter, table in self.spec.sources.items()
        }
        return max(counted.items(), key=lambda one: one[1], default=("", 0))

    def _slice(self, slots: Collection[Slot], parameter: str, part: int, kept: int) -> pl.LazyFrame | None:
        spec = replace(self.spec, compute=SomeRows(self.spec.compute, parameter, part, kept), schema=None)
        wave: Wave = spec.wave(self.records, slots, given=self.given)
        if not wave.frames:
            return None
        return wave.partition.as_slots(pl.concat(wave.frames.values()).lazy())


@contextmanager
def scratch_of(spec: ComputeSpec, records: Records, resources: Mapping[str, Any]) -> Iterator[WaveScratch]:
    """Computes slots of a table beside any run; its resources are there meanwhile, in an instance of their own.

    Where the transform takes Dagster's context, it is given one that knows of no run and of no partitions.
    """
    taken = spec.taken
    wanted = {name: resources[name] for name in taken.resources if name in resources}
    with dg.build_resources(wanted) as there:
        given = taken.given_without_run(there)
        context = {taken.context: dg.build_asset_context()} if taken.context else {}
        yield WaveScratch(spec, records, {**given, **context})


@dataclass
class SomeRows:
    """A transform that is given one row of so many of one source; once it has failed it is not tried again."""

    compute: Compute
    parameter: str
    part: int
    kept: int
    failure: BaseException | None = None

    def __call__(self, **sources: Any) -> Any:
        """What it makes of them."""
        if self.failure is not None:
            raise self.failure
        rows: pl.LazyFrame = sources[self.parameter]
        some = rows.with_row_index(_AT).filter(pl.col(_AT).hash(_SEED) % self.part == self.kept).drop(_AT)
        try:
            return self.compute(**{**sources, self.parameter: some})
        except FAULTS as error:
            self.failure = error
            raise
