"""Which window can still be corrected, by what is there and how long it is kept, and what ends soon."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from backfill_assets.core.retention import Kept, Retention, StillCorrectable, ending
from backfill_assets.core.window import Window
from backfill_assets.errors.keeping import BeyondRetention
from backfill_assets.orchestration.asset.source_limits import declared_limits
from backfill_assets.pages.retention import retention_page
from backfill_assets.runbook import abandon, plan_correction
from backfill_assets.runbook.correctable_table import Sources
from backfill_assets.runbook.keeping import outlook
from backfill_assets.runbook.still_correctable import still_correctable
from backfill_assets.sources import Keeping
from tests.runbook.world import SOURCE, START, TABLE, World, world_at

TODAY = START.date()
DUTY = "The contract says so."


def kept(days: int | None, warn_days: int = 5) -> Retention:
    return Retention(SOURCE, Kept.RAW, DUTY, days=days, warn_days=warn_days)


def context(world: World, retention: Retention | None = None):
    days = {SOURCE: retention.days} if retention and retention.days else {}
    ctx = world.step_context()
    return replace(ctx, table=replace(ctx.table, sources=Sources((SOURCE,), retention_days=days)))


@pytest.fixture
def world(tmp_path) -> World:
    return world_at(tmp_path)


def published(world: World) -> list[date]:
    return sorted(world.live.snapshot().days)


def test_every_published_day_can_be_corrected_while_its_source_is_there(world):
    days = published(world)
    found = still_correctable(context(world), looks_for_files=True)
    assert found.largest == Window(days[0], days[-1])
    assert "every published day can be" in found.sentence
    plan = plan_correction(context(world), request(days[0], days[-1]))
    assert plan.inputs.largest == found.largest


def request(first: date, last: date):
    from backfill_assets.core.plan import Request

    return Request(TABLE, Window(first, last), "wrong")


def test_a_file_that_is_gone_splits_the_window_and_is_named(world):
    days = published(world)
    source = world.records.snapshot(SOURCE)
    ((path, _),) = source.names(days[3])
    (world.records.table(SOURCE).folder.local / path).unlink()
    assert still_correctable(context(world)).largest == Window(days[0], days[-1])
    found = still_correctable(context(world), looks_for_files=True)
    assert found.largest == Window(days[4], days[-1])
    assert found.as_json()["in_the_way"] == {f"{SOURCE} has lost files": [str(days[3])]}


def test_a_window_beyond_what_is_kept_is_refused_when_it_is_planned_with_what_can_be_corrected(world):
    days = published(world)
    retention = kept((TODAY - days[4]).days)
    ctx = context(world, retention)
    with pytest.raises(BeyondRetention, match=rf"without 4 days \({days[0]}") as refused:
        plan_correction(ctx, request(days[0], days[-1]))
    assert f"can still be corrected is {days[4]}..{days[-1]}, 6 days" in str(refused.value)
    assert plan_correction(ctx, request(days[4], days[-1])).inputs.largest == Window(days[4], days[-1])


@dataclass(frozen=True)
class Ends:
    """How long days are kept, which are needed, how many come to an end within the lead time, and how many of these."""

    days: int | None
    warn_days: int
    needed: frozenset[int]
    near: int
    wanted: int


OLD = [TODAY - timedelta(days=age) for age in range(20)]
ENDS = {
    "for ever": Ends(None, 5, frozenset(range(20)), 0, 0),
    "far away": Ends(40, 5, frozenset(range(20)), 0, 0),
    "needed by nobody": Ends(19, 5, frozenset(), 5, 0),
    "the oldest is needed": Ends(19, 5, frozenset({19}), 5, 1),
    "on the border": Ends(19, 5, frozenset({15}), 5, 1),
    "a day before the border": Ends(19, 5, frozenset({14}), 5, 0),
    "over already": Ends(10, 5, frozenset({11}), 5, 0),
    "without a lead": Ends(19, 0, frozenset({19}), 0, 0),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_needed_is_warned_of_before_its_end_and_nothing_else(name):
    one = ENDS[name]
    found = ending(kept(one.days, one.warn_days), OLD, [OLD[age] for age in one.needed], TODAY)
    assert (len(found.days) if found else 0, len(found.needed) if found else 0) == (one.near, one.wanted)
    if found and one.wanted:
        assert "might still be needed, so correct them before" in found.sentence
    elif found:
        assert "no correction and no finding speaks of them" in found.sentence


def test_days_of_an_open_correction_are_needed_until_it_is_closed(world):
    days = published(world)
    keeping = Keeping(retention=(kept((TODAY - days[0]).days + 1),))
    assert outlook(context(world), keeping).wanted == ()
    correction = world.open(1, 4).correction
    (one,) = outlook(context(world), keeping).wanted
    assert one.needed == tuple(days[:4])
    assert "might still be needed" in outlook(context(world), keeping).sentences[0]
    abandon(world.step_context(), correction, "no")
    assert outlook(context(world), keeping).wanted == ()


def test_the_page_tells_the_window_and_the_duty(world):
    found = outlook(context(world), Keeping(retention=(kept(None), Retention("a", Kept.LEDGER, "By <law>.", days=900))))
    page = retention_page([found], START)
    assert page.count("</html>") == 1
    assert "The largest window of" in page
    assert DUTY in page
    assert "By &lt;law&gt;." in page


def test_nothing_published_is_told_as_such():
    assert StillCorrectable("orders", frozenset()).largest is None
    assert "so nothing of it can be corrected" in StillCorrectable("orders", frozenset()).sentence


def test_the_policy_is_a_limit_of_the_source():
    limits = declared_limits([], Keeping(retention=(kept(30), Retention("other", Kept.RAW, DUTY))))
    assert limits.retention_days == {SOURCE: 30}
