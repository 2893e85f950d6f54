"""Maintenance beside open corrections: what they need stays, what nobody needs goes."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from backfill_assets.core.steps import Step
from backfill_assets.runbook import StepContext, approve, roll_back
from backfill_assets.runbook.maintaining import maintain_all
from backfill_assets.storage.retention import clean_log
from tests.runbook.world import SOURCE, TABLE, World, day, days, world_at, worth
from tests.storage.lakes import created

LONG_AGO = timedelta(days=400)


def aged(root: Path, *, back: timedelta = LONG_AGO) -> None:
    """Make every file of the lake look old."""
    for file in root.rglob("*"):
        if file.is_file():
            old = file.stat().st_mtime - back.total_seconds()
            os.utime(file, (old, old))


def swapped(world: World, first: int = 4, last: int = 9) -> str:
    correction = world.open(first, last).correction
    world.through(correction)
    return correction


def maintained(world: World) -> dict[str, object]:
    return {one.table: one for one in maintain_all(world.step_context())}


def test_what_a_correction_can_bring_back_survives_maintenance(tmp_path):
    world = world_at(tmp_path)
    before = world.content()
    correction = swapped(world)
    aged(tmp_path)
    maintained(world)
    assert world.content() == world.right
    roll_back(world.step_context(), correction, all_days=True)
    assert world.content() == before


def test_days_that_an_open_correction_has_claimed_are_not_compacted_and_stay_certified(tmp_path):
    world = world_at(tmp_path)
    world.live.append(worth(None), day=day(6))
    world.live.append(worth(None), day=day(2))
    correction = world.open(4, 9).correction
    world.drive(correction)
    assert maintained(world)[TABLE].compacted == (str(day(2)),)
    approve(world.step_context(), correction, "looked")
    world.drive(correction)
    assert world.content() == world.right
    assert len(world.events(correction, Step.VALIDATE)) == 1


def test_a_correction_is_staged_from_what_was_pinned_also_after_maintenance(tmp_path):
    world = world_at(tmp_path)
    for number in range(120):
        world.land({day(1): number})
    aged(tmp_path)
    plan = world.open(4, 9)
    pinned = world.records.snapshot(SOURCE, plan.pins[SOURCE]).scan(plan.days).collect().sort("day")
    world.land({day(6): 600})
    world.later(1000)
    done = [maintained(world), maintained(world)]
    assert done[0][SOURCE].log_deleted
    again = world.records.snapshot(SOURCE, plan.pins[SOURCE]).scan(plan.days).collect().sort("day")
    assert again.equals(pinned)


def test_what_a_long_open_correction_is_staged_from_outlives_the_retention(tmp_path):
    world = world_at(tmp_path)
    plan = world.open(4, 9)
    world.land({day(6): 600})
    maintain_all(without_rollback_window(world), retention_days=0)
    pinned = world.records.snapshot(SOURCE, plan.pins[SOURCE]).scan([day(6)]).collect()
    assert pinned["revenue"].to_list() == [6]


def without_rollback_window(world: World) -> StepContext:
    ctx = world.step_context()
    return replace(ctx, table=replace(ctx.table, rollback_days=-1))


def test_files_of_rewritten_days_go_when_no_correction_needs_them(tmp_path):
    world = world_at(tmp_path)
    world.publish_live({day(1): 1})
    there = len(list((tmp_path / TABLE).rglob("*.parquet")))
    done = {one.table: one for one in maintain_all(without_rollback_window(world), retention_days=0)}
    assert len(done[TABLE].deleted) == 1
    assert len(list((tmp_path / TABLE).rglob("*.parquet"))) == there - 1
    assert set(world.content()) == set(days(1, 10))


def test_nothing_within_the_retention_goes(tmp_path):
    world = world_at(tmp_path)
    world.publish_live({day(1): 1})
    assert all(not one.deleted and not one.log_deleted for one in maintain_all(world.step_context(), retention_days=0))


def test_a_staged_version_is_left_alone(tmp_path):
    world = world_at(tmp_path)
    correction = world.open(4, 9).correction
    world.stage_wave(correction, days(4, 9))
    folder = tmp_path / TABLE / f"_backfill_{correction}"
    before = sorted(file for file in folder.rglob("*") if file.is_file())
    aged(tmp_path)
    world.later(1000)
    maintained(world)
    assert sorted(file for file in folder.rglob("*") if file.is_file()) == before


def test_the_raw_log_keeps_a_file_for_every_arrival(tmp_path):
    world = world_at(tmp_path)
    raw = world.records.table(SOURCE)
    raw.append(worth(7), day=day(3))
    maintained(world)
    assert len(raw.snapshot().names(day(3))) == 2


def test_the_ledger_says_the_same_after_its_table_was_compacted(tmp_path):
    world = world_at(tmp_path)
    correction = swapped(world)
    before = world.records.ledger.events(correction)
    aged(tmp_path)
    world.later(1000)
    done = maintained(world)
    assert done["_control/ledger"].deleted or world.records.ledger.events(correction)
    assert world.records.ledger.events(correction) == before


def test_an_old_log_goes_once_a_checkpoint_tells_the_same(tmp_path):
    table = created(tmp_path / "t")
    for number in range(130):
        table.replace_days({day(1): pl.DataFrame({"revenue": [number]})})
    aged(tmp_path)
    table.replace_days({day(1): pl.DataFrame({"revenue": [1000]})})
    gone = clean_log(table, World(tmp_path, {}).now)
    assert len(gone) == 99
    assert table.snapshot().scan().collect()["revenue"].to_list() == [1000]
    assert DeltaTable(table.uri).version() == 131
    assert table.snapshot(130).scan().collect()["revenue"].to_list() == [129]


def test_a_log_without_a_checkpoint_is_left_alone(tmp_path):
    table = created(tmp_path / "t")
    table.replace_days({day(1): pl.DataFrame({"revenue": [1]})})
    aged(tmp_path)
    assert clean_log(table, World(tmp_path, {}).now) == ()
