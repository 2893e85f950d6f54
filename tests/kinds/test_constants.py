"""No date, table or currency of anybody's data is in the code: what is data comes from data or configuration.

The syntax trees of the whole package are read. A date may stand where people are shown an example of how to write one
(a docstring, a help text), and nowhere else but in the places named below, each with its reason.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "backfill_assets"
DATE = re.compile(r"(?<!\d)(?:1[89]|20|21)\d\d([-./]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")
EXAMPLE = re.compile(r"\bsuch as\b|^Example: ", re.MULTILINE)
CALENDAR = {"date", "datetime", "Timestamp"}
ALLOWED = {
    "storage/actions.py": {"datetime(1970, 1, 1, tzinfo=UTC)": "the epoch, from which Delta's statistics count"},
    "revenue/exports.py": {"datetime(2000, 1, 1, tzinfo=UTC)": "workbooks of equal content are equal to the last byte"},
}
"""Dates that are no data, and why."""
FACTS_OF_THE_WORLD = {
    "revenue/conversions.py": "the days on which currencies joined the euro, and their irrevocable rates, are law",
}
"""Files in which dates are the same for everybody's data, and why."""

OF_THE_EXAMPLE = ("revenue/", "definitions.py", "errors/source.py")
"""The example, what composes it, and the refusals of what it takes in."""
NAMES = re.compile(r"\b(fct_daily_revenue|raw_transactions|raw_fixings|fx_rates|executive_dashboard|board_pack)")
CODES = re.compile(r"(?<![A-Z])(USD|EUR|GBP|JPY|CHF|NOK|SEK|ISK|HRK|BGN)(?![A-Z])")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def docstrings(tree: ast.AST) -> set[int]:
    """The constants that are docstrings, or strings that explain the assignment above them."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string of the code that is no docstring, whole where it is put together of parts."""
    about, within = docstrings(tree), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            within |= {id(part) for part in parts}
            yield node.lineno, "…".join(str(part.value) for part in parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in about | within:
            yield node.lineno, node.value


def dates_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every date in the code: as text, as a number such as 20101201, or as the arguments of date()."""
    for line, text in texts(tree):
        if DATE.search(text) and not EXAMPLE.search(text):
            yield line, text
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=int(number)) if not isinstance(number, bool) and DATE.fullmatch(str(number)):
                yield node.lineno, str(number)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=int()), *_]) if (
                name in CALENDAR
            ):
                yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("file", sources(), ids=name_of)
def test_no_module_holds_a_date_of_anybodys_data(file: Path):
    name = name_of(file)
    found = {text for _, text in dates_of(ast.parse(file.read_text(encoding="utf-8")))}
    assert name in FACTS_OF_THE_WORLD or found == {*ALLOWED.get(name, ())}


@pytest.mark.parametrize("file", [one for one in sources() if not name_of(one).startswith(OF_THE_EXAMPLE)], ids=name_of)
def test_the_library_names_no_table_and_no_currency_of_the_example(file: Path):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [(line, text) for line, text in texts(tree) if NAMES.search(text) or CODES.search(text)]
    assert not [one for one in found if not EXAMPLE.search(one[1])]


@pytest.mark.parametrize(
    "code",
    [
        'DAYS = Daily(start_date="2010-12-01")',
        'FIRST = "20101201"',
        'told = f"since {x} 2011/12/09"',
        "FIRST = date(2010, 12, 1)",
        "FIRST = dt.datetime(2010, 12, 1, 6)",
        "FIRST = 20101201",
        'PATTERN = "2010.12.01"',
    ],
)
def test_a_date_is_found_however_it_is_written(code: str):
    assert list(dates_of(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        '"""Such as 2010-12-01."""',
        'help = "The first day, such as 2010-12-01."',
        "VERSION = 20101301",
        "MOST = 2010",
        'LINE = "12345678901201"',
        "day = date(year, 1, 1)",
    ],
)
def test_what_is_no_date_of_data_is_left_alone(code: str):
    assert not list(dates_of(ast.parse(code)))
