"""Slots drawn with known, unequal chances, and what they say of all slots: without bias, and with an interval.

All slots are dealt by chance into as many groups as are to be drawn, and of each group one is drawn, in proportion to
its size (Rao, Hartley and Cochran, 1962). What was foreseen of every slot beforehand is taken off the drawn ones and
added for all, so far as the other drawn slots bear it out. Since groups are drawn one without the other, that
coefficient does not depend on the slot that it is used for, and the estimate has no bias, whatever was foreseen.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from backfill_assets.core.slots import Slot

SCALE = 10**9
FOLLOWS = 0.5
"""So much of the chance follows signals at most."""
BELIEVED = Fraction(3, 4)
"""What is foreseen is taken off by so much at most, so that the interval rests on what was measured."""
NOTHING = Fraction(0)
# The two-sided 95 % point of Student's t, by degrees of freedom; beyond them that of the normal distribution is near.
_STUDENT = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_NORMAL = 1.9600
# That of 90 %: drawn slots that look alike by chance make the interval no narrower than this.
_GUARD = 1.6449


@dataclass(frozen=True, slots=True)
class Signal:
    """What tells beforehand where effects are large: an amount a slot, and between 0 and 1 how far to trust it."""

    by_slot: Mapping[Slot, float]
    trust: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A slot that was drawn from its group, of which the sizes are known; ``total`` is the size of all slots."""

    slot: Slot
    group: Mapping[Slot, int]
    total: int

    @property
    def weight(self) -> Fraction:
        """How many of its like it stands for: the size of its group by its own."""
        return Fraction(sum(self.group.values()), self.group[self.slot])

    @property
    def share(self) -> Fraction:
        """The size of its group by that of all slots."""
        return Fraction(sum(self.group.values()), self.total)


@dataclass(frozen=True, slots=True)
class Estimated:
    """A total over all slots as the drawn ones have it, and its variance, estimated too; None where one was drawn.

    ``foreseen_variance`` is what the variance would be if the rest, too, were in proportion to what was foreseen: it is
    known of every slot, where a few drawn ones may look alike by chance. The total is certainly no less than ``seen``,
    where that is known. ``least`` and ``most`` are the ends of a 95 % interval, where there is one.
    """

    total: Fraction
    variance: Fraction | None
    drawn: int
    foreseen_variance: float = 0.0
    seen: Fraction | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was seen, nor anything foreseen that could be in between."""
        return not self.total and not self.variance

    @property
    def half_width(self) -> float | None:
        """Half of the interval; nothing once every slot was drawn."""
        if self.variance is None:
            return None
        measured = student(self.drawn - 1) * sqrt(self.variance) if self.variance else 0.0
        return max(measured, _GUARD * sqrt(self.foreseen_variance))

    @property
    def least(self) -> float | None:
        """The lower end."""
        if self.half_width is None:
            return None
        low = float(self.total) - self.half_width
        return low if self.seen is None else max(low, float(self.seen))

    @property
    def most(self) -> float | None:
        """The upper end."""
        return None if self.half_width is None else float(self.total) + self.half_width


def student(degrees: int) -> float:
    """The two-sided 95 % point of Student's t."""
    return _STUDENT[degrees - 1] if degrees <= len(_STUDENT) else _NORMAL + 2.4 / degrees


def sizes_of(
    slots: Collection[Slot], signals: Sequence[Signal] = (), volumes: Sequence[Mapping[Slot, float]] = ()
) -> dict[Slot, int]:
    """The sizes by which slots are drawn; none is zero.

    Half of the chance follows the signals, as far as they are trusted. Of the rest one half is the same for every slot
    and the other one follows the volumes, such as what a measure adds up to on each slot before anything is computed.
    """
    even = dict.fromkeys(slots, 1.0)
    base = [even, *_mixed(slots, [Signal(volume, 1.0) for volume in volumes])]
    signal = _mixed(slots, signals)
    trusted = FOLLOWS * max((one.trust for one in signals if one.by_slot), default=0.0) if signal else 0.0
    chances = [*((weights, (1 - trusted) / len(base)) for weights in base), *((weights, trusted) for weights in signal)]
    totals = [sum(weights.values()) for weights, _ in chances]
    return {
        slot: 1 + round(SCALE * sum(part * w[slot] / all_of for (w, part), all_of in zip(chances, totals, strict=True)))
        for slot in slots
    }


def draw(sizes: Mapping[Slot, int], count: int, seed: str) -> tuple[Drawn, ...]:
    """Draw so many slots, or all; the same for the same seed, since chance is SHA-256 over it and the slot."""
    order = sorted(sizes, key=lambda slot: _chance(seed, "order", slot))
    count = min(count, len(order))
    groups = [tuple(order[number::count]) for number in range(count)]
    found = [drawn_of(group, _picked(group, sizes, seed), sizes) for group in groups]
    return tuple(sorted(found, key=lambda one: one.slot))


def drawn_of(group: tuple[Slot, ...], slot: Slot, sizes: Mapping[Slot, int]) -> Drawn:
    """One slot as it was drawn from a group."""
    return Drawn(slot, {one: sizes[one] for one in group}, sum(sizes.values()))


def estimate(
    drawn: Sequence[Drawn],
    effects: Mapping[Slot, Fraction],
    foreseen: Mapping[Slot, Fraction] | None = None,
    *,
    trust: float = 1.0,
    within: Collection[Slot] | None = None,
) -> Estimated:
    """The total of an effect over all slots, or over those ``within``, and its variance.

    Args:
        drawn: at least one slot.
        effects: of the drawn slots; one that is missing has none.
        foreseen: what is known of the slots beforehand, as far as anything is.
        trust: between 0 and 1 how far to go by that.
        within: the slots whose total is wanted; all of them when left out.
    """
    known, wanted = foreseen or {}, None if within is None else frozenset(within)
    most = BELIEVED * Fraction(trust)
    met = [_met(one, effects, known) for one in drawn]
    true, told = (sum(parts, NOTHING) for parts in zip(*met, strict=True))
    believed = [min(max(_part(true - own, told - of), NOTHING), most) for own, of in met]
    total, left = NOTHING, list[Fraction]()
    for one, coefficient in zip(drawn, believed, strict=True):
        group = one.group if wanted is None else wanted & one.group.keys()
        is_in = wanted is None or one.slot in wanted
        rest = effects.get(one.slot, NOTHING) - coefficient * known.get(one.slot, NOTHING) if is_in else NOTHING
        left.append(rest * one.weight)
        total += coefficient * sum((known.get(slot, NOTHING) for slot in group), NOTHING) + left[-1]
    beyond = float(_part(true, told) - sum(believed, NOTHING) / len(drawn))
    proportional = {slot: beyond * float(value) for slot, value in known.items() if wanted is None or slot in wanted}
    return Estimated(total, _variance(drawn, left), len(drawn), _variance_of_all(drawn, proportional))


def may_be_missed(drawn: int) -> float:
    """The largest share of the chances that slots may have and still not be drawn in one of twenty previews."""
    return 1 - 0.05 ** (1 / drawn)


def _mixed(slots: Collection[Slot], signals: Sequence[Signal]) -> list[dict[Slot, float]]:
    """Signals as one, each by its share of its own total and by how far it is trusted; nothing where none tells."""
    mixed = dict.fromkeys(slots, 0.0)
    for signal in signals:
        total = sum(abs(signal.by_slot.get(slot, 0.0)) for slot in slots)
        for slot in slots if total else ():
            mixed[slot] += signal.trust * abs(signal.by_slot.get(slot, 0.0)) / total
    return [mixed] if any(mixed.values()) else []


def _chance(seed: str, what: str, *of: Slot) -> int:
    return int(hashlib.sha256("\x00".join([seed, what, *map(str, of)]).encode()).hexdigest(), 16)


def _picked(group: tuple[Slot, ...], sizes: Mapping[Slot, int], seed: str) -> Slot:
    at = _chance(seed, "pick", *group) % sum(sizes[slot] for slot in group)
    for slot in group:
        at -= sizes[slot]
        if at < 0:
            return slot
    return group[-1]


def _met(one: Drawn, effects: Mapping[Slot, Fraction], foreseen: Mapping[Slot, Fraction]) -> tuple[Fraction, Fraction]:
    """What one slot adds to the least squares of effects on what was foreseen, in the weights of the variance."""
    expected = foreseen.get(one.slot, NOTHING)
    if not expected:
        return NOTHING, NOTHING
    weight = one.weight * one.weight / one.share
    return weight * effects.get(one.slot, NOTHING) * expected, weight * expected * expected


def _part(true: Fraction, told: Fraction) -> Fraction:
    """How much of what was foreseen came true."""
    return true / told if told else NOTHING


def _variance(drawn: Sequence[Drawn], left: Sequence[Fraction]) -> Fraction | None:
    """Rao, Hartley and Cochran's estimate of the variance; None where one slot tells nothing of others."""
    slots, squares = sum(len(one.group) for one in drawn), sum(len(one.group) ** 2 for one in drawn)
    if slots == squares:  # each was drawn
        return NOTHING
    if slots**2 == squares:
        return None
    mean = sum(left, NOTHING)
    spread = sum((one.share * (rest / one.share - mean) ** 2 for one, rest in zip(drawn, left, strict=True)), NOTHING)
    return Fraction(squares - slots, slots**2 - squares) * spread


def _variance_of_all(drawn: Sequence[Drawn], effects: Mapping[Slot, float]) -> float:
    """The variance that an estimate of these effects would have, were they known of every slot."""
    slots, squares = sum(len(one.group) for one in drawn), sum(len(one.group) ** 2 for one in drawn)
    if slots == 1 or not effects:
        return 0.0
    spread = sum(effects.get(slot, 0.0) ** 2 * one.total / size for one in drawn for slot, size in one.group.items())
    return max(0.0, (squares - slots) / (slots * (slots - 1)) * (spread - sum(effects.values()) ** 2))
