"""PDF by headless Chromium, when one is there: one browser prints any number of pages, spoken to through a pipe.

``BACKFILL_CHROMIUM`` names the browser; ``none`` means that none is to be used.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backfill_assets.revenue.errors import PrintingFailed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 60.0
OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
)

# The browser expects the two ends of the pipe as file descriptors 3 and 4.
WIRED = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def browser() -> str | None:
    """The path of a browser that can print; None when there is none."""
    told = os.environ.get("BACKFILL_CHROMIUM", "")
    if told:
        return None if told == "none" else told
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def print_pages(command: str, pages: Sequence[Path]) -> dict[Path, bytes]:
    """Print local pages, in the order given; returns each as a PDF.

    Raises:
        PrintingFailed: when the browser does not answer.
    """
    names = [page.name for page in pages]
    try:
        with _started(command) as chromium:
            return {page: chromium.pdf(page.resolve().as_uri()) for page in pages}
    except (OSError, ValueError, KeyError) as error:
        raise PrintingFailed(names, f"it did not answer ({type(error).__name__})") from error


class _Chromium:
    """A running browser and the pipe to it; messages end with a zero byte."""

    def __init__(self, into: int, out: int) -> None:
        self.into = into
        self.out = out
        self.number = 0
        self.left = b""

    def pdf(self, address: str) -> bytes:
        """Open an address in a tab of its own, print it, close it."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        tab = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._ask("Page.enable", {}, tab)
        self._ask("Page.navigate", {"url": address}, tab)
        self._until("Page.loadEventFired", tab)
        told = {"printBackground": True, "preferCSSPageSize": True}
        printed = self._ask("Page.printToPDF", told, tab)["data"]
        self._ask("Target.closeTarget", {"targetId": target})
        return base64.b64decode(printed)

    def _ask(self, method: str, params: Mapping[str, Any], session: str = "") -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                return dict(answer["result"])

    def _until(self, event: str, session: str) -> None:
        while True:
            told = self._next()
            if told.get("method") == event and told.get("sessionId") == session:
                return

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.out], [], [], max(deadline - time.monotonic(), 0))
            chunk = os.read(self.out, 1 << 20) if ready else b""
            if not chunk:
                raise BrokenPipeError
            self.left += chunk
        message, _, self.left = self.left.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def _started(command: str) -> Iterator[_Chromium]:
    """A browser with a profile of its own, gone afterwards."""
    read_theirs, into = os.pipe()
    out, write_theirs = os.pipe()
    with tempfile.TemporaryDirectory(prefix="backfill-print-", ignore_cleanup_errors=True) as profile:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        process = subprocess.Popen(  # noqa: S603 - no shell, and the program is configuration's
            [
                *(sys.executable, "-I", "-S", "-c", WIRED, str(read_theirs), str(write_theirs)),
                *(command, *OPTIONS, *sandbox, f"--user-data-dir={profile}"),
            ],
            pass_fds=(read_theirs, write_theirs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_theirs)
        os.close(write_theirs)
        try:
            yield _Chromium(into, out)
        finally:
            for end in (into, out):
                with suppress(OSError):
                    os.close(end)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
