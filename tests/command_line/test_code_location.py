"""The command line drives whatever code location is named, however Dagster would be told of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from backfill_assets.command_line.code_location import load_code_location
from backfill_assets.errors.base import BackfillAssetsError
from tests.e2e.house import new_house

pytestmark = pytest.mark.dagster

EAGER = "import dagster as dg\n\n@dg.asset\ndef {0}(): ...\n\ndefs = dg.Definitions(assets=[{0}])\n"
LAZY = EAGER.replace("defs = ", "@dg.definitions\ndef made():\n    return ")
LAKE = "import dagster as dg\nfrom backfill_assets import LakeResource\n\n"
LAKE += "defs = dg.Definitions(resources={'lake': LakeResource()})\n"
SEVERAL = "import dagster as dg\n\none = dg.Definitions()\nother = dg.Definitions()\n"
FUNCTION = "import dagster as dg\n\n@dg.asset\ndef {0}(): ...\n\ndef build():\n    return dg.Definitions([{0}])\n"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that can be imported while the test runs."""
    (tmp_path / "eager_shop.py").write_text(EAGER.format("eager"))
    (tmp_path / "lazy_shop.py").write_text(LAZY.format("lazy"))
    (tmp_path / "several_shops.py").write_text(SEVERAL)
    (tmp_path / "named_shops.py").write_text(SEVERAL + "defs = dg.Definitions()\n")
    (tmp_path / "built_shop.py").write_text(FUNCTION.format("built"))
    (tmp_path / "lake_shop.py").write_text(LAKE)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "filed_shop.py").write_text(EAGER.format("filed"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.endswith(("_shop", "_shops")):
            del sys.modules[name]


def workspace(folder: Path, text: str) -> str:
    (folder / "workspace.yaml").write_text("load_from:\n" + text)
    return str(folder / "workspace.yaml")


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


@pytest.mark.parametrize(
    ("named", "asset"),
    [
        ("eager_shop", "eager"),
        ("eager_shop:defs", "eager"),
        ("lazy_shop", "lazy"),
        ("lazy_shop:made", "lazy"),
        ("built_shop:build", "built"),
    ],
)
def test_a_module_is_a_code_location_and_so_is_a_name_in_it(there: Path, named: str, asset: str) -> None:
    assert keys(load_code_location(named)) == {asset}


@pytest.mark.parametrize(
    ("entry", "asset"),
    [
        ("- python_module: eager_shop\n", "eager"),
        ("- python_module: {module_name: built_shop, attribute: build}\n", "built"),
        ("- python_module: {module_name: filed_shop, working_directory: below}\n", "filed"),
        ("- python_package: {package_name: lazy_shop}\n", "lazy"),
        ("- python_file: below/filed_shop.py\n", "filed"),
        ("- python_file: {relative_path: below/filed_shop.py, attribute: defs}\n", "filed"),
    ],
)
def test_a_workspace_file_is_read_as_dagster_reads_it(there: Path, entry: str, asset: str) -> None:
    assert keys(load_code_location(workspace(there, "  " + entry))) == {asset}


def test_of_several_code_locations_one_is_chosen_by_its_name(there: Path) -> None:
    both = "  - python_module: {module_name: eager_shop, location_name: first}\n  - python_module: lazy_shop\n"

    assert keys(load_code_location(workspace(there, both) + ":first")) == {"eager"}
    assert keys(load_code_location(workspace(there, both) + ":lazy_shop")) == {"lazy"}


@pytest.mark.parametrize(
    ("named", "text", "error", "culprit"),
    [
        ("several_shops", "", "DefinitionsUnclear", "one, other"),
        ("named_shops", "", "DefinitionsUnclear", "defs, one, other"),
        ("eager_shop:other", "", "DefinitionsMissing", "eager_shop:other"),
        ("eager_shop:eager", "", "DefinitionsMissing", "eager_shop:eager"),
        ("no_shop:defs", "", "DefinitionsMissing", "no_shop"),
        ("absent.yaml", "", "WorkspaceUnusable", "no such file"),
        ("workspace.yaml", "  - python_module: [\n", "WorkspaceUnusable", "not YAML"),
        ("workspace.yaml", "[" * 3000, "WorkspaceUnusable", "not YAML"),
        ("workspace.yaml", "  - a text\n", "WorkspaceUnusable", "no Python module"),
        ("workspace.yaml", "  - grpc_server: {port: 4266}\n", "WorkspaceUnusable", "no Python module"),
        ("workspace.yaml", "  - python_file: below/absent.py\n", "DefinitionsMissing", "absent.py"),
        ("workspace.yaml", "  - python_module: a\n  - python_module: b\n", "DefinitionsUnclear", "a, b"),
        ("workspace.yaml:c", "  - python_module: a\n  - python_module: b\n", "DefinitionsMissing", "workspace.yaml:c"),
    ],
)
def test_what_cannot_be_loaded_is_named(there: Path, named: str, text: str, error: str, culprit: str) -> None:
    if text:
        workspace(there, text)

    with pytest.raises(BackfillAssetsError) as refused:
        load_code_location(named)

    assert type(refused.value).__name__ == error
    assert culprit in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["withdrawals"], "no source whose files can take something back"),
        (["nightly"], "no nightly"),
        (["reconcile"], "no correctable table"),
        (["audit"], "no correctable table"),
        (["pages"], "no correctable table"),
        (["maintain"], "no correctable table"),
        (["months"], "no LakeResource"),
        (["status"], "no LakeResource"),
    ],
)
def test_a_code_location_without_any_of_it_is_answered_in_a_sentence(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], said: str
) -> None:
    from backfill_assets.command_line import app

    monkeypatch.setenv("BACKFILL_DEFINITIONS", "eager_shop" if "LakeResource" in said else "lake_shop")
    house = new_house(tmp_path / "house", "2026-01-24T06:00:00+00:00")
    with house.entered():
        ended = CliRunner().invoke(app, command)

    assert ended.exit_code == 2, ended.output
    assert said in " ".join(ended.output.split())
