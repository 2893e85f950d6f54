"""What is done for many days takes as much work a day as for a few: nothing looks at all days again for each of them.

Work is counted in calls, which are the same on every machine. The next case is one line.
"""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.storage.builds import Builds
from backfill_assets.storage.completeness import measure
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.table import Table

FEW, MANY = 25, 100
# A square would be four times that again.
MOST = 1.1 * MANY / FEW
SCHEMA = pl.Schema({"day": pl.Date(), "value": pl.Int64()})


def frames(days: int, value: int) -> dict[date, pl.DataFrame]:
    first = date(2026, 1, 1)
    frame = pl.DataFrame({"value": [value]}, schema={"value": pl.Int64})
    return {first + timedelta(days=offset): frame for offset in range(days)}


def published(lake: Lake, days: int) -> Table:
    table = Table(lake.table_uri("t"), SCHEMA)
    table.create()
    table.replace_days(frames(days, 1))
    return table


def replaced(table: Table, lake: Lake, days: int, *, value: int, skip_equal: bool) -> None:
    table.replace_days(frames(days, value), skip_equal=skip_equal)


def measured(table: Table, lake: Lake, days: int) -> None:
    partitions = {str(day): [day] for day in frames(days, 1)}
    measure("r", partitions, "t", table.snapshot(), Builds(lake), run_id="", at=datetime(2026, 1, 1, tzinfo=UTC))


WORK: dict[str, Callable[[Table, Lake, int], None]] = {
    "days that are there already are left out": partial(replaced, value=1, skip_equal=True),
    "days that are other are replaced": partial(replaced, value=2, skip_equal=True),
    "days are replaced unseen": partial(replaced, value=2, skip_equal=False),
    "completeness is measured": measured,
}


def calls(work: Callable[[], None]) -> int:
    """How many functions are called in this thread."""
    counted = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("name", WORK)
def test_four_times_the_days_are_little_more_than_four_times_the_work(name: str, tmp_path: Path) -> None:
    taken: dict[int, int] = {}
    for days in (FEW, MANY):
        lake = Lake(str(tmp_path / str(days)))
        table = published(lake, days)
        taken[days] = calls(lambda table=table, lake=lake, days=days: WORK[name](table, lake, days))

    assert taken[MANY] <= MOST * taken[FEW], taken
