"""What is installed, from outside: the wheel of this tree, and the README's shop by command line.

Nothing but the standard library is imported here: whatever Python is given runs it, in a process of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RIGHT = 'revenue=pl.col("price").sum()'
TWICE = f"{RIGHT} * 2"
LEDGER = '''
from backfill_assets.watch import Reconciled, reconcile


def compare(lake: LakeResource, through: object) -> Reconciled:
    """Every day sold for a hundred, says the ledger of the shop."""
    live = lake.records().snapshot("daily_orders").scan().collect()
    wrong = live.filter(pl.col("revenue") != 100)["day"].to_list()
    found = {"cause": "amounts", "since": str(min(wrong)), "last": str(max(wrong))} if wrong else {}
    told = {"groups": ["EUR"], "days": len(wrong), "difference": "", "confidence": 1.0, "request": ""}
    findings = ({**found, **told},) if wrong else ()
    return Reconciled("daily_orders", live["day"].max(), live.height, findings, compared=live.height)

'''
COMMANDS = """
import json, sys
from typer.testing import CliRunner
from backfill_assets.command_line import app

assert "backfill_assets.revenue" not in sys.modules
for command in json.loads(sys.argv[1]):
    ended = CliRunner().invoke(app, [*command, "--json"])
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    told = json.loads(lines[-1]) if lines else {}
    print(json.dumps({"code": ended.exit_code, "told": told, "text": ended.output + str(ended.exception or "")}))
"""


def built_wheel(folder: Path, *options: str) -> Path:
    """The wheel of this tree, made of a copy: in place, setuptools would take along what an earlier build left."""
    tree = folder / "tree"
    shutil.copytree(ROOT / "backfill_assets", tree / "backfill_assets", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *options]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(tree)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def shop(compute: str) -> str:
    """The README's shop, computed like that, with a ledger to reconcile with."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    text = found[1].replace(RIGHT, compute).replace("watch=[", "watch=[reconcile(compare), ")
    assert compute in text
    return text.replace("\n\ndefs = ", LEDGER + "\ndefs = ")


@dataclass(frozen=True)
class Shop:
    """A shop below ``root`` whose code lies in ``code``; ``first`` is run in each process before anything else."""

    root: Path
    code: Path
    python: str
    first: str = ""
    last: str = ""

    def run(self, *commands: list[str]) -> list[Mapping[str, Any]]:
        """Commands, one after the other, in a process that has nothing but the code."""
        ended = subprocess.run(
            [self.python, "-c", self.first + COMMANDS + self.last, json.dumps(commands)],
            cwd=self.code,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"code"')]

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the shop is told."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("BACKFILL_")}
        return {
            **others,
            "PYTHONPATH": str(self.code),
            "BACKFILL_DEFINITIONS": "readme_shop",
            "BACKFILL_LAKE": str(self.root / "lake"),
            "BACKFILL_PUBLISHED": str(self.root / "published"),
            "BACKFILL_NOW": "2026-01-20T06:00:00+00:00",
            "DAGSTER_HOME": str(self.root / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }

    def publish_wrong_days(self) -> str:
        """Every day is published and counts twice; then the code is right. Returns the path of a request."""
        module = self.code / "readme_shop.py"
        module.write_text(shop(TWICE))
        (published, wrong) = self.run(["nightly"], ["reconcile"])
        assert published["code"] == 0, published["text"]
        assert (wrong["code"], wrong["told"]["wrong"]) == (5, True), wrong["text"]
        module.write_text(shop(RIGHT))
        request, window = self.root / "request.yaml", {"first": "2026-01-06", "last": "2026-01-09"}
        request.write_text(json.dumps({"table": "daily_orders", "window": window, "reason": "Counted twice."}))
        return str(request)

    def correct_and_roll_back(self, request: str, *after: list[str]) -> Sequence[Mapping[str, Any]]:
        """Take the correction through its gate and back again; returns the answers to the commands of ``after``."""
        planned, opened = self.run(["plan", request], ["open", request])
        assert planned["code"] == 0, planned["text"]
        assert opened["code"] == 0, opened["text"]
        name = opened["told"]["correction"]
        approve = ["approve", name, "--by", "Ada", "--note", "looked"]
        roll_back = ["roll-back", name, "--all", "--by", "Ada"]
        *corrected, still_wrong, audited, rolled_back, _, pages = self.run(
            ["run", name],
            approve,
            ["run", name],
            ["reconcile"],
            ["audit", "--days", "15"],
            roll_back,
            ["run", name],
            ["pages"],
        )
        assert [one["told"].get("waits_for") for one in (corrected[0], corrected[2])] == ["person", "time"], corrected
        days = {finding["days"] for finding in still_wrong["told"]["findings"]}
        assert days == {15 - 4}, still_wrong["text"]
        assert audited["code"] == 5, audited["text"]
        assert len(audited["told"]["differing"]) == 15 - 4
        assert rolled_back["code"] == 0, rolled_back["text"]
        assert pages["code"] == 0, pages["text"]
        return self.run(*after) if after else []
