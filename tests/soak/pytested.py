"""Tests that a part of the soak runs with pytest, in processes of their own."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass(frozen=True)
class Tested:
    """What became of tests: a case each, those that failed, and why nothing ran."""

    cases: tuple[ET.Element, ...] = ()
    why_not: str = ""

    @property
    def failed(self) -> list[ET.Element]:
        return [case for case in self.cases if _failure(case) is not None]


def tested(*wanted: str, **environment: str) -> Tested:
    """Run pytest with arguments and variables of the environment, and read what became of each test."""
    with TemporaryDirectory() as folder:
        result = Path(folder, "result.xml")
        told = [sys.executable, "-m", "pytest", *wanted, "-q", "-p", "no:cacheprovider", f"--junitxml={result}"]
        ended = subprocess.run(told, check=False, capture_output=True, text=True, env={**os.environ, **environment})
        if not result.exists():
            return Tested(why_not=f"{ended.stdout[-300:]}{ended.stderr[-300:]}")
        return Tested(tuple(ET.parse(result).getroot().iter("testcase")))


def words_of(case: ET.Element) -> str:
    """What a failed test says."""
    failure = _failure(case)
    return "" if failure is None else (failure.get("message") or "")[:300]


def _failure(case: ET.Element) -> ET.Element | None:
    return next((one for kind in ("failure", "error") if (one := case.find(kind)) is not None), None)
