"""What the reading of topics relies on in librdkafka, and what its mock cluster does otherwise than a broker.

Each test names the decision that rests on it: when an upgrade turns one red, that decision is the victim.
"""

import time

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.brokers import PARTITIONS, QUIET, Topic

WAIT = 10.0
CLOSED = "127.0.0.1:9"


@pytest.fixture
def topic(broker: str) -> Topic:
    return Topic(broker)


def first(topic: Topic, offset: int, **options: object) -> Message:
    """What comes first when partition 0 is read from an offset."""
    consumer = topic.consumer(**options)
    consumer.assign([TopicPartition(topic.name, 0, offset)])
    found = consumer.poll(WAIT)
    consumer.close()
    assert found is not None
    return found


def read(topic: Topic, **options: object) -> tuple[list[tuple[int, bytes]], int]:
    """Offset and value of each message of partition 0, and the offset of its end."""
    consumer = topic.consumer(**{"enable.partition.eof": True, **options})
    consumer.assign([TopicPartition(topic.name, 0, 0)])
    found: list[tuple[int, bytes]] = []
    while (message := consumer.poll(WAIT)) is not None:
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            break
        found.append((message.offset(), message.value()))
    assert message is not None
    consumer.close()
    return found, message.offset()


def test_topics_make_themselves_with_four_partitions(topic: Topic) -> None:
    """The tests of rebalancing count on several partitions, and `create_topics` is of no use."""
    topic.send(b"1", partition=3)
    (metadata,) = topic.consumer().list_topics(topic.name, timeout=WAIT).topics.values()

    assert metadata.error is None
    assert [*metadata.partitions] == [*range(PARTITIONS)]


def test_a_topic_that_is_not_there_is_said_to_be_unknown_and_is_not_made_by_asking(topic: Topic) -> None:
    for _ in range(2):
        (metadata,) = topic.consumer().list_topics(topic.name, timeout=WAIT).topics.values()
        assert metadata.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        assert not metadata.partitions


def test_a_broker_that_is_not_there_is_told_of_when_the_time_is_over() -> None:
    began = time.monotonic()
    with pytest.raises(KafkaException) as refused:
        Topic(CLOSED).consumer().list_topics("any", timeout=0.5)

    assert refused.value.args[0].code() == KafkaError._TRANSPORT
    assert 0.4 < time.monotonic() - began < 5


def test_what_is_kept_is_bounded_by_size_and_reading_before_it_is_an_error(topic: Topic) -> None:
    """The refusal of a bookmark below the earliest offset is tried against messages that are really gone."""
    topic.fill(megabytes=8)
    low, high = topic.consumer().get_watermark_offsets(TopicPartition(topic.name, 0), timeout=WAIT, cached=False)
    gone, there = first(topic, 5), first(topic, low)

    assert high == 800
    assert 200 < low < 400
    assert (gone.error().code(), gone.partition(), gone.offset()) == (KafkaError._AUTO_OFFSET_RESET, 0, 5)
    assert "Offset out of range" in gone.error().str()
    assert there.error() is None


def test_reading_beyond_the_end_is_the_same_error(topic: Topic) -> None:
    """A topic that was made anew is known by its end lying before the bookmark, never by this error alone."""
    topic.send(b"1")
    assert first(topic, 9).error().code() == KafkaError._AUTO_OFFSET_RESET


def test_times_of_messages_are_kept_and_the_offset_of_a_time_is_not_answered(topic: Topic) -> None:
    """So the messages themselves are read for the first of a time."""
    topic.send(b"a", b"b", at=[1_700_000_000_000, 1_700_000_000_005])
    (found,) = topic.consumer().offsets_for_times([TopicPartition(topic.name, 0, 1_700_000_000_001)], timeout=WAIT)

    assert found.offset == -1
    assert found.error is None
    assert first(topic, 1).timestamp() == (1, 1_700_000_000_005)


def test_a_value_may_be_nothing(topic: Topic) -> None:
    topic.send(None)
    assert first(topic, 0).value() is None


def test_topics_cannot_be_made_by_asking(topic: Topic) -> None:
    admin = AdminClient({"bootstrap.servers": topic.address, **QUIET})
    asked = admin.create_topics([NewTopic(topic.name, 2, 1)], request_timeout=0.5)
    with pytest.raises(KafkaException) as refused:
        asked[topic.name].result(WAIT)
    assert refused.value.args[0].code() == KafkaError._TIMED_OUT


def test_messages_cannot_be_deleted_by_asking(topic: Topic) -> None:
    """Retention is reached by size alone, in every test of it."""
    topic.send(b"1", b"2")
    at = TopicPartition(topic.name, 0, 1)
    admin = AdminClient({"bootstrap.servers": topic.address, **QUIET})
    asked = admin.delete_records([at], request_timeout=WAIT)
    with pytest.raises(KafkaException) as refused:
        asked[at].result(WAIT)
    assert refused.value.args[0].code() == KafkaError._UNSUPPORTED_FEATURE


def test_ends_of_transactions_take_offsets_and_aborted_messages_are_read(topic: Topic) -> None:
    """The next offset is that of the end, not the last message's and one; and nothing here tries read_committed."""
    for number, is_kept in enumerate([False, True]):
        producer = Producer({"bootstrap.servers": topic.address, "transactional.id": f"{topic.name}-{number}", **QUIET})
        producer.init_transactions(WAIT)
        producer.begin_transaction()
        producer.produce(topic.name, value=str(number).encode(), partition=0)
        producer.flush(WAIT)
        (producer.commit_transaction if is_kept else producer.abort_transaction)(WAIT)
    found, end = read(topic, **{"isolation.level": "read_committed"})

    assert found == [(0, b"0"), (2, b"1")]
    assert end == 4


def test_an_option_that_is_unknown_is_named_without_its_value() -> None:
    with pytest.raises(KafkaException) as refused:
        Topic(CLOSED).consumer(**{"sasl.pasword": "hunter2"})
    assert "sasl.pasword" in str(refused.value)
    assert "hunter2" not in str(refused.value)
