"""Watermarks of Dagster sensors: a cursor that a correction can set back, though nobody but the sensor may write it."""

import json
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg

from backfill_assets.core.given import as_slot, slot_given
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.resources import LakeResource

DAY = "day"


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

    def pending(self, context: dg.SensorEvaluationContext) -> Window | None:
        """The published days that the sensor has not read, or has to read again; None when there are none."""
        records = self.lake.records()
        if not records.exists(self.table):
            return None
        live = records.snapshot(self.table).days
        newest = max(live, default=None)
        after = self._after(context)
        first = min(live, default=None) if after is None else self.grain.after(after)
        return Window(first, newest, self.grain) if first and newest and first <= newest else None

    def read(self, context: dg.SensorEvaluationContext, through: Slot | None = None) -> None:
        """Say that everything up to a day is read, or up to the newest published one: in the cursor and on record."""
        pending = self.pending(context)
        last = through or (pending.last if pending else None)
        if last is None:
            return
        newest = max(self.lake.records().snapshot(self.table).days, default=None)
        watermarks, now = self.lake.records().watermarks, self.lake.now()
        watermarks.advance_verified(self.holder, self.table, last, newest, by=self.holder, at=now)
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
    except ValueError:
        held = cursor
    if isinstance(held, dict):
        return cast("dict[str, Any]", held)
    return {DAY: str(held)} if as_slot(str(held)) else {}
