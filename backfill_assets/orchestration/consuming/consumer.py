"""A consumer of a log as Dagster knows it: a correctable table, whose own function computes what the log touches."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from backfill_assets.core.position import Position
from backfill_assets.core.slots import Slot
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wave import ComputeSpec
from backfill_assets.orchestration.instance.resources import LakeResource, git_commit
from backfill_assets.runbook.consuming import Computed, Consumer, Turn
from backfill_assets.sources.log import Log
from backfill_assets.storage.bookmarks import was_replaced
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records


@dataclass(frozen=True)
class ConsumerDefinition:
    """A table that a consumer keeps from a log; the function and the other sources are those of its corrections.

    ``until_switched`` computes it instead until a correction that was read beside it is cut over.
    """

    definition: TableDefinition
    log: Log
    until_switched: ComputeSpec | None = None

    @property
    def name(self) -> str:
        """The consumer, called as the table that it keeps."""
        return self.definition.table

    @property
    def replaces(self) -> str:
        """The version of the code that is live until a switch; empty where there is none."""
        return self.until_switched.code_version if self.until_switched else ""

    def turn(self, lake: LakeResource, actor: str, run_id: str = "", given: Mapping[str, Any] | None = None) -> Turn:
        """A turn on a lake; ``given`` is what the function takes beside its sources."""
        consumer = Consumer(self.name, self.name, self.log, self._computing(given or {}), self.definition.partition)
        return Turn(consumer, self.definition.knowing(lake.records()), actor, lake.now(), run_id, git_commit())

    def _computing(self, given: Mapping[str, Any]) -> Any:
        def compute(records: Records, slots: Collection[Slot], upto: Position) -> Computed:
            spec = self._spec(records)
            pins = self.log.pins(upto)
            read = records if pins else records.reading({self.log.name: _Read(self.log, records, upto)})  # pyright: ignore[reportArgumentType]
            wave = spec.wave(read, slots, pins=pins, given=given)
            measures = spec.columns.measures
            return Computed(wave.frames, wave.reasons, wave.inputs, wave.code_version, measures, wave.partition)

        return compute

    def _spec(self, records: Records) -> ComputeSpec:
        """What computes now, as the table says; a switch meanwhile moves the bookmark, and the turn is taken anew."""
        spec, before = self.definition.compute_spec, self.until_switched
        if before is None:
            return spec
        live = records.newest(self.name)
        return spec if live is not None and was_replaced(live, self.name, before.code_version) else before


@dataclass(frozen=True)
class _Read:
    """A log that is no table of the lake, in the place of one that a transform reads."""

    log: Log
    records: Records
    upto: Position
    is_pinned: bool = False

    def snapshot(self, lake: Lake, name: str, commit: int | None = None) -> "_Read":
        """The log as known at the position, whatever is asked for."""
        del lake, name, commit
        return self

    def read(self, slots: Collection[Slot]) -> pl.LazyFrame:
        """The records of some slots that count."""
        return self.log.rows(self.records, slots, self.upto)

    def lacking(self, slots: Collection[Slot]) -> list[Slot]:
        """None: a slot without records is empty."""
        del slots
        return []

    def fingerprint_over(self, slots: Collection[Slot]) -> str:
        """The position, which says what was known."""
        del slots
        return hashlib.sha256(self.log.told(self.upto).encode()).hexdigest()
