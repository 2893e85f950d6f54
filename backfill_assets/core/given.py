"""What people write into a command, a form, the environment or a request, read strictly; and whose name it is."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime

from backfill_assets.core.slots import Grain, Slot, read_slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.given import DaysUnreadable, NumberUnreadable, TimeUnreadable

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def as_day(text: str) -> date | None:
    """The day that a text writes as YYYY-MM-DD; None when it writes none.

    >>> as_day("2030-02-28"), as_day("2030-02-31"), as_day("20300228")
    (datetime.date(2030, 2, 28), None, None)
    """
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def as_slot(text: str) -> Slot | None:
    """The day, or the hour in UTC, that a text writes; None when it writes none.

    >>> as_slot("2030-02-28"), str(as_slot("2030-02-28T13:00Z")), as_slot("2030-02-28T13:30Z")
    (datetime.date(2030, 2, 28), '2030-02-28T13:00Z', None)
    """
    try:
        slot = read_slot(text) if _HOUR.fullmatch(text) else as_day(text)
        return slot if str(slot) == text else None
    except ValueError:
        return None


def slot_given(text: str, field: str = "") -> Slot:
    """The day, or the hour in UTC, that somebody wrote.

    Raises:
        DaysUnreadable: when it is none.
    """
    slot = as_slot(text)
    if slot is None:
        raise DaysUnreadable([text], field)
    return slot


def days_given(texts: Sequence[str], field: str = "", grain: Grain | None = None) -> tuple[Slot, ...]:
    """The days, or the hours in UTC, that somebody wrote, each once, in the order of the writing.

    With a grain also all from one to another, as ``2026-01-08..2026-01-12``.

    Raises:
        DaysUnreadable: naming every text that is none.
    """
    read = {text: _slots_of(text, grain) for text in texts}
    if wrong := [text for text, days in read.items() if not days]:
        raise DaysUnreadable(wrong, field)
    return tuple(dict.fromkeys(day for days in read.values() for day in days))


def _slots_of(text: str, grain: Grain | None) -> tuple[Slot, ...]:
    first, dots, last = text.partition("..")
    if not dots or grain is None:
        slot = as_slot(text)
        return () if slot is None else (slot,)
    begins, ends = as_slot(first), as_slot(last)
    if begins is None or ends is None or not grain.names(begins) or not grain.names(ends):
        return ()
    try:
        return Window(begins, ends, grain).days
    except BadInput:
        return ()


def number_given(given: str | int, field: str, least: int = 0) -> int:
    """The whole number that somebody wrote, of at most nine digits.

    Raises:
        NumberUnreadable: when it is none, or less than it may be.
    """
    if not _NUMBER.fullmatch(str(given)) or int(given) < least:
        raise NumberUnreadable(given, field, least)
    return int(given)


def time_given(text: str, field: str) -> datetime:
    """The time that somebody wrote, in UTC.

    Raises:
        TimeUnreadable: when it is none, or does not say how far it is from UTC.
    """
    try:
        return datetime.fromisoformat(text if _TIME.fullmatch(text) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimeUnreadable(text, field) from None


_MACHINES = """
dagster dagster-daemon dagster-webserver dagit daemon root system sudo service services scheduler schedule sensor cron
ci bot robot machine server automation automatic pipeline airflow jenkins runner docker container kubernetes nightly app
api cli admin administrator superuser guest www-data ubuntu localhost localsystem
"""
AN_ID = "letters, digits, underscores and dashes, at most 64"
A_WATCHER = "the name of an audience, of letters, digits, spaces, dots, dashes and underscores"
# Both become names of files and folders. An id that is not given is the day's.
ID = re.compile(r"([0-9A-Za-z][0-9A-Za-z_-]{0,63})?")
WATCHER = re.compile(r"\w[\w .-]{0,63}")
_PLACEHOLDERS = """
name names me myself i you user username person people somebody someone anybody anyone everybody everyone nobody unknown
anonymous anon none null nil na todo tbd fixme x xx xxx xyz string str text placeholder empty default
"""
MACHINES = frozenset(_MACHINES.split()) | {"command line", "retention sweep", "github actions", "local service"}
PLACEHOLDERS = frozenset(_PLACEHOLDERS.split()) | {"your name", "my name", "full name", "n/a", "no one", "not given"}
_OF_CODE = re.compile(r"__|_(schedule|sensor|driver|job|daemon|sweep|nightly)$|\[bot\]$|^svc[-_.]|[-_.](bot|svc)$")


def written(name: str) -> str:
    """A name without what cannot be seen: surrounding, doubled and zero-width spaces."""
    seen = "".join(one for one in name if one.isspace() or not unicodedata.category(one).startswith("C"))
    return " ".join(seen.split())


def is_person(name: str) -> bool:
    """Whether a text can be the name of a person, as far as that can be told: no blank, placeholder or machine.

    >>> [is_person(name) for name in ("Ada (data engineering)", "  ", "dagster", "<your name>")]
    [True, False, False, False]
    """
    folded = unicodedata.normalize("NFKC", written(name)).casefold()
    bare = " ".join(re.sub(r"[^\w\s/-]|_", " ", folded).split()).strip("-/ ")
    if not any(one.isalpha() for one in bare) or _OF_CODE.search(folded):
        return False
    return not {folded, bare, bare.replace("-", " ")} & (MACHINES | PLACEHOLDERS)


def refuse_unsigned(by: str, what: str) -> None:
    """Refuse a decision that nobody signs. ``what`` is the decision, such as "roll back correction 20300228".

    Raises:
        NameNeeded: when the name is no person's.
    """
    if not is_person(by):
        raise NameNeeded(what, by)


def is_same_person(name: str, other: str) -> bool:
    """Whether two names are one person's: case, spaces and what cannot be seen do not make another."""
    one, two = (unicodedata.normalize("NFKC", written(each)).casefold() for each in (name, other))
    return one == two
