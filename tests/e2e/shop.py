"""A small shop that sells in two currencies: a transaction in each, every day."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from tests.e2e.house import House, new_house
from tests.scenarios import drop_parquet, transaction

FIXINGS = """Date,USD,GBP,
2026-01-16,1.1601,0.8671,
2026-01-09,1.1642,0.8668,
2026-01-08,1.1656,0.8672,
2026-01-07,1.1681,0.8660,
2026-01-06,1.1707,0.8654,
2026-01-05,1.1664,0.8687,
"""


def trade(day: date, amount: str = "12.5000") -> list[dict[str, Any]]:
    """What is sold on a day."""
    return [transaction(f"{day}-eur", day), transaction(f"{day}-gbp", day, currency="GBP", amount=amount)]


def open_shop(root: Path, days: Collection[date], now: str) -> House:
    """A house in which these days have landed and are published."""
    house = new_house(root, now)
    (house.landing / "fx").mkdir(parents=True)
    (house.landing / "fx/eurofxref-hist.csv").write_text(FIXINGS)
    for day in days:
        drop_parquet(house.landing, day, trade(day))
    answered = house.run("nightly", "--through", str(max(days)))
    assert answered.code == 0, answered.text
    return house
