"""What a table showed at a time is told for ever, whatever was swapped, rewritten and deleted since.

A case is a story of a table: after each of its steps it is noted what readers see, and at the end each of these states
is asked for by its time. The next one is a line.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from backfill_assets.core.reported import History
from backfill_assets.errors.reported import NothingPublished, NotRecorded, TimeToCome
from backfill_assets.runbook import StepContext, communicate, decommission, rebuild_downstream, roll_back
from backfill_assets.runbook.as_reported import as_reported, keep_reported
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build
from backfill_assets.storage.layout import LOG
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.table import Change
from tests.runbook.world import TABLE, World, copy_of, day, days, planted_at, right_at, worth


@dataclass
class Recording(World):
    """A world by the machine's clock, whose builds say what each file adds to its day, as those of runs do."""

    records_sums: bool = True

    def write(self, table, revenues, *, by, correction):
        self._written = revenues
        super().write(table, revenues, by=by, correction=correction)

    def build(self, file: DataFile, by: str, correction: str) -> Build:
        made = super().build(file, by, correction)
        if not self.records_sums or file.day is None:
            return made
        return replace(made, rows=file.rows, sums={"revenue": str(self._written[file.day] or 0)})

    def step_context(self, actor: str = "ada") -> StepContext:
        self.now = datetime.now(UTC)
        return super().step_context(actor)


Action = Callable[[Recording], object]
Told = dict[date, tuple[int, Decimal]]


def publish(first: int, last: int, worth_of: Callable[[int], int | None] = lambda number: number + 100) -> Action:
    return lambda world: world.publish_live({day(number): worth_of(number) for number in range(first, last + 1)})


def nightly(first: int, last: int) -> Action:
    def run(world: Recording) -> None:
        publish(first, last)(world)
        keep_reported(world.step_context())

    return run


def correct(first: int, last: int, name: str) -> Action:
    def run(world: Recording) -> None:
        world.open(first, last, name)
        world.through(name)

    return run


def back(name: str, *numbers: int) -> Action:
    def run(world: Recording) -> None:
        roll_back(world.step_context("grace"), name, [day(number) for number in numbers], all_days=not numbers)
        rebuild_downstream_of(world, name)

    return run


def rebuild_downstream_of(world: Recording, name: str) -> None:
    world.build_owed(world.progress(name))
    rebuild_downstream(world.step_context(), name)
    communicate(world.step_context(), name)


def close(name: str) -> Action:
    return lambda world: decommission(world.step_context("grace"), name, now=True)


def vacuum(world: Recording) -> None:
    """Whatever live does not name is deleted, by some other engine."""
    there = {path for one in world.live.snapshot().days for path, _ in world.live.snapshot().names(one)}
    left = {found.path for found in world.live.folder.listing() if found.path.endswith(".parquet")} - there
    world.live.folder.delete([path for path in left if LOG not in path])


def maintained(world: Recording) -> None:
    """What maintenance does to a table: what it showed is recorded, then days are compacted and files deleted."""
    keep_reported(world.step_context(), scan=True)
    retention, now = timedelta(0), datetime.now(UTC) + timedelta(days=2)
    maintain(world.live, keep_days=(), keep_paths=(), retention=retention, now=now)


def cleaned(world: Recording) -> None:
    """The log is cut off behind the newest commit, as after a long time, once it is recorded what it tells."""
    keep_reported(world.step_context(), scan=True)
    lose_log(world)


def lose_log(world: Recording) -> None:
    world.live.snapshot().handle.create_checkpoint()
    newest = world.live.snapshot().commit
    entries = [found.path for found in world.live.folder.listing(LOG) if found.path.endswith(".json")]
    world.live.folder.delete([path for path in entries if int(path.split("/")[-1][:20]) < newest])


def appended(number: int) -> Action:
    """Another writer adds a row to a day, and records nothing."""

    def run(world: Recording) -> None:
        files = world.live.write_files({day(number): worth(7)})
        world.live.commit(lambda _: Change(tuple(files.values())))
        world.live.commit(lambda there: Change((), (), metadata={"of": there.commit}))

    return run


def gone(number: int) -> Action:
    """Another writer takes a day away."""
    return lambda world: world.live.commit(lambda there: Change((), there.files_of([day(number)])[day(number)]))


@dataclass(frozen=True)
class Story:
    """Steps that a table goes through, one after another."""

    name: str
    steps: Sequence[Action]
    records_sums: bool = True

    def __str__(self) -> str:
        return self.name


FIRST = publish(1, 10, lambda number: planted_at()[day(number)])
STORIES = [
    Story("published night by night", [nightly(1, 3), nightly(4, 4), nightly(5, 5)]),
    Story("a late day is published again", [nightly(1, 3), publish(3, 3, lambda _: 77), nightly(4, 4)]),
    Story("a day without rows", [FIRST, publish(3, 3, lambda _: None), nightly(11, 11)]),
    Story("cut over", [FIRST, correct(6, 8, "a"), nightly(11, 11)]),
    Story("cut over, never recorded before", [FIRST, correct(6, 8, "a")]),
    Story("cut over and rolled back", [FIRST, nightly(11, 11), correct(6, 8, "a"), back("a")]),
    Story("rolled back in part", [FIRST, correct(6, 8, "a"), back("a", 7), nightly(11, 11)]),
    Story("decommissioned", [FIRST, nightly(11, 11), correct(6, 8, "a"), close("a")]),
    Story("rolled back in part, decommissioned", [FIRST, correct(6, 8, "a"), back("a", 7), close("a"), vacuum]),
    Story("corrected twice, decommissioned", [FIRST, correct(6, 8, "a"), correct(7, 9, "b"), close("a"), close("b")]),
    Story("decommissioned, sums never recorded", [FIRST, correct(6, 8, "a"), close("a"), vacuum], records_sums=False),
    Story("adopted, sums never recorded", [FIRST, nightly(11, 11), correct(6, 8, "a")], records_sums=False),
    Story("vacuumed by another engine", [FIRST, correct(6, 8, "a"), vacuum]),
    Story("compacted and vacuumed", [FIRST, correct(6, 8, "a"), close("a"), maintained, vacuum, nightly(11, 11)]),
    Story("its log cut off", [FIRST, nightly(11, 11), correct(6, 8, "a"), close("a"), cleaned, nightly(12, 12)]),
    Story("its log cut off, sums never recorded", [FIRST, correct(6, 8, "a"), close("a"), cleaned], records_sums=False),
    Story("a row by another writer", [FIRST, appended(3), nightly(11, 11)]),
    Story("a row by another writer, compacted", [FIRST, appended(3), maintained, vacuum, nightly(11, 11)]),
    Story("a day taken away", [FIRST, gone(10), nightly(11, 11), publish(10, 10)]),
]


def as_read(world: Recording) -> Told:
    frame = world.live.snapshot().scan().group_by("day").agg(rows=pl.len(), revenue=pl.col("revenue").sum()).collect()
    found = {row["day"]: (row["rows"], Decimal(row["revenue"])) for row in frame.iter_rows(named=True)}
    return {of: found.get(of, (0, Decimal(0))) for of in world.live.snapshot().days}


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_each_state_is_told_as_readers_saw_it(story: Story, tmp_path):
    world = Recording(tmp_path / "lake", right_at(), now=datetime.now(UTC), records_sums=story.records_sums)
    world.land(right_at(12))
    seen: list[tuple[datetime, Told]] = []
    for step in story.steps:
        step(world)
        seen.append((datetime.now(UTC), as_read(world)))
        time.sleep(0.003)  # the log knows milliseconds

    for at, expected in seen:
        found = as_reported(world.step_context(), at)
        assert not found.unknown
        assert {of: (one.rows, one.sums["revenue"]) for of, one in found.lines.items()} == expected


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Ten days, published and never recorded, of which three were corrected."""
    world = Recording(tmp_path_factory.mktemp("published"), right_at(), now=datetime.now(UTC))
    world.land(right_at())
    FIRST(world)
    correct(6, 8, "a")(world)
    return world


def test_some_days_are_told_and_those_that_were_not_published_are_named(published: Recording):
    ctx = published.step_context()
    found = as_reported(ctx, ctx.now, days(9, 12))
    assert [*found.lines] == days(9, 10)
    assert found.absent == tuple(days(11, 12))
    assert found.made_by == "cut over by correction a"
    assert found.total.sums == {"revenue": Decimal(109 + 10)}


def test_times_that_nobody_can_tell_of_are_refused_in_three_sentences(published: Recording):
    ctx = published.step_context()
    with pytest.raises(TimeToCome, match=r"Nobody knows yet what sales says"):
        as_reported(ctx, ctx.now + timedelta(hours=1))
    with pytest.raises(NothingPublished, match=r"Its first state is of 20\d\d-"):
        as_reported(ctx, ctx.now - timedelta(days=900))
    with pytest.raises(NothingPublished, match="Nothing of it was ever published"):
        as_reported(World(published.root / "empty", {}).step_context(), World(published.root, {}).now)


def test_what_was_before_the_record_and_the_log_is_said_not_to_be_recorded(published: Recording, tmp_path):
    world = copy_of(published, tmp_path / "lake")
    lose_log(world)
    with pytest.raises(NotRecorded, match=r"was not recorded before 20\d\d-"):
        as_reported(world.step_context(), world.now - timedelta(days=900))
    ctx = world.step_context()
    found = as_reported(ctx, ctx.now)
    assert found.made_by == "there when the record begins"
    assert len(found.lines) == 10
    keep_reported(world.step_context())
    with pytest.raises(NotRecorded):
        as_reported(world.step_context(), world.now - timedelta(days=900))


def test_recording_again_adds_nothing_and_each_night_adds_its_days_alone(published: Recording, tmp_path):
    world = copy_of(published, tmp_path / "lake")

    def rows() -> int:
        return world.records.control_table("reported").snapshot().scan().collect().height

    keep_reported(world.step_context())
    before = rows()
    keep_reported(world.step_context())
    keep_reported(world.step_context(), scan=True)
    assert rows() == before
    nightly(11, 11)(world)
    assert rows() == before + 2


def test_a_clock_that_was_set_back_does_not_turn_the_order_of_commits():
    hour = timedelta(hours=1)
    at = datetime(2026, 1, 23, 6, tzinfo=UTC)
    history = History(TABLE, (), {1: at, 2: at - hour, 3: at + hour}, 0)
    assert [history.commit_at(moment) for moment in (at - hour, at, at + hour)] == [None, 2, 3]
