"""Pictures of the running product: each a name, where it is seen, and how much of it.

Usage: scripts/pictures.py DAGSTER CONSOLE FOLDER    the addresses of both, and where the pictures go
"""

import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from backfill_assets.revenue.printing_pdf import browser

CORRECTION, TABLE = "20260123", "fct_daily_revenue"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
UP_WITHIN, PATIENCE = 180.0, 60_000
MOST_BYTES = 150_000


@dataclass(frozen=True, slots=True)
class Picture:
    """What is seen at a path of Dagster or of the console, once a text is there, at a size in CSS pixels."""

    path: str
    shows: str
    width: int
    height: int
    in_dagster: bool = False


PICTURES: dict[str, Picture] = {
    "board": Picture(f"/locations/backfill_assets/jobs/{TABLE}__correction/partitions", CORRECTION, 1280, 800, True),
    "correction": Picture(f"/corrections/{CORRECTION}/", CORRECTION, 1000, 900),
}


def main(dagster: str, console: str, folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for address in (dagster, console):
        _wait_for(address)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=[*FLAGS])
        for name, picture in PICTURES.items():
            page = chromium.new_page(viewport={"width": picture.width, "height": picture.height})
            page.set_default_timeout(PATIENCE)
            _take(page, picture, dagster if picture.in_dagster else console, folder / f"{name}.png")
            page.close()
        chromium.close()


def _take(page: Page, picture: Picture, address: str, file: Path) -> None:
    page.goto(f"{address}{picture.path}")
    page.get_by_text(picture.shows).first.wait_for()
    page.wait_for_timeout(3000)
    page.screenshot(path=file, animations="disabled")
    print(f"{file} {file.stat().st_size:,} bytes")


def _wait_for(address: str) -> None:
    until = time.monotonic() + UP_WITHIN
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
