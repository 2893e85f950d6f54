"""Whether a day comes out the same computed alone and together with others: hidden state, chance and clocks show so."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import polars as pl

from backfill_assets.core.audited import Audited, Verdict
from backfill_assets.core.comparison import compare
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.asset.declared import Declared
from backfill_assets.orchestration.asset.failing_days import stretches_of
from backfill_assets.orchestration.asset.wave import ComputeSpec, Wave
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import same_rows


@dataclass(frozen=True, slots=True)
class TriedWave(Wave):
    """A wave of which some days were computed alone as well, each with what differs; empty where nothing does."""

    alone: Mapping[Slot, str] = field(default_factory=dict[Slot, str])


def tried_alone(
    spec: ComputeSpec,
    records: Records,
    wave: Wave,
    *,
    pins: Mapping[str, int] | None = None,
    given: Mapping[str, Any] | None = None,
) -> TriedWave:
    """Compute one day of a wave again, alone: the middle one, which has days before and after it, where there are any.

    Of a wave longer than usual it is one of each stretch that has as many days as a wave usually has. One that differs
    is computed once more, to tell what is not the same twice from what reads other days.
    """
    options = {"pins": pins, "given": given}
    told = {day: _tried(spec, records, wave, day, options) for day in tried_of(wave.frames)}
    return TriedWave(**{one.name: getattr(wave, one.name) for one in fields(wave)}, alone=told)


def apart(
    day: Slot, frames: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], columns: Declared, by: PartitionColumn
) -> Audited | None:
    """How a day computed alone differs from itself, computed alone again and together; None where it does not."""
    alone, again, together = frames
    for verdict, other in ((Verdict.NOT_DETERMINISTIC, again), (Verdict.READS_OTHER_DAYS, together)):
        if not same_rows(alone, other):
            return Audited(day, verdict, "", difference(alone, other, columns, by), grain=by.grain)
    return None


def difference(old: pl.DataFrame, new: pl.DataFrame, columns: Declared, by: PartitionColumn) -> str:
    """How much of a day differs, in a few words."""
    keys = [by.name, *columns.keys]
    if old.schema != new.schema or any(frame.select(keys).is_duplicated().any() for frame in (old, new)):
        return f"{counted(old.height, 'row')} before and {new.height:,} now"
    found = compare(old.lazy(), new.lazy(), keys=columns.keys, measures=columns.measures, by=by.name)
    moved = [f"{name} by {sums.change:+f}" for name, sums in found.totals.items() if sums.change]
    rows = found.differing + found.only_old + found.only_new
    return f"{rows:,} of {counted(max(old.height, new.height), 'row')}" + (f", {' and '.join(moved)}" if moved else "")


def tried_of(days: Collection[Slot]) -> list[Slot]:
    """The days of a wave that are computed alone as well: the middle one of each stretch that a wave usually is."""
    return [stretch[len(stretch) // 2] for stretch in stretches_of(sorted(days))]


def _tried(spec: ComputeSpec, records: Records, wave: Wave, day: Slot, options: Mapping[str, Any]) -> str:
    tries: list[pl.DataFrame] = []
    # Where state is carried, from the very day before that its own wave has computed.
    others = {slot: frame for slot, frame in wave.frames.items() if slot != day}
    for _ in range(2):
        alone = spec.wave(records, [day], correction=wave.correction, computed=others, **options)
        if day in alone.reasons:
            return f"{day} cannot be computed alone ({str(alone.reasons[day]).rstrip('.')})."
        if same_rows(alone.frames[day], wave.frames[day]) and not tries:
            return ""
        tries.append(alone.frames[day])
    found = apart(day, (tries[0], tries[1], wave.frames[day]), spec.columns, wave.partition)
    return found.sentence if found else ""
