"""Storage fails, or the process is killed, at any operation of a feed: the next feed ends it, each message once."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import polars as pl
import pytest

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.storage import operations
from backfill_assets.storage.operations import Operation
from tests.faults import Fault, KilledError, faults_of, injected
from tests.topics import AT, COLUMNS, KEY, TABLE, Feeds, feeds, payment, payments

assert feeds

WIDE = {"columns": pl.Schema({**COLUMNS, "fee": pl.Decimal(9, 2)})}
EVERY = pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.soak)], ids=["a few", "all"])
"""Of all points those that are tried."""
Point = tuple[int, Fault]


def in_lake(feeds: Feeds, name: str, copied: Feeds | None = None) -> Feeds:
    """The same topic, and a lake of its own."""
    mine = Feeds(feeds.topic, feeds.root.parent / name.replace(" ", "-"))
    if copied:
        shutil.copytree(copied.root, mine.root)
    return mine


def points(feed: Callable[[], object], every: int) -> list[Point]:
    """The operations of a feed that are let fail, each in every way; a process that is killed at a commit is always."""
    with injected() as injector:
        feed()
    found = [(number, of, fault) for number, (of, _) in enumerate(injector.done, 1) for fault in faults_of(of)]
    return [
        (number, fault)
        for at, (number, of, fault) in enumerate(found)
        if at % every == every // 2 or (of is Operation.COMMIT and fault is Fault.KILLED_BEFORE)
    ]


@EVERY
def test_a_first_feed_that_failed_anywhere_is_ended_by_the_next(feeds: Feeds, every: int) -> None:
    feeds.send(payment("a", "1"), b"{", payment("a", "3"))
    feeds.send(payment("b", day=3), partition=1)
    tried = points(in_lake(feeds, "none").feed, 2 * every)

    for number, fault in tried:
        mine = in_lake(feeds, f"{number} {fault}")
        with suppress(BackfillAssetsError, KilledError), injected(number, fault):
            mine.feed()
        mine.feed()
        assert mine.amounts() == {"a": Decimal(3), "b": Decimal("1.5")}, (number, fault)
        assert mine.places() == [(0, 0), (0, 2), (1, 0)], (number, fault)
        assert mine.waiting() == ["[0] at offset 1 is not one object of JSON"], (number, fault)
        assert mine.log.verified(mine.records, mine.records.days(TABLE)).problems == (), (number, fault)
    assert len(tried) > 5


@EVERY
def test_a_later_feed_that_failed_anywhere_is_ended_by_the_next(feeds: Feeds, every: int) -> None:
    """What a killed feed had set aside counts no more once the declaration can read it."""
    feeds.send(b"{", payment("a", "1"))
    feeds.feed()
    feeds.send(payment("a", "2"), payment("b", fee="0.1"))
    tried = points(in_lake(feeds, "none", copied=feeds).feed, every)

    for number, fault in tried:
        mine = in_lake(feeds, f"{number} {fault}", copied=feeds)
        with suppress(BackfillAssetsError, KilledError), injected(number, fault):
            mine.feed()
        was_fed = len(mine.places()) == 2
        wide = payments(feeds.topic.name, **WIDE)
        wide.feed(mine.records, KEY, AT)
        assert mine.places() == [(0, 1), (0, 2)] if was_fed else [(0, 1), (0, 2), (0, 3)], (number, fault)
        assert mine.waiting(wide)[0] == "[0] at offset 0 is not one object of JSON", (number, fault)
        assert len(mine.waiting(wide)) == 1 + was_fed, (number, fault)
        assert wide.take_in_again(mine.records, KEY, AT).rows == was_fed, (number, fault)
        assert mine.amounts() == {"a": Decimal(2), "b": Decimal("1.5")}, (number, fault)
    assert len(tried) > 5


@EVERY
def test_messages_that_are_taken_in_again_are_so_once_whatever_fails(feeds: Feeds, every: int) -> None:
    feeds.send(payment("a", fee="0.1"))
    feeds.feed()
    wide = payments(feeds.topic.name, **WIDE)
    untouched = in_lake(feeds, "none", copied=feeds).records
    tried = points(lambda: wide.take_in_again(untouched, KEY, AT), every)

    for number, fault in tried:
        mine = in_lake(feeds, f"{number} {fault}", copied=feeds)
        with suppress(BackfillAssetsError, KilledError), injected(number, fault):
            wide.take_in_again(mine.records, KEY, AT)
        wide.take_in_again(mine.records, KEY, AT)
        assert (mine.places(), mine.waiting(wide)) == ([(0, 0)], []), (number, fault)
    assert len(tried) > 5


def test_of_two_feeds_at_once_one_begins_again_and_nothing_is_there_twice(feeds: Feeds) -> None:
    """The second one, and then the third, comes between what the first has read and what it commits."""
    feeds.send(payment("a"), b"{", payment("b"))
    feeds.feed()
    feeds.send(payment("c"), payment("d"))
    feeds.send(payment("e"), partition=2)
    others: list[int] = []

    def between(operation: Operation, where: str, work):
        if operation is Operation.COMMIT and f"/{TABLE}/" in where and len(others) < 2:
            turn = len(others)
            others.append(0)
            feeds.send(payment(f"new{turn}"), b"{}", partition=turn + 1)
            others[turn] = feeds.feed().rows
        return work()

    with operations.around(between):
        last = feeds.feed().rows

    assert sum(others) + last == 5
    assert feeds.places() == [(0, 0), (0, 2), (0, 3), (0, 4), (1, 0), (2, 0), (2, 1)]
    assert feeds.waiting() == [
        "[0] at offset 1 is not one object of JSON",
        "[1] at offset 1 lacks amount, paid_at, payment",
        "[2] at offset 2 lacks amount, paid_at, payment",
    ]
    assert feeds.log.verified(feeds.records, feeds.records.days(TABLE)).problems == ()
