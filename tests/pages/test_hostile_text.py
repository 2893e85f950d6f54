"""Whatever stands in a correction's plan, ledger, checks or figures is text on its page, wherever it stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from markupsafe import Markup

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.check import Check, Clause
from backfill_assets.core.day_comparison import Sums
from backfill_assets.core.events import Event
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.facts import Approved, Opened
from backfill_assets.core.figures import Figures, Line
from backfill_assets.core.fold import history
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.sampling import Cell, Sample, SampledRow
from backfill_assets.core.window import Window
from backfill_assets.pages.changes import changes
from backfill_assets.pages.page import PageContent, page
from tests.pages.hostile import obeyed

NOW = datetime(2026, 1, 23, 8, tzinfo=UTC)
DAYS = tuple(date(2025, 12, 31) + timedelta(days=n) for n in range(3))


def told(  # the places where somebody's text can stand
    *,
    correction: str = "20260123",
    plan: dict[str, Any] | None = None,
    request: dict[str, Any] | None = None,
    actor: str = "ada",
    note: str = "looked",
    check: Check | None = None,
    measure: str = "revenue",
    key: str = "market",
    value: str = "EU",
    cell: Cell | None = None,
    transaction: dict[str, str] | None = None,
) -> str:
    """A page of a correction with one of its texts replaced."""
    asked = replace(Request("daily_orders", Window(DAYS[0], DAYS[-1]), "why", ("finance",)), **(request or {}))
    opened = replace(Plan(correction, asked, NOW, "ada", holders=("nightly",)), **(plan or {}))
    events = [
        Event(correction, Opened(opened), NOW, "ada", sequence=1),
        Event(correction, Approved("digest", note=note), NOW, actor, sequence=2),
    ]
    line = Line(value, 2, 2, {measure: Sums(Decimal(1), Decimal(2))})
    figures = Figures((measure,), tuple(line.renamed(str(day)) for day in DAYS), {key: (line,)})
    row = SampledRow({"day": "2026-01-01", key: value}, (cell or Cell("revenue", "1", "1"),), (transaction or {},))
    checks = (check or Check.passing(Clause.SAME_ROWS, "Equal."),)
    prints = dict.fromkeys(DAYS, "print")
    certificate = Certificate(correction, "digest", prints, prints, {}, DAYS, (), checks)
    sample = Sample(correction, 2, 2, 40, (row,))
    content = PageContent(history(events), events, certificate, figures, sample, NOW)
    return page(content, Markup(changes(figures)))


PLACES: dict[str, Callable[[str], str]] = {
    "the id of the correction": lambda text: told(correction=text),
    "the table": lambda text: told(request={"table": text}),
    "the reason": lambda text: told(request={"reason": text}),
    "a watcher": lambda text: told(request={"watchers": (text,)}),
    "a condition": lambda text: told(request={"expectation": Expectation(columns=(text,))}),
    "who opened it": lambda text: told(plan={"opened_by": text}),
    "a report": lambda text: told(plan={"reports": {text: ("2026-01-01",)}}),
    "a partition": lambda text: told(plan={"reports": {"weekly": (text,)}}),
    "a source": lambda text: told(plan={"inputs": PlannedInputs({text: 3})}),
    "a holder of a watermark": lambda text: told(plan={"holders": (text,)}),
    "the version of the code": lambda text: told(plan={"inputs": PlannedInputs(code_version=text)}),
    "who approved": lambda text: told(actor=text),
    "a note": lambda text: told(note=text),
    "the name of a check": lambda text: told(check=Check.passing(text, "Equal.")),
    "the sentence of a check": lambda text: told(check=Check.passing(Clause.SAME_ROWS, text)),
    "a measure": lambda text: told(measure=text),
    "a key": lambda text: told(key=text),
    "a value of a key": lambda text: told(value=text),
    "a column of the sample": lambda text: told(cell=Cell(text, "1", "1")),
    "a derived cell": lambda text: told(cell=Cell("revenue", text, "1")),
    "a staged cell": lambda text: told(cell=Cell("revenue", "1", text)),
    "a column of the source": lambda text: told(transaction={text: "1"}),
    "a cell of the source": lambda text: told(transaction={"amount": text}),
}


@pytest.mark.parametrize("place", PLACES)
def test_text_is_shown_and_not_obeyed(place: str):
    assert obeyed(PLACES[place]) == []
