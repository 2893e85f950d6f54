"""Servers of tests, each a process of its own: begun as code that says its address and goes on until its input ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENDS_WITHIN = 60


@contextmanager
def started(code: str, *given: str, gently: bool = False) -> Iterator[str]:
    """What the code prints first; ended with its own children where that is to be done ``gently``."""
    server = subprocess.Popen(
        [sys.executable, "-c", code, *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        if gently:
            server.communicate(timeout=ENDS_WITHIN)
    finally:
        server.kill()
        server.wait()
