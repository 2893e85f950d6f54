"""What each of the processes does that work on one lake at once, and what it says it has done.

Each is told its lake and a seed, and writes a line for everything that it was told is done, after it was told so.
"""

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from backfill_assets.core.facts import DaysStaged
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.correction import LiveWriteRefused, StagingClosed
from backfill_assets.orchestration.asset.guard import Guard
from backfill_assets.orchestration.instance import tags
from backfill_assets.runbook import abandon, roll_back
from backfill_assets.runbook.maintaining import kept_of, maintain_all
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change, Table
from tests.runbook.world import TABLE, World, day, days, planted_at, right_at, worth

COUNT = 27
NOW = datetime(2026, 1, 29, 6, tzinfo=UTC)
BACK, OVER, WIDE = "taken-back", "cut-over", "staged-wide"
WINDOWS: Mapping[str, tuple[int, int]] = {BACK: (5, 8), OVER: (9, 12), WIDE: (15, 26)}
"""The corrections of the lake: one that is live and is taken back, one that is approved, one that is to be staged."""

CLAIMED, NOT_PUBLISHED = day(26), 999_999
PUBLISHED = {day(number): 1000 + number for number in (27, 28, 29)}
"""What nightly publishes: late data of its look-back, and the newest days."""

BESIDE = (3, 13, 30, 31)
CONTESTED = (6, 11, 20)
"""The days of January that a foreign writer adds rows to: some that no correction is about, and one of each."""

Say = Callable[..., None]


class OneProcess(World):
    """A world whose records remember what they have read, as those of a process do."""

    @cached_property
    def records(self) -> Records:
        return Records(Lake(str(self.root)))


def world_of(root: Path) -> World:
    """The world of a process that knows only where the lake is."""
    return OneProcess(root, {**right_at(COUNT), **PUBLISHED}, NOW)


def work(role: str, root: str, said: str, seed: int) -> None:
    """What one process does: its role, until it has done it or is refused. Its clock is an hour off, or right."""

    def say(did: str, **more: Any) -> None:
        line = json.dumps({"role": role, "did": did, **more}) + "\n"
        told = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(told, line.encode())
        os.close(told)

    name, _, number = role.partition(" ")
    world, draw = world_of(Path(root)), random.Random(seed)
    world.now += timedelta(hours=draw.choice((-1, 0, 1)))
    try:
        ROLES[name](world, say, draw, int(number or 0))
    except BackfillAssetsError as error:
        say("refused", by=type(error).__name__, why=str(error))
    say("ended")


def stager(world: World, say: Say, draw: random.Random, number: int) -> None:
    stage(world, WIDE, day(number))
    say("staged", day=str(day(number)))


def stage(world: World, correction: str, of: date) -> None:
    """Stage a day as the IO manager does: lineage, the commit, the ledger."""
    records = world.records
    staged = records.staged(TABLE, correction, world.schema)

    def refuse_closed(_: object = None) -> None:
        if records.ledger.progress(correction).is_closed:
            raise StagingClosed(correction, "closed")

    written(world, staged, {of: world.right[of]}, correction, refuse_closed)
    world.step_context().record(correction, DaysStaged((of,), "v2", 1, 0.1))
    refuse_closed()


def written(
    world: World,
    table: Table,
    revenues: Mapping[date, int | None],
    correction: str,
    allow: Callable[[Snapshot], None],
) -> None:
    files = table.write_files({of: worth(value) for of, value in revenues.items()})
    world.records.builds.record([(file, world.build(file, "v2", correction)) for file in files.values()])

    def decide(now: Snapshot) -> Change:
        allow(now)
        removes = tuple(file for of_day in now.files_of(list(revenues)).values() for file in of_day)
        return Change(tuple(files.values()), removes, metadata={tags.RUN: "run"})

    table.commit(decide)


def nightly(world: World, say: Say, draw: random.Random, number: int) -> None:
    """Publish the days one by one, and try the one that a correction has claimed."""
    for of in draw.sample([*PUBLISHED, CLAIMED], len(PUBLISHED) + 1):
        say("tries", day=str(of))
        try:
            publish(world, of)
            say("published", day=str(of))
        except LiveWriteRefused:
            say("claimed", day=str(of))


def publish(world: World, of: date) -> None:
    guard = Guard(world.records, TABLE, {tags.PUBLISH: tags.PUBLISH_LIVE}, world.now.date())
    value = PUBLISHED.get(of, NOT_PUBLISHED)
    if of in PUBLISHED:
        world.land({of: value})
    written(world, world.live, {of: value}, "", lambda now: guard.refuse([of], now.days))


def compactor(world: World, say: Say, draw: random.Random, number: int) -> None:
    for _ in range(4):
        ctx, known = world.step_context("maintenance"), world.records.ledger.all_progress().values()
        kept = kept_of(ctx, TABLE, known)
        maintain(world.live, keep_days=kept.days, keep_paths=kept.paths, retention=timedelta(30), now=world.now)
        say("maintained")
        time.sleep(draw.uniform(0, 0.1))
    maintain_all(world.step_context("maintenance"))


def appender(world: World, say: Say, draw: random.Random, number: int) -> None:
    """A writer that knows nothing of corrections: delta-rs itself."""
    for count in range(8):
        of = day(draw.choice(CONTESTED if draw.random() < 0.2 else BESIDE))
        shop = f"foreign-{number}-{count}"
        say("appends", shop=shop, day=str(of))
        row = pl.DataFrame({"day": [of], "shop": [shop], "revenue": [count]}, schema=world.schema)
        with suppress(CommitFailedError):
            write_deltalake(world.live.uri, row, mode="append")
            say("appended", shop=shop)
        time.sleep(draw.uniform(0, 0.05))


def cutter(world: World, say: Say, draw: random.Random, number: int) -> None:
    say("drove", to=type(world.drive(OVER)).__name__)


def rollback(world: World, say: Say, draw: random.Random, number: int) -> None:
    roll_back(world.step_context(), BACK, all_days=True)
    say("rolled back")
    say("drove", to=type(world.drive(BACK)).__name__)


def abandoner(world: World, say: Say, draw: random.Random, number: int) -> None:
    abandon(world.step_context("grace"), OVER, "never mind")
    say("abandoned")


def reader(world: World, say: Say, draw: random.Random, number: int) -> None:
    """Whoever reads live sees each swap whole, and nothing that is only staged."""
    right, planted = right_at(COUNT), planted_at(COUNT)
    for _ in range(12):
        seen = {of: revenue for (of, shop), revenue in rows_of(world).items() if shop == "main"}
        for correction, (first, last) in WINDOWS.items():
            of_it = {of: seen.get(of) for of in days(first, last)}
            if of_it not in [{of: side[of] for of in of_it} for side in (right, planted)]:
                say("violation", why=f"a reader saw {of_it} of {correction}")
        say("read")
        time.sleep(draw.uniform(0, 0.03))


ROLES: Mapping[str, Callable[[World, Say, random.Random, int], None]] = {
    "stager": stager,
    "nightly": nightly,
    "compactor": compactor,
    "appender": appender,
    "cutter": cutter,
    "roll-back": rollback,
    "abandoner": abandoner,
    "reader": reader,
}


def rows_of(world: World) -> dict[tuple[date, str], int]:
    """The rows of live by day and shop; each is there once."""
    frame = world.live.snapshot().scan().select("day", "shop", "revenue").collect()
    rows = {(of, shop): revenue for of, shop, revenue in frame.iter_rows()}
    assert len(rows) == frame.height, f"rows are there twice, {frame.filter(frame.is_duplicated())}"
    return rows
