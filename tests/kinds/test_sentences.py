"""What people read: singular and plural right for none, one and two of everything, and no worn-out phrase."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import date
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

PACKAGE = Path(__file__).parent.parent.parent / "backfill_assets"
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
    "corrections not swept": lambda n: str(SweepIncomplete("t", [KeysNull("old", {"k": n})] * n)),
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
BANNED = re.compile(
    r"\b(?:hold|holds|held) (?:\w+ )?against\b|\bfound out\b|\bfinds out\b|\bMend\b|\bgoes by it\b|\bdesk\b"
)


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_none_one_and_two_of_everything_read_right(name: str, number: int) -> None:
    sentence = SENTENCES[name](number)

    assert not PLURAL.search(sentence), sentence
    assert not SINGULAR.search(sentence), sentence
    assert not DISAGREES.search(sentence), sentence


def test_a_verb_agrees_with_its_number() -> None:
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def texts(module: ast.Module) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    documents = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def test_no_text_that_people_see_has_a_worn_out_phrase() -> None:
    found = {
        f"{file.relative_to(PACKAGE)} {text!r}"
        for file in PACKAGE.rglob("*.py")
        for text in texts(ast.parse(file.read_text()))
        if BANNED.search(text)
    }

    assert not found
