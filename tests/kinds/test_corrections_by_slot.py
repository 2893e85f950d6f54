"""A correction of a table of any column, spelling and grain, from the request to the way back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.expectation import Expectation
from backfill_assets.core.formats import slot_told
from backfill_assets.core.holders import Reading
from backfill_assets.core.next_step import WaitForPerson, WaitUntil
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.slots import Slot
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.pages.publishing import write_page
from backfill_assets.runbook import approve, open_correction, roll_back
from backfill_assets.runbook.correctable_table import Columns, CorrectableTable
from backfill_assets.runbook.request import read_request
from backfill_assets.runbook.watermark_steps import advance_holder
from backfill_assets.storage.records import Records
from tests.kinds.test_partition_columns import COLUMNS, every_column, slots_of
from tests.runbook.world import REPORT, SOURCE, TABLE, InMemory, World


@dataclass
class WorldOf(World):
    """A world whose table keeps its slots in some column."""

    column: PartitionColumn = field(default_factory=PartitionColumn)

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema({self.column.name: self.column.own_type, "shop": pl.String(), "revenue": pl.Int64()})

    @property
    def records(self) -> Records:
        return super().records.knowing({TABLE: self.column, SOURCE: self.column})

    @property
    def table(self) -> CorrectableTable:
        return replace(super().table, columns=Columns(self.column))

    def request(self, slots: list[Slot], **fields) -> Request:
        return Request(TABLE, Window(slots[0], slots[-1], self.column.grain), "wrong", ("finance",), **fields)

    def open_of(self, slots: list[Slot], **fields) -> Plan:
        return open_correction(self.step_context(), self.request(slots, **fields))

    def as_they_read(self) -> dict[object, int]:
        rows = pl.read_delta(self.live.uri)
        assert rows.schema[self.column.name] == self.column.own_type
        return dict(rows.select(self.column.name, "revenue").iter_rows())


@pytest.fixture
def world(tmp_path: Path, column: PartitionColumn) -> WorldOf:
    slots = slots_of(column, 8)
    right: Mapping[Slot, int] = {slot: number for number, slot in enumerate(slots, start=1)}
    found = WorldOf(tmp_path, dict(right), surroundings=InMemory(reports=(REPORT,)), column=column)
    found.land(found.right)
    found.publish_live({slot: value + 100 * (value in {3, 4, 6}) for slot, value in right.items()})
    return found


@every_column
def test_a_correction_goes_through_and_back(world: WorldOf, column: PartitionColumn):
    slots = sorted(world.right)
    before = world.as_they_read()
    correction = world.open_of(slots[1:7]).correction

    assert isinstance(world.drive(correction), WaitForPerson), world.progress(correction).gate
    page = write_page(world.step_context(), correction, world.root / "published", fresh=True).read_text()
    assert slot_told(slots[2]) in page
    progress = world.progress(correction)
    assert progress.gate.changed == {slots[2], slots[3], slots[5]}
    approve(world.step_context(), correction, "looked")
    assert isinstance(world.drive(correction), WaitUntil)

    assert world.as_they_read() == {column.value(slot): value for slot, value in world.right.items()}
    roll_back(world.step_context(), correction, all_days=True)
    assert world.as_they_read() == before
    assert world.events(correction, Step.ROLL_BACK)


@every_column
def test_a_condition_is_about_the_column_in_its_own_type(world: WorldOf, column: PartitionColumn):
    slots = sorted(world.right)
    own, name = column.value(slots[2]), f'"{column.name}"'
    condition = f"{name} = '{own}'"
    if column.own_type.is_temporal():
        written = "%Y-%m-%d" if column.is_slot else "%Y-%m-%d %H:%M"
        condition = f"strftime({name}, '{written}') = '{own:{written}}'"
    expectation = Expectation(unchanged_where=condition)
    correction = world.open_of(slots[1:7], expectation=expectation).correction
    world.drive(correction)

    gate = world.progress(correction).gate
    checks = {check.name: check for check in world.records.certificates.find(gate.certificate).checks}

    assert not gate.passed
    assert checks["unchanged_where"].days == (slots[2],)
    assert f"({slots[2]})" in checks["unchanged_where"].sentence


@every_column
def test_readers_are_set_back_before_the_window_and_move_again(world: WorldOf, column: PartitionColumn):
    slots = sorted(world.right)
    ctx = world.step_context()
    world.records.watermarks.register("bi", TABLE, by="Ada", at=world.now, external=True)
    advance_holder(ctx, "bi", slots[-1])
    correction = world.open_of(slots[2:7]).correction
    world.through(correction)

    [holder] = [one for one in world.records.watermarks.holders(TABLE).values() if one.external]
    assert (holder.mark, holder.effective) == (slots[-1], slots[1])
    assert str(holder.effective) == str(slots[1])
    advance_holder(ctx, "bi", slots[-1], Reading(world.live.snapshot().commit))
    assert not world.progress(correction).downstream.awaited_holders


@every_column
def test_a_request_is_written_with_the_slots_of_the_table(world: WorldOf):
    slots = sorted(world.right)
    days = ", ".join(f'"{slots[number]}": -100' for number in (2, 3, 5))
    text = (
        f'table: {TABLE}\nwindow: {{first: "{slots[1]}", last: "{slots[6]}"}}\nreason: wrong\n'
        f"expect: {{estimate: {{measure: revenue, days: {{{days}}}}}}}\n"
    )

    plan = open_correction(world.step_context(), read_request(text))

    assert list(map(str, plan.days)) == list(map(str, slots[1:7]))
    assert plan.window.grain is world.column.grain
    assert isinstance(world.drive(plan.correction), WaitForPerson)
    assert world.progress(plan.correction).gate.passed


HOURLY = next(column for column in COLUMNS if column.grain.value == "hour")


@pytest.mark.parametrize(
    ("column", "window"),
    [
        (BY_DAY, '{first: "2025-12-30T01:00Z", last: "2025-12-30T02:00Z"}'),
        (HOURLY, "{first: 2026-10-24, last: 2026-10-25}"),
    ],
    ids=["hours of days", "days of hours"],
)
def test_slots_of_another_grain_are_refused(world: WorldOf, window: str):
    request = read_request(f"table: {TABLE}\nwindow: {window}\nreason: wrong\n")
    with pytest.raises(SlotsOfOtherGrain):
        open_correction(world.step_context(), request)
    other = next(one for one in COLUMNS if (one.grain is HOURLY.grain) != (world.column.grain is HOURLY.grain))
    with pytest.raises(SlotsOfOtherGrain):
        advance_holder(world.step_context(), "bi", slots_of(other, 1)[0])


def test_a_window_of_a_day_and_an_hour_is_refused():
    with pytest.raises(BadInput, match=r"window"):
        read_request(f'table: {TABLE}\nwindow: {{first: 2026-01-01, last: "2026-01-02T01:00Z"}}\nreason: wrong\n')


@every_column
def test_checks_speak_of_what_the_slots_of_the_table_are(world: WorldOf, column: PartitionColumn):
    correction = world.open_of(sorted(world.right)[1:7], expectation=Expectation(same_rows=True)).correction
    world.drive(correction)

    certificate = world.progress(correction).gate.certificate
    said = " ".join(check.sentence for check in world.records.certificates.find(certificate).checks)

    assert f"6 {column.grain.value}s" in said
    assert column.grain.value == "day" or not re.search(r"\bdays?\b", said)
