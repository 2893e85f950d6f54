"""Every row of the page *What is supported* is a case of a table that a test executes, and every such case is a row."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "supported.md"
CASES = re.compile(r"^<!-- cases: (?P<module>\w+)::(?P<table>\w+) -->$\n+(?P<rows>(?:^\|.*\n)+)", re.MULTILINE)
Verdict = Callable[[Any], str]


def accepted(_case: object) -> str:
    return "accepted"


def refused(_case: object) -> str:
    return "refused"


def refused_with_error(case: tuple[object, object]) -> str:
    return "accepted" if case[1] is None else "refused"


def as_looked_at(case: Any) -> str:
    weights = set(case.weights.values())
    return "refused" if "change" in weights else "after a rewrite" if "rewrite" in weights else "accepted"


VERDICTS: dict[str, Verdict] = {
    "test_own_columns::KINDS": accepted,
    "test_partitions::TABLES": refused_with_error,
    "test_partitions::SOURCES": refused_with_error,
    "test_reports_as_they_are::KINDS": accepted,
    "test_reports_refused::REFUSED": refused,
    "test_partitions::REBUILT": accepted,
    "test_partitions::REFUSED_REPORTS": refused,
    "test_own_checks::ASKED": accepted,
    "test_own_checks::UNASKED": refused,
    "test_names_of_tables::KEYS": accepted,
    "test_names_of_tables::ALIKE": refused,
    "test_options_of_assets::PASSED": accepted,
    "test_options_of_assets::RUN": accepted,
    "test_options_of_assets::REFUSED": refused,
    "test_transforms::WORKING": accepted,
    "test_transforms::MISUSED": refused,
    "test_transforms::RETURNED": refused,
    "test_annotated_frames::GIVEN": accepted,
    "test_annotated_frames::REFUSED": refused,
    "test_annotated_frames::DIGITS": accepted,
    "test_transforms::KEPT": accepted,
    "test_transforms::UNFIT": refused,
    "test_outside::SHAPES": accepted,
    "test_outside::REFUSED": refused,
    "test_outside::FILES": accepted,
    "test_outside::QUERIES": accepted,
    "test_outside::FAILING": refused,
    "test_outside::DECLARED_WRONGLY": refused,
    "test_late_data::KINDS": accepted,
    "test_reconciled_tables::GROUPINGS": accepted,
    "test_reconciled_tables::STATED": accepted,
    "test_reconciled_tables::REFUSED_AT_LOAD": refused,
    "test_reconciled_tables::UNFIT": refused,
    "test_reads::WITHIN": accepted,
    "test_reads::BACK": accepted,
    "test_reads::REFUSED": refused,
    "test_tables_in_a_row::CIRCLES": refused,
    "test_chains::REFUSED": refused,
    "test_rolled_up::ROLLED_UP": accepted,
    "test_carried_state::GRAINS": accepted,
    "test_carried_state::WAYS": accepted,
    "test_carried_state::WINDOWS": refused,
    "test_previewed::KINDS": accepted,
    "test_previewed::REFUSED": refused,
    "test_messages::READ": accepted,
    "test_messages::SET_ASIDE": refused,
    "test_adopting::CASES": as_looked_at,
}


@dataclass(frozen=True)
class Rows:
    """The rows of one table of the page: what each is called, and what the page says of it."""

    told: tuple[tuple[str, str], ...]


def tables_of_page() -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for one in CASES.finditer(PAGE.read_text("utf-8")):
        lines = one["rows"].splitlines()[2:]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        found[f"{one['module']}::{one['table']}"] = Rows(tuple((name, verdict) for name, verdict in cells))
    return found


def cases_of(table: str) -> Mapping[str, Any]:
    module, name = table.split("::")
    return getattr(import_module(f"tests.kinds.{module}"), name)


def is_executed(table: str) -> bool:
    """Whether some test of the module runs every case of the table."""
    module, _ = table.split("::")
    cases = cases_of(table)
    marks = [
        mark
        for test in vars(import_module(f"tests.kinds.{module}")).values()
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "parametrize"
    ]
    given = [[*mark.args[1]] for mark in marks]
    return any(values in ([*cases], [*cases.values()]) for values in given)


def test_the_page_has_exactly_the_tables_that_are_judged_here() -> None:
    assert set(tables_of_page()) == set(VERDICTS)


@pytest.mark.parametrize("table", VERDICTS)
def test_every_row_is_a_case_that_a_test_executes_and_every_case_a_row(table: str) -> None:
    verdict = VERDICTS[table]
    assert tables_of_page()[table].told == tuple((name, verdict(case)) for name, case in cases_of(table).items())
    assert is_executed(table)
