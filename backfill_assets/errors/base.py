"""The root of every refusal, and the few phrases that sentences share."""

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, ClassVar
from unicodedata import category

MOST_CULPRITS = 5
LONGEST_FAULT = 300
LONGEST_QUOTED = 1_000
# In Azure's addresses a container stands before the @.
IN_ADDRESS = re.compile(r"\b((?!abfss?:|wasbs?:|adl:)[A-Za-z][A-Za-z0-9+.-]*://)[^\s'\"<>]*@")
ASSIGNED = re.compile(
    r"(\b\w*(?:password|passwd|pwd|secret|token|signature|credential|key|sig)\w*=)[^\s&;,'\"]+", re.IGNORECASE
)
WITH_PASSWORD = re.compile(r"://[^/\s]*:[^/\s]*@")


class BackfillAssetsError(Exception):
    """A refusal in three sentences: the culprit, what was left untouched, the next move.

    Subclasses take their culprits as data and write their own sentences. A message carries no colon,
    because Python prints one before it.

    ``exit_code`` is what the command line ends with: 2 bad input, 4 refused or failed validation, 5 something
    is wrong with what is published, 1 else.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        # Culprits may be names that strangers gave: they steer no terminal, and make no sentence of their own.
        super().__init__(as_words(message))

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is sent between processes: by what it says, since the culprits that it was made of are not kept."""
        return _said_again, (type(self), self.args, dict(vars(self)))


def _said_again(kind: type[BackfillAssetsError], args: tuple[Any, ...], known: dict[str, Any]) -> BackfillAssetsError:
    error = kind.__new__(kind, *args)
    vars(error).update(known)
    return error


class BadInput(BackfillAssetsError):
    """What was asked, or what landed, cannot be used as it is."""

    exit_code = 2


class Refused(BackfillAssetsError):
    """What was asked would harm published numbers, or has not earned its gate."""

    exit_code = 4


class Unforeseen(BackfillAssetsError):
    """Something failed in a way that nobody foresaw; ``fault`` is the error as it was told, in one line."""

    def __init__(self, what: str, fault: str) -> None:
        super().__init__(
            f"{what} failed with an unexpected error ({fault}). "
            "Nothing of it was written, and everything else went on. "
            "Repair the cause and run it again, or report this message if the cause is not yours."
        )


def fault_told(error: BaseException) -> str:
    """The name and the first line of somebody else's error, so that it can stand inside a sentence.

    >>> fault_told(KeyError("day"))
    "KeyError, 'day'"
    """
    return in_one_line(f"{type(error).__name__}: {error}")


def without_secrets(text: str) -> str:
    """A text of others without what an address of theirs or an assignment in it may keep secret.

    >>> without_secrets("no answer of postgresql://ada:s3cret@db/x?sslkey=k&token=t")
    'no answer of postgresql://…@db/x?sslkey=…&token=…'
    >>> without_secrets("abfss://lake@account.dfs.core.windows.net/x")
    'abfss://lake@account.dfs.core.windows.net/x'
    """
    return ASSIGNED.sub(r"\1…", IN_ADDRESS.sub(r"\1…@", text))


def holds_secret(text: str) -> bool:
    """Whether an address has a password in it.

    >>> holds_secret("https://ada:s3cret@example.org"), holds_secret("s3://bucket/lake")
    (True, False)
    """
    return WITH_PASSWORD.search(text) is not None


def in_one_line(text: str) -> str:
    """The first line of a text without colons, full stops and secrets, cut off where it is long.

    >>> in_one_line("ValueError: no day. At all.")
    'ValueError, no day; At all'
    """
    first = without_secrets(next((line for line in text.strip().splitlines() if line.strip()), "").strip())
    return as_words(first.replace(": ", ", ").replace(". ", "; ").rstrip(".:"))[:LONGEST_FAULT]


def as_words(text: str) -> str:
    """A text that holds what strangers wrote, without colons and without characters that are not seen.

    >>> as_words("{'a': 1}" + chr(10))
    "{'a' 1}?"
    """
    words = "".join(char if char.isprintable() or category(char) == "Zs" else "?" for char in text)
    return words.replace(": ", " ")


def quoted(text: str) -> str:
    """What strangers wrote, as it may stand inside a sentence: as words, without ends of sentences, and never long.

    >>> quoted("a. b: c"), len(quoted("a" * 5000))
    ('a; b c', 1001)
    """
    told = as_words(text[: 2 * LONGEST_QUOTED]).replace(". ", "; ")
    return told if len(told) <= LONGEST_QUOTED else f"{told[:LONGEST_QUOTED]}…"


def listed(culprits: Collection[object]) -> str:
    """Name at most five culprits, sorted, and how many there are beyond them.

    >>> listed(["b", "a"])
    'a, b'
    """
    names = sorted(str(culprit) for culprit in culprits)
    shown = ", ".join(names[:MOST_CULPRITS])
    beyond = len(names) - MOST_CULPRITS
    return f"{shown} and {beyond} more" if beyond > 0 else shown


def counted(number: int, noun: str) -> str:
    """A number with its noun, in singular or plural.

    >>> counted(1, "day"), counted(0, "row"), counted(2, "notice")
    ('1 day', '0 rows', '2 notices')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def days_listed(days: Collection[date], of: int | None = None, noun: str = "day") -> str:
    """Count the days and name at most five; ``noun`` is what the slots of their table are, where they are no hours.

    >>> days_listed([date(2026, 1, 2)], of=90)
    '1 of 90 days (2026-01-02)'
    """
    kind = "hour" if any(isinstance(day, datetime) for day in days) else noun
    total = "" if of is None else f" of {of:,}"
    told = kind if (len(days) if of is None else of) == 1 else f"{kind}s"
    return f"{len(days):,}{total} {told} ({listed(days)})"


def verb(number: int, singular: str, plural: str) -> str:
    """The form of a verb, or of a noun that ``counted`` cannot make, that fits a number.

    >>> verb(1, "is", "are"), verb(2, "is", "are")
    ('is', 'are')
    """
    return singular if number == 1 else plural


def corrections_listed(corrections: Collection[str]) -> str:
    """Corrections by their ids, as they stand within a sentence.

    >>> corrections_listed(["20260123"]), corrections_listed(["20260124", "20260123"])
    ('correction 20260123', 'corrections 20260123, 20260124')
    """
    return f"{verb(len(corrections), 'correction', 'corrections')} {listed(corrections)}"


def because(note: str) -> str:
    """A note in brackets, where there is one.

    >>> because("wrong rates")
    ' (wrong rates)'
    """
    return f" ({note})" if note else ""


def at_rate(source: str, days_per_minute: float, noun: str = "day") -> str:
    """A source with the rate that it declares.

    >>> at_rate("orders_log", 4.0)
    'orders_log, which bears 4 days a minute'
    """
    days = noun if days_per_minute == 1 else f"{noun}s"
    return f"{source}, which bears {days_per_minute:g} {days} a minute"


def named(names: Collection[str]) -> str:
    """At most five names in brackets, where there are any."""
    return f" ({listed(names)})" if names else ""
