"""The executive dashboard: revenue by day with its trailing mean, month to date, by currency and by country."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from markupsafe import Markup

from backfill_assets.corrections import Window
from backfill_assets.pages.charts import Drawing, bars_by_day, bars_by_month, lines_by_day_of_month, spark
from backfill_assets.pages.formats import against, count, growth, share
from backfill_assets.pages.words import day_told, days_counted, span_told
from backfill_assets.revenue.pages.basis import basis_of, dollars
from backfill_assets.revenue.pages.report import rendered_report
from backfill_assets.revenue.pages.state import State, summed
from backfill_assets.text import counted, month_of, verb

DAYS_SHOWN = 91
RECENT = 28
COUNTRIES = 12


def render_dashboard(state: State) -> str:
    """The page, as one document."""
    frame = state.dashboard.frame
    basis = basis_of(state, Window.spanning(frame["day"]) if frame.height else ())
    sections = _sections(state, frame) if frame.height else {}
    return rendered_report(
        "dashboard.html", basis, state.dashboard.hold, title="Daily revenue", is_empty=not frame.height, **sections
    )


def _sections(state: State, frame: pl.DataFrame) -> dict[str, object]:
    last: date = frame["day"][-1]
    recent, months = frame.tail(DAYS_SHOWN), by_month(frame).tail(13)
    corrected = [day for day in recent["day"] if day in state.builds and state.builds[day].correction]
    return {
        "last": last,
        "first": _month_before(last)[0],
        "recent": RECENT,
        "tiles": _tiles(frame),
        "days_shown": list(recent["day"]),
        "by_day": _by_day(recent, corrected),
        "has_corrected": bool(corrected),
        "month_to_date": _month_to_date(frame),
        "months_shown": months.height,
        "by_month": months_chart(months, month_of(last), half=True),
        "has_partial": not months["complete"].all(),
        "currencies": _by_currency(state, last),
        "countries": _by_country(state, last),
        "months": _days(frame),
    }


def _total(frame: pl.DataFrame, first: date, last: date, name: str = "revenue_usd") -> Decimal:
    value = frame.filter(pl.col("day").is_between(first, last))[name].sum()
    return Decimal(value or 0)


def _month_before(day: date) -> tuple[date, date]:
    """The first day of the month before, and the same day of it, or its last one."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last.replace(day=min(day.day, last.day))


def _tiles(frame: pl.DataFrame) -> list[tuple[str, Markup, Markup | str]]:
    last: dict[str, Any] = frame.row(-1, named=True)
    day: date = last["day"]
    first, same = _month_before(day)
    so_far, then = _total(frame, day.replace(day=1), day), _total(frame, first, same)
    week_ago = frame.filter(pl.col("day") == day - timedelta(days=7))
    mean_then = week_ago["trailing_mean_7d_usd"][0] if week_ago.height else None
    whole = _total(frame, first, day.replace(day=1) - timedelta(days=1))
    before_first = _month_before(first)[0]
    whole_then = _total(frame, before_first, first - timedelta(days=1))
    mean, number = last["trailing_mean_7d_usd"], last["transactions"]
    transactions = Markup("{} {}").format(count(number), verb(number, "transaction", "transactions"))
    return [
        (f"{day:%B} so far", dollars(so_far), against(so_far, then, f"compared with {span_told([first, same])}")),
        (day_told(day), dollars(last["revenue_usd"]), transactions),
        ("Mean of seven days", dollars(mean), against(mean, mean_then, "on the week")),
        (f"{first:%B %Y}", dollars(whole), against(whole, whole_then, f"on {before_first:%B}")),
    ]


def _by_day(recent: pl.DataFrame, corrected: list[date]) -> Drawing:
    about = (
        f"Revenue in US dollars by day over {days_counted(recent.height)}, with the mean of the trailing seven days."
    )
    return bars_by_day(recent, value="revenue_usd", line="trailing_mean_7d_usd", marked=corrected, about=about)


def _month_to_date(frame: pl.DataFrame) -> Drawing:
    day: date = frame["day"][-1]
    first, _ = _month_before(day)
    rows = frame.filter(pl.col("day") >= first).select(
        number=pl.col("day").dt.day(),
        month=pl.col("day").dt.strftime("%B"),
        total=pl.col("revenue_usd").cum_sum().over(pl.col("day").dt.truncate("1mo")),
    )
    now, then = f"{day:%B}", f"{first:%B}"
    about = f"Revenue added up day by day, {now} beside {then}."
    return lines_by_day_of_month(rows, now=now, then=then, about=about)


def months_chart(months: pl.DataFrame, chosen: str, *, half: bool = False) -> Drawing:
    """Revenue of each month, the chosen one accented."""
    about = f"Revenue in US dollars by month over {counted(months.height, 'month')}."
    return bars_by_month(months, value="revenue_usd", chosen=chosen, about=about, half=half)


def by_month(frame: pl.DataFrame) -> pl.DataFrame:
    """Revenue by month: ``day`` is the first, ``month`` its name, ``complete`` whether every day is there."""
    months = frame.group_by(pl.col("day").dt.truncate("1mo")).agg(
        pl.col("revenue_usd").sum(), pl.col("transactions").sum(), days=pl.col("day").n_unique()
    )
    return months.sort("day").with_columns(
        month=pl.col("day").dt.strftime("%Y-%m"), complete=pl.col("days") == pl.col("day").dt.month_end().dt.day()
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What one currency or country has of the revenue of the recent days."""

    name: str
    total: Decimal
    share: str
    growth: Markup
    spark: Markup | None = None
    width: str = ""


def _by_currency(state: State, last: date) -> list[Part]:
    export = state.export.frame.select("day", "currency", pl.col("revenue_usd").fill_null(0))
    export = export.filter(pl.col("day") <= last)
    first = last - timedelta(days=RECENT - 1)
    recent = export.filter(pl.col("day") >= first).group_by("currency").agg(pl.col("revenue_usd").sum())
    before = export.filter(pl.col("day").is_between(first - timedelta(days=RECENT), first - timedelta(days=1)))
    then = dict(before.group_by("currency").agg(pl.col("revenue_usd").sum()).iter_rows())
    whole = Decimal(recent["revenue_usd"].sum() or 0)
    weeks = _weeks(export, last)
    return [
        Part(name, total, share(total, whole), growth(total, then.get(name)), spark(weeks.get(name, [])))
        for name, total in recent.sort("revenue_usd", descending=True).iter_rows()
    ]


def _weeks(export: pl.DataFrame, last: date, number: int = 26) -> dict[str, list[float]]:
    """Revenue by currency of the last weeks, each of seven days and the newest ending on the last day."""
    age = (pl.lit(last) - pl.col("day")).dt.total_days() // 7
    weekly = export.with_columns(age=age).filter(pl.col("age") < number)
    sums = weekly.group_by("currency", "age").agg(pl.col("revenue_usd").sum().cast(pl.Float64))
    found: dict[str, list[float]] = {}
    oldest = int(weekly["age"].max() or 0)  # type: ignore[arg-type]
    for currency, of_one in sums.partition_by("currency", as_dict=True).items():
        totals = dict(of_one.select("age", "revenue_usd").iter_rows())
        found[str(currency[0])] = [totals.get(week, 0.0) for week in range(oldest, -1, -1)]
    return found


@dataclass(frozen=True, slots=True)
class Countries:
    """The countries with the largest revenue, and how many others have how much."""

    largest: list[Part]
    others: int
    rest: Decimal
    rest_share: str


def _by_country(state: State, last: date) -> Countries | None:
    first = last - timedelta(days=RECENT - 1)
    fact = state.fact.snapshot
    if fact is None:
        return None
    days = Window(first - timedelta(days=RECENT), last).days
    rows = fact.scan([day for day in days if day in fact.days]).group_by("country", recent=pl.col("day") >= first)
    sums = rows.agg(pl.col("revenue_usd").sum()).collect()
    now = sums.filter(pl.col("recent")).sort("revenue_usd", "country", descending=[True, False])
    then = dict(sums.filter(~pl.col("recent")).select("country", "revenue_usd").iter_rows())
    return _countries(now.select("country", "revenue_usd"), then)


def _countries(now: pl.DataFrame, then: dict[str, Decimal]) -> Countries:
    whole = Decimal(now["revenue_usd"].sum() or 0)
    largest = max((value for value in now["revenue_usd"]), default=Decimal(0)) or Decimal(1)
    parts = [
        Part(
            name=country,
            total=total,
            share=share(total, whole),
            growth=growth(total, then.get(country)),
            width=f"{max(float(total / largest * 100), 0.0):.1f}%",
        )
        for country, total in now.head(COUNTRIES).iter_rows()
    ]
    others = now.slice(COUNTRIES)
    rest = Decimal(others["revenue_usd"].sum() or 0)
    return Countries(parts, others.height, rest, share(rest, whole))


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """The days of a month: day, transactions, revenue, mean of seven days; and their sums."""

    name: str
    days: list[tuple[date, int, Decimal, Decimal]]
    transactions: int
    revenue: Decimal


def _days(frame: pl.DataFrame) -> list[DaysOfMonth]:
    columns = ("day", "transactions", "revenue_usd", "trailing_mean_7d_usd")
    return [
        DaysOfMonth(month, rows.select(columns).rows(), int(rows["transactions"].sum()), summed(rows, "revenue_usd"))
        for month, rows in _months_of(frame)
    ]


def _months_of(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each month, newest month first."""
    months = frame.with_columns(month=pl.col("day").dt.strftime("%Y-%m"))
    parts = months.partition_by("month", as_dict=True, maintain_order=True)
    return [(str(name[0]), rows) for name, rows in reversed(parts.items())]
