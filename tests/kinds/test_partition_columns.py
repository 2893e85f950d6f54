"""Tables whose slots are kept in a column of any name, spelling and grain, as another writer has written them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.partition_column import PartitionColumn, Spelling, detect, slots_in
from backfill_assets.core.slots import Grain, Hour, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous
from backfill_assets.storage.completeness import Basis, Completeness
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.swap import cut_over, plan_cut_over, plan_roll_back, roll_back
from backfill_assets.storage.swap_numbers import app_id

NEW_YEAR = date(2025, 12, 29)
NIGHT = Hour.of(datetime(2026, 10, 24, 22, tzinfo=UTC))
FIRSTS: dict[Grain, Slot] = {
    Grain.HOUR: NIGHT,
    Grain.DAY: NEW_YEAR,
    Grain.WEEK: NEW_YEAR,
    Grain.MONTH: date(2025, 12, 1),
}
FOUR = timedelta(hours=4)
HALF_PAST_TWO = timedelta(hours=2, minutes=30)

COLUMNS: Sequence[PartitionColumn] = [
    PartitionColumn(),
    PartitionColumn("order_date"),
    PartitionColumn("Order date", Spelling.ISO),
    PartitionColumn("dt", Spelling.COMPACT),
    PartitionColumn("hour", Spelling.ISO, Grain.HOUR),
    PartitionColumn("hour", Spelling.UTC, Grain.HOUR),
    PartitionColumn("hour", Spelling.NAIVE, Grain.HOUR),
    # Hours in UTC are the same in any zone.
    PartitionColumn("hour", Spelling.UTC, Grain.HOUR, "Europe/Berlin"),
    PartitionColumn("ts", Spelling.UTC),
    PartitionColumn("ts", Spelling.UTC, Grain.DAY, "Europe/Berlin", FOUR),
    PartitionColumn("ts", Spelling.UTC, Grain.DAY, "America/New_York"),
    PartitionColumn("ts", Spelling.UTC, Grain.DAY, "Australia/Lord_Howe", HALF_PAST_TWO),
    PartitionColumn("ts", Spelling.NAIVE),
    PartitionColumn("ts", Spelling.NAIVE, Grain.DAY, "Europe/Berlin", FOUR),
    PartitionColumn("week", Spelling.DATE, Grain.WEEK),
    PartitionColumn("week", Spelling.COMPACT, Grain.WEEK),
    PartitionColumn("week", Spelling.UTC, Grain.WEEK, "Europe/Berlin", FOUR),
    PartitionColumn("month", Spelling.DATE, Grain.MONTH),
    PartitionColumn("month", Spelling.ISO, Grain.MONTH),
    PartitionColumn("month", Spelling.UTC, Grain.MONTH, "America/New_York"),
]


def named(column: PartitionColumn) -> str:
    return "-".join([column.name, column.spelling.name, column.grain.name, column.zone, str(column.offset)])


every_column = pytest.mark.parametrize("column", COLUMNS, ids=named)


def slots_of(column: PartitionColumn, count: int) -> list[Slot]:
    first = FIRSTS[column.grain]
    return list(column.grain.between(first, column.grain.after(first, count - 1)))


@dataclass
class Theirs:
    """A table as its own writer has it, and as this software sees it."""

    column: PartitionColumn
    records: Records
    slots: list[Slot]

    @property
    def uri(self) -> str:
        return self.records.lake.table_uri("orders")

    def rows(self, revenues: dict[Slot, int]) -> pl.DataFrame:
        frame = self.column.values(list(revenues)).to_frame()
        return frame.with_columns(key=pl.lit("a"), revenue=pl.Series(list(revenues.values()), dtype=pl.Int64))

    def as_others_read(self) -> list[tuple[Any, int]]:
        """Their own values beside the revenue, by two readers that know nothing of this software."""
        wanted = ["revenue", self.column.name]
        by_arrow = pl.DataFrame(DeltaTable(self.uri).to_pyarrow_table()).select(wanted)
        by_polars = pl.read_delta(self.uri).select(wanted)
        assert by_polars.schema[self.column.name] == self.column.own_type
        assert by_arrow.sort("revenue").equals(by_polars.sort("revenue"))
        return [(own, revenue) for revenue, own in by_polars.sort("revenue").iter_rows()]


@pytest.fixture
def theirs(tmp_path, column: PartitionColumn) -> Theirs:
    lake = Lake(str(tmp_path / "lake"))
    found = Theirs(column, Records(lake).knowing({"orders": column}), slots_of(column, 4))
    for offset, slot in enumerate(found.slots):
        frame = found.rows({slot: offset})
        write_deltalake(found.uri, frame, mode="append", partition_by=[column.name])
    return found


@every_column
def test_their_slots_are_seen_and_their_rows_read(theirs: Theirs):
    there = theirs.records.snapshot("orders")
    one, two = theirs.slots[1:3]

    read = there.scan([one, two]).sort("revenue").collect()

    assert sorted(there.days) == theirs.slots
    assert read["revenue"].to_list() == [1, 2]
    assert read[theirs.column.name].to_list() == theirs.column.values([one, two]).to_list()
    assert [file.day for files in there.files_of([two]).values() for file in files] == [two]
    assert there.rows_without_day() == 0


@every_column
def test_a_slot_is_replaced_where_their_own_writer_would_have_put_it(theirs: Theirs):
    one, new = theirs.slots[1], theirs.column.grain.after(theirs.slots[-1])
    theirs.records.table("orders").replace_days({one: theirs.rows({one: 11}), new: theirs.rows({new: 14})})
    write_deltalake(theirs.uri, theirs.rows({new: 15}), mode="append")

    values = theirs.column.values([theirs.slots[0], *theirs.slots[2:], one, new, new]).to_list()
    assert theirs.as_others_read() == list(zip(values, [0, 2, 3, 11, 14, 15], strict=True))
    after = theirs.records.snapshot("orders")
    assert sorted(after.days) == [*theirs.slots, new]
    # What they append lies in the same folder and has the same partition value.
    assert len({path.rpartition("/")[0] for path, _ in after.names(new)}) == 1
    actions = pl.DataFrame(DeltaTable(theirs.uri).get_add_actions(flatten=False))["partition"].struct.unnest()
    assert actions.unique().height == len(after.days)


@every_column
def test_staged_slots_are_swapped_in_and_taken_back(theirs: Theirs):
    before = theirs.as_others_read()
    days = theirs.slots[1:3]
    live = theirs.records.table("orders")
    staged = theirs.records.staged("orders", "20260123", live.schema)
    staged.create()
    staged.replace_days({day: theirs.rows({day: 100 + number}) for number, day in enumerate(days)})

    old, new = live.snapshot(), theirs.records.staged("orders", "20260123").snapshot()
    fingerprints = [{day: side.fingerprint(day) for day in days} for side in (old, new)]
    swap = plan_cut_over(
        old,
        new,
        correction="20260123",
        swap_count=1,
        days=days,
        certified_live=fingerprints[0],
        certified_staged=fingerprints[1],
    )
    swap = type(swap).from_json(swap.as_json())
    cut_over(live, swap)

    values = theirs.column.values([theirs.slots[0], theirs.slots[3], *days]).to_list()
    assert theirs.as_others_read() == list(zip(values, [0, 3, 100, 101], strict=True))
    assert live.snapshot().transaction_version(app_id("20260123")) == 1

    back = plan_roll_back(live.snapshot(), [swap], correction="20260123", swap_count=2)
    roll_back(live, type(back).from_json(back.as_json()))

    assert theirs.as_others_read() == before


@pytest.mark.parametrize("column", [one for one in COLUMNS if not one.is_slot], ids=named)
def test_values_that_spell_no_slot_are_counted_and_named(theirs: Theirs):
    column = theirs.column
    strange = "unknown" if column.own_type == pl.String else datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001
    odd = pl.DataFrame({column.name: [strange, None], "key": ["a", "a"], "revenue": [8, 9]})
    write_deltalake(theirs.uri, _as_own(odd, column), mode="append")

    there = theirs.records.snapshot("orders")

    assert there.rows_without_day() == 2
    assert [value[:7] for value in there.values_without_day()] == [str(strange)[:7]]
    assert sorted(there.days) == theirs.slots
    assert sorted(there.scan().collect()["revenue"].to_list()) == [0, 1, 2, 3, 8, 9]
    assert sorted(there.scan(theirs.slots).collect()["revenue"].to_list()) == [0, 1, 2, 3]


def _as_own(frame: pl.DataFrame, column: PartitionColumn) -> pl.DataFrame:
    own = pl.col(column.name)
    if column.spelling is Spelling.UTC:
        return frame.with_columns(own.dt.replace_time_zone("UTC"))
    return frame.with_columns(own.cast(column.own_type))


@pytest.mark.parametrize("by", [[], ["key"]], ids=["whole", "by another column"])
@every_column
def test_a_source_that_is_not_of_slots_is_filtered_by_its_column(tmp_path, column: PartitionColumn, by: list[str]):
    theirs = Theirs(column, Records(Lake(str(tmp_path))).knowing({"orders": column}), slots_of(column, 4))
    rows = theirs.rows({slot: offset for offset, slot in enumerate(theirs.slots)})
    write_deltalake(theirs.uri, rows, partition_by=by)

    there = theirs.records.snapshot("orders")

    assert (there.by_day, there.has_days) == (False, True)
    assert sorted(there.scan(theirs.slots[1:3]).collect()["revenue"].to_list()) == [1, 2]
    assert there.scan([]).collect().is_empty()


def test_a_source_with_times_in_the_slot_is_read_by_the_slot_they_lie_in(tmp_path):
    column = PartitionColumn("at", Spelling.UTC, Grain.DAY, "Europe/Berlin")
    records = Records(Lake(str(tmp_path))).knowing({"events": column})
    # The night of the 25th has one hour more.
    times = [datetime(2026, 10, 24, 21, 59), datetime(2026, 10, 24, 22), datetime(2026, 10, 25, 22, 59, 59)]  # noqa: DTZ001
    frame = pl.DataFrame({"at": pl.Series([*times, times[-1] + timedelta(seconds=1)]).dt.replace_time_zone("UTC")})
    write_deltalake(records.lake.table_uri("events"), frame)

    read = records.snapshot("events").scan([date(2026, 10, 25)]).collect()

    assert read.equals(frame[1:3])


def test_a_source_by_more_columns_than_the_slot_is_read_by_slot(tmp_path):
    column = PartitionColumn("dt", Spelling.COMPACT)
    records = Records(Lake(str(tmp_path))).knowing({"orders": column})
    frame = pl.DataFrame(
        {"dt": ["20260101", "20260101", "20260102"], "market": ["EU", "US", "EU"], "revenue": [1, 2, 3]}
    )
    write_deltalake(records.lake.table_uri("orders"), frame, partition_by=["market", "dt"])

    there = records.snapshot("orders")

    assert there.days == {date(2026, 1, 1), date(2026, 1, 2)}
    assert there.scan([date(2026, 1, 1)]).sort("market").collect().equals(frame[:2])


# ---- a value, its slot, its text


@every_column
@given(data=st.data())
def test_value_slot_and_text_lead_to_one_another(column: PartitionColumn, data: st.DataObject):
    steps = data.draw(st.lists(st.integers(-20_000, 20_000), min_size=1, max_size=20))
    slots = [
        column.grain.after(FIRSTS[column.grain], step // (1 if column.grain is Grain.HOUR else 20)) for step in steps
    ]

    values = column.values(slots)
    read = values.to_frame().select(column.slots(pl.col(column.name))).to_series()

    assert values.dtype == column.own_type
    assert read.dtype == column.slot_type
    assert slots_in(read) == slots
    assert len(set(column.texts(slots))) == len(set(slots))
    assert column.text(slots[0]) == column.texts(slots)[0]
    assert column.value(slots[0]) == values[0]


@given(text=st.text() | st.from_regex(r"[ 0-9+-]{8,10}", fullmatch=True))
@pytest.mark.parametrize("spelling", [Spelling.ISO, Spelling.COMPACT])
def test_text_spells_a_day_exactly_or_none(spelling: Spelling, text: str):
    column = PartitionColumn("dt", spelling)

    [slot] = slots_in(pl.DataFrame({"dt": [text]}).select(column.slots(pl.col("dt"))).to_series())

    assert slot is None or column.text(slot) == text


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("minutes", [0, 60, 105, 120, 135, 150, 180, 240, 1_410])
def test_a_day_kept_as_a_timestamp_begins_when_dagster_says(zone: str, minutes: int):
    definition = dg.DailyPartitionsDefinition(
        "2025-12-30", timezone=zone, hour_offset=minutes // 60, minute_offset=minutes % 60, end_date="2027-01-02"
    )
    column = PartitionColumn("ts", Spelling.UTC, Grain.DAY, zone, timedelta(minutes=minutes))
    starts = {
        key: definition.start_time_for_partition_key(key).astimezone(UTC) for key in definition.get_partition_keys()
    }

    assert column.values([date.fromisoformat(key) for key in starts]).to_list() == list(starts.values())


# ---- what a column cannot be


@pytest.mark.parametrize("spelling", [Spelling.ISO, Spelling.NAIVE])
def test_hours_of_local_time_are_refused(spelling: Spelling):
    with pytest.raises(HoursAmbiguous, match=r"Europe/Berlin"):
        PartitionColumn("hour", spelling, Grain.HOUR, "Europe/Berlin")


@pytest.mark.parametrize("spelling", [Spelling.DATE, Spelling.COMPACT])
def test_hours_need_a_column_that_holds_them(spelling: Spelling):
    with pytest.raises(GrainUnspelled):
        PartitionColumn("hour", spelling, Grain.HOUR)


@every_column
def test_a_column_is_recognized_by_its_values(column: PartitionColumn):
    values = column.values(slots_of(column, 4))

    found = detect(column.name, values.dtype, values.to_list(), column.grain, zone=column.zone, offset=column.offset)

    assert found == column


def test_most_values_of_a_text_column_decide_how_it_is_spelled():
    assert detect("dt", pl.String(), ["unknown", "20260101", None, "20260102"]).spelling is Spelling.COMPACT
    assert detect("dt", pl.String(), []).spelling is Spelling.ISO


@pytest.mark.parametrize(
    ("dtype", "sample", "said"),
    [(pl.Int64(), [20260101], "type Int64"), (pl.String(), ["EU", "US"], "'EU' is none of a day")],
)
def test_a_column_of_something_else_is_refused(dtype: pl.DataType, sample: list[Any], said: str):
    with pytest.raises(ColumnHoldsNoSlots, match=said):
        detect("market", dtype, sample)


# ---- what is written down of slots


@pytest.mark.parametrize("grain", Grain)
def test_control_tables_hold_slots_of_every_grain(tmp_path, grain: Grain):
    records, at = Records(Lake(str(tmp_path))), datetime(2026, 1, 23, tzinfo=UTC)
    slots = list(grain.between(FIRSTS[grain], grain.after(FIRSTS[grain], 3)))
    window = Window(slots[1], slots[2], grain)
    records.watermarks.register("bi", "orders", by="Ada", at=at, external=True)
    records.watermarks.advance_verified("bi", "orders", slots[3], slots[3], by="Ada", at=at)
    records.watermarks.hold("20260123", "orders", ["bi"], window, by="Ada", at=at)
    built = Completeness("weekly", "2026", "orders", tuple(slots), (slots[1],), 1, "", (), Basis.ORIGINAL, (), "", at)
    records.completeness.record([built])

    [holder] = records.watermarks.holders("orders").values()
    [read] = records.completeness.of_report("weekly").values()

    assert (holder.mark, holder.effective) == (slots[3], slots[0])
    assert list(map(str, [holder.effective, *read.expected])) == list(map(str, [slots[0], *slots]))
    assert read == built
