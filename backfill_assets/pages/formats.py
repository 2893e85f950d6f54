"""Numbers as a page shows them: rounded for the eye, exact for whoever reads the page by program."""

from decimal import Decimal

from markupsafe import Markup

from backfill_assets.core.exact import exactly
from backfill_assets.core.formats import DASH, MINUS, amount, percent

__all__ = ["NONE", "against", "amount", "amount_moved", "count", "growth", "money", "percent", "share", "signed"]
NONE = Markup('<span class="none">\u2013</span>')


@exactly
def money(value: Decimal | None, *, sign: bool = False, places: int | None = 2) -> Markup:
    """An amount with its exact value beside the rounded one; as many decimals as it needs where ``places`` is None.

    >>> money(Decimal("-1234.5678"))
    Markup('<data class="neg" value="-1234.5678">\u22121,234.57</data>')
    """
    if value is None:
        return NONE
    text = amount(value, signed=sign, places=places)
    if value < 0:
        return Markup('<data class="neg" value="{}">{}</data>').format(f"{value:f}", text)
    return Markup('<data value="{}">{}</data>').format(f"{value:f}", text)


def count(value: int | None) -> Markup:
    """A number of things.

    >>> count(1234)
    Markup('<data value="1234">1,234</data>')
    """
    return NONE if value is None else Markup('<data value="{}">{}</data>').format(value, f"{value:,}")


@exactly
def share(part: Decimal, whole: Decimal) -> str:
    """A part of a whole in percent; a dash where there is no whole.

    >>> share(Decimal(1), Decimal(8))
    '12.5\u00a0%'
    """
    return f"{part / whole * 100:z.1f}\u00a0%".replace("-", MINUS) if whole else DASH


@exactly
def growth(now: Decimal, then: Decimal | None, places: int = 1) -> Markup:
    """By how many percent now is more than then, marked by sign and colour.

    >>> growth(Decimal(110), Decimal(100))
    Markup('<span class="up">+10.0\u00a0%</span>')
    """
    if not then or then < 0:
        return NONE
    percent = f"{(now - then) / then * 100:+.{places}f}\u00a0%"
    kind = "down" if percent.startswith("-") else "up"
    return Markup('<span class="{}">{}</span>').format(kind, percent.replace("-", MINUS))


def against(now: Decimal, then: Decimal | None, what: str) -> Markup | str:
    """By how much more than what it was then; in words when there is nothing to compare it with.

    >>> against(Decimal(110), None, "on May")
    'no figure to compare with'
    """
    return Markup("{} {}").format(growth(now, then), what) if then and then > 0 else "no figure to compare with"


@exactly
def amount_moved(name: str, old: str, new: str) -> str:
    """From what to what a sum moves, in a sentence.

    >>> amount_moved("revenue", "100", "98.50")
    'revenue is 98.50 instead of 100, a change of \u22121.50.'
    """
    before, after = Decimal(old), Decimal(new)
    change = amount(after - before, signed=True)
    return f"{name} is {amount(after)} instead of {amount(before)}, a change of {change}."


@exactly
def signed(text: str) -> str:
    """A change as people read it: with its sign, thousands set apart, and nothing where there is none.

    >>> signed("-1234.50"), signed("0.00")
    ('\u22121,234.50', '\u2013')
    """
    change = Decimal(text)
    return amount(change, signed=True) if change else DASH
