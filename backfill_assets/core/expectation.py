"""What a correction is expected to change, declared before anything is computed: the ``expect:`` of a request."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Self, cast, get_args

from backfill_assets.core.condition import refuse_undecided, refuse_unusable
from backfill_assets.core.exact import EXACT, exactly
from backfill_assets.core.given import as_slot
from backfill_assets.core.slots import Grain
from backfill_assets.errors.validation import (
    ClauseHoldsNothing,
    ClauseUnknown,
    EstimateOutsideWindow,
    ExpectationContradictory,
    ExpectationUnreadable,
    ExpectedColumnsUnknown,
    KeysCannotDiffer,
    ShareAmbiguous,
)

Sign = Literal["up", "down"]
A_SHARE = 'a percentage such as "2%", or a fraction below 1'
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Estimate:
    """The effect that the analysis of the incident predicts: by how much the sum of a measure will change.

    ``total`` is new minus old over the window, ``days`` the same for single days, either of them enough.
    ``tolerance`` is a share of the predicted change.
    """

    measure: str
    total: Decimal | None = None
    days: Mapping[date, Decimal] = field(default_factory=dict[date, Decimal])
    tolerance: Decimal = Decimal(0)

    @classmethod
    def from_request(cls, value: object) -> Self:
        """Read ``{measure: …, total: …, days: {…}, tolerance: …}``."""
        found = _mapping("estimate", value)
        if unknown := set(found) - {"measure", "total", "days", "tolerance"}:
            raise ClauseUnknown({f"estimate.{name}" for name in unknown}, {"measure", "total", "days", "tolerance"})
        measure, total = found.get("measure"), found.get("total")
        if not isinstance(measure, str) or not measure or (total is None and not found.get("days")):
            raise ExpectationUnreadable("estimate", value, "a mapping with a measure, and a total or days")
        return cls(
            measure,
            None if total is None else _amount("estimate.total", total),
            {
                _day(day): _amount("estimate.days", amount)
                for day, amount in _mapping("days", found.get("days")).items()
            },
            _share("estimate.tolerance", found.get("tolerance", "0%")) or Decimal(0),
        )

    @property
    @exactly
    def predicts(self) -> Decimal:
        """The change over all days that are predicted."""
        return sum(self.days.values(), Decimal(0)) if self.total is None else self.total

    def as_json(self) -> dict[str, Any]:
        """The mapping that ``from_request`` reads."""
        whole = {} if self.total is None else {"total": f"{self.total:f}"}
        days = {"days": {str(day): f"{amount:f}" for day, amount in sorted(self.days.items())}} if self.days else {}
        return {"measure": self.measure, **whole, **days, "tolerance": _percentage(self.tolerance)}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What may differ between live and staged, and by how much. A clause that is None or false claims nothing.

    ``columns`` are the only ones that may differ; ``same_rows`` means that no key appears or disappears;
    ``unchanged_where`` is an SQL condition, and rows that meet it on either side have measures equal to the last digit,
    and so has every column that is not among ``columns``.
    The shares are fractions of the old sum of each measure. ``sign`` means that no day moves the other way.
    """

    columns: tuple[str, ...] | None = None
    same_rows: bool = False
    unchanged_where: str | None = None
    max_change_per_day: Decimal | None = None
    max_change_total: Decimal | None = None
    sign: Sign | None = None
    estimate: Estimate | None = None

    @classmethod
    def from_request(cls, clauses: Mapping[str, Any]) -> Self:
        """Read the parsed ``expect:`` of a request.

        Raises:
            BadInput: a subclass for each of unknown clauses, unreadable values and contradictions.
        """
        expectation = cls.from_json(clauses)
        if expectation.unchanged_where:
            refuse_unusable(expectation.unchanged_where)
        _refuse_contradictions(expectation)
        return expectation

    @classmethod
    def from_json(cls, clauses: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote: a plan that is frozen stays readable, whatever is refused since.

        Raises:
            BadInput: a subclass for each of unknown clauses and unreadable values.
        """
        known = [clause.name for clause in fields(cls)]
        if unknown := set(clauses) - set(known):
            raise ClauseUnknown(unknown, known)
        estimate = clauses.get("estimate")
        return cls(
            columns=_columns(clauses.get("columns")),
            same_rows=_flag("same_rows", clauses.get("same_rows")),
            unchanged_where=_condition(clauses.get("unchanged_where")),
            max_change_per_day=_share("max_change_per_day", clauses.get("max_change_per_day")),
            max_change_total=_share("max_change_total", clauses.get("max_change_total")),
            sign=_sign(clauses.get("sign")),
            estimate=None if estimate is None else Estimate.from_request(estimate),
        )

    @property
    def is_empty(self) -> bool:
        """Whether no clause is declared, so that nothing can be approved automatically."""
        return self == type(self)()

    def as_json(self) -> dict[str, Any]:
        """The declared clauses as ``from_request`` reads them; shares as percentages, amounts as strings."""
        shares = {name: getattr(self, name) for name in ("max_change_per_day", "max_change_total")}
        clauses = {
            "columns": None if self.columns is None else list(self.columns),
            "same_rows": self.same_rows or None,
            "unchanged_where": self.unchanged_where,
            **{name: None if share is None else _percentage(share) for name, share in shares.items()},
            "sign": self.sign,
            "estimate": self.estimate and self.estimate.as_json(),
        }
        return {name: value for name, value in clauses.items() if value is not None}

    def as_lines(self, grain: Grain) -> list[str]:
        """The declared clauses as people read them, one a line."""
        return [_in_words(name, value, grain) for name, value in self.as_json().items()]

    def check_against(
        self,
        columns: Mapping[str, Any] | Collection[str],
        *,
        keys: Collection[str] = (),
        measures: Collection[str] | None = None,
        days: Collection[date] | None = None,
    ) -> None:
        """Refuse what the table and the window make impossible.

        Args:
            columns: the schema of the table, or the names of its columns alone.
            keys: those that identify a row, the day among them.
            measures: those that are summed, of which the estimate is about one.
            days: those to be corrected.

        Raises:
            ExpectedColumnsUnknown: when a clause names a column that the table lacks.
            KeysCannotDiffer: when a key is among the columns that may differ.
            ConditionUnusable: when ``unchanged_where`` does not decide row by row.
            EstimateOutsideWindow: when a change is predicted for a day that is not corrected.
            ClauseHoldsNothing: when a clause is about something that the table does not have.
        """
        allowed = set(self.columns or ())
        if unknown := allowed - set(columns):
            raise ExpectedColumnsUnknown("columns", unknown, set(columns))
        if forbidden := allowed & set(keys):
            raise KeysCannotDiffer(forbidden)
        if measures is not None and not measures and (about := self._about_measures()):
            raise ClauseHoldsNothing(about, "the table has no measures")
        possible = set(columns if measures is None else measures)
        if self.estimate and self.estimate.measure not in possible:
            raise ExpectedColumnsUnknown("estimate", {self.estimate.measure}, possible)
        if self.estimate and days is not None and (outside := set(self.estimate.days) - set(days)):
            raise EstimateOutsideWindow(outside)
        if self.unchanged_where:
            refuse_undecided(self.unchanged_where, columns)
            if keys and not set(columns) - set(keys) - allowed | set(measures or ()):
                raise ClauseHoldsNothing(["unchanged_where"], "every other column may differ")

    def claims_nothing(self, columns: Collection[str], keys: Collection[str]) -> bool:
        """Whether no clause could ever fail on a table of these columns, so that meeting it proves nothing."""
        everything = self.columns is not None and set(columns) <= {*keys, *self.columns}
        return self.is_empty or (everything and replace(self, columns=None).is_empty)

    def _about_measures(self) -> list[str]:
        """The declared clauses that speak of sums."""
        clauses = ("max_change_per_day", "max_change_total", "sign", "estimate")
        return [name for name in clauses if getattr(self, name) is not None]


@exactly
def _refuse_contradictions(expectation: Expectation) -> None:
    estimate = expectation.estimate
    if estimate is None:
        return
    parts = sum(estimate.days.values(), Decimal(0))
    if estimate.total is not None and estimate.days and parts != estimate.total:
        raise ExpectationContradictory(("estimate.total", "estimate.days"), f"the days add up to {parts:f}")
    predicted = [*estimate.days.values(), estimate.predicts]
    if expectation.sign and any(amount * (1 if expectation.sign == "up" else -1) < 0 for amount in predicted):
        raise ExpectationContradictory(("sign", "estimate"), f"the estimate does not only move {expectation.sign}")
    frozen = expectation.same_rows and expectation.columns is not None and estimate.measure not in expectation.columns
    if frozen and any(predicted):
        raise ExpectationContradictory(("columns", "estimate"), f"{estimate.measure} may not differ")


# ---- reading values


def _condition(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ExpectationUnreadable("unchanged_where", value, "an SQL condition in quotes")
    return value.strip()


def _columns(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = cast("Sequence[object]", value) if type(value) in {list, tuple} else [None]
    if not all(isinstance(name, str) and name for name in names):
        raise ExpectationUnreadable("columns", value, "a list of column names")
    return tuple(dict.fromkeys(str(name) for name in names))


def _flag(clause: str, value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ExpectationUnreadable(clause, value, "true or false")
    return bool(value)


def _sign(value: object) -> Sign | None:
    if value is not None and value not in get_args(Sign):
        raise ExpectationUnreadable("sign", value, "up or down")
    return cast("Sign | None", value)


def _mapping(clause: str, value: object) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ExpectationUnreadable(clause, value, "a mapping of names to values")
    return cast("Mapping[Any, Any]", value)


def _share(clause: str, value: object) -> Decimal | None:
    """A percentage string or a fraction below 1, as an exact fraction."""
    if value is None:
        return None
    text = f"{Decimal(str(value)):f}" if isinstance(value, float) else str(value).strip()
    number = text.removesuffix("%").rstrip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(number):
        raise ExpectationUnreadable(clause, value, A_SHARE)
    if text.endswith("%"):
        return EXACT.divide(Decimal(number), Decimal(100))
    if Decimal(number) >= 1:
        raise ShareAmbiguous(clause, value)
    return Decimal(number)


def _percentage(share: Decimal) -> str:
    return f"{EXACT.multiply(share, Decimal(100)).normalize(EXACT):f}%"


def _amount(clause: str, value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite():
        raise ExpectationUnreadable(clause, value, "an amount such as -1234.56")
    return amount


def _day(value: object) -> date:
    slot = as_slot(str(value))
    if slot is None:
        raise ExpectationUnreadable("estimate.days", value, "days such as 2026-01-23 with amounts")
    return slot


def _in_words(name: str, value: object, grain: Grain) -> str:
    """A clause as people read it; a flag is said by its name alone."""
    said = grain.worded(name.replace("_", " "))
    if value is True:
        return said
    if isinstance(value, Mapping):
        parts = cast("Mapping[str, object]", value)
        return f"{said} {', '.join(_in_words(part, one, grain) for part, one in parts.items())}"
    return f"{said} {', '.join(map(str, cast('list[object]', value))) if isinstance(value, list) else value}"
