"""Headless Chromium, driven as an analyst would, with a screenshot of every thing worth seeing."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as NotThere
from playwright.sync_api import sync_playwright

from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name
from tests.e2e.server import wait_until

CHROMIUM = Path(os.environ.get("BACKFILL_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PATIENCE = 60_000
"""Milliseconds for anything to appear."""


@contextmanager
def chromium_page():
    """An empty page; skips where there is no Chromium, but fails in CI."""
    if not CHROMIUM.exists():
        missing = f"there is no Chromium at {CHROMIUM}"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


class Analyst:
    """Somebody before the Dagster UI, who knows nothing but what is on the screen."""

    def __init__(self, page, url: str, prefix: str, screenshots: Path = SCREENSHOTS) -> None:
        self.page = page
        self.url = url
        self.prefix = prefix
        self.screenshots = screenshots
        self.taken = 0

    def see(self, name: str) -> None:
        """Take a screenshot."""
        self.screenshots.mkdir(parents=True, exist_ok=True)
        self.taken += 1
        self.page.screenshot(path=self.screenshots / f"{self.prefix}-{self.taken:02}-{name}.png")

    def wait(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """Look elsewhere until something has happened: an open page of Dagster asks for news all the time."""
        self.page.goto("about:blank")
        return wait_until(look, seconds, what)

    def go(self, path: str) -> None:
        """Open a page of the UI."""
        self.page.goto(self.url + path)

    def launch_range(self, asset: str, first: str, last: str) -> str:
        """Materialize a range of an asset from its page; returns the id of the backfill, or of the run for one day."""
        page = self.page
        self.go(f"/assets/{asset}?view=partitions")
        page.get_by_role("button", name=re.compile("Materialize")).first.click()
        dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
        # Dagster asks first where it never saw the upstream assets built: this lake was made without it.
        sure = page.get_by_role("dialog").filter(has_text="Are you sure?").get_by_role("button", name="Confirm")
        sure.or_(dialog.get_by_text("Partition selection")).first.wait_for()
        if sure.count():
            sure.click()
        dialog.get_by_text("Partition selection").wait_for()
        self._show_all(dialog)
        chosen = dialog.get_by_placeholder(re.compile("^ex: "))
        chosen.click()
        chosen.fill(first if first == last else f"[{first}...{last}]")
        chosen.press("Enter")
        self.see("materialize")
        with page.expect_response(is_launch) as launched:
            dialog.get_by_role("button", name=re.compile("^Launch")).last.click()
        told = launched.value.json()["data"]
        backfill = told.get("launchPartitionBackfill")
        return backfill["backfillId"] if backfill else told["launchPipelineExecution"]["run"]["runId"]

    def run_job(self, job: str, partition: str, config: Mapping[str, str]) -> None:
        """Choose a correction in the launchpad of ``table__what`` is done by hand, type its config, and launch it."""
        page, (table, _, what) = self.page, job.rpartition("__")
        self.choose(f"/locations/backfill_assets/jobs/{manual_job_name(table, what)}/playground", partition)
        page.wait_for_timeout(1000)
        page.locator(".CodeMirror").first.click()
        page.keyboard.press("Control+a")
        lines = [f"      {name}: {value}" for name, value in config.items()]
        page.keyboard.insert_text("\n".join(["ops:", f"  {manual_op_name(table, what)}:", "    config:", *lines]))
        launch = page.locator("button:enabled", has_text="Launch Run").last
        launch.wait_for()
        self.see(f"{what}")
        launch.click()
        page.wait_for_url(re.compile("/runs/"))

    def choose(self, launchpad: str, partition: str) -> None:
        """Type a partition into a launchpad, again while a slow page still loads and forgets what was typed."""
        typed = self.page.get_by_placeholder("Partition")
        # A launchpad remembers what was chosen last, and offers nothing then.
        chosen = self.page.get_by_text(f"partition: {partition}", exact=True)
        offered = self.page.locator("[role=menuitem], [role=option]", has_text=partition)
        for _ in range(3):
            self.go(launchpad)
            typed.wait_for()
            for _ in range(10):
                typed.click()
                typed.fill("")
                typed.press_sequentially(partition)
                try:
                    offered.or_(chosen).first.wait_for(timeout=6_000)
                except NotThere:
                    typed.press("Escape")
                    continue
                if not chosen.count():
                    typed.press("Enter")
                return
            self.see("not-offered")
        raise AssertionError(f"{launchpad} never offered {partition}:\n{self.page.locator('body').inner_text()}")

    def _show_all(self, dialog) -> None:
        """The dialog shows the last ninety days until it is asked for more."""
        try:
            dialog.get_by_text("Show all partitions").click(timeout=2500)
        except NotThere:
            return


def is_launch(answer) -> bool:
    asked = (answer.request.post_data or "") if "/graphql" in answer.url else ""
    return "launchPartitionBackfill" in asked or "launchPipelineExecution" in asked
