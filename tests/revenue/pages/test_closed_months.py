"""Months that finance has closed: two names, before anything of them changes."""

import pytest

from backfill_assets import runbook
from backfill_assets.core.next_step import TakeSteps, WaitForPerson, next_step
from backfill_assets.errors.correction import NotApproved
from backfill_assets.errors.deciding import MonthUnreadable, SecondNameNeeded
from tests.e2e.small_lake import FACT
from tests.revenue.pages.readers import NOW, Newsroom


def close(room: Newsroom, *months: str) -> None:
    for month in months:
        room.lake.records.closed_months.close(month, by="Fay", at=NOW)


def test_a_closed_month_needs_two_names(room: Newsroom):
    close(room, "2025-12")
    plan = room.open()
    room.prepare(plan)
    commit = room.lake.records.snapshot(FACT).commit

    runbook.approve(room.step_context("Ada"), plan.correction, "looked")
    waiting = next_step(room.step_context().progress(plan.correction), room.now)
    assert isinstance(waiting, WaitForPerson)
    assert "2025-12" in waiting.sentence
    with pytest.raises(NotApproved):
        runbook.cut_over(room.step_context(), plan.correction)
    with pytest.raises(SecondNameNeeded):
        runbook.approve(room.step_context(" ada "), plan.correction, "looked again")
    assert room.lake.records.snapshot(FACT).commit == commit

    runbook.approve(room.step_context("Grace"), plan.correction, "looked too")
    assert isinstance(next_step(room.step_context().progress(plan.correction), room.now), TakeSteps)
    runbook.cut_over(room.step_context(), plan.correction)
    room.rebuild(plan)

    notice = room.page(f"notices/{plan.correction}-published-finance.md")
    assert "Ada and Grace" in notice
    assert "Post the restatement journal" in notice


def test_a_month_closed_after_the_approval_still_needs_the_second_name(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    runbook.approve(room.step_context("Ada"), plan.correction, "looked")
    close(room, "2026-01")

    with pytest.raises(NotApproved, match="2026-01"):
        runbook.cut_over(room.step_context(), plan.correction)

    runbook.approve(room.step_context("Grace"), plan.correction, "looked too")
    assert runbook.cut_over(room.step_context(), plan.correction).detail["days"]


def test_an_expectation_that_is_met_does_not_open_a_closed_month_by_itself(room: Newsroom):
    from backfill_assets.core.expectation import Expectation

    close(room, "2025-12")
    plan = room.open(approval="automatic", expectation=Expectation(same_rows=True))
    room.prepare(plan)

    assert isinstance(next_step(room.step_context().progress(plan.correction), room.now), WaitForPerson)


def test_a_month_that_is_open_again_needs_one_name(room: Newsroom):
    close(room, "2025-12")
    room.lake.records.closed_months.reopen("2025-12", by="Fay", at=NOW)
    plan = room.open()
    room.prepare(plan)

    runbook.approve(room.step_context("Ada"), plan.correction, "looked")
    assert runbook.cut_over(room.step_context(), plan.correction).detail["days"]


def test_a_closed_month_outside_the_changed_days_asks_for_nothing(room: Newsroom):
    close(room, "2025-11")
    plan = room.open()
    room.prepare(plan)
    runbook.approve(room.step_context("Ada"), plan.correction, "looked")

    assert runbook.cut_over(room.step_context(), plan.correction).detail["days"]


@pytest.mark.parametrize("month", ["2026-13", "January", "2026-1", ""])
def test_what_is_not_a_month_is_refused(room: Newsroom, month: str):
    with pytest.raises(MonthUnreadable):
        close(room, month)
