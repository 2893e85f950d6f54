"""A process of the test run that crashes: its tests are run again, and a second crash fails the test it happens in."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[1]
FILES, EACH = 6, 3
MODULE = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range({each}))
def test_it(number):
    time.sleep(0.05)
    crashed = pathlib.Path(__file__).with_name(f"crashed-{times}")
    left = {times} - len([*crashed.parent.glob("crashed-*")])
    if {crashes} and number == {at} and left > 0:
        crashed.with_name(f"crashed-{{left}}").touch()
        os.abort()
"""


@dataclass(frozen=True)
class Crash:
    """In which file and test of it, how often, and what pytest's summary says then."""

    file: int
    at: int
    times: int
    told: str


CRASHES = {
    "in the first test": Crash(0, 0, 1, f"{FILES * EACH} passed.*1 crashed"),
    "in the last test of the first file": Crash(0, EACH - 1, 1, f"{FILES * EACH} passed.*1 crashed"),
    "in the last test of a file": Crash(3, EACH - 1, 1, f"{FILES * EACH} passed.*1 crashed"),
    "twice": Crash(FILES - 1, 1, 2, f"1 failed, {FILES * EACH - 1} passed.*1 crashed"),
}


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_is_told_and_the_tests_are_run(where: str, tmp_path: Path):
    crash = CRASHES[where]
    for number in range(FILES):
        module = MODULE.format(each=EACH, at=crash.at, crashes=number == crash.file, times=crash.times)
        (tmp_path / f"test_{number}.py").write_text(module)
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-p", "tests.scheduling", "-p", "no:cacheprovider"]
    wide = ["--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    place = {"cwd": tmp_path, "env": {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}}

    told = subprocess.run(
        [*pytest_there, *wide, str(tmp_path)], **place, capture_output=True, text=True, timeout=240, check=False
    )

    assert re.search(f"^{crash.told}", told.stdout, re.MULTILINE), told.stdout[-2000:]
    assert told.returncode == ("failed" in crash.told)
