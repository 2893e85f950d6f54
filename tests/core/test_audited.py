"""What the replay audit concludes from the days it computed again."""

from datetime import UTC, date, timedelta

import pytest

from backfill_assets.core.audited import Audited, Verdict, Version, conclude, days_to_recompute, versions_of
from backfill_assets.core.slots import Grain, Hour

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(30)]
OLD = Version("v1", "2026-01-02", tuple(DAYS[:20]))
NEW = Version("v2", "2026-01-22", tuple(DAYS[20:]))


def test_the_same_seed_draws_the_same_days_and_every_version_comes_first():
    drawn = days_to_recompute(DAYS, 4, "a", [OLD, NEW])

    assert drawn == days_to_recompute(reversed(DAYS), 4, "a", [OLD, NEW])
    assert drawn != days_to_recompute(DAYS, 4, "b", [OLD, NEW])
    assert len(drawn) == 4
    assert len([day for day in drawn if day in NEW.days]) == 2


def test_a_handful_larger_than_history_is_all_of_it():
    assert days_to_recompute(DAYS[:3], 9, "a") == DAYS[:3]


def test_a_change_is_blamed_on_the_version_after_those_whose_days_differ():
    replays = [Audited(DAYS[3], Verdict.DIFFERS, "v1", "1 of 1 rows"), Audited(DAYS[25], Verdict.SAME, "v2")]

    found = conclude("fact", "a", "v2", replays, [NEW, OLD])

    assert found.changed_by == "v2"
    assert found.window is not None
    assert (found.window.first, found.window.last) == (DAYS[0], DAYS[19])
    assert found.as_json()["differing"] == [str(DAYS[3])]


def test_a_change_that_no_version_has_published_yet_is_todays():
    replays = [Audited(day, Verdict.DIFFERS, by) for day, by in ((DAYS[3], "v1"), (DAYS[25], "v2"))]

    found = conclude("fact", "a", "v3", replays, [OLD, NEW])

    assert found.changed_by == "v3"
    assert found.window is not None
    assert (found.window.first, found.window.last) == (DAYS[0], DAYS[29])


def test_a_day_altered_since_todays_own_code_published_it_blames_no_version():
    found = conclude("fact", "a", "v2", [Audited(DAYS[25], Verdict.DIFFERS, "v2")], [OLD, NEW])

    assert found.changed_by == ""
    assert found.window is not None
    assert found.window.days == (DAYS[25],)


def test_inputs_that_moved_are_not_blamed_on_code():
    found = conclude("fact", "a", "v2", [Audited(DAYS[25], Verdict.INPUTS_MOVED, "v2")], [OLD, NEW])

    assert found.differing == ()
    assert found.window is None


def test_versions_are_known_by_the_days_that_are_live_from_them():
    builds = {DAYS[0]: ("v1", "2026-01-02"), DAYS[1]: ("v1", "2026-01-01"), DAYS[2]: ("v2", "2026-02-01")}

    assert versions_of(builds) == (
        Version("v1", "2026-01-01", tuple(DAYS[:2])),
        Version("v2", "2026-02-01", (DAYS[2],)),
    )


@pytest.mark.parametrize("grain", Grain)
def test_an_audit_is_of_the_slots_of_its_table(grain: Grain) -> None:
    first = Hour(2026, 1, 1, 22, tzinfo=UTC) if grain is Grain.HOUR else date(2026, 1, 1)
    slots = [*grain.between(first, grain.after(first, 4))]
    old = Version("v1", "2026-01-01", tuple(slots[1:4]))

    found = conclude("fact", "a", "v2", [Audited(slots[2], Verdict.DIFFERS, "v1")], [old], grain)

    assert found.window is not None
    assert list(found.window) == slots[1:4]
    assert found.sentence.startswith(f"1 of 1 {grain.value} differs")
    assert conclude("fact", "a", "v2", [], [], grain).sentence == f"No {grain.value} is published yet."
