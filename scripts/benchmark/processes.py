"""Processes that are timed from their start: ours say when they have come how far, those of peers end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

BEGAN = "BENCH_BEGAN"


def timed(command: list[str], environment: Mapping[str, str], folder: Path | None = None) -> float:
    """Seconds from the start of a process to its end.

    Raises:
        SystemExit: with what it said, when it fails.
    """
    started = time.monotonic()
    _ran(command, environment, folder)
    return time.monotonic() - started


def told(module: str, environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """What a process of ours says of itself; times are seconds since its start."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    last = _ran(command, {**environment, BEGAN: str(time.time())}, None).splitlines()[-1]
    return json.loads(last)


def as_users_have_it() -> None:
    """Hide what only the tests have installed: Pandera loads Hypothesis where it is, for a tenth of a second."""
    sys.modules["hypothesis"] = cast("Any", None)


def since_start() -> float:
    """Seconds since whoever started this process did so."""
    return time.time() - float(os.environ[BEGAN])


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of one call in this process."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _ran(command: list[str], environment: Mapping[str, str], folder: Path | None) -> str:
    ran = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} failed.\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}")
    return ran.stdout
