"""A raw log with columns, key and measures of its own: what lands, lands again, is taken back, or waits."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.window import Window
from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.sources import (
    ADDITION,
    ControlTotals,
    Declaration,
    Ingested,
    RawLog,
    decide,
    raw_manifest,
    tokenised,
)
from tests.landings import LandingAndLake

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
AT = datetime(2026, 3, 4, 6, tzinfo=UTC)
KEY = b"sixteen bytes and more"
COLUMNS = pl.Schema(
    {
        "meter": pl.String(),
        "slot": pl.Int64(),
        "read_at": pl.Datetime("us", "UTC"),
        "owner": pl.String(),
        "grid": pl.String(),
        "kwh": pl.Decimal(12, 3),
        "pulses": pl.Int64(),
    }
)
READINGS = RawLog(
    table="meter_readings",
    columns=COLUMNS,
    key=("meter", "slot"),
    totals=ControlTotals(("kwh", "pulses"), by="grid"),
    personal={"owner": "owner_token"},
    noun="reading",
)
ADDITIONS = Declaration(ADDITION)


def reading(meter: str, kwh: str = "1.500", **other: Any) -> dict[str, Any]:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    row = {
        "meter": meter,
        "slot": 1,
        "read_at": noon,
        "owner": "Ada",
        "grid": "north",
        "kwh": Decimal(kwh),
        "pulses": 3,
    }
    return row | other


def readings(count: int, **other: Any) -> list[dict[str, Any]]:
    return [reading(f"m{number:02}", **other) for number in range(count)]


@dataclass(frozen=True)
class Utility(LandingAndLake):
    """A landing and a lake below one folder."""

    def file(self, day: date = DAY, form: str = "parquet") -> Path:
        (self.landing / "meter_readings").mkdir(parents=True, exist_ok=True)
        return self.landing / "meter_readings" / f"{day}.{form}"

    def lands(
        self, rows: Collection[dict[str, Any]], day: date = DAY, declaration: Declaration | None = None
    ) -> Ingested:
        pl.DataFrame(list(rows), schema=COLUMNS).write_parquet(self.file(day))
        return self.takes([day], declaration)

    def takes(self, days: Collection[date] = (DAY,), declaration: Declaration | None = None) -> Ingested:
        return READINGS.ingest(self.records, self.landing, days, KEY, AT, declaration)

    def current(self, commit: int | None = None, day: date = DAY) -> dict[str, Decimal]:
        rows = READINGS.current(self.records, [day], commit).select("meter", "kwh").sort("meter").collect()
        return dict(rows.iter_rows())

    def pinned(self) -> Plan:
        pins = {"meter_readings": self.records.snapshot("meter_readings").commit}
        return Plan("a", Request("usage", Window(DAY, NEXT), "wrong"), AT, "ada", PlannedInputs(pins))


@pytest.fixture
def utility(tmp_path: Path) -> Utility:
    return Utility(tmp_path)


def test_what_lands_is_kept_with_tokens_its_hash_and_its_control_totals(utility: Utility) -> None:
    done = utility.lands([reading("a", "1.250"), reading("b", "-0.250", grid="south", owner=None)])

    rows = utility.records.snapshot("meter_readings").scan().sort("meter").collect()
    (arrival,) = READINGS.arrivals(utility.records).to_dicts()
    assert (done.arrived, done.rows, done.reasons) == ((DAY,), 2, {})
    assert rows.schema == READINGS.schema
    assert rows["owner_token"].to_list() == [tokenised(pl.Series(["Ada"]), KEY).item(), None]
    assert "Ada" not in str(rows.to_dicts())
    assert (arrival["path"], arrival["rows"], arrival["arrival"]) == (f"meter_readings/{DAY}.parquet", 2, 1)
    assert json.loads(arrival["totals"]) == {
        "kwh": {"north": "1.250", "south": "-0.250"},
        "pulses": {"north": "3", "south": "3"},
    }
    assert READINGS.verify(utility.records, utility.pinned()) == ()


def test_the_same_file_again_is_no_arrival_and_a_changed_one_is(utility: Utility) -> None:
    utility.lands(readings(3))
    before = READINGS.source_versions(utility.records)
    assert utility.lands(readings(3)).known == (DAY,)
    assert READINGS.source_versions(utility.records) == before

    done = utility.lands([*readings(2), reading("m02", "9")])

    assert done.arrived == (DAY,)
    assert utility.current() == {"m00": Decimal("1.5"), "m01": Decimal("1.5"), "m02": Decimal(9)}
    assert READINGS.source_versions(utility.records) != before
    assert READINGS.verify(utility.records, utility.pinned()) == ()


def test_an_addition_adds_and_a_whole_day_takes_back(utility: Utility) -> None:
    utility.lands(readings(12))
    utility.lands([reading("new")], declaration=ADDITIONS)
    assert sorted(utility.current()) == [*(f"m{number:02}" for number in range(12)), "new"]
    added = READINGS.stated(utility.records, [DAY]).select("grid", "rows", "kwh", "pulses").rows()
    assert added == [("north", 13, Decimal("19.5"), 39)]

    done = utility.lands([*readings(11), reading("new")])

    assert "m11" not in utility.current()
    assert done.notes == (f"`meter_readings/{DAY}.parquet` withdrew 1 reading of {DAY} (m11 1).",)
    assert list(READINGS.notes(utility.records).values()) == list(done.notes)
    gone = utility.records.snapshot("meter_readings").scan().filter(~READINGS.counts).collect()
    assert gone.select("meter", "slot", "owner_token", "kwh", "pulses", "arrival").rows() == [
        ("m11", 1, None, None, None, 3)
    ]
    assert READINGS.stated(utility.records, [DAY]).select("rows", "kwh").rows() == [(12, Decimal(18))]
    assert READINGS.verify(utility.records, utility.pinned()) == ()


def test_a_file_that_takes_too_much_back_waits_for_a_person(utility: Utility) -> None:
    utility.lands(readings(12))
    waits = utility.lands(readings(6))
    (there,) = READINGS.waiting(utility.records, utility.landing, Declaration())
    assert waits.reasons[DAY].error == "WithdrawalWaits"
    assert "6 of the 12 readings known of 2026-03-02 (m06 1" in there.why
    assert len(utility.current()) == 12

    decide(utility.records, [there], str(DAY), accepted=True, by="Ada", note="", at=AT)

    assert READINGS.moved(utility.records, utility.landing, [DAY]) == {DAY}
    assert utility.takes().arrived == (DAY,)
    assert len(utility.current()) == 6
    assert READINGS.waiting(utility.records, utility.landing, Declaration()) == ()


def test_a_declined_file_is_left_alone(utility: Utility) -> None:
    utility.lands(readings(12))
    utility.lands([])
    there = READINGS.waiting(utility.records, utility.landing, Declaration())
    decide(utility.records, there, str(DAY), accepted=False, by="Ada", note="", at=AT)

    assert utility.takes().known == (DAY,)
    assert READINGS.moved(utility.records, utility.landing, [DAY]) == frozenset()
    assert READINGS.days_with_rows(utility.records) == {DAY}


def test_a_pin_reads_what_was_known_then(utility: Utility) -> None:
    utility.lands(readings(3))
    pin = utility.records.snapshot("meter_readings").commit
    before = READINGS.stated(utility.records, [DAY], pin)
    versions = READINGS.source_versions(utility.records)
    utility.lands([reading("m00", "7"), *readings(3)[1:]])
    utility.lands(readings(2), NEXT)

    assert utility.current(pin)["m00"] == Decimal("1.5")
    assert utility.current()["m00"] == Decimal(7)
    assert READINGS.stated(utility.records, [DAY, NEXT], pin).equals(before)
    assert READINGS.source_versions(utility.records, pin) == versions
    assert READINGS.arrivals(utility.records, pin).height == 1


def rows_lost(file: Path) -> None:
    pl.read_parquet(file).head(1).write_parquet(file)


def pulses_doubled(file: Path) -> None:
    there = pl.read_parquet(file)
    there.with_columns(pl.col("pulses") * 2).cast(dict(there.schema)).write_parquet(file)


ALTERED = {
    "a row is lost": (rows_lost, "other rows than arrived"),
    "the second measure moved": (pulses_doubled, "another sum of pulses of north than arrived"),
    "the file is gone": (Path.unlink, "a file that cannot be read"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_what_is_not_what_arrived_is_named(utility: Utility, case: str) -> None:
    alter, told = ALTERED[case]
    utility.lands(readings(3))
    raw = utility.records.snapshot("meter_readings")
    alter(Path(raw.folder.uri) / next(iter(raw.names(DAY)))[0])
    whole = READINGS.verify(utility.records, utility.pinned())
    assert whole
    assert all(problem.day == DAY for problem in whole)

    forgotten = raw_manifest(utility.records).rows().with_columns(file_sha256=pl.lit(None, pl.String))
    known = {problem.what for problem in _without_hashes(utility, forgotten)}
    assert f"meter_readings has {told}" in known


def _without_hashes(utility: Utility, manifest: pl.DataFrame):
    """As if the manifest kept no hashes, so that totals alone can tell."""
    from backfill_assets.sources.verifying import verified

    return verified(READINGS, utility.records.snapshot("meter_readings"), manifest, [DAY]).problems


LINE = "m1,1,2026-03-02T12:00:00Z,Ada,north,1.500,3"
HEADER = ",".join(COLUMNS)
FILES: dict[str, tuple[str, str, str]] = {
    "exact": ("csv", f"{HEADER}\n{LINE}\n", ""),
    "an owner who is not known": ("csv", f"{HEADER}\n{LINE.replace('Ada', '')}\n", ""),
    "a finer amount": ("csv", f"{HEADER}\n{LINE.replace('1.500', '1.5001')}\n", "UnusableValues"),
    "no amount": ("csv", f"{HEADER}\n{LINE.replace('1.500', '')}\n", "MissingValues"),
    "no key": ("csv", f"{HEADER}\n{LINE.replace('m1', '')}\n", "MissingValues"),
    "a key twice": ("csv", f"{HEADER}\n{LINE}\n{LINE}\n", "DuplicateRows"),
    "a time without its zone": ("csv", f"{HEADER}\n{LINE.replace('Z', '')}\n", "UnusableValues"),
    "a column more": ("csv", f"{HEADER},more\n{LINE},1\n", "WrongColumns"),
    "a column less": ("csv", "meter\nm1\n", "WrongColumns"),
    "cut": ("csv", f"{HEADER}\n{LINE}", "UnreadableFile"),
    "numbers of NDJSON": (
        "ndjson",
        '{"meter": "m1", "slot": 1, "read_at": "2026-03-02T12:00:00Z", "grid": "n", "kwh": 1.50, "pulses": 3}\n',
        "",
    ),
    "a truth for a number": (
        "ndjson",
        '{"meter": "m1", "slot": true, "read_at": "2026-03-02T12:00:00Z", "grid": "n", "kwh": 1, "pulses": 3}\n',
        "UnusableValues",
    ),
    "a number for a text": (
        "ndjson",
        '{"meter": 1, "slot": 1, "read_at": "2026-03-02T12:00:00Z", "grid": "n", "kwh": 1, "pulses": 3}\n',
        "WrongTypes",
    ),
    "a day without anything": ("ndjson", "", ""),
    "floats": ("parquet", "float", "WrongTypes"),
    "nothing": ("", "", "MissingDays"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_kept_to_the_last_digit_or_refused_by_name_and_alone(utility: Utility, case: str) -> None:
    form, text, error = FILES[case]
    pl.DataFrame(readings(2), schema=COLUMNS).write_parquet(utility.file(NEXT))
    if form == "parquet":
        frame = pl.DataFrame(readings(2), schema=COLUMNS).with_columns(pl.col("kwh").cast(pl.Float64))
        frame.write_parquet(utility.file())
    elif form:
        utility.file(form=form).write_text(text)

    done = utility.takes([DAY, NEXT])

    assert NEXT in done.arrived
    assert [why.error for why in done.reasons.values()] == ([error] if error else [])
    assert READINGS.landed(utility.landing) == ({DAY, NEXT} if form else {NEXT})
    if not error and text:
        assert list(utility.current().values()) == [Decimal("1.5")]


def test_a_key_that_can_be_guessed_takes_nothing_personal_in(utility: Utility) -> None:
    utility.lands(readings(1), NEXT)
    pl.DataFrame(readings(1), schema=COLUMNS).write_parquet(utility.file())

    done = READINGS.ingest(utility.records, utility.landing, [DAY], b"short", AT)

    assert [why.error for why in done.reasons.values()] == ["MissingKey"]
    assert READINGS.days_with_rows(utility.records) == {NEXT}


def test_two_ingestions_at_once_neither_lose_nor_double_an_arrival(utility: Utility) -> None:
    from concurrent.futures import ThreadPoolExecutor

    days = [DAY + timedelta(days=number) for number in range(4)]
    for day in days:
        pl.DataFrame(readings(2), schema=COLUMNS).write_parquet(utility.file(day))

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: utility.takes(days), range(2)))

    assert sorted(day for one in done for day in one.arrived) == days
    assert READINGS.arrivals(utility.records)["arrival"].to_list() == [1] * 4
    assert utility.records.snapshot("meter_readings").scan().collect().height == 8


WRONG: dict[str, dict[str, Any]] = {
    "a key that its files lack": {"key": ("meters",)},
    "no key": {"key": ()},
    "a personal key": {"key": ("owner",)},
    "a measure that is no number": {"totals": ControlTotals(("grid",))},
    "no measure": {"totals": ControlTotals(())},
    "groups that are tokens": {"totals": ControlTotals(("kwh",), by="owner")},
    "a token of a number": {"personal": {"slot": "slot_token"}, "key": ("meter",)},
    "an arrival of its own": {"columns": pl.Schema({**COLUMNS, "arrival": pl.Int64()})},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_log_that_cannot_work_is_refused_when_it_is_declared(case: str) -> None:
    told: dict[str, Any] = {"table": "r", "columns": COLUMNS, "key": ("meter",), "totals": ControlTotals(("kwh",))}
    told["personal"] = {"owner": "owner_token"}
    with pytest.raises(ColumnsDeclaredWrongly):
        RawLog(**(told | WRONG[case]))


def test_totals_may_be_over_all_rows_and_of_one_measure(utility: Utility) -> None:
    plain = RawLog(table="meter_readings", columns=COLUMNS, key=("meter", "slot"), totals=ControlTotals(("pulses",)))
    pl.DataFrame(readings(2), schema=COLUMNS).write_parquet(utility.file())

    assert plain.ingest(utility.records, utility.landing, [DAY], b"", AT).arrived == (DAY,)

    assert json.loads(plain.arrivals(utility.records)["totals"].item()) == {"": "6"}
    assert plain.stated(utility.records, [DAY]).rows() == [(DAY, "", 2, 6)]
    assert plain.verified(utility.records, [DAY]).problems == ()
