"""A check: one clause of an expectation, or one claim about the source, with its verdict and the reasons."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Self

from backfill_assets.core.day_comparison import ChangedRow
from backfill_assets.core.slots import Grain, read_slot
from backfill_assets.errors.base import counted, verb

EXAMPLES_SHOWN = 3


class Clause(StrEnum):
    """The names of all checks; they are stored in ledgers and certificates and never change."""

    DAYS_COMPLETE = "days_complete"
    ONLY_EXPECTED_COLUMNS_DIFFER = "only_expected_columns_differ"
    SAME_ROWS = "same_rows"
    UNCHANGED_WHERE = "unchanged_where"
    CHANGE_PER_DAY = "change_per_day"
    CHANGE_TOTAL = "change_total"
    SIGN = "sign"
    ESTIMATE = "estimate"
    CONTROL_TOTALS = "control_totals"
    CLOSER_TO_LEDGER = "closer_to_ledger"
    SAMPLE_REDERIVED = "sample_rederived"
    SAME_ALONE = "same_alone"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one day of one source, in a few words without a full stop."""

    day: date
    what: str


@dataclass(frozen=True, slots=True)
class Held:
    """Over how much a claim was held: days, rows of them, and cells; None where it does not look at cells."""

    days: int
    rows: int
    cells: int | None = None

    def told(self, grain: Grain) -> str:
        """In words, which call slots what they are."""
        cells = "" if self.cells is None else f"{counted(self.cells, 'cell')} of "
        return f"{cells}{counted(self.rows, 'row')} on {counted(self.days, grain.value)}"

    def as_json(self) -> dict[str, int]:
        """What is counted."""
        counts = {"days": self.days, "rows": self.rows, "cells": self.cells}
        return {name: count for name, count in counts.items() if count is not None}


@dataclass(frozen=True, slots=True)
class Check:
    """What a clause found.

    ``days`` are all offending days, ``sentence`` names at most five of them. ``detail`` is JSON-ready and holds the
    largest offence, example rows and the days left out, where there are any.
    """

    name: str
    passed: bool
    sentence: str
    days: tuple[date, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def passing(cls, name: str, sentence: str, detail: Mapping[str, Any] | None = None) -> Self:
        """A check without offence."""
        return cls(name, True, sentence, (), detail or {})

    @classmethod
    def failing(cls, name: str, sentence: str, days: Collection[date], detail: Mapping[str, Any]) -> Self:
        """A check with the days that offend."""
        return cls(name, False, sentence, tuple(sorted(days)), detail)

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "name": self.name,
            "passed": self.passed,
            "sentence": self.sentence,
            "days": [day.isoformat() for day in self.days],
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        days = tuple(read_slot(day) for day in stored["days"])
        return cls(stored["name"], stored["passed"], stored["sentence"], days, stored["detail"])

    def over(self, held: Held) -> "Check":
        """The same check, saying over how much it was held."""
        return replace(self, detail={**self.detail, "held": held.as_json()})

    def worded(self, grain: Grain) -> "Check":
        """The same check of ours, whose sentence calls slots what they are; one with a name of its own stays."""
        return replace(self, sentence=grain.worded(self.sentence)) if self.name in {*Clause} else self

    def leaving_out(self, days: Collection[date]) -> "Check":
        """The same check, saying which days it did not look at."""
        if not days:
            return self
        left_out = {"left_out": [day.isoformat() for day in sorted(days)]}
        out = f"{counted(len(days), 'day')} {verb(len(days), 'was', 'were')} left out"
        sentence = f"{self.sentence} {out}, because live was computed from other inputs."
        return replace(self, sentence=sentence, detail={**self.detail, **left_out})


def examples(rows: Iterable[ChangedRow]) -> list[dict[str, Any]]:
    """Rows as the detail of a check holds them."""
    return [row.as_json() for row in rows]
