"""All that readers get, from the index to the last file, and the console: what is linked is there, and reads well."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from backfill_assets import LakeResource
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
from backfill_assets.web.console import Console
from tests.e2e.browser import SCREENSHOTS, chromium_page
from tests.pages.crawling import (
    RULES,
    Site,
    broken,
    broken_on,
    crawled,
    in_folder,
    listed,
    markdown_seen,
    relative,
)
from tests.revenue.pages.corrections import Corrected, corrected
from tests.revenue.pages.readers import Newsroom
from tests.web.served import Browser, listening

NOW = "2026-01-25T06:00:00+00:00"


@pytest.fixture(scope="module")
def told(first_edition: Newsroom, copies) -> Iterator[Corrected]:
    """Corrections of every kind, in the environment in which their pages were written."""
    room = copies()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKFILL_LAKE", str(room.lake.root / "lake"))
        patch.setenv("BACKFILL_LANDING", str(room.lake.landing))
        patch.setenv("BACKFILL_PUBLISHED", str(room.folder))
        patch.setenv("BACKFILL_NOW", NOW)
        patch.setenv("BACKFILL_CHROMIUM", "none")
        yield corrected(room.lake)


@pytest.fixture(scope="module")
def published(told: Corrected) -> Site:
    return crawled((told.folder / "index.html").as_uri(), in_folder(told.folder))


@pytest.fixture(scope="module")
def console(told: Corrected) -> Iterator[str]:
    with dg.DagsterInstance.ephemeral() as instance:
        console = Console(tables_in(defs), Runner(defs, instance), LakeResource(), told.folder)
        with listening(console) as url:
            yield url


@pytest.fixture(scope="module")
def consoled(console: str) -> Site:
    browser = Browser(console)

    def fetch(address: str) -> str | bytes | None:
        answered = browser.get(address.removeprefix(console) or "/")
        if answered.status != 200:
            return None
        is_page = answered.headers.get("content-type", "").startswith("text/html")
        return answered.text if is_page else answered.text.encode()

    return crawled(f"{console}/", fetch)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_what_it_is_about_and_nothing_else(name: str):
    rule = RULES[name]

    assert rule.finds(rule.bad)
    assert not rule.finds(rule.good)


@pytest.mark.parametrize("which", ["published", "consoled"])
def test_what_is_linked_is_there(which: str, request: pytest.FixtureRequest):
    site: Site = request.getfixturevalue(which)

    assert len(site.pages) > 10
    assert site.dead == []


@pytest.mark.parametrize("which", ["published", "consoled"])
def test_what_is_read_is_in_the_words_and_formats_of_people(which: str, request: pytest.FixtureRequest):
    site: Site = request.getfixturevalue(which)

    found = {address: broken_on(seen) for address, seen in site.pages.items()}

    assert not any(found.values()), listed(found)


def test_notices_are_read_in_them_too(told: Corrected):
    found = {file.name: broken(markdown_seen(file.read_text())) for file in (told.folder / "notices").glob("*.md")}

    assert len(found) > 10
    assert not any(found.values()), listed(found)


def test_everything_that_is_published_is_reached_from_the_index(told: Corrected, published: Site):
    reached = relative(told.folder, {*published.pages, *published.files})
    hidden = {file for file in told.folder.rglob("*") if any(part.startswith(".") for part in file.parts[-2:])}

    there = {str(file.relative_to(told.folder)) for file in told.folder.rglob("*") if file.is_file()} - {
        str(Path(file).relative_to(told.folder)) for file in hidden
    }

    assert there - reached == set()


PHONE, WIDE = 390, 1440
TALLEST = 3000
"""Pixels that the page of a correction may be tall on a phone, before anything is unfolded."""
CUT = """() => [...document.querySelectorAll("svg text")].filter(text => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < 0 || box.right > innerWidth || text.textContent.endsWith("\u2026"));
}).map(text => text.textContent)"""
WIDER = """() => [...document.querySelectorAll("body *")].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !one.closest(".scroll");
}).map(one => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    with chromium_page() as page:
        yield page


@pytest.mark.browser
def test_no_page_scrolls_sideways_on_a_phone_and_nothing_on_it_is_cut_off(chromium, published: Site, consoled: Site):
    found: dict[str, object] = {}
    chromium.set_viewport_size({"width": PHONE, "height": 844})
    for address in {**published.pages, **consoled.pages}:
        chromium.goto(address)
        wider = chromium.evaluate("document.documentElement.scrollWidth > innerWidth")
        found[address] = [*(chromium.evaluate(WIDER) if wider else []), *chromium.evaluate(CUT)]

    assert not any(found.values()), {address: what for address, what in found.items() if what}


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["live", "rolled_back", "abandoned", "failed", "unchanged"])
def test_the_page_of_a_correction_is_read_on_a_phone_without_much_scrolling(chromium, told: Corrected, kind: str):
    chromium.set_viewport_size({"width": PHONE, "height": 844})
    chromium.goto(page_of(told, getattr(told, kind)))

    assert chromium.evaluate("document.documentElement.scrollHeight") < TALLEST


@pytest.mark.browser
def test_the_pages_that_nobody_else_looks_at_are_readable_to_everybody(chromium, told: Corrected, published: Site):
    from axe_core_python.sync_playwright import Axe

    notice = next(address for address in published.pages if "/notices/" in address)
    pages = {
        "correction-live": (page_of(told, told.live), PHONE, "dark"),
        "correction-failed": (page_of(told, told.failed), WIDE, "light"),
        "corrections": ((told.folder / "corrections/index.html").as_uri(), WIDE, "dark"),
        "notice": (notice, PHONE, "light"),
    }
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[str]] = {}
    for name, (address, width, scheme) in pages.items():
        chromium.set_viewport_size({"width": width, "height": 900})
        chromium.emulate_media(color_scheme=scheme)
        chromium.goto(address)
        violations = Axe().run(chromium)["violations"]
        found[name] = [one["id"] for one in violations if one["impact"] in {"serious", "critical"}]
        chromium.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)

    assert not any(found.values()), found


def page_of(told: Corrected, correction: str) -> str:
    return (told.folder / "corrections" / correction / "index.html").as_uri()
