"""The wheel has everything, says what it needs, and runs the README's shop where there is no repository."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.installed import ROOT, Shop, built_wheel

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"), "--no-build-isolation", "--no-index")


def dist_info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (found,) = [one for one in archive.namelist() if one.endswith(f".dist-info/{name}")]
        return archive.read(found).decode()


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = ROOT / "backfill_assets"
    files = {file for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"}

    assert names == {file.relative_to(ROOT).as_posix() for file in files}
    assert {Path(name).suffix for name in names} == {".py", ".css", ".html", ".js", ".toml", ".typed", ".yaml"}


def test_the_metadata_says_what_is_needed_by_whom(wheel: Path) -> None:
    told = message_from_string(dist_info(wheel, "METADATA"))
    needs = [Requirement(line) for line in told.get_all("Requires-Dist", [])]
    of_test = [need for need in needs if need.marker and 'extra == "test"' in str(need.marker)]

    assert told["License-Expression"] == "Apache-2.0"
    assert "Apache License" in dist_info(wheel, "licenses/LICENSE")
    assert set(told.get_all("Provides-Extra", [])) == {
        *("attest", "console", "dask", "demo", "kafka", "notify", "object-store", "pages", "personal-data", "postgres"),
        *("ray", "sql", "test"),
    }
    assert {need.name for need in needs if need.marker is None} == {
        *("dagster", "deltalake", "jinja2", "polars", "pydantic", "pyyaml", "rich", "simplejson", "typer"),
    }
    ranges = [need for need in needs if need not in of_test and need.name != "backfill-assets"]
    assert {
        need.name for need in ranges if not {">="} <= {one.operator for one in need.specifier} <= {">=", "<"}
    } == set()


def test_every_range_takes_the_version_that_the_repository_works_with(wheel: Path) -> None:
    told = message_from_string(dist_info(wheel, "METADATA")).get_all("Requires-Dist", [])
    pinned = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    versions = {need.name.casefold(): str(need.specifier).removeprefix("==") for need in pinned}

    needs = {need.name: need for need in map(Requirement, told) if need.name != "backfill-assets"}
    assert [name for name, need in needs.items() if not need.specifier.contains(versions[name.casefold()])] == []


def test_the_shop_of_the_readme_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The environment has the packages of this one, by a path that brings none of its editable installs along."""
    there = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(there)], check=True)
    python = str(there / "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    # What the tests' own path holds does not count as installed.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "--no-deps", "--no-index", "--ignore-installed", str(wheel)], check=True, env=clean)
    (site,) = there.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = tmp_path / "code"
    code.mkdir()
    shop = Shop(tmp_path, code, python, f"import backfill_assets\nassert {str(site)!r} in backfill_assets.__file__\n")

    shop.correct_and_roll_back(shop.publish_wrong_days())

    with zipfile.ZipFile(wheel) as archive:
        configured = archive.read("backfill_assets/orchestration/instance/dagster.yaml").decode()
    assert (tmp_path / "home/dagster.yaml").read_text() == configured
    (page,) = (tmp_path / "published/corrections").glob("*/index.html")
    assert "<style" in page.read_text()
    told = subprocess.run(
        [str(there / "bin/backfill-assets"), "status"],
        cwd=code,
        env=shop.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "20260120" in told.stdout
