"""Numbers, days and other people's words as a page shows them."""

import html
from datetime import date, datetime
from decimal import Decimal

from backfill_assets.core.exact import exactly
from backfill_assets.core.plain import one_line

DASH = "\u2013"
MINUS = "\u2212"


def said(text: object) -> str:
    """Somebody's own words: escaped, on one line, and isolated so that their direction stays theirs.

    >>> said("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    return f"<bdi>{html.escape(one_line(text))}</bdi>"


@exactly
def money(value: Decimal | None, *, sign: bool = False, places: int = 2) -> str:
    """An amount with its exact value beside the rounded one.

    >>> money(Decimal("-1234.5678"))
    '<data class="neg" value="-1234.5678">\u22121,234.57</data>'
    """
    if value is None:
        return f'<span class="none">{DASH}</span>'
    text = f"{value:{'+' if sign else ''},.{places}f}".replace("-", MINUS)
    kind = ' class="neg"' if value < 0 else ""
    return f'<data{kind} value="{value:f}">{text}</data>'


def count(value: int | None) -> str:
    """A number of things.

    >>> count(1234)
    '<data value="1234">1,234</data>'
    """
    return f'<span class="none">{DASH}</span>' if value is None else f'<data value="{value}">{value:,}</data>'


@exactly
def share(part: Decimal, whole: Decimal) -> str:
    """A part of a whole in percent; a dash where there is no whole.

    >>> share(Decimal(1), Decimal(8))
    '12.5\u00a0%'
    """
    return f"{part / whole * 100:z.1f}\u00a0%".replace("-", MINUS) if whole else DASH


@exactly
def growth(now: Decimal, then: Decimal | None, places: int = 1) -> str:
    """By how many percent now is more than then, marked by sign and colour.

    >>> growth(Decimal(110), Decimal(100))
    '<span class="up">+10.0\u00a0%</span>'
    """
    if not then or then < 0:
        return f'<span class="none">{DASH}</span>'
    percent = f"{(now - then) / then * 100:+.{places}f}\u00a0%"
    kind = "down" if percent.startswith("-") else "up"
    return f'<span class="{kind}">{percent.replace("-", MINUS)}</span>'


def against(now: Decimal, then: Decimal | None, what: str) -> str:
    """By how much more than what it was then; in words when there is nothing to hold it against.

    >>> against(Decimal(110), None, "on May")
    'no figure to compare with'
    """
    return f"{growth(now, then)} {what}" if then and then > 0 else "no figure to compare with"


def day_told(day: date | None) -> str:
    """A day, as people say it.

    >>> day_told(date(2026, 1, 2))
    '2 Jan 2026'
    """
    return f"{day.day} {day:%b %Y}" if day else DASH


def month_told(month: str) -> str:
    """A month, as people say it.

    >>> month_told("2026-01")
    'January 2026'
    """
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def moment_told(moment: datetime) -> str:
    """A moment, to the minute.

    >>> moment_told(datetime(2026, 1, 2, 6, 5))
    '2 Jan 2026, 06:05 UTC'
    """
    return f"{day_told(moment.date())}, {moment:%H:%M} UTC"


def days_counted(number: int) -> str:
    """So many days.

    >>> days_counted(1)
    '1 day'
    """
    return f"{number:,} day" if number == 1 else f"{number:,} days"
