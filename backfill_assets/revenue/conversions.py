"""The irrevocable conversion rates of the currencies that the euro replaced, and the law that fixed each.

From its date on such a currency is only another name for the euro: references to it are read as references to the euro
at this rate (Council Regulation (EC) No 974/98, articles 3, 6 and 14), without end. An amount in it is therefore
converted at this rate however long after the change it occurs, and never at a fixing from before.

All rates are those of article 1 of Council Regulation (EC) No 2866/98 as amended; ``source`` names the amendment.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl


@dataclass(frozen=True, slots=True)
class Conversion:
    """Units of a currency that are one euro, from a day on, and where that is written."""

    currency: str
    rate: Decimal
    since: date
    source: str


_FIRST = (date(1999, 1, 1), "Council Regulation (EC) No 2866/98")

CONVERSIONS: tuple[Conversion, ...] = (
    Conversion("ATS", Decimal("13.7603"), *_FIRST),
    Conversion("BEF", Decimal("40.3399"), *_FIRST),
    Conversion("DEM", Decimal("1.95583"), *_FIRST),
    Conversion("ESP", Decimal("166.386"), *_FIRST),
    Conversion("FIM", Decimal("5.94573"), *_FIRST),
    Conversion("FRF", Decimal("6.55957"), *_FIRST),
    Conversion("IEP", Decimal("0.787564"), *_FIRST),
    Conversion("ITL", Decimal("1936.27"), *_FIRST),
    Conversion("LUF", Decimal("40.3399"), *_FIRST),
    Conversion("NLG", Decimal("2.20371"), *_FIRST),
    Conversion("PTE", Decimal("200.482"), *_FIRST),
    Conversion("GRD", Decimal("340.750"), date(2001, 1, 1), "Council Regulation (EC) No 1478/2000"),
    Conversion("SIT", Decimal("239.640"), date(2007, 1, 1), "Council Regulation (EC) No 1086/2006"),
    Conversion("CYP", Decimal("0.585274"), date(2008, 1, 1), "Council Regulation (EC) No 1135/2007"),
    Conversion("MTL", Decimal("0.429300"), date(2008, 1, 1), "Council Regulation (EC) No 1134/2007"),
    Conversion("SKK", Decimal("30.1260"), date(2009, 1, 1), "Council Regulation (EC) No 694/2008"),
    Conversion("EEK", Decimal("15.6466"), date(2011, 1, 1), "Council Regulation (EU) No 671/2010"),
    Conversion("LVL", Decimal("0.702804"), date(2014, 1, 1), "Council Regulation (EU) No 870/2013"),
    Conversion("LTL", Decimal("3.45280"), date(2015, 1, 1), "Council Regulation (EU) No 851/2014"),
    Conversion("HRK", Decimal("7.53450"), date(2023, 1, 1), "Council Regulation (EU) 2022/1208"),
    Conversion("BGN", Decimal("1.95583"), date(2026, 1, 1), "Council Regulation (EU) 2025/1409"),
)


def conversion_of(currency: str, day: date) -> Conversion | None:
    """The conversion that is in force for a currency on a day; None while it has a rate of its own, or never joined."""
    return next((one for one in CONVERSIONS if one.currency == currency and one.since <= day), None)


def conversion_table() -> pl.DataFrame:
    """``currency``, ``rate`` and ``since`` of every conversion."""
    rows = [(one.currency, one.rate, one.since) for one in CONVERSIONS]
    return pl.DataFrame(rows, schema={"currency": pl.String, "rate": pl.Decimal(18, 8), "since": pl.Date}, orient="row")
