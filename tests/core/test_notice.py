"""Notices: each audience in its own words, from measured figures, the same notice under the same id."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from backfill_assets.core.audiences import ANYONE, Audience, audience_of
from backfill_assets.core.notice import write_notices as notices_for
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import NoticeKind
from backfill_assets.core.window import Window
from backfill_assets.errors.setup import AudienceUnusable
from backfill_assets.revenue.audiences import AUDIENCES, BOARD, EXECUTIVES, FINANCE

WATCHERS = ("finance", "exec-ops", "board-prep", "growth")
PLAN = Plan(
    "20260123",
    Request("fct_daily_revenue", Window(date(2025, 12, 30), date(2026, 1, 2)), "Rates were late", WATCHERS),
    datetime(2026, 1, 23, 7, tzinfo=UTC),
    "ada",
    reports={"board_pack": ("2025-12-01", "2026-01-01")},
)


def write_notices(plan: Plan, event: str, figures, number: int = 1):
    """Notices in the words of the example's audiences."""
    return notices_for(plan, NoticeKind(event), figures, number, AUDIENCES)


def sums(old: str, new: str) -> dict[str, dict[str, str]]:
    return {"transactions": {"old": "7", "new": "7"}, "revenue_usd": {"old": old, "new": new}}


FIGURES = {
    "totals": sums("1000.0000", "990.5000"),
    "months": {"2025-12": sums("400.0000", "395.0000"), "2026-01": sums("600.0000", "595.5000")},
    "largest_day": "2025-12-31",
    "largest": sums("40.0000", "35.0000"),
    "days_changed": 3,
    "checks": [],
    "approved_by": "Grace",
    "roll_back_until": "2026-02-06",
}


def told(event: str, audience: str, **figures) -> str:
    notices = write_notices(PLAN, event, {**FIGURES, **figures})
    return next(notice.body for notice in notices if notice.audience == audience)


@pytest.mark.parametrize("event", list(NoticeKind))
def test_every_audience_is_told_of_every_event_in_words_of_its_own(event: str):
    bodies = {notice.audience: notice.body for notice in write_notices(PLAN, event, FIGURES)}

    assert set(bodies) == set(WATCHERS)
    moves = {body.partition("## What to do")[2].partition("Notice")[0] for body in bodies.values()}
    assert len(moves) >= 2
    assert all("Rates were late" in body and "30 December 2025" in body for body in bodies.values())


def test_a_published_notice_has_every_figure_the_readers_need():
    body = told("published", "finance")

    assert "| December 2025 | 400.00 | 395.00 | \u22125.00, \u22121.25\u00a0% |" in body
    assert "| Q1 2026 | 600.00 | 595.50 | \u22124.50, \u22120.75\u00a0% |" in body
    assert "| All days | 1,000.00 | 990.50 | \u22129.50, \u22120.95\u00a0% |" in body
    assert "31 December 2025, `revenue_usd` 40.00 to 35.00" in body
    assert "**Roll back possible until:** 6 February 2026" in body
    assert "**Reports:** `board_pack` (1 December 2025 to 1 January 2026)" in body


def test_a_measure_that_did_not_move_has_no_table():
    assert "`transactions`, days" not in told("published", "finance")


def test_a_roll_back_tells_the_figures_the_other_way_round():
    assert "| All days | 990.50 | 1,000.00 | +9.50, +0.96\u00a0% |" in told("rolled_back", "board-prep")


def test_executives_read_quarters_and_not_months():
    body = told("published", "exec-ops")

    assert "Q4 2025" in body
    assert "| December 2025 |" not in body


def test_finance_hears_of_closed_months_what_it_has_to_do():
    assert "Two people have to approve" in told("waiting", "finance", closed_months=["2025-12"])
    assert "Post the restatement journal" in told("published", "finance", closed_months=["2025-12"])
    assert "Post the restatement journal" not in told("published", "growth", closed_months=["2025-12"])


def test_a_failed_validation_says_which_checks_failed():
    failed = [{"name": "same_rows", "passed": False, "sentence": "3 rows appeared."}]

    assert "Same rows: 3 rows appeared." in told("waiting", "finance", checks=failed)


def test_a_reason_cannot_be_markup_nor_turn_the_page_around():
    request = replace(PLAN.request, reason="<img src=x>\n# Not a heading [x](y) \u202eback")
    body = write_notices(replace(PLAN, request=request), "opened", {})[0].body

    assert "<img" not in body
    assert "\n# Not" not in body
    assert "\u202e" not in body
    assert "[x](y)" not in body


def test_the_same_notice_has_the_same_id_and_another_has_another():
    first, again = (write_notices(PLAN, "published", FIGURES)[0] for _ in range(2))
    repeated = write_notices(PLAN, "published", FIGURES, number=2)[0]

    assert first.message_id == again.message_id
    assert len({first.message_id, repeated.message_id, write_notices(PLAN, "opened", {})[0].message_id}) == 3
    assert repeated.name == "20260123-published-2-finance"


def test_a_watcher_of_any_name_makes_a_fitting_file_name():
    request = replace(PLAN.request, watchers=("../team a/b",))

    assert "/" not in write_notices(replace(PLAN, request=request), "opened", {})[0].name


def test_nobody_named_is_everyone():
    request = replace(PLAN.request, watchers=())

    assert [notice.audience for notice in write_notices(replace(PLAN, request=request), "opened", {})] == ["everyone"]


def test_an_audience_is_known_by_how_its_name_begins():
    assert [audience_of(name, AUDIENCES) for name in WATCHERS] == [
        FINANCE,
        EXECUTIVES,
        BOARD,
        ANYONE,
    ]


@pytest.mark.parametrize("sentence", ["Read {month} again.", "Read {} again.", "Read {days again.", "Read {days.x}."])
def test_a_sentence_that_cannot_be_filled_in_is_refused_when_definitions_load(sentence: str):
    with pytest.raises(AudienceUnusable, match="sales"):
        Audience("sales", moves={NoticeKind.PUBLISHED: sentence})


def test_without_audiences_every_watcher_reads_words_for_anyone():
    bodies = [one.body.partition("## What to do")[2] for one in notices_for(PLAN, NoticeKind.PUBLISHED, FIGURES)]

    assert all("Run again whatever copied these days." in body for body in bodies)
