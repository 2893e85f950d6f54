"""The one model of a request: which fields there are, what each takes, and what is told when it is something else."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from backfill_assets.core.budget import A_BUDGET, Budget, budget_given
from backfill_assets.core.expectation import A_SHARE, Expectation
from backfill_assets.core.given import A_WATCHER, AN_ID, ID, PLACEHOLDERS, WATCHER, as_slot
from backfill_assets.core.plan import Approval
from backfill_assets.core.slots import Hour
from backfill_assets.core.waves import WaveOrder
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.request import RequestFieldInvalid, RequestFieldMissing, RequestFieldsUnknown
from backfill_assets.errors.validation import (
    ClauseUnknown,
    ConditionUnusable,
    ExpectationUnreadable,
    ShareAmbiguous,
)
from backfill_assets.runbook.strict_yaml import Place

A_DAY = "a day written as YYYY-MM-DD, or an hour in UTC as YYYY-MM-DDTHH:00Z"
AN_AMOUNT = "an amount in digits, such as -1234.56"
A_COUNT = "a whole number from 1, in digits"
A_REASON = "a sentence on what was wrong, filled in"
MAPPINGS = {
    "window": "two days or two hours, such as {first YYYY-MM-DD, last YYYY-MM-DD}",
    "watchers": "a list of audiences, such as [sales, support]",
    "expect": "a mapping of clauses to values",
    "downstream": "a list of tables, such as [orders_by_week], or of mappings of table and expect",
    "waves": "a mapping of max_days, at_once, order and attempts",
    "expect.columns": "a list of column names",
    "expect.estimate": "a mapping with a measure, and a total or days",
    "expect.estimate.days": "a mapping of days to amounts",
}
_SHARE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,12})?)( ?%)?")
_AMOUNT = re.compile(r"[-+]?[0-9]{1,24}(\.[0-9]{1,12})?")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
_OPEN = re.compile(r"\bbecause\s*(…|\.\.\.)?$")


@dataclass(frozen=True, eq=False)
class _Text:
    """A field that takes some texts; ``read`` gives None for the others. The schema is what editors check."""

    wanted: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"description": self.wanted, **self.schema}

    def _validated(self, value: object) -> Any:
        found = self.read(value) if isinstance(value, str) else None
        if found is None:
            raise PydanticCustomError("wanted", "wanted", {"wanted": self.wanted})
        return found


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _filled_in(text: str) -> str | None:
    told = text.strip()
    left_open = _OPEN.search(told) or told.strip("<>[]. ").casefold() in PLACEHOLDERS
    return told if told and not left_open else None


def _day_name(text: str) -> str | None:
    return None if as_slot(text) is None else text


def _share(text: str) -> str | None:
    """A share as :class:`Expectation` reads it; one that may mean two things is refused as such."""
    found = _SHARE.fullmatch(text)
    if found and not found[2] and float(found[1]) >= 1:
        raise PydanticCustomError("ambiguous", "ambiguous")
    return text.replace(" ", "") if found else None


def _one_of(*words: str) -> _Text:
    known = {str(word): str(word) for word in words}
    return _Text(f"{', '.join([*known][:-1])} or {words[-1]}", known.get, {"enum": [*known]})


FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_STRING: Mapping[str, Any] = {"type": "string", "minLength": 1}
_NUMBER_OR_TEXT: Mapping[str, Any] = {"type": ["string", "number"]}
_DATE: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:00Z)?$"}
_WHOLE: Mapping[str, Any] = {"type": "integer", "minimum": 1}
Name = Annotated[str, _Text("a text", lambda text: text.strip() or None, _STRING)]
Reason = Annotated[str, _Text(A_REASON, _filled_in, _STRING)]
Day = Annotated[date, _Text(A_DAY, as_slot, _DATE)]
DayName = Annotated[str, _Text(A_DAY, _day_name, _DATE)]
Watcher = Annotated[str, _Text(A_WATCHER, _matching(WATCHER), _STRING)]
Count = Annotated[int, _Text(A_COUNT, lambda text: int(text) if _COUNT.fullmatch(text) else None, _WHOLE)]
Amount = Annotated[str, _Text(AN_AMOUNT, _matching(_AMOUNT), _NUMBER_OR_TEXT)]
Share = Annotated[str, _Text(A_SHARE, _share, _NUMBER_OR_TEXT)]
Spending = Annotated[Budget | None, _Text(A_BUDGET, budget_given, _STRING)]
Id = Annotated[str, _Text(AN_ID, _matching(ID), {"type": ["string", "integer"]})]
Flag = Annotated[bool, _Text("true or false", FLAGS.get, {"type": "boolean"})]
Sign = Annotated[str, _one_of("up", "down")]
Order = Annotated[str, _one_of(*WaveOrder)]
ApprovalWord = Annotated[str, _one_of(*Approval)]


def _left_out() -> Any:
    """A field that claims nothing when it is not there; an editor is not told to write null."""
    return Field(default=None, json_schema_extra=lambda schema: cast("dict[str, Any]", schema).pop("default", None))


def _or_names(schema: dict[str, Any]) -> None:
    """A table may stand there by its name alone."""
    schema["items"] = {"anyOf": [{"type": "string", "minLength": 1}, schema["items"]]}


def _refused(error: BadInput) -> PydanticCustomError:
    return PydanticCustomError("refused", "refused", {"error": error})


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowFields(_Fields):
    """The days to correct, both ends included."""

    first: Day
    last: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if isinstance(self.first, Hour) is not isinstance(self.last, Hour):
            raise PydanticCustomError("wanted", "wanted", {"wanted": MAPPINGS["window"]})
        try:
            Window(self.first, self.last)
        except BadInput as error:
            raise _refused(error) from error
        return self


class WaveFields(_Fields):
    """How the days are cut into waves."""

    max_days: Count = _left_out()
    at_once: Count = 2
    order: Order = str(WaveOrder.CANARY)
    attempts: Count = 3


class EstimateFields(_Fields):
    """By how much the sum of a measure will change."""

    measure: Name
    total: Amount = _left_out()
    days: dict[DayName, Amount] = Field(default={})
    tolerance: Share = "0%"

    @model_validator(mode="after")
    def _predicts_something(self) -> Self:
        if not (self.total or self.days):
            raise PydanticCustomError("wanted", "wanted", {"wanted": MAPPINGS["expect.estimate"]})
        return self


class ExpectFields(_Fields):
    """What may differ between live and staged. A clause that is left out claims nothing."""

    columns: list[Name] = _left_out()
    same_rows: Flag = False
    unchanged_where: Name = _left_out()
    max_change_per_day: Share = _left_out()
    max_change_total: Share = _left_out()
    sign: Sign = _left_out()
    estimate: EstimateFields = _left_out()

    def clauses(self) -> dict[str, Any]:
        """The clauses as :meth:`Expectation.from_request` reads them."""
        return self.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _without_contradiction(self) -> Self:
        try:
            Expectation.from_request(self.clauses())
        except BadInput as error:
            raise _refused(error) from error
        return self


class DownstreamFields(_Fields):
    """A table that reads the one of the request, to be corrected together with it; its name alone says no more."""

    table: Name
    expect: ExpectFields = Field(default_factory=ExpectFields)

    @model_validator(mode="before")
    @classmethod
    def _named_alone(cls, given: object) -> object:
        return {"table": given} if isinstance(given, str) else given


class RequestFields(_Fields):
    """The fields of a request."""

    table: Name
    window: WindowFields
    reason: Reason
    watchers: list[Watcher] = Field(default=[])
    expect: ExpectFields = Field(default_factory=ExpectFields)
    approval: ApprovalWord = str(Approval.MANUAL)
    correction: Id = ""
    waves: WaveFields = Field(default_factory=WaveFields)
    downstream: list[DownstreamFields] = Field(default=[], json_schema_extra=_or_names)
    budget: Spending = _left_out()


_MODELS: Mapping[str, type[_Fields]] = {
    "": RequestFields,
    "window": WindowFields,
    "waves": WaveFields,
    "expect": ExpectFields,
    "expect.estimate": EstimateFields,
    "downstream": DownstreamFields,
    "downstream.expect": ExpectFields,
}
_NUMBERS = re.compile(r"\.[0-9]+(?=\.|$)")


def errors_of(invalid: ValidationError) -> list[tuple[Place, BadInput]]:
    """What pydantic found, each with its place, in our words; all that one mapping lacks is told once."""
    found = cast("Sequence[Mapping[str, Any]]", invalid.errors(include_url=False))
    missing: dict[Place, list[str]] = {}
    for told in found:
        if told["type"] == "missing":
            missing.setdefault(told["loc"][:-1], []).append(".".join(map(str, told["loc"])))
    lacking = [(place, RequestFieldMissing(names)) for place, names in missing.items()]
    return [*lacking, *(_error_of(told) for told in found if told["type"] != "missing")]


def _error_of(told: Mapping[str, Any]) -> tuple[Place, BadInput]:
    place: Place = tuple(part for part in told["loc"] if part != "[key]")
    name = ".".join(map(str, place))
    holder, _, last = name.rpartition(".")
    kind, found = str(told["type"]), cast("Mapping[str, Any]", told.get("ctx", {}))
    if kind == "refused":
        error = cast("BadInput", found["error"])
        return (*place, "unchanged_where") if isinstance(error, ConditionUnusable) else place, error
    if kind == "ambiguous":
        return place, ShareAmbiguous(name.removeprefix("expect."), told["input"])
    if kind == "extra_forbidden":
        return place, _unknown(holder, last, name)
    return place, _invalid(name, told["input"], found.get("wanted") or MAPPINGS.get(name, "a text"))


def _unknown(holder: str, last: str, name: str) -> BadInput:
    model = _MODELS.get(_NUMBERS.sub("", holder))
    known = [*model.model_fields] if model is not None else []
    if holder.startswith("expect"):
        inner = holder.removeprefix("expect").strip(".")
        return ClauseUnknown({f"{inner}.{last}".strip(".")}, [f"{inner}.{one}".strip(".") for one in known])
    return RequestFieldsUnknown({name}, known)


def _invalid(name: str, value: object, wanted: str) -> BadInput:
    shown = "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else str(value)
    told = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    if name.startswith("expect."):
        return ExpectationUnreadable(name.removeprefix("expect."), told, wanted)
    return RequestFieldInvalid(name, told, wanted)


LONGEST = 80
