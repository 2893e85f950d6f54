"""The ECB's euro reference rates: what was published, what was known when, and what is in force on a day."""

import re
from collections.abc import Collection
from datetime import date, timedelta

import polars as pl
from polars.exceptions import PanicException, PolarsError

from backfill_assets.revenue.conversions import conversion_table
from backfill_assets.revenue.errors import StaleFixings, UnusableFixings
from backfill_assets.revenue.schemas import CURRENCY, MAX_FIXING_AGE_DAYS, schema_of
from backfill_assets.sources import csv_frame, damage, names_given_twice, ragged_lines, short_lines

FIXING = ("fixing_day", "currency")
PUBLISHED = pl.Schema({"fixing_day": pl.Date(), "currency": pl.String(), "rate": pl.Decimal(18, 8)})
NOT_FIXED = "N/A"
EXACT_RATE = r"^[0-9]{1,10}(\.[0-9]{1,8})?$"
EXACT_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def stated_fixings(content: bytes, file: str) -> pl.DataFrame:
    """The ECB's history file in long form: ``fixing_day``, ``currency``, ``rate`` (units per EUR), sorted.

    The rate is null wherever the file itself says ``N/A``. ``file`` is only named in errors.

    Raises:
        UnusableFixings: a day or a rate is none, or a day occurs twice.
    """
    wide = _wide(content, file)
    currencies = [name for name in wide.columns if re.fullmatch(CURRENCY, name)]
    others = set(wide.columns) - {*currencies, "Date", ""}
    if others or not currencies or "Date" not in wide.columns:
        raise UnusableFixings(file, [f"column {name}" for name in others] or ["the header"])
    text = wide.unpivot(currencies, index="Date", variable_name="currency", value_name="text").with_columns(
        fixing_day=pl.col("Date").str.to_date("%Y-%m-%d", strict=False),
        rate=pl.when(pl.col("text").str.contains(EXACT_RATE)).then("text").cast(pl.Decimal(18, 8), strict=False),
    )
    rates = text.filter(pl.col("text").is_null() | (pl.col("text") != NOT_FIXED))
    usable = pl.col("fixing_day").is_not_null() & (pl.col("rate") > 0) & pl.struct(FIXING).is_unique()
    bad = rates.filter(~usable.fill_null(value=False))
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
        wide = csv_frame(content)
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


def new_fixings(known: pl.DataFrame, stated: pl.DataFrame, arrival: int, *, beside_newer: bool = False) -> pl.DataFrame:
    """What an arrival adds to the log ``known`` (``raw_fixings``): the fixings that are new or differ.

    Absence says nothing: a known fixing of which the file has no row or no column stays as it is. Only where the file
    itself says that there is none (a null rate in ``stated``) it is withdrawn, by a null rate. With ``beside_newer`` a
    file that ends before what is known adds the fixings nobody stated yet, and changes none.

    Raises:
        StaleFixings: the file ends before what is known, and is not said to lie beside a newer one.
    """
    in_force = fixings_known(known)
    _, last = _span(stated.filter(pl.col("rate").is_not_null()))
    _, newest = _span(in_force)
    fixed = stated.filter(pl.col("rate").is_not_null())
    if newest is None or (last is not None and last >= newest):
        added = fixed.join(in_force, on=[*FIXING, "rate"], how="anti")
        changes = [added, withdrawn_fixings(known, stated).with_columns(rate=pl.lit(None, PUBLISHED["rate"]))]
    elif beside_newer and last is not None:
        changes = [fixed.join(known, on=FIXING, how="anti")]
    else:
        raise StaleFixings(last, newest)
    rows = pl.concat([change.select(list(PUBLISHED)) for change in changes])
    return rows.with_columns(arrival=pl.lit(arrival, pl.Int64)).select(list(schema_of("raw_fixings"))).sort(FIXING)


def withdrawn_fixings(known: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """The known fixings of which a file itself says that there are none."""
    return fixings_known(known).join(stated.filter(pl.col("rate").is_null()), on=FIXING, how="semi")


def unmentioned_fixings(known: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """The known fixings within the span of a file's days of which it says nothing, for want of a row or a column."""
    first, last = _span(stated)
    within = fixings_known(known).filter(pl.col("fixing_day").is_between(first, last))
    return within.join(stated, on=FIXING, how="anti")


def rates_in_force(
    fixings: pl.DataFrame, days: Collection[date], max_age_days: int = MAX_FIXING_AGE_DAYS
) -> pl.DataFrame:
    """The rates of the days, in the shape of ``fx_rates``: the fixings of the last day on which any was published.

    A fixing is carried over days on which nothing was published at all, at most ``max_age_days``; never past a day on
    which others were. EUR is 1, and a currency that it replaced has its conversion rate, both fixed on the day itself.
    """
    wanted = pl.DataFrame({"day": sorted(set(days))}, schema={"day": pl.Date})
    euro = wanted.with_columns(currency=pl.lit("EUR"), rate=pl.lit(1).cast(PUBLISHED["rate"]), fixing_day="day")
    converted = (
        wanted.join(conversion_table(), how="cross")
        .filter(pl.col("since") <= pl.col("day"))
        .select("day", "currency", "rate", fixing_day="day")
    )
    fixed = pl.concat([euro, converted])
    published = fixings.filter(pl.col("rate").is_not_null()).select(list(PUBLISHED))
    carried = wanted.join_asof(
        published.select(pl.col("fixing_day").unique().sort()),
        left_on="day",
        right_on="fixing_day",
        strategy="backward",
        tolerance=timedelta(days=max_age_days),
        coalesce=False,
        check_sortedness=False,
    )
    in_force = carried.join(published, on="fixing_day").join(fixed, on=["day", "currency"], how="anti")
    rates = pl.concat([in_force, fixed], how="diagonal")
    return rates.select(list(schema_of("fx_rates"))).sort("day", "currency")


def _span(fixings: pl.DataFrame) -> tuple[date | None, date | None]:
    return fixings.select(first=pl.col("fixing_day").min(), last=pl.col("fixing_day").max()).row(0)
