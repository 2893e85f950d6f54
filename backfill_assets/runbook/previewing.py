"""Previewing a correction, or a change of code: a few slots computed in memory, and what they say of all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

import polars as pl

from backfill_assets.core.comparison import compare
from backfill_assets.core.drawing import Drawn, draw, sizes_of
from backfill_assets.core.effects import gross_by_slot, measured_effects
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.preview import Cost, Effect, Preview, Recomputed
from backfill_assets.core.slices import Foreseen, Sliced, beside_live, foresee
from backfill_assets.core.slots import Slot
from backfill_assets.core.validation import validate_days
from backfill_assets.core.wave_size import DayTakes, sized
from backfill_assets.core.waves import PastRun, WavePolicy, estimate, in_order, ordered_waves, within_rate
from backfill_assets.core.window import Window
from backfill_assets.errors.previewing import NothingRecomputed, NothingToPreview, SourceBearsFewer, StateNeedsWhole
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.reached import LiveSums, live_sums, reached_reports
from backfill_assets.storage.schema import fitted
from backfill_assets.storage.snapshot import Snapshot

TOGETHER = 15
HANDFUL = 5


@dataclass(frozen=True, slots=True)
class InMemory:
    """Slots that were computed, the reasons of those that could not be, and what each was computed from."""

    frames: Mapping[Slot, pl.DataFrame]
    reasons: Mapping[Slot, str]
    inputs: Mapping[Slot, Mapping[str, str]]
    seconds: float


class Scratch(Protocol):
    """Computes slots of a table in memory; nothing is written anywhere."""

    def lacking(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
        """Those of some slots whose sources are not there, each with the reason."""
        ...

    def whole(self, slots: Collection[Slot], before: Mapping[Slot, pl.DataFrame]) -> InMemory:
        """Compute some slots; ``before`` are rows that are carried into them."""
        ...

    def slices(self, slots: Collection[Slot]) -> tuple[pl.LazyFrame, pl.LazyFrame] | None:
        """Compute slots from two thin slices of their source rows that share none; None where that fails."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What to preview: which slots, how many of them, drawn by which seed, and what is expected of them.

    ``policy`` are the waves in which all would be staged.
    """

    slots: tuple[Slot, ...]
    count: int = HANDFUL
    seed: str = "0"
    expectation: Expectation = field(default_factory=Expectation)
    policy: WavePolicy = field(default_factory=WavePolicy)


def preview(ctx: StepContext, scratch: Scratch, asked: Asked) -> Preview:
    """Compute a few slots, drawn so that large effects are likelier, and estimate what all of them would do.

    Nothing is opened, claimed, frozen or written.

    Raises:
        StateNeedsWhole: when the table carries state and not all of its slots are asked for.
        SourceBearsFewer: when a source with a limit does not bear so many at once.
        NothingRecomputed: when none of the drawn slots can be computed.
    """
    grain, live = ctx.table.partition.grain, ctx.records.snapshot(ctx.table.name)
    unable = dict(scratch.lacking(asked.slots))
    able = tuple(slot for slot in asked.slots if slot not in unable)
    if not able:
        raise NothingRecomputed(ctx.table.name, len(asked.slots), grain.value, next(iter(unable.values())))
    _refuse_count(ctx, asked)
    # Slices read of every slot, which a source with a limit does not bear.
    is_sliced = asked.count < len(able) and not ctx.table.sources.rates
    drawing = drawing_of(ctx, scratch, able, sliced=is_sliced)
    drawn = draw(drawing.sizes, asked.count, asked.seed)
    computed = _Computed(ctx, live, asked.expectation)
    for at in range(0, len(drawn), TOGETHER):
        computed.take(scratch, drawn[at : at + TOGETHER])
    if not computed.found:
        raise NothingRecomputed(ctx.table.name, len(drawn), grain.value, next(iter(computed.unable.values())))
    effects = measured_effects(drawn, computed.found, drawing.before, drawing.foreseen, drawing.volumes)
    found = Preview(
        table=ctx.table.name,
        window=Window.spanning(asked.slots, grain),
        slots=len(able),
        drawn=tuple(computed.found),
        effects=effects,
        reports=(),
        cost=_cost(ctx, asked, computed),
        unable=unable | computed.unable,
        failing=(*dict.fromkeys(computed.failing), *_beyond(asked.expectation, effects)),
    )
    foreseen = drawing.foreseen.get(found.main.name, Foreseen())
    return replace(found, reports=reached_reports(ctx, found, drawn, able, foreseen))


@dataclass(frozen=True, slots=True)
class Drawing:
    """How slots are drawn: their sizes, what was foreseen of each measure, and what live has in all and by slot."""

    sizes: Mapping[Slot, int]
    foreseen: Mapping[str, Foreseen]
    before: Mapping[str, Decimal]
    volumes: Mapping[str, Mapping[Slot, float]]


def drawing_of(ctx: StepContext, scratch: Scratch, slots: Collection[Slot], *, sliced: bool = True) -> Drawing:
    """Look at every slot without computing it: at what live has of it and, if ``sliced``, at a thin slice of it."""
    live = ctx.records.snapshot(ctx.table.name)
    sums = live_sums(ctx, live, slots)
    foreseen = _foreseen(ctx, scratch, live, slots, sums) if sliced else {}
    volumes = [sums.volume_of(name) for name in ctx.table.measures or ("",)]
    sizes = sizes_of(slots, [one.signal for one in foreseen.values()], volumes)
    return Drawing(sizes, foreseen, sums.totals(slots), sums.volumes)


def live_slots(ctx: StepContext, first: Slot | None = None, last: Slot | None = None) -> tuple[Slot, ...]:
    """The live slots of a table that its partitions have, of a window where ends of it are given.

    Raises:
        NothingToPreview: when there are none.
    """
    grain = ctx.table.partition.grain
    there = ctx.records.days(ctx.table.name)
    live = sorted(there - {*ctx.surroundings.unknown_days(there)})
    ends = [one for one in (first, last) if one is not None]
    fits = all(grain.names(one) for one in ends)
    found = (
        [slot for slot in live if (first is None or slot >= first) and (last is None or slot <= last)] if fits else []
    )
    if not found:
        raise NothingToPreview(ctx.table.name, grain.value, first, last)
    return tuple(found)


@dataclass
class _Computed:
    """The drawn slots, computed and compared, some together after the others."""

    ctx: StepContext
    live: Snapshot
    expectation: Expectation
    found: list[Recomputed] = field(default_factory=list[Recomputed])
    unable: dict[Slot, str] = field(default_factory=dict[Slot, str])
    failing: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    before: dict[Slot, pl.DataFrame] = field(default_factory=dict[Slot, pl.DataFrame])

    def take(self, scratch: Scratch, drawn: Sequence[Drawn]) -> None:
        """Compute some of them and compare them with live."""
        made = scratch.whole([one.slot for one in drawn], self.before)
        self.seconds += made.seconds
        self.unable |= made.reasons
        there = [one for one in drawn if one.slot in made.frames]
        if there:
            self._compare(made, there)
            last = max(made.frames)
            self.before = {last: made.frames[last]}

    def _compare(self, made: InMemory, drawn: Sequence[Drawn]) -> None:
        table, days = self.ctx.table, [one.slot for one in drawn]
        old, new = self._sides(pl.concat([made.frames[day] for day in days]), days)
        keys = (self.live.partition.name, *table.keys)
        by_slot = [self.live.partition.as_slots(side) for side in (old, new)]
        there = self.live.days & set(days)
        compared = compare(
            *by_slot, keys=table.keys, measures=table.measures, by=keys[0], old_days=there, new_days=days
        ).in_grain(table.partition.grain)
        expected = replace(self.expectation, max_change_total=None, estimate=None)
        checks = validate_days(expected, compared, old, new, days=days, column=self.live.partition)
        # What a few slots have no row of says nothing against a clause.
        self.failing += [check.sentence for check in checks if not check.passed and check.detail["held"]["rows"]]
        gross = gross_by_slot(by_slot[0], by_slot[1], keys, table.measures)
        builds = self.ctx.records.builds.of_days(table.name, self.live.files_of(days))
        for one in drawn:
            build = builds.get(one.slot)
            is_other = build is not None and dict(build.inputs) != dict(made.inputs[one.slot])
            by = build.code_version if build is not None else ""
            amounts = dict.fromkeys(table.measures, Decimal(0)) | gross.get(one.slot, {})
            self.found.append(Recomputed(one, compared.day(one.slot), amounts, by, is_other))

    def _sides(self, made: pl.DataFrame, days: Collection[Slot]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """Live and computed rows in the columns that both have, computed ones in the types of live."""
        schema = pl.Schema({name: kind for name, kind in self.live.schema.items() if name in made.columns})
        self._tell_columns(made)
        new = fitted(self.ctx.table.name, made.select(schema.names()), schema)
        return self.live.scan(days).select(schema.names()), new.lazy()

    def _tell_columns(self, made: pl.DataFrame) -> None:
        for what, names in (
            ("computes no column {}, which live has", set(self.live.schema) - set(made.columns)),
            ("computes a column {}, which live does not have yet", set(made.columns) - set(self.live.schema)),
        ):
            self.failing += [f"The code {what.format(name)}." for name in sorted(names)]


def _foreseen(
    ctx: StepContext, scratch: Scratch, live: Snapshot, slots: Collection[Slot], sums: LiveSums
) -> dict[str, Foreseen]:
    """What thin slices foretell of each measure."""
    table, by = ctx.table, live.partition.name
    halves = scratch.slices(slots) if table.measures else None
    if halves is None:
        return {}
    keys = (by, *table.keys)
    floats = [*keys, *(pl.col(name).cast(pl.Float64) for name in table.measures)]
    old = live.partition.as_slots(live.scan(slots)).select(floats)
    rows = beside_live(old, (halves[0].select(floats), halves[1].select(floats)), keys).collect(engine="streaming")
    return foresee(Sliced(by, table.keys, table.measures, rows, sums.volumes_frame))


def _refuse_count(ctx: StepContext, asked: Asked) -> None:
    table, noun, wanted = ctx.table, ctx.table.partition.grain.value, min(asked.count, len(asked.slots))
    if table.sources.carried is not None and wanted < len(asked.slots):
        raise StateNeedsWhole(table.name, len(asked.slots), noun)
    for source, rate in table.sources.rates.items():
        if wanted > max(1, rate):
            raise SourceBearsFewer(table.name, source, rate, wanted, noun)


def _cost(ctx: StepContext, asked: Asked, computed: _Computed) -> Cost:
    """What staging all takes, from what computing the drawn ones took."""
    done = len(computed.found) + len(computed.unable)
    policy = asked.policy if ctx.table.sources.carried is None else in_order(asked.policy)
    policy = within_rate(policy, min(ctx.table.sources.rates.values(), default=0.0))
    policy = sized(policy, len(asked.slots), DayTakes(computed.seconds / max(1, done)))
    waves = ordered_waves(asked.slots, policy, ctx.table.partition.grain)
    expected = estimate(waves, policy, [PastRun(done, computed.seconds)])
    return Cost(round(expected.seconds, 1), round(expected.run_seconds, 1), round(computed.seconds / done, 4))


def _beyond(expectation: Expectation, effects: Sequence[Effect]) -> list[str]:
    """What was declared of all days together, and is estimated to be otherwise."""
    told: list[str] = []
    for one in effects:
        limit, share = expectation.max_change_total, one.share
        if limit is not None and share is not None and abs(share) > limit:
            told.append(f"{one.name} is estimated to change by {abs(share):.2%} in all, beyond max_change_total.")
        predicted = expectation.estimate
        if predicted is not None and predicted.measure == one.name and one.net.least is not None:
            ends = sorted(
                [Fraction(predicted.predicts) * (1 + sign * Fraction(predicted.tolerance)) for sign in (-1, 1)]
            )
            if ends[1] < one.net.least or ends[0] > (one.net.most or 0):
                told.append(f"The request predicts {predicted.predicts:f} for {one.name}, outside the interval.")
    return told
