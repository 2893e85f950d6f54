"""The board pack of a month, made for print: currencies, its quarter, and the earlier figure where it was restated."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import polars as pl
from markupsafe import Markup

from backfill_assets.corrections import Window
from backfill_assets.pages.charts import Drawing
from backfill_assets.pages.formats import count, growth, money, share
from backfill_assets.pages.words import days_counted, month_told, period_told
from backfill_assets.revenue.pages.basis import Basis, basis_of, dollars
from backfill_assets.revenue.pages.dashboard import by_month, months_chart
from backfill_assets.revenue.pages.report import rendered_report
from backfill_assets.revenue.pages.state import State, summed
from backfill_assets.text import month_of, quarter_of

RESTATED, PARTIAL, MIXED = "restated", "incomplete", "mixed basis"
# Its name, its figure, and what it is compared with.
Tile = tuple[str, Markup, str]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the board pack: its sum now, and before the corrections that are in it."""

    name: str
    revenue: Decimal
    transactions: int
    restated_by: Decimal
    basis: Basis

    @property
    def earlier(self) -> Decimal:
        """What it would be without the corrections: the figure that was reported, for the days that are there."""
        return self.revenue - self.restated_by

    @property
    def flags(self) -> list[str]:
        """What has to be known before the figure is quoted."""
        told = [RESTATED] * bool(self.restated_by) + [PARTIAL] * (not self.basis.is_complete)
        return [*told, *[MIXED] * bool(self.basis.half)]


def month_days(month: str) -> tuple[date, ...]:
    """Every day of a month."""
    first = date.fromisoformat(f"{month}-01")
    return Window(first, first.replace(day=calendar.monthrange(first.year, first.month)[1])).days


def board_months(state: State) -> dict[str, Month]:
    """Every month of the board pack, oldest first; a month without rows is there with nothing."""
    sums = state.board.frame.group_by("day").agg(pl.col("revenue_usd").sum(), pl.col("transactions").sum())
    known = {month_of(day): (revenue, number) for day, revenue, number in sums.iter_rows()}
    moved = state.entries.group_by(pl.col("day").dt.strftime("%Y-%m")).agg(pl.col("delta_usd").sum())
    restated: dict[str, Decimal] = dict(moved.iter_rows())
    months: dict[str, Month] = {}
    for day in state.board.days:
        name = month_of(day)
        revenue, number = known.get(name, (Decimal(0), 0))
        basis = basis_of(state, month_days(name))
        months[name] = Month(name, revenue, number, restated.get(name, Decimal(0)), basis)
    return months


def render_pack(state: State, months: dict[str, Month], name: str, *, allow_mixed: bool = False) -> str:
    """The page of one month, as one document. A month that mixes bases has no figures, unless told otherwise."""
    month = months[name]
    is_refused = bool(month.basis.half) and not allow_mixed
    return rendered_report(
        "pack.html",
        month.basis,
        state.board.hold,
        title=f"Board pack, {month_told(name)}",
        month=month,
        quarter=period_told(quarter_of(name)),
        is_refused=is_refused,
        **({} if is_refused else _figures(state, months, month)),
    )


def _figures(state: State, months: dict[str, Month], month: Month) -> dict[str, object]:
    return {
        "tiles": _tiles(months, month),
        "restatements": _restatements(state, month),
        "change": growth(month.revenue, month.earlier, 3),
        "months": _quarter(months, month),
        "currencies": _currencies(state, months, month),
        "year": _year(state, month),
    }


def _previous(months: dict[str, Month], name: str) -> Month | None:
    year, number = (int(part) for part in name.split("-"))
    return months.get(f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}")


def _tiles(months: dict[str, Month], month: Month) -> list[Tile]:
    previous = _previous(months, month.name)
    year, number = month.name.split("-")
    last_year = months.get(f"{int(year) - 1}-{number}")
    quarter = quarter_of(month.name)
    before = [one for one in months.values() if quarter_of(one.name) == quarter and one.name <= month.name]
    to_date = sum((one.revenue for one in before), Decimal(0))
    monthly, yearly = "the first month", "no figure of a year ago"
    if previous:
        monthly = Markup("{} on {}").format(growth(month.revenue, previous.revenue), month_told(previous.name))
    if last_year:
        yearly = Markup("{} on the year").format(growth(month.revenue, last_year.revenue))
    return [
        ("Revenue", dollars(month.revenue), monthly),
        (f"{period_told(quarter)} so far", dollars(to_date), yearly),
        ("Transactions", count(month.transactions), f"{days_counted(len(month.basis.present))} published"),
        _last_tile(month),
    ]


def _last_tile(month: Month) -> Tile:
    if month.restated_by:
        by = Markup('<span class="flag">{}</span> by {}').format(RESTATED, money(month.restated_by, sign=True))
        return ("Reported earlier", dollars(month.earlier), by)
    days = max(len(month.basis.present), 1)
    return ("Mean of a day", dollars(month.revenue / days), "over the days there are")


@dataclass(frozen=True, slots=True)
class Restatement:
    """What one correction changed in a month, or took back."""

    correction: str
    is_reversal: bool
    at: datetime
    days: int
    change: Decimal
    reason: str


def _restatements(state: State, month: Month) -> list[Restatement]:
    found: list[Restatement] = []
    for part in _entries_of(state, month.name).partition_by("correction", "version", maintain_order=True):
        first = part.row(0, named=True)
        is_reversal = first["entry"] != "restatement"
        days, change = part["day"].n_unique(), summed(part, "delta_usd")
        found.append(Restatement(first["correction"], is_reversal, first["at"], days, change, first["reason"]))
    return found


def _entries_of(state: State, month: str) -> pl.DataFrame:
    return state.entries.filter(pl.col("day").dt.strftime("%Y-%m") == month)


@dataclass(frozen=True, slots=True)
class MonthsOfQuarter:
    """The months of a quarter and their sums."""

    months: list[Month]
    transactions: int
    revenue: Decimal
    restated_by: Decimal
    has_restated: bool

    @property
    def earlier(self) -> Decimal:
        """What it would be without the corrections."""
        return self.revenue - self.restated_by


def _quarter(months: dict[str, Month], month: Month) -> MonthsOfQuarter:
    there = [one for one in months.values() if quarter_of(one.name) == quarter_of(month.name)]
    return MonthsOfQuarter(
        months=there,
        transactions=sum(one.transactions for one in there),
        revenue=sum((one.revenue for one in there), Decimal(0)),
        restated_by=sum((one.restated_by for one in there), Decimal(0)),
        has_restated=any(one.restated_by for one in there),
    )


@dataclass(frozen=True, slots=True)
class OfCurrency:
    """What was sold in one currency."""

    name: str
    transactions: int
    amount: Decimal
    revenue: Decimal
    share: str
    growth: Markup


def _currencies(state: State, months: dict[str, Month], month: Month) -> list[OfCurrency]:
    first = date.fromisoformat(f"{month.name}-01")
    now = state.board.frame.filter(pl.col("day") == first).sort("revenue_usd", descending=True)
    previous = _previous(months, month.name)
    before = pl.DataFrame(schema=now.schema)
    if previous:
        before = state.board.frame.filter(pl.col("day") == date.fromisoformat(f"{previous.name}-01"))
    then = dict(before.select("currency", "revenue_usd").iter_rows())
    rows = now.select("currency", "transactions", "amount", "revenue_usd").iter_rows()
    return [
        OfCurrency(*row, share=share(row[3], month.revenue), growth=growth(row[3], then.get(row[0]))) for row in rows
    ]


def _year(state: State, month: Month) -> Drawing | None:
    """The months of the year so far: a correction reaches no further than the packs of its own years."""
    year = month.name[:4]
    months = by_month(state.dashboard.frame).filter(
        (pl.col("month") <= month.name) & (pl.col("day").dt.year() == int(year))
    )
    if months.height <= 1:
        return None
    return months_chart(months, month.name)
