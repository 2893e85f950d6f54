"""Days, counts and other people's words as a page shows them."""

from markupsafe import Markup, escape

from backfill_assets.core import formats
from backfill_assets.core.formats import DASH, moment_told, month_told, period_told, span_told
from backfill_assets.core.formats import slot_told as day_told
from backfill_assets.core.plain import one_line, visible
from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import counted

__all__ = [
    "DASH",
    "coded",
    "day_told",
    "days_counted",
    "lines",
    "moment_told",
    "month_told",
    "named",
    "period_told",
    "said",
    "span_told",
    "told",
]


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


def told(sentence: object, *own: str) -> Markup:
    """A sentence of ours as people read it, with names of code as code; the words of people in it stay ``own``.

    >>> told("Froze daily_orders on 2026-01-02.")
    Markup('<bdi>Froze <code>daily_orders</code> on 2 January 2026.</bdi>')
    """
    theirs = [one_line(words) for words in own if words]
    parts = formats.parts_of(one_line(sentence), theirs)
    shown = [escape(part) if part in theirs else _coded(formats.told(part)) for part in parts]
    return Markup("<bdi>{}</bdi>").format(Markup("").join(shown))


def coded(name: object) -> Markup:
    """A name that the code location gave, such as that of a table or of a column.

    >>> coded("daily_orders")
    Markup('<code>daily_orders</code>')
    """
    return Markup("<code>{}</code>").format(one_line(name))


def named(name: str, grain: Grain = Grain.DAY) -> Markup:
    """A name of ours in words, where it is one of a check or of a step; any other as the code that it is.

    >>> named("same_rows"), named("cut_over"), named("is_positive")
    (Markup('Same rows'), Markup('Cut over'), Markup('<code>is_positive</code>'))
    """
    told_name = formats.name_told(name, grain)
    return coded(name) if told_name.startswith("`") else escape(told_name)


def _coded(text: str) -> Markup:
    """Everything in it that is a name of code, as code."""
    parts, at = list[Markup](), 0
    for found in formats.NAME.finditer(text):
        parts += [escape(text[at : found.start()]), Markup("<code>{}</code>").format(found[1] or found[0])]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def days_counted(number: int) -> str:
    """So many days.

    >>> days_counted(1)
    '1 day'
    """
    return counted(number, "day")
