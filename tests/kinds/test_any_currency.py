"""A correction of what was sold in any currency passes every proof when it is right. The next currency is one line."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from backfill_assets.revenue.conversions import CONVERSIONS
from tests.e2e.house import FACT, House, new_house
from tests.scenarios import drop_parquet, transaction

pytestmark = pytest.mark.dagster

DAYS = [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
PUBLISHED: dict[str, str] = {
    "USD": "1.1664",
    "JPY": "183.21",
    "IDR": "19543.0",
    "GBP": "0.8687",
    "KWD": "0.358145",
    "MTQ": "0.00000001",
    "VEF": "9999999.99999999",
}
"""Made rates of any number of digits that fixings may have."""
CURRENCIES = ["EUR", *PUBLISHED, *(one.currency for one in CONVERSIONS)]
REQUEST = f"""table: {FACT}
correction: everything
window: {{first: {DAYS[0]}, last: {DAYS[-1]}}}
reason: Counted twice.
expect: {{columns: [revenue_usd], same_rows: true}}
"""


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three days, the last of which no fixing is of, published twice as high and corrected up to the gate."""
    house = new_house(tmp_path_factory.mktemp("currencies"), "2026-01-08T06:00:00+00:00")
    (house.landing / "fx").mkdir(parents=True)
    lines = [f"Date,{','.join(PUBLISHED)},", *(f"{day},{','.join(PUBLISHED.values())}," for day in reversed(DAYS[:-1]))]
    (house.landing / "fx/eurofxref-hist.csv").write_text("\n".join([*lines, ""]))
    for day in DAYS:
        drop_parquet(house.landing, day, [transaction(f"{day}{one}", day, currency=one) for one in CURRENCIES])
    answered = house.run("nightly", "--through", str(DAYS[-1]))
    assert answered.code == 0, answered.text
    live = house.records.snapshot(FACT).scan().collect()
    assert {*live["currency"]} == {*CURRENCIES}
    twice = live.with_columns(pl.col("revenue_usd") * 2).cast(live.schema)
    house.records.table(FACT).replace_days({day: twice.filter(pl.col("day") == day) for day in DAYS})
    (house.root / "request.yaml").write_text(REQUEST)
    assert house.run("open", str(house.root / "request.yaml")).code == 0
    assert house.run("run", "everything").code == 3
    return house


def test_every_proof_of_it_passes(corrected: House) -> None:
    gate = corrected.records.ledger.progress("everything").gate
    checks = corrected.records.certificates.find(gate.certificate).checks

    assert {check.name: check.sentence for check in checks if not check.passed} == {}
    assert gate.passed
    assert len(gate.changed) == len(DAYS)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_rate_that_is_off_by_its_last_digit_is_found_in_it(currency: str, corrected: House) -> None:
    """Of each currency the check compares rates in numbers, whatever decimals they are written with."""
    from backfill_assets.checks import Evidence
    from backfill_assets.revenue import sample

    records = corrected.records
    plan = records.ledger.progress("everything").plan
    staged = records.staged(FACT, "everything").snapshot().scan().collect()
    digit = pl.lit(Decimal("0.00000001"), staged.schema["rate_currency"])
    off = pl.when(pl.col("currency") == currency).then(pl.col("rate_currency") + digit).otherwise("rate_currency")
    wrong = staged.with_columns(rate_currency=off.cast(staged.schema["rate_currency"]))
    (check,) = sample.prove_sample(Evidence(plan, records, wrong.lazy(), wrong.lazy(), plan.days))

    assert not check.passed
    assert {one["currency"] for one in check.detail["examples"]} == {currency}
    assert check.days == tuple(DAYS)
