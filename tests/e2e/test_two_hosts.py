"""Two Dagster hosts that share nothing but a lake in a bucket and Dagster's records in PostgreSQL."""

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import dagster as dg
import polars as pl
import pytest

from backfill_assets.command_line.session import Session
from backfill_assets.core.facts import RunEnded
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Outcome, Step
from backfill_assets.orchestration.asset.staging import POOL
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runs import UNFINISHED
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.swap_numbers import CORRECTION, SWAP
from tests.e2e import shop_of_hosts
from tests.e2e.hosts import COMMAND, DAEMON, Host, hosts
from tests.e2e.house import House, new_home
from tests.e2e.server import wait_until
from tests.postgres import postgres
from tests.stores import BUCKET, InBucket, environment
from tests.test_documents import ROOT

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(600)]

CONFIGURATION = ROOT / "docs/dagster-postgres.yaml"
SHOP = [*DAEMON, "-m", shop_of_hosts.__name__]
TABLE, REPORT = "takings", "weekly_takings"
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(9)]
KILLED, AT_ONCE = DAYS[:5], DAYS[6:9]
PRICES = {"EU": 100, "US": 101}
NOW = "2026-01-20T06:00:00+00:00"
LONG = 300
GRACE = ["--by", "Grace Hopper"]


@dataclass(frozen=True)
class Shop:
    """The hosts, the lake that they share, and Dagster's records of both."""

    house: House
    bucket: InBucket
    first: Host
    second: Host
    instance: dg.DagsterInstance

    @property
    def records(self) -> Records:
        return Records(Lake(str(self.bucket)))

    def opened(self, days: list[date], **fields: Any) -> str:
        """A correction of some days, which are wrong in live from now on."""
        live = self.records.table(TABLE)
        wrong = live.snapshot().scan(days).collect().with_columns(pl.col("revenue") * 2)
        live.replace_days({day: wrong.filter(pl.col("day") == day) for day in days})
        return self.house.opened(days[0], days[-1], table=TABLE, **fields)

    def progress(self, correction: str) -> Progress:
        return self.records.ledger.progress(correction)

    def unfinished(self) -> list[dg.DagsterRun]:
        found = self.instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
        return [record.dagster_run for record in found]

    def staging(self) -> list[dg.DagsterRun]:
        """The runs that stage more than a day, of which none begins before the first day of all is staged."""
        waves = [run for run in self.unfinished() if tags.RANGE_START in run.tags]
        return [run for run in waves if run.tags[tags.RANGE_START] != run.tags[tags.RANGE_END]]

    def validated(self, correction: str) -> bool:
        """Whether the run that validates has ended, by Dagster's records, which are quicker to read than a bucket."""
        ended = self.instance.get_runs(
            dg.RunsFilter(tags={tags.CORRECTION: correction}, statuses=[dg.DagsterRunStatus.SUCCESS])
        )
        return any(str(Step.VALIDATE) in run.tags.get(tags.REQUEST, "") for run in ended)


@pytest.fixture(scope="module")
def shop(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Nine days that are published right."""
    root, bucket = tmp_path_factory.mktemp("hosts"), InBucket(store, f"{uuid.uuid4().hex}/lake")
    with postgres() as database, pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment(store), **database.environment}.items():
            patch.setenv(name, value)
        patch.setenv("BACKFILL_DEFINITIONS", shop_of_hosts.__name__)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PYTHONWARNINGS", "ignore")
        (root / "house").mkdir()
        house = House(root / "house", new_home(), NOW, str(bucket))
        with house.entered():
            runner = Session().runner
            for key in ("till", TABLE):
                ran = runner.run_keys([dg.AssetKey(key)], str(DAYS[0]), str(DAYS[-1]), MARKED)
                assert ran.success, ran.errors
            everywhere = {**os.environ, "POLARS_MAX_THREADS": "1", "TOKIO_WORKER_THREADS": "2"}
        first, second = hosts(root, ("ada-1", "grace-2"), everywhere, CONFIGURATION)
        with dg.DagsterInstance.from_config(str(second.folder / "home")) as instance:
            yield Shop(house, bucket, first, second, instance)


def test_a_host_is_killed_in_mid_staging_and_the_other_takes_the_correction_to_its_end(shop: Shop) -> None:
    correction = shop.opened(KILLED, waves={"max_days": 2, "at_once": 2})

    with shop.first.running([*COMMAND, "run", correction], **{shop_of_hosts.STANDS_STILL: "900"}) as driver:
        wait_until(shop.staging, LONG, f"a wave behind the first, logged in {shop.first.folder}")
        (lost,) = shop.staging()
        shop.first.pull_the_plug(driver)
    assert len(shop.progress(correction).staging.staged) == 1
    assert [run.run_id for run in shop.unfinished()] == [lost.run_id]

    with shop.second.running(SHOP):
        wait_until(lambda: shop.validated(correction), LONG, f"validation, logged in {shop.second.folder}")
    staged = shop.records.staged(TABLE, correction).snapshot().handle.table_uri
    assert commits_by_day(shop, staged) == {str(day): 1 for day in KILLED}
    approve = ["approve", correction, *GRACE, "--note", "looked"]
    assert shop.second.ends(approve, ["run", correction], ["decommission", correction, "--now", *GRACE]), (
        shop.second.log
    )

    assert shop.progress(correction).publication.ending is Ending.DECOMMISSIONED
    assert_over(shop, correction, KILLED)
    dead = shop.instance.get_run_by_id(lost.run_id)
    assert dead is not None
    assert dead.status is dg.DagsterRunStatus.FAILURE
    (end,) = [fact for fact in ends(shop, correction) if fact.run == lost.run_id]
    assert "ada-1" in end.reason
    assert "is gone" in end.reason
    assert {"ada-1", "grace-2"} == {host_of(run.dagster_run) for run in shop.instance.get_run_records()}


def test_two_hosts_that_run_the_same_correction_at_once_end_it_once(shop: Shop) -> None:
    correction = shop.opened(AT_ONCE, waves={"max_days": 1}, approval="automatic", expect={"same_rows": True})
    command = [*COMMAND, "run", correction]

    with ExitStack() as both:
        begun = [both.enter_context(host.running(command)) for host in (shop.first, shop.second)]
        codes = [process.wait(LONG) for process in begun]
    if Step.COMMUNICATE not in shop.progress(correction).done:  # the last run was that of who had gone on first
        assert shop.second.ends(["run", correction]), shop.second.log

    assert {*codes} == {0}, shop.first.log + shop.second.log
    staged = shop.records.staged(TABLE, correction).snapshot().handle.table_uri
    assert commits_by_day(shop, staged) == {str(day): 1 for day in AT_ONCE}
    assert_over(shop, correction, AT_ONCE)


def host_of(run: dg.DagsterRun) -> str:
    return run.tags[tags.PROCESS].partition(" ")[2].partition(":")[0].partition("/")[0]


def ends(shop: Shop, correction: str) -> list[RunEnded]:
    facts = [event.fact for event in shop.records.ledger.events(correction)]
    return [fact for fact in facts if isinstance(fact, RunEnded)]


def assert_over(shop: Shop, correction: str, days: list[date]) -> None:
    """Right to the last digit by another reader, swapped once, told once, and nothing is held or waits any more."""
    live, weeks = read_by_hand(shop, TABLE), read_by_hand(shop, REPORT)
    right = {
        (day, market): Decimal(price).quantize(Decimal("0.0001")) for day in days for market, price in PRICES.items()
    }
    found = live.filter(pl.col("day").is_in(days))
    assert {(day, market): revenue for day, market, revenue in found.select("day", "market", "revenue").rows()} == right
    assert found.height == len(right)
    of_week = live.group_by(week=pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())
    reached = {day - timedelta(days=day.weekday()) for day in days}
    assert dict(weeks.select("day", "revenue").rows()).items() >= {row for row in of_week.rows() if row[0] in reached}

    events = shop.records.ledger.events(correction)
    for step in (Step.VALIDATE, Step.CUT_OVER, Step.COMMUNICATE):
        assert [event.step for event in events if event.step is step and event.outcome is Outcome.DONE] == [step]
    infos = [action["commitInfo"] for action in actions(shop, TABLE) if "commitInfo" in action]
    swaps = [info[SWAP] for info in infos if info.get(CORRECTION) == correction and SWAP in info]
    assert swaps == ["1"]
    written = commits_by_day(shop, shop.records.snapshot(TABLE).handle.table_uri)
    assert {written[str(day)] for day in days} == {3}  # published, spoiled, swapped
    assert not [name for name, holder in shop.records.watermarks.holders(TABLE).items() if holder.holds]
    assert not shop.unfinished()
    assert shop.instance.event_log_storage.get_concurrency_info(POOL).active_slot_count == 0


def actions(shop: Shop, table: str) -> list[dict[str, Any]]:
    """What the log of a table says, read as anybody may who knows the format."""
    log = shop.bucket / f"{table}/_delta_log"
    return [json.loads(line) for file in sorted(log.rglob("*.json")) for line in file.read_text().splitlines()]


def read_by_hand(shop: Shop, table: str) -> pl.DataFrame:
    """The rows of a table, of the files that its log adds and does not remove."""
    files: dict[str, dict[str, str]] = {}
    for action in actions(shop, table):
        if "remove" in action:
            files.pop(unquote(action["remove"]["path"]), None)
        elif "add" in action:
            files[unquote(action["add"]["path"])] = action["add"]["partitionValues"]
    frames = [
        pl.read_parquet(BytesIO((shop.bucket / f"{table}/{path}").read_bytes())).with_columns(
            pl.lit(value).str.to_date().alias(name) for name, value in partition.items()
        )
        for path, partition in files.items()
    ]
    return pl.concat(frames, how="diagonal")


def commits_by_day(shop: Shop, uri: str) -> dict[str, int]:
    """In how many commits each day of a table was written."""
    log = InBucket(shop.bucket.address, f"{uri.partition(f'{BUCKET}/')[2].rstrip('/')}/_delta_log")
    found: Counter[str] = Counter()
    for file in log.rglob("*.json"):
        added = [json.loads(line).get("add") for line in file.read_text().splitlines()]
        found.update({value for one in added if one for value in one["partitionValues"].values()})
    return dict(found)
