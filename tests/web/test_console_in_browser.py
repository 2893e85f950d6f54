"""The console in headless Chromium: followed live, decided without a script, readable at every width."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backfill_assets.testing import TestLake
from tests.e2e.browser import SCREENSHOTS, chromium_page
from tests.kinds.stranger import NOW, days, location, orders
from tests.web.conftest import DAYS, doubled
from tests.web.served import Deciding, Served, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
VIEWS = [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")]
PAGES = {
    "index": "/",
    "correction": "/corrections/{id}/",
    "approve": "/corrections/{id}/decide/approve",
    "abandon": "/corrections/{id}/decide/abandon",
    "not-there": "/corrections/nobody/",
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestLake, str]:
    lake = TestLake(tmp_path_factory.mktemp("gate") / "lake", location(), now=NOW)
    lake.write("orders_log", orders(days(10)))
    lake.publish(DAYS[0], DAYS[-1])
    lake.plant(DAYS[1], DAYS[4], doubled)
    correction = lake.correct(DAYS[0], DAYS[6], reason="Counted twice.", watchers=["sales"])
    correction.to_gate()
    return lake, correction.id


@pytest.fixture
def console(gate: tuple[TestLake, str], tmp_path: Path) -> Iterator[tuple[Served, str]]:
    lake, correction = gate
    with served(lake.copy(tmp_path / "lake")) as served_:
        yield served_, correction


def test_every_page_is_readable_everywhere(console: tuple[Served, str]):
    from axe_core_python.sync_playwright import Axe

    served_, correction = console
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium_page() as page:
        complaints: list[str] = []
        page.on("console", lambda told: complaints.append(told.text) if told.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name, path in PAGES.items():
            for width, scheme in VIEWS:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                page.goto(served_.url + path.replace("{id}", correction), wait_until="load")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
                page.screenshot(path=SCREENSHOTS / f"console-{name}-{width}-{scheme}.png", full_page=True)
                found = Axe().run(page)["violations"]
                assert [(name, one["id"]) for one in found if one["impact"] in {"serious", "critical"}] == []
        assert [one for one in complaints if "404" not in one] == []


def test_an_open_page_follows_the_ledger(console: tuple[Served, str]):
    served_, correction = console
    with chromium_page() as page:
        page.goto(f"{served_.url}/corrections/{correction}/", wait_until="load")
        page.get_by_text("waits for approval", exact=True).wait_for()
        assert Deciding(served_.browser(), correction, "approve").through().status == 303
        page.get_by_text("approved", exact=True).wait_for(timeout=20_000)
        page.get_by_text("Ada Lovelace").first.wait_for()


def test_it_is_approved_without_a_script_in_three_clicks(console: tuple[Served, str]):
    served_, correction = console
    with chromium_page() as first:
        page = first.context.browser.new_page(java_script_enabled=False, viewport={"width": 390, "height": 900})
        page.goto(f"{served_.url}/corrections/{correction}/")
        page.get_by_role("link", name="Approve…").click()
        page.get_by_label("Your own name").fill("Ada Lovelace")
        page.get_by_label("What you looked at").fill("All ten days.")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Confirm it").wait_for()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(re.compile(rf"/corrections/{correction}/$"))
        page.get_by_text("approved", exact=True).wait_for()
        page.screenshot(path=SCREENSHOTS / "console-approved.png", full_page=True)
    assert served_.lake.correction(correction).progress.is_approved
