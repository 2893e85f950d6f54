"""What people read: singular and plural right for none, one and two of everything, and no word the glossary avoids."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from backfill_assets.core.check import Held
from backfill_assets.core.facts import DaysStaged, PartitionsBuilt, ReportsFrozen
from backfill_assets.errors.base import corrections_listed, counted, days_listed, verb
from backfill_assets.errors.correction import DaysOutsideCorrection, ReportFrozen, StagingIncomplete
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.lake import CommitContended, LiveKeysNull, RowsWithoutDay
from backfill_assets.errors.request import CorrectedFirst
from backfill_assets.errors.runs import StagedByOtherCode, SweepIncomplete
from backfill_assets.errors.validation import KeysNull

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "backfill_assets"
COLUMNS = 3
DAYS = [date(2026, 1, 5), date(2026, 1, 6)]
IDS = ["20260123", "20260124"]
SENTENCES: dict[str, Callable[[int], str]] = {
    "days": lambda n: days_listed(DAYS[:n]),
    "rows": lambda n: counted(n, "row"),
    "corrections": lambda n: corrections_listed(IDS[:n]),
    "days that failed": lambda n: str(DaysFailed("t", dict.fromkeys(DAYS[:n], "E"), n)),
    "days outside": lambda n: str(DaysOutsideCorrection("c", DAYS[:n], "w")),
    "days not staged": lambda n: str(StagingIncomplete("c", DAYS[:n], n)),
    "days of other code": lambda n: str(StagedByOtherCode("c", DAYS[:n], ["v"], "w")),
    "corrections that freeze": lambda n: str(ReportFrozen("r", ["k"], IDS[:n])),
    "corrections first": lambda n: str(CorrectedFirst("t", IDS[:n])),
    "corrections not swept": lambda n: str(
        SweepIncomplete("t", {f"c{number}": KeysNull("old", {"k": n}) for number in range(n)})
    ),
    "rows without a day": lambda n: str(RowsWithoutDay("t", n)),
    "rows with null keys": lambda n: str(LiveKeysNull("t", {"k": n}, DAYS[:n])),
    "attempts": lambda n: str(CommitContended("t", n, 1)),
    "staged": lambda n: DaysStaged(tuple(DAYS[:n]), "v", n).summary(),
    "partitions": lambda n: PartitionsBuilt("r", tuple("ab"[:n])).summary(),
    "reports": lambda n: ReportsFrozen(tuple("ab"[:n])).summary(),
    "held": lambda n: str(Held(n, n, n)),
}
PLURAL = re.compile(r"\b1 (?:\w+ )?(?:days|rows|cells|corrections|reports|partitions|notices|attempts|runs|files)\b")
SINGULAR = re.compile(r"(?<![\d,-])[02] (?:day|row|cell|correction|report|partition|notice|attempt|run|file)\b")
DISAGREES = re.compile(r"1 day \([^)]*\)(?: \w+ \w+ c)? (?:are|were|have|lie)\b|2 days \([^)]*\) (?:is|was|has|lies)\b")


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_none_one_and_two_of_everything_read_right(name: str, number: int) -> None:
    sentence = SENTENCES[name](number)

    assert not PLURAL.search(sentence), sentence
    assert not SINGULAR.search(sentence), sentence
    assert not DISAGREES.search(sentence), sentence


def test_a_verb_agrees_with_its_number() -> None:
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def avoided() -> dict[str, str]:
    """Every word and phrase that the glossary avoids, and what it says instead."""
    found: dict[str, str] = {}
    for line in (ROOT / "CONTEXT.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != COLUMNS or cells[-1] == "avoid":
            continue
        plain = re.sub(r"\([^)]*\)|Delta's own number.*", "", cells[-1])
        found |= {phrase.strip(" -"): cells[0] for phrase in re.split("[,;]", plain) if phrase.strip(" -")}
    return found


AVOIDED = avoided()
ELSEWHERE_MEANT = {
    "job": "Dagster's",
    "range": "Dagster's, of partitions",
    "interval": "SQL's",
    "period": "a month or a quarter",
    "old": "of age",
    "snapshot": "one commit of a Delta table with its handle, in storage",
    "publish": "make a day live, by nightly or by a correction",
    "restore": "Delta's",
    "log": "data here, and a run's",
    "journal": "the restatements of the example",
    "state": "what a page shows",
    "batch": "rows of an insert",
    "rule": "a schema's",
    "test": "a unit test",
    "load": "definitions are loaded",
    "deletion": "Delta's deletion vectors",
    "cursor": "a Dagster sensor's",
    "service": "an account that is no person",
    "environment": "of a process",
    "model": "Pandera's and pydantic's",
    "config": "Dagster's",
    "transform": "a function over frames, in the example",
    "running": "of code and of runs",
    "message": "of an error or a mail",
    "status": "the command",
    "diff": "the command",
    "version": "a staged table, and a code version",
    "sample": "staged rows that are computed a second time",
    "lineage record": "lineage records, a verb",
}
"""Avoided words that also mean something else, in which they are right."""


def apart(phrase: str) -> re.Pattern[str]:
    """A phrase as it may stand in a sentence: the second word of two at most three words behind the first."""
    return re.compile(r"\b" + r"(?:\W+\w+){0,3}\W+".join(map(re.escape, phrase.split())) + r"\b", re.IGNORECASE)


def texts_of(module: ast.Module) -> Iterator[str]:
    """Every sentence of a module: texts that have a space, and the docstrings of what is public."""
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            document = ast.get_docstring(node)
            if document and not getattr(node, "name", "").startswith("_"):
                yield document
    documents = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield from [node.value] if " " in node.value else []


def texts() -> Iterator[tuple[Path, str]]:
    """Everything that people read in this repository but its glossary and its history, without code."""
    for file in PACKAGE.rglob("*.py"):
        for text in texts_of(ast.parse(file.read_text())):
            yield file, re.sub("`[^`]*`", "", text)
    for file in PACKAGE.rglob("*.html"):
        yield file, re.sub(r"{[%#].*?[%#]}|{{.*?}}|<[^>]*>", " ", file.read_text(), flags=re.DOTALL)
    for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        yield file, re.sub("```.*?```|`[^`]*`", "", file.read_text(), flags=re.DOTALL)


TEXTS = [*texts()]


@pytest.mark.parametrize("phrase", sorted(AVOIDED.keys() - ELSEWHERE_MEANT))
def test_nothing_that_people_read_has_a_word_that_the_glossary_avoids(phrase: str) -> None:
    found = [f"{file.relative_to(ROOT)} {at[0]!r}" for file, text in TEXTS for at in apart(phrase).finditer(text)]

    assert not found, f"write {AVOIDED[phrase]!r} instead of {phrase!r}"


def test_every_word_that_also_means_something_else_is_avoided_in_the_glossary() -> None:
    assert ELSEWHERE_MEANT.keys() <= AVOIDED.keys()


THINGS = "days rows cells columns corrections reports partitions notices events transactions months files runs attempts"
NUMBERED = re.compile(rf"(?:}}}}|\d) (?:{THINGS.replace(' ', '|')})\b")
BEHIND_A_NUMBER = re.compile(rf" (?:{THINGS.replace(' ', '|')})\b")
IN_A_LOG = re.compile(rf"%[ds] (?:{THINGS.replace(' ', '|')})\b")
ALWAYS_MANY = {
    "len(files) files": "a day that landed more than once",
}
TEMPLATES = sorted(PACKAGE.rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.name for template in TEMPLATES])
def test_a_template_has_its_plurals_from_the_one_helper(template: Path) -> None:
    found = [f"{match[0]!r}" for match in NUMBERED.finditer(template.read_text())]

    assert not found, "use the filters counted and days_counted"


def plurals_of_their_own(module: ast.Module) -> Iterator[str]:
    """What stands before a plural in a text that is put together: a number that may be one."""
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            for value, text in pairwise(node.values):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    named = BEHIND_A_NUMBER.match(str(text.value))
                    yield from [f"{ast.unparse(value.value)}{named[0]}"] if named else []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and IN_A_LOG.search(node.value):
            yield node.value


def test_a_sentence_has_its_plurals_from_the_one_helper() -> None:
    found = {number for file in PACKAGE.rglob("*.py") for number in plurals_of_their_own(ast.parse(file.read_text()))}

    assert found == ALWAYS_MANY.keys(), "use counted"
