from tests.storage.lakes import content, day, done_cut_over, done_roll_back, live_with, staged_with


def test_cut_over_swaps_exactly_the_staged_days_and_roll_back_brings_them_back(tmp_path):
    live = live_with(tmp_path / "t", {day(0): [1], day(1): [2], day(2): [3]})
    staged = staged_with(live, "a", {day(1): [20], day(2): []})
    manifest = done_cut_over(live, staged, "a")
    assert content(live) == {day(0): [1], day(1): [20], day(2): []}
    live.replace_days({day(3): staged.snapshot().scan([day(1)]).collect().drop("day")})
    done_roll_back(live, [manifest], "a")
    assert content(live) == {day(0): [1], day(1): [2], day(2): [3], day(3): [20]}
