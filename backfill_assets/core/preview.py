"""What a preview found: the drawn slots, what they say of all, of what each report reads, and of time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from backfill_assets.core.day_comparison import DayComparison
from backfill_assets.core.drawing import Drawn, Estimated
from backfill_assets.core.exact import EXACT
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window

ROWS = "rows"
"""What is told of every table: how many rows there are more or less, and how many differ."""
HEADROOM = 2
FIRST_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One drawn slot: how it was drawn, what its comparison with live found, and by which code live was published.

    ``gross`` adds up by how much each row changes, without signs; a row on one side alone changes by all it holds.
    ``by`` is empty where somebody else wrote it. ``from_other_inputs`` is whether live was published from others.
    """

    drawn: Drawn
    compared: DayComparison
    gross: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    by: str = ""
    from_other_inputs: bool = False

    @property
    def slot(self) -> Slot:
        """The slot."""
        return self.drawn.slot

    @property
    def rows_changed(self) -> int:
        """Rows that differ, and rows on one side alone."""
        return self.compared.differing + self.compared.only_old + self.compared.only_new

    def net_of(self, name: str) -> Fraction:
        """By how much a measure, or the number of rows, changes."""
        if name == ROWS:
            return Fraction(self.compared.rows_new - self.compared.rows_old)
        return Fraction(self.compared.sums[name].change)

    def gross_of(self, name: str) -> Fraction:
        """The same without signs, row by row."""
        return Fraction(self.rows_changed) if name == ROWS else Fraction(self.gross[name])

    def as_json(self) -> dict[str, Any]:
        """The slot with its sums, JSON-ready."""
        sums = {
            name: {
                "before": f"{one.old:f}",
                "now": f"{one.new:f}",
                "change": f"{one.change:f}",
                "gross": f"{self.gross[name]:f}",
            }
            for name, one in self.compared.sums.items()
        }
        return {
            "slot": str(self.slot),
            "stands_for": round(float(self.drawn.weight), 2),
            "changed": self.compared.changed,
            "rows": self.compared.rows_new,
            "rows_changed": self.rows_changed,
            "columns": sorted(self.compared.cells),
            "published_by": self.by,
            "sums": sums,
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """What the whole correction does to a measure, or to the number of rows, by estimate.

    ``before`` is what live has in all. ``scale`` is the decimals of the measure. ``trust`` says how reliably thin
    slices of every slot foretold it, and ``most_of_a_slot`` the largest share that they foretold of one; 0 where none
    did.
    """

    name: str
    before: Decimal
    net: Estimated
    gross: Estimated
    scale: int = 0
    trust: float = 0.0
    most_of_a_slot: float = 0.0

    @property
    def share(self) -> float | None:
        """The net change as a share of what live has; None where that is nothing."""
        return float(self.net.total) / float(self.before) if self.before else None

    @property
    def most_share(self) -> float | None:
        """The end of the interval that is farther from nothing, as a share; without an interval the estimate's own."""
        ends = [float(self.net.total), self.net.least, self.net.most]
        return max(abs(end) for end in ends if end is not None) / abs(float(self.before)) if self.before else None

    def as_json(self) -> dict[str, Any]:
        """Both estimates with their intervals, amounts as strings of the measure's decimals."""
        return {
            "name": self.name,
            "before": f"{self.before:f}",
            "net": estimate_json(self.net, self.scale),
            "gross": estimate_json(self.gross, self.scale),
            "foretold": round(self.trust, 3),
        }


@dataclass(frozen=True, slots=True)
class PartitionEffect:
    """By how much what one partition of a report reads changes, as a share of it, with its interval."""

    key: str
    share: float
    half_width: float | None

    def as_json(self) -> dict[str, Any]:
        """Shares, not percentages."""
        return {"partition": self.key, "share": self.share, "half_width": self.half_width}


@dataclass(frozen=True, slots=True)
class ReportEffect:
    """What a correction does to a report: how many partitions it reaches, and those that move most."""

    report: str
    partitions: int
    largest: tuple[PartitionEffect, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report, JSON-ready."""
        largest = [one.as_json() for one in self.largest]
        return {"report": self.report, "partitions": self.partitions, "largest": largest}


@dataclass(frozen=True, slots=True)
class Cost:
    """What staging every slot would take: on the wall, in runs together, and of one slot, as it was measured here."""

    seconds: float
    run_seconds: float
    per_slot: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview of some slots of a table found.

    ``slots`` are those that the estimates are about. ``unable`` are slots that cannot be computed, each with the
    reason; nothing is said of them. ``failing`` are sentences on what was declared and already does not hold.
    """

    table: str
    window: Window
    slots: int
    drawn: tuple[Recomputed, ...]
    effects: tuple[Effect, ...]
    reports: tuple[ReportEffect, ...]
    cost: Cost
    unable: Mapping[Slot, str] = field(default_factory=dict[Slot, str])
    failing: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[Recomputed, ...]:
        """The drawn slots that differ from live."""
        return tuple(one for one in self.drawn if one.compared.changed)

    @property
    def is_whole(self) -> bool:
        """Whether every slot was computed, so that nothing is estimated."""
        return all(one.drawn.weight == 1 for one in self.drawn)

    @property
    def main(self) -> Effect:
        """The effect to tell first: of the last measure that changes, else of the last one, or of rows."""
        moving = [one for one in self.effects if one.gross.total and one.name != ROWS]
        return (moving or [one for one in self.effects if one.name != ROWS] or [*self.effects])[-1]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that differ in any drawn slot."""
        return tuple(sorted({name for one in self.drawn for name in one.compared.cells}))

    @property
    def rows_come_or_go(self) -> bool:
        """Whether a key is on one side alone."""
        return any(one.compared.only_old or one.compared.only_new for one in self.drawn)

    @property
    def limits(self) -> dict[str, Any]:
        """The clauses of an expectation that what was measured meets, with twice as much left; none where all agree."""
        if not self.changed:
            return {}
        of_slots = [float(s.share) for one in self.drawn for s in one.compared.sums.values() if s.share]
        of_slots += [one.most_of_a_slot for one in self.effects if one.gross.total]
        of_all = [one.most_share for one in self.effects if one.name != ROWS and one.most_share]
        return {
            "columns": list(self.columns),
            **({} if self.rows_come_or_go else {"same_rows": True}),
            **({"max_change_per_day": rounded_up(HEADROOM * max(of_slots))} if any(of_slots) else {}),
            **({"max_change_total": rounded_up(HEADROOM * max(of_all))} if of_all else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """The contract of ``backfill-assets preview --json``."""
        return {
            "table": self.table,
            "window": self.window.as_json(),
            "slots": self.slots,
            "whole": self.is_whole,
            "drawn": [one.as_json() for one in self.drawn],
            "changed": [str(one.slot) for one in self.changed],
            "unable": {str(slot): why for slot, why in self.unable.items()},
            "effects": [one.as_json() for one in self.effects],
            "reports": [one.as_json() for one in self.reports],
            "cost": {
                "seconds": self.cost.seconds,
                "run_seconds": self.cost.run_seconds,
                "per_slot": self.cost.per_slot,
            },
            "limits": self.limits,
            "failing": list(self.failing),
        }


def rounded_up(share: float) -> str:
    """A share as a percentage of two digits, rounded up.

    >>> rounded_up(0.0123), rounded_up(0.00031), rounded_up(1.21)
    ('1.3%', '0.031%', '130%')
    """
    exact = Decimal(repr(share)) * 100
    step = Decimal(1).scaleb(exact.adjusted() - FIRST_DIGITS + 1)
    return f"{((exact / step).to_integral_value('ROUND_CEILING') * step).normalize():f}%"


def in_decimals(value: Fraction | Decimal | float, scale: int) -> Decimal:
    """An estimate to the last decimal of its measure."""
    exact = Fraction(value)
    step = Decimal(1).scaleb(-scale)
    return EXACT.quantize(EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator)), step)


def estimate_json(found: Estimated, scale: int) -> dict[str, str | None]:
    """An estimate and both ends of its interval as texts; None where there is no interval."""
    ends = {"least": found.least, "most": found.most}
    told = {name: None if end is None else f"{in_decimals(end, scale):f}" for name, end in ends.items()}
    return {"total": f"{in_decimals(found.total, scale):f}", **told}
