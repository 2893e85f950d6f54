"""The executive dashboard: revenue by day with its trailing mean, month to date, by currency and by country."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets.core.periods import month_of
from backfill_assets.core.window import Window
from backfill_assets.revenue.pages.basis import Basis, basis_of, span_told
from backfill_assets.revenue.pages.charts import daily_chart, month_to_date_chart, months_chart, spark
from backfill_assets.revenue.pages.shell import Page, dollars, head, row, table, tiles, titled
from backfill_assets.revenue.pages.state import State, summed
from backfill_assets.revenue.pages.words import against, count, day_told, growth, money, month_told, said, share

DAYS_SHOWN = 91
RECENT = 28
COUNTRIES = 12


def render_dashboard(state: State) -> str:
    """The page, as one document."""
    frame = state.dashboard.frame
    basis = basis_of(state, Window.spanning(frame["day"]) if frame.height else ())
    sections = _sections(state, frame) if frame.height else ["<p>Nothing was published yet.</p>"]
    return Page(
        title="Daily revenue",
        eyebrow='<a href="../index.html">All reports</a>, executive dashboard',
        lead=f"In US dollars, {span_told(basis.present)}. Every figure is rounded here and exact in the tables.",
        basis=basis,
        hold=state.dashboard.hold,
        sections=sections,
        foot=_foot(basis),
    ).html()


def _foot(basis: Basis) -> str:
    return (
        f"Data as of {day_told(basis.as_of)}, {'complete' if basis.is_complete else 'incomplete'}. Cross rates and "
        "carried-forward rates are derived from the euro reference rates of the European Central Bank."
    )


def _sections(state: State, frame: pl.DataFrame) -> list[str]:
    return [
        _tiles(frame),
        _by_day(state, frame),
        f'<div class="pair"><div>{_month_to_date(frame)}</div><div>{_months(frame)}</div></div>',
        _by_currency(state, frame),
        _by_country(state, frame),
        _days(frame),
    ]


def _total(frame: pl.DataFrame, first: date, last: date, name: str = "revenue_usd") -> Decimal:
    value = frame.filter(pl.col("day").is_between(first, last))[name].sum()
    return Decimal(value or 0)


def _month_before(day: date) -> tuple[date, date]:
    """The first day of the month before, and the same day of it, or its last one."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last.replace(day=min(day.day, last.day))


def _tiles(frame: pl.DataFrame) -> str:
    last: dict[str, Any] = frame.row(-1, named=True)
    day: date = last["day"]
    first, same = _month_before(day)
    so_far, then = _total(frame, day.replace(day=1), day), _total(frame, first, same)
    week_ago = frame.filter(pl.col("day") == day - timedelta(days=7))
    mean_then = week_ago["trailing_mean_7d_usd"][0] if week_ago.height else None
    whole = _total(frame, first, day.replace(day=1) - timedelta(days=1))
    before_first = _month_before(first)[0]
    whole_then = _total(frame, before_first, first - timedelta(days=1))
    mean = last["trailing_mean_7d_usd"]
    return tiles(
        [
            (f"{day:%B} so far", dollars(so_far), against(so_far, then, f"against {span_told([first, same])}")),
            (day_told(day), dollars(last["revenue_usd"]), f"{count(last['transactions'])} transactions"),
            ("Mean of seven days", dollars(mean), against(mean, mean_then, "on the week")),
            (f"{first:%B %Y}", dollars(whole), against(whole, whole_then, f"on {before_first:%B}")),
        ]
    )


def _by_day(state: State, frame: pl.DataFrame) -> str:
    recent = frame.tail(DAYS_SHOWN)
    corrected = [day for day in recent["day"] if day in state.builds and state.builds[day].correction]
    caption = '<span class="key"></span>a day <span class="key mean"></span>mean of seven days'
    caption += ' <span class="key corrected"></span>a corrected day' if corrected else ""
    drawing = daily_chart(recent, corrected)
    return titled("Revenue by day", drawing.html(caption), span_told(list(recent["day"])))


def _month_to_date(frame: pl.DataFrame) -> str:
    day: date = frame["day"][-1]
    first, _ = _month_before(day)
    rows = frame.filter(pl.col("day") >= first).select(
        number=pl.col("day").dt.day(),
        month=pl.col("day").dt.strftime("%B"),
        total=pl.col("revenue_usd").cum_sum().over(pl.col("day").dt.truncate("1mo")),
    )
    now, then = f"{day:%B}", f"{first:%B}"
    caption = f'<span class="key now"></span>{now} <span class="key then"></span>{then}'
    figure = month_to_date_chart(rows, now, then).html(caption)
    return titled(f"{now} against {then}", figure, "Added up by day of the month")


def by_month(frame: pl.DataFrame) -> pl.DataFrame:
    """Revenue by month: ``day`` is the first, ``month`` its name, ``complete`` whether every day is there."""
    months = frame.group_by(pl.col("day").dt.truncate("1mo")).agg(
        pl.col("revenue_usd").sum(), pl.col("transactions").sum(), days=pl.col("day").n_unique()
    )
    return months.sort("day").with_columns(
        month=pl.col("day").dt.strftime("%Y-%m"), complete=pl.col("days") == pl.col("day").dt.month_end().dt.day()
    )


def _months(frame: pl.DataFrame) -> str:
    months = by_month(frame).tail(13)
    drawing = months_chart(months, month_of(frame["day"][-1]), half=True)
    partial = any(not complete for complete in months["complete"])
    caption = "The month under way is blue" + (", months that lack days are pale." if partial else ".")
    return titled("Revenue by month", drawing.html(caption), f"The last {months.height}")


def _by_currency(state: State, frame: pl.DataFrame) -> str:
    export = state.export.frame.select("day", "currency", pl.col("revenue_usd").fill_null(0))
    last: date = frame["day"][-1]
    export = export.filter(pl.col("day") <= last)
    first = last - timedelta(days=RECENT - 1)
    recent = export.filter(pl.col("day") >= first).group_by("currency").agg(pl.col("revenue_usd").sum())
    before = export.filter(pl.col("day").is_between(first - timedelta(days=RECENT), first - timedelta(days=1)))
    then = dict(before.group_by("currency").agg(pl.col("revenue_usd").sum()).iter_rows())
    whole = Decimal(recent["revenue_usd"].sum() or 0)
    weeks = _weeks(export, last)
    parts = [
        f'<div class="multiple"><div><h3>{said(currency)}</h3><span>{money(total, places=0)}</span></div>'
        f"{spark(weeks.get(currency, []))}<div><p>{share(total, whole)} of all</p>"
        f"<p>{growth(total, then.get(currency))}</p></div></div>"
        for currency, total in recent.sort("revenue_usd", descending=True).iter_rows()
    ]
    lead = f"The {RECENT} days up to {day_told(last)} in US dollars, against the {RECENT} before; the lines are weeks"
    return titled("By currency", f'<div class="multiples">{"".join(parts)}</div>', lead)


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


def _by_country(state: State, frame: pl.DataFrame) -> str:
    last: date = frame["day"][-1]
    first = last - timedelta(days=RECENT - 1)
    fact = state.fact.snapshot
    if fact is None:
        return ""
    days = Window(first - timedelta(days=RECENT), last).days
    rows = fact.scan([day for day in days if day in fact.days]).group_by("country", recent=pl.col("day") >= first)
    sums = rows.agg(pl.col("revenue_usd").sum()).collect()
    now = sums.filter(pl.col("recent")).sort("revenue_usd", "country", descending=[True, False])
    then = dict(sums.filter(~pl.col("recent")).select("country", "revenue_usd").iter_rows())
    return _country_table(now.select("country", "revenue_usd"), then, last)


def _country_table(now: pl.DataFrame, then: dict[str, Decimal], last: date) -> str:
    whole = Decimal(now["revenue_usd"].sum() or 0)
    largest = max((value for value in now["revenue_usd"]), default=Decimal(0)) or Decimal(1)

    def line(country: str, total: Decimal) -> str:
        width = max(float(total / largest * 100), 0.0)
        return (
            f'<tr><th scope="row">{said(country)}</th><td class="bar"><i style="width:{width:.1f}%"></i></td>'
            f'<td class="n">{money(total, places=0)}</td><td class="n">{share(total, whole)}</td>'
            f'<td class="n optional">{growth(total, then.get(country))}</td></tr>'
        )

    rows = [line(country, total) for country, total in now.head(COUNTRIES).iter_rows()]
    others = now.slice(COUNTRIES)
    heads = [
        head("Country"),
        '<th scope="col" class="bar"><span class="unseen">Compared</span></th>',
        head("Revenue", "n"),
        head("Share", "n"),
        head(f"Against the {RECENT} days before", "n optional"),
    ]
    foot = ""
    if others.height:
        rest = Decimal(others["revenue_usd"].sum())
        foot = (
            f'<tr><th scope="row">{others.height} others</th><td></td><td class="n">{money(rest, places=0)}</td>'
            f'<td class="n">{share(rest, whole)}</td><td class="optional"></td></tr>'
        )
    lead = f"The {RECENT} days up to {day_told(last)}, in US dollars"
    return titled("By country", table(heads, rows, foot=foot, name="Revenue by country"), lead)


def _days(frame: pl.DataFrame) -> str:
    heads = [head("Day"), head("Transactions", "n"), head("Revenue", "n"), head("Mean of seven days", "n")]
    months = []
    for month, rows in _months_of(frame):
        lines = [
            row(day_told(day), count(transactions), money(revenue), money(mean))
            for day, transactions, revenue, mean in rows.select(
                "day", "transactions", "revenue_usd", "trailing_mean_7d_usd"
            ).iter_rows()
        ]
        total = row(
            "Month", count(int(rows["transactions"].sum())), money(summed(rows, "revenue_usd")), "", kind="total"
        )
        inside = table(heads, lines, foot=total, name=f"Days of {month_told(month)}")
        months.append(f"<details><summary>{month_told(month)}</summary>{inside}</details>")
    return titled("Every day", "".join(months), "In US dollars, newest month first")


def _months_of(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each month, newest month first."""
    months = frame.with_columns(month=pl.col("day").dt.strftime("%Y-%m"))
    parts = months.partition_by("month", as_dict=True, maintain_order=True)
    return [(str(name[0]), rows) for name, rows in reversed(parts.items())]
