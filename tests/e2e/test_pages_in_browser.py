"""Every page in headless Chromium, narrow and wide, light and dark, frozen and thawed; and the PDF that it prints."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.revenue.printing_pdf import browser
from tests.e2e.browser import SCREENSHOTS, chromium_page
from tests.revenue.pages.readers import Newsroom, newsroom
from tests.revenue.pages.reading import amounts, read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
PAGES = {
    "dashboard": "executive_dashboard/index.html",
    "pack": "board_pack/2025-12.html",
    "index": "index.html",
}
VIEWS = [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")]
AXED = {(390, "dark"), (1440, "light")}
STATES = ("published", "frozen", "corrected")
PRINTED = "board_pack/2025-12.pdf"


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The published folder before a correction, while it is under way, and after it; and the tables' figures."""
    root = tmp_path_factory.mktemp("editions")
    room = newsroom(root / "lake")
    kept: dict[str, Path] = {}
    plan = room.open()
    _keep(room, "published", kept, root)
    runbook.freeze_reports(room.step_context(), plan.correction)
    room.prepare(plan)
    room.show()
    _keep(room, "frozen", kept, root)
    room.publish(plan)
    _keep(room, "corrected", kept, root)
    return kept


def _keep(room: Newsroom, state: str, kept: dict[str, Path], root: Path) -> None:
    kept[state] = root / state
    shutil.copytree(room.folder, kept[state])
    frame = room.frame("board_pack").filter(pl.col("day").dt.month() == 12)
    frame.write_parquet(kept[state] / "december.parquet")
    room.frame("executive_dashboard").write_parquet(kept[state] / "dashboard.parquet")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    with chromium_page() as page:
        yield page


@contextmanager
def opened(page, path: Path, width: int, scheme: str) -> Iterator[tuple[list[str], list[str]]]:
    """Open a local page; yields what its console complained of and what it asked for beside itself."""
    complaints: list[str] = []
    asked: list[str] = []

    def hear(message) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def fail(error) -> None:
        complaints.append(str(error))

    def ask(request) -> None:
        if request.url != path.as_uri() and not request.url.startswith("data:"):
            asked.append(request.url)

    page.on("console", hear)
    page.on("pageerror", fail)
    page.on("request", ask)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(path.as_uri(), wait_until="load")
    try:
        yield complaints, asked
    finally:
        page.remove_listener("console", hear)
        page.remove_listener("pageerror", fail)
        page.remove_listener("request", ask)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_everywhere_and_asks_for_nothing(chromium, editions: dict[str, Path], name: str, state: str):
    from axe_core_python.sync_playwright import Axe

    path = editions[state] / PAGES[name]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width, scheme in VIEWS:
        with opened(chromium, path, width, scheme) as (complaints, asked):
            assert chromium.evaluate("document.documentElement.scrollWidth") <= width
            chromium.screenshot(path=SCREENSHOTS / f"page-{name}-{state}-{width}-{scheme}.png", full_page=True)
            found = Axe().run(chromium)["violations"] if (width, scheme) in AXED else []
        assert complaints == []
        assert asked == []
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []


BROKEN_WORDS = """steps => steps.flatMap(step => {
  const walker = document.createTreeWalker(step, NodeFilter.SHOW_TEXT), broken = []
  for (let text = walker.nextNode(); text; text = walker.nextNode())
    for (const word of text.data.matchAll(/[\\p{L}]+/gu)) {
      const range = document.createRange()
      range.setStart(text, word.index)
      range.setEnd(text, word.index + word[0].length)
      if (new Set([...range.getClientRects()].map(one => one.top)).size > 1) broken.push(word[0])
    }
  return broken
})"""


@pytest.mark.parametrize("width", [390, 721, 900, 1024, 1180, 1181, 1200, 1280, 1440])
def test_no_word_of_a_step_is_broken(chromium, editions: dict[str, Path], width: int):
    (page,) = (editions["corrected"] / "corrections").glob("*/index.html")
    with opened(chromium, page, width, "light"):
        assert chromium.locator(".lanes .step").count() > 9
        assert chromium.eval_on_selector_all(".lanes .step", BROKEN_WORDS) == []


@pytest.mark.parametrize("name", ["dashboard", "pack"])
def test_the_banner_is_seen_exactly_while_frozen(chromium, editions: dict[str, Path], name: str):
    for state in STATES:
        with opened(chromium, editions[state] / PAGES[name], 390, "light"):
            seen = chromium.locator(".banner").is_visible() if chromium.locator(".banner").count() else False
            attribute = chromium.evaluate("document.documentElement.getAttribute('data-frozen-by')")
        assert seen is (state == "frozen")
        assert bool(attribute) is (state == "frozen")


def test_what_stands_in_the_browser_are_the_figures_of_the_tables(chromium, editions: dict[str, Path]):
    for state in STATES:
        with opened(chromium, editions[state] / PAGES["dashboard"], 1440, "light"):
            shown = chromium.eval_on_selector_all(
                "details tbody tr td:nth-child(3) data", "cells => cells.map(cell => cell.value)"
            )
        table = pl.read_parquet(editions["published" if state == "frozen" else state] / "dashboard.parquet")
        assert sorted(Decimal(one) for one in shown) == sorted(table["revenue_usd"])


def test_every_day_can_be_reached_by_keyboard(chromium, editions: dict[str, Path]):
    with opened(chromium, editions["published"] / PAGES["dashboard"], 390, "light"):
        chromium.locator("summary").first.focus()
        chromium.keyboard.press("Enter")
        assert chromium.locator("details").first.get_attribute("open") is not None
        chromium.keyboard.press("Tab")
        assert chromium.evaluate("document.activeElement.getAttribute('role')") == "region"


def test_a_page_of_a_folder_served_by_name_links_only_to_what_is_there(editions: dict[str, Path]):
    for state in STATES:
        for path in editions[state].rglob("*.html"):
            for link in re.findall(r'href="([^"#]+)"', path.read_text()):
                assert link.startswith("data:") or (path.parent / link).resolve().exists(), (path, link)


@pytest.mark.parametrize("state", STATES)
def test_the_printed_pack_has_the_figures_and_the_banner_of_its_page(editions: dict[str, Path], state: str):
    if browser() is None or shutil.which("pdftotext") is None:
        assert not os.environ.get("CI"), "there is no Chromium or no pdftotext here"
        pytest.skip("there is no Chromium or no pdftotext here")
    text = subprocess.run(
        ["pdftotext", "-layout", str(editions[state] / PRINTED), "-"], capture_output=True, text=True, check=True
    ).stdout

    table = pl.read_parquet(editions["published" if state == "frozen" else state] / "december.parquet")
    for amount in table["revenue_usd"]:
        assert f"{amount:,.2f}".replace("-", "\u2212") in text
    assert ("correction in flight" in text) is (state == "frozen")
    assert ("restated" in text) is (state == "corrected")
    page = read((editions[state] / PAGES["pack"]).read_text())
    assert sorted(amounts(page.tables["Revenue by currency"], 3)[:-1]) == sorted(table["revenue_usd"])
