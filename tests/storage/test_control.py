"""Control tables under many writers: nothing is lost, nothing is there twice, and files stay few."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime

import polars as pl
import pytest

from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.facts import Opened, SwapPlanned
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.requirements import OpeningIsFree
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build, Builds
from backfill_assets.storage.control import MOST_FILES, ControlTable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.ledger import Ledger
from backfill_assets.storage.swap import Manifest
from tests.stores import Root, files_below

NOW = datetime(2026, 1, 23, 6, tzinfo=UTC)
DAY = date(2026, 1, 1)
WINDOW = Window(DAY, DAY)
NUMBERS = pl.Schema({"number": pl.Int64()})


def numbers(root: Root) -> ControlTable:
    return ControlTable(Lake(str(root)), "numbers", NUMBERS)


def next_number(known: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"number": [len(known) + 1]}, schema=NUMBERS)


def told(correction: str, step: Step = Step.STAGE, **detail) -> Event:
    return Event(correction, fact_of(step, Outcome.PROGRESSED, detail), NOW, "ada", "run")


def planned(step: Step, manifest: Manifest) -> Event:
    return Event("c", SwapPlanned(step, manifest.swap_count, manifest.days), NOW, "ada", "run")


def opening_of(number: int) -> Opened:
    return Opened(Plan("c", Request("fct", WINDOW, f"wrong {number}", correction="c"), NOW, "ada"))


def tell_many(root: str, correction: str, count: int) -> None:
    """What one of several processes does."""
    ledger = Ledger(Lake(root))
    for number in range(count):
        ledger.append(told(correction, number=number), table="fct")


def test_a_table_that_nobody_wrote_has_no_rows_and_is_not_created_by_reading(root: Root):
    assert numbers(root).rows().is_empty()
    assert not files_below(root)


def test_folding_keeps_every_row_and_the_files_few(root: Root):
    table = numbers(root)
    for _ in range(3 * MOST_FILES):
        table.append(next_number)

    assert sorted(table.rows()["number"]) == list(range(1, 3 * MOST_FILES + 1))
    assert len(table._table.snapshot().files[None]) <= MOST_FILES


def test_a_decision_is_taken_on_the_newest_rows_however_many_write_at_once(root: Root):
    def write(_: int) -> None:
        for _ in range(5):
            numbers(root).append(next_number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))

    assert sorted(numbers(root).rows()["number"]) == list(range(1, 31))


def test_files_of_refused_attempts_do_not_stay(root: Root):
    table = numbers(root)
    table.append(next_number)
    overtaken: list[int] = []

    def decide(known: pl.DataFrame) -> pl.DataFrame:
        if not overtaken:
            overtaken.append(1)
            numbers(root).append(next_number)
        return next_number(known)

    table.append(decide)

    assert sorted(table.rows()["number"]) == [1, 2, 3]
    written = list((root / "_control/numbers").rglob("part-*.parquet"))
    assert len(written) == 3


def test_a_decision_that_refuses_or_has_nothing_to_say_writes_nothing(root: Root):
    table = numbers(root)
    table.append(next_number)
    commit = table._table.snapshot().commit

    def refuse(_: pl.DataFrame) -> pl.DataFrame:
        raise CorrectionUnknown("x", [])

    assert table.append(lambda _: None) is None
    with pytest.raises(CorrectionUnknown):
        table.append(refuse)

    assert table._table.snapshot().commit == commit


@pytest.mark.slow
def test_events_of_processes_at_the_same_time_are_numbered_without_a_gap(root: Root):
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=fresh) as pool:
        waiting = [pool.submit(tell_many, str(root), f"c{number % 2}", 8) for number in range(3)]
        for one in waiting:
            one.result()

    histories = Ledger(Lake(str(root))).histories()

    assert {name: len(events) for name, events in histories.items()} == {"c0": 16, "c1": 8}
    for events in histories.values():
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_of_many_that_open_the_same_exactly_one_wins(root: Root):
    def open_it(number: int) -> Event | None:
        ledger = Ledger(Lake(str(root)))
        opening = OpeningIsFree("c", "fct", frozenset(WINDOW))
        return ledger.record(Event("c", opening_of(number), NOW, "ada", "run"), opening, table="fct")

    with ThreadPoolExecutor(6) as pool:
        opened = [event for event in pool.map(open_it, range(6)) if event]

    assert len(opened) == 1
    assert Ledger(Lake(str(root))).events("c")[0].detail == opened[0].detail


def test_manifests_come_back_complete_and_in_their_order(root: Root):
    ledger = Ledger(Lake(str(root)))
    file = DataFile("day=2026-01-01/a%20b.parquet", 10, DAY, 1, 2, '{"numRecords":2}')
    first, second = Manifest("c", 1, (), (file,)), Manifest("c", 2, (file,), ())
    ledger.append(planned(Step.CUT_OVER, first), table="fct", manifest=first)
    ledger.append(told("d"), table="fct")
    ledger.append(planned(Step.ROLL_BACK, second), table="fct", manifest=second)

    assert ledger.manifests("c") == {"c": (first, second)}
    assert ledger.manifests() == {"c": (first, second)}
    assert ledger.manifests("d") == {}


def test_an_unknown_correction_is_named_with_those_that_there_are(root: Root):
    ledger = Ledger(Lake(str(root)))
    ledger.append(told("c1"), table="fct")

    with pytest.raises(CorrectionUnknown, match="c1"):
        ledger.events("c2")


def build(at: datetime = NOW, code_version: str = "v1") -> Build:
    return Build("fct", DAY, {"raw": "abc"}, code_version, "", "run", "", at)


def data_file(name: str) -> DataFile:
    return DataFile(f"day=2026-01-01/{name}", 10, DAY, 1, 2, "{}")


def test_lineage_follows_a_file_wherever_it_is_moved(root: Root):
    builds = Builds(Lake(str(root)))
    builds.record([(data_file("a.parquet"), build())])

    moved = data_file("a.parquet").under("_backfill_c")

    assert builds.of_days("fct", {DAY: [moved]}) == {DAY: build()}


def test_a_day_with_a_file_that_nobody_here_wrote_has_no_lineage(root: Root):
    builds = Builds(Lake(str(root)))
    builds.record([(data_file("a.parquet"), build())])

    assert builds.of_days("fct", {DAY: [data_file("a.parquet"), data_file("b.parquet")]}) == {}
    assert builds.of_days("other", {DAY: [data_file("a.parquet")]}) == {}
