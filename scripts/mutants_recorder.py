"""Which test runs which block of the code, and what it costs: a pytest plugin, ``-p scripts.mutants_recorder``.

The tree it runs in is a copy in which every block says that it was reached (``instrument``): tracing every line makes
Dagster four times as slow.
"""

import ast
import json
import os
from collections.abc import Collection, Generator, Iterator
from importlib import import_module
from pathlib import Path

import pytest

HITS = "mutants_hits"
BLOCKS = ("body", "orelse", "finalbody")


def instrument(tree: Path, files: Collection[str]) -> None:
    """Make every block of these files of a tree say that it was reached, by file and first line."""
    (tree / f"{HITS}.py").write_text("seen: set[tuple[str, int]] = set()\nhit = seen.add\n")
    for name in files:
        path = tree / name
        module = ast.parse(path.read_text())
        for block in [block for node in ast.walk(module) for block in blocks_of(node)]:
            is_docstring = isinstance(block[0], ast.Expr) and isinstance(block[0].value, ast.Constant)
            call = ast.parse(f"{HITS}.hit(({name!r}, {block[0].lineno}))").body[0]
            block.insert(1 if is_docstring else 0, call)
        module.body.insert(1 if ast.get_docstring(module) else 0, ast.parse(f"import {HITS}").body[0])
        path.write_text(ast.unparse(ast.fix_missing_locations(module)))


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that a node opens; a module and a class are none, they run once."""
    if isinstance(node, ast.Module | ast.ClassDef):
        return
    for field in BLOCKS:
        block = getattr(node, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block


class Recorder:
    """What one process reached: by test, and by every fixture that several tests share."""

    def __init__(self, written_to: Path) -> None:
        self.written_to = written_to
        self.cost: dict[str, float] = {}
        self.failed: set[str] = set()
        self.shared: dict[str, list[str]] = {}
        self.reached: dict[str, set[tuple[str, int]]] = {}
        self.seen: set[tuple[str, int]] = import_module(HITS).seen

    def _within(self, context: str) -> Generator[None, object, object]:
        outside = {*self.seen}
        self.seen.clear()
        try:
            return (yield)
        finally:
            self.reached.setdefault(context, set()).update(self.seen)
            self.seen.clear()
            self.seen.update(outside)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """One test, its own fixtures included."""
        info = getattr(item, "_fixtureinfo", None)
        for fixtures in info.name2fixturedefs.values() if info else ():
            if fixtures[-1].scope != "function":
                self.shared.setdefault(item.nodeid, []).append(_named(fixtures[-1]))
        before = sum(os.times()[:4])
        result = yield from self._within(item.nodeid)
        self.cost[item.nodeid] = round(sum(os.times()[:4]) - before, 3)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef) -> Generator[None, object, object]:
        """What a shared fixture reaches is reached by each test that asks for it."""
        if fixturedef.scope == "function":
            return (yield)
        return (yield from self._within(_named(fixturedef)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that does not pass by itself kills nothing."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what each test reached, and its CPU-seconds, its processes included."""
        reached: dict[str, dict[int, list[str]]] = {}
        for test in self.cost:
            there = self.reached[test].union(*(self.reached.get(name, ()) for name in self.shared.get(test, ())))
            for name, line in there:
                reached.setdefault(name, {}).setdefault(line, []).append(test)
        told = {"cost": self.cost, "failed": sorted(self.failed), "reached": reached}
        self.written_to.write_text(json.dumps(told))


def _named(fixture: pytest.FixtureDef) -> str:
    return f"fixture {fixture.baseid} {fixture.argname}"


def pytest_configure(config: pytest.Config) -> None:
    """Record into the file that MUTANTS_RECORD names."""
    if "MUTANTS_RECORD" in os.environ:
        config.pluginmanager.register(Recorder(Path(os.environ["MUTANTS_RECORD"])))
