"""From a launch in Dagster to the last word in the console: webserver, daemon, console, a browser, and a reader."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets import published_root
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.window import Window
from backfill_assets.revenue.definitions import load_definitions
from backfill_assets.revenue.pages.rendering import render_reports
from backfill_assets.testing import TestLake
from tests.e2e.browser import Analyst, chromium_page
from tests.e2e.server import console_process, dagster_dev, wait_until
from tests.e2e.story import demo_data, environment_at
from tests.sockets import free_port
from tests.web.served import Browser

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.timeout(900)]

FACT = "fct_daily_revenue"
NOW = datetime(2026, 1, 23, 7, 30, tzinfo=UTC)
HISTORY = Window(date(2025, 12, 15), date(2026, 1, 22))
RIGHT = Window(date(2025, 12, 16), date(2025, 12, 17))
WRONG = Window(date(2025, 12, 27), date(2026, 1, 15))
TAKEN_BACK = WRONG.days[-2:]
WORK = 240
"""Seconds for what takes two ticks of Dagster's backfill daemon and the work, on a busy machine."""
MOST_CLICKS = 4
PAGES = ("/index.html", "/executive_dashboard/index.html", "/board_pack/2026-01.html")


def too_much(rows: pl.DataFrame) -> pl.DataFrame:
    """Revenue as a rate that is too high would have it."""
    more = pl.col("revenue_usd") * pl.lit(Decimal("1.02"))
    return rows.with_columns(more.cast(rows.schema["revenue_usd"]))


@dataclass
class Reader:
    """Somebody who looks at the published pages again and again, and remembers what changed on them."""

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    looks: int = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        enough = threading.Event()
        thread = threading.Thread(target=self._read, args=(enough,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join(30)

    @property
    def banners(self) -> list[str]:
        """The pages that said they were frozen, in the order in which they did."""
        return [page for page, told in self.seen if "frozen" in told.lower()]

    def at_last(self, page: str) -> str:
        """What a page said when it was last looked at."""
        return next(told for name, told in reversed(self.seen) if name == page)

    def _read(self, enough: threading.Event) -> None:
        browser, last = Browser(self.url), dict[str, str]()
        while not enough.wait(1):
            for page in PAGES:
                answered = browser.get(page)
                self.looks += 1
                if answered.status != 200:
                    self.faults.append(f"{page} {answered.status}")
                if answered.told != last.get(page):
                    last[page] = answered.told
                    self.seen.append((page, answered.told))


@dataclass
class Clicks:
    """Counts what a person presses on a page."""

    count: int = 0

    def on(self, place: Any) -> None:
        self.count += 1
        place.click()


def test_an_analyst_goes_the_whole_way(tmp_path: Path):
    demo_data.write_landing(tmp_path / "landing", HISTORY.first, HISTORY.last)
    lake = TestLake(tmp_path, load_definitions(), now=NOW)
    lake.nightly(HISTORY.last)
    right = revenue(lake)
    lake.plant(WRONG.first, WRONG.last, too_much)
    with lake.entered():
        render_reports(lake.records, published_root())
    port = free_port()
    told = {**environment_at(tmp_path, NOW), "DAGSTER_HOME": str(tmp_path / "dagster")}
    told |= {"BACKFILL_CONSOLE": f"http://127.0.0.1:{port}", "BACKFILL_FIRST_DAY": str(HISTORY.first)}
    with dagster_dev(told) as server, chromium_page() as page, ExitStack() as console:
        analyst = Analyst(page, server.url, "way", tmp_path / "screenshots")
        reader = Reader(console.enter_context(console_process(told, port)))
        with reader.reading():
            closed = launched_for_nothing(analyst, lake)
        assert reader.looks > 20
        assert (reader.banners, reader.faults) == ([], [])
        assert {page for page, _ in reader.seen[len(PAGES) :]} <= {PAGES[0]}  # which lists all corrections
        with reader.reading():
            correction = launched(analyst, lake, closed)
            approved_from_dagster(analyst, lake, correction)
        # The page that is open outlives the console: it follows the ledger again once there is another.
        console.close()
        with console_process(told, port), reader.reading():
            seen_live(analyst, lake, correction)
            assert revenue(lake) == right
            rolled_back_in_part(analyst, lake, correction)
            closed_early(analyst, lake, correction)
    assert reader.faults == []
    assert set(reader.banners) == set(PAGES)
    assert not any("frozen" in reader.at_last(page).lower() for page in PAGES)


def launched_for_nothing(analyst: Analyst, lake: TestLake) -> str:
    analyst.launch_range(f"backfill/{FACT}", str(RIGHT.first), str(RIGHT.last))
    opened = analyst.wait(lambda: newest(lake), WORK, "the correction that the launch opens")
    analyst.wait(lambda: lake.records.ledger.progress(opened).publication.ending, WORK, "its end")
    progress = lake.records.ledger.progress(opened)
    assert progress.publication.ending is Ending.UNCHANGED
    analyst.go(f"/assets/{FACT}__correction/validate?view=partitions&partition={opened}")
    analyst.page.get_by_text("page", exact=True).first.wait_for()
    analyst.see("nothing-to-change")
    return opened


def launched(analyst: Analyst, lake: TestLake, before: str) -> str:
    analyst.launch_range(f"backfill/{FACT}", str(WRONG.first), str(WRONG.last))
    opened = analyst.wait(lambda: newest(lake, before), WORK, "the correction that the launch opens")
    analyst.wait(lambda: lake.records.ledger.progress(opened).staging.staged >= set(WRONG), WORK, "all days staged")
    analyst.go(f"/assets/backfill/{FACT}?view=partitions&partition={WRONG.last}")
    analyst.page.locator(f"a[href$='/corrections/{opened}/']").first.wait_for()
    analyst.see("staged")
    return opened


def approved_from_dagster(analyst: Analyst, lake: TestLake, correction: str) -> None:
    analyst.wait(lambda: done(lake, correction, Step.FREEZE_REPORTS), WORK, "the validation and the freeze")
    analyst.go(f"/assets/{FACT}__correction/validate?view=partitions&partition={correction}")
    page, clicks = analyst.page, Clicks()
    link = page.locator(f"a[href$='/corrections/{correction}/']").first
    link.wait_for()
    page.wait_for_timeout(1000)
    analyst.see("validated")
    with page.context.expect_page() as opened:
        clicks.on(link)
    console = opened.value
    page.goto("about:blank")
    console.bring_to_front()
    analyst.page = console
    console.get_by_text("waits for approval", exact=True).wait_for()
    analyst.see("correction")
    published(analyst, "frozen")
    clicks.on(console.get_by_role("link", name="Approve…"))
    analyst.see("approve")
    console.get_by_label("Your own name").fill("Grace Hopper")
    console.get_by_label("What you looked at").fill("All twenty days.")
    clicks.on(console.get_by_role("button", name="Continue"))
    console.get_by_role("heading", name="Confirm it").wait_for()
    analyst.see("confirm")
    clicks.on(console.get_by_role("button", name="Approve"))
    console.wait_for_url(re.compile(rf"/corrections/{correction}/$"))
    console.get_by_text("approved", exact=True).wait_for()
    analyst.see("approved")
    assert lake.records.ledger.progress(correction).is_approved
    assert clicks.count <= MOST_CLICKS


def seen_live(analyst: Analyst, lake: TestLake, correction: str) -> None:
    console = analyst.page
    console.locator("header .state", has_text=re.compile("^live$")).wait_for(timeout=WORK * 1000)
    analyst.see("live")
    wait_until(lambda: done(lake, correction, Step.COMMUNICATE), WORK, "the notices")
    console.wait_for_timeout(2500)
    analyst.see("thawed")
    published(analyst, "thawed")


def rolled_back_in_part(analyst: Analyst, lake: TestLake, correction: str) -> None:
    page = analyst.page
    page.get_by_role("link", name="Roll back…").click()
    page.get_by_label("Your own name").fill("Grace Hopper")
    page.get_by_label("Why").fill("Finance wants to look at the last two days again.")
    page.get_by_label("These").check()
    for day in TAKEN_BACK:
        page.locator(f"input[name=chosen][value='{day}']").check()
    analyst.see("roll-back")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Confirm it").wait_for()
    analyst.see("roll-back-confirm")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("live in part", exact=True).wait_for()
    analyst.see("live-in-part")
    progress = lake.records.ledger.progress(correction)
    assert progress.taken_back == set(TAKEN_BACK)
    wait_until(lambda: not lake.records.ledger.progress(correction).downstream.frozen, WORK, "the reports")
    wait_until(lambda: not lake.records.ledger.progress(correction).downstream.owes_notice, WORK, "the notices")
    page.wait_for_timeout(2500)
    analyst.see("rolled-back")


def closed_early(analyst: Analyst, lake: TestLake, correction: str) -> None:
    console = analyst.page
    analyst.page = console.context.pages[0]
    analyst.page.bring_to_front()
    analyst.run_job(f"{FACT}__decommission", correction, {"by": "Grace Hopper", "now": "true"})
    analyst.page.wait_for_timeout(2000)
    analyst.see("decommission")
    console.bring_to_front()
    console.get_by_text("decommissioned", exact=True).first.wait_for(timeout=WORK * 1000)
    analyst.page = console
    analyst.see("closed")
    console.get_by_role("link", name="All corrections").click()
    analyst.see("index")


def newest(lake: TestLake, before: str = "") -> str:
    return max((name for name in lake.records.ledger.all_progress() if name != before), default="")


def published(analyst: Analyst, name: str) -> None:
    """What a reader is shown, a click from the console's first page, and back."""
    page = analyst.page
    page.get_by_role("link", name="All corrections").click()
    page.get_by_role("link", name="Published reports").click()
    page.wait_for_url(re.compile("/index.html$"))
    analyst.see(f"published-{name}")
    page.go_back()
    page.go_back()


def done(lake: TestLake, correction: str, step: Step) -> Progress | None:
    progress = lake.records.ledger.progress(correction)
    assert not progress.failures, progress.failures
    return progress if step in progress.done else None


def revenue(lake: TestLake) -> Mapping[date, Decimal]:
    rows = lake.rows(FACT).group_by("day").agg(pl.col("revenue_usd").sum()).sort("day")
    return dict(rows.iter_rows())
