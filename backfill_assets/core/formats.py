"""Numbers, days and moments as people read them: the one place from which pages, notices and the console have them."""

import re
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from backfill_assets.core.check import Clause
from backfill_assets.core.exact import exactly
from backfill_assets.core.slots import Grain, Hour, read_slot
from backfill_assets.core.steps import NoticeKind, Step

MINUS, DASH, SPACE = "\u2212", "\u2013", "\u00a0"
PLACES = 2
"""Decimals of an amount that has any."""
_ISO = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\dZ)?"
_APART = r"(?<![\w./=-])", r"(?![\w=-]|[./:]\w)"
_WINDOW = re.compile(rf"(?<![\w/=-])({_ISO})(?:\.\.| to )({_ISO}){_APART[1]}")
_MOMENT = re.compile(rf"{_APART[0]}(\d{{4}}-\d\d-\d\d) (\d\d:\d\d)(?::\d\d)? UTC")
_SLOT = re.compile(rf"{_APART[0]}({_ISO}){_APART[1]}")
_MONTH = re.compile(rf"{_APART[0]}(\d{{4}}-(?:0[1-9]|1[0-2])){_APART[1]}")
_PERCENT = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)[ \u00a0]?%")
_NUMBER = re.compile(r"(?<![\w.,/=-])(?!20\d{6}\b)(\d{4,}(?:\.\d+)?|\d+\.\d{3,})(?![\w/=-]|[.,]\d)")
_MINUS = re.compile(r"(?<![\w.,)/=-])-(?=\d)")
_STEP = re.compile(rf"(?<![\w.`/-])({'|'.join(sorted((str(step) for step in Step if '_' in step), key=len))})(?!\w)")
NAME = re.compile(r"`([^`]+)`|(?<![\w./-])(?:[\w-]+[./])*[A-Za-z]\w*_\w+(?:[./][\w-]+)*")
"""A name of code in a text: what is marked as code already, or has an underscore in it."""
_YEARS = range(1900, 2100)


def slot_told(slot: date | None) -> str:
    """A day, as people say it, or an hour.

    >>> slot_told(date(2026, 1, 2))
    '2 January 2026'
    """
    if isinstance(slot, datetime):
        return moment_told(slot)
    return f"{slot.day} {slot:%B %Y}" if slot else DASH


def moment_told(moment: datetime) -> str:
    """A moment, to the minute.

    >>> moment_told(datetime(2026, 1, 2, 6, 5))
    '2 January 2026, 06:05 UTC'
    """
    return f"{slot_told(moment.date())}, {moment:%H:%M} UTC"


def month_told(month: str) -> str:
    """A month, as people say it.

    >>> month_told("2026-01")
    'January 2026'
    """
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def period_told(name: str) -> str:
    """A slot, a month or a quarter as figures name them; any other name as it is.

    >>> period_told("2026-01-02"), period_told("2026-01"), period_told("2026 Q1"), period_told("EU")
    ('2 January 2026', 'January 2026', 'Q1 2026', 'EU')
    """
    if re.fullmatch(_ISO, name):
        return slot_told(read_slot(name))
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name):
        return month_told(name)
    quarter = re.fullmatch(r"(\d{4}) (Q[1-4])", name)
    return f"{quarter[2]} {quarter[1]}" if quarter else name


def span_told(slots: Collection[date]) -> str:
    """From the first slot to the last.

    >>> span_told([date(2026, 1, 2), date(2026, 1, 4)]), span_told([date(2025, 12, 31), date(2026, 1, 4)])
    ('2 to 4 January 2026', '31 December 2025 to 4 January 2026')
    """
    if not slots:
        return "no days"
    first, last = min(slots), max(slots)
    if first == last:
        return slot_told(first)
    if isinstance(first, Hour) or first.year != last.year:
        return f"{slot_told(first)} to {slot_told(last)}"
    if first.month != last.month:
        return f"{first.day} {first:%B} to {slot_told(last)}"
    return f"{first.day} to {slot_told(last)}"


@exactly
def amount(value: Decimal, *, signed: bool = False, places: int | None = None) -> str:
    """An amount: thousands apart, whole or with two decimals; one below a cent keeps its first two digits.

    >>> amount(Decimal("-1234.5678")), amount(Decimal(1234), signed=True), amount(Decimal("0.00123456"))
    ('\u22121,234.57', '+1,234', '0.0012')
    """
    text = f"{value:{'+' if signed and value else 'z'},.{_places(value) if places is None else places}f}"
    return text.replace("-", MINUS)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    is_less_than_a_cent = value and value.adjusted() < -PLACES
    return min(-exponent, 1 - value.adjusted()) if is_less_than_a_cent else PLACES


@exactly
def percent(share: Fraction | Decimal | None, *, signed: bool = False, places: int = PLACES) -> str:
    r"""A share in percent; "from nothing" where there was nothing to divide by.

    >>> percent(Fraction(1, 500)), percent(Fraction(1, 8), signed=True), percent(Fraction(1, 10**9))
    ('0.20\xa0%', '+12.50\xa0%', '<0.01\xa0%')
    """
    if share is None:
        return "from nothing"
    text = f"{float(share * 100):{'+' if signed else ''}.{places}f}"
    if share and not float(text):
        return f"<{10**-places:.{places}f}{SPACE}%"
    return f"{text}{SPACE}%".replace("-", MINUS)


def name_told(name: str, grain: Grain = Grain.DAY) -> str:
    """A name of ours in words, where it is one of a check, a step or a notice; any other as Markdown's code.

    >>> name_told("same_rows"), name_told("is_positive")
    ('Same rows', '`is_positive`')
    """
    is_ours = name in {*Clause, *Step, *NoticeKind}
    return grain.worded(name.replace("_", " ").capitalize()) if is_ours else f"`{name}`"


def marked(text: str) -> str:
    """A text in which every name of code is Markdown's code.

    >>> marked("Rebuilt 2 partitions of board_pack.")
    'Rebuilt 2 partitions of `board_pack`.'
    """
    return NAME.sub(lambda found: found[0] if found[1] else f"`{found[0]}`", text)


def told(sentence: str, *own: str) -> str:
    r"""A sentence of ours with its days, numbers and steps as people read them; what people wrote in it is ``own``.

    >>> told("Live until 2026-02-06, 13.92261% of 152927.1145 by cut_over on 2026-01-02..2026-01-04.")
    'Live until 6 February 2026, 13.92\xa0% of 152,927.11 by cut over on 2 to 4 January 2026.'
    """
    return "".join(part if part in own else _told(part) for part in parts_of(sentence, own))


def parts_of(sentence: str, own: Collection[str]) -> list[str]:
    """A sentence cut where somebody's own words are in it."""
    theirs = [re.escape(words) for words in own if words]
    return re.split(f"({'|'.join(theirs)})", sentence) if theirs else [sentence]


def _told(text: str) -> str:
    text = _STEP.sub(lambda found: found[1].replace("_", " "), _MINUS.sub(MINUS, text))
    text = _PERCENT.sub(lambda found: percent(Fraction(found[1]) / 100), text)
    text = _NUMBER.sub(_number_told, text)
    text = _WINDOW.sub(lambda found: span_told([read_slot(found[1]), read_slot(found[2])]), text)
    text = _MOMENT.sub(lambda found: moment_told(datetime.fromisoformat(f"{found[1]}T{found[2]}")), text)
    text = _SLOT.sub(lambda found: slot_told(read_slot(found[1])), text)
    return _MONTH.sub(lambda found: month_told(found[1]), text)


def _number_told(found: re.Match[str]) -> str:
    value = Decimal(found[1])
    is_year = "." not in found[1] and int(value) in _YEARS
    return found[1] if is_year else amount(value)
