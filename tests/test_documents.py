"""What the documents show is run, and what they claim about the tree is true."""

import re
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from backfill_assets.core.steps import NINE_STEPS, Step
from backfill_assets.runbook.request import read_request

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    "README.md",
    "CONTEXT.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
]


def code_block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"README shows no {language}"
    return found[1]


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_request_in_the_readme_is_one() -> None:
    request = read_request(code_block("yaml"))

    assert request.table == "fct_daily_revenue"
    assert len(request.window) == 90
    assert request.window.last == date(2026, 1, 22)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_a_document_links_to_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    scripts = re.findall(r"\bscripts/[a-z_]+", text)

    missing = [link for link in links if not ((ROOT / name).parent / link).exists()]
    missing += [script for script in scripts if not (ROOT / script).exists()]
    assert not missing


def test_the_readme_and_the_runbook_name_every_step() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()

    for step in (*NINE_STEPS, Step.ROLL_BACK):
        assert f"`{step}`" in README or f"↩ `{step}`" in README
        assert f"\n## {step}\n" in runbook


PICTURE = re.compile(r"!\[[^\]]+\]\(([^)]+\.png)\)")
SHOWN = {(ROOT / name).parent / link for name in DOCUMENTS for link in PICTURE.findall((ROOT / name).read_text())}


def test_every_picture_that_a_document_shows_is_made_by_the_script_and_small() -> None:
    made = re.findall(r'^    "(\w+)": Picture\(', (ROOT / "scripts/pictures.py").read_text(), re.MULTILINE)
    most = int(re.findall(r"MOST_BYTES = (\S+)", (ROOT / "scripts/pictures.py").read_text())[0])

    assert {picture.name for picture in SHOWN} == {f"{name}.png" for name in made}
    assert {picture.resolve() for picture in SHOWN} == {*(ROOT / "docs/pictures").resolve().iterdir()}
    for picture in SHOWN:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size <= most


@pytest.mark.dagster
def test_the_code_location_in_the_readme_corrects_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the README's own lines: publish two weeks, stage four days of them, and nothing live moves."""
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("BACKFILL_NOW", "2026-01-20T06:00:00+00:00")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    (tmp_path / "readme_example.py").write_text(code_block("python"))
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        defs: dg.Definitions = __import__("readme_example").defs
    finally:
        sys.modules.pop("readme_example", None)
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:

        def materialize(assets: list[list[str]], first: str, last: str) -> bool:
            ends = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
            keys = [dg.AssetKey(asset) for asset in assets]
            return job.execute_in_process(
                instance=instance, asset_selection=keys, tags=ends, raise_on_error=False
            ).success

        assert materialize([["orders_log"], ["daily_orders"]], "2026-01-05", "2026-01-18")
        assert materialize([["weekly_orders"]], "2026-01-05", "2026-01-12")
        records = defs.resources["lake"].records()
        live = records.snapshot("daily_orders")
        assert materialize([["backfill", "daily_orders"]], "2026-01-06", "2026-01-09")
        assert not materialize([["daily_orders"]], "2026-01-06", "2026-01-09")

    assert records.snapshot("daily_orders").files == live.files
    assert records.snapshot("weekly_orders").scan().collect()["revenue"].to_list() == [700, 700]
    assert {str(day) for day in records.staged("daily_orders", "20260120").snapshot().days} == {
        "2026-01-06",
        "2026-01-07",
        "2026-01-08",
        "2026-01-09",
    }
