"""Watermarks of Dagster sensors: a cursor that a correction can set back, though nobody but the sensor may write it."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg

from backfill_assets.core.given import as_slot, slot_given
from backfill_assets.core.holders import UNSAID, Reading
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.table_definition import definition_in, tables_in
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.runbook.watermark_steps import report_use as note_use

DAY = "day"


def report_use(
    definitions: dg.Definitions, lake: LakeResource, reader: str, table: str, commit: int, days: Collection[Slot] = ()
) -> None:
    """Write down which commit of a correctable table a reader outside has used: a cache, a filed report, a model.

    Each correction that swaps days of it later names the reader among those who have seen its wrong numbers, until it
    has used a later commit. Nothing waits for it.

    Args:
        definitions: those that the table's corrections were built into.
        lake: where the table lies.
        reader: by which name it is known.
        table: the table's name.
        commit: Delta's number of the commit, such as ``DeltaTable.version()``.
        days: some slots that it used, from the first to the last; all that there were when left out.

    Raises:
        TableUnknown, HolderUnnamed, HolderInternal, CommitUnmade, DaysUnused: when that cannot be.
    """
    ctx = definition_in(tables_in(definitions), table).step_context(lake, reader)
    note_use(ctx, reader, commit, days)


@dataclass(frozen=True)
class CursorMark:
    """The cursor of a sensor that reads a correctable table day by day, as a holder of a watermark.

    The sensor asks what is pending instead of looking into its cursor, and says what it has read instead of writing
    it; other things that the cursor holds as a JSON object stay. A cursor from before, an ISO day, is understood.

    .. code-block:: python

        mark = CursorMark("billing_export", "daily_orders", LakeResource())

        @dg.sensor(job=export)
        def billing_export(context):
            for day in mark.pending(context) or ():
                yield dg.RunRequest(partition_key=str(day))
            mark.read(context)
    """

    holder: str
    table: str
    lake: LakeResource
    grain: Grain = Grain.DAY
    # What the last look at what is pending was at: a correction that swaps days after it makes them pending again.
    _looked: list[Reading] = field(default_factory=list[Reading], init=False, repr=False, compare=False)

    def pending(self, context: dg.SensorEvaluationContext) -> Window | None:
        """The published days that the sensor has not read, or has to read again; None when there are none."""
        records = self.lake.records()
        if not records.exists(self.table):
            return None
        snapshot = records.snapshot(self.table)
        live, after = snapshot.days, self._after(context)
        newest = max(live, default=None)
        self._looked[:] = [Reading(snapshot.commit, after)]
        first = min(live, default=None) if after is None else self.grain.after(after)
        return Window(first, newest, self.grain) if first and newest and first <= newest else None

    def read(self, context: dg.SensorEvaluationContext, through: Slot | None = None) -> None:
        """Say that everything up to a day is read, or up to the newest published one: in the cursor and on record."""
        looked = self._looked[:]
        pending = self.pending(context)
        reading = (looked or self._looked or [UNSAID])[0]
        self._looked.clear()
        last = through or (pending.last if pending else None)
        if last is None:
            return
        newest = max(self.lake.records().snapshot(self.table).days, default=None)
        watermarks, now = self.lake.records().watermarks, self.lake.now()
        watermarks.advance_verified(self.holder, self.table, last, newest, by=self.holder, at=now, reading=reading)
        context.update_cursor(json.dumps({**_fields(context.cursor), DAY: last.isoformat()}))

    def _after(self, context: dg.SensorEvaluationContext) -> Slot | None:
        """The day after which to read: the record's, which knows of holds; before it knows the sensor, the cursor's."""
        watermarks, now = self.lake.records().watermarks, self.lake.now()
        watermarks.register(self.holder, self.table, by=self.holder, at=now, external=True)
        keeper = watermarks.holders(self.table)[self.holder]
        told = _fields(context.cursor).get(DAY)
        if keeper.mark is None and told:
            cursor = slot_given(str(told), f"the cursor of {self.holder}")
            return min([cursor, *(hold.before for hold in keeper.holds.values())])
        return keeper.effective


def _fields(cursor: str | None) -> dict[str, Any]:
    """What a cursor holds: a JSON object, or a bare ISO day."""
    if not cursor:
        return {}
    try:
        held = json.loads(cursor)
    except (ValueError, RecursionError):
        held = cursor
    if isinstance(held, dict):
        return cast("dict[str, Any]", held)
    return {DAY: str(held)} if as_slot(str(held)) else {}
