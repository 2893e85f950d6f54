"""Messages of a topic as rows of declared columns, each value kept to the last digit, or set aside with a reason.

A message that cannot be read keeps no other one back. Reasons hold names of columns and never values, since those may
be personal.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import as_words, listed
from backfill_assets.sources.broker import Received
from backfill_assets.sources.formats import KINDS, object_of, text_of
from backfill_assets.sources.landed import exactly
from backfill_assets.storage.layout import DAY

PARTITION, OFFSET, SENT = "topic_partition", "topic_offset", "sent_at"
PLACE = pl.Schema({PARTITION: pl.Int64(), OFFSET: pl.Int64(), SENT: pl.Datetime("us", "UTC")})
"""Where a row stood in its topic, and when it was sent; null in a row of a landed file."""

Decode = Callable[[bytes], Mapping[str, Any]]
TEXTUAL = (str, int, Decimal, date, bool)
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared of the messages of a topic; see ``TopicLog``."""

    columns: pl.Schema
    required: frozenset[str]
    dated_by: str
    decode: Decode | None
    most_ahead: timedelta
    most_late: timedelta


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that cannot be a row, and why, as the rest of a sentence that begins with it."""

    message: Received
    reason: str


@dataclass(frozen=True, slots=True)
class Read:
    """Rows by day in the declared columns and those of their place, personal ones in clear; and what is set aside."""

    rows: pl.DataFrame
    unread: tuple[Unread, ...]


def read_messages(messages: Sequence[Received], declared: Declared) -> Read:
    """Each message as a row with its day, or why it is none."""
    found = [_object_of(message, declared) for message in messages]
    sound = [(message, row) for message, row in zip(messages, found, strict=True) if not isinstance(row, str)]
    unread = [Unread(message, row) for message, row in zip(messages, found, strict=True) if isinstance(row, str)]
    values = [row for _, row in sound]
    text = pl.DataFrame(
        {name: pl.Series(name, [row.get(name) for row in values], pl.String) for name in declared.columns}
    ).with_columns(pl.all().replace("", None))
    made = text.select(exactly(text[name], kind).alias(name) for name, kind in declared.columns.items())
    placed = [(one.partition, one.offset, one.at) for one, _ in sound]
    made = made.hstack(pl.DataFrame(placed, PLACE, orient="row")).with_columns(_day(declared).alias(DAY))
    reasons = _reasons(declared, text, made)
    unread += [Unread(message, why) for (message, _), why in zip(sound, reasons, strict=True) if why]
    is_read = pl.Series([not why for why in reasons], dtype=pl.Boolean)
    return Read(made.filter(is_read), tuple(sorted(unread, key=lambda one: one.message[:2])))


def _object_of(message: Received, declared: Declared) -> dict[str, str | None] | str:
    """The values of a message as text, or why there are none."""
    if message.value is None:
        return "has no value"
    try:
        row = declared.decode(message.value) if declared.decode else object_of(message.value.decode())
    except UnicodeDecodeError:
        return "is no text in UTF-8"
    except FAULTS as error:
        return f"cannot be decoded ({type(error).__name__})"
    if isinstance(row, str):
        return f"is not one object of JSON{row}"
    lacking, unknown = declared.required - row.keys(), row.keys() - declared.columns.keys()
    if lacking:
        return f"lacks {listed(lacking)}"
    if unknown:
        return f"has columns that are not declared ({listed([as_words(str(name))[:LONGEST_NAME] for name in unknown])})"
    strange = {name: kind for name, value in row.items() if (kind := _strange(value, declared.columns[name]))}
    if strange:
        return " and ".join(f"holds {kind} as {name}" for name, kind in sorted(strange.items()))
    return {name: _text(value) for name, value in row.items()}


def _strange(value: object, kind: pl.DataType) -> str:
    """What a value is where the column cannot hold it, whatever its digits; nothing where it may."""
    if value is None or type(value) is str or isinstance(value, datetime):
        return ""
    told = KINDS.get(type(value), type(value).__name__)
    if isinstance(value, bool):
        may = kind == pl.Boolean
    elif told == "number" or isinstance(value, (int, Decimal)):
        told, may = "number", kind.is_numeric()
    else:
        may = isinstance(value, TEXTUAL)
    return "" if may else f"{'an' if told[0] in 'aeiou' else 'a'} {told}"


def _text(value: object) -> str | None:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else text_of(value)


def _day(declared: Declared) -> pl.Expr:
    kind = declared.columns[declared.dated_by]
    return pl.col(declared.dated_by) if kind == pl.Date else pl.col(declared.dated_by).dt.date()


def _reasons(declared: Declared, text: pl.DataFrame, made: pl.DataFrame) -> list[str]:
    """Why each row is none; the empty text where it is one."""
    told: list[pl.Expr] = []
    for name, kind in declared.columns.items():
        lost = made[name].is_null() & text[name].is_not_null()
        told.append(pl.when(lost).then(pl.lit(f"holds as {name} what is no {_named(kind)}")))
        if name in declared.required:
            told.append(pl.when(text[name].is_null()).then(pl.lit(f"has nothing as {name}")))
    day, sent = pl.col(DAY), pl.col(SENT).dt.date()
    told.append(pl.when(day > sent + declared.most_ahead).then(pl.lit("is of a day ahead of the one it was sent on")))
    told.append(pl.when(day < sent - declared.most_late).then(pl.lit("is of a day long before the one it was sent on")))
    reasons = made.select(pl.concat_str(told, separator=" and ", ignore_nulls=True).alias("why"))
    return reasons["why"].fill_null("").to_list()


def _named(kind: pl.DataType) -> str:
    if isinstance(kind, pl.Decimal):
        return f"decimal of {kind.precision} digits, {kind.scale} of them behind the point"
    if isinstance(kind, pl.Datetime):
        return "time with its offset from UTC"
    if kind == pl.Date:
        return "day such as YYYY-MM-DD"
    return "whole number" if kind.is_integer() else str(kind).lower()


def told_once(unread: Collection[Unread]) -> list[str]:
    """The reasons, each once."""
    return sorted({one.reason for one in unread})
