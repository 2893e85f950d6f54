"""The plan: what a correction intends. Built without side effects, shown before it is opened, kept in the ledger."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from backfill_assets.core.budget import Budget
from backfill_assets.core.codec import NOT_STORED, decoded_fields, encoded_fields, stored_as
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.position import Beside
from backfill_assets.core.slots import Grain, read_slot
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.errors.request import SlotsOfOtherGrain


class Approval(StrEnum):
    """Who lets a validated correction through: a person, or the met expectation itself."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Downstream:
    """A table that reads the one of a request, to be corrected together with it, and what may differ in it."""

    table: str
    expectation: Expectation = field(default_factory=Expectation)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for: the fields of the request file.

    ``days`` narrows the window to some of its days (a launch over a broken selection); empty means all.
    ``correction`` is the id asked for; empty takes the UTC date of opening. ``downstream`` are tables that are to be
    corrected with it; a plan has the corrections of its chain instead. No wave begins that would exceed ``budget``.
    """

    table: str
    window: Window
    reason: str
    watchers: tuple[str, ...] = ()
    expectation: Expectation = field(default_factory=Expectation)
    approval: Approval = Approval.MANUAL
    correction: str = ""
    days: tuple[date, ...] = ()
    waves: WavePolicy = field(default_factory=WavePolicy)
    origin: str = ""
    downstream: tuple[Downstream, ...] = ()
    budget: Budget | None = None

    @property
    def is_launch(self) -> bool:
        """Whether it was made by launching days, without anybody having written a request."""
        return bool(self.origin)

    def in_grain(self, grain: Grain) -> Self:
        """The request for a table of this grain.

        Raises:
            SlotsOfOtherGrain: when it asks for hours where the table has none, or for days where it has hours.
            SlotsApart: when its ends lie no whole number of slots apart.
        """
        if grain is self.window.grain:
            return self
        first, last = self.window.first, self.window.last
        if not grain.names(first):
            raise SlotsOfOtherGrain(self.table, [first, last], grain.value)
        return replace(self, window=Window(first, last, grain))

    @property
    def all_days(self) -> tuple[date, ...]:
        """The days to correct, oldest first."""
        return self.days or self.window.days


@dataclass(frozen=True, slots=True)
class Member:
    """One of the corrections of a chain: its id, and its table."""

    correction: str
    table: str


@dataclass(frozen=True, slots=True)
class PlannedInputs:
    """What the days are computed from.

    ``pins`` are the commits of the sources. ``after`` names corrections of tables that this one reads, which have to be
    live first. ``rates`` are the days a minute that sources with a limit bear. ``unpinned`` are sources that nothing
    can pin, which are read as they are when a day is computed. ``chain`` are the corrections of tables that read each
    other, opened together with this one, in the order in which they are cut over; of tables before this one the staged
    days are read. Where the table ``carries_state`` each day is computed from the staged one before it, and the first
    from the live one at the pinned commit. ``largest`` could be corrected. ``beside``, its swap switches a consumer.
    """

    pins: Mapping[str, int] = field(default_factory=dict[str, int])
    code_version: str = ""
    after: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict[str, float], metadata=stored_as(omit=True))
    unpinned: tuple[str, ...] = field(default=(), metadata=stored_as(omit=True))
    chain: tuple[Member, ...] = field(default=(), metadata=NOT_STORED)
    carries_state: bool = field(default=False, metadata=stored_as(omit=True))
    largest: Window | None = field(default=None, metadata=stored_as(omit=True))
    beside: Beside | None = field(default=None, metadata=stored_as(omit=True))


@dataclass(frozen=True, slots=True)
class PlannedCost:
    """What staging is expected to take: ``seconds`` on the wall and ``run_seconds`` of all runs together.

    Both are estimates from ``runs_seen`` runs of the past, a guess with none. ``bytes_staged`` is one from what is
    live. ``core_seconds`` of processors are expected, at a price per ``core_hour`` where the budget is of money.
    """

    bytes_staged: int = 0
    seconds: float = 0.0
    run_seconds: float = 0.0
    seconds_per_day: float = 0.0
    runs_seen: int = 0
    core_seconds: float = field(default=0.0, metadata=stored_as(omit=True))
    core_hour: Decimal | None = field(default=None, metadata=stored_as(omit=True))


@dataclass(frozen=True, slots=True)
class Plan:
    """What the correction will do, frozen at its opening.

    ``reports`` maps each report to the partition keys that the window reaches.
    """

    correction: str
    request: Request
    opened_at: datetime
    opened_by: str
    inputs: PlannedInputs = field(default_factory=PlannedInputs)
    cost: PlannedCost = field(default_factory=PlannedCost)
    reports: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    holders: tuple[str, ...] = ()
    rollback_days: int = 14

    @property
    def pins(self) -> Mapping[str, int]:
        """The commits of the sources that the days are staged from."""
        return self.inputs.pins

    @property
    def chain(self) -> tuple[Member, ...]:
        """The corrections opened together with this one, itself among them, in order; none where it stands alone."""
        return self.inputs.chain

    @property
    def lead(self) -> str:
        """The correction by whose id decisions are taken: the first of its chain, or itself."""
        return self.chain[0].correction if self.chain else self.correction

    @property
    def is_follower(self) -> bool:
        """Whether another correction leads it."""
        return self.lead != self.correction

    @property
    def rates(self) -> Mapping[str, float]:
        """The days a minute that each source with a limit bears.

        Plans of before keep only the smallest rate of all their sources.
        """
        slowest = self.request.waves.days_per_minute
        return self.inputs.rates or (dict.fromkeys(self.pins, slowest) if slowest > 0 else {})

    @property
    def carries_state(self) -> bool:
        """Whether each day is computed from the one before it, so that they are staged in order."""
        return self.inputs.carries_state

    @property
    def state_told(self) -> str:
        """That the table carries state and what follows from it, in words; empty where it does not."""
        one = self.window.grain.value
        told = f"carried from {one} to {one}, so every {one} after a changed one may change too"
        return told if self.carries_state else ""

    def pinned_at(self, pins: Mapping[str, int]) -> Self:
        """The same plan, staged from other commits of its sources."""
        return replace(self, inputs=replace(self.inputs, pins=dict(pins)))

    @property
    def table(self) -> str:
        """The correctable table."""
        return self.request.table

    @property
    def window(self) -> Window:
        """The window of the request."""
        return self.request.window

    @property
    def days(self) -> tuple[date, ...]:
        """The days to correct, oldest first."""
        return self.request.all_days

    @property
    def version_name(self) -> str:
        """What people call the staged version."""
        return f"{self.table}__backfill_{self.correction}"

    @property
    def digest(self) -> str:
        """SHA-256 over the plan's canonical JSON: what an approval binds."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def roll_back_deadline(self, swapped_at: datetime) -> datetime:
        """Until when the retired days are kept."""
        return swapped_at + timedelta(days=self.rollback_days)

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON-ready values; :meth:`from_json` reads it back."""
        request = self.request
        # Left out where there is none, as in the inputs: the digest of a plan of before stays what was approved.
        chain = {"chain": [[one.correction, one.table] for one in self.chain]} if self.chain else {}
        budget = {"budget": request.budget.as_json()} if request.budget else {}
        return {
            "correction": self.correction,
            "table": request.table,
            "window": request.window.as_json(),
            "days": [str(day) for day in request.days],
            "reason": request.reason,
            "watchers": list(request.watchers),
            "expect": request.expectation.as_json(),
            "approval": str(request.approval),
            "waves": {
                "max_days": request.waves.max_days,
                "at_once": request.waves.at_once,
                "order": str(request.waves.order),
                "attempts": request.waves.attempts,
                "days_per_minute": request.waves.days_per_minute,
            },
            **budget,
            "origin": request.origin,
            "opened_at": self.opened_at.isoformat(),
            "opened_by": self.opened_by,
            **encoded_fields(self.inputs),
            **chain,
            "reports": {report: list(keys) for report, keys in self.reports.items()},
            "holders": list(self.holders),
            "rollback_days": self.rollback_days,
            **encoded_fields(self.cost),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` wrote."""
        window = Window.from_json(value["window"])
        waves = value["waves"]
        request = Request(
            table=value["table"],
            window=window,
            reason=value["reason"],
            watchers=tuple(value["watchers"]),
            expectation=Expectation.from_json(value["expect"]),
            approval=Approval(value["approval"]),
            correction=value["correction"],
            days=tuple(read_slot(day) for day in value["days"]),
            waves=WavePolicy(
                waves["max_days"],
                waves["at_once"],
                WaveOrder(waves["order"]),
                waves["attempts"],
                waves.get("days_per_minute", 0.0),
            ),
            origin=value["origin"],
            budget=Budget.from_json(value["budget"]) if "budget" in value else None,
        )
        return cls(
            correction=value["correction"],
            request=request,
            opened_at=datetime.fromisoformat(value["opened_at"]),
            opened_by=value["opened_by"],
            inputs=decoded_fields(PlannedInputs, value, chain=tuple(Member(*one) for one in value.get("chain", ()))),
            cost=decoded_fields(PlannedCost, value),
            reports={report: tuple(keys) for report, keys in value["reports"].items()},
            holders=tuple(value["holders"]),
            rollback_days=value["rollback_days"],
        )
