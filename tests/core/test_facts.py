"""Facts: what is stored is read back as it was, and every kind has its sentence."""

import typing
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core import facts
from backfill_assets.core.budget import Budget
from backfill_assets.core.codec import NOT_STORED
from backfill_assets.core.events import detail_of, fact_of
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import NINE_STEPS, Outcome, Step, WorkItem
from backfill_assets.core.window import Window
from backfill_assets.errors.lake import FactUnknown

KINDS = typing.get_args(facts.Fact)
WINDOW = Window(date(2026, 1, 1), date(2026, 1, 9))
SWAPS = (facts.SwapPlanned, facts.SwapRefused, facts.Swapped)
words = st.text("abc_ é", max_size=8)

st.register_type_strategy(date, st.dates(date(2025, 12, 1), date(2026, 2, 1)))
st.register_type_strategy(datetime, st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1), timezones=st.just(UTC)))  # noqa: DTZ001
st.register_type_strategy(str, words)
st.register_type_strategy(float, st.floats(0, 1e6))
st.register_type_strategy(int, st.integers(0, 10**6))
st.register_type_strategy(
    Plan, st.just(Plan("c", Request("t", WINDOW, "wrong", correction="c"), datetime(2026, 1, 23, tzinfo=UTC), "ada"))
)
st.register_type_strategy(
    Budget, st.builds(Budget, st.decimals(0, 10**6, places=2), st.sampled_from(["core-hours", "EUR"]))
)
st.register_type_strategy(
    WorkItem,
    st.builds(WorkItem, steps=st.lists(st.sampled_from(NINE_STEPS), min_size=1).map(tuple))
    | st.just(WorkItem(wave=WINDOW)),
)


def of_kind(kind: Any) -> st.SearchStrategy[facts.Fact]:
    """Any fact of a kind that can have happened."""
    given_fields: dict[str, st.SearchStrategy[Any]] = {}
    if kind in SWAPS:
        given_fields["step"] = st.sampled_from([Step.CUT_OVER, Step.ROLL_BACK])
    if kind is facts.Decommissioned:
        given_fields["proof"] = st.dictionaries(words, st.integers() | st.lists(words))
    if kind is facts.RunFailed:
        given_fields["request"] = words.filter(bool)
    return st.builds(kind, **given_fields, **_rest(kind, given_fields))


def _rest(kind: Any, already: Mapping[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {one.name: st.from_type(hints[one.name]) for one in fields(kind) if one.name not in already}


any_fact = st.one_of([of_kind(kind) for kind in KINDS])


@given(fact=any_fact)
def test_what_is_stored_is_read_back_as_it_was(fact: facts.Fact):
    assert fact_of(fact.step, fact.outcome, detail_of(fact)) == fact


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_kind_has_a_sentence(kind: Any, data: st.DataObject):
    told = data.draw(of_kind(kind)).summary()

    assert isinstance(told, str)


def test_a_kind_that_means_nothing_is_refused_by_name():
    with pytest.raises(FactUnknown, match="open_correction waived"):
        fact_of(Step.OPEN, Outcome.WAIVED, {})


def test_a_fact_holds_no_more_than_nine_things():
    assert all(len(fields(kind)) <= 9 for kind in KINDS)
    assert NOT_STORED
