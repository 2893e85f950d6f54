"""Revenue computed a second time, transaction by transaction, from raw rows and the ECB's fixings.

Plain integers on plain rows: nothing here is shared with the transform or with ``fx_rates``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import repeat
from operator import mul
from typing import Any

import polars as pl

from backfill_assets.checks import (
    Cell,
    Check,
    Evidence,
    Sample,
    SampledRow,
    Samples,
    from_units,
    proof_sample,
    sample_rederived,
)
from backfill_assets.corrections import Plan, Window
from backfill_assets.lake import Records
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.conversions import conversion_of
from backfill_assets.revenue.sampled_rows import Transactions, all_rows, key_of, staged_rows
from backfill_assets.revenue.schemas import FACT_KEY, MAX_FIXING_AGE_DAYS, schema_of
from backfill_assets.sources import WHOLE_DAY, raw_manifest

MONEY = 4
"""Decimals of amounts and of USD, which are added up in units of the last one."""
MOST_LINES = 300_000
CELLS = ("transactions", "amount", "rate_currency", "rate_usd", "fixing_day", "revenue_usd")
STAGED = "_staged"

Fixings = Mapping[tuple[str, date], Decimal | None]
OfDay = tuple[date, str]
"""A day and a currency."""


@dataclass(frozen=True)
class RatePair:
    """Both rates of a currency in force on a day, and when they were fixed."""

    currency: Decimal
    usd: Decimal
    currency_fixed: date
    usd_fixed: date

    @cached_property
    def ratio(self) -> tuple[int, int]:
        """The rate of USD over that of the currency, as integers; the second is positive."""
        (above, over), (below, under) = self.usd.as_integer_ratio(), self.currency.as_integer_ratio()
        return above * under, below * over


def prove_sample(evidence: Evidence) -> Sequence[Check]:
    """Derive staged rows a second time, compare every cell with it, and keep a sample that a person can tick off.

    Where the plan has no more than 300,000 transactions every row is derived, also one that is not staged. Otherwise
    so many of the staged rows are that errors in 1 % of them are found with 95 %, and one of every day at least; what
    is not staged at all is found by the control totals. Some of them are listed transaction by transaction.
    """
    plan, records = evidence.plan, evidence.records
    raw = records.snapshot(raw_log.RAW, plan.pins[raw_log.RAW]).scan(plan.days).select(*_RAW_COLUMNS)
    staged = evidence.staged.collect()
    effective = _effective(raw, raw_log.TRANSACTIONS.arrivals(records, plan.pins[raw_log.RAW]))
    lines = int(staged["transactions"].sum())
    population = all_rows(effective, staged) if lines <= MOST_LINES else staged_rows(staged)
    drawn = proof_sample(
        population, FACT_KEY, strata=["currency"], seed=plan.correction, lines="lines", most=MOST_LINES
    )
    fixings = fixings_at_opening(records, plan)
    fixed_on = days_fixed(fixings)
    of_days = drawn.rows.select("day", "currency").unique().iter_rows()
    pairs = {(day, currency): rate_pair(fixings, currency, day, fixed_on) for day, currency in of_days}
    transactions = Transactions(effective, drawn.rows)
    # Polars reads, and Python derives what was read before.
    with ThreadPoolExecutor(1) as beside:
        derived = [beside.submit(_derive, counted, pairs) for counted in transactions.in_parts()]
        chosen, behind = transactions.to_list(plan)
        rows = pl.concat([_derived([]), *(one.result() for one in derived)])
    compared = _compared(drawn.rows.select(FACT_KEY), rows, staged)
    told = chosen.select(FACT_KEY).join(compared, on=FACT_KEY, how="left", nulls_equal=True, maintain_order="left")
    listed = _listed(behind, told, pairs)
    sample = Sample(plan.correction, population.height, drawn.rows.height, transactions.count, listed)
    number = Samples(records.lake).keep(sample)
    return [_check(compared, sample, number, drawn.power)]


def fixings_at_opening(records: Records, plan: Plan) -> Fixings:
    """What was known of the ECB's fixings when the correction was opened, for its window; None for a withdrawn one."""
    known = _arrived_before(records, plan)["arrival"]
    window = Window(plan.window.first - timedelta(days=MAX_FIXING_AGE_DAYS), plan.window.last)
    log = records.snapshot(raw_log.FIXINGS).scan()
    log = log.filter(
        pl.col("fixing_day").is_between(window.first, window.last), pl.col("arrival").is_in(known.implode())
    )
    rows = log.sort("arrival").select("currency", "fixing_day", "rate").collect().iter_rows()
    return {(currency, day): rate for currency, day, rate in rows}


def _arrived_before(records: Records, plan: Plan) -> pl.DataFrame:
    """The manifest's rows of the fixings that had arrived when the correction was opened, by the order of arrivals.

    What arrived before transactions that the plan is pinned to had arrived by then, and what arrived after others had
    not. The clocks of the hosts say so only of fixings that no transactions followed before the opening.
    """
    rows = raw_manifest(records).rows().with_row_index("place")
    is_pinned = pl.col("file").is_in(raw_log.TRANSACTIONS.arrivals(records, plan.pins[raw_log.RAW])["file"].implode())
    there = rows.filter(pl.col("file").is_in(raw_log.TRANSACTIONS.arrivals(records)["file"].implode()))
    last = there.filter(is_pinned)["place"].max()
    later = there.filter(~is_pinned)["place"].min()
    before = pl.col("place") < pl.lit(last)
    told = (pl.col("at") <= plan.opened_at) & (pl.col("place") < pl.lit(later)).fill_null(value=True)
    return rows.filter(pl.col("source") == raw_log.FIXINGS, before.fill_null(value=False) | told)


def days_fixed(fixings: Fixings) -> frozenset[date]:
    """The days on which anything was fixed."""
    return frozenset(day for (_, day), rate in fixings.items() if rate is not None)


def rate_pair(fixings: Fixings, currency: str, day: date, fixed_on: frozenset[date] | None = None) -> RatePair | None:
    """The rates in force: both of the last day on or before that on which anything was fixed, at most seven days old.

    EUR is always 1, and a currency that it replaced is worth what the law says.
    """
    anything_on = days_fixed(fixings) if fixed_on is None else fixed_on
    own, usd = (_in_force(fixings, anything_on, one, day) for one in (currency, "USD"))
    return RatePair(own[0], usd[0], own[1], usd[1]) if own and usd else None


def in_usd(units: Iterable[int], pair: RatePair) -> list[int]:
    """Amounts in USD, both in units of the fourth decimal: the exact values, rounded half to even.

    >>> in_usd([1, 3, -1, -3, 2], RatePair(Decimal("2.0"), Decimal("1.0"), date.min, date.min))
    [0, 2, 0, -2, 1]
    """
    usd, currency = pair.ratio
    twice, double = 2 * usd, 2 * currency
    # Halves upwards, and back by one where it was a tie and has become odd.
    parts = map(divmod, [amount * twice + currency for amount in units], repeat(double))
    return [up if rest else up - up % 2 for up, rest in parts]


_RAW_COLUMNS = (*FACT_KEY, "transaction_id", "occurred_at", "arrival", "amount")


def _in_force(fixings: Fixings, anything_on: frozenset[date], currency: str, day: date) -> tuple[Decimal, date] | None:
    if currency == "EUR":
        return Decimal("1.00000000"), day
    if conversion := conversion_of(currency, day):
        return conversion.rate, day
    for age in range(MAX_FIXING_AGE_DAYS + 1):
        fixed = day - timedelta(days=age)
        if fixed in anything_on:
            rate = fixings.get((currency, fixed))
            return None if rate is None else (rate, fixed)
    return None


def _effective(raw: pl.LazyFrame, manifest: pl.DataFrame) -> pl.LazyFrame:
    """Each transaction once: of a day that landed again, the row that came last, since the last file of a whole day."""
    whole = manifest.filter(pl.col("declared") == WHOLE_DAY).group_by("day").agg(since=pl.col("arrival").max())
    again = sorted(set(manifest.filter(pl.col("arrival") > 1)["day"]))
    if not again:
        return raw
    repeated = pl.col("day").is_in(again)
    current = raw.filter(repeated).join(whole.lazy(), on="day", how="left")
    current = current.filter(pl.col("arrival") >= pl.col("since").fill_null(1), pl.col("amount").is_not_null())
    last = current.sort("arrival").unique(["day", "transaction_id"], keep="last", maintain_order=True)
    return pl.concat([raw.filter(~repeated), last.drop("since")])


def _derive(counted: pl.DataFrame, pairs: Mapping[OfDay, RatePair | None]) -> pl.DataFrame:
    """The derived row of each key. Equal amounts of a key are computed once, as often as they are counted."""
    rows: list[tuple[Any, ...]] = []
    for day, currency, country, amounts, counts in counted.group_by(FACT_KEY).agg("amount", "len").iter_rows():
        native, pair = from_units(sum(map(mul, amounts, counts)), MONEY), pairs[day, currency]
        told: tuple[Any, ...] = (None, None, None, None)
        if pair is not None:
            usd = sum(map(mul, in_usd(amounts, pair), counts))
            fixed = min(pair.currency_fixed, pair.usd_fixed)
            told = (pair.currency, pair.usd, fixed, from_units(usd, MONEY))
        rows.append((day, currency, country, sum(counts), native, *told))
    return _derived(rows)


def _derived(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows of a key and its cells, with the types of those that are staged."""
    schema = schema_of("fct_daily_revenue")
    wanted = {name: schema[name] for name in (*FACT_KEY, *CELLS)}
    columns = zip(*rows, strict=True) if rows else ((),) * len(wanted)
    return pl.DataFrame(dict(zip(wanted, map(list, columns), strict=True)), schema=wanted)


def _compared(keys: pl.DataFrame, derived: pl.DataFrame, staged: pl.DataFrame) -> pl.DataFrame:
    """Every cell of some keys as text: as it was derived, and as it is staged (``…_staged``); null where there is none.

    Numbers are told with the same decimals on both sides.
    """
    told = [pl.col(name).cast(pl.String) for name in CELLS]
    right, left = derived.select(*FACT_KEY, *told), staged.select(*FACT_KEY, *told).unique(FACT_KEY, keep="last")
    found = keys.join(right, on=FACT_KEY, how="left", nulls_equal=True, maintain_order="left")
    return found.join(left, on=FACT_KEY, how="left", nulls_equal=True, suffix=STAGED, maintain_order="left")


def _units(column: str) -> pl.Expr:
    """Decimals of four places as integers, as Python knows them."""
    return pl.col(column).to_physical().cast(pl.Int64)


def _listed(
    behind: pl.DataFrame, compared: pl.DataFrame, pairs: Mapping[OfDay, RatePair | None]
) -> tuple[SampledRow, ...]:
    wanted = behind.join(compared.select(FACT_KEY), on=FACT_KEY, how="semi").sort("occurred_at", "transaction_id")
    lines = wanted.partition_by(FACT_KEY, as_dict=True)
    listed: list[SampledRow] = []
    for row in compared.iter_rows(named=True):
        key = key_of(row)
        cells = tuple(Cell(name, row[name + STAGED], row[name]) for name in CELLS)
        told = tuple(_lines(lines[key], pairs[key[:2]])) if key in lines else ()
        listed.append(SampledRow(dict(zip(FACT_KEY, map(str, key), strict=True)), cells, told))
    return tuple(listed)


def _lines(rows: pl.DataFrame, pair: RatePair | None) -> list[dict[str, str]]:
    """The transactions of a key as a person reads them."""
    told = rows.select(
        pl.col("transaction_id").alias("transaction"),
        pl.col("occurred_at").dt.strftime("%H:%M:%S").alias("occurred at"),
        pl.col("amount").cast(pl.String),
    )
    if pair is None:
        return told.to_dicts()
    usd = in_usd(rows.select(_units("amount"))["amount"].to_list(), pair)
    return told.with_columns(
        pl.lit(f"{pair.currency:f}").alias("rate of currency"),
        pl.lit(str(pair.currency_fixed)).alias("fixed"),
        pl.lit(f"{pair.usd:f}").alias("rate of USD"),
        pl.lit(str(pair.usd_fixed)).alias("USD fixed"),
        pl.Series("USD", [f"{from_units(one, MONEY):f}" for one in usd], pl.String),
    ).to_dicts()


def _check(compared: pl.DataFrame, sample: Sample, number: int, power: float) -> Check:
    cells = [
        compared.select(*FACT_KEY, pl.lit(name).alias("column"), expected=name, actual=name + STAGED) for name in CELLS
    ]
    by_row = pl.concat(cells).sort(FACT_KEY, maintain_order=True)
    found = sample_rederived(by_row.lazy(), nothing_to_sample=not sample.population)
    listed = {"rows": len(sample.rows), "rows_derived": sample.derived, "rows_in_all": sample.population}
    detail = {**found.detail, **listed, "transactions_derived": sample.lines_derived, "sample": number}
    detail["power"] = _per_cent(power)
    sentence = (
        f"{found.sentence} Derived a second time, of all rows: {sample.derived:,} of {sample.population:,}; listed "
        f"transaction by transaction: {len(sample.rows):,}."
    )
    if sample.derived < sample.population:
        sentence = f"{sentence} Errors in one row of a hundred are found with a probability of {_per_cent(power)} %."
    return Check(found.name, found.passed, sentence, found.days, detail)


def _per_cent(power: float) -> str:
    """A probability in per cent, to one decimal that it reaches."""
    return f"{math.floor(power * 1000) / 10:.1f}"
