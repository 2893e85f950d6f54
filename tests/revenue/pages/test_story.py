"""One correction as its readers meet it: frozen, corrected, rolled back; pages beside tables at every turn."""

from decimal import Decimal

import openpyxl
import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.core.steps import Step
from backfill_assets.core.window import ONE_DAY, Window
from tests.revenue.pages.readers import WRONG, Newsroom
from tests.revenue.pages.reading import Read, amounts, read

PAGES = ("executive_dashboard/index.html", "board_pack/2025-12.html", "board_pack/2026-01.html")
DECEMBER = "Days of December 2025"


def shown(room: Newsroom, path: str = PAGES[0]) -> Read:
    return read(room.page(path))


def days_shown(room: Newsroom) -> list[Decimal]:
    """The revenue of every day on the dashboard, oldest month first, without the months' totals."""
    tables = shown(room).tables
    months = [rows for name, rows in tables.items() if name.startswith("Days of ")]
    return [value for rows in reversed(months) for value in amounts(rows, 2)[:-1]]


def days_of(room: Newsroom, commit: int | None = None) -> list[Decimal]:
    return list(room.frame("executive_dashboard", commit)["revenue_usd"])


def currencies_shown(room: Newsroom, month: str) -> list[Decimal]:
    return sorted(amounts(shown(room, f"board_pack/{month}.html").tables["Revenue by currency"], 3)[:-1])


def currencies_of(room: Newsroom, month: str, commit: int | None = None) -> list[Decimal]:
    frame = room.frame("board_pack", commit)
    return sorted(frame.filter(pl.col("day").dt.strftime("%Y-%m") == month)["revenue_usd"])


@pytest.fixture
def pinned(room: Newsroom) -> dict[str, int]:
    return {name: room.lake.records.snapshot(name).commit for name in ("executive_dashboard", "board_pack")}


def test_an_unfrozen_page_shows_the_newest_tables_and_no_banner(room: Newsroom):
    assert days_shown(room) == days_of(room)
    for month in ("2025-12", "2026-01"):
        assert currencies_shown(room, month) == currencies_of(room, month)
    for path in PAGES:
        attributes = shown(room, path).attributes
        assert "data-frozen-by" not in attributes
        assert "in flight" not in room.page(path)
    assert shown(room).attributes["data-as-of"] == "2026-01-09"
    assert shown(room).attributes["data-complete"] == "true"
    assert shown(room, PAGES[2]).attributes["data-complete"] == "false"


def test_a_freeze_puts_the_banner_on_every_page_before_it_is_written_down(room: Newsroom):
    plan = room.open()

    runbook.freeze_reports(room.step_context(), plan.correction)

    for path in PAGES:
        page = shown(room, path)
        assert page.attributes["data-frozen-by"] == plan.correction
        assert "correction in flight" in page.text
        assert "The <b>FX join</b> used the rate of the previous day." in page.text
        assert "expected by" in page.text
    assert "As of 9 January 2026, correction in flight" in shown(room).text


def test_the_numbers_stay_those_of_the_pinned_commit_until_the_thaw_brings_the_new_ones(
    room: Newsroom, pinned: dict[str, int]
):
    plan = room.open()
    room.prepare(plan)
    before = days_shown(room)
    runbook.approve(room.step_context(), plan.correction, "looked")
    runbook.cut_over(room.step_context(), plan.correction)
    room.build_owed(plan)
    room.show()

    assert days_of(room) != before
    assert days_shown(room) == before == days_of(room, pinned["executive_dashboard"])
    assert currencies_shown(room, "2025-12") == currencies_of(room, "2025-12", pinned["board_pack"])
    assert "data-frozen-by" in shown(room).attributes
    assert "restated" not in shown(room, PAGES[1]).text
    assert "Restatement journal" not in _sheets(room)

    room.rebuild(plan)
    assert "Restatement journal" in _sheets(room)

    assert days_shown(room) == days_of(room) != before
    assert currencies_shown(room, "2025-12") == currencies_of(room, "2025-12")
    for path in PAGES:
        assert "data-frozen-by" not in shown(room, path).attributes


def test_no_replacement_has_the_new_numbers_under_a_banner_or_the_old_without(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    old = days_shown(room)
    seen: list[tuple[bool, bool]] = []

    show = room.show

    def watch(pending=None):
        replaced = show(pending)
        seen.append(("data-frozen-by" in shown(room).attributes, days_shown(room) == old))
        return replaced

    room.show = watch
    room.publish(plan)

    assert set(seen) == {(False, False)}


def test_a_restated_month_says_so_with_the_earlier_figure_beside_it(room: Newsroom):
    earlier = {month: sum(currencies_of(room, month)) for month in ("2025-12", "2026-01")}
    plan = room.open()
    room.prepare(plan)
    room.publish(plan)

    for month, figure in earlier.items():
        page = shown(room, f"board_pack/{month}.html")
        now = sum(currencies_of(room, month))
        assert now != figure
        quarter = next(rows for name, rows in page.tables.items() if name.startswith("Months of"))
        line = next(row for row in quarter if "restated" in row[0])
        assert [Decimal(cell) for cell in line[2:]] == [now, figure, now - figure]
        assert f"Reported earlier as {figure:,.2f}, now {now:,.2f}" in page.text


def test_a_roll_back_brings_the_old_numbers_and_the_reversing_entries(room: Newsroom):
    before = days_shown(room)
    plan = room.open()
    room.prepare(plan)
    room.publish(plan)

    room.roll_back(plan)

    assert days_shown(room) == before == days_of(room)
    assert "Restated and rolled back" in shown(room, PAGES[1]).text
    assert "Reported earlier" not in shown(room, PAGES[1]).text


def test_abandoning_thaws_the_pages_as_they_were(room: Newsroom):
    before = {path: room.page(path) for path in PAGES}
    plan = room.open()
    runbook.freeze_reports(room.step_context(), plan.correction)

    runbook.abandon(room.step_context(), plan.correction, "the analysis was wrong")
    room.show()

    assert {path: room.page(path) for path in PAGES} == before


def test_two_corrections_hold_the_pages_until_the_last_lets_go(room: Newsroom):
    first, second = room.open(correction="first"), None
    runbook.freeze_reports(room.step_context(), "first")
    window = Window(WRONG.last + ONE_DAY, WRONG.last + ONE_DAY)
    second = room.open(window, reason="Another thing", correction="second")
    runbook.freeze_reports(room.step_context(), "second")

    assert shown(room).attributes["data-frozen-by"] == "first second"
    assert "Another thing" in shown(room).text

    runbook.abandon(room.step_context(), first.correction, "no")
    room.show()
    assert shown(room).attributes["data-frozen-by"] == "second"

    runbook.abandon(room.step_context(), second.correction, "no")
    room.show()
    assert "data-frozen-by" not in shown(room).attributes


def test_the_index_shows_every_correction_with_its_step_and_its_effect(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    room.show()
    assert "waits for approval" in shown(room, "index.html").text
    assert "frozen" in shown(room, "index.html").text

    room.publish(plan)

    text = shown(room, "index.html").text
    assert "It restates" in text
    assert "In the notices folder only: board-prep, exec-ops, finance." in text
    assert Step.COMMUNICATE in room.step_context().progress(plan.correction).done


def _sheets(room: Newsroom) -> list[str]:
    return openpyxl.load_workbook(room.folder / "finance_reconciliation_export/2025-12.xlsx").sheetnames
