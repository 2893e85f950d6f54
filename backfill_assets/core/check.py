"""A check: one clause of an expectation, or one claim about the source, with its verdict and the reasons."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Self

from backfill_assets.core.day_comparison import ChangedRow

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
        days = tuple(date.fromisoformat(day) for day in stored["days"])
        return cls(stored["name"], stored["passed"], stored["sentence"], days, stored["detail"])

    def leaving_out(self, days: Collection[date]) -> "Check":
        """The same check, saying which days it did not look at."""
        if not days:
            return self
        left_out = {"left_out": [day.isoformat() for day in sorted(days)]}
        return Check(self.name, self.passed, self.sentence, self.days, {**self.detail, **left_out})


def examples(rows: Iterable[ChangedRow]) -> list[dict[str, Any]]:
    """Rows as the detail of a check holds them."""
    return [row.as_json() for row in rows]
