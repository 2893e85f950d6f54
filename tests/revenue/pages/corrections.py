"""A newsroom of which every kind of correction has been: live, rolled back, abandoned, one that failed validation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from backfill_assets import runbook
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Plan
from backfill_assets.core.window import Window
from tests.e2e.small_lake import SmallLake, stage
from tests.revenue.pages.readers import Newsroom

DOUBLED = Window(date(2026, 1, 2), date(2026, 1, 4))
GUESSED = Window(date(2025, 12, 22), date(2025, 12, 23))
REFUSED = Window(date(2025, 12, 24), date(2025, 12, 26))
SAME = Window(date(2026, 1, 7), date(2026, 1, 8))


@dataclass(frozen=True)
class Corrected:
    """A newsroom, and its corrections by what became of them."""

    room: Newsroom
    live: str
    rolled_back: str
    abandoned: str
    failed: str
    unchanged: str

    @property
    def folder(self) -> Path:
        return self.room.folder


def corrected(lake: SmallLake) -> Corrected:
    """Take every kind of correction as far as it goes. The folder of readers is that of the newsroom."""
    room = Newsroom(lake)
    live = room.open()
    room.prepare(live)
    room.publish(live)
    back = room.open(DOUBLED, "Refunds were counted twice.")
    _prepare(room, back, lambda rows: rows.with_columns(pl.col("revenue_usd") * 2))
    runbook.approve(room.step_context("Ada"), back.correction, "Finance asked for it.", override=True)
    runbook.cut_over(room.step_context(), back.correction)
    room.rebuild(back)
    room.roll_back(back)
    wrong = room.open(GUESSED, "A wrong guess.")
    runbook.abandon(room.step_context(), wrong.correction, "The analysis was wrong.")
    same = room.open(SAME, "Perhaps these two as well.")
    _prepare(room, same)
    expected = Expectation(same_rows=True, max_change_total=Decimal("0.0001"), columns=("revenue_usd",))
    failed = room.open(REFUSED, "Too large a change.", expectation=expected)
    _prepare(room, failed, lambda rows: rows.with_columns(pl.col("revenue_usd") * 2).head(20))
    room.show()
    return Corrected(room, *(one.correction for one in (live, back, wrong, failed, same)))


def _prepare(room: Newsroom, plan: Plan, spoil: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows) -> None:
    for step in (runbook.freeze_reports, runbook.verify_source, runbook.reset_watermarks):
        step(room.step_context(), plan.correction)
    stage(room.lake, plan, spoil)
    runbook.stage(room.step_context(), plan.correction)
    runbook.validate(room.step_context(), plan.correction)
