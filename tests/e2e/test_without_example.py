"""The library stands without its example: a copy of the tree that lacks it runs the README's shop by command line."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.dagster, pytest.mark.slow]
ROOT = Path(__file__).parent.parent.parent
RIGHT = 'revenue=pl.col("price").sum()'
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


def shop(compute: str) -> str:
    """The README's shop, computed like that, with a ledger to reconcile with."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    text = found[1].replace(RIGHT, compute).replace("watch=[", "watch=[reconcile(compare), ")
    assert compute in text
    return text.replace("\n\ndefs = ", LEDGER + "\ndefs = ")


def run(house: Path, *commands: list[str]) -> list[Mapping[str, Any]]:
    """Commands, one after the other, in a process that has nothing but the copy."""
    env = {
        **os.environ,
        "PYTHONPATH": str(house / "tree"),
        "BACKFILL_DEFINITIONS": "readme_shop",
        "BACKFILL_LAKE": str(house / "lake"),
        "BACKFILL_PUBLISHED": str(house / "published"),
        "BACKFILL_NOW": "2026-01-20T06:00:00+00:00",
        "DAGSTER_HOME": str(house / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    ended = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=house / "tree",
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"code"')]


def test_the_shop_of_the_readme_does_everything_where_there_is_no_example(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    left_out = shutil.ignore_patterns("revenue", "__pycache__")
    shutil.copytree(ROOT / "backfill_assets", tree / "backfill_assets", ignore=left_out)
    (tree / "readme_shop.py").write_text(shop('revenue=pl.col("price").sum() * 2'))
    request = tmp_path / "request.yaml"
    window = {"first": "2026-01-06", "last": "2026-01-09"}
    request.write_text(json.dumps({"table": "daily_orders", "window": window, "reason": "Counted twice."}))

    (published, wrong) = run(tmp_path, ["nightly"], ["reconcile"])
    assert published["code"] == 0, published["text"]
    assert (wrong["code"], wrong["told"]["wrong"]) == (5, True), wrong["text"]

    (tree / "readme_shop.py").write_text(shop(RIGHT))
    planned, opened = run(tmp_path, ["plan", str(request)], ["open", str(request)])
    assert planned["code"] == 0, planned["text"]
    assert opened["code"] == 0, opened["text"]
    name = opened["told"]["correction"]
    *corrected, still_wrong, audited, rolled_back, _, pages, months, withdrawals = run(
        tmp_path,
        ["run", name],
        ["approve", name, "--by", "Ada", "--note", "looked"],
        ["run", name],
        ["reconcile"],
        ["audit", "--days", "15"],
        ["roll-back", name, "--all", "--by", "Ada"],
        ["run", name],
        ["pages"],
        ["months"],
        ["withdrawals"],
    )
    assert [one["told"].get("waits_for") for one in (corrected[0], corrected[2])] == ["person", "time"], corrected
    days = {finding["days"] for finding in still_wrong["told"]["findings"]}
    assert days == {15 - 4}, still_wrong["text"]
    assert audited["code"] == 5, audited["text"]
    assert len(audited["told"]["differing"]) == 15 - 4
    assert rolled_back["code"] == 0, rolled_back["text"]
    assert pages["code"] == 0, pages["text"]
    assert months["code"] == 0, months["text"]
    assert (withdrawals["code"], withdrawals["told"]["error"]) == (2, "DecisionsUnknown")
