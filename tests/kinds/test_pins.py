"""What an open correction is staged from stays, whoever deletes files; what is gone is named before it is read."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.runbook import StepContext, decommission, open_correction, verify_source
from backfill_assets.runbook.correctable_table import CodeVersion, CorrectableTable, Sources
from backfill_assets.runbook.maintaining import maintain_all
from tests.runbook.world import TABLE, World, copy_of, day, days, world_at

READER = "net"


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str, str]:
    """A correction that is live, and one of a table that reads this one, opened and pinned before the cut over."""
    world = world_at(tmp_path_factory.mktemp("corrected") / "lake")
    world.write(world.records.table(READER, world.schema), world.right, by="v1", correction="")
    reading = open_correction(reader(world), Request(READER, Window(day(4), day(10)), "wrong", ("finance",)))
    first = world.open(4, 10).correction
    world.through(first)
    return world, first, reading.correction


def reader(world: World) -> StepContext:
    """The step context of the table that reads the corrected one."""
    table = CorrectableTable(
        name=READER, keys=("shop",), measures=("revenue",), code=CodeVersion("v2"), sources=Sources((TABLE,))
    )
    return StepContext(world.records, table, world.surroundings, "ada", world.now, "run")


def decommissioned(world: World, correction: str) -> None:
    decommission(world.step_context(), correction, now=True)


def maintained(world: World, correction: str) -> None:
    decommission(world.step_context(), correction, now=True)
    world.now += timedelta(days=400)
    maintain_all(world.step_context())


DELETING: list[Callable[[World, str], None]] = [decommissioned, maintained]


@pytest.mark.parametrize("deleting", DELETING)
def test_what_another_tables_open_correction_is_pinned_to_stays(
    corrected: tuple[World, str, str], tmp_path: Path, deleting: Callable[[World, str], None]
):
    world, first, reading = copy_of(corrected[0], tmp_path / "lake"), *corrected[1:]
    pin = world.progress(reading).plan.pins[TABLE]
    before = rows(world, pin)

    deleting(world, first)

    assert rows(world, pin).equals(before)
    assert verify_source(reader(world), reading).fact.pins == {TABLE: pin}


def rows(world: World, pin: int) -> pl.DataFrame:
    return world.records.snapshot(TABLE, pin).scan(days(4, 10)).collect().sort("day")


def lost(world: World, pin: int) -> None:
    for path, _ in world.records.snapshot(TABLE, pin).names(day(7)):
        (world.root / TABLE / path).unlink()


def test_a_file_of_the_pin_that_is_gone_is_found_by_verifying_and_the_newest_is_pinned_while_nothing_is_staged(
    corrected: tuple[World, str, str], tmp_path: Path
):
    world, reading = copy_of(corrected[0], tmp_path / "lake"), corrected[2]
    pin = world.progress(reading).plan.pins[TABLE]
    lost(world, pin)

    assert verify_source(reader(world), reading).fact.pins[TABLE] > pin

    lost(world, world.progress(reading).plan.pins[TABLE])
    with pytest.raises(SourceUnfit, match="2026-01-07") as refused:
        verify_source(reader(world), reading)
    assert "sales has lost a file" in str(refused.value)
