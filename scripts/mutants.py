"""Draw mutants by seed, run the tests that reach each of them, and say which nobody noticed; see ``scripts/mutants``.

mutmut and cosmic-ray neither draw by seed and area nor drop raises and early returns, and the second runs every test
for each mutant. A mutant is killed by a test that fails, or by time running out; what an explanation says of a survivor
is listed beside it, and kills nothing.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from mutants_known import EQUIVALENT, RULES, Equivalent
from mutants_sites import Mutant, mutants_of
from mutants_tests import (
    FIRST_SECONDS,
    KEPT,
    MOST_SECONDS,
    ROOT,
    TIME,
    Covering,
    copied_tree,
    first_failing,
    import_before_fork,
    record,
)

AREAS = {
    "storage": ("storage/*.py",),
    "runbook": ("runbook/*.py",),
    "next step": ("core/next_step.py",),
    "fold": ("core/fold.py", "core/transitions.py"),
}
BY_HAND = "rules"
TABLE = ROOT / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- mutants: begins -->", "<!-- mutants: ends -->"
HEAD = (
    "area",
    "seed",
    "could be drawn",
    "drawn",
    "killed",
    "of them by time",
    "explained",
    "survived",
    "commit",
    "day",
)
ENOUGH = 0.95
TIMES = count(int(time.time()), -1)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a mutant: ``killer`` is empty where no test noticed, ``why`` is the explanation of that."""

    area: str
    mutant: Mutant
    diff: tuple[str, ...]
    tests: int
    killer: str
    why: str

    def told(self) -> str:
        """One line, and of a survivor what was changed."""
        place = f"{self.area}: {self.mutant.file}:{self.mutant.line} {self.mutant.kind}"
        if self.killer:
            return f"{place}: killed by {self.killer}"
        end = f"explained: {self.why}" if self.why else f"SURVIVED {self.tests} tests"
        return "\n".join([f"{place}: {end}", *(f"    {line}" for line in self.diff)])


def main() -> int:
    """Record, or draw and judge."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        if asked.record is not None:
            record(Path(folder), asked.record)
            return 0
        return _judge_all(asked, Path(folder))


def _judge_all(asked: argparse.Namespace, folder: Path) -> int:
    drawn = [(area, one) for area in asked.area or (*AREAS, BY_HAND) for one in _drawn(area, asked)]
    covering, _ = Covering(), _commit()  # that of the tree as it is copied now
    import_before_fork()
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(asked.workers):
        trees.put(copied_tree(folder / str(number)))

    def judge(area: str, mutant: Mutant) -> Judged:
        tree = trees.get()
        try:
            judged = _judged(tree, area, mutant, covering)
        finally:
            trees.put(tree)
        print(judged.told(), file=sys.stderr if asked.json else sys.stdout, flush=True)
        return judged

    with ThreadPoolExecutor(asked.workers) as workers:
        found = list(workers.map(judge, *zip(*drawn, strict=True)))
    _tell(found, asked)
    return 0 if all(_is_enough([one for one in found if one.area == area]) for area, _ in drawn) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)), help="draws the same ones again")
    parser.add_argument("--area", action="append", choices=[*AREAS, BY_HAND], help="this area alone")
    parser.add_argument("--number", type=int, default=20, help="how many of each area")
    parser.add_argument("--only", default="", help="of those drawn, the ones at file:line or in a file of this name")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument("--table", action="store_true", help="write what was found into docs/reliability.md")
    parser.add_argument(
        "--record", nargs="*", metavar="TESTS", help="run tests, all by default, to see what they reach"
    )
    return parser.parse_args()


def _candidates(area: str) -> list[Mutant]:
    if area == BY_HAND:
        return [rule.mutant(ROOT) for rule in RULES]
    paths = [path for pattern in AREAS[area] for path in (ROOT / "backfill_assets").glob(pattern)]
    files = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    return [mutant for file in files for mutant in mutants_of(ROOT, file)]


def _drawn(area: str, asked: argparse.Namespace) -> Iterator[Mutant]:
    known = _candidates(area)
    number = len(known) if area == BY_HAND else min(asked.number, len(known))
    for mutant in known if area == BY_HAND else _sample(known, number, f"{asked.seed} {area}"):
        if asked.only in f"{mutant.file}:{mutant.line}":
            yield mutant


def _sample(known: list[Mutant], number: int, seed: str) -> list[Mutant]:
    return random.Random(seed).sample(known, number)  # noqa: S311 - drawn again by its seed, no secret


def _judged(tree: Path, area: str, mutant: Mutant, covering: Covering) -> Judged:
    path = tree / mutant.file
    text = path.read_text()
    known = KEPT / "killed" / hashlib.sha256(mutant.applied(text).encode()).hexdigest()
    while True:
        tests = covering.tests_of(mutant, text)
        killer = known.read_text() if known.exists() and known.read_text() in tests else ""
        killer = killer or _killer(tree, path, mutant.applied(text), _in_turns(tests, covering))
        if killer not in tests or _passes(tree, killer, covering):
            break
        known.unlink(missing_ok=True)
    if killer in tests:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(killer)
    why = next((one.why for one in EQUIVALENT if one.is_of(mutant, text)), "")
    return Judged(area, mutant, tuple(mutant.diff(text)), len(tests), killer, "" if killer else why)


def _killer(tree: Path, path: Path, broken: str, turns: Iterator[tuple[list[str], float]]) -> str:
    """What ends badly while a file is broken; empty where nothing does."""
    text = path.read_text()
    try:
        for tests, seconds in turns:
            _put(path, broken)
            killer = first_failing(tree, tests, seconds)
            if killer == TIME:
                _put(path, text)
                enough = _enough_of(tree, tests, seconds)
                _put(path, broken)
                killer = first_failing(tree, tests, enough) if enough else ""
            if killer:
                return killer
    finally:
        _put(path, text)
    return ""


def _enough_of(tree: Path, tests: list[str], seconds: float) -> float:
    """Twice the time in which tests end in the tree as it is; 0 where they do not end in sixteen times what is known.

    A test that was recorded beside others has parts of its cost in theirs, such as what they all begin with.
    """
    more = (many * seconds for many in (4, 16))
    return next((2 * one for one in more if first_failing(tree, tests, one) != TIME), 0.0)


def _passes(tree: Path, test: str, covering: Covering) -> bool:
    """Whether a test passes in the tree as it is; one that does not kills nothing, and is not asked again."""
    if test not in covering.passing:
        if first_failing(tree, [test], covering.cost[test]) == test:
            covering.failing.add(test)
            return False
        covering.passing.add(test)
    return True


def _put(path: Path, text: str) -> None:
    """Write a file with a time that it never had: compiled code is known by its source's size and its second."""
    path.write_text(text)
    at = next(TIMES)
    os.utime(path, (at, at))


def _in_turns(tests: list[str], covering: Covering) -> Iterator[tuple[list[str], float]]:
    """The cheapest tests first, then as many as a mutant may cost."""
    turns: tuple[list[str], list[str]] = ([], [])
    spent = 0.0
    for test in tests:
        spent += covering.cost[test]
        if spent <= MOST_SECONDS or not turns[0]:
            turns[spent > FIRST_SECONDS].append(test)
    for some in turns:
        if some:
            yield some, sum(covering.cost[test] for test in some)


def _is_enough(found: list[Judged]) -> bool:
    return sum(bool(one.killer or one.why) for one in found) >= ENOUGH * len(found)


def _tell(found: list[Judged], asked: argparse.Namespace) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    told = [{**asdict(one), "survived": not one.killer and not one.why} for one in found]
    areas = "+".join(dict.fromkeys(one.area for one in found)).replace(" ", "_")
    (KEPT / f"found-{asked.seed}-{areas}.json").write_text(json.dumps(told, indent=2))
    if asked.json:
        print(json.dumps(told, indent=2))
    for area in dict.fromkeys(one.area for one in found):
        row = dict(zip(HEAD, _row(area, found, asked.seed), strict=True))
        words = ", ".join(f"{row[name]} {name}" for name in ("drawn", "killed", "explained", "survived"))
        print(f"mutants: {area}: {words}, seed {asked.seed}", file=sys.stderr if asked.json else sys.stdout)
    if asked.table:
        TABLE.write_text(_with_rows(TABLE.read_text(), found, asked.seed))


@cache
def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _row(area: str, found: list[Judged], seed: int) -> list[object]:
    here = [one for one in found if one.area == area]
    killed = [one for one in here if one.killer]
    timed = [one for one in killed if one.killer == TIME]
    explained = [one for one in here if one.why]
    left, day = len(here) - len(killed) - len(explained), datetime.now(UTC).date()
    numbers = [len(_candidates(area)), len(here), len(killed), len(timed), len(explained), left]
    return [area, "by hand" if area == BY_HAND else seed, *numbers, _commit(), day]


def _with_rows(page: str, found: list[Judged], seed: int) -> str:
    """The page with the rows of what was drawn, those of other areas and seeds as they were; and what is explained."""
    before, rest = page.split(BEGINS)
    old, after = rest.split(ENDS)
    table = old.split("\n\n", maxsplit=1)[0]
    rows = {tuple(line.split(" | ")[:2]): line for line in table.strip().splitlines()[2:]}
    for area in dict.fromkeys(one.area for one in found):
        line = _line(_row(area, found, seed))
        rows[tuple(line.split(" | ")[:2])] = line
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(rows[key] for key in sorted(rows))]
    return "\n".join([before + BEGINS, *lines, *_explanations(EQUIVALENT), ENDS + after])


def _explanations(known: tuple[Equivalent, ...]) -> Iterator[str]:
    if known:
        yield from ("", _line(["in", "instead of", "stands", "nothing is another, because"]), _line(["---"] * 4))
    for one in known:
        name = one.file.removeprefix("backfill_assets/")
        yield _line([f"`{name}`", *(f"`{text.replace('|', chr(92) + '|')}`" for text in (one.old, one.new)), one.why])


def _line(cells) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
