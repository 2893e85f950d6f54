"""Computing the days of a wave: together where all is well, without those that fail where it is not."""

import hashlib
import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Protocol, cast

import polars as pl

from backfill_assets.core.carried import CarriedRows
from backfill_assets.core.faults import FAULTS
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.correction import SourceDayMissing
from backfill_assets.errors.failure import Failure
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous
from backfill_assets.errors.transform import ColumnsNotReturned, FrameUnknown, MeasuresInexact, RowsOfOtherDays
from backfill_assets.orchestration.asset.declared import Declared
from backfill_assets.orchestration.asset.failing_days import said, without_failing
from backfill_assets.orchestration.asset.frames import frame_of, validated
from backfill_assets.orchestration.asset.guard import Guarded
from backfill_assets.orchestration.asset.source import SourcesRead
from backfill_assets.orchestration.asset.stopwatch import Stopwatch
from backfill_assets.orchestration.asset.transform import Compute, Taken
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.carried import SlotsBefore
from backfill_assets.storage.layout import staged_name
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table

LOOKED_AT = 100
"""So many values of a column of text show how it spells slots."""
OF_EVERY_DAY = (ColumnsNotReturned, MeasuresInexact, FrameUnknown, ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous)
"""What a transform does wrong for every day: no other day can help."""


class FrameSchema(Protocol):
    """What a schema has to be able to do: return the frame, or raise. Pandera's models can."""

    def validate(self, check_obj: Any, /) -> Any:
        """Return the frame if it is valid."""
        ...


@dataclass(frozen=True, slots=True)
class Wave:
    """The days of one run: their rows, the reasons of those that failed, and what each was computed from.

    ``inputs`` maps a day to the fingerprint of each source's files of that day. With a ``correction`` the days belong
    into its staged version of the table, without into the live one. ``stopwatch`` runs since it was begun.
    ``guarded`` is what whoever writes it has to look at first.
    """

    table: str
    frames: Mapping[date, pl.DataFrame]
    reasons: Mapping[date, Failure]
    inputs: Mapping[date, Mapping[str, str]]
    code_version: str
    correction: str = ""
    guarded: Guarded = field(default_factory=Guarded)
    partition: PartitionColumn = BY_DAY
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def seconds_per_day(self) -> float:
        """The seconds since the wave was begun, shared by its days."""
        return self.stopwatch.seconds / self._tried

    @property
    def core_seconds_per_day(self) -> float:
        """What it has cost so far, shared by its days."""
        return self.core_seconds / self._tried

    @property
    def _tried(self) -> int:
        return max(1, len(self.frames) + len(self.reasons))

    @property
    def core_seconds(self) -> float:
        """What it has cost so far."""
        return self.stopwatch.core_seconds

    @property
    def name(self) -> str:
        """What people call the table that the days go to."""
        return staged_name(self.table, self.correction) if self.correction else self.table

    @property
    def rows(self) -> int:
        """How many rows the days have together."""
        return sum(len(frame) for frame in self.frames.values())

    def write_into(self, target: Table) -> Mapping[Slot, DataFile]:
        """Write a file a day into the folder of a table, visible to nobody yet."""
        return cast("Mapping[Slot, DataFile]", target.write_files({**self.frames}))

    def sums_of(self, day: Slot) -> dict[str, str]:
        """The sums of a day's measures, in plain decimals."""
        frame = self.frames[day]
        return {name: f"{Decimal(frame[name].sum() or 0):f}" for name in self.guarded.measures}


@dataclass(frozen=True, slots=True)
class ComputeSpec:
    """How a table is computed: the function, its sources by parameter name, the schema of its rows, its version."""

    table: str
    compute: Compute
    sources: Mapping[str, str]
    code_version: str
    schema: FrameSchema | type[Any] | None = None
    look_back_days: int = 3
    columns: Declared = field(default_factory=Declared)
    taken: Taken = field(default_factory=Taken)
    read: SourcesRead = field(default_factory=SourcesRead)

    @property
    def tables_in_lake(self) -> frozenset[str]:
        """The sources that are tables of the lake."""
        return frozenset(self.sources.values()) - self.read.outside.keys()

    @property
    def tables_pinned(self) -> tuple[str, ...]:
        """The sources that a correction can pin, in order."""
        unpinned = {table for table, source in self.read.outside.items() if not source.is_pinned}
        return tuple(table for table in dict.fromkeys(self.sources.values()) if table not in unpinned)

    def fingerprints(self, snapshots: Mapping[str, Snapshot], slot: Slot) -> dict[str, str]:
        """What one slot is computed from: the fingerprint of the files that it reads of each source, by table."""
        return {table: found.fingerprint_over(self.read.of(table).of([slot])) for table, found in snapshots.items()}

    def wave(
        self,
        records: Records,
        days: Collection[Slot],
        *,
        correction: str = "",
        pins: Mapping[str, int] | None = None,
        given: Mapping[str, Any] | None = None,
        computed: Mapping[Slot, pl.DataFrame] | None = None,
    ) -> Wave:
        """Compute the days from the newest commits of the sources, or from pinned ones.

        Rows that are returned for the days that sources are looked back at are left out: some of theirs are missing.
        ``given`` is what the transform takes beside its sources. A day that fails fails alone: the others are computed
        again without it. Where state is carried the days are computed in order, each from the one before it, and those
        after one that failed fail too; ``computed`` are rows of days before that are to be taken as they are.

        Raises:
            MeasuresInexact, ColumnsNotReturned, FrameUnknown: when what the transform returns is what no day may be.
        """
        stopwatch, records = Stopwatch(), records.reading(self.read.outside)
        snapshots = {name: records.snapshot(table, (pins or {}).get(table)) for name, table in self.sources.items()}
        reasons = self._absent(snapshots, days)
        live, given = records.spelling_of(self.table, self.columns.partition), given or {}
        read, carried = {self.sources[name]: snapshot for name, snapshot in snapshots.items()}, self.read.carried
        guarded = Guarded(self.look_back_days, measures=self.columns.measures)
        if carried is None:
            frames = self._together(snapshots, days, given, live, reasons)
            inputs = {day: self.fingerprints(read, day) for day in frames}
        else:
            before = SlotsBefore(records, self.table, carried, live, correction, pins or {}, {**(computed or {})})
            frames = self._in_order(snapshots, days, given, before, reasons)
            inputs = {day: {**self.fingerprints(read, day), self.table: before.links[day].before} for day in frames}
            contents = {day: before.links[day].content for day in frames}
            guarded = replace(guarded, carried=CarriedRows(contents, before.read))
        column = next((spelled_in(frame, self.table, live) for frame in frames.values()), live)
        return Wave(self.table, frames, reasons, inputs, self.code_version, correction, guarded, column, stopwatch)

    def _together(
        self,
        snapshots: Mapping[str, Snapshot],
        days: Collection[Slot],
        given: Mapping[str, Any],
        live: PartitionColumn,
        reasons: dict[Slot, Failure],
    ) -> dict[Slot, pl.DataFrame]:
        """The days at once, or without those that fail where that fails; reasons are added of these."""
        sound = sorted(set(days) - reasons.keys())
        try:
            return self._days(snapshots, sound, given, live) if sound else {}
        except OF_EVERY_DAY:
            raise
        except FAULTS as error:  # whatever an author's function raises is the day's reason
            if len(sound) == 1:
                reasons[sound[0]] = said(error)
                return {}
        frames, failed = without_failing(lambda some: self._days(snapshots, some, given, live), sound)
        reasons |= failed
        return frames

    def _in_order(
        self,
        snapshots: Mapping[str, Snapshot],
        days: Collection[Slot],
        given: Mapping[str, Any],
        before: SlotsBefore,
        reasons: dict[Slot, Failure],
    ) -> dict[Slot, pl.DataFrame]:
        """Each day from the one before it; reasons are added of those that fail, and of all that follow them."""
        frames: dict[Slot, pl.DataFrame] = {}
        for day in sorted(days):
            try:
                if day not in reasons:
                    told = {**given, before.carried.parameter: before.rows(day).lazy()}
                    made = self._days(snapshots, [day], told, before.by)
                    before.made(day, made[day])
                    frames |= made
            except OF_EVERY_DAY:
                raise
            except FAULTS as error:
                reasons[day] = said(error)
            if day in reasons:
                before.failed(day)
        return frames

    def _days(
        self,
        snapshots: Mapping[str, Snapshot],
        days: Collection[Slot],
        given: Mapping[str, Any],
        live: PartitionColumn,
    ) -> dict[Slot, pl.DataFrame]:
        read = {name: self.read.of(self.sources[name]) for name in snapshots}
        inputs = {name: snapshot.read(read[name].of(days)) for name, snapshot in snapshots.items()}
        looked_back = {slot for one in read.values() for slot in one.before(days)}
        frame = frame_of(self.table, self.compute(**inputs, **given))
        if looked_back:
            frame = _without(frame, looked_back, spelled_in(frame, self.table, live))
        if self.schema is not None:
            frame = validated(self.schema.validate, frame)
        self.columns.refuse(self.table, frame.schema)
        return split_days(frame, days, self.table, spelled_in(frame, self.table, live))

    def _absent(self, snapshots: Mapping[str, Snapshot], days: Collection[Slot]) -> dict[Slot, Failure]:
        reasons: dict[Slot, Failure] = {}
        for name, snapshot in snapshots.items():
            table = self.sources[name]
            for day in sorted(days):
                if lacking := snapshot.lacking(self.read.of(table).needed(day)):
                    reasons[day] = said(SourceDayMissing(table, lacking[0]))
        return reasons


def _without(frame: pl.DataFrame, slots: Collection[Slot], column: PartitionColumn) -> pl.DataFrame:
    """The rows that are of other slots than these, which are given to be looked back at."""
    of_these = column.slots(pl.col(column.name)).is_in(list(slots))
    return frame.filter(~of_these.fill_null(value=False))


def spelled_in(frame: pl.DataFrame, table: str, live: PartitionColumn) -> PartitionColumn:
    """How a frame spells slots: as the live table does where it is of the same type, else by what is in it.

    Raises:
        ColumnsNotReturned: when the frame lacks the column.
        ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous: when the column cannot hold slots.
    """
    if live.name not in frame.schema:
        raise ColumnsNotReturned(table, [live.name], frame.columns)
    return live.spelled_as(frame.schema[live.name], lambda: frame[live.name].head(LOOKED_AT).to_list())


def split_days(
    frame: pl.DataFrame, days: Collection[Slot], table: str, column: PartitionColumn = BY_DAY
) -> dict[Slot, pl.DataFrame]:
    """The frame's rows by day; a day without rows has an empty frame.

    Raises:
        RowsOfOtherDays: when rows belong to none of the days.
    """
    parts = column.split(frame)
    if strange := parts.keys() - set(days):
        unread = frame.filter(column.slots(pl.col(column.name)).is_null()) if None in strange else frame.clear()
        example = next(iter(unread[column.name]), None)
        others = [day for day in strange if day is not None]
        raise RowsOfOtherDays(table, column.name, others, example, unread.height, column.grain.value)
    return {day: parts.get(day, frame.clear()) for day in days}


def without_frames(wave: Wave, why: Failure) -> Wave:
    """The wave with none of its days, all of which failed for one reason."""
    return replace(wave, frames={}, reasons={**wave.reasons, **dict.fromkeys(wave.frames, why)})


def source_version(*made: Any) -> str:
    """A short hash of the source of functions or modules: a code version that changes with any character of it."""
    text = "".join(inspect.getsource(part) for part in made)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
