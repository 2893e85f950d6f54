"""Days, counts and other people's words as a page shows them."""

from collections.abc import Collection
from datetime import date, datetime

from markupsafe import Markup, escape

from backfill_assets.core.plain import one_line, visible
from backfill_assets.core.slots import Hour
from backfill_assets.errors.base import counted

DASH = "\u2013"


def said(text: object) -> Markup:
    """Somebody's own words: escaped, on one line, and isolated so that their direction stays theirs.

    >>> said("<b>")
    Markup('<bdi>&lt;b&gt;</bdi>')
    """
    return Markup("<bdi>{}</bdi>").format(one_line(text))


def lines(text: str) -> Markup:
    r"""Several lines of somebody's words, escaped, each without what turns the direction of writing.

    >>> lines("a<b" + chr(10) + "c")
    Markup('a&lt;b\nc')
    """
    return Markup("\n").join(escape(visible(line)) for line in text.splitlines())


def day_told(day: date | None) -> str:
    """A day, as people say it, or an hour.

    >>> day_told(date(2026, 1, 2))
    '2 Jan 2026'
    """
    if isinstance(day, Hour):
        return moment_told(day)
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


def minute_told(moment: datetime) -> str:
    """A moment in UTC, to the minute, as a ledger has it.

    >>> minute_told(datetime(2026, 1, 2, 6, 5))
    '2026-01-02 06:05'
    """
    return f"{moment:%Y-%m-%d %H:%M}"


def span_told(days: Collection[date]) -> str:
    """From the first day to the last.

    >>> span_told([date(2026, 1, 2), date(2026, 1, 4)])
    '2 Jan 2026 \u2013 4 Jan 2026'
    """
    if not days:
        return "no days"
    return f"{day_told(min(days))} {DASH} {day_told(max(days))}"


def days_counted(number: int) -> str:
    """So many days.

    >>> days_counted(1)
    '1 day'
    """
    return counted(number, "day")
