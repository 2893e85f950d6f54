"""What the house demands of every module, beside the layers that import-linter checks."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "backfill_assets").rglob("*.py"))
AVOIDED_IN_NAMES = ("manager", "helper", "handler", "service", "utils")
DAGSTERS_OWN = {"io_manager.py"}


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_every_module_is_short_and_says_what_it_is() -> None:
    text = {module: module.read_text() for module in MODULES}
    long = [module for module in MODULES if len(text[module].splitlines()) > 300]
    mute = [module for module in MODULES if text[module].strip() and not ast.get_docstring(ast.parse(text[module]))]
    named = [module for module in MODULES if any(word in module.name for word in AVOIDED_IN_NAMES)]

    assert (long, mute) == ([], [])
    assert {module.name for module in named} <= DAGSTERS_OWN


def test_function_bodies_are_short_and_the_tail_is_capped() -> None:
    lengths = sorted(body_length(function) for module in MODULES for function in functions(module))

    assert lengths[int(len(lengths) * 0.9)] <= 20
    assert lengths[-1] <= 60


def test_tags_and_metadata_keys_are_spelled_in_one_module() -> None:
    spelled = [
        f"{module.relative_to(ROOT)}: {node.value}"
        for module in MODULES
        if module.name != "tags.py" and "storage" not in module.parts and "runbook" not in module.parts
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("backfill_assets/")
    ]

    assert not spelled


def test_nothing_names_a_place_on_a_machine_or_a_host() -> None:
    tracked = [
        ROOT / name
        for name in ("pyproject.toml", "constraints.txt", "README.md", "scripts/setup", "scripts/test", ".ci/run")
    ]

    for file in tracked:
        text = file.read_text()
        assert "index-url" not in text
        assert "/simple" not in text
        assert "/home/" not in text
