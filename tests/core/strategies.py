"""Hypothesis strategies for pairs of tables."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.scenarios_comparison import DAYS, RATES, Row, payment

amounts = st.integers(-(10**9), 10**9).map(lambda units: Decimal(units).scaleb(-4))


def days(count: int = 4) -> st.SearchStrategy[date]:
    """One of the first days of 2026."""
    return st.integers(0, count - 1).map(lambda offset: DAYS[0] + timedelta(days=offset))


def cells() -> st.SearchStrategy[dict[str, Any]]:
    """The columns of a payment that are no key; nulls included."""
    return st.fixed_dictionaries(
        {
            "currency": st.sampled_from([*RATES, None]),
            "amount": st.none() | amounts,
            "rate": st.sampled_from([*RATES.values(), None]),
            "revenue_usd": st.none() | amounts,
            "transactions": st.integers(-(2**63), 2**63 - 1),
        }
    )


@st.composite
def pairs_of_tables(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Two tables with unique keys of which some rows are equal, some differ and some stand alone, in any order."""
    keys = draw(st.lists(st.tuples(days(), st.sampled_from("abcdef")), unique=True, max_size=16))
    sides: tuple[list[Row], list[Row]] = ([], [])
    for day, name in keys:
        old = {"day": day, "payment": name, **draw(cells())}
        kind = draw(st.sampled_from(["equal", "changed", "old", "new"]))
        new = {**old, **draw(cells())} if kind == "changed" else old
        if kind != "new":
            sides[0].append(old)
        if kind != "old":
            sides[1].append(new)
    return draw(st.permutations(sides[0])), draw(st.permutations(sides[1]))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """A published history whose foreign rates were up to one per cent too low on some days, and its correction."""
    old: list[Row] = []
    new: list[Row] = []
    for day in DAYS[: draw(st.integers(1, 10))]:
        factor = draw(st.sampled_from(["1", "0.999", "0.99"]))
        for number in range(draw(st.integers(0, 4))):
            currency = draw(st.sampled_from(list(RATES)))
            amount = str(Decimal(draw(st.integers(0, 10**7))).scaleb(-2))
            old.append(payment(day, f"{number}", currency, amount, factor))
            new.append(payment(day, f"{number}", currency, amount))
    return old, draw(st.permutations(new))
