"""A process of the test run that crashes fails its test, and every test is run."""

import re
import subprocess
import sys
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
    crashed = pathlib.Path(__file__).with_name("crashed")
    if {crashes} and number == {at} and not crashed.exists():
        crashed.touch()
        os.abort()
"""


@pytest.mark.parametrize(("file", "at"), [(0, 0), (0, EACH - 1), (3, EACH - 1), (FILES - 1, 1)])
def test_a_crash_in_a_file_fails_one_test_and_the_others_are_run(file: int, at: int, tmp_path: Path):
    for number in range(FILES):
        module = MODULE.format(each=EACH, at=at, crashes=number == file)
        (tmp_path / f"test_{number}.py").write_text(module)
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-p", "tests.scheduling", "-p", "no:cacheprovider"]
    wide = ["--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    place = {"cwd": tmp_path, "env": {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}}
    told = subprocess.run(
        [*pytest_there, *wide, str(tmp_path)], **place, capture_output=True, text=True, timeout=240, check=False
    )
    # The test that crashed the process is told as failed, and run again by its successor.
    assert re.search(rf"^1 failed, {FILES * EACH} passed", told.stdout, re.MULTILINE), told.stdout[-2000:]
