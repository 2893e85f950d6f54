from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.errors.swaps import (
    DaysRewritten,
    LaterCorrectionFirst,
    NothingSwapped,
    RetiredFilesMissing,
    RollBackOvertaken,
)
from backfill_assets.storage.retention import decommission
from backfill_assets.storage.swap import plan_roll_back, roll_back
from backfill_assets.storage.swap_numbers import app_id
from tests.profiles import share_of_examples
from tests.storage.lakes import (
    content,
    day,
    done_cut_over,
    done_roll_back,
    live_with,
    staged_with,
    worth,
)


def test_cut_over_and_roll_back_may_alternate(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10], day(1): [11]})
    swaps = []
    for _ in range(3):
        swaps.append(done_cut_over(live, staged, "a"))
        assert content(live) == {day(0): [10], day(1): [11]}
        swaps.append(done_roll_back(live, swaps, "a"))
        assert content(live) == {day(0): [1]}
    assert live.snapshot().transaction_version(app_id("a")) == 6


def test_a_partial_roll_back_leaves_the_other_days_corrected(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    staged = staged_with(live, "a", {day(0): [10], day(1): [20], day(2): [30]})
    swaps = [done_cut_over(live, staged, "a")]
    swaps.append(done_roll_back(live, swaps, "a", [day(2)]))
    assert content(live) == {day(0): [10], day(1): [20]}
    with pytest.raises(NothingSwapped, match="2026-01-03"):
        plan_roll_back(live.snapshot(), swaps, correction="a", swap_count=3, days=[day(2)])
    swaps.append(done_cut_over(live, staged, "a", [day(2)]))
    swaps.append(done_roll_back(live, swaps, "a"))
    assert content(live) == {day(0): [1], day(1): [2]}


def test_a_roll_back_that_was_planned_but_never_committed_changes_nothing_of_the_next_plan(root):
    live = live_with(root / "t", {day(0): [1]})
    swaps = [done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")]
    swaps.append(plan_roll_back(live.snapshot(), swaps, correction="a", swap_count=2))
    again = plan_roll_back(live.snapshot(), swaps, correction="a", swap_count=2)
    assert again == swaps[1]


def test_days_rewritten_since_are_named_and_not_rolled_back(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10], day(1): [20]}), "a")
    live.replace_days({day(1): worth(21)})
    with pytest.raises(DaysRewritten, match="2026-01-02"):
        plan_roll_back(live.snapshot(), [swap], correction="a", swap_count=2)
    done_roll_back(live, [swap], "a", [day(0)])
    assert content(live) == {day(0): [1], day(1): [21]}


def test_a_rewrite_with_the_same_rows_is_rolled_back(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10, 11], day(1): [20]}), "a")
    live.replace_days({day(0): worth(11, 10)})
    done_roll_back(live, [swap], "a")
    assert content(live) == {day(0): [1], day(1): [2]}


def test_a_retired_file_that_is_gone_stops_the_roll_back_before_it_commits(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10], day(1): [20]}), "a")
    plan = plan_roll_back(live.snapshot(), [swap], correction="a", swap_count=2)
    (root / "t" / next(file.path for file in swap.retired if file.day == day(1))).unlink()
    with pytest.raises(RetiredFilesMissing, match="2026-01-02"):
        plan_roll_back(live.snapshot(), [swap], correction="a", swap_count=2)
    with pytest.raises(RetiredFilesMissing, match="2026-01-02"):
        roll_back(live, plan)
    assert content(live) == {day(0): [10], day(1): [20]}


def test_a_day_written_between_plan_and_roll_back_stops_it(root):
    live = live_with(root / "t", {day(0): [1]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    plan = plan_roll_back(live.snapshot(), [swap], correction="a", swap_count=2)
    live.append(worth(5), day=day(0))
    with pytest.raises(RollBackOvertaken, match="2026-01-01"):
        roll_back(live, plan)
    assert content(live) == {day(0): [5, 10]}


def test_a_later_correction_must_be_rolled_back_first(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10], day(1): [20]}), "a")
    two = done_cut_over(live, staged_with(live, "b", {day(1): [200]}), "b")
    with pytest.raises(LaterCorrectionFirst, match=r"Live holds 1 day \(2026-01-02"):
        plan_roll_back(live.snapshot(), [one], correction="a", swap_count=2)
    done_roll_back(live, [two], "b")
    assert content(live) == {day(0): [10], day(1): [20]}
    done_roll_back(live, [one], "a")
    assert content(live) == {day(0): [1], day(1): [2]}


MOVES = ("cut_over", "roll_back", "decommission")


@share_of_examples(0.25)
@given(moves=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(MOVES)), min_size=2, max_size=7))
def test_two_corrections_over_shared_days_agree_with_a_dictionary(tmp_path_factory, moves):
    assert_agrees(tmp_path_factory.mktemp("lake"), moves)


@pytest.mark.parametrize("order", list(permutations(["a", "b"])))
@pytest.mark.parametrize("middle", [[], [("b", "roll_back")], [("b", "roll_back"), ("a", "roll_back")]])
def test_decommission_in_every_order_leaves_live_readable(root, order, middle):
    moves = [("a", "cut_over"), ("b", "cut_over"), *middle]
    assert_agrees(root, [*moves, *((each, "decommission") for each in order), ("b", "roll_back")])


def assert_agrees(root, moves):
    """Play the moves on a real lake and on plain dictionaries, and compare what live shows after each."""
    new = {"a": {day(0): [10], day(1): [20], day(3): [40]}, "b": {day(1): [200], day(2): []}}
    live = live_with(root / "t", {day(0): [1], day(1): [2], day(2): [3]})
    staged = {each: staged_with(live, each, new[each]) for each in new}
    swaps = {each: [] for each in new}
    shown, in_live, gone = content(live), {each: {} for each in new}, set()
    for correction, move in moves:
        other = "b" if correction == "a" else "a"
        if correction in gone:
            continue
        covered = any(shown.get(of) == new[other][of] for of in in_live[correction] if of in in_live[other])
        match move:
            case "cut_over" if not in_live[correction]:
                swaps[correction].append(done_cut_over(live, staged[correction], correction))
                in_live[correction] = {of: shown.get(of) for of in new[correction]}
                shown |= new[correction]
            case "roll_back" if in_live[correction] and covered:
                with pytest.raises(LaterCorrectionFirst):
                    plan_roll_back(live.snapshot(), swaps[correction], correction=correction, swap_count=99)
            case "roll_back" if in_live[correction]:
                swaps[correction].append(done_roll_back(live, swaps[correction], correction))
                shown |= in_live[correction]
                shown = {of: values for of, values in shown.items() if values is not None}
                in_live[correction] = {}
            case "decommission":
                others = [] if other in gone else [*swaps[other]]
                decommission(live, correction=correction, own_manifests=swaps[correction], other_manifests=others)
                gone.add(correction)
            case _:
                pass
        assert content(live) == shown
