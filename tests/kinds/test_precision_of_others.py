"""Outside figures are compared at the precision at which they are stated: rounding is no fault, no fault is rounding.

Five days of forty sales each, in three currencies and four countries. The ledger is what finance would have printed.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.comparison import compare
from backfill_assets.core.exact import Precision, agrees, half_unit, scale_of, scales_of
from backfill_assets.core.expectation import Estimate, Expectation
from backfill_assets.core.proofs import Control, control_totals
from backfill_assets.core.validation import validate_days
from backfill_assets.core.window import Window
from backfill_assets.revenue.against_ledger import ROUNDS, SCALE
from backfill_assets.revenue.checks import closer_by_currency
from backfill_assets.revenue.errors import SettingUnreadable
from backfill_assets.revenue.landing import LEDGER, read_ledger
from backfill_assets.revenue.reconciling import reconcile
from backfill_assets.revenue.reports import finance_reconciliation_export
from backfill_assets.runbook import Evidence
from tests.e2e.house import House, new_home
from tests.e2e.shop import FIXINGS
from tests.e2e.small_lake import NOW, SmallLake, ingest, publish, publish_rates
from tests.scenarios import drop_parquet, transaction

DAYS = Window(date(2026, 1, 5), date(2026, 1, 9))
BUSY = date(2026, 1, 7)
COUNTRIES = ("Germany", "France", "Ireland", "United Kingdom")
Line = tuple[date, str, int, Decimal]
Printed = Callable[[Decimal, str], str]


def sales(day: date) -> list[dict[str, object]]:
    """Forty sales, the amounts such that every one of them is rounded on its way into USD."""
    return [
        transaction(
            f"{day}-{number}",
            day,
            currency=("EUR", "GBP", "USD")[number % 3],
            country=COUNTRIES[number % 4],
            amount=f"{number}.{37 * number % 10000:04}",
        )
        for number in range(1, 41)
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """Published right. The tests write its ledger, and nothing else."""
    found = SmallLake(tmp_path_factory.mktemp("precision"))
    for folder in ("transactions", "fx", "ledger"):
        (found.landing / folder).mkdir(parents=True)
    (found.landing / "fx/eurofxref-hist.csv").write_text(FIXINGS)
    for day in DAYS:
        drop_parquet(found.landing, day, sales(day))
    ingest(found, DAYS.days)
    publish_rates(found, DAYS.days)
    publish(found, DAYS.days)
    return found


def booked(lake: SmallLake, amount: pl.Expr, by: Sequence[str] = ("day", "currency")) -> list[Line]:
    """The fact as finance adds it up, ``amount`` of every group of ``by`` rounded before it is added up."""
    rounded = lake.live().group_by(by).agg(pl.col("transactions").sum(), amount.alias("revenue_usd"))
    rows = rounded.group_by("day", "currency").agg(pl.col("transactions", "revenue_usd").sum())
    return [(day, code, count, Decimal(str(usd))) for day, code, count, usd in rows.sort("day", "currency").iter_rows()]


def ours(lake: SmallLake) -> list[Line]:
    return booked(lake, pl.col("revenue_usd").sum())


EXACT = (pl.col("amount").cast(pl.Float64) * pl.col("rate_usd") / pl.col("rate_currency")).sum()


def write(lake: SmallLake, lines: Sequence[Line], printed: Printed) -> None:
    text = [f"{day},{code},{count},{printed(usd, code)}" for day, code, count, usd in lines]
    (lake.landing / "ledger/ledger.csv").write_text("\n".join([",".join(LEDGER), *text]) + "\n")


def found(lake: SmallLake, monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[dict[str, object]]:
    monkeypatch.setenv("BACKFILL_LANDING", str(lake.landing))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(folder))
    return [dict(finding) for finding in reconcile(lake.records, lake.landing, None, NOW).findings]


def to(places: int, rounding: str = ROUND_HALF_EVEN) -> Printed:
    """Printed with so many decimals, zeros at the end included."""
    return lambda usd, _code: f"{usd.quantize(Decimal(1).scaleb(-places), rounding):f}"


def stripped(places: int) -> Printed:
    """The same without zeros at the end."""
    return lambda usd, code: to(places)(usd, code).rstrip("0").rstrip(".")


def mixed(usd: Decimal, code: str) -> str:
    return to({"GBP": 0, "EUR": 2, "USD": 4}[code])(usd, code)


STATED: dict[str, Printed] = {
    "to the last digit": to(4),
    "more zeros than we have": to(6),
    "in cents": to(2),
    "in cents, half up": to(2, ROUND_HALF_UP),
    "in tenths": to(1),
    "in whole dollars": to(0),
    "each currency at a scale of its own": mixed,
    "in cents without zeros at the end": stripped(2),
    "without zeros at the end": stripped(4),
}


@pytest.mark.parametrize("printed", STATED.values(), ids=STATED)
def test_a_ledger_that_is_ours_rounded_disagrees_nowhere(lake, monkeypatch, tmp_path, printed: Printed):
    write(lake, ours(lake), printed)

    assert found(lake, monkeypatch, tmp_path) == []
    export = finance_reconciliation_export(lake.live(), read_ledger(lake.landing), DAYS.days)
    assert set(export["reason"]) == {"equal"}


@pytest.mark.parametrize("places", [0, 2, 4])
def test_a_ledger_that_rounds_the_sum_once_disagrees_nowhere(lake, monkeypatch, tmp_path, places: int):
    """Ours rounds every transaction: the sums differ by more than half a unit here and there."""
    lines = booked(lake, EXACT.round(10))
    write(lake, lines, to(places))

    assert any(abs(one[3] - other[3]) > half_unit(4) for one, other in zip(lines, ours(lake), strict=True))
    assert found(lake, monkeypatch, tmp_path) == []


def test_a_ledger_that_adds_up_rounded_countries_disagrees_once_it_is_known_to(lake, monkeypatch, tmp_path):
    write(lake, booked(lake, pl.col("revenue_usd").sum().round(1), ("day", "currency", "country")), to(1))

    monkeypatch.setenv(ROUNDS, "country")

    assert found(lake, monkeypatch, tmp_path) == []


FAULTS = [
    (stated, sign + fault)
    for stated, fault in {
        "in cents": "0.02",
        "in tenths": "0.2",
        "in whole dollars": "2",
        "to the last digit": "0.02",
    }.items()
    for sign in "+-"
]


@pytest.mark.parametrize("planted", FAULTS)
def test_a_fault_larger_than_the_rounding_is_found_with_the_precision_said(
    lake, monkeypatch, tmp_path, planted: tuple[str, str]
):
    stated, fault = planted
    lines = [
        (day, code, count, usd + Decimal(fault) * ((day, code) == (BUSY, "GBP")))
        for day, code, count, usd in ours(lake)
    ]
    write(lake, lines, STATED[stated])

    (finding,) = found(lake, monkeypatch, tmp_path)

    assert (finding["since"], finding["groups"], finding["days"]) == (str(BUSY), ["GBP"], 1)
    half = half_unit(scale_of(STATED[stated](Decimal(1), "GBP")))
    assert Decimal(str(finding["precision"])) == half
    request = yaml.safe_load(Path(str(finding["request"])).read_text())
    assert f"explains {finding['precision']} USD" in request["reason"]


def test_errors_that_cancel_to_less_than_the_rounding_predict_no_total(lake, monkeypatch, tmp_path):
    off = {(BUSY, "GBP"): Decimal(3), (BUSY, "EUR"): Decimal(-3)}
    write(lake, [(day, code, n, usd + off.get((day, code), 0)) for day, code, n, usd in ours(lake)], to(0))

    (finding,) = found(lake, monkeypatch, tmp_path)

    expect = yaml.safe_load(Path(str(finding["request"])).read_text())["expect"]
    assert "estimate" not in expect or Decimal(expect["estimate"]["tolerance"].rstrip("%")) >= 10


def test_what_is_known_of_the_source_comes_before_what_it_prints(lake, monkeypatch, tmp_path):
    write(lake, [(day, code, n, usd + Decimal("0.3")) for day, code, n, usd in ours(lake)], to(4))
    assert found(lake, monkeypatch, tmp_path)

    monkeypatch.setenv(SCALE, "0")
    assert found(lake, monkeypatch, tmp_path) == []
    monkeypatch.setenv(SCALE, "*=0, GBP=4")
    assert [finding["groups"] for finding in found(lake, monkeypatch, tmp_path)] == [["GBP"]]


@pytest.mark.parametrize("told", ["two", "EUR=x", "2,3", "eur=2", "2.5"])
def test_a_scale_that_is_none_is_refused_by_name(lake, monkeypatch, tmp_path, told: str):
    monkeypatch.setenv(SCALE, told)
    with pytest.raises(SettingUnreadable, match=SCALE):
        found(lake, monkeypatch, tmp_path)


def test_two_files_of_the_ledger_at_different_scales_do_not_contradict_each_other(tmp_path):
    (tmp_path / "ledger").mkdir()
    for name, usd in (("a.csv", "12.35"), ("b.csv", "12.3456"), ("c.csv", "12")):
        (tmp_path / "ledger" / name).write_text(f"{','.join(LEDGER)}\n2026-01-07,GBP,3,{usd}\n")

    ledger = read_ledger(tmp_path)

    assert ledger.bad_lines == ()
    assert ledger.frame["revenue_usd"].to_list() == [Decimal("12.3456")]
    assert [*ledger.scales.values()] == [4]


# ---- the other comparisons


def test_a_correction_below_the_ledgers_last_digit_is_neither_closer_nor_farther(lake, monkeypatch):
    write(lake, ours(lake), to(2))
    staged = lake.live()
    live = staged.with_columns((pl.col("revenue_usd") + Decimal("0.0002")).cast(staged.schema["revenue_usd"]))
    evidence = Evidence(None, lake.records, staged.lazy(), live.lazy(), DAYS.days)  # pyright: ignore[reportArgumentType]

    check = closer_by_currency(evidence, read_ledger(lake.landing))

    assert check.passed, check.sentence
    assert "too coarse" in check.sentence


@pytest.mark.parametrize("stated", STATED)
def test_a_right_day_made_wrong_is_farther_from_the_ledger_at_any_scale(lake, stated: str):
    write(lake, ours(lake), STATED[stated])
    live = lake.live()
    staged = live.with_columns(
        pl.when(pl.col("day") == BUSY).then(pl.col("revenue_usd") + 2).otherwise("revenue_usd").cast(pl.Decimal(38, 4))
    )
    evidence = Evidence(None, lake.records, staged.lazy(), live.lazy(), DAYS.days)  # pyright: ignore[reportArgumentType]

    check = closer_by_currency(evidence, read_ledger(lake.landing))

    assert (check.passed, check.days) == (False, (BUSY,))


TOTALS = [
    (pl.Decimal(18, 2), "10.23", True),
    (pl.Decimal(18, 2), "10.24", False),
    (pl.Decimal(18, 4), "10.2345", True),
    (pl.Decimal(18, 4), "10.2344", False),
    (pl.Int64(), "10", True),
    (pl.Int64(), "11", False),
]


@pytest.mark.parametrize("total", TOTALS)
def test_a_control_total_is_held_at_the_scale_of_its_type(total: tuple[pl.DataType, str, bool]):
    kind, stated, agreed = total
    staged = pl.LazyFrame(
        {"day": [BUSY] * 2, "amount": [Decimal("4.2345"), Decimal("6.0000")]},
        schema_overrides={"amount": pl.Decimal(18, 4)},
    )
    frame = pl.LazyFrame({"day": [BUSY], "amount": [Decimal(stated)]}).with_columns(pl.col("amount").cast(kind))

    check = control_totals(staged, Control(frame, ("day",), ("amount",)))

    assert check.passed is agreed, check.sentence


def test_several_stated_rows_of_a_group_allow_half_a_unit_each():
    staged = pl.LazyFrame(
        {"day": [BUSY], "amount": [Decimal("30.0120")]}, schema_overrides={"amount": pl.Decimal(18, 4)}
    )

    def stated(*amounts: str) -> Control:
        frame = pl.LazyFrame({"day": [BUSY] * len(amounts), "amount": [Decimal(one) for one in amounts]})
        return Control(frame.with_columns(pl.col("amount").cast(pl.Decimal(18, 2))), ("day",), ("amount",))

    assert control_totals(staged, stated("10.00", "10.00", "10.00")).passed
    assert not control_totals(staged, stated("10.00", "20.00")).passed


ESTIMATES = [
    ("-1.23", "-1.2345", True),
    ("-1.23", "-1.2251", True),
    ("-1.23", "-1.2400", False),
    ("-1.2345", "-1.2345", True),
    ("-1.2345", "-1.2346", False),
    ("-1", "-1.4999", True),
    ("-1", "-1.6", False),
]


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_an_estimate_is_met_to_the_digit_to_which_it_was_written(estimate: tuple[str, str, bool]):
    predicted, measured, met = estimate
    kind = pl.Decimal(18, 4)
    old = pl.LazyFrame({"day": [BUSY], "usd": [Decimal(100)]}, schema_overrides={"usd": kind})
    new = old.with_columns((pl.col("usd") + Decimal(measured)).cast(kind))
    expectation = Expectation(estimate=Estimate("usd", Decimal(predicted)))
    comparison = compare(old, new, keys=(), measures=("usd",))

    (_, check) = validate_days(expectation, comparison, old, new, days=[BUSY])

    assert check.passed is met, check.sentence


# ---- the rule


@given(st.decimals(-10_000, 10_000, places=4, allow_nan=False), st.integers(0, 4))
def test_a_figure_agrees_with_every_rounding_of_itself(value: Decimal, places: int):
    for rounding in (ROUND_HALF_EVEN, ROUND_HALF_UP):
        assert agrees(value, value.quantize(Decimal(1).scaleb(-places), rounding), places)


@given(st.lists(st.decimals(0, 100, places=4, allow_nan=False), min_size=1, max_size=20), st.integers(0, 3))
def test_a_sum_of_rounded_figures_lies_within_half_a_unit_of_each(values: list[Decimal], places: int):
    rounded = sum((value.quantize(Decimal(1).scaleb(-places)) for value in values), Decimal(0))

    assert agrees(sum(values, Decimal(0)), rounded, places, figures=len(values))


def test_zeros_at_the_end_count_unless_the_source_leaves_them_out():
    assert scales_of(["12.30", "12.3456", "7"]) == {"12.30": 2, "12.3456": 4, "7": 0}
    stripped_figures = [f"{number}.{number % 9 + 1}{number % 7 + 1}" for number in range(40)]
    assert set(scales_of([*stripped_figures, "7", "7.5"]).values()) == {2}


def test_a_source_may_say_its_scale_for_some_groups():
    known = Precision({"JPY": 0})

    assert (known.scale("JPY", 4), known.scale("EUR", 4)) == (0, 4)


@pytest.mark.dagster
def test_from_the_command_line_a_ledger_in_cents_finds_nothing(lake, tmp_path):
    house = House(lake.root, new_home(), "2026-01-24T06:00:00+00:00")
    write(lake, ours(lake), to(2))
    nothing = house.run("reconcile")
    write(lake, [(day, code, n, usd + 5 * (day == BUSY)) for day, code, n, usd in ours(lake)], to(2))
    something = house.run("reconcile")

    assert (nothing.told["findings"], nothing.told["units"]) == ([], ["0.01"])
    assert [finding["since"] for finding in something.told["findings"]] == [str(BUSY)]
