"""Pictures of the running product: each a name, where it is seen, and how much of it.

Usage: scripts/pictures.py DAGSTER CONSOLE FOLDER    the addresses of both, and where the pictures go
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

from backfill_assets.revenue.printing_pdf import browser

CORRECTION, TABLE = "20260123", "fct_daily_revenue"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
UP_WITHIN, PATIENCE, SETTLES = 180.0, 60_000, 3000
MOST_BYTES = 150_000


@dataclass(frozen=True, slots=True)
class Picture:
    """What is seen at a path of Dagster or of the console, once a button is pressed and a text is there, in pixels."""

    path: str
    shows: str
    width: int
    height: int
    press: str = ""
    in_dagster: bool = False


PICTURES: dict[str, Picture] = {
    "board": Picture(
        f"/locations/backfill_assets/jobs/{TABLE}__correction/partitions",
        "freeze_reports",
        *(1040, 740),
        press="Show per-asset status",
        in_dagster=True,
    ),
    "correction": Picture(f"/corrections/{CORRECTION}/", CORRECTION, 1000, 900),
}


def main(dagster: str, console: str, folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=[*FLAGS])
        for name, picture in PICTURES.items():
            page = chromium.new_page(viewport={"width": picture.width, "height": picture.height})
            page.set_default_timeout(PATIENCE)
            _open(page, f"{dagster if picture.in_dagster else console}{picture.path}")
            _take(page, picture, folder / f"{name}.png")
            page.close()
        chromium.close()


def _open(page: Page, address: str) -> None:
    """Open a page of what may still be starting."""
    until = time.monotonic() + UP_WITHIN
    while True:
        try:
            page.goto(address)
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def _take(page: Page, picture: Picture, file: Path) -> None:
    if picture.press:
        page.get_by_role("button", name=picture.press).click()
    page.get_by_text(picture.shows).first.wait_for()
    page.wait_for_timeout(SETTLES)
    page.screenshot(path=file, animations="disabled")
    size = file.stat().st_size
    print(f"{file} {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
