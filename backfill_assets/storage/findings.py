"""Findings: where live and a ledger kept by somebody else disagree, and since when, in ``_control/findings``."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

OPEN, CLOSED = "open", "closed"
SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "finding": pl.String(),
        "state": pl.String(),
        "since": pl.Date(),
        "last": pl.Date(),
        "detail": pl.String(),
        "at": pl.Datetime("us", "UTC"),
    }
)


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
        return any(self.since <= day <= self.last for day in days)


class Findings:
    """Every finding of every table: a row each time it was opened, changed or closed."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "findings", SCHEMA)

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
        closed: list[str] = []

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            standing = {found.finding: found for found in _latest(known, table) if found.state == OPEN}
            gone_by = {name for name, one in standing.items() if _is_gone(one, {of[0] for of in seen}, through)}
            closed[:] = [name for name, one in standing.items() if name in gone_by and not stays(one)]
            new = [_row(Stored(table, *one[:1], OPEN, *one[1:], at)) for one in seen if _is_news(one, standing)]
            gone = [standing[name] for name in closed]
            new += [_row(Stored(table, one.finding, CLOSED, one.since, one.last, one.detail, at)) for one in gone]
            return pl.DataFrame(new, schema=SCHEMA) if new else None

        self._rows.append(rows)
        return tuple(closed)


def _is_gone(found: Stored, seen: set[str], through: date) -> bool:
    return found.finding not in seen and found.last <= through


def _is_news(seen: tuple[str, date, date, Mapping[str, Any]], standing: Mapping[str, Stored]) -> bool:
    name, _, last, detail = seen
    known = standing.get(name)
    return known is None or (last >= known.last and dict(known.detail) != dict(detail))


def _latest(rows: pl.DataFrame, table: str) -> tuple[Stored, ...]:
    """By time; of two rows of one moment the closing one stands."""
    ordered = rows.filter(pl.col("table") == table).sort("at", pl.col("state") == CLOSED)
    found = {row["finding"]: Stored(**{**row, "detail": json.loads(row["detail"])}) for row in ordered.to_dicts()}
    return tuple(sorted(found.values(), key=lambda one: (one.since, one.finding)))


def _row(stored: Stored) -> dict[str, Any]:
    return {
        "table": stored.table,
        "finding": stored.finding,
        "state": stored.state,
        "since": stored.since,
        "last": stored.last,
        "detail": json.dumps(dict(stored.detail)),
        "at": stored.at,
    }
