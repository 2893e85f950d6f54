"""Watermarks in every order of cut over, roll back, abandon, nightly and readers, held to what a reader really read."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.holders import Reading, Use
from backfill_assets.core.window import Window
from backfill_assets.errors.watermarks import HolderUnknown, MarkBackwards, MarkBeyondData
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import frame_of, row_schema
from backfill_assets.storage.watermarks import Entry, Watermarks
from tests.profiles import share_of_examples

TABLE = "sales"
AT = datetime(2026, 1, 23, 6, tzinfo=UTC)
BY = {"by": "ada", "at": AT}
NIGHTLY, PAGE, BILLING, LAGGING = "nightly", "page", "billing", "lagging"
INTERNAL, EXTERNAL = (NIGHTLY, PAGE), (BILLING, LAGGING)


def day(number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number - 1)


def window(first: int, last: int) -> Window:
    return Window(day(first), day(last))


class RowsInMemory:
    """A control table without files, for many examples."""

    def __init__(self) -> None:
        self.known = pl.DataFrame(schema=row_schema(Entry))

    def rows(self) -> pl.DataFrame:
        return self.known

    def append_decided(self, decide):
        decision = decide(self.known)
        self.known = pl.concat([self.known, frame_of(Entry, decision.write)])
        return decision.result


def marks_at(folder) -> Watermarks:
    return Watermarks(Lake(str(folder)))


def marks_in_memory() -> Watermarks:
    marks = Watermarks(Lake("/nowhere"))
    marks._rows = RowsInMemory()
    return marks


@dataclass
class Correction:
    first: int
    last: int
    reset: bool = False
    live: bool = False
    closed: bool = False


@dataclass
class Story:
    """Live as a number a day that changes with its content, and what each holder has of each day."""

    marks: Watermarks
    live: dict[int, int] = field(default_factory=dict)
    seen: dict[str, dict[int, int]] = field(default_factory=dict)
    corrections: dict[str, Correction] = field(default_factory=dict)
    content: int = 0

    def begin(self, published: int, lag: int) -> None:
        self.live = dict.fromkeys(range(1, published + 1), 0)
        for name in EXTERNAL:
            self.marks.register(name, TABLE, external=True, **BY)
        for name in (*INTERNAL, *EXTERNAL):
            self.seen[name] = {}
            self.read(name, max(published - lag, 1) if name == LAGGING else published)

    def read(self, name: str, through: int) -> None:
        """Take every day after the effective mark, then move it."""
        after = self.holder(name).effective
        first = 1 if after is None else (after - day(1)).days + 2
        through = min(through, max(self.live))
        if through >= first:
            self.seen[name] |= {number: self.live[number] for number in range(first, through + 1)}
            self.marks.advance(name, TABLE, day(through), **BY)

    def holder(self, name: str):
        return self.marks.holders(TABLE).get(name) or self._unknown(name)

    def _unknown(self, name: str):
        from backfill_assets.core.holders import Holder

        return Holder(name, TABLE)

    def publish_tonight(self) -> None:
        self.live[max(self.live) + 1] = 0
        self.marks.advance(NIGHTLY, TABLE, day(max(self.live)), **BY)
        self.seen[NIGHTLY][max(self.live)] = 0

    def open(self, first: int, length: int) -> None:
        newest = max(self.live)
        first = 1 + first % newest
        last = min(first + length, newest)
        claimed = {
            number
            for one in self.corrections.values()
            if not one.live and not one.closed
            for number in range(one.first, one.last + 1)
        }
        if claimed.isdisjoint(range(first, last + 1)):
            self.corrections[f"c{len(self.corrections)}"] = Correction(first, last)

    def reset(self, name: str) -> None:
        one = self.corrections[name]
        self.marks.hold(name, TABLE, INTERNAL, window(one.first, one.last), **BY)
        one.reset = True

    def swap(self, name: str, *, back: bool) -> None:
        """A cut over or a roll back, and the holds that it places."""
        one = self.corrections[name]
        self.content += 1
        self.live |= dict.fromkeys(range(one.first, one.last + 1), self.content)
        one.live = not back
        self.marks.hold(name, TABLE, INTERNAL, window(one.first, one.last), **BY)
        self.marks.rewind(name, TABLE, window(one.first, one.last), **BY)

    def rebuild(self, name: str) -> None:
        """Step 7: the report is built for what changed, then everything of ours is let go."""
        one = self.corrections[name]
        for number in range(one.first, one.last + 1):
            for holder in INTERNAL:
                self.seen[holder][number] = self.live[number]
        self.marks.release(name, TABLE, **BY)

    def abandon(self, name: str) -> None:
        self.corrections[name].closed = True
        self.rebuild(name)

    def take(self, what: str, which: int, how: int) -> None:
        open_ones = [name for name, one in self.corrections.items() if not one.closed]
        if what == "publish":
            self.publish_tonight()
        elif what == "open":
            self.open(which, how)
        elif what == "read":
            self.read(EXTERNAL[which % 2], how + which)
        elif open_ones:
            self.take_on(what, open_ones[which % len(open_ones)])

    def take_on(self, what: str, name: str) -> None:
        one = self.corrections[name]
        if what == "reset" and not one.live:
            self.reset(name)
        elif what == "cut over" and one.reset and not one.live:
            self.swap(name, back=False)
        elif what == "roll back" and one.live:
            self.swap(name, back=True)
        elif what == "rebuild" and one.reset:
            self.rebuild(name)
        elif what == "abandon" and not one.live:
            self.abandon(name)

    def check(self) -> None:
        """Nobody believes to have a day that he has not, as it is live now."""
        for name in (*INTERNAL, *EXTERNAL):
            effective = self.holder(name).effective
            if effective is None or name == NIGHTLY:
                continue
            for number, content in self.live.items():
                if day(number) <= effective and name in EXTERNAL:
                    assert self.seen[name].get(number) == content, (name, number)

    def end(self) -> None:
        """Close everything, let everybody read: nobody is held, and everybody has what is live."""
        newest = max(self.live)
        for name, one in self.corrections.items():
            if not one.closed:
                self.rebuild(name)
        for name in EXTERNAL:
            self.read(name, newest)
        standing = self.marks.holders(TABLE)
        assert all(not holder.holds for holder in standing.values())
        assert all(holder.effective == holder.mark for holder in standing.values())
        for name in EXTERNAL:
            assert self.seen[name] == self.live, name
        assert standing[NIGHTLY].effective == day(newest)


STEPS = st.tuples(
    st.sampled_from(
        ["publish", "open", "open", "reset", "cut over", "cut over", "roll back", "rebuild", "abandon", "read", "read"]
    ),
    st.integers(0, 20),
    st.integers(0, 12),
)


def told(marks: Watermarks, published: int, lag: int, steps) -> None:
    story = Story(marks)
    story.begin(published, lag)
    for what, which, how in steps:
        story.take(what, which, how)
        story.check()
    story.end()


@given(published=st.integers(2, 15), lag=st.integers(0, 6), steps=st.lists(STEPS, max_size=25))
def test_no_reader_is_ever_told_that_it_has_what_it_has_not(published, lag, steps):
    told(marks_in_memory(), published, lag, steps)


@share_of_examples(0.06)
@given(published=st.integers(2, 15), lag=st.integers(0, 6), steps=st.lists(STEPS, max_size=8))
def test_the_stored_watermarks_say_the_same(tmp_path_factory, published, lag, steps):
    told(marks_at(tmp_path_factory.mktemp("lake")), published, lag, steps)


def test_nightly_goes_on_while_a_correction_holds_it_and_is_where_it_was_after_abandon():
    marks = marks_in_memory()
    marks.advance(NIGHTLY, TABLE, day(20), **BY)
    marks.hold("a", TABLE, [NIGHTLY], window(5, 9), **BY)
    marks.advance(NIGHTLY, TABLE, day(21), **BY)
    assert marks.holders(TABLE)[NIGHTLY].effective == day(4)
    marks.release("a", TABLE, **BY)
    assert marks.holders(TABLE)[NIGHTLY].effective == day(21)


def test_of_two_holds_the_earlier_counts_until_both_are_let_go():
    marks = marks_in_memory()
    marks.advance(NIGHTLY, TABLE, day(20), **BY)
    marks.hold("a", TABLE, [NIGHTLY], window(5, 9), **BY)
    marks.hold("b", TABLE, [NIGHTLY], window(11, 14), **BY)
    marks.release("a", TABLE, **BY)
    assert marks.holders(TABLE)[NIGHTLY].effective == day(10)
    marks.release("b", TABLE, **BY)
    assert marks.holders(TABLE)[NIGHTLY].effective == day(20)


def test_a_hold_placed_twice_is_one():
    marks = marks_in_memory()
    marks.advance(PAGE, TABLE, day(20), **BY)
    marks.hold("a", TABLE, [PAGE], window(5, 9), **BY)
    before = marks._rows.rows().height
    marks.hold("a", TABLE, [PAGE], window(5, 9), **BY)
    assert marks._rows.rows().height == before


def test_an_external_holder_works_its_hold_off_by_reading_through_what_changed():
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    marks.advance(BILLING, TABLE, day(20), **BY)
    assert marks.rewind("a", TABLE, window(5, 9), **BY) == (BILLING,)
    assert marks.holders(TABLE)[BILLING].effective == day(4)
    marks.advance(BILLING, TABLE, day(7), **BY)
    assert marks.holders(TABLE)[BILLING].effective == day(7)
    marks.advance(BILLING, TABLE, day(9), **BY)
    assert marks.holders(TABLE)[BILLING].effective == day(20)


def test_the_correction_lets_go_of_its_own_holders_only():
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    marks.advance(BILLING, TABLE, day(20), **BY)
    marks.rewind("a", TABLE, window(5, 9), **BY)
    marks.release("a", TABLE, **BY)
    assert "a" in marks.holders(TABLE)[BILLING].holds


def test_a_holder_that_has_not_come_to_the_window_reads_it_anyway():
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    marks.advance(BILLING, TABLE, day(4), **BY)
    assert marks.rewind("a", TABLE, window(5, 9), **BY) == ()


def test_a_holder_that_never_told_its_mark_is_waited_for_until_it_has_read_the_window():
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    assert marks.rewind("a", TABLE, window(5, 9), **BY) == (BILLING,)
    marks.advance(BILLING, TABLE, day(8), **BY)
    assert marks.holders(TABLE)[BILLING].holds
    marks.advance(BILLING, TABLE, day(9), **BY)
    assert not marks.holders(TABLE)[BILLING].holds


def test_a_waived_holder_is_not_waited_for_and_the_reason_is_kept():
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    marks.rewind("a", TABLE, window(5, 9), **BY)
    assert marks.waive("a", TABLE, BILLING, note="decommissioned last year", **BY)
    assert not marks.holders(TABLE)[BILLING].holds
    assert marks._rows.rows()["note"][-1] == "decommissioned last year"
    assert not marks.waive("a", TABLE, BILLING, note="again", **BY)


@pytest.mark.parametrize(
    ("name", "to", "error"),
    [("nobody", 5, HolderUnknown), (BILLING, 31, MarkBeyondData), (BILLING, 3, MarkBackwards)],
)
def test_an_advance_that_cannot_be_is_refused_and_moves_nothing(name, to, error):
    marks = marks_in_memory()
    marks.register(BILLING, TABLE, external=True, **BY)
    marks.advance(BILLING, TABLE, day(10), **BY)
    with pytest.raises(error):
        marks.advance_verified(name, TABLE, day(to), day(30), **BY)
    assert marks.holders(TABLE)[BILLING].mark == day(10)


def test_watermarks_of_another_table_are_left_alone():
    marks = marks_in_memory()
    marks.advance(NIGHTLY, "other", day(20), **BY)
    marks.advance(NIGHTLY, TABLE, day(20), **BY)
    marks.hold("a", TABLE, [NIGHTLY], window(5, 9), **BY)
    assert marks.holders("other")[NIGHTLY].effective == day(20)


def test_a_reader_that_nobody_registered_is_given_back_as_it_is_kept():
    """Its use makes it known, as one from outside, for which no correction of ours has to wait."""
    marks = marks_in_memory()
    told = marks.use("notebook", TABLE, Use(None, day(3), 4, AT), by="ada")
    assert told.external
    assert told == marks.holders(TABLE)["notebook"]


def test_a_swap_is_written_down_once_and_holds_whoever_reports_an_earlier_commit_later():
    marks = marks_in_memory()
    for _ in range(2):
        marks.rewind("a", TABLE, window(5, 9), commit=7, **BY)
    assert marks._rows.known["fact"].to_list() == ["swapped"]

    marks.register(BILLING, TABLE, external=True, **BY)
    told = marks.advance_verified(BILLING, TABLE, day(9), day(9), reading=Reading(commit=6), **BY)

    assert (told.mark, told.effective) == (day(9), day(4))
    assert marks.advance_verified(BILLING, TABLE, day(9), day(9), reading=Reading(commit=7), **BY).effective == day(9)
