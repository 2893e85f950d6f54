"""The demo, told by its own script in a folder of its own: it ends well, and what it names is there and works."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installed import ROOT

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

NEXT = "Look at\n"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
PYTHON = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
BACKFILL_ASSETS = f"""#!/bin/sh
exec "{sys.executable}" -c 'from backfill_assets.command_line import app; app()' "$@"
"""


@dataclass(frozen=True)
class Checkout:
    """What the demo needs of a checkout: its scripts, and an environment that is the one of this process."""

    root: Path

    def make(self) -> None:
        """Everything is installed already, which is what the script that would install is asked."""
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        self.write("scripts/setup", '#!/bin/sh\n[ "$*" = demo ]\n')
        self.write(".venv/bin/python", PYTHON)
        self.write(".venv/bin/backfill-assets", BACKFILL_ASSETS)

    def write(self, name: str, text: str) -> None:
        """A file that can be run."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run(self, command: str) -> str:
        """What a shell in it prints of a command that has to end well."""
        others = {name: text for name, text in os.environ.items() if not name.startswith(("BACKFILL_", "DAGSTER_"))}
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env={**others, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "BACKFILL_CHROMIUM": "none"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("demo"))
    made.make()
    return made


@pytest.fixture(scope="module")
def told(checkout: Checkout) -> str:
    return checkout.run("scripts/demo")


def test_the_demo_goes_through_and_back_and_through(told: str) -> None:
    days = [int(number) for number in re.findall(r"days (?:in the window|that change) +│ (\d+)", told)]
    assert days == [90, 61]
    assert told.count("is live. It may be rolled back until") == 2
    old, new = (re.search(rf"{side} total +│ ([\d,.]+) USD", told) for side in ("old", "new"))
    assert old
    assert new
    assert old[1] != new[1]
    assert f"live is the old {old[1]} USD again" in told
    assert f"live is {new[1]} USD." in told


def test_the_reconciliation_is_shown_before_it_is_approved(told: str) -> None:
    before, _, after = told.partition("$ backfill-assets approve")
    assert re.search(r"2025-10-27 +2026-01-22 +amounts .* 61 +14,342\.3571", before)
    assert re.search(r"wrong in all +│ 14,342\.36 USD", before)
    assert re.search(r"most wrong +│ 2025-10-30, by \u2212764\.07 USD", before)
    assert "Live agrees with the ledger in 1,632 sums on 206 days through 2026-01-22." in after


def test_one_clock_goes_on_from_step_to_step(told: str, checkout: Checkout) -> None:
    commands = re.findall(r"^(\d\d:\d\d:\d\d) \$ ", told, re.MULTILINE)
    assert len(commands) == 11
    assert commands == sorted(set(commands))
    assert set(re.findall(r"rolled back until ([\d-]+)\.", told)) == {"2026-02-06"}
    status = checkout.run(". scripts/demo_environment && .venv/bin/backfill-assets status 20260123")
    steps = re.findall(r"yes +(2026-01-23 \d\d:\d\d:\d\d) ", status)
    assert len(steps) == 8
    assert len({*steps}) == 8
    assert "http://127.0.0.1:3001/corrections/20260123/" in status


def test_a_browser_that_is_missing_is_told_once(told: str) -> None:
    assert told.count("no PDF") == 1


def test_what_the_readme_shows_is_printed_in_that_order(told: str) -> None:
    (shown,) = re.findall(r"```\n(\$ backfill-assets .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    parts = [part for line in shown.splitlines() for part in re.split(r" {2,}| ━+ ", line.strip()) if part]
    printed = DATE.sub("a day", told.replace("'", '"'))
    assert len(parts) > 10
    for part in parts:
        before, found, printed = printed.partition(DATE.sub("a day", part))
        assert found, f"{part!r} is not printed after what stands before it\n{before[-500:]}"


def test_every_place_that_it_names_is_there_and_every_command_works(told: str, checkout: Checkout) -> None:
    named = dict(re.findall(r"^  (the [\w ]+?)  +(\S.*)$", told.partition(NEXT)[2], re.MULTILINE))
    assert named.keys() >= {
        "the pages",
        "the board pack",
        "the notices",
        "the lake",
        "the whole story",
        "the Dagster UI",
    }
    for where in named.values():
        if where.startswith("/"):
            assert checkout.root in Path(where).parents
            assert Path(where).exists()
        elif where.startswith(". "):
            assert checkout.run(where)
        else:
            assert (ROOT / where.partition(", then ")[0]).exists(), where
    job = named["the Dagster UI"].split(", ")[-1]
    jobs = "from backfill_assets.revenue.definitions import defs; print(*(job.name for job in defs.jobs or ()))"
    assert job in checkout.run(f'. scripts/demo_environment && .venv/bin/python -W ignore -c "{jobs}"').split()
