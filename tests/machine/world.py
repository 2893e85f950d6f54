"""The world of the machine: a table of a few rows a day, and what strangers and processes that die do to it."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, write_deltalake

from backfill_assets.core.facts import DaysStaged
from backfill_assets.orchestration.asset.guard import Guard
from backfill_assets.orchestration.instance import tags
from backfill_assets.runbook import CorrectableTable, named_correction
from backfill_assets.runbook.correctable_table import Consumers
from backfill_assets.runbook.watermark_steps import register_holder
from backfill_assets.storage import opening, syncing
from backfill_assets.storage import table as table_module
from backfill_assets.storage.builds import Build
from backfill_assets.storage.completeness import measure
from backfill_assets.storage.files import Folder
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change
from tests.faults import KilledError
from tests.runbook.world import REPORT, SCHEMA, SOURCE, TABLE, World, day

Rows = tuple[tuple[str, int], ...]
"""The rows of a day: shop and revenue, sorted."""
Names = frozenset[str]
FIRST, LAST, LAST_TO_COME = 1, 6, 9
WRONG_BY = 100
BEGINS = datetime(2026, 1, LAST + 1, 6, tzinfo=UTC)
READER = "bi"


def frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"shop": pl.String, "revenue": pl.Int64}, orient="row")


def planted(rows: Rows) -> Rows:
    """What the wrong code makes of a day."""
    return tuple((shop, revenue + WRONG_BY) for shop, revenue in rows)


@dataclass(frozen=True)
class Seen:
    """A day of a table as a stranger's reader sees it."""

    rows: Rows
    names: Names


@dataclass
class Shops(World):
    """One lake with a table ``sales``, its source, a report and a reader outside."""

    @property
    def table(self) -> CorrectableTable:
        return replace(super().table, consumers=Consumers((REPORT,), has_nightly=True))

    # ---- what this software does in the place of runs of Dagster

    def source_days(self, days: Mapping[date, Rows]) -> None:
        source = self.records.table(SOURCE, SCHEMA)
        source.create()
        source.replace_days({of: frame(rows) for of, rows in days.items()})

    def publish(self, days: Mapping[date, Rows], version: str = "v1") -> None:
        """Nightly, as its runs write: guarded, and committed from the handle on which it was decided."""
        live = self.records.table(TABLE, SCHEMA)
        live.create()
        by = {tags.PUBLISH: tags.PUBLISH_LIVE}
        guard = Guard(self.records, TABLE, by, self.now.date(), has_nightly=True)
        files = live.write_files({of: frame(rows) for of, rows in days.items()})
        newest = self.records.snapshot(SOURCE).commit
        builds = [(file, self.built_of(file.day, version, "", newest)) for file in files.values() if file.day]
        self.records.builds.record(builds)

        def decide(now: Snapshot) -> Change:
            guard.refuse(days.keys(), now.days)
            removes = tuple(file for of_day in now.files_of(list(days)).values() for file in of_day)
            return Change(tuple(files.values()), removes, metadata={tags.RUN: "nightly"})

        live.commit(decide)

    def stage_days(self, correction: str, days: Mapping[date, Rows], pin: int) -> None:
        """A wave, as its run writes it."""
        ctx = self.step_context()
        named_correction(ctx, correction, days)
        staged = self.records.staged(TABLE, correction, SCHEMA)
        staged.create()
        files = staged.write_files({of: frame(rows) for of, rows in days.items()})
        builds = [(file, self.built_of(file.day, "v2", correction, pin)) for file in files.values() if file.day]
        self.records.builds.record(builds)

        def decide(now: Snapshot) -> Change:
            named_correction(ctx, correction, days)
            removes = tuple(file for of_day in now.files_of(list(days)).values() for file in of_day)
            return Change(tuple(files.values()), removes)

        staged.commit(decide)
        ctx.record(correction, DaysStaged(tuple(sorted(days)), "v2", sum(map(len, days.values())), 0.0, {}))

    def built_of(self, of: date, version: str, correction: str, commit: int) -> Build:
        inputs = {SOURCE: self.records.snapshot(SOURCE, commit).fingerprint(of)}
        return Build(TABLE, of, inputs, version, "", "", correction, self.now)

    def build_reports(self, correction: str, partitions: Mapping[str, Collection[str]]) -> None:
        """The reports of a correction, with what each partition was built from."""
        live = self.records.snapshot(TABLE)
        for report, keys in partitions.items():
            days = {key: [date.fromisoformat(key)] for key in keys}
            built = measure(report, days, TABLE, live, self.records.builds, run_id="", at=self.now)
            self.records.completeness.record(built)
        super().build_reports(correction, partitions)

    # ---- what strangers do

    def append_foreign(self, of: date | None, rows: Rows) -> None:
        columns = [pl.lit(of, dtype=pl.Date).alias("day"), pl.col("shop"), pl.col("revenue")]
        write_deltalake(self.live.uri, frame(rows).select(columns), mode="append")

    def overwrite_foreign(self, of: date, rows: Rows) -> None:
        columns = [pl.lit(of, dtype=pl.Date).alias("day"), pl.col("shop"), pl.col("revenue")]
        write_deltalake(self.live.uri, frame(rows).select(columns), mode="overwrite", predicate=f"day = '{of}'")

    # ---- what is there, by another way than this software's

    def seen(self, handle: DeltaTable) -> dict[date | None, Seen]:
        """The days of a table with their rows and files; every file has to be there, of the size that is said."""
        root = Path(handle.table_uri.removeprefix("file://"))
        actions = pl.DataFrame(handle.get_add_actions(flatten=True))
        found: dict[date | None, tuple[list[tuple[str, int]], set[str]]] = {}
        for path, size, count, of in actions.select("path", "size_bytes", "num_records", "partition.day").iter_rows():
            place = root / path
            assert place.exists(), f"the log names {path}, which is gone"
            assert place.stat().st_size == size, f"{path} is not of its size"
            rows, names = found.setdefault(of, ([], set()))
            assert count == len(self.rows_in(place)), f"the log says of {path} that it has {count} rows"
            rows += self.rows_in(place)
            names.add(path)
        return {of: Seen(tuple(sorted(rows)), frozenset(names)) for of, (rows, names) in found.items()}

    def rows_in(self, place: Path) -> Rows:
        return rows_of_file(place.name, place)


CONTENTS: dict[str, Rows] = {}
"""By the names of files, no two of which are the same."""


def rows_of_file(name: str, place: Path) -> Rows:
    if name not in CONTENTS:
        CONTENTS[name] = tuple(pl.read_parquet(place, columns=["shop", "revenue"]).iter_rows())
    return CONTENTS[name]


@cache
def kept_folder() -> Path:
    """Where a process keeps lakes that histories begin with."""
    folder = Path(tempfile.mkdtemp(prefix="machine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def prepared() -> Path:
    """Six published days, all wrong but every third; made once a process."""
    root = kept_folder() / "lake"
    world = Shops(root, {}, now=BEGINS)
    world.source_days(source_at_first())
    world.publish(live_at_first())
    register_holder(world.step_context(), READER)
    return root


def source_at_first() -> dict[date, Rows]:
    return {day(n): () if n == 4 else (("a", n), ("b", 10 * n)) for n in range(FIRST, LAST + 1)}


def live_at_first() -> dict[date, Rows]:
    return {of: rows if of.day % 3 == 0 else planted(rows) for of, rows in source_at_first().items()}


def world_in(folder: Path) -> Shops:
    shutil.copytree(prepared(), folder / "lake")
    return Shops(folder / "lake", {}, now=BEGINS)


# ---- processes that die


@dataclass(frozen=True)
class Kill:
    """Die at the n-th write to disk of an action, a commit or a deletion; ``after`` it or before."""

    number: int
    after: bool


@dataclass(frozen=True)
class Pause:
    """Stop just before the n-th write to disk of an action, while something else happens, and go on."""

    number: int
    meanwhile: str


@contextmanager
def interrupted(at: Kill | Pause | None, meanwhile: Callable[[str], None]) -> Iterator[None]:
    """Die or pause there. Of a process that died nothing more is written, and the next one has read nothing yet."""
    if at is None:
        yield
        return
    commit, delete, count = table_module.attempt, Folder.delete, 0

    def back() -> None:
        table_module.attempt, Folder.delete = commit, delete

    def write(really, *args):
        nonlocal count
        count += 1
        if count == at.number and isinstance(at, Pause):
            back()
            meanwhile(at.meanwhile)
        elif isinstance(at, Kill) and count >= at.number:
            if count == at.number and at.after:
                really(*args)
            raise KilledError
        return really(*args)

    table_module.attempt = lambda *args: write(commit, *args)
    Folder.delete = lambda *args: write(delete, *args) if args[1] else None
    try:
        yield
    except KilledError:
        forget()
        raise
    finally:
        back()


def forget() -> None:
    """What a process keeps in memory."""
    opening._kept.clear()
    syncing._forced.clear()
