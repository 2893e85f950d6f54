"""Compare what was staged with the source: control totals, an external ledger, cells computed a second time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause, Held, examples
from backfill_assets.core.comparison import compare
from backfill_assets.core.day_comparison import DayComparison
from backfill_assets.core.exact import EXACT, half_unit, is_exact
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import counted, days_listed, listed, verb
from backfill_assets.errors.validation import ColumnsMissing, TypesDiffer

_ROWS, _STAGED = "stated rows", " staged"


@dataclass(frozen=True, slots=True)
class Control:
    """What the source states about itself: measures summed per group, one row or several a group.

    ``groups`` and ``measures`` are columns of the frame and of the staged table; the day is one of the groups. A figure
    is stated to the scale of its column's type, unless ``scales`` says how many decimals of a measure hold.
    """

    frame: pl.LazyFrame
    groups: tuple[str, ...]
    measures: tuple[str, ...]
    scales: Mapping[str, int] = field(default_factory=dict[str, int])


def control_totals(
    staged: pl.LazyFrame, control: Control, *, by: str = "day", days: Collection[date] | None = None
) -> Check:
    """Check that the staged sums of every group equal the stated ones to the last digit that is stated.

    Several stated rows of a group allow half of that digit each. A group whose sums are all zero counts as absent. With
    ``days`` only those are looked at, on both sides.
    """
    frames = [_on(frame, by, days) for frame in (control.frame, staged)]
    for side, frame in zip(("stated", "staged"), frames, strict=True):
        if missing := {*control.groups, *control.measures} - set(frame.collect_schema()):
            raise ColumnsMissing(side, missing)
    if not control.measures:
        said = "The source states no sum, so nothing was compared with it."
        return Check.failing(Clause.CONTROL_TOTALS, said, (), {}).over(Held(0, 0))
    stated, actual = _as_stated(frames, control)
    groups = [name for name in control.groups if name != by]
    found = compare(stated, actual, keys=groups, measures=control.measures, by=by)
    rows = frames[1].select(pl.len()).collect(engine="streaming").item()
    held = Held(len(found.days) if days is None else len(days), rows)
    if found.agrees:
        return _stated_alike(control, found, held, _coarser(frames, control)).over(held)
    worst = found.largest_rows(EXAMPLES_SHOWN)
    sentence = (
        f"Staged totals differ from those of the source on {days_listed(found.changed_days, held.days)}, "
        f"most of all in {worst[0]}."
    )
    detail = {"examples": examples(worst), "totals": found.as_json()["totals"]}
    return Check.failing(Clause.CONTROL_TOTALS, sentence, found.changed_days, detail).over(held)


def _stated_alike(control: Control, found: Comparison, held: Held, coarse: Mapping[str, int]) -> Check:
    """Both sides agree, over some groups or over none."""
    days, detail = counted(held.days, "day"), {"groups": found.rows_old}
    if not found.rows_old and held.rows:
        staged = f"{counted(held.rows, 'row')} {verb(held.rows, 'is', 'are')} staged"
        sentence = f"The source states nothing on {days}, where {staged}."
        return Check.failing(Clause.CONTROL_TOTALS, sentence, (), detail)
    sentence = (
        f"The staged totals of {', '.join(control.measures)} equal those of the source in every group, in "
        f"{counted(found.rows_old, 'group')} of {counted(held.rows, 'row')} on {days}."
    )
    if coarse:
        to = ", ".join(f"{name} to {Decimal(1).scaleb(-scale, EXACT):f}" for name, scale in coarse.items())
        sentence = f"{sentence[:-1]}, as far as it states them ({to})."
    return Check.passing(Clause.CONTROL_TOTALS, sentence, detail)


def closer_to_ledger(
    live: pl.LazyFrame,
    staged: pl.LazyFrame,
    ledger: pl.LazyFrame,
    *,
    measures: Sequence[str],
    by: str = "day",
    excluded: Collection[date] = (),
    read_as: tuple[pl.LazyFrame, pl.LazyFrame] | None = None,
) -> Check:
    """Check that the correction brings the days whose sums it moves closer to a ledger kept by somebody else.

    In total the absolute difference has to shrink, and no day may end farther away than it was.

    Args:
        live: what readers see.
        staged: what would replace it.
        ledger: the day and the measures; several rows of a day are added up.
        measures: to be compared with the ledger.
        by: the column that holds the day.
        excluded: days that say nothing about the correction, because live was built on other inputs.
        read_as: live and staged at the precision of the ledger: a sum that its rounding explains is its own figure.
    """
    if not measures:
        said = "The ledger has none of the measures, so no day was compared with it."
        return Check.failing(Clause.CLOSER_TO_LEDGER, said, (), {}).over(Held(0, 0))
    if missing := {by, *measures} - set(ledger.collect_schema()):
        raise ColumnsMissing("ledger", missing)
    known = set(ledger.select(by).unique().collect().to_series())
    ours = _daily(live, staged, measures, by)
    moving = [day.day for day in ours.days if any(sums.change for sums in day.sums.values())]
    moved = [day for day in moving if day not in excluded]
    judged = {day for day in moved if day in known}
    if not moved:
        return _nothing_judged(ours, moving, measures).leaving_out(excluded)
    sides = read_as or (live, staged)
    before, after = (_distances(_daily(_on(side, by, judged), _on(ledger, by, judged), measures, by)) for side in sides)
    held = Held(len(judged), len(judged), len(judged) * len(measures))
    if read_as and judged and not any((*before.values(), *after.values())):
        sentence = (
            f"The ledger's figures are too coarse to distinguish old from new on {days_listed(judged)}, "
            "and agree with both."
        )
        found = Check.passing(Clause.CLOSER_TO_LEDGER, sentence, {"days": len(judged)})
        return found.over(held).leaving_out(excluded)
    found = _closer(before, after, judged, [day for day in moved if day not in judged])
    return found.over(held).leaving_out(excluded)


def _nothing_judged(ours: Comparison, moving: Sequence[date], measures: Sequence[str]) -> Check:
    """No day moves but those that say nothing about the correction."""
    days = counted(len(ours.days), "day")
    sentence = f"No sum of {listed(measures)} moves on {days}, so there was nothing to compare with the ledger."
    if moving:
        sentence = f"No day was compared with the ledger, because {days_listed(moving)} that move were left out."
    return Check.passing(Clause.CLOSER_TO_LEDGER, sentence, {"days": 0}).over(Held(0, 0))


def sample_rederived(sample: pl.LazyFrame, *, by: str = "day", nothing_to_sample: bool = False) -> Check:
    """Check that cells computed a second time, independently, equal the staged ones.

    Args:
        sample: one row a cell, with the day, ``expected``, ``actual`` and whatever says which cell it is.
        by: the column that holds the day.
        nothing_to_sample: whether an empty sample is right, because nothing is staged.
    """
    types = sample.collect_schema()
    if types["expected"] != types["actual"]:
        raise TypesDiffer({"expected and actual": (str(types["expected"]), str(types["actual"]))})
    cells = sample.collect(engine="streaming")
    said = cells.filter(pl.col("expected").is_not_null() | pl.col("actual").is_not_null())
    wrong = said.filter(pl.col("expected").ne_missing(pl.col("actual")))
    days, all_days = tuple(sorted(set(wrong[by]))), counted(cells[by].n_unique(), "day")
    detail = {"cells": cells.height, "examples": [_text(row) for row in wrong.head(EXAMPLES_SHOWN).to_dicts()]}
    if days:
        sentence = (
            f"{wrong.height:,} of {counted(cells.height, 'cell')} computed a second time "
            f"{verb(wrong.height, 'differs', 'differ')} on {days_listed(days)}."
        )
    elif said.height or nothing_to_sample:
        sentence = f"Every cell computed a second time is equal ({counted(cells.height, 'cell')} on {all_days})."
    elif cells.height:
        sentence = (
            f"Every cell computed a second time is empty ({counted(cells.height, 'cell')}), and so is the staged one."
        )
    else:
        sentence = "No cell was computed a second time."
    passed = not days and bool(said.height or nothing_to_sample)
    return Check(Clause.SAMPLE_REDERIVED, passed, sentence, days, detail)


def _text(row: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in row.items()}


def _on(frame: pl.LazyFrame, by: str, days: Collection[date] | None) -> pl.LazyFrame:
    return frame if days is None else frame.filter(pl.col(by).is_in(sorted(days)))


def _summed(
    frames: Sequence[pl.LazyFrame], groups: Sequence[str], measures: Sequence[str], *, keep_nothing: bool = False
) -> list[pl.LazyFrame]:
    """The sums of every group, as decimals of one scale whatever exact types the sides have; zero groups dropped."""
    schemas = [frame.collect_schema() for frame in frames]
    sums: list[pl.Expr] = []
    for name in measures:
        types = [schema[name] for schema in schemas if name in schema]
        exact = all(is_exact(dtype) for dtype in types)
        scale = max((getattr(dtype, "scale", 0) for dtype in types), default=0)
        sums.append((pl.col(name).cast(pl.Decimal(38, scale)) if exact else pl.col(name)).sum())
    added = [frame.group_by(groups).agg(sums) for frame in frames]
    return added if keep_nothing else [frame.filter(_something(measures)) for frame in added]


def _coarser(frames: Sequence[pl.LazyFrame], control: Control) -> dict[str, int]:
    """The measures that are stated with fewer decimals than they are staged with, and with how many."""
    stated, staged = (frame.collect_schema() for frame in frames)
    exact = [name for name in control.measures if all(is_exact(schema[name]) for schema in (stated, staged))]
    scales = {name: control.scales.get(name, _scale(stated[name])) for name in exact}
    return {name: scale for name, scale in scales.items() if scale < _scale(staged[name])}


def _as_stated(frames: Sequence[pl.LazyFrame], control: Control) -> list[pl.LazyFrame]:
    """The sums of both sides; where the rounding of what is stated explains a difference, the staged ones on both."""
    coarse = _coarser(frames, control)
    if not coarse:
        return _summed(frames, control.groups, control.measures)
    counted = frames[0].group_by(control.groups).agg(pl.len().alias(_ROWS))
    stated, staged = (
        side.join(counted, on=control.groups, how="left")
        for side in _summed(frames, control.groups, control.measures, keep_nothing=True)
    )
    both = stated.join(staged, on=[*control.groups, _ROWS], how="full", coalesce=True, suffix=_STAGED)
    read = [_read(name, half_unit(coarse[name])) for name in coarse]
    both = both.with_columns(pl.col(*control.measures, *(f"{n}{_STAGED}" for n in control.measures)).fill_null(0))
    both = both.with_columns(read)
    sides = [both.select(*control.groups, *control.measures)]
    sides.append(both.select(*control.groups, *(pl.col(f"{n}{_STAGED}").alias(n) for n in control.measures)))
    return [side.filter(_something(control.measures)) for side in sides]


def _read(name: str, half: Decimal) -> pl.Expr:
    """A stated sum, or the staged one where half a unit for each stated row explains the difference."""
    stated, staged = pl.col(name), pl.col(f"{name}{_STAGED}")
    apart = (stated - staged).abs().cast(pl.Decimal(38, 8))
    most = pl.lit(half, dtype=pl.Decimal(38, 8)) * pl.col(_ROWS).fill_null(0)
    return pl.when(apart <= most).then(staged).otherwise(stated).alias(name)


def _scale(kind: pl.DataType) -> int:
    return kind.scale if isinstance(kind, pl.Decimal) else 0


def _something(measures: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(name) != 0 for name in measures)


def _daily(old: pl.LazyFrame, new: pl.LazyFrame, measures: Sequence[str], by: str) -> Comparison:
    return compare(*_summed([old, new], [by], measures), keys=(), measures=measures, by=by)


def _closer(
    before: Mapping[date, Fraction], after: Mapping[date, Fraction], judged: Collection[date], unknown: Collection[date]
) -> Check:
    distances = [sum(found.values(), Fraction(0)) for found in (before, after)]
    told = f"from {float(distances[0]):.4f} to {float(distances[1]):.4f}"
    detail = {"days": len(judged), "unknown_to_ledger": [day.isoformat() for day in sorted(unknown)], "distance": told}
    farther = {day: after.get(day, Fraction(0)) - before.get(day, Fraction(0)) for day in judged}
    days = [day for day, by_how_much in farther.items() if by_how_much > 0]
    if not judged and unknown:
        sentence = f"The ledger has none of the days whose sums move, {days_listed(unknown)}."
        return Check.failing(Clause.CLOSER_TO_LEDGER, sentence, unknown, detail)
    if days:
        worst = max(days, key=lambda day: (farther[day], day))
        sentence = (
            f"{days_listed(days, len(judged))} {verb(len(days), 'ends', 'end')} farther from the ledger, "
            f"most of all {worst} by {float(farther[worst]):.4f}."
        )
        return Check.failing(Clause.CLOSER_TO_LEDGER, sentence, days, detail)
    if judged and distances[1] >= distances[0]:
        sentence = f"The difference from the ledger does not shrink on {days_listed(judged)}; it changes {told}."
        return Check.failing(Clause.CLOSER_TO_LEDGER, sentence, judged, detail)
    sentence = (
        f"The difference from the ledger changes {told} over {counted(len(judged), 'day')}, "
        "and no day ends farther away."
    )
    if unknown:
        further = f"{counted(len(unknown), 'further day')} that {verb(len(unknown), 'moves', 'move')}"
        sentence = f"{sentence} The ledger does not have {further}."
    return Check.passing(Clause.CLOSER_TO_LEDGER, sentence, detail)


def _distances(comparison: Comparison) -> dict[date, Fraction]:
    return {day.day: _distance(day) for day in comparison.days}


def _distance(day: DayComparison) -> Fraction:
    return sum((abs(Fraction(sums.change)) for sums in day.sums.values()), Fraction(0))
