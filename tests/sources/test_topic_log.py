"""A raw log that is fed from a topic, over the wire: what it takes in, what it sets aside, and what it refuses."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.errors.topics import (
    BrokerUnset,
    BrokerUnusable,
    Gone,
    MessagesGone,
    TopicMadeAnew,
    TopicMissing,
    TopicUnlikeDeclared,
    TopicUnreachable,
)
from backfill_assets.sources import broker as broker_module
from backfill_assets.storage import operations
from backfill_assets.storage.operations import Operation
from tests.brokers import Topic, mock_broker
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.topics import AT, COLUMNS, KEY, SENT, TABLE, Feeds, feeds, payment, payments

assert feeds

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)


def test_messages_of_all_partitions_are_rows_of_their_days_once(feeds: Feeds) -> None:
    feeds.send(payment("a"), payment("b", "2.25", day=3))
    feeds.send(payment("c", cents=100, settled=True), partition=3)

    first, again = feeds.feed(), feeds.feed()

    assert (first.slots, first.rows, first.next) == ((DAY, NEXT), 3, {0: 2, 1: 0, 2: 0, 3: 1})
    assert (again.rows, again.next, again.is_all) == (0, first.next, True)
    assert feeds.amounts() == {"a": Decimal("1.5"), "b": Decimal("2.25"), "c": Decimal("1.5")}
    rows = feeds.records.snapshot(TABLE).scan([DAY]).filter(pl.col("payment") == "c").collect().to_dicts()
    assert [(row["cents"], row["settled"], row["sent_at"], row["topic_partition"]) for row in rows] == [
        (100, True, SENT, 3)
    ]


def test_a_feed_without_news_makes_no_commit(feeds: Feeds) -> None:
    feeds.send(payment("a"))
    feeds.feed()
    before = feeds.records.snapshot(TABLE).commit

    assert not feeds.log.has_news(feeds.records)
    feeds.feed()
    assert feeds.records.snapshot(TABLE).commit == before
    feeds.send(payment("b"), partition=1)
    assert feeds.log.has_news(feeds.records)


def test_a_payment_that_is_sent_again_counts_once_as_it_came_last(feeds: Feeds) -> None:
    feeds.send(payment("a", "1"), payment("a", "2"), payment("b"), payment("a", "3"))
    feeds.feed()
    assert feeds.amounts() == {"a": Decimal(3), "b": Decimal("1.5")}

    feeds.send(payment("a", "4"), payment("a", "4"), partition=1)
    feeds.feed()

    assert feeds.amounts() == {"a": Decimal(4), "b": Decimal("1.5")}
    assert len(feeds.places()) == 6  # every message is kept


def test_what_was_fed_is_verified_against_the_totals_that_were_written_down(feeds: Feeds) -> None:
    feeds.send(payment("a", "1"), payment("a", "2"), payment("b", "4", day=3))
    feeds.feed()

    assert feeds.log.verified(feeds.records, [DAY, NEXT]).problems == ()
    stated = feeds.log.stated(feeds.records, [DAY, NEXT]).sort("day")
    assert stated.select("day", "rows", "amount").rows() == [(DAY, 1, Decimal(2)), (NEXT, 1, Decimal(4))]
    arrivals = feeds.log.arrivals(feeds.records).select("day", "arrival", "path", "rows").rows()
    name = feeds.topic.name
    assert arrivals == [(DAY, 1, f"{name}[0:0-0]", 1), (DAY, 2, f"{name}[0:1-1]", 1), (NEXT, 1, f"{name}[0:2-2]", 1)]


def test_an_altered_file_of_the_log_is_named(feeds: Feeds) -> None:
    feeds.send(payment("a"))
    feeds.feed()
    (file,) = (feeds.root / TABLE).glob("day=*/*.parquet")
    pl.read_parquet(file).with_columns(amount=pl.lit(9, pl.Decimal(18, 4))).write_parquet(file)

    problems = feeds.log.verified(feeds.records, [DAY]).problems
    assert [problem.day for problem in problems]


def test_a_batch_ends_where_it_is_full_and_the_next_one_goes_on(feeds: Feeds) -> None:
    feeds.send(*(payment(f"a{number}") for number in range(5)))
    feeds.send(*(payment(f"b{number}") for number in range(3)), partition=2)

    fed = [feeds.feed(at_most=3) for _ in range(4)]

    assert [one.rows for one in fed] == [3, 3, 2, 0]
    assert [one.is_all for one in fed] == [False, False, True, True]
    assert len(feeds.amounts()) == 8
    assert len(feeds.places()) == 8


def test_what_people_are_called_is_a_token_everywhere_but_in_the_vault(feeds: Feeds) -> None:
    feeds.send(payment("a", payer="Grace Hopper"), payment("b", "x", payer="Grace Hopper"), b"Grace Hopper {")
    assert len(feeds.feed().set_aside) == 2

    files = [file for file in feeds.root.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert {file.parts[-4] for file in files if b"Grace" in file.read_bytes()} == {"_vault"}
    assert [text for text in map(repr, feeds.feed().set_aside) if "Grace" in text] == []
    rows = pl.concat(pl.read_parquet(file) for file in feeds.root.rglob("_control/set_aside_messages/*.parquet"))
    assert set(rows["content"]) == {""}


def test_what_is_set_aside_is_named_and_keeps_nothing_else_back(feeds: Feeds) -> None:
    feeds.send(payment("a"), b"{", payment("b", "one"), payment("c"))

    fed = feeds.feed()

    assert fed.rows == 2
    assert [str(one).removeprefix(feeds.topic.name) for one in fed.set_aside] == feeds.waiting()
    assert feeds.waiting() == [
        "[0] at offset 1 is not one object of JSON",
        "[0] at offset 2 holds as amount what is no decimal of 18 digits, 4 of them behind the point",
    ]
    assert feeds.feed().set_aside == ()


@pytest.mark.parametrize("personal", [{"payer": "payer_token"}, {}], ids=["from the topic", "from the lake"])
def test_what_is_set_aside_is_taken_in_once_it_can_be_read(feeds: Feeds, personal: dict[str, str]) -> None:
    """Of people the lake keeps no bytes, so it is read from the topic; without it is there when the topic is not."""
    feeds.send(payment("a", fee="0.1"), payment("b"), b"{")
    narrow = payments(feeds.topic.name, personal=personal)
    narrow.feed(feeds.records, KEY, AT)
    assert [text[:42] for text in feeds.waiting(narrow)] == [
        "[0] at offset 0 has columns that are not d",
        "[0] at offset 2 is not one object of JSON",
    ]
    if not personal:
        feeds.topic.fill()

    wide = payments(feeds.topic.name, personal=personal, columns=pl.Schema({**COLUMNS, "fee": pl.Decimal(9, 2)}))
    taken, again = wide.take_in_again(feeds.records, KEY, AT), wide.take_in_again(feeds.records, KEY, AT)

    assert (taken.rows, again.rows) == (1, 0)
    assert feeds.amounts() == {"a": Decimal("1.5"), "b": Decimal("1.5")}
    assert feeds.waiting(wide) == ["[0] at offset 2 is not one object of JSON"]
    assert wide.verified(feeds.records, [DAY]).problems == ()


def test_two_who_take_in_again_at_once_take_in_once(feeds: Feeds) -> None:
    feeds.send(payment("a", fee="0.1"))
    feeds.feed()
    wide = payments(feeds.topic.name, columns=pl.Schema({**COLUMNS, "fee": pl.Decimal(9, 2)}))

    def first(operation: Operation, where: str, work):
        if operation is Operation.COMMIT and where.endswith(".json") and f"/{TABLE}/" in where and not done:
            done.append(where)
            assert wide.take_in_again(feeds.records, KEY, AT).rows == 1
        return work()

    done: list[str] = []
    wide.take_in_again(feeds.records, KEY, AT)  # the column is added first
    assert feeds.waiting(wide) == []
    feeds.send(payment("b", tip="0.1"))
    wide.feed(feeds.records, KEY, AT)
    wide = payments(feeds.topic.name, columns=pl.Schema({**wide.columns, "tip": pl.Decimal(9, 2)}))
    feeds.records.table(TABLE, wide.schema).add_nullable_columns()
    with operations.around(first):
        assert wide.take_in_again(feeds.records, KEY, AT).rows == 0
    assert feeds.places() == [(0, 0), (0, 1)]
    assert done


def test_a_log_that_looks_at_rows_itself_sets_aside_those_that_it_refuses(feeds: Feeds) -> None:
    def no_sevens(rows: pl.DataFrame) -> None:
        if rows.filter(pl.col("amount") == 7).height:
            msg = "seven, of Ada"
            raise ValueError(msg)

    feeds.send(*(payment(f"p{number}", str(number)) for number in range(9)), payment("q", "7"))
    log = payments(feeds.topic.name, validate=no_sevens)

    assert log.feed(feeds.records, KEY, AT).rows == 8
    assert feeds.waiting(log) == ["[0] at offset 7 is refused (ValueError)", "[0] at offset 9 is refused (ValueError)"]


def test_where_nearly_nothing_can_be_read_nothing_is_set_aside(feeds: Feeds) -> None:
    feeds.send(*(payment(f"p{number}", "1,5") for number in range(1100)), payment("a"))

    with pytest.raises(TopicUnlikeDeclared, match=r"1,100 of 1,101 messages .*holds as amount what is no") as refused:
        feeds.feed()
    assert_in_three_sentences(str(refused.value))
    assert feeds.places() == []
    assert feeds.waiting() == []


def test_another_way_of_writing_messages_is_declared_by_a_function(feeds: Feeds) -> None:
    def decode(value: bytes) -> dict[str, object]:
        name, amount = value.decode().split("|")
        return {"payment": name, "paid_at": SENT, "amount": Decimal(amount), "cents": 5}

    feeds.send(b"a|1.25", b"b", b"c|x", b"\xff|1")
    log = payments(feeds.topic.name, decode=decode)

    assert log.feed(feeds.records, KEY, AT).rows == 1
    assert feeds.amounts() == {"a": Decimal("1.25")}
    assert feeds.waiting(log) == [
        "[0] at offset 1 cannot be decoded (ValueError)",
        "[0] at offset 2 cannot be decoded (InvalidOperation)",
        "[0] at offset 3 is no text in UTF-8",
    ]


def test_messages_that_are_gone_are_told_by_partition_and_the_others_are_fed(feeds: Feeds) -> None:
    feeds.send(payment("a"), payment("b"))
    feeds.feed()
    feeds.topic.fill(partition=0)
    feeds.send(payment("c"), partition=1)
    low = feeds.log.reach()[0][0]

    with pytest.raises(MessagesGone) as refused:
        feeds.feed()

    assert refused.value.gone == (Gone(0, 2, low),)
    assert f"{low - 2} messages of the topic" in str(refused.value)
    assert f"partition 0 from offset 2 on, where {low} is the earliest" in str(refused.value)
    assert_in_three_sentences(str(refused.value))
    assert feeds.places() == [(0, 0), (0, 1), (1, 0)]
    with pytest.raises(MessagesGone):
        feeds.feed()


def test_somebody_says_that_what_is_gone_is_gone_and_it_goes_on_behind(feeds: Feeds) -> None:
    feeds.send(payment("a"))
    feeds.feed()
    feeds.topic.fill()
    feeds.send(payment("b"))
    low, high = feeds.log.reach()[0]

    fed = feeds.feed(after_loss="ada, the disk was full")

    assert fed.next[0] == high
    (lost,) = feeds.log.lost(feeds.records)
    assert (lost.offset, lost.through, lost.reason) == (1, low - 1, "ada, the disk was full")
    assert feeds.amounts().keys() == {"a", "b"}
    assert feeds.feed().rows == 0


def test_days_that_the_broker_has_lost_land_as_files(feeds: Feeds, tmp_path: Path) -> None:
    feeds.send(payment("a"))
    feeds.feed()
    day = tmp_path / "landing" / TABLE / f"{DAY}.csv"
    day.parent.mkdir(parents=True)
    time = f"{DAY}T10:00:00Z"
    day.write_text(f"payment,paid_at,payer,cents,amount,settled\na,{time},Ada,,1.5,\nb,{time},Bob,,2,\n")

    done = feeds.log.ingest(feeds.records, tmp_path / "landing", [DAY], KEY, AT)
    feeds.send(payment("c"))
    feeds.feed()

    assert (done.arrived, done.reasons) == ((DAY,), {})
    assert feeds.amounts() == {"a": Decimal("1.5"), "b": Decimal(2), "c": Decimal("1.5")}
    assert feeds.log.verified(feeds.records, [DAY]).problems == ()


def test_ends_of_transactions_are_no_messages_and_nothing_is_missing_behind_them(feeds: Feeds) -> None:
    from confluent_kafka import Producer

    producer = Producer(
        {"bootstrap.servers": feeds.topic.address, "transactional.id": feeds.topic.name, "log_level": 2}
    )
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(feeds.topic.name, value=str(payment("a")).replace("'", '"').encode(), partition=0)
    producer.flush(10)
    producer.commit_transaction(10)

    fed = feeds.feed()
    assert (fed.rows, fed.next[0], fed.is_all) == (1, 2, True)
    assert not feeds.log.has_news(feeds.records)


def test_a_topic_that_ends_before_what_was_read_is_another_one(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds.send(payment("a"), payment("b"))
    feeds.feed()
    with mock_broker() as address:
        monkeypatch.setenv("BACKFILL_KAFKA_BOOTSTRAP_SERVERS", address)
        Topic(address, feeds.topic.name).send(payment("z"))
        with pytest.raises(TopicMadeAnew, match=r"partition 0 at 1, read up to 2") as refused:
            feeds.feed()
    assert_in_three_sentences(str(refused.value))
    assert feeds.amounts().keys() == {"a", "b"}


def test_the_offset_of_a_time_is_found_by_the_times_of_messages(feeds: Feeds) -> None:
    for minute in range(4):
        feeds.send(payment(f"p{minute}"), at=SENT + timedelta(minutes=minute))
    feeds.send(payment("late"), at=SENT + timedelta(hours=1))
    feeds.send(payment("later"), at=SENT + timedelta(minutes=30))  # times do not grow with offsets
    feeds.send(payment("other"), at=SENT, partition=1)

    with feeds.log.broker.reader() as reader:
        found = [reader.since(SENT + timedelta(minutes=minutes)) for minutes in (-5, 2, 20, 90)]
    assert [one[0] for one in found] == [0, 2, 4, 6]
    assert [one[1] for one in found] == [0, 1, 1, 1]
    assert [one[2] for one in found] == [0, 0, 0, 0]


def test_what_was_never_read_may_begin_at_a_time(feeds: Feeds) -> None:
    for hour in range(4):
        feeds.send(payment(f"p{hour}"), at=SENT + timedelta(hours=hour))

    fed = feeds.feed(begin=SENT + timedelta(hours=2))
    feeds.send(payment("q"))

    assert (fed.rows, fed.next) == (2, {0: 4, 1: 0, 2: 0, 3: 0})
    assert feeds.feed(begin=SENT + timedelta(hours=9)).rows == 1  # it was read by now


def unset(feeds: Feeds, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("BACKFILL_KAFKA_BOOTSTRAP_SERVERS")


def unknown_option(feeds: Feeds, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("BACKFILL_KAFKA_SASL_PASWORD", "hunter2")


def nobody_there(feeds: Feeds, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("BACKFILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")


def never_sent_to(feeds: Feeds, patch: pytest.MonkeyPatch) -> None:
    object.__setattr__(feeds, "log", payments(Topic("x").name))


UNREACHED = {
    "no broker is named": (unset, BrokerUnset, "BACKFILL_KAFKA_BOOTSTRAP_SERVERS is not set"),
    "an option is unknown": (unknown_option, BrokerUnusable, 'No such configuration property, "sasl.pasword"'),
    "nobody answers": (nobody_there, TopicUnreachable, "transport failure"),
    "there is no such topic": (never_sent_to, TopicMissing, "has no topic topic-"),
}


@pytest.mark.parametrize("case", UNREACHED)
def test_what_is_not_there_is_said_in_a_sentence_within_its_time(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(broker_module, "ANSWER_SECONDS", 0.5)
    arrange, error, told = UNREACHED[case]
    arrange(feeds, monkeypatch)
    began = datetime.now(UTC)

    with pytest.raises(error, match=told) as refused:
        feeds.feed()

    assert datetime.now(UTC) - began < timedelta(seconds=5)
    assert "hunter2" not in str(refused.value)
    assert_in_three_sentences(str(refused.value))


DECLARED_WRONGLY = {
    "no such column": {"dated_by": "when"},
    "no column of times": {"dated_by": "amount"},
    "times of nowhere": {"columns": pl.Schema({**COLUMNS, "paid_at": pl.Datetime("us")})},
    "a column of ours": {"columns": pl.Schema({**COLUMNS, "topic_offset": pl.Int64()})},
}


@pytest.mark.parametrize("case", DECLARED_WRONGLY)
def test_what_cannot_be_declared_is_refused(case: str) -> None:
    log = payments("t")
    with pytest.raises(ColumnsDeclaredWrongly):
        replace(log, **DECLARED_WRONGLY[case])


def test_nothing_of_the_way_to_the_broker_is_shown(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("BACKFILL_KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("BACKFILL_KAFKA_SASL_USERNAME", "hunter2")
    monkeypatch.setenv("BACKFILL_KAFKA_SASL_MECHANISM", "hunter2")
    monkeypatch.setenv("BACKFILL_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(BackfillAssetsError) as refused:
        feeds.feed()

    assert isinstance(refused.value, BrokerUnusable)
    assert "hunter2" not in f"{refused.value} {feeds.log!r} {feeds.log.broker!r}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
