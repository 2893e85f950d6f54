"""The mutants that are written by hand, and those that are explained, are of the code as it is."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from mutants_known import EQUIVALENT, RULES, Equivalent, Rule  # noqa: E402 - scripts are no package
from mutants_sites import mutants_of  # noqa: E402

NUMBERED_RULES = 14


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.number} {rule.broken}" for rule in RULES])
def test_what_a_rule_breaks_stands_once_and_is_code_afterwards(rule: Rule) -> None:
    text = (ROOT / rule.file).read_text()
    assert text.count(rule.old) == 1
    changed = rule.mutant(ROOT).applied(text)
    assert changed == text.replace(rule.old, rule.new) != text
    ast.parse(changed)


def test_every_numbered_rule_is_broken() -> None:
    assert {rule.number for rule in RULES} == {*range(1, NUMBERED_RULES + 1)}


@pytest.mark.parametrize("known", EQUIVALENT, ids=[f"{known.file} {known.old}" for known in EQUIVALENT])
def test_what_is_explained_can_still_be_drawn(known: Equivalent) -> None:
    text = (ROOT / known.file).read_text()
    assert any(known.is_of(mutant, text) for mutant in mutants_of(ROOT, known.file))


SITES = {
    "a == b": ["(a != b)"],
    "a < b": ["(a <= b)", "(a >= b)"],
    "a and b": ["(a or b)"],
    "not a": ["(a)"],
    "f'{a == b}'": [],
}


@pytest.mark.parametrize("text", SITES)
def test_what_can_be_drawn_of_an_expression(tmp_path: Path, text: str) -> None:
    (tmp_path / "module.py").write_text(f"é = {text}\n")
    found = mutants_of(tmp_path, "module.py")
    assert [mutant.new for mutant in found] == SITES[text]
    assert [mutant.applied(f"é = {text}\n") for mutant in found] == [f"é = {new}\n" for new in SITES[text]]


TEXT = """
def f(a):
    if a:
        return 1
    raise a

def g():
    return 2
"""


def test_raises_and_early_returns_can_be_drawn_and_the_last_return_cannot(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(TEXT)
    found = mutants_of(tmp_path, "module.py")
    assert [(mutant.kind, mutant.line) for mutant in found] == [("early return", 4), ("raise", 5)]
