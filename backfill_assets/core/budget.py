"""The budget of a staging: so much processor time, or so much money.

Cost is counted in core-seconds, the time that processors were busy computing and writing days. A budget of money is so
many of them at a price per core-hour, which is written into the plan.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

CORE_HOURS = "core-hours"
HOUR = 3600
LEAST_TOLD = Decimal("0.0001")
A_BUDGET = "an amount and its unit, such as 2.5 core-hours, or a currency by its three letters"
_BUDGET = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(core-hours?|[A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Budget:
    """So many core-hours, or so much of a currency, which ``unit`` then names by its three letters."""

    amount: Decimal
    unit: str

    def __str__(self) -> str:
        """As people read it, and as a request may spell it."""
        return f"{self.amount:f} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"

    @property
    def is_money(self) -> bool:
        """Whether it takes a price to know how long it lasts."""
        return self.unit != CORE_HOURS

    def core_seconds(self, core_hour: Decimal | None) -> float:
        """How many core-seconds it pays for, at a price per core-hour; money pays for none without one."""
        hours = self.amount if not self.is_money else self.amount / core_hour if core_hour else Decimal(0)
        return float(hours * HOUR)

    def told(self, core_seconds: float, core_hour: Decimal | None) -> str:
        """An amount of core-seconds in its unit."""
        hours = Decimal(str(core_seconds)) / HOUR
        amount = hours * core_hour if self.is_money and core_hour else hours
        if 0 < amount < LEAST_TOLD:
            return f"less than {LEAST_TOLD} {self.unit}"
        return f"{amount:.4f} {self.unit}" if amount < 1 else f"{amount:.2f} {self.unit}"

    def as_json(self) -> str:
        """As the ledger keeps it; :meth:`from_json` reads it back."""
        return f"{self.amount:f} {self.unit}"

    @classmethod
    def from_json(cls, told: str) -> Self:
        """Read what :meth:`as_json` wrote."""
        amount, unit = told.split(" ")
        return cls(Decimal(amount), unit)


def budget_given(text: str) -> Budget | None:
    """The budget that a text tells; None when it tells none, or one of nothing.

    >>> str(budget_given("2.5 core-hours")), budget_given("40"), budget_given("0 core-hours")
    ('2.5 core-hours', None, None)
    """
    found = _BUDGET.fullmatch(text.strip())
    if found is None or not Decimal(found[1]):
        return None
    return Budget(Decimal(found[1]), CORE_HOURS if found[2].startswith("core") else found[2])
