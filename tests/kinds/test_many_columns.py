"""A table of many columns and measures: as many queries as one of few, and a page that shows the twenty that matter."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from polars.lazyframe.group_by import LazyGroupBy

from backfill_assets.core.comparison import compare
from backfill_assets.core.day_comparison import Sums
from backfill_assets.core.delta_types import as_kept
from backfill_assets.core.figures import Figures, Line, figures
from backfill_assets.pages.changes import MOST_MEASURES, changes

DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(3)]
ROWS = 8


def wide(columns: int, moved: int = 0) -> pl.DataFrame:
    """Rows of which half of the columns are measures that all move by the number of their place, half are text."""
    rows = pl.DataFrame([(day, number) for day in DAYS for number in range(ROWS)], schema=["day", "id"], orient="row")
    measures = [pl.lit(place + moved * place, pl.Int64).alias(f"m{place}") for place in range(columns // 2)]
    return rows.with_columns(*measures, *[pl.lit(f"{moved}").alias(f"t{place}") for place in range(columns // 2)])


def compared(columns: int) -> None:
    old, new = wide(columns).lazy(), wide(columns, moved=1).lazy()
    measures = [f"m{place}" for place in range(columns // 2)]
    found = compare(old, new, keys=["id"], measures=measures)
    assert [day.differing for day in found.days] == [ROWS] * len(DAYS)
    assert len(found.days[0].cells) == columns - 1
    assert 0 < found.examples.height <= len(DAYS) * ROWS


def added_up(columns: int) -> None:
    measures = [f"m{place}" for place in range(columns // 2)]
    found = figures(wide(columns).lazy(), wide(columns, 1).lazy(), keys=["id"], measures=measures, days=DAYS)
    assert len(found.total.sums) == columns // 2


WORK: dict[str, Callable[[int], None]] = {"compare": compared, "figures": added_up}


@pytest.mark.parametrize("name", WORK)
def test_the_number_of_groupings_does_not_grow_with_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    aggregate = LazyGroupBy.agg
    monkeypatch.setattr(LazyGroupBy, "agg", lambda *given, **named: ran.append(1) or aggregate(*given, **named))
    counts: list[int] = []
    for columns in (20, 2_000):
        ran.clear()
        WORK[name](columns)
        counts.append(len(ran))
    assert counts[0] == counts[1] > 0


def page_of(measures: int) -> str:
    sums = {f"m{place:04}": Sums(Decimal(0), Decimal(place)) for place in range(1, measures + 1)}
    line = Line("EU", ROWS, ROWS, sums)
    told = Figures(tuple(sums), tuple(line.renamed(str(day)) for day in DAYS), {"market": (line,)})
    return changes(told)


@pytest.mark.parametrize("measures", [MOST_MEASURES, MOST_MEASURES + 1, 1_000])
def test_the_page_shows_the_twenty_measures_that_move_most_and_says_how_many_more(measures: int) -> None:
    text = page_of(measures)
    shown = {int(place) for place in re.findall(r"m(\d{4})", text)}
    assert shown == {*range(measures - MOST_MEASURES + 1, measures + 1)}
    left = measures - MOST_MEASURES
    assert ("more measure" in text) is (left > 0)
    assert not left or f"{left:,} more measure" in text


def test_the_types_of_a_frame_are_asked_for_once_however_many_columns_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    schema = pl.DataFrame.schema.fget
    assert schema is not None
    monkeypatch.setattr(pl.DataFrame, "schema", property(lambda frame: asked.append(1) or schema(frame)))
    counts: list[int] = []
    for columns in (20, 2_000):
        asked.clear()
        as_kept(wide(columns), {f"m{place}": pl.Decimal(38, 2) for place in range(columns // 2)})
        counts.append(len(asked))
    assert counts[0] == counts[1]
