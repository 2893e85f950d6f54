"""Sources that bear so many days a minute, with Dagster: no run sleeps, and nothing reads them faster than declared."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.command_line.session import Session
from backfill_assets.core.facts import DaysStaged, LaunchPostponed, RunRequested
from backfill_assets.core.plan import Request
from backfill_assets.core.waves import WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.errors.runs import SourceNotFree
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.driving.sensor import TickResult, tick
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import RunResult
from backfill_assets.runbook import open_correction
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import DAYS, NOW, SOURCE, TABLE, Stranger, days, orders, stranger_at

pytestmark = pytest.mark.dagster

OTHER = "daily_sales"
PUBLISHED = days(10)
OLDEST = WavePolicy(order=WaveOrder.OLDEST)


def location(days_per_minute: float) -> dg.Definitions:
    """Two correctable tables of one source with a limit."""
    lake = LakeResource()

    @dg.asset(partitions_def=DAYS, metadata={tags.DAYS_PER_MINUTE: days_per_minute})
    def orders_log() -> None:
        raise NotImplementedError

    def revenue(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("day", "market").agg(revenue=pl.col("price").sum())

    made = [
        correctable_asset(partitions_def=DAYS, keys=["day", "market"], measures=["revenue"], name=name)(revenue)
        for name in (TABLE, OTHER)
    ]
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    return dg.Definitions.merge(
        dg.Definitions(assets=[orders_log], resources=resources),
        *(build_correction_definitions(asset, sources=[orders_log], reports=[]) for asset in made),
    )


def limited(root: Path, days_per_minute: float) -> Iterator[Stranger]:
    with stranger_at(root, location(days_per_minute)) as stranger:
        frame = orders(PUBLISHED)
        stranger.land(frame, PUBLISHED)
        for name in (TABLE, OTHER):
            table = stranger.house.records.table(
                name, pl.Schema({"day": pl.Date, "market": pl.String, "revenue": pl.Int64})
            )
            table.create()
            wrong = (
                frame.select("day", "market", revenue="price")
                if name == OTHER
                else frame.select("day", "market", revenue=99)
            )
            table.replace_days({day: wrong.filter(pl.col("day") == day) for day in PUBLISHED})
        yield stranger


@pytest.fixture
def four_a_minute(tmp_path: Path) -> Iterator[Stranger]:
    yield from limited(tmp_path, 4)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Stranger]:
    """A source that a test can wait for."""
    yield from limited(tmp_path, 240)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Sets the clock, in seconds after the beginning."""

    def at(seconds: float) -> None:
        monkeypatch.setenv("BACKFILL_NOW", (datetime.fromisoformat(NOW) + timedelta(seconds=seconds)).isoformat())

    return at


def opened(table: str = TABLE, policy: WavePolicy = OLDEST, first: int = 0, last: int = 9) -> str:
    session = Session()
    ctx = session.tables[table].step_context(session.lake, "ada")
    return open_correction(
        ctx, Request(table, Window(PUBLISHED[first], PUBLISHED[last]), "wrong", waves=policy)
    ).correction


def ticked(table: str = TABLE) -> TickResult:
    session = Session()
    definition = session.tables[table]
    return tick(definition, session.runner.instance, definition.step_context(session.lake, "driver"))


def launched(result: TickResult) -> list[RunResult]:
    """The runs of what a tick asked for."""
    runner = Session().runner
    for name in (TABLE, OTHER):
        runner.instance.add_dynamic_partitions(partitions_name(name), list(result.corrections))
    return [
        runner.execute(
            runner.definitions.resolve_job_def(request.job_name or ""),
            {**request.tags, "dagster/run_key": request.run_key or ""},
            assets=request.asset_selection,
            key=request.partition_key,
        )
        for request in result.requests
    ]


def keys(result: TickResult) -> list[str]:
    return [(request.run_key or "").partition("/")[2] for request in result.requests]


def prepared(table: str = TABLE, **fields) -> str:
    """A correction whose next step are its waves."""
    name = opened(table, **fields)
    assert all(ran.success for ran in launched(ticked(table)))
    return name


def by_hand(first: int, last: int, table: str = TABLE, **more: str) -> RunResult:
    """A launch in Dagster's UI."""
    return Session().runner.run_days(
        [dg.AssetKey(["backfill", table])], Window(PUBLISHED[first], PUBLISHED[last]), more
    )


def facts_of(correction: str, kind):
    events = Session().lake.records().ledger.events(correction)
    return [event for event in events if isinstance(event.fact, kind)]


def staged_days(correction: str) -> int:
    return len(Session().lake.records().ledger.progress(correction).staging.staged)


def test_a_tick_asks_for_nothing_until_the_source_bears_the_next_wave_and_says_until_when(four_a_minute, clock):
    clock(0)
    name = prepared()
    first = ticked()
    assert keys(first) == [f"wave/{PUBLISHED[0]}..{PUBLISHED[3]}/1"]
    assert keys(ticked()) == keys(first)  # its run was never made
    launched(first)
    clock(50)
    waiting = ticked()
    assert waiting.requests == ()
    assert waiting.sentence.startswith(
        f"Correction {name} waits for {SOURCE}, which bears 4 days a minute, until 2026-01-20"
    )
    clock(60)
    assert keys(ticked()) == [f"wave/{PUBLISHED[4]}..{PUBLISHED[7]}/1"]


def test_two_corrections_that_share_a_source_take_turns(four_a_minute, clock):
    clock(0)
    one, two = prepared(), prepared(OTHER)
    first = ticked()
    assert len(first.requests) == 1
    key = first.requests[0].run_key
    assert ticked(OTHER).sentence == (
        f"Correction {two} waits for {SOURCE}, which bears 4 days a minute, until {key} has ended."
    )
    assert all(ran.success for ran in launched(first))
    clock(30)
    assert "until 2026-01-20 06:00:5" in ticked(OTHER).sentence
    clock(61)
    second = ticked(OTHER)
    assert keys(second) == [f"wave/{PUBLISHED[0]}..{PUBLISHED[3]}/1"]
    assert f"until {second.requests[0].run_key} has ended" in ticked().sentence
    assert (staged_days(one), staged_days(two)) == (4, 0)


def test_a_dead_wave_of_another_correction_is_not_waited_for(four_a_minute, clock):
    clock(0)
    one, two = prepared(), prepared(OTHER)
    session = Session()
    ctx = session.tables[TABLE].step_context(session.lake, "ada")
    from backfill_assets.core.steps import WorkItem
    from backfill_assets.runbook.requesting import ask
    from tests.orchestration.test_sensor import _dead_process

    item = WorkItem(wave=Window(PUBLISHED[0], PUBLISHED[3]))
    assert ask(ctx, ctx.progress(one), item, _dead_process()) is not None
    assert len(ticked(OTHER).requests) == 1
    assert not ctx.progress(one).runs.waves
    events = session.lake.records().ledger.events(one)
    assert "is gone" in events[-1].fact.summary()
    assert staged_days(two) == 0


def test_a_launch_beyond_what_the_source_bears_is_refused_at_once_and_staged_by_the_driver(four_a_minute, clock):
    clock(0)
    began = time.perf_counter()
    ran = by_hand(0, 9)
    assert isinstance(ran.refusal, SourceNotFree)
    assert time.perf_counter() - began < 30
    (name,) = Session().lake.records().ledger.histories()
    (postponed,) = facts_of(name, LaunchPostponed)
    assert postponed.fact.days == tuple(PUBLISHED)
    assert staged_days(name) == 0
    asked = []
    for minute in range(12):
        clock(60 * minute)
        result = ticked()
        asked += [key for key in keys(result) if key.startswith("wave/")]
        launched(result)
    assert staged_days(name) == 10
    assert len(asked) == 4  # the canary, and the rest by fours
    starts = [(event.at, len(event.fact.days)) for event in facts_of(name, DaysStaged)]
    assert all(after - before >= timedelta(minutes=count / 4) for (before, count), (after, _) in pairwise(starts))


def test_a_launch_that_the_source_bears_is_staged_at_once_and_counts_for_all_that_follow(four_a_minute, clock):
    clock(0)
    name = opened()
    assert by_hand(0, 3).success
    assert staged_days(name) == 4
    assert facts_of(name, RunRequested)
    other = by_hand(0, 0, OTHER)
    assert isinstance(other.refusal, SourceNotFree)
    again = by_hand(0, 3)
    assert isinstance(again.refusal, SourceNotFree)
    assert staged_days(name) == 0  # launched once more, so they are to be staged once more
    clock(60)
    assert by_hand(0, 3).success
    assert staged_days(name) == 4


def test_a_whole_launch_on_a_limited_table_is_one_run(four_a_minute):
    staged = Session().definitions.resolve_assets_def(dg.AssetKey(["backfill", TABLE]))
    assert staged.backfill_policy == dg.BackfillPolicy.single_run()


def test_the_command_line_sleeps_until_then_and_goes_on(quick):
    """By the real clock, and by one that stands still."""
    for now, table in (("", TABLE), (NOW, OTHER)):
        from dataclasses import replace

        house = replace(quick.house, now=now)
        with house.entered():
            name = opened(table, WavePolicy(max_days=2, order=WaveOrder.OLDEST), last=5)
        began = time.perf_counter()
        ended = house.run("run", name)
        assert ended.told["waits_for"] in {"person", "nothing", "time"}, ended.text
        with house.entered():
            staged = facts_of(name, DaysStaged)
        assert [len(event.fact.days) for event in staged] == [2, 2, 2]
        assert time.perf_counter() - began >= 2 * 2 * 60 / 240
        if not now:
            starts = [event.at - timedelta(seconds=event.fact.seconds) for event in staged]
            assert all((after - before).total_seconds() >= 0.49 for before, after in pairwise(starts))
            assert abs(starts[0] - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_preview_reads_no_more_of_a_limited_source_than_it_bears(four_a_minute: Stranger):
    refused = four_a_minute.house.run("preview", "--table", TABLE)
    assert (refused.code, refused.told["error"]) == (2, "SourceBearsFewer")
    assert_in_three_sentences(refused.told["message"])

    told = four_a_minute.house.run("preview", "--table", TABLE, "--days", "4").told
    assert len(told["drawn"]) == 4
    assert not any(one["foretold"] for one in told["effects"])
