"""The board pack of a month, made for print: currencies, its quarter, and the earlier figure where it was restated."""

import calendar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from backfill_assets.core.periods import month_of, quarter_of
from backfill_assets.core.window import Window
from backfill_assets.revenue.pages.basis import Basis, basis_of
from backfill_assets.revenue.pages.charts import months_chart
from backfill_assets.revenue.pages.dashboard import by_month
from backfill_assets.revenue.pages.shell import Page, dollars, head, table, tiles, titled
from backfill_assets.revenue.pages.state import State, summed
from backfill_assets.revenue.pages.words import (
    count,
    day_told,
    days_counted,
    growth,
    moment_told,
    money,
    month_told,
    said,
    share,
)

RESTATED = '<span class="flag">restated</span>'
PARTIAL = '<span class="flag">incomplete</span>'
MIXED = '<span class="flag">mixed basis</span>'


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
    def flags(self) -> str:
        """What has to be known before the figure is quoted."""
        told = [RESTATED] * bool(self.restated_by) + [PARTIAL] * (not self.basis.is_complete)
        return " ".join([*told, *[MIXED] * bool(self.basis.half)])


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
    refused = month.basis.half and not allow_mixed
    sections = [_refusal(month)] if refused else _sections(state, months, month)
    return Page(
        title=f"Board pack, {month_told(name)}",
        eyebrow='<span class="screen"><a href="../index.html">All reports</a>, for</span> the board',
        lead=f"Revenue in US dollars, {quarter_of(name).replace(' ', ', ')}. {_links(name)}",
        basis=month.basis,
        hold=state.board.hold,
        sections=sections,
        foot=f"Data as of {day_told(month.basis.as_of)}, {'complete' if month.basis.is_complete else 'incomplete'}.",
    ).html()


def _links(name: str) -> str:
    book = f"../finance_reconciliation_export/{name}.xlsx"
    return f'<span class="screen"><a href="{book}">Workbook of finance</a></span>'


def _refusal(month: Month) -> str:
    named = ", ".join(said(one) for one in month.basis.half)
    return (
        f"<h2>No figures for {month_told(month.name)}</h2>"
        f"<p>This month mixes days before and after correction {named}: "
        "some of the days that it changed are corrected here and others are not. Its sum would be neither figure. "
        "The pack comes back when the correction is whole again, or when it is told to accept mixed months "
        "(<code>BACKFILL_BOARD_PACK_MIXED=allow</code>).</p>"
    )


def _sections(state: State, months: dict[str, Month], month: Month) -> list[str]:
    sections = [_tiles(months, month), _quarter(months, month), _currencies(state, months, month)]
    if month.restated_by or _entries_of(state, month.name).height:
        sections.insert(1, _restatement(state, month))
    return [*sections, _year(state, month)]


def _previous(months: dict[str, Month], name: str) -> Month | None:
    year, number = (int(part) for part in name.split("-"))
    return months.get(f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}")


def _tiles(months: dict[str, Month], month: Month) -> str:
    previous = _previous(months, month.name)
    year, number = month.name.split("-")
    last_year = months.get(f"{int(year) - 1}-{number}")
    quarter = quarter_of(month.name)
    before = [one for one in months.values() if quarter_of(one.name) == quarter and one.name <= month.name]
    to_date = sum((one.revenue for one in before), Decimal(0))
    monthly = "the first month"
    if previous:
        monthly = f"{growth(month.revenue, previous.revenue)} on {month_told(previous.name)}"
    yearly = f"{growth(month.revenue, last_year.revenue)} on the year" if last_year else "no figure of a year ago"
    return tiles(
        [
            ("Revenue", dollars(month.revenue), monthly),
            (f"{quarter} so far", dollars(to_date), yearly),
            ("Transactions", count(month.transactions), f"{days_counted(len(month.basis.present))} published"),
            _last_tile(month),
        ]
    )


def _last_tile(month: Month) -> tuple[str, str, str]:
    if month.restated_by:
        return ("Reported earlier", dollars(month.earlier), f"{RESTATED} by {money(month.restated_by, sign=True)}")
    days = max(len(month.basis.present), 1)
    return ("Mean of a day", dollars(month.revenue / days), "over the days there are")


def _restatement(state: State, month: Month) -> str:
    entries = _entries_of(state, month.name)
    heads = [head("Correction"), head("Published"), head("Days", "n"), head("Change", "n"), head("Why")]
    rows: list[str] = []
    for part in entries.partition_by("correction", "version", maintain_order=True):
        first = part.row(0, named=True)
        kind = "" if first["entry"] == "restatement" else " rolled back"
        rows.append(
            f'<tr><th scope="row">{said(first["correction"])}{kind}</th><td>{moment_told(first["at"])}</td>'
            f'<td class="n">{count(part["day"].n_unique())}</td>'
            f'<td class="n">{money(summed(part, "delta_usd"), sign=True)}</td>'
            f'<td class="words">{said(first["reason"])}</td></tr>'
        )
    sentence = (
        f"Reported earlier as {money(month.earlier)}, now {money(month.revenue)}, a change of "
        f"{money(month.restated_by, sign=True)} ({growth(month.revenue, month.earlier, 3)})."
    )
    told = sentence if month.restated_by else f"Restated and taken back: the figure is {money(month.revenue)} again."
    return titled("Restated", f"<p>{told}</p>{table(heads, rows, name='Restatements')}")


def _entries_of(state: State, month: str) -> pl.DataFrame:
    return state.entries.filter(pl.col("day").dt.strftime("%Y-%m") == month)


def _quarter(months: dict[str, Month], month: Month) -> str:
    quarter = quarter_of(month.name)
    there = [one for one in months.values() if quarter_of(one.name) == quarter]
    restated = any(one.restated_by for one in there)
    heads = [head("Month"), head("Transactions", "n optional"), head("Revenue", "n")]
    heads += [head("Reported earlier", "n"), head("Change", "n")] if restated else []

    def line(name: str, transactions: int, revenue: Decimal, by: Decimal, kind: str) -> str:
        earlier = [money(revenue - by), money(by, sign=True)] if by else [money(None), money(None)]
        told = "".join(f'<td class="n">{cell}</td>' for cell in (money(revenue), *(earlier if restated else [])))
        number = f'<td class="n optional">{count(transactions)}</td>'
        return f'<tr class="{kind}"><th scope="row">{name}</th>{number}{told}</tr>'

    rows = [
        line(
            f"{month_told(one.name)} {one.flags}",
            one.transactions,
            one.revenue,
            one.restated_by,
            "chosen" if one is month else "month",
        )
        for one in there
    ]
    total, by = sum((one.revenue for one in there), Decimal(0)), sum((one.restated_by for one in there), Decimal(0))
    foot = line(quarter, sum(one.transactions for one in there), total, by, "total")
    return titled(quarter, table(heads, rows, foot=foot, name=f"Months of {quarter}"))


def _currencies(state: State, months: dict[str, Month], month: Month) -> str:
    first = date.fromisoformat(f"{month.name}-01")
    now = state.board.frame.filter(pl.col("day") == first).sort("revenue_usd", descending=True)
    previous = _previous(months, month.name)
    before = pl.DataFrame(schema=now.schema)
    if previous:
        before = state.board.frame.filter(pl.col("day") == date.fromisoformat(f"{previous.name}-01"))
    then = dict(before.select("currency", "revenue_usd").iter_rows())
    heads = [
        head("Currency"),
        head("Transactions", "n"),
        head("In the currency", "n optional"),
        head("Revenue", "n"),
        head("Share", "n"),
        head("On the month", "n optional"),
    ]
    rows = [
        f'<tr><th scope="row">{said(currency)}</th><td class="n">{count(number)}</td>'
        f'<td class="n optional">{money(amount)}</td><td class="n">{money(revenue)}</td>'
        f'<td class="n">{share(revenue, month.revenue)}</td>'
        f'<td class="n optional">{growth(revenue, then.get(currency))}</td></tr>'
        for currency, number, amount, revenue in now.select(
            "currency", "transactions", "amount", "revenue_usd"
        ).iter_rows()
    ]
    foot = (
        f'<tr><th scope="row">All</th><td class="n">{count(month.transactions)}</td><td class="optional"></td>'
        f'<td class="n">{money(month.revenue)}</td><td class="n"></td><td class="optional"></td></tr>'
    )
    if not rows:
        return "<h2>By currency</h2><p>Nothing was sold.</p>"
    return titled("By currency", table(heads, rows, foot=foot, name="Revenue by currency"))


def _year(state: State, month: Month) -> str:
    """The months of the year so far: a correction reaches no further than the packs of its own years."""
    year = month.name[:4]
    months = by_month(state.dashboard.frame).filter(
        (pl.col("month") <= month.name) & (pl.col("day").dt.year() == int(year))
    )
    if months.height < 2:  # noqa: PLR2004 - one bar compares nothing
        return ""
    drawing = months_chart(months, month.name)
    caption = f"{month_told(month.name)} is blue; months that lack days are pale."
    return titled(f"{year} by month", drawing.html(caption))
