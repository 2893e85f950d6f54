"""The ECB's euro reference rates: what was published, what was known when, and what is in force on a day."""

import re
from collections.abc import Collection
from datetime import date, timedelta

import polars as pl
from polars.exceptions import PanicException, PolarsError

from backfill_assets.errors.source import StaleFixings, UnusableFixings
from backfill_assets.revenue.landing_formats import damage, names_given_twice, ragged_lines, short_lines
from backfill_assets.revenue.schemas import CURRENCY, MAX_FIXING_AGE_DAYS, schema_of

FIXING = ("fixing_day", "currency")
PUBLISHED = pl.Schema({"fixing_day": pl.Date(), "currency": pl.String(), "rate": pl.Decimal(18, 8)})
EXACT_RATE = r"^[0-9]{1,10}(\.[0-9]{1,8})?$"
EXACT_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def read_fixings(content: bytes, file: str) -> pl.DataFrame:
    """The ECB's history file in long form: ``fixing_day``, ``currency``, ``rate`` (units per EUR), sorted.

    ``N/A`` is no fixing. ``file`` is only named in errors.

    Raises:
        UnusableFixings: a day or a rate is none, or a day occurs twice.
    """
    wide = _wide(content, file)
    currencies = [name for name in wide.columns if re.fullmatch(CURRENCY, name)]
    others = set(wide.columns) - {*currencies, "Date", ""}
    if others or not currencies or "Date" not in wide.columns:
        raise UnusableFixings(file, [f"column {name}" for name in others] or ["the header"])
    text = wide.unpivot(currencies, index="Date", variable_name="currency", value_name="text")
    text = text.filter(pl.col("text").is_null() | (pl.col("text") != "N/A")).with_columns(
        fixing_day=pl.col("Date").str.to_date("%Y-%m-%d", strict=False),
        rate=pl.when(pl.col("text").str.contains(EXACT_RATE)).then("text").cast(pl.Decimal(18, 8), strict=False),
    )
    usable = pl.col("fixing_day").is_not_null() & (pl.col("rate") > 0) & pl.struct(FIXING).is_unique()
    bad = text.filter(~usable.fill_null(value=False))
    if bad.height:
        raise UnusableFixings(file, bad.select(pl.format("{} on {}", "currency", "Date")).to_series().to_list())
    if lines := _unusable_lines(wide):
        raise UnusableFixings(file, lines)
    return text.select(list(PUBLISHED)).sort(FIXING)


def _wide(content: bytes, file: str) -> pl.DataFrame:
    """The file as it is, all text, whole.

    Raises:
        UnusableFixings: it is no CSV, its last line has no end, or a line or a column is not as the header says.
    """
    if not content:
        raise UnusableFixings(file, ["the whole file"])
    if culprits := damage(content) or [f"column {name}, given twice" for name in names_given_twice(content)]:
        raise UnusableFixings(file, culprits)
    try:
        wide = pl.read_csv(content, infer_schema=False)
    except (PolarsError, PanicException) as error:
        raise UnusableFixings(file, ragged_lines(content) or ["the whole file"]) from error
    if ragged := short_lines(content, wide.width):
        raise UnusableFixings(file, ragged)
    return wide


def _unusable_lines(wide: pl.DataFrame) -> list[str]:
    """Lines of no day or of one that another line has, and values in the column that has no name."""
    unnamed = pl.col("").is_not_null() if "" in wide.columns else pl.lit(value=False)
    day = pl.col("Date").fill_null("")
    usable = day.str.contains(EXACT_DAY) & day.is_unique() & ~unnamed
    return wide.filter(~usable).select(pl.format("the line of {}", day)).to_series().unique().to_list()


def fixings_known(raw_fixings: pl.DataFrame, through_arrival: int | None = None) -> pl.DataFrame:
    """The latest known rate per fixing day and currency, with the arrival that brought it, sorted.

    Withdrawn fixings are absent. ``through_arrival`` answers as of that arrival, later ones left aside.
    """
    log = raw_fixings if through_arrival is None else raw_fixings.filter(pl.col("arrival") <= through_arrival)
    latest = log.sort("arrival").unique(FIXING, keep="last", maintain_order=True)
    return latest.filter(pl.col("rate").is_not_null()).sort(FIXING)


def new_fixings(known: pl.DataFrame, arrived: pl.DataFrame, arrival: int) -> pl.DataFrame:
    """What an arrival adds to the log ``known`` (``raw_fixings``): the fixings that are new or differ.

    A known fixing that the file no longer has is withdrawn by a null rate. A file that begins later than the log
    (the ECB's 90 days, or one cut off at its end) says nothing about the days before it.

    Raises:
        StaleFixings: the file ends before what is known.
    """
    in_force = fixings_known(known)
    first, last = _span(arrived)
    _, newest = _span(in_force)
    if newest and (not last or last < newest):
        raise StaleFixings(last, newest)
    added = arrived.join(in_force, on=[*FIXING, "rate"], how="anti")
    withdrawn = in_force.filter(pl.col("fixing_day") >= first).join(arrived, on=FIXING, how="anti")
    gone = withdrawn.select(*FIXING, rate=pl.lit(None, PUBLISHED["rate"]))
    rows = pl.concat([added.select(list(PUBLISHED)), gone]).with_columns(arrival=pl.lit(arrival, pl.Int64))
    return rows.select(list(schema_of("raw_fixings"))).sort(FIXING)


def rates_in_force(
    fixings: pl.DataFrame, days: Collection[date], max_age_days: int = MAX_FIXING_AGE_DAYS
) -> pl.DataFrame:
    """The rates of the days, in the shape of ``fx_rates``: each currency's latest fixing on or before the day.

    A currency without a fixing in the last ``max_age_days`` days has no row. EUR is 1, fixed on the day itself.
    """
    wanted = pl.DataFrame({"day": sorted(set(days))}, schema={"day": pl.Date})
    euro = wanted.with_columns(currency=pl.lit("EUR"), rate=pl.lit(1).cast(PUBLISHED["rate"]), fixing_day="day")
    published = fixings.filter(pl.col("rate").is_not_null() & (pl.col("currency") != "EUR")).sort("fixing_day")
    in_force = wanted.join(published.select(pl.col("currency").unique()), how="cross").join_asof(
        published.select("currency", "rate", "fixing_day"),
        left_on="day",
        right_on="fixing_day",
        by="currency",
        strategy="backward",
        tolerance=timedelta(days=max_age_days),
        coalesce=False,
        check_sortedness=False,
    )
    rates = pl.concat([in_force.filter(pl.col("rate").is_not_null()), euro], how="diagonal")
    return rates.select(list(schema_of("fx_rates"))).sort("day", "currency")


def _span(fixings: pl.DataFrame) -> tuple[date | None, date | None]:
    return fixings.select(first=pl.col("fixing_day").min(), last=pl.col("fixing_day").max()).row(0)
