"""What ten times as much takes is ten times as much work, not a hundred: calls are counted, no clock is read.

A case is whatever a correction, nightly or a page does once for each of many things. The next one is a line in CASES.
"""

import cProfile
import pstats
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from backfill_assets.core.events import Event
from backfill_assets.core.exposure import Carrier, Side, Taken, Wrong, seen_in
from backfill_assets.core.facts import DaysStaged, Opened
from backfill_assets.core.fold import fold, history
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.runbook import exposure, settling
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.completeness import Basis, Completeness
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.ledger import Ledger
from backfill_assets.storage.publications import Publication
from backfill_assets.storage.swap import Manifest

NOW = datetime(2026, 1, 23, tzinfo=UTC)
FEW, TIMES = 40, 8
# What grows with the square makes 64 times as many calls, what grows in proportion 8 times, and a little for its rest.
ROOM = 1.6


def calls(work: Callable[[], object]) -> int:
    """How many calls of functions it takes, those of C among them."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return pstats.Stats(profile).total_calls  # pyright: ignore[reportAttributeAccessIssue] - set by its constructor


def days(number: int) -> list[date]:
    return [date(2016, 1, 1) + timedelta(days=count) for count in range(number)]


def plan_of(number: int, correction: str = "c") -> Plan:
    window = Window(days(number)[0], days(number)[-1])
    return Plan(correction, Request("t", window, "wrong", correction=correction), NOW, "ada")


def events_of(number: int, correction: str = "c") -> list[Event]:
    """A correction that is opened and staged day by day."""
    told = [Opened(plan_of(number, correction)), *(DaysStaged((day,), "1", 1, 1.0) for day in days(number))]
    return [Event(correction, fact, NOW, "ada", "run", place) for place, fact in enumerate(told, 1)]


def folded_after_each(number: int, _: Path) -> Callable[[], object]:
    events = events_of(number, f"folded {number}")
    return lambda: [history(events[:count]) for count in range(1, len(events) + 1)]


def ledger_read_after_each(number: int, root: Path) -> Callable[[], object]:
    ledger, events = Ledger(Lake(str(root / str(number)))), events_of(number, f"read {number}")

    def work() -> None:
        for event in events:
            ledger.append(event, table="t")
            ledger.progress(event.correction)

    return work


def known_days(number: int, _: Path) -> Callable[[], object]:
    """A definition that reaches as far into the future as it is asked of days."""
    slots = TableSlots("t", dg.DailyPartitionsDefinition("2016-01-01", end_offset=number), Grain.DAY)
    asked = days(number)
    return lambda: slots.having(asked)


def file(day: date) -> DataFile:
    return DataFile(f"day={day}/a.parquet", 1, day, 0, 1, "{}")


def moved(number: int, _: Path) -> Callable[[], object]:
    class Live:
        def names(self, day: date) -> frozenset[tuple[str, int]]:
            return frozenset({(file(day).path, 1)})

    manifest = Manifest("c", 1, tuple(map(file, days(number))), ())
    return lambda: settling._moved(Live(), manifest)


def seen_of_a_file(number: int, _: Path) -> Callable[[], object]:
    """A file that was made of all days, after each of some nights."""
    wrong = Wrong(dict.fromkeys(days(number), Side.EARLIER))
    taken = [Taken(NOW + timedelta(days=count), 1, wrong.days) for count in range(FEW)]
    return lambda: seen_in(Carrier.FILE, "index.html", "", taken, wrong)


def published_files(number: int, _: Path) -> Callable[[], object]:
    """A file that was made of all days, of which one was ever wrong, after each of some nights."""
    wrong = Wrong({days(1)[0]: Side.EARLIER})
    every = tuple(map(str, days(number)))
    published = [Publication("index.html", NOW + timedelta(days=count), {"r": every}, number) for count in range(FEW)]
    built = {place: completeness(day) for place, day in enumerate(days(number))}
    of_part = exposure.wrong_builds(built, wrong)
    return lambda: [exposure._shown(one, of_part) for one in published]


def completeness(day: date) -> Completeness:
    return Completeness("r", str(day), "t", (day,), (), 1, "", ("1",), Basis.ORIGINAL, (), "run", NOW)


CASES: dict[str, Callable[[int, Path], Callable[[], object]]] = {
    "folding a correction after each of its facts": folded_after_each,
    "reading the ledger after each append": ledger_read_after_each,
    "which days are partitions": known_days,
    "which days of a swap have moved": moved,
    "who has seen a file of all days": seen_of_a_file,
    "what was wrong in a file of every night": published_files,
}


@pytest.mark.parametrize("case", CASES)
def test_so_many_times_as_much_takes_so_many_times_the_work(case: str, tmp_path: Path) -> None:
    few, many = (calls(CASES[case](number, tmp_path)) for number in (FEW, FEW * TIMES))
    assert many <= few * TIMES * ROOM, f"{few:,} calls became {many:,}"


def test_what_is_remembered_of_facts_is_never_told_of_others() -> None:
    """A shorter history, a longer one, and another one of the same name are each what their own facts add up to."""
    events, others = events_of(6), events_of(4)
    for told in (events, events[:3], others, [*others, *events[5:]], events[::-1], events):
        (plan,) = [one.fact.plan for one in told if isinstance(one.fact, Opened)]
        assert history(told) == fold(plan, told)
