"""Whatever a report is: frozen, refused, remembered, and rebuilt exactly after cut over and after roll back.

All kinds are reports of one table, and of one correction. The next kind is one line of ``tests/kinds/reports.py``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.exposure import Carrier, Exposure, Side
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import ReportFrozen
from backfill_assets.orchestration.instance.runner import RunResult
from backfill_assets.orchestration.reports.reach import WHOLE, Report
from backfill_assets.runbook.exposure import exposure
from backfill_assets.testing import TestLake
from tests.kinds.reports import KINDS, TABLE, location, names_of, shown

NOW = "2026-02-16T06:00:00+00:00"
HISTORY = Window(date(2026, 1, 19), date(2026, 2, 15))
WRONG = Window(date(2026, 1, 30), date(2026, 2, 2))


def partitions_of(kind: str) -> dict[str, set[date]]:
    """The days of each partition, in the order of time; of a report that has none, all."""
    partitions = KINDS[kind].partitions
    if partitions is None:
        return {WHOLE: set(HISTORY)}
    keys = partitions.get_partition_keys(current_time=datetime.fromisoformat(NOW))
    windows = {key: partitions.time_window_for_partition_key(key) for key in keys}
    return {key: set(Window(one.start.date(), one.end.date() - timedelta(days=1))) for key, one in windows.items()}


def reached(kind: str) -> set[str]:
    return {key for key, days in partitions_of(kind).items() if days & set(WRONG)}


def refused(kind: str) -> str:
    """The partition that is launched while it is frozen, which no change reaches where there is such a one."""
    return [*partitions_of(kind)][-1]


@dataclass
class Story:
    """A correction of all kinds: what they showed at each point, what was refused, and which runs built what."""

    lake: TestLake
    shown: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    refused: dict[str, RunResult] = field(default_factory=dict)
    remembered: frozenset[tuple[str, str]] = frozenset()
    built: dict[str, dict[str, Counter[tuple[str, str]]]] = field(default_factory=dict)
    exposed: dict[str, Exposure] = field(default_factory=dict)

    def look(self, point: str) -> None:
        with self.lake.entered():
            self.shown[point] = {name: shown(name, self.lake) for kind in KINDS for name in names_of(kind)}

    def expose(self, point: str, correction: str) -> None:
        """Ask who has seen wrong numbers."""
        with self.lake.entered():
            self.exposed[point] = exposure(self.lake.definition().step_context(self.lake.lake, "tester"), correction)

    def reports(self) -> Mapping[str, Report]:
        return {report.name: report for report in self.lake.definition().reports.assets}

    def launch(self, kind: str) -> RunResult:
        """Somebody builds a report, as Dagster's UI launches it."""
        report, key = self.reports()[names_of(kind)[0]], refused(kind)
        with self.lake.entered():
            if key == WHOLE:
                return self.lake.runner.run_unpartitioned([*report.selection])
            return self.lake.runner.run_partition([*report.selection], key)

    def materialized(self, point: str, since: int) -> int:
        """Note which partitions of which report were materialized by which run; returns the newest event."""
        newest, told = since, {}
        for name, report in self.reports().items():
            wanted = dg.AssetRecordsFilter(report.key, after_storage_id=since)
            records = self.lake.instance.fetch_materializations(wanted, limit=1000).records
            told[name] = Counter((record.partition_key or WHOLE, record.run_id) for record in records)
            newest = max([newest, *(record.storage_id for record in records)])
        self.built[point] = told
        return newest


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    lake = TestLake(tmp_path_factory.mktemp("reports"), location(), now=NOW)
    told = Story(lake)
    lake.publish(HISTORY.first, HISTORY.last)
    told.look("right")
    lake.plant(WRONG.first, WRONG.last, lambda rows: rows.with_columns(pl.col("revenue") * 2))
    told.look("planted")
    since = told.materialized("before", 0)
    correction = lake.correct(WRONG.first, WRONG.last, reason="Counted twice.", by="Ada")
    correction.to_gate()
    told.refused = {kind: told.launch(kind) for kind in KINDS}
    told.remembered = correction.progress.downstream.refused
    told.look("frozen")
    told.expose("frozen", correction.id)
    since = told.materialized("frozen", since)
    correction.approve()
    correction.cut_over()
    told.look("cut over")
    told.expose("cut over", correction.id)
    since = told.materialized("cut over", since)
    correction.roll_back(note="Too early.")
    told.look("rolled back")
    told.expose("rolled back", correction.id)
    told.materialized("rolled back", since)
    return told


def per_partition(kind: str, *, wrong: bool) -> dict[str, int]:
    """What a report has to show: a hundred a day, and twice that for each wrong one."""
    found = {key: days & set(HISTORY) for key, days in partitions_of(kind).items()}
    return {key: 100 * (len(days) + wrong * len(days & set(WRONG))) for key, days in found.items()}


pytestmark = pytest.mark.dagster


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_frozen_refused_and_remembered(kind: str, story: Story) -> None:
    ran = story.refused[kind]
    assert isinstance(ran.refusal, ReportFrozen), ran.errors
    for name in names_of(kind):
        assert story.shown["frozen"][name] == story.shown["planted"][name] == per_partition(kind, wrong=True)
        assert not story.built["frozen"][name]
    together = names_of(kind) if KINDS[kind].policy is None else names_of(kind)[:1]
    assert {(name, refused(kind)) for name in together} <= story.remembered


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_rebuilt_exactly_after_cut_over(kind: str, story: Story) -> None:
    for name in names_of(kind):
        assert story.shown["cut over"][name] == story.shown["right"][name] == per_partition(kind, wrong=False)
        built = story.built["cut over"][name]
        assert {key for key, _ in built} == reached(kind) | {key for report, key in story.remembered if report == name}
        assert set(built.values()) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_rebuilt_exactly_after_roll_back(kind: str, story: Story) -> None:
    for name in names_of(kind):
        assert story.shown["rolled back"][name] == story.shown["planted"][name]
        assert {key for key, _ in story.built["rolled back"][name]} == reached(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_rebuilt_in_as_few_runs_as_its_policy_allows(kind: str, story: Story) -> None:
    most = KINDS[kind].policy
    for name in names_of(kind):
        of_run = Counter(run for _, run in story.built["rolled back"][name])
        assert len(of_run) == (1 if most is None else -(-len(reached(kind)) // most))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_known_of_which_days_it_was_built(kind: str, story: Story) -> None:
    live = story.lake.snapshot(TABLE)
    for name in names_of(kind):
        built = story.lake.records.completeness.of_report(name, TABLE)
        assert set(built) == set(partitions_of(kind))
        assert all(one.is_of(live) for one in built.values())


POINTS = {"frozen": (Side.EARLIER, True), "cut over": (Side.EARLIER, False), "rolled back": (Side.CORRECTED, False)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", POINTS)
def test_its_partitions_are_exposed_while_they_show_wrong_days(kind: str, point: str, story: Story) -> None:
    side, is_still = POINTS[point]
    found, days = story.exposed[point], {key: of & set(WRONG) for key, of in partitions_of(kind).items()}
    assert set(found.wrong.sides.values()) == {side}
    for name in names_of(kind):
        seen = [one for one in found.of(Carrier.REPORT) if one.name == name]
        assert {one.part for one in seen} == reached(kind)
        # A month that reads weeks reads days of the months beside it too.
        assert all(days[one.part] <= set(one.days) <= set(WRONG) for one in seen)
        assert {one.until is None for one in seen} == {is_still}
        assert [banner.until is None for banner in found.banners if banner.report == name][:1] == [is_still]
