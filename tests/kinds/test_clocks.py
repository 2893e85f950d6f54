"""Two hosts, one of whose clocks is an hour off, in either direction: what is newer is told by commits, not by clocks.

Each case writes from the first host, then from the second one, and asks. Whatever the second one's clock says, the
answer is the same. The next case is one line of ``FACTS`` or ``DECISIONS``.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.audited import versions_of
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.next_step import Finished, WaitUntil
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.sampling import Sample
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import NoticeKind, Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import LiveWriteRefused
from backfill_assets.orchestration.asset.guard import Guard
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.orchestration.nightly.freshness import slots_behind
from backfill_assets.orchestration.watching.looks import Looks, Verdict
from backfill_assets.revenue import fixing_log, raw_log
from backfill_assets.revenue.sample import fixings_at_opening
from backfill_assets.runbook.context import StepContext
from backfill_assets.sources.withdrawals import WithdrawalDecisions
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.adoptions import Adoption, Stage
from backfill_assets.storage.builds import Build
from backfill_assets.storage.completeness import Basis, Completeness
from backfill_assets.storage.control import MOST_FILES, ControlTable
from backfill_assets.storage.findings import Findings
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.proofs import Samples
from backfill_assets.storage.records import Records
from backfill_assets.storage.table import Table
from tests.runbook.killing import corrected, decommissioned, rolled_back
from tests.runbook.world import World, world_at
from tests.scenarios import FRIDAY, drop_parquet, transaction
from tests.soak.forking import Forker, forking
from tests.sources.test_raw_log import KEY, READINGS, Utility, reading

NOON = datetime(2026, 1, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
BOTH = Window(DAY, NEXT)
HOLDER = ("page", "fct")


@dataclass(frozen=True)
class Hosts:
    """The time by the clock of the host that writes first, and by that of the one that writes after it."""

    records: Records
    first: datetime
    second: datetime

    @property
    def times(self) -> tuple[datetime, datetime]:
        return self.first, self.second


def built(run: str, at: datetime, commit: int) -> Completeness:
    return Completeness("page", "p", "fct", (DAY,), (), commit, run, (), Basis.ORIGINAL, (), run, at)


def of_a_report(hosts: Hosts) -> object:
    for run, at, commit in (("a", hosts.first, 7), ("b", hosts.second, 3)):
        hosts.records.completeness.record([built(run, at, commit)])
    return hosts.records.completeness.of_report("page")["p"].run_id


def findings(hosts: Hosts, *seen: bool) -> Findings:
    found = Findings(hosts.records.lake)
    for number, is_seen in enumerate(seen):
        there = [("f", DAY, DAY, {"n": number})] if is_seen else []
        found.settle("fct", there, NEXT, hosts.times[number % 2])
    return found


def finding_closed(hosts: Hosts) -> object:
    return findings(hosts, True, False).open("fct")


def finding_opened_again(hosts: Hosts) -> object:
    return [one.detail for one in findings(hosts, True, False, True, True).open("fct")]


def notice(name: str) -> Notice:
    return Notice("c", NoticeKind.PUBLISHED, name, "subject", "body")


def notice_sent(hosts: Hosts) -> object:
    outbox = hosts.records.outbox
    outbox.record(notice("ada"), ["mail"], hosts.first)
    for why, at in (("busy", hosts.first), ("down", hosts.second)):
        outbox.tell(outbox.pending()[0], at, why)
    failed = outbox.deliveries()[0]
    outbox.tell(failed, hosts.second)
    return failed.why, failed.failures, outbox.pending()


def notices_in_order(hosts: Hosts) -> object:
    for name, at in (("zoe", hosts.first), ("ada", hosts.second)):
        hosts.records.outbox.record(notice(name), ["mail"], at)
    return [one.notice.audience for one in hosts.records.outbox.pending()]


def held_and_released(hosts: Hosts) -> object:
    marks = hosts.records.watermarks
    marks.advance(*HOLDER, NEXT, by="page", at=hosts.first)
    marks.hold("c", "fct", ["page"], BOTH, by="c", at=hosts.second)
    held = marks.holders("fct")["page"].effective
    marks.release("c", "fct", by="c", at=hosts.first)
    return held, marks.holders("fct")["page"].effective


def read_again(hosts: Hosts) -> object:
    """As a sensor's cursor is: an external holder that is rewound, and reads the window again."""
    marks = hosts.records.watermarks
    marks.register(*HOLDER, by="page", at=hosts.first, external=True)
    marks.advance_verified(*HOLDER, NEXT, NEXT, by="page", at=hosts.first)
    marks.rewind("c", "fct", BOTH, by="c", at=hosts.second)
    rewound = marks.holders("fct")["page"].effective
    return rewound, marks.advance_verified(*HOLDER, NEXT, NEXT, by="page", at=hosts.first).holds


def month_reopened(hosts: Hosts) -> object:
    hosts.records.closed_months.close("2026-01", by="ada", at=hosts.first)
    hosts.records.closed_months.reopen("2026-01", by="ada", at=hosts.second)
    return hosts.records.closed_months.current()


def first_day(hosts: Hosts) -> object:
    hosts.records.first_days.note("fct", NEXT, hosts.first)
    hosts.records.first_days.note("fct", DAY, hosts.second)
    return hosts.records.first_days.known("fct")


def ledger_in_order(hosts: Hosts) -> object:
    for correction, at in (("z", hosts.first), ("a", hosts.second), ("z", hosts.second)):
        told = fact_of(Step.STAGE, Outcome.PROGRESSED, {"days": [at.isoformat()]})
        hosts.records.ledger.append(Event(correction, told, at, "ada", "run"), table="fct")
    ledger = hosts.records.ledger
    return {name: [event.sequence for event in events] for name, events in ledger.histories().items()}, ledger.places()


def last_look(hosts: Hosts) -> object:
    for number, at in enumerate(hosts.times):
        Looks("audits", "audit").keep(hosts.records.lake, "fct", at, {"number": number})
    told = Looks("audits", "audit").last(hosts.records.lake, "fct")
    return told and told[1]


def file(name: str, day: date = DAY) -> DataFile:
    return DataFile(f"day={day}/{name}", 1, day, 1, 1, "{}")


def builds(hosts: Hosts) -> dict[date, Build]:
    for number, (name, day) in enumerate((("a", DAY), ("b", DAY), ("c", NEXT))):
        at, run = hosts.times[number % 2], f"run {name}"
        made = Build("fct", day, {}, f"v{number}", "", run, "", at, seconds=float(number + 1))
        hosts.records.builds.record([(file(name, day), made)])
    return hosts.records.builds.of_days("fct", {DAY: [file("b"), file("a")], NEXT: [file("c", NEXT)]})


def build_of_two_files(hosts: Hosts) -> object:
    return builds(hosts)[DAY].run_id


def versions_in_order(hosts: Hosts) -> object:
    versions = versions_of(
        {day: (one.code_version, f"{place:012}") for place, (day, one) in enumerate(builds(hosts).items())}
    )
    return [one.name for one in sorted(versions, key=lambda one: one.since)]


def runs_in_order(hosts: Hosts) -> object:
    builds(hosts)
    return [run.seconds for run in hosts.records.builds.past_runs("fct")]


def decided_again(hosts: Hosts) -> object:
    decisions = WithdrawalDecisions(hosts.records.lake)
    for accepted, at in ((False, hosts.first), (True, hosts.second)):
        decisions.record("2026-01-01", "sha", accepted=accepted, by="ada", note="", at=at)
    return decisions.current()


def adoption(hosts: Hosts) -> object:
    begun = Adoption("a", "fct", Stage.BEGUN, 1, 1, "day", "", False, "ada", hosts.first)
    for one in (begun, begun.come_to(Stage.ADOPTED, 2, hosts.second)):
        hosts.records.adoptions.record(one)
    return [one.stage for one in hosts.records.adoptions.of_table("fct")]


def sample_drawn_again(hosts: Hosts) -> object:
    for population in (1, 2):
        Samples(hosts.records.lake).keep(Sample("c", population, 0, 0, ()))
    found = Samples(hosts.records.lake).latest("c")
    return found and found.population


def landed_again(hosts: Hosts) -> object:
    """A file that is replaced in the landing, after the host that took it in had written a later time."""
    utility, landed = Utility(Path(hosts.records.lake.root).parent), date(2026, 3, 2)

    def lands(kwh: str) -> None:
        pl.DataFrame([reading("m1", kwh)], schema=READINGS.columns).write_parquet(utility.file(landed))

    lands("1.000")
    now = datetime.now(UTC) + (hosts.first - hosts.second)
    READINGS.ingest(utility.records, utility.landing, [landed], KEY, now)
    untouched = READINGS.moved(utility.records, utility.landing, [landed])
    lands("2.000")
    return untouched, READINGS.moved(utility.records, utility.landing, [landed])


def fixings_of_a_sample(hosts: Hosts) -> object:
    """Of fixings that landed before transactions that a plan is pinned to, and of others after transactions since."""
    records, landing = hosts.records, Path(hosts.records.lake.root).parent
    (landing / "fx").mkdir()

    def fixed(rate: str) -> None:
        (landing / "fx/eurofxref-hist.csv").write_text(f"Date,USD,\n{FRIDAY},{rate},\n")
        fixing_log.ingest_fixings(records, landing, hosts.second)

    def traded(*transactions: str) -> None:
        drop_parquet(landing, FRIDAY, [transaction(name) for name in transactions])
        raw_log.TRANSACTIONS.ingest(records, landing, [FRIDAY], KEY, hosts.second)

    fixed("1.1000")
    traded("t1")
    pins = {raw_log.RAW: records.snapshot(raw_log.RAW).commit}
    request = Request("fct_daily_revenue", Window(FRIDAY, FRIDAY), "wrong")
    plan = Plan("a", request, hosts.first, "ada", PlannedInputs(pins))
    traded("t1", "t2")
    fixed("1.2000")
    return {key: str(rate) for key, rate in fixings_at_opening(records, plan).items()}


FACTS: dict[str, tuple[Callable[[Hosts], object], object]] = {
    "which build of a report counts": (of_a_report, "b"),
    "a finding that was closed": (finding_closed, ()),
    "a finding that was opened again": (finding_opened_again, [{"n": 3}]),
    "a notice that was sent, and why it was not": (notice_sent, ("down", 2, ())),
    "which notice is sent first": (notices_in_order, ["zoe", "ada"]),
    "holds of a correction": (held_and_released, (date(2025, 12, 31), NEXT)),
    "a cursor that was rewound": (read_again, (date(2025, 12, 31), {})),
    "a month that was opened again": (month_reopened, frozenset()),
    "the first day of a table": (first_day, DAY),
    "corrections, their events, and which of two froze a report first": (
        ledger_in_order,
        ({"z": [1, 2], "a": [1]}, {("z", 1): 0, ("a", 1): 1, ("z", 2): 2}),
    ),
    "the last look of a watch": (last_look, {"number": 1}),
    "a day of two files": (build_of_two_files, "run b"),
    "which code came after which": (versions_in_order, ["v1", "v2"]),
    "which runs say how long a day takes": (runs_in_order, [1.0, 2.0, 3.0]),
    "a decision about a file that takes back": (decided_again, {("2026-01-01", "sha"): True}),
    "how far an adoption came": (adoption, [Stage.ADOPTED]),
    "which sample was drawn last": (sample_drawn_again, 2),
    "which fixings a sample is derived from": (fixings_of_a_sample, {("USD", FRIDAY): "1.10000000"}),
    "a file that landed again": (landed_again, (frozenset(), frozenset({date(2026, 3, 2)}))),
}
SKEWS = {"an hour behind": -HOUR, "an hour ahead": HOUR}


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS.keys())
@pytest.mark.parametrize(("ask", "expected"), FACTS.values(), ids=FACTS.keys())
def test_the_fact_that_was_written_last_is_the_newest(
    ask: Callable[[Hosts], object], expected: object, skew: timedelta, tmp_path: Path
):
    assert ask(Hosts(Records(Lake(str(tmp_path / "lake"))), NOON, NOON + skew)) == expected


DAILY = TableSlots("fct", dg.DailyPartitionsDefinition("2025-10-01"), Grain.DAY)
HOURLY = TableSlots("fct", dg.HourlyPartitionsDefinition("2026-01-20-00:00"), Grain.HOUR)
NIGHTLY = {tags.PUBLISH: tags.PUBLISH_LIVE}


def may_rewrite(lake: Lake, now: datetime) -> list[date]:
    """The days that nightly may rewrite at a time, of the last two weeks."""
    guard, allowed = Guard(Records(lake), "fct", NIGHTLY, now.date()), list[date]()
    for day in (now.date() - timedelta(days=ago) for ago in range(14)):
        with suppress(LiveWriteRefused):
            guard.refuse([day], [day])
            allowed.append(day)
    return allowed


def behind(slots: TableSlots, now: datetime) -> int:
    """How far a table is behind that was published when it was noon."""
    return slots_behind(slots.newest_over(NOON), slots.newest_over(now), slots.grain)


DECISIONS: dict[str, Callable[[Lake, datetime], object]] = {
    "which days nightly may rewrite": may_rewrite,
    "which day is the newest that is over": lambda _, now: DAILY.newest_over(now),
    "whether a table is fresh": lambda _, now: behind(DAILY, now),
    "whether a look counts": lambda _, now: Verdict("sound", sound=True).aged(NOON - timedelta(days=2), now).sound,
}


@pytest.mark.parametrize("decide", DECISIONS.values(), ids=DECISIONS.keys())
def test_a_decision_by_the_time_of_day_is_the_same_an_hour_off(decide: Callable[[Lake, datetime], object], tmp_path):
    lake = Lake(str(tmp_path))
    answers = [decide(lake, NOON + skew) for skew in (-HOUR, timedelta(0), HOUR)]
    assert answers[0] == answers[1] == answers[2]


def test_a_table_by_hour_is_behind_by_as_much_as_the_clock_is_ahead_and_never_by_less_than_nothing():
    assert [behind(HOURLY, NOON + skew) for skew in (-HOUR, timedelta(0), HOUR)] == [0, 0, 1]


ROWS = pl.Schema({"of": pl.String(), "at": pl.Datetime("us", "UTC")})


def test_rows_of_before_they_had_numbers_are_the_oldest_and_in_the_order_of_their_clocks(tmp_path: Path):
    lake = Lake(str(tmp_path))
    old = Table(lake.control_uri("rows"), ROWS, partition=None)
    old.create()
    for name, hours in (("c", 3), ("a", 1), ("b", 2)):
        old.append(pl.DataFrame({"of": [name], "at": [NOON + hours * HOUR]}, schema=ROWS))

    table, names = ControlTable(lake, "rows", ROWS), [*"abc"]
    for number in range(MOST_FILES + 2):
        names.append(str(number))
        row = pl.DataFrame({"of": names[-1:], "at": [NOON - number * HOUR]}, schema=ROWS)
        table.append(lambda _, row=row: row)
        assert table.rows()["of"].to_list() == names
    assert ControlTable(Lake(str(tmp_path) + "/"), "rows", ROWS).rows(["of"])["of"].to_list() == names


@dataclass
class TwoHosts(World):
    """A correction whose steps two hosts take in turn, one of whose clocks is off."""

    skew: timedelta = HOUR
    turns: Any = field(default_factory=lambda: cycle((0, 1)))

    def step_context(self, actor: str = "ada") -> StepContext:
        return replace(super().step_context(actor), now=self.now + next(self.turns) * self.skew)


def two_hosts(folder: Path, skew: timedelta) -> TwoHosts:
    world = world_at(folder)
    return TwoHosts(world.root, world.right, world.now, world.surroundings, world.built, skew)


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS.keys())
def test_a_correction_goes_through_and_back_by_two_hosts(skew: timedelta, tmp_path: Path):
    world = two_hosts(tmp_path / "lake", skew)
    before = world.content()

    correction = corrected(world)
    assert isinstance(world.drive(correction), WaitUntil)
    assert (world.content(), len(world.swaps())) == (world.right, 1)
    assert world.progress(correction).downstream.owed == frozenset()
    assert [one.event for one in world.told if one.audience == "finance"][-1] == "published"

    rolled_back(world)
    assert (world.content(), len(world.swaps())) == (before, 2)
    assert world.progress(correction).downstream.owed == frozenset()
    assert [one.event for one in world.told if one.audience == "finance"][-1] == "rolled_back"


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS.keys())
def test_retired_files_stay_for_the_rollback_window_but_for_the_difference_of_the_clocks(
    skew: timedelta, tmp_path: Path
):
    world = two_hosts(tmp_path / "lake", skew)
    correction = corrected(world)
    deadline = world.drive(correction)
    assert isinstance(deadline, WaitUntil)

    world.now = deadline.deadline - 2 * HOUR
    assert isinstance(world.drive(correction), WaitUntil)
    world.now = deadline.deadline + 2 * HOUR
    assert decommissioned(world) == correction
    assert world.drive(correction) == Finished("decommissioned")


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    with forking("tests.soak.turns") as there:
        yield there


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-1, 1], ids=SKEWS.keys())
def test_real_processes_of_two_hosts_take_a_correction_through_and_back_in_turn(
    hours: int, tmp_path: Path, forker: Forker
):
    world, took = world_at(tmp_path / "lake"), list[str]()
    before, correction = world.content(), world.open(4, 9).correction

    def turn(function: str = "take_turn") -> str:
        out = tmp_path / f"{len(took)}.out"
        told = {"root": str(world.root), "correction": correction, "hours": hours * (len(took) % 2)}
        pid = forker.start(f"tests.soak.turns:{function}", out, **told)
        ended = forker.ends([pid], 60)
        took.append(out.read_text().strip())
        assert ended == {pid: 0}, took
        return took[-1]

    while turn() != "WaitUntil":
        assert len(took) < 20, took
    assert (world.content(), len(world.swaps())) == (world.right, 1)
    assert world.progress(correction).downstream.owed == frozenset()

    turn("take_back")
    while turn() != "WaitForPerson":
        assert len(took) < 30, took
    assert (world.content(), len(world.swaps())) == (before, 2)
    assert not [name for name, held in world.records.watermarks.holders("sales").items() if held.holds]
