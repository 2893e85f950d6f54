"""Which tests a change can make fail, by what was recorded; and running them in a copy of the tree."""

import ast
import difflib
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from mutants_recorder import blocks_of, instrument
from mutants_sites import Mutant

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "mutants"
RECORDED = ("core", "runbook", "storage")
# Tests in one process each, so that a map is there in part before all is recorded; no process is started by most.
GROUPS = ("core", "storage", "runbook", "sources", "kinds", "testing", "command_line", "orchestration")
# What every test imports first: done once, before a process is forked for a mutant.
BEFORE_FORK = ("polars", "deltalake", "pydantic", "yaml", "simplejson", "hypothesis", "dagster")
TIME = "time that ran out"
ENDED_WELL = {int(pytest.ExitCode.OK), int(pytest.ExitCode.NO_TESTS_COLLECTED)}
FIRST_SECONDS, MOST_SECONDS = 2.0, 60.0


def copied_tree(to: Path) -> Path:
    """The files that git knows or would know, as they are in the checkout, without the data folder beside them."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to((ROOT / ".venv").resolve())
    return to


def record(scratch: Path, tests: Sequence[str]) -> None:
    """Run tests, or all groups of them, in a copy that says what it reaches; one file of ``KEPT`` for each."""
    tree = copied_tree(scratch / "recorded")
    files = [path.relative_to(tree).as_posix() for path in _library(tree)]
    texts = {name: (tree / name).read_text() for name in files}
    instrument(tree, files)
    KEPT.mkdir(parents=True, exist_ok=True)
    for asked in tests or [f"tests/{group}" for group in GROUPS]:
        to = KEPT / f"{asked.strip('/').replace('/', '.')}.json"
        command = [ROOT / ".venv" / "bin" / "python", "-m", "pytest", "--quiet", "-p", "scripts.mutants_recorder"]
        environment = {**os.environ, "PYTHONPATH": str(tree), "MUTANTS_RECORD": str(to), "HYPOTHESIS_PROFILE": "quick"}
        subprocess.run([*command, "-p", "no:cacheprovider", asked], cwd=tree, env=environment, check=False)
        to.write_text(json.dumps({**json.loads(to.read_text()), "texts": texts, "at": time.time()}))


def _library(tree: Path) -> list[Path]:
    return [path for layer in RECORDED for path in sorted((tree / "backfill_assets" / layer).glob("*.py"))]


class Covering:
    """Which tests reach a line, by all recordings; of a test that was recorded twice the newer one counts."""

    def __init__(self) -> None:
        told = [json.loads(path.read_text()) for path in KEPT.glob("tests.*.json")]
        self.recordings = sorted(told, key=lambda one: one["at"], reverse=True)
        self.passing: set[str] = set()
        self.failing: set[str] = set()
        self.cost = {test: cost for one in reversed(self.recordings) for test, cost in one["cost"].items()}
        if not self.cost:
            sys.exit("scripts/mutants: nothing is recorded yet. Run scripts/mutants --record first.")

    def tests_of(self, mutant: Mutant, text: str) -> list[str]:
        """The tests that run the block of a module's text in which a mutant lies, cheapest first."""
        found: set[str] = set()
        newer: set[str] = set()
        for one in self.recordings:
            there = _same_block(text, one["texts"].get(mutant.file, ""), mutant.line)
            tests = one["reached"].get(mutant.file, {}).get(str(there), ())
            found.update(set(tests) - newer - {*one["failed"]} - self.failing)
            newer.update(one["cost"])
        return sorted(found, key=lambda test: (self.cost[test], test))


@cache
def _blocks(text: str) -> tuple[tuple[int, int], ...]:
    """First and last line of every block of a module, the inner ones last."""
    blocks = [block for node in ast.walk(ast.parse(text)) for block in blocks_of(node)]
    lines = [(block[0].lineno, block[-1].end_lineno or block[-1].lineno) for block in blocks]
    return tuple(sorted(lines, key=lambda ends: (ends[0], -ends[1])))


@cache
def _same_lines(text: str, before: str) -> dict[int, int]:
    """The lines of a module that were recorded, each with the number that it had then."""
    matcher = difflib.SequenceMatcher(None, text.splitlines(), before.splitlines(), autojunk=False)
    return {a + n + 1: b + n + 1 for a, b, size in matcher.get_matching_blocks() for n in range(size)}


def _same_block(text: str, before: str, line: int) -> int | None:
    """The first line, when it was recorded, of the innermost block around a line; of one around it, if it is new."""
    same = _same_lines(text, before)
    for first, last in reversed([ends for ends in _blocks(text) if ends[0] <= line <= ends[1]]):
        for number in (line, *range(first, last + 1)):
            around = [ends for ends in _blocks(before) if number in same and ends[0] <= same[number] <= ends[1]]
            if around:
                return around[-1][0]
    return None


def _bare(test: str) -> str:
    return test.partition("[")[0]


@dataclass(eq=False)
class Only:
    """A pytest plugin: these tests alone, cheapest first; writes down the first that fails."""

    tests: Sequence[str]
    written_to: Path
    failed: list[str] = field(default_factory=list)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """What no longer exists is left out; the tests of a file stay together, because they share fixtures.

        A test that got other parameters since it was recorded is taken with all that it has now.
        """
        there = {item.nodeid for item in items}
        files = list(dict.fromkeys(test.partition("::")[0] for test in self.tests))
        place = {test if test in there else _bare(test): at for at, test in reversed([*enumerate(self.tests)])}
        known = {item: item.nodeid if item.nodeid in place else _bare(item.nodeid) for item in items}
        config.hook.pytest_deselected(items=[item for item in items if known[item] not in place])
        wanted = [item for item in items if known[item] in place]
        order = {item: (files.index(item.nodeid.partition("::")[0]), place[known[item]]) for item in wanted}
        # What is told on disk and in an object store is told on disk first.
        items[:] = sorted(wanted, key=lambda item: ("bucket" in item.nodeid, order[item]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what failed."""
        if report.failed:
            self.failed.append(report.nodeid)
            self.written_to.write_text("\n".join(self.failed))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported any more has noticed as well."""
        if report.failed:
            self.failed.append(report.nodeid)
            self.written_to.write_text("\n".join(self.failed))


def import_before_fork() -> None:
    """Import what is not ours."""
    for name in BEFORE_FORK:
        importlib.import_module(name)


def first_failing(tree: Path, tests: Collection[str], seconds: float) -> str:
    """Run tests in a tree, in a forked process, until one fails; which, or what else ended the process; else empty."""
    told = tree.parent / f"{tree.name}.failed"
    told.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _run_and_exit(tree, [*tests], told, seconds)
    ended = _waited_for(child, 300 + 15 * seconds)
    if told.exists() and (failed := told.read_text().splitlines()):
        return failed[0]
    # One that was still running may have waited for others on a busy machine, which kills nothing.
    if ended is None or ended in ENDED_WELL:
        return ""
    return TIME if ended < 0 else "an import"


def _run_and_exit(tree: Path, tests: list[str], told: Path, seconds: float) -> None:
    code = 99
    try:
        os.setsid()
        os.chdir(tree)
        limit = int(8 + 3 * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        output = os.open(tree.parent / f"{tree.name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path[:] = [str(tree), *(path for path in sys.path if path not in {str(ROOT), str(ROOT / "scripts")})]
        os.environ.update(PYTHONPATH=str(tree), HYPOTHESIS_PROFILE="unshrunk")
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        there = [file for file in files if (tree / file).exists()]
        arguments = ["--quiet", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-x"]
        if there:
            code = int(pytest.main([*arguments, *there], plugins=[Only(tests, told)]))
        else:
            code = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    finally:
        os._exit(code)


def _waited_for(child: int, seconds: float) -> int | None:
    """How a process ended, negative by a signal; None when it did not in time. What it started is ended with it."""
    until = time.monotonic() + seconds
    status: int | None = None
    while time.monotonic() < until:
        ended, told = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(told)
            break
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status


__all__ = ["Covering", "copied_tree", "first_failing", "import_before_fork", "record"]
