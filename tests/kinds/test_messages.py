"""Messages of a topic: each is a row to the last digit, or set aside by its place with the reason."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backfill_assets.sources.broker import Received
from backfill_assets.sources.messages import read_messages
from tests.topics import SENT, payment, payments

DECLARED = payments("t").declared
KEYS = ("payment", "paid_at", "payer", "cents", "amount", "settled")


def raw(message: object) -> bytes | None:
    return message if message is None or isinstance(message, bytes) else json.dumps(message).encode()


def received(*values: object, at: datetime | None = SENT) -> list[Received]:
    return [Received(0, offset, at, raw(value)) for offset, value in enumerate(values)]


READ: dict[str, tuple[object, dict[str, Any]]] = {
    "amounts as numbers": (
        b'{"payment":"a","paid_at":"2026-03-02T10:00:00Z","amount":0.1000}',
        {"amount": Decimal("0.1")},
    ),
    "all digits of a long amount": (payment("a", "12345678901234.1234"), {"amount": Decimal("12345678901234.1234")}),
    "as a number, too": (
        b'{"payment":"a","paid_at":"2026-03-02T10:00:00Z","amount":12345678901234.1234}',
        {"amount": Decimal("12345678901234.1234")},
    ),
    "a time of another offset": (
        payment("a") | {"paid_at": "2026-03-02T23:30:00-02:00"},
        {"paid_at": datetime(2026, 3, 3, 1, 30, tzinfo=UTC), "day": date(2026, 3, 3)},
    ),
    "a column of no value left out": ({k: v for k, v in payment("a").items() if k != "payer"}, {"payer": None}),
    "an empty text": (payment("a", payer=""), {"payer": None}),
    "a truth value": (payment("a", settled=True), {"settled": True}),
    "a truth value as text": (payment("a", settled="false"), {"settled": False}),
    "white space around the object": (b"\n " + json.dumps(payment("a")).encode() + b"\n", {"payment": "a"}),
    "signs of any script": (payment("\u00e4\u5b57\U0001f600"), {"payment": "\u00e4\u5b57\U0001f600"}),
    "a day before the one it was sent on": (payment("a", day=1), {"day": date(2026, 3, 1)}),
    "the day after, by a clock ahead": (payment("a", day=3), {"day": date(2026, 3, 3)}),
}
SET_ASIDE: dict[str, tuple[object, str]] = {
    "no value": (None, "has no value"),
    "nothing": (b"", "is not one object of JSON"),
    "no JSON": (b"{", "is not one object of JSON"),
    "a list": (b"[]", "is not one object of JSON"),
    "two objects": (b"{}{}", "is not one object of JSON"),
    "a key given twice": (b'{"payment":"a","payment":"b"}', "is not one object of JSON, which gives payment twice"),
    "another encoding": ('{"payment":"ä"}'.encode("latin-1"), "is no text in UTF-8"),
    "half of a character": (b'{"payment":"\\ud800"}', "is not one object of JSON"),
    "no key": ({k: v for k, v in payment("a").items() if k != "payment"}, "lacks payment"),
    "an empty key": (payment(""), "has nothing as payment"),
    "no amount": (payment("a") | {"amount": None}, "has nothing as amount"),
    "no time": (payment("a") | {"paid_at": None}, "has nothing as paid_at"),
    "a column that is not declared": (payment("a", tip="1"), "has columns that are not declared (tip)"),
    "more digits than declared": (payment("a", "0.00001"), "holds as amount what is no decimal of 18 digits"),
    "digits lost on the way": (payment("a", "1e5"), "holds as amount what is no decimal of 18 digits"),
    "no number at all": (
        b'{"payment":"a","paid_at":"2026-03-02T10:00:00Z","amount":NaN}',
        "holds as amount what is no",
    ),
    "a fraction as a whole number": (payment("a", cents=1.5), "holds as cents what is no whole number"),
    "a number as text": (payment("a", payer=7), "holds a number as payer"),
    "an object as a value": (payment("a", payer={"name": "Ada"}), "holds an object as payer"),
    "a truth value as an amount": (payment("a") | {"amount": True}, "holds a boolean as amount"),
    "a time of nowhere": (payment("a") | {"paid_at": "2026-03-02T10:00:00"}, "holds as paid_at what is no time with"),
    "a number as a time": (payment("a") | {"paid_at": 1_772_000_000}, "holds a number as paid_at"),
    "a day long ahead": (payment("a", day=9), "is of a day ahead of the one it was sent on"),
    "a slip of a digit in the year": (
        payment("a") | {"paid_at": "1026-03-02T10:00:00Z"},
        "is of a day long before the one it was sent on",
    ),
    "a number nested without end": (b'{"payment":' + b"[" * 100_000 + b"}", "is not one object of JSON"),
}


@pytest.mark.parametrize("case", READ)
def test_what_can_be_read_is_a_row_to_the_last_digit(case: str) -> None:
    message, expected = READ[case]
    read = read_messages(received(message), DECLARED)

    assert read.unread == ()
    (row,) = read.rows.to_dicts()
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("case", SET_ASIDE)
def test_what_cannot_be_read_is_set_aside_with_the_reason_and_the_rest_goes_on(case: str) -> None:
    message, reason = SET_ASIDE[case]
    read = read_messages(received(payment("before"), message, payment("behind")), DECLARED)

    assert read.rows["payment"].to_list() == ["before", "behind"]
    (unread,) = read.unread
    assert unread.message.offset == 1
    assert unread.reason.startswith(reason)
    assert "Ada" not in unread.reason


def test_all_reasons_of_a_message_are_told() -> None:
    (unread,) = read_messages(received(payment("", "x", cents="1.5")), DECLARED).unread
    assert unread.reason == (
        "has nothing as payment and holds as cents what is no whole number and "
        "holds as amount what is no decimal of 18 digits, 4 of them behind the point"
    )


def test_a_message_without_a_time_of_its_own_is_of_any_day() -> None:
    assert read_messages(received(payment("a", day=9), at=None), DECLARED).unread == ()


def test_how_late_and_how_far_ahead_a_message_may_be_is_declared() -> None:
    strict = payments("t", most_ahead=timedelta(0), most_late=timedelta(days=1)).declared
    read = read_messages(
        received(
            *(payment(f"p{day}", day=day) for day in (1, 2, 3)), payment("old") | {"paid_at": "2026-02-28T10:00:00Z"}
        ),
        strict,
    )
    assert read.rows["payment"].to_list() == ["p1", "p2"]


def test_nothing_is_read_of_no_message() -> None:
    read = read_messages([], DECLARED)
    assert (read.rows.height, read.unread) == (0, ())
    assert set(KEYS) < set(read.rows.columns)
