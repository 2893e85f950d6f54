"""Slots drawn with unequal chances: the estimate has no bias, shown by every draw that there can be."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import permutations, product
from math import gamma, pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.drawing import (
    Drawn,
    Signal,
    draw,
    drawn_of,
    estimate,
    may_be_missed,
    sizes_of,
    student,
)
from backfill_assets.core.slots import Slot

FIRST = date(2026, 1, 1)
SLOTS = [FIRST + timedelta(days=n) for n in range(90)]
NONE: dict[Slot, Fraction] = {}


def every_draw(sizes: Mapping[Slot, int], count: int) -> Iterator[tuple[Fraction, list[Drawn]]]:
    """Every draw that there can be, with its chance: each order of the slots, dealt, and each pick from each group."""
    orders = list(permutations(sizes))
    for order in orders:
        groups = [tuple(order[number::count]) for number in range(count)]
        for picked in product(*groups):
            drawn = [drawn_of(group, slot, sizes) for group, slot in zip(groups, picked, strict=True)]
            chance = Fraction(1, len(orders))
            for one in drawn:
                chance /= one.weight
            yield chance, drawn


amounts = st.integers(-50, 50).map(Fraction)
POPULATIONS = st.integers(3, 5).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(1, 9), min_size=n, max_size=n),
        st.lists(amounts, min_size=n, max_size=n),
        st.lists(amounts, min_size=n, max_size=n),
        st.integers(1, min(n, 3)),
    )
)


@given(POPULATIONS)
def test_over_every_draw_the_mean_of_the_estimate_is_the_total_whatever_was_foreseen(
    population: tuple[list[int], list[Fraction], list[Fraction], int],
):
    weights, effects, foreseen, count = population
    slots = SLOTS[: len(weights)]
    sizes, effect, known = (dict(zip(slots, one, strict=True)) for one in (weights, effects, foreseen))
    half = slots[::2]
    means = [Fraction(0)] * 3
    for chance, drawn in every_draw(sizes, count):
        wanted = {one.slot: effect[one.slot] for one in drawn}
        found = [estimate(drawn, wanted), estimate(drawn, wanted, known), estimate(drawn, wanted, known, within=half)]
        means = [mean + chance * one.total for mean, one in zip(means, found, strict=True)]
    assert means == [sum(effects), sum(effects), sum(effect[slot] for slot in half)]


@given(POPULATIONS)
def test_over_every_draw_the_mean_of_the_estimated_variance_is_the_variance(
    population: tuple[list[int], list[Fraction], list[Fraction], int],
):
    weights, effects, _, count = population
    slots = SLOTS[: len(weights)]
    sizes, effect = (dict(zip(slots, one, strict=True)) for one in (weights, effects))
    total, told, true = sum(effects), Fraction(0), Fraction(0)
    for chance, drawn in every_draw(sizes, count):
        found = estimate(drawn, {one.slot: effect[one.slot] for one in drawn})
        if found.variance is None:
            assert count == 1
            return
        told += chance * found.variance
        true += chance * (found.total - total) ** 2
    assert told == true


def test_all_slots_drawn_are_exact():
    sizes = {slot: 1 + slot.day for slot in SLOTS[:7]}
    effects = {slot: Fraction(slot.day, 3) for slot in sizes}
    found = estimate(draw(sizes, 7, "1"), effects, effects)
    assert (found.total, found.variance, found.half_width) == (sum(effects.values()), 0, 0.0)
    assert draw(sizes, 99, "1") == draw(sizes, 7, "1")


def test_one_slot_has_an_estimate_without_an_interval_unless_it_is_the_only_one():
    sizes = dict.fromkeys(SLOTS[:4], 2)
    found = estimate(draw(sizes, 1, "1"), dict.fromkeys(sizes, Fraction(3)))
    assert (found.total, found.half_width, found.least, found.most) == (12, None, None, None)
    alone = estimate(draw({FIRST: 5}, 1, "1"), {FIRST: Fraction(3)})
    assert (alone.total, alone.half_width) == (3, 0.0)


def test_the_same_seed_draws_the_same_slots_and_another_one_others():
    sizes = sizes_of(SLOTS)
    assert draw(sizes, 5, "1") == draw(sizes, 5, "1")
    assert draw(sizes, 5, "1") != draw(sizes, 5, "2")
    for seed in range(20):
        drawn = draw(sizes, 7, str(seed))
        assert len({one.slot for one in drawn}) == 7
        assert sorted(slot for one in drawn for slot in one.group) == SLOTS
        assert sum(one.share for one in drawn) == 1


def test_slots_are_drawn_as_often_as_their_sizes_say():
    sizes = {slot: 1 + 9 * (slot.day % 3 == 0) for slot in SLOTS[:12]}
    drawn = [one.slot for seed in range(3000) for one in draw(sizes, 1, str(seed))]
    for slot, size in sizes.items():
        assert drawn.count(slot) / 3000 == pytest.approx(size / sum(sizes.values()), abs=0.03)


def test_no_slot_is_without_a_chance_whatever_the_signals_say():
    loud = Signal({SLOTS[0]: 1e12}, 1.0)
    sizes = sizes_of(SLOTS, [loud], [{SLOTS[1]: 1.0}])
    total = sum(sizes.values())
    assert min(sizes.values()) / total == pytest.approx(0.25 / 90, rel=1e-6)
    assert sizes[SLOTS[0]] / total == pytest.approx(0.5 + 0.25 / 90, rel=1e-6)
    assert sizes[SLOTS[1]] / total == pytest.approx(0.25 + 0.25 / 90, rel=1e-6)


@pytest.mark.parametrize("told", [[], [Signal({}, 1.0)], [Signal(dict.fromkeys(SLOTS, 5.0), 0.0)]])
def test_without_a_signal_that_tells_anything_all_are_drawn_alike(told: Sequence[Signal]):
    assert set(sizes_of(SLOTS, told, [{}]).values()) == {round(10**9 / 90) + 1}


def test_what_is_foreseen_rightly_narrows_the_interval_and_what_is_nonsense_does_not_widen_it_much():
    effects = {slot: Fraction((-1) ** slot.day * slot.day * 100) for slot in SLOTS}
    right = {slot: effect + slot.day for slot, effect in effects.items()}
    nonsense = {slot: Fraction(10**9 * (slot.month + 2)) for slot in SLOTS}
    sizes = sizes_of(SLOTS)

    def width(foreseen: Mapping[Slot, Fraction]) -> float:
        found = [estimate(draw(sizes, 5, str(seed)), effects, foreseen).half_width or 0.0 for seed in range(60)]
        return sum(found) / len(found)

    assert width(right) < width(NONE) / 3
    assert width(nonsense) < width(NONE) * 1.5


def test_an_effect_that_nothing_was_drawn_of_is_none():
    found = estimate(draw(sizes_of(SLOTS), 5, "1"), {}, {SLOTS[0]: Fraction(7)})
    assert (found.total, found.half_width) == (0, 0.0)
    assert may_be_missed(5) == pytest.approx(0.4507, abs=1e-4)


def test_the_points_of_students_t_hold_ninety_five_percent():
    for degrees in (1, 2, 4, 9, 30, 40, 200):
        norm = gamma((degrees + 1) / 2) / gamma(degrees / 2) / sqrt(degrees * pi) if degrees < 300 else 0.0
        steps, end = 20_000, student(degrees)
        inside = 2 * sum(
            norm * (1 + ((n + 0.5) * end / steps) ** 2 / degrees) ** (-(degrees + 1) / 2) * end / steps
            for n in range(steps)
        )
        assert inside == pytest.approx(0.95, abs=2e-4)
