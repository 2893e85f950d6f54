"""Tests of the lake that are dear in a bucket, run there: many commits, writers at once, every step of the runbook."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.tally import Asked, Tally, Tell

TESTS = ("tests/storage", "tests/runbook")


def run(_: Asked, tell: Tell) -> Tally:
    """Run them all, and name those that fail."""
    with TemporaryDirectory() as folder:
        result = Path(folder, "result.xml")
        wanted = ["-m", "soak", "-q", "-p", "no:cacheprovider", f"--junitxml={result}"]
        told = [sys.executable, "-m", "pytest", *TESTS, *wanted]
        ended = subprocess.run(told, check=False, capture_output=True, text=True)
        if not result.exists():
            return Tally(0, None, (f"The tests in a bucket did not run, {ended.stdout[-300:]}{ended.stderr[-300:]}",))
        cases = [*ET.parse(result).getroot().iter("testcase")]
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    tell(f"{len(cases)} tests in a bucket, {len(failed)} failed")
    named = [f"{case.get('classname')}::{case.get('name')}" for case in failed]
    return Tally(len(cases), len(cases), tuple(f"{name} fails in a bucket." for name in named))
