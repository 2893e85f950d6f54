"""State that is carried from slot to slot: what a slot holds, whether slots follow each other, and their one wave."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.carried import NOTHING_BEFORE, CarriedState, Link, first_broken
from backfill_assets.core.next_step import StageWaves, Stuck, WaitForRuns, next_step
from backfill_assets.core.partition_column import BY_DAY
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from tests.core.test_next_step import DAYS, OPENED, PREPARED, Told, days_of, folded, plan, staged

FIRST = date(2026, 1, 5)
STATE = CarriedState("before", {"account": pl.String(), "balance": pl.Int64(), "mark": pl.Binary()}, FIRST)


def frame(*rows: tuple[Any, ...], **kinds: pl.DataType) -> pl.DataFrame:
    schema = {"day": pl.Date(), "account": pl.String(), "balance": pl.Int64(), "mark": pl.Binary(), **kinds}
    return pl.DataFrame([(FIRST, *row) for row in rows], schema=schema, orient="row")


TWO = (("a", 10, b"x"), ("b", None, None))
ALIKE = {
    "the same": frame(*TWO),
    "in another order": frame(*reversed(TWO)),
    "of a narrower type": frame(*TWO, balance=pl.Int32()),
    "with a column that is not carried": frame(*TWO).with_columns(note=pl.lit("n")),
    "on another day": frame(*TWO).with_columns(day=pl.lit(date(2026, 1, 6))),
    "with its columns elsewhere": frame(*TWO).select("mark", "balance", "account", "day"),
}
UNLIKE = {
    "another value": frame(("a", 11, b"x"), TWO[1]),
    "a null less": frame(TWO[0], ("b", 0, None)),
    "an empty text for none": frame(TWO[0], ("", None, None)),
    "an empty mark for none": frame(TWO[0], ("b", None, b"")),
    "another mark": frame(("a", 10, b"y"), TWO[1]),
    "a row less": frame(TWO[0]),
    "a row twice": frame(*TWO, TWO[0]),
    "nothing": frame(),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_the_next_slot_is_given_alike_is_of_one_content(name: str) -> None:
    assert STATE.digest(ALIKE[name]) == STATE.digest(frame(*TWO))


@pytest.mark.parametrize("name", UNLIKE)
def test_what_the_next_slot_is_given_otherwise_is_of_another_content(name: str) -> None:
    assert STATE.digest(UNLIKE[name]) not in {STATE.digest(frame(*TWO)), NOTHING_BEFORE}


def test_decimals_of_one_value_are_of_one_content_whatever_their_scale() -> None:
    state = CarriedState("before", {"balance": pl.Decimal(38, 4)}, FIRST)
    two, four = (pl.DataFrame({"balance": [Decimal("1.5")]}, {"balance": pl.Decimal(38, scale)}) for scale in (2, 4))
    assert state.digest(two) == state.digest(four)


def test_the_rows_before_are_the_declared_columns_and_one_that_is_not_there_yet_is_null() -> None:
    rows = STATE.rows(frame(*TWO).drop("mark").with_columns(note=pl.lit("n")), BY_DAY)
    assert rows.schema == STATE.nothing(BY_DAY).schema
    assert rows["mark"].null_count() == 2
    assert STATE.nothing(BY_DAY).is_empty()


def test_before_the_first_slot_and_where_an_adopted_table_begins_there_is_nothing() -> None:
    adopted = date(2026, 2, 1)
    assert STATE.before(FIRST) is None
    assert STATE.before(adopted, adopted) is None
    assert STATE.before(adopted) == date(2026, 1, 31)


CHAINS: dict[str, tuple[list[Link | None], int | None]] = {
    "in order": ([Link("1", "0"), Link("2", "1"), Link("3", "2")], None),
    "from another state than live": ([Link("1", "x"), Link("2", "1")], 0),
    "one that was staged again since": ([Link("1", "0"), Link("2", "x"), Link("3", "2")], 1),
    "one that nobody knows": ([Link("1", "0"), None, Link("3", "2")], 1),
    "none": ([], None),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_first_slot_is_named_that_does_not_follow_the_one_before_it(name: str) -> None:
    links, broken = CHAINS[name]
    found = first_broken(dict(zip(DAYS, links, strict=False)), "0")
    assert found == (None if broken is None else DAYS[broken])


CARRIES = plan(carries=True)


@given(st.lists(st.tuples(st.sampled_from([Outcome.PROGRESSED, Outcome.REFUSED]), days_of), max_size=6))
def test_whatever_was_staged_one_wave_goes_and_begins_with_the_first_missing_day(
    told: list[tuple[Outcome, list[str]]],
) -> None:
    happened: list[Told] = [(Step.STAGE, outcome, {"days": days, "restage": days}) for outcome, days in told]
    progress = folded([*PREPARED, *happened], CARRIES)
    decided = next_step(progress, OPENED)
    if progress.missing:
        assert isinstance(decided, StageWaves)
        assert len(decided.waves) == decided.at_once == 1
        assert decided.waves[0].first == min(progress.missing)
    last = [days for outcome, days in told if outcome is Outcome.PROGRESSED][-1:]
    assert not last or not {day for day in progress.staging.staged if str(day) > max(last[0])}


def test_while_a_wave_is_under_way_or_somebody_stages_no_other_goes() -> None:
    wave = {"request": "k", "errand": {"steps": [], "wave": [str(DAYS[0]), str(DAYS[1])]}}
    asked = folded([*PREPARED, (Step.STAGE, Outcome.REQUESTED, wave)], CARRIES)
    assert next_step(asked, OPENED) == WaitForRuns(("k",))
    assert next_step(folded(PREPARED, CARRIES), OPENED, busy=[DAYS[3]]) == WaitForRuns(())


def test_a_failed_day_is_tried_with_what_follows_it_then_alone_and_then_somebody_has_to_look() -> None:
    failed = (Step.STAGE, Outcome.FAILED, {"days": {str(day): f"no {day}" for day in DAYS[2:]}})
    most = [*PREPARED, staged(*DAYS[:2])]
    for tries, last in ((0, DAYS[-1]), (1, DAYS[-1]), (2, DAYS[2])):
        assert next_step(folded([*most, *[failed] * tries], CARRIES), OPENED) == StageWaves((Window(DAYS[2], last),), 1)
    stuck = Stuck(Step.STAGE, f"[{DAYS[2]}] no {DAYS[2]}")
    assert next_step(folded([*most, *[failed] * 3], CARRIES), OPENED) == stuck
    later = (Step.STAGE, Outcome.FAILED, {"days": {str(DAYS[3]): "bad", str(DAYS[4]): "too"}})
    assert isinstance(
        next_step(folded([*most, *[failed] * 2, staged(DAYS[2]), *[later] * 2], CARRIES), OPENED), StageWaves
    )
