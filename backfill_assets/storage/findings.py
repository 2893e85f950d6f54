"""Findings: where live and a ledger kept by somebody else disagree, and since when, in ``_control/findings``."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from backfill_assets.core.slots import Slot
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Stored:
    """A finding as it was last written down; ``detail`` is JSON-ready."""

    table: str
    finding: str
    state: str
    since: date
    last: date
    detail: Mapping[str, Any]
    at: datetime

    def spans_any(self, days: Collection[date]) -> bool:
        """Whether any of the days lies between its first and its last one."""
        return any(_order(self.since) <= _order(day) <= _order(self.last) for day in days)


class Findings:
    """Every finding of every table: a row each time it was opened, changed or closed."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "findings", Stored)

    def latest(self, table: str) -> tuple[Stored, ...]:
        """Each finding of a table as it stands, oldest first."""
        return _latest(self._rows.rows(), table)

    def open(self, table: str) -> tuple[Stored, ...]:
        """The findings of a table that are not closed, oldest first."""
        return tuple(found for found in self.latest(table) if found.state == OPEN)

    def settle(
        self,
        table: str,
        seen: Sequence[tuple[str, date, date, Mapping[str, Any]]],
        through: date,
        at: datetime,
        *,
        stays: Callable[[Stored], bool] = lambda _: False,
    ) -> tuple[str, ...]:
        """Write down what a reconciliation through a day has seen; returns the findings that it closed.

        ``seen`` are id, first day, last day and detail. An open finding that is not seen any more is closed, unless it
        reaches beyond the day, or ``stays``: what could not be looked at is not gone. One that has not changed is left.
        """
        names = {one[0] for one in seen}

        def decide(known: pl.DataFrame) -> Decision[Sequence[Stored], tuple[str, ...]]:
            standing = {found.finding: found for found in _latest(known, table) if found.state == OPEN}
            gone = [one for one in standing.values() if _is_gone(one, names, through) and not stays(one)]
            new = [Stored(table, *one[:1], OPEN, *one[1:], at) for one in seen if _is_news(one, standing)]
            closed = [replace(one, state=CLOSED, at=at) for one in gone]
            return Decision([*new, *closed], tuple(one.finding for one in closed))

        return self._rows.append_decided(decide)


def _is_gone(found: Stored, seen: set[str], through: date) -> bool:
    return found.finding not in seen and _order(found.last) <= _order(through)


def _is_news(seen: tuple[str, date, date, Mapping[str, Any]], standing: Mapping[str, Stored]) -> bool:
    name, _, last, detail = seen
    known = standing.get(name)
    return known is None or (last >= known.last and dict(known.detail) != dict(detail))


def _latest(rows: pl.DataFrame, table: str) -> tuple[Stored, ...]:
    found = {one.finding: one for one in values_of(Stored, rows.filter(pl.col("table") == table))}
    return tuple(sorted(found.values(), key=lambda one: (_order(one.since), one.finding)))


def _order(slot: Slot) -> str:
    """The place of a slot in time, also among those that figures of whole days were found in beside hours."""
    return str(slot)
