"""What live has by slot, and what a change of it does to the reports that read it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import sqrt

import polars as pl

from backfill_assets.core.drawing import Drawn, estimate
from backfill_assets.core.effects import exact
from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.preview import ROWS, Effect, PartitionEffect, Preview, ReportEffect
from backfill_assets.core.slices import Foreseen
from backfill_assets.core.slots import Slot, calendar_day
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.stale_readers import LONGEST_SLOT
from backfill_assets.storage.snapshot import Snapshot

MOST_SLOTS = 400
"""Of more slots it is not looked at one by one which partitions of reports read them."""
LARGEST = 3
FEWEST = 2
"""One drawn slot tells nothing of the others of a partition."""
_ABS = "volume\0"


@dataclass(frozen=True, slots=True)
class LiveSums:
    """What live has of each measure by slot: with signs as decimals, without as ``volumes``; rows under their name."""

    by: str
    frame: pl.DataFrame

    @property
    def volumes_frame(self) -> pl.DataFrame:
        """The volumes of each slot, a column a measure."""
        return self.frame.select(self.by, pl.col(f"^{_ABS}.*$").name.map(lambda name: name.removeprefix(_ABS)))

    @property
    def volumes(self) -> dict[str, dict[Slot, float]]:
        """The volumes by measure and slot."""
        names = [name.removeprefix(_ABS) for name in self.frame.columns if name.startswith(_ABS)]
        return {name: self.volume_of(name) for name in names}

    def volume_of(self, name: str) -> dict[Slot, float]:
        """What each slot has of a measure without signs; how many rows, where the name is empty."""
        return {slot: float(value) for slot, value in self._column(f"{_ABS}{name}" if name else ROWS).items()}

    def of(self, name: str) -> dict[Slot, Decimal]:
        """What each slot has of a measure."""
        return {slot: Decimal(value) for slot, value in self._column(name).items()}

    def totals(self, slots: Collection[Slot]) -> dict[str, Decimal]:
        """What some slots have in all, rows first, then measure by measure."""
        names = [name for name in self.frame.columns if name != self.by and not name.startswith(_ABS)]
        wanted = frozenset(slots)
        return {
            name: sum((amount for slot, amount in self.of(name).items() if slot in wanted), Decimal(0))
            for name in names
        }

    def _column(self, name: str) -> dict[Slot, Decimal | float | int]:
        slots = slots_in(self.frame[self.by])
        return {slot: value for slot, value in zip(slots, self.frame[name], strict=True) if slot is not None}


def live_sums(ctx: StepContext, live: Snapshot, slots: Collection[Slot]) -> LiveSums:
    """Add live up by slot: nothing is computed anew."""
    by, measures = live.partition.name, [name for name in ctx.table.measures if name in live.schema]
    rows = live.partition.as_slots(live.scan(sorted(live.days & set(slots))))
    found = rows.group_by(by).agg(
        pl.len().alias(ROWS),
        *(pl.col(name).sum() for name in measures),
        *(pl.col(name).cast(pl.Float64).abs().sum().alias(f"{_ABS}{name}") for name in measures),
    )
    return LiveSums(by, found.collect(engine="streaming"))


def reached_reports(
    ctx: StepContext, found: Preview, drawn: Sequence[Drawn], slots: Collection[Slot], foreseen: Foreseen
) -> tuple[ReportEffect, ...]:
    """What the change does to each report: the partitions that it reaches, and those whose slots change most.

    Of a slot that was not drawn the slices tell; without them, only partitions with two drawn slots are told of.
    """
    if not found.changed:
        return ()
    reached = ctx.surroundings.reach(slots)
    if len(slots) > MOST_SLOTS or found.main.name == ROWS:
        return tuple(ReportEffect(report, len(keys)) for report, keys in reached.items())
    around = _around(ctx, slots)
    before = live_sums(ctx, ctx.records.snapshot(ctx.table.name), around).of(found.main.name)
    read = _slots_of_partitions(ctx, around)
    told: list[ReportEffect] = []
    for report, keys in reached.items():
        parts = {key: read[report, key] for key in keys if (report, key) in read}
        effects = [_partition(key, within, before, found, drawn, foreseen) for key, within in parts.items()]
        largest = sorted((one for one in effects if one), key=lambda one: -abs(one.share))[:LARGEST]
        told.append(ReportEffect(report, len(keys), tuple(largest)))
    return tuple(told)


def _around(ctx: StepContext, slots: Collection[Slot]) -> list[Slot]:
    """The live slots that partitions of reports may read beside those of the window."""
    first, last = calendar_day(min(slots)) - LONGEST_SLOT, calendar_day(max(slots)) + LONGEST_SLOT
    near = {slot for slot in ctx.records.days(ctx.table.name) if first <= calendar_day(slot) <= last}
    known = near - {*ctx.surroundings.unknown_days(near)}
    return sorted(known | set(slots)) if len(known) <= MOST_SLOTS else sorted(slots)


def _slots_of_partitions(ctx: StepContext, slots: Collection[Slot]) -> Mapping[tuple[str, str], set[Slot]]:
    read: dict[tuple[str, str], set[Slot]] = {}
    for slot in slots:
        for report, keys in ctx.surroundings.reach([slot]).items():
            for key in keys:
                read.setdefault((report, key), set()).add(slot)
    return read


def _partition(
    key: str,
    within: Collection[Slot],
    before: Mapping[Slot, Decimal],
    found: Preview,
    drawn: Sequence[Drawn],
    foreseen: Foreseen,
) -> PartitionEffect | None:
    """What a partition reads and by how much that changes; None where it cannot be told."""
    effect: Effect = found.main
    whole = sum((before.get(slot, Decimal(0)) for slot in within), Decimal(0))
    known = {one.slot: one.net_of(effect.name) for one in found.drawn}
    if not whole:
        return None
    if not foreseen.net and not found.is_whole:
        if sum(slot in within for slot in known) < FEWEST:
            return None
        part = estimate(drawn, known, within=within)
        return _effect(key, part.total, part.half_width, whole)
    expected = exact(foreseen.net) | known
    change = sum((expected.get(slot, Fraction(0)) for slot in within), Fraction(0))
    sizes = {slot: size / one.total for one in drawn for slot, size in one.group.items()}
    unseen = sum(sizes.get(slot, 0.0) for slot in within if slot not in known)
    half = effect.net.half_width
    return _effect(key, change, None if half is None else half * sqrt(unseen), whole)


def _effect(key: str, change: Fraction, half_width: float | None, whole: Decimal) -> PartitionEffect:
    of = abs(float(whole))
    return PartitionEffect(key, float(change) / of, None if half_width is None else half_width / of)
