"""What recomputed slots change: net and gross of each measure, and the totals that they are estimated to add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import polars as pl

from backfill_assets.core.drawing import Drawn, estimate
from backfill_assets.core.exact import from_units
from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.preview import ROWS, Effect, Recomputed
from backfill_assets.core.slices import Foreseen
from backfill_assets.core.slots import Slot

_NEW = "new\0"


def gross_by_slot(
    old: pl.LazyFrame, new: pl.LazyFrame, keys: Sequence[str], measures: Sequence[str]
) -> dict[Slot, dict[str, Decimal]]:
    """By how much rows change, added up by slot without signs; a row on one side alone changes by all it holds.

    ``keys`` begin with the column of slots. Both sides have the same types and each key once.
    """
    kinds = old.collect_schema()
    columns = [*keys, *(pl.col(name).to_physical().cast(pl.Int128) for name in measures)]
    renamed = {name: f"{_NEW}{name}" for name in measures}
    joined = old.select(columns).join(new.select(columns).rename(renamed), on=keys, how="full", coalesce=True)
    moved = [(pl.col(f"{_NEW}{name}").fill_null(0) - pl.col(name).fill_null(0)).abs().sum() for name in measures]
    found = joined.group_by(keys[0]).agg(one.alias(name) for one, name in zip(moved, measures, strict=True)).collect()
    scales = {name: getattr(kinds[name], "scale", 0) for name in measures}
    amounts = {name: [from_units(units, scales[name]) for units in found[name].to_list()] for name in measures}
    slots = slots_in(found[keys[0]])
    return {slot: {name: amounts[name][at] for name in measures} for at, slot in enumerate(slots) if slot is not None}


def measured_effects(
    drawn: Sequence[Drawn],
    found: Sequence[Recomputed],
    before: Mapping[str, Decimal],
    foreseen: Mapping[str, Foreseen],
    volumes: Mapping[str, Mapping[Slot, float]],
) -> tuple[Effect, ...]:
    """The estimated effect on each measure and on the number of rows.

    ``before`` is what live has in all, by name; ``volumes`` what it has by slot, without signs.
    """
    return tuple(
        _effect(name, amount, drawn, found, foreseen.get(name, Foreseen()), volumes.get(name, {}))
        for name, amount in before.items()
    )


def exact(amounts: Mapping[Slot, float]) -> dict[Slot, Fraction]:
    """Amounts without what floating point makes of them when they are added up."""
    return {slot: Fraction(amount) for slot, amount in amounts.items()}


def _effect(
    name: str,
    before: Decimal,
    drawn: Sequence[Drawn],
    found: Sequence[Recomputed],
    foreseen: Foreseen,
    volumes: Mapping[Slot, float],
) -> Effect:
    net = estimate(drawn, {one.slot: one.net_of(name) for one in found}, exact(foreseen.net), trust=foreseen.trust)
    seen = {one.slot: one.gross_of(name) for one in found}
    gross = replace(
        estimate(drawn, seen, exact(foreseen.gross), trust=foreseen.trust), seen=sum(seen.values(), Fraction(0))
    )
    shares = [abs(change) / volumes[slot] for slot, change in foreseen.net.items() if volumes.get(slot)]
    sums = [one.compared.sums[name] for one in found if name in one.compared.sums]
    scale = max((_scale(side) for one in sums for side in (one.old, one.new)), default=0) if name != ROWS else 0
    return Effect(name, before, net, gross, scale, foreseen.trust, max(shares, default=0.0))


def _scale(amount: Decimal) -> int:
    return -int(amount.as_tuple().exponent)
