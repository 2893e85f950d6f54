"""What a thin slice of the source rows of every slot foretells of the slot, before any is computed whole.

A slot computed from a few of its source rows has too small sums, but its measures are in proportion: revenue by amount
is a rate, whatever part of the rows it is of. So a measure of a row is foreseen as what live has of another measure,
times the proportion in the slice. Two slices that share no row show how far to trust it: what both foresee alike is no
chance. Nothing here has to be right. It says where to draw, and is taken off and added again
(:mod:`~backfill_assets.core.drawing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from backfill_assets.core.drawing import Signal
from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.slots import Slot

LEAST_TRUST = 0.6
MOST_MEASURES = 20
ADDED_UP = 0.05
"""Where more of the keys than this are in both slices, rows are sums of several source rows."""
ROUNDING = 1e-9
"""A change of a smaller part of what live has is what floating point makes of none."""
ONE = "\x00one"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is foreseen of a measure: its change by slot, the same without signs, and between 0 and 1 how reliably.

    ``beside`` is the measure that it was taken in proportion to; empty where rows of the slice are whole rows.
    """

    net: Mapping[Slot, float] = field(default_factory=dict[Slot, float])
    gross: Mapping[Slot, float] = field(default_factory=dict[Slot, float])
    trust: float = 0.0
    beside: str = ""

    @property
    def signal(self) -> Signal:
        """Where it says that effects are large."""
        return Signal(self.gross, self.trust)


@dataclass(frozen=True, slots=True)
class Sliced:
    """Both slices beside live: the key columns, live's measures, and those of both slices where they have the key.

    ``volumes`` holds for each measure what it adds up to by slot in live, without signs.
    """

    by: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    rows: pl.DataFrame
    volumes: pl.DataFrame


def foresee(sliced: Sliced) -> dict[str, Foreseen]:
    """What is foreseen of each measure of which the slices tell enough to be trusted; for at most twenty measures."""
    measures = sliced.measures[:MOST_MEASURES]
    if not measures or sliced.rows.is_empty():
        return {}
    seen = sliced.rows.filter(pl.any_horizontal(_there(measures, half) for half in "ab"))
    in_both = seen.filter(*(_there(measures, half) for half in "ab")).height
    are_sums = in_both > ADDED_UP * seen.height
    found: dict[str, Foreseen] = {}
    for measure in measures:
        beside = [name for name in measures if name != measure] + ([] if are_sums else [ONE])
        tried = [_foreseen(sliced, seen, measure, other) for other in beside]
        trusted = [one for one in tried if one.trust >= LEAST_TRUST and one.gross]
        if trusted:
            found[measure] = min(trusted, key=lambda one: (-round(one.trust, 1), sum(one.gross.values())))
    return found


def beside_live(live: pl.LazyFrame, halves: tuple[pl.LazyFrame, pl.LazyFrame], keys: Sequence[str]) -> pl.LazyFrame:
    """The rows of live whose keys are in either half, with the measures of both halves as ``<measure> a`` and ``b``."""
    joined = live.join(pl.concat([rows.select(keys) for rows in halves]), on=keys, how="semi")
    for half, rows in zip("ab", halves, strict=True):
        named = rows.unique(keys, keep="none").rename(
            lambda name, half=half: name if name in keys else f"{name} {half}"
        )
        joined = joined.join(named, on=keys, how="left")
    return joined


def _there(measures: Sequence[str], half: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(f"{name} {half}").is_not_null() for name in measures)


def _foreseen(sliced: Sliced, seen: pl.DataFrame, measure: str, beside: str) -> Foreseen:
    rows = seen.select(
        sliced.by,
        pl.col(measure).abs().alias("volume"),
        *(_change(measure, beside, half).alias(half) for half in "ab"),
    ).with_columns(both=pl.mean_horizontal("a", "b"))
    days = {name: _by_slot(sliced, rows, measure, name) for name in ("a", "b", "both")}
    pairs = _paired(days["a"], days["b"], sliced.by)
    found = days["both"]
    slots = slots_in(found[sliced.by])
    net, gross = (
        {slot: value for slot, value in zip(slots, found[name], strict=True) if slot is not None and value}
        for name in ("net", "gross")
    )
    return Foreseen(net, gross, _alike(pairs), "" if beside == ONE else beside)


def _change(measure: str, beside: str, half: str) -> pl.Expr:
    """By how much a row is foreseen to change, by one half; null where that tells nothing."""
    taken = pl.col(f"{measure} {half}")
    if beside == ONE:
        return taken - pl.col(measure)
    change = pl.col(beside) * taken / pl.col(f"{beside} {half}") - pl.col(measure)
    return pl.when(change.is_finite()).then(change)


def _by_slot(sliced: Sliced, rows: pl.DataFrame, measure: str, name: str) -> pl.DataFrame:
    """The sum of each slot, scaled from the rows that the slices have to all of them."""
    found = rows.filter(pl.col(name).is_not_null()).group_by(sliced.by)
    sums = found.agg(net=pl.col(name).sum(), gross=pl.col(name).abs().sum(), seen=pl.col("volume").sum())
    whole = sums.join(sliced.volumes.select(sliced.by, whole=pl.col(measure)), on=sliced.by)
    scale = pl.when(pl.col("seen") > 0).then(pl.col("whole") / pl.col("seen")).otherwise(1.0)
    told = whole.filter(pl.col("gross") > ROUNDING * pl.col("seen"))
    return told.select(sliced.by, net=pl.col("net") * scale, gross=pl.col("gross") * scale)


def _paired(one: pl.DataFrame, other: pl.DataFrame, by: str) -> pl.DataFrame:
    both = one.select(by, a="net").join(other.select(by, b="net"), on=by, how="full")
    return both.select(pl.col("a", "b").fill_null(0.0))


def _alike(pairs: pl.DataFrame) -> float:
    """How far both halves agree: the part of the squares of their means that is no chance."""
    means = ((pairs["a"] + pairs["b"]) / 2).to_list()
    squares = sum(mean * mean for mean in means)
    shared = sum(a * b for a, b in pairs.iter_rows())
    return min(1.0, max(0.0, shared / squares)) if squares else 0.0
