"""A table that a consumer keeps from a topic, over the wire: fed, consumed, killed, rewound, and told of."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets import build_consumer_definitions, build_topic_definitions, correctable_asset, lake_resources
from backfill_assets.command_line import app
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.topics import MessagesGone
from backfill_assets.orchestration.consuming.feeding import feed_job_name, feed_op_name
from backfill_assets.orchestration.consuming.jobs import consumer_job_name, consumer_op_name, consumers_in
from backfill_assets.runbook.consuming import catch_up
from backfill_assets.runbook.replaying import rewind
from backfill_assets.runbook.request import read_request
from backfill_assets.sources import TopicCommits, TopicLog
from backfill_assets.testing import TestLake
from tests.faults import Fault, KilledError, injected
from tests.topics import AT, KEY, TABLE, Feeds, feeds, payment

assert feeds

DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01")
OUTPUT = "paid"


@dg.asset(name=TABLE, partitions_def=DAYS)
def raw() -> None:
    """What the topic held."""


def paid_with(log: TopicLog, factor: int = 1) -> dg.Definitions:
    """A code location whose table is the sum of each day, times a factor; any other than 1 is a bug."""

    def paid(payments: pl.LazyFrame) -> pl.LazyFrame:
        there = log.latest(payments).group_by("day").agg(pl.len().alias("n"), pl.col("amount").sum() * factor)
        return there.select("day", pl.col("n").cast(pl.Int64), pl.col("amount").cast(pl.Decimal(38, 4)))

    asset = correctable_asset(partitions_def=DAYS, keys=[], measures=["amount"], code_version=str(factor))(paid)
    kept = build_consumer_definitions(asset, log=TopicCommits(log), sources=[raw])
    own = dg.Definitions(assets=[raw], resources=lake_resources())
    return dg.Definitions.merge(kept, build_topic_definitions(log), own)


@dataclass(frozen=True)
class Paid:
    """A topic, and a lake whose code location keeps a table from it."""

    feeds: Feeds
    lake: TestLake

    @classmethod
    def of(cls, feeds: Feeds, folder: Path, factor: int = 1) -> "Paid":
        home = TestLake(folder / "home", paid_with(feeds.log, factor), now=AT)
        return cls(Feeds(feeds.topic, Path(home.records.lake.root)), home)

    def with_code(self, factor: int) -> "Paid":
        return Paid(self.feeds, self.lake.with_code(paid_with(self.feeds.log, factor)))

    def turn(self):
        return consumers_in(self.lake.definitions)[OUTPUT].turn(self.lake.lake, "ada")

    def run(self, job: str, op: str, **config: object):
        with self.lake.entered():
            return self.lake.runner.run_op(job, op, config)

    def feed_by_job(self, **config: object):
        ran = self.run(feed_job_name(TABLE), feed_op_name(TABLE), **config)
        if ran.output is None:
            raise ran.refusal
        return ran.output

    def kept(self) -> dict[str, tuple[int, float]]:
        rows = self.lake.rows(OUTPUT).select(pl.col("day").cast(pl.String), "n", pl.col("amount").cast(pl.Float64))
        return {day: (count, total) for day, count, total in rows.rows()}


@pytest.fixture
def paid(feeds: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paid:
    monkeypatch.setenv("BACKFILL_TOKEN_KEY", KEY.decode())
    return Paid.of(feeds, tmp_path)


def test_dagster_feeds_and_consumes_and_commands_tell_of_it(paid: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = paid.feeds
    feeds.send(payment("a"), payment("b", day=3), b"{")
    (sensor,) = (one for one in paid.lake.definitions.sensors or () if one.name == f"{TABLE}__topic")
    with paid.lake.entered():
        context = dg.build_sensor_context(paid.lake.instance, resources={"lake": paid.lake.lake})
        told = [sensor.evaluate_tick(context).skip_message for _ in range(2)]
    assert told[0].startswith("payments took in 2 rows of 2 days. 1 message set aside (topic-")
    assert told[1] == f"payments has all of the topic {feeds.topic.name}."

    ran = paid.run(consumer_job_name(OUTPUT), consumer_op_name(OUTPUT))
    assert ran.success
    assert paid.kept() == {"2026-03-02": (1, 1.5), "2026-03-03": (1, 1.5)}

    monkeypatch.setattr("backfill_assets.command_line.session.load_code_location", lambda _: paid.lake.definitions)
    with paid.lake.entered():
        shown = CliRunner().invoke(app, ["consumers", "--json"], catch_exceptions=False)
        foretold = CliRunner().invoke(app, ["feed", TABLE, "--dry-run", "--json"], catch_exceptions=False)
        nobody = CliRunner().invoke(app, ["feed", "orders"])
    (standing,) = json.loads(shown.output)["consumers"]
    assert (standing["log"], standing["records_behind"]) == (TABLE, 0)
    assert standing["set_aside"] == [f"{feeds.topic.name}[0] at offset 2 is not one object of JSON"]
    partitions = json.loads(foretold.output)["partitions"]
    assert partitions[0] == {"partition": 0, "next": 3, "earliest": 0, "end": 3}
    assert nobody.exit_code == 2
    assert "is fed from no topic" in " ".join(nobody.output.split())


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)], ids=["a few", "all"])
def test_no_payment_is_lost_or_counted_twice_where_either_is_killed_anywhere(paid: Paid, every: int) -> None:
    """At operations of a feed and of the turn behind it, one after another; news come in between."""
    number, killed, died = 0, 0, True
    while died:
        number, died = number + 1, False
        paid.feeds.send(payment(f"p{number}"), payment(f"p{number}", "2.5"), b"{", partition=number % 4)
        with injected(number * every, Fault.KILLED_BEFORE if number % 2 else Fault.KILLED_AFTER):
            try:
                paid.feeds.feed()
                [*catch_up(paid.turn())]
            except (KilledError, BackfillAssetsError):
                died, killed = True, killed + 1
    paid.feeds.feed()
    [*catch_up(paid.turn())]

    assert paid.kept() == {"2026-03-02": (number, 2.5 * number)}
    assert len(paid.feeds.places()) == 2 * number
    assert len(paid.feeds.waiting()) == number
    assert killed > 4


def test_a_rewind_by_offsets_or_by_time_reads_again_with_the_corrected_code(paid: Paid) -> None:
    wrong = paid.with_code(3)
    for number, day in enumerate([1, 2, 3, 3]):
        wrong.feeds.send(payment(f"p{number}", day=day), partition=number % 2)
        wrong.feeds.feed()
        [*catch_up(wrong.turn())]
    right = wrong.with_code(1)

    rewind(right.turn(), "0=1, 1=1", "the factor")
    [*catch_up(right.turn())]
    assert [total for _, total in right.kept().values()] == [4.5, 4.5, 3.0]

    rewind(right.turn(), "2020-01-01T00:00Z", "all of it")
    [*catch_up(right.turn())]
    assert [total for _, total in right.kept().values()] == [1.5, 1.5, 3.0]
    log = consumers_in(right.lake.definitions)[OUTPUT].log
    assert [log.told(log.read(right.lake.records, text)) for text in ("0=0", "1=1", "0=9,1=9", "commit 3")] == [
        *("commit 0", "commit 3", "commit 4", "commit 3")
    ]


def test_what_the_broker_lost_comes_with_the_request_of_the_days_it_may_be_of(
    paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid.feeds.send(payment("a"))
    paid.feed_by_job()
    [*catch_up(paid.turn())]
    paid.feeds.topic.fill()
    paid.feeds.send(payment("b", day=3), partition=1)
    monkeypatch.setattr("backfill_assets.command_line.session.load_code_location", lambda _: paid.lake.definitions)

    with paid.lake.entered():
        answered = CliRunner().invoke(app, ["feed", TABLE])
    request = read_request(answered.stdout)
    assert answered.exit_code == MessagesGone.exit_code
    assert (request.table, str(request.window.first), str(request.window.last)) == (OUTPUT, "2026-03-02", "2026-03-03")

    with pytest.raises(BackfillAssetsError):
        paid.feed_by_job(after_loss="the disk was full")  # by nobody
    with suppress(BackfillAssetsError):
        paid.feed_by_job(after_loss="the disk was full", by="Ada")
    (lost,) = paid.feeds.log.lost(paid.lake.records)
    assert lost.reason == "Ada, the disk was full"
