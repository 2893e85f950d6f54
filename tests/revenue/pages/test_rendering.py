"""What is replaced, when, and what is not: idempotence, full disks, hostile words, months without days."""

import io
import re
import resource
from datetime import date
from decimal import Decimal

import openpyxl
import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.revenue.journal import Journal
from backfill_assets.storage.replacing import replace_files
from tests.composed import DAILY_REVENUE
from tests.e2e.small_lake import FACT, publish, write
from tests.revenue.pages.readers import WRONG, Newsroom
from tests.revenue.pages.reading import amounts, read

EVIL = "<script>alert('x')</script>\u202e=cmd|' /C calc'!A0"


def test_rendering_again_replaces_nothing(room: Newsroom):
    assert room.show().replaced == ()


def test_what_was_shown_of_a_freeze_before_it_was_recorded_stays_once_it_is(room: Newsroom):
    """Dozens of workbooks and printed pages are not made twice by every freeze."""
    plan = room.open()
    runbook.freeze_reports(room.step_context(), plan.correction)

    assert {*room.show().replaced} <= {"index.html"}


def test_only_what_a_correction_reaches_is_replaced(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    runbook.abandon(room.step_context(), plan.correction, "no")
    room.show()
    before = {path: path.stat().st_mtime_ns for path in room.folder.glob("finance_reconciliation_export/days/*")}

    again = room.open()
    room.prepare(again)
    event = room.publish(again)

    changed = {path.stem for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed == set(event.detail["days"])


def test_a_page_that_was_deleted_comes_back(room: Newsroom):
    (room.folder / "board_pack/2026-01.html").unlink()

    assert room.show().replaced == ("board_pack/2026-01.html",)


def test_a_disk_that_is_full_leaves_the_old_page_and_the_step_undone(room: Newsroom):
    plan = room.open()
    before = {path: path.read_bytes() for path in room.folder.rglob("*.html")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (14_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            runbook.freeze_reports(room.step_context(), plan.correction)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert {path: path.read_bytes() for path in before} == before
    assert not list(room.folder.rglob("*.draft"))
    assert not room.step_context().progress(plan.correction).downstream.frozen

    runbook.freeze_reports(room.step_context(), plan.correction)
    assert "data-frozen-by" in read(room.page("executive_dashboard/index.html")).attributes


def test_a_thaw_that_cannot_be_shown_is_not_written_down(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    runbook.approve(room.step_context("Ada"), plan.correction, "looked")
    runbook.cut_over(room.step_context(), plan.correction)
    room.build_owed(plan)
    before = room.page("executive_dashboard/index.html")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (14_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            runbook.rebuild_downstream(room.step_context(), plan.correction)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert room.step_context().progress(plan.correction).downstream.frozen
    assert room.page("executive_dashboard/index.html") == before

    runbook.rebuild_downstream(room.step_context(), plan.correction)
    assert "data-frozen-by" not in read(room.page("executive_dashboard/index.html")).attributes


def test_a_pdf_that_cannot_be_printed_is_named_and_the_page_is_there(room: Newsroom, monkeypatch):
    monkeypatch.setenv("BACKFILL_CHROMIUM", "/bin/false")
    told = room.show().sentences
    assert [sentence.split(" could not")[0] for sentence in told] == [
        "The PDF of board_pack/2025-12.html",
        "The PDF of board_pack/2026-01.html",
    ]
    assert room.page("board_pack/2026-01.html")
    assert not (room.folder / "board_pack/2026-01.pdf").exists()
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(room.folder))
    assert DAILY_REVENUE.refresh_outputs(room.lake.records) == list(told)


def test_files_are_replaced_all_or_none(tmp_path):
    target, other = tmp_path / "page.html", tmp_path / "other.html"
    replace_files({target: b"old", other: b"old"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            replace_files({other: b"new", target: b"x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert target.read_bytes() == other.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "other.html"}


def test_other_peoples_words_stay_words(room: Newsroom):
    rename = pl.when(pl.col("country") == "Germany").then(pl.lit(EVIL)).otherwise(pl.col("country")).alias("country")
    days = sorted(room.lake.records.snapshot(FACT).days)
    publish(room.lake, days, lambda rows: rows.with_columns(rename))
    room.build_all()
    plan = room.open(reason=EVIL)
    runbook.freeze_reports(room.step_context(), plan.correction)

    for path in room.folder.rglob("*.html"):
        page = path.read_text()
        assert "<script" not in page
        assert "\u202e" not in page
    assert "&lt;script&gt;" in room.page("executive_dashboard/index.html")
    for path in room.folder.rglob("*.xlsx"):
        book = openpyxl.load_workbook(path)
        assert not [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]
    for path in room.folder.rglob("*.md"):
        assert "<script" not in path.read_text()


def test_a_page_fetches_nothing(room: Newsroom):
    for path in room.folder.rglob("*.html"):
        page = path.read_text()
        assert "<script" not in page
        assert not re.search(r'(src|href)="(https?:)?//', page)
        assert "@import" not in page


def test_a_month_without_days_is_a_page_that_says_so(room: Newsroom):
    empty = room.frame("board_pack").clear()
    write(room.lake, "board_pack", empty, [date(2025, 11, 1)])

    room.show()

    page = read(room.page("board_pack/2025-11.html"))
    assert page.attributes["data-complete"] == "false"
    assert page.attributes["data-as-of"] == ""
    assert "Nothing was sold." in page.text
    assert "0 of 30 days" in page.text


def test_a_currency_that_appears_in_the_middle_of_a_month_is_told_from_there_on(room: Newsroom):
    day = date(2026, 1, 7)
    rows = room.frame("finance_reconciliation_export")
    new = rows.filter(pl.col("day") == day).head(1).with_columns(currency=pl.lit("NOK"))
    write(room.lake, "finance_reconciliation_export", pl.concat([rows.filter(pl.col("day") == day), new]), [day])

    room.show()

    assert "NOK" in room.page("executive_dashboard/index.html")
    book = openpyxl.load_workbook(room.folder / "finance_reconciliation_export/2026-01.xlsx")
    totals = {row[0]: row for row in book["Totals"].iter_rows(values_only=True)}
    assert Decimal(str(totals["NOK"][2])) == new["revenue_usd"][0]


def test_a_month_that_mixes_days_before_and_after_a_correction_has_no_figures_unless_told(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
):
    plan = room.open()
    room.prepare(plan)
    event = room.publish(plan)
    january = [date.fromisoformat(day) for day in event.detail["days"] if day.startswith("2026-01")]
    assert len(january) > 1

    room.roll_back(plan, january[:1])

    page = read(room.page("board_pack/2026-01.html"))
    assert page.attributes["data-basis"] == "mixed"
    assert "No figures for January 2026" in page.text
    assert "Revenue by currency" not in page.tables
    assert "mixed basis" in read(room.page("index.html")).text
    assert read(room.page("board_pack/2025-12.html")).attributes["data-basis"] == "corrected"

    monkeypatch.setenv("BACKFILL_BOARD_PACK_MIXED", "allow")
    room.show()
    page = read(room.page("board_pack/2026-01.html"))
    assert "Revenue by currency" in page.tables
    assert page.attributes["data-basis"] == "mixed"


def test_the_index_links_to_files_that_are_there(room: Newsroom):
    links = [link for link in re.findall(r'href="([^"#:]+)"', room.page("index.html")) if not link.startswith("data")]

    assert any(link.endswith(".xlsx") for link in links)
    assert [link for link in links if not (room.folder / link).exists()] == []


def test_the_journal_leads_from_every_first_figure_to_the_one_of_today(room: Newsroom):
    first = _by_day_and_currency(room)
    plan = room.open()
    room.prepare(plan)
    room.publish(plan)
    journal = Journal(room.lake.records, FACT)

    deltas = journal.rows().group_by("day", "currency").agg(pl.col("delta_usd").sum())
    moved = first.join(deltas, on=["day", "currency"], how="left").with_columns(
        revenue_usd=pl.col("revenue_usd") + pl.col("delta_usd").fill_null(0)
    )
    assert moved.select(first.columns).equals(_by_day_and_currency(room))

    room.roll_back(plan)
    assert journal.rows()["delta_usd"].sum() == 0
    assert set(journal.rows()["entry"]) == {"restatement", "reversal"}
    book = openpyxl.load_workbook(room.folder / "finance_reconciliation_export/2025-12.xlsx")
    posted = list(book["Restatement journal"].iter_rows(values_only=True))[1:]
    assert {row[1] for row in posted} == {"restatement", "reversal"}
    assert {row[7] for row in posted if row[1] == "reversal"} == {"not yet"}


def test_the_journal_outlives_the_files_it_was_written_from(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    room.publish(plan)
    before = Journal(room.lake.records, FACT).rows()

    runbook.decommission(room.step_context(), plan.correction, now=True)
    room.show()

    assert Journal(room.lake.records, FACT).rows().equals(before)
    assert "restated" in room.page("board_pack/2025-12.html")


def test_a_frozen_workbook_says_so_on_its_cover_and_keeps_its_figures(room: Newsroom):
    path = room.folder / "finance_reconciliation_export/2025-12.xlsx"
    before = _rows_of(path)
    plan = room.open()
    room.prepare(plan)
    assert "correction in flight" in str(list(openpyxl.load_workbook(path)["Cover"].iter_rows(values_only=True)))
    assert _rows_of(path) == before

    room.publish(plan)

    assert "correction in flight" not in str(list(openpyxl.load_workbook(path)["Cover"].iter_rows(values_only=True)))
    assert _rows_of(path) != before


def test_the_line_of_completeness_counts_days_and_names_corrections(room: Newsroom):
    plan = room.open()
    room.prepare(plan)
    event = room.publish(plan)

    line = read(room.page("executive_dashboard/index.html")).text

    assert f"{len(event.detail['days'])} days by correction {plan.correction}" in line
    assert "19 of 19 days" in line


def test_the_parquet_of_each_day_equals_the_table(room: Newsroom):
    frame = room.frame("finance_reconciliation_export")
    for day in WRONG:
        path = room.folder / f"finance_reconciliation_export/days/{day}.parquet"
        assert (
            pl.read_parquet(io.BytesIO(path.read_bytes()))
            .sort(pl.all())
            .equals(frame.filter(pl.col("day") == day).sort(pl.all()))
        )


def test_the_dashboard_adds_up(room: Newsroom):
    tables = read(room.page("executive_dashboard/index.html")).tables
    january = amounts(tables["Days of January 2026"], 2)

    assert sum(january[:-1]) == january[-1]


def _by_day_and_currency(room: Newsroom) -> pl.DataFrame:
    return room.frame("finance_reconciliation_export").select("day", "currency", "revenue_usd").sort("day", "currency")


def _rows_of(path) -> list[tuple]:
    return list(openpyxl.load_workbook(path)["Days and currencies"].iter_rows(values_only=True))
