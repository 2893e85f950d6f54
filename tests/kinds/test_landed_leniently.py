"""What upstream drops is read as it stands: no name twice, no digit lost, no type or day converted in passing."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill_assets.revenue.errors import UnusableFixings
from backfill_assets.revenue.landing import LEDGER, read_ledger
from backfill_assets.revenue.landing_checks import LANDED, as_landed
from backfill_assets.sources import BadLanding
from backfill_assets.sources.formats import parse_ndjson
from tests.e2e.shop import open_shop, trade
from tests.revenue.shorthands import read_day, read_fixings
from tests.scenarios import FRIDAY, csv_line, drop_csv, drop_ndjson, drop_parquet, noon, transaction

HEADER = ",".join(LANDED)
LINE = csv_line()
CUSTOMER_LAST = "transaction_id,occurred_at,country,currency,amount,customer_id"
ARABIC = "\u0661\u0662"
OTHERS = f"{LINE}\n".encode() * 3000
SHORT = f"t1,{FRIDAY}T12:00:00Z,Germany,EUR,1"


def ndjson(*fields: str, without: str = "") -> bytes:
    """A line of NDJSON: a whole transaction without one of its fields, and the given text of fields."""
    row = dict(zip(LANDED, LINE.split(","), strict=True))
    row.pop(without, None)
    return ("{" + ", ".join([json.dumps(row)[1:-1], *fields]) + "}\n").encode()


def holding(field: str, value: str) -> bytes:
    """A line of NDJSON with one field of another value, as it is written there."""
    return ndjson(f'"{field}": {value}', without=field)


def timed(time: str) -> bytes:
    """A file of CSV whose transaction occurred at that time."""
    return f"{HEADER}\n{csv_line(occurred_at=time)}\n".encode()


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a key twice": ("ndjson", ndjson('"amount": "1"'), "line 1, which gives amount twice"),
    "a key twice, alike": ("ndjson", ndjson('"country": "Germany"'), "country twice"),
    "a key twice within a value": ("ndjson", holding("customer_id", '{"a": 1, "a": 2}'), "a twice"),
    "a number for an id": ("ndjson", holding("transaction_id", "1.0"), "transaction_id as number"),
    "a number for a customer": ("ndjson", holding("customer_id", "17"), "customer_id as number"),
    "a boolean for a country": ("ndjson", holding("country", "true"), "country as boolean"),
    "a list for a country": ("ndjson", holding("country", '["DE"]'), "country as list"),
    "an object for a customer": ("ndjson", holding("customer_id", "{}"), "customer_id as object"),
    "a number for a time": ("ndjson", holding("occurred_at", "1767960000"), "occurred_at as number"),
    "a boolean for an amount": ("ndjson", holding("amount", "true"), "t1 with a text of 4 characters"),
    "another encoding, unmarked": ("ndjson", ndjson().decode().encode("utf-16-le"), "at line 1"),
    "half of a character": ("ndjson", holding("customer_id", '"c\\ud83d"'), "at line 1"),
    "half of a character as a name": ("ndjson", ndjson('"c\\ud83d": "1"'), "at line 1"),
    "two objects on a line": ("ndjson", ndjson()[:-1] + ndjson(), "at line 1"),
    "an empty line": ("ndjson", ndjson() + b"\n", "at line 2"),
    "brackets without end": ("ndjson", ndjson() + b"[" * 100_000 + b"\n", "at line 2"),
    "another encoding of NDJSON": ("ndjson", ndjson().decode().encode("utf-16"), "is UTF-16 and no NDJSON"),
    "Latin-1 in NDJSON": ("ndjson", ndjson() + ndjson().replace(b"Germany", b"T\xfcrkiye"), "at line 2"),
    "a column twice": ("csv", f"{HEADER},amount\n{LINE},2\n".encode(), "column amount, given twice"),
    "a column twice, quoted": ("csv", f'{HEADER},"amount"\n{LINE},2\n'.encode(), "column amount, given twice"),
    "a column named as readers rename": ("csv", f"{HEADER},amount_duplicated_0\n{LINE},2\n".encode(), "unexpected"),
    "a line too short": ("csv", f"{CUSTOMER_LAST}\n{SHORT},c1\n{SHORT}\n".encode(), "at line 3"),
    "a line too short, another quoted": ("csv", f'{CUSTOMER_LAST}\n{SHORT},"c,1"\n{SHORT}\n'.encode(), "at line 3"),
    "a line too short, one too long": ("csv", f"{CUSTOMER_LAST}\n{SHORT}\n{SHORT},c1,x\n".encode(), "line 2, line 3"),
    "an empty line of CSV": ("csv", f"{HEADER}\n\n{LINE}\n".encode(), "at line 2"),
    "an open quote in a long file": ("csv", f'{HEADER}\n"{LINE}\n'.encode() + OTHERS, "damaged"),
    "zero bytes": ("csv", f"{HEADER}\n{LINE}\n".encode() + bytes(4096) + b"\n", "at line 3"),
    "another encoding of CSV": ("csv", f"{HEADER}\n{LINE}\n".encode("utf-16"), "is UTF-16 and no CSV"),
    "line ends of old Macs": ("csv", f"{HEADER}\r{LINE}\r".encode(), "at line 1, which has no end"),
    "digits of another script": ("csv", f"{HEADER}\n{csv_line(amount=ARABIC)}\n".encode(), f"t1 with {ARABIC}"),
    "a time in nanoseconds": ("csv", timed(f"{FRIDAY}T12:00:00.123456789Z"), "unusable time"),
    "a leap second": ("csv", timed(f"{FRIDAY}T12:00:60Z"), "unusable time"),
    "a time without dashes": ("csv", timed(f"{FRIDAY:%Y%m%d}T120000Z"), "unusable time"),
    "a month of one digit": ("csv", timed("2026-1-9T12:00:00Z"), "unusable time"),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "content", "culprit"), REFUSED.values(), ids=REFUSED)
def test_a_landed_file_that_a_lenient_reader_would_take_is_refused(
    tmp_path: Path, suffix: str, content: bytes, culprit: str
):
    (tmp_path / "transactions").mkdir()
    (tmp_path / f"transactions/{FRIDAY}.{suffix}").write_bytes(content)

    with pytest.raises(BadLanding) as refused:
        read_day(tmp_path, FRIDAY)

    assert culprit in str(refused.value)
    assert ":" not in str(refused.value)
    assert str(refused.value).count(". ") == 2


def test_times_of_parquet_in_nanoseconds_are_taken_when_microseconds_hold_them(tmp_path: Path):
    file = drop_parquet(tmp_path, FRIDAY, [transaction("t1"), transaction("t2")])
    nanoseconds = pl.col("occurred_at").dt.cast_time_unit("ns")
    pl.read_parquet(file).with_columns(nanoseconds).write_parquet(file)
    assert read_day(tmp_path, FRIDAY).frame["occurred_at"].to_list() == [noon(FRIDAY)] * 2

    finer = nanoseconds + pl.int_range(pl.len()).cast(pl.Duration("ns"))
    pl.read_parquet(file).with_columns(finer).write_parquet(file)

    with pytest.raises(BadLanding, match=r"1 unusable time \(t2\)"):
        read_day(tmp_path, FRIDAY)


FIXINGS: dict[str, tuple[str, str]] = {
    "a currency twice": ("Date,USD,USD,\n2026-01-09,1.1,1.2,\n", "column USD, given twice"),
    "a value without a name": ("Date,USD,\n2026-01-09,1.1,9.9\n", "the line of 2026-01-09"),
    "a line without its last currency": ("Date,USD,GBP\n2026-01-09,1.1,1\n2026-01-08,1.1\n", "line 3"),
    "a line too long": ("Date,USD,\n2026-01-09,1.1,,2\n", "line 2"),
    "a day of one digit": ("Date,USD,\n2026-1-9,1.1,\n", "2026-1-9"),
    "a day without dashes": ("Date,USD,\n20260109,1.1,\n", "20260109"),
    "no day, and no rate either": ("Date,USD,\nsoon,N/A,\n", "the line of soon"),
    "no day at all": ("Date,USD,\n,N/A,\n", "the line of "),
    "a day twice, once without a rate": ("Date,USD,\n2026-01-09,N/A,\n2026-01-09,1.1,\n", "the line of 2026-01-09"),
    "a rate in digits of another script": ("Date,USD,\n2026-01-09,\u0661,\n", "USD on 2026-01-09"),
    "an empty line": ("Date,USD,\n\n2026-01-09,1.1,\n", "line 2"),
}


@pytest.mark.parametrize(("content", "culprit"), FIXINGS.values(), ids=FIXINGS)
def test_fixings_that_a_lenient_reader_would_take_are_refused(content: str, culprit: str):
    with pytest.raises(UnusableFixings) as refused:
        read_fixings(content.encode(), "fx/hist.csv")

    assert culprit in str(refused.value)


BOOKED: dict[str, str] = {
    "a day without dashes": "20260109,EUR,1,1.0000",
    "a day of one digit": "2026-1-9,EUR,1,1.0000",
    "an amount in digits of another script": "2026-01-09,EUR,1,\u0661",
    "a count in digits of another script": "2026-01-09,EUR,\u0661,1",
    "a day in digits of another script": "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0669,EUR,1,1",
    "a float": "2026-01-09,EUR,1,1e3",
    "a fifth decimal": "2026-01-09,EUR,1,1.00001",
    "an underscore": "2026-01-09,EUR,1_0,1.0000",
    "a separator of thousands": '2026-01-09,EUR,1,"1,000.0000"',
    "another key with the same name": "2026-01-08,EUR,1,1.0001",
    "bytes that are no text": "2026-01-09,E\udcffR,1,1.0000",
    "a line within a line": "2026-01-09,EUR,1\u20280,1.0000",
}


@pytest.mark.parametrize("line", BOOKED.values(), ids=BOOKED)
def test_a_line_of_the_ledger_that_a_lenient_reader_would_take_is_named_and_left_out(tmp_path: Path, line: str):
    (tmp_path / "ledger").mkdir()
    text = f"{','.join(LEDGER)}\n2026-01-08,EUR,1,1.0000\n{line}\n"
    (tmp_path / "ledger/2026.csv").write_bytes(text.encode(errors="surrogateescape"))

    ledger = read_ledger(tmp_path)

    assert ledger.frame.rows() == [(date(2026, 1, 8), "EUR", 1, Decimal(1))]
    assert [bad.number for bad in ledger.bad_lines] == [3]


DIGITS = st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=4)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)


@settings(max_examples=100, deadline=None)
@given(
    amount=DIGITS,
    others=st.dictionaries(st.sampled_from([*LANDED]), VALUES, max_size=3),
    again=st.sampled_from([*LANDED]),
    twice=st.booleans(),
)
def test_no_generated_object_changes_on_the_way(*, amount: Decimal, others: dict[str, object], again: str, twice: bool):
    """Either every value is the one that stood there, to the last digit, or the file is refused."""
    whole = {"transaction_id": "t1", "occurred_at": f"{FRIDAY}T12:00:00Z", "country": "DE", "currency": "EUR"}
    fields = {**{name: json.dumps(value) for name, value in {**whole, **others}.items()}, "amount": f"{amount:f}"}
    text = [f"{json.dumps(name)}: {value}" for name, value in fields.items()]
    if twice and again in fields:
        text.append(f"{json.dumps(again)}: {fields[again]}")
    parsed = parse_ndjson(("{" + ", ".join(text) + "}\n").encode(), {"amount"})
    assert parsed.frame is not None
    frame, problems = as_landed(parsed.frame, "t.ndjson", FRIDAY, parsed.mistyped)
    if parsed.damaged or problems:
        return
    assert not (twice and again in fields)
    row = frame.row(0, named=True)
    assert row["amount"] == amount
    for name in ("transaction_id", "country", "currency", "customer_id"):
        assert json.loads(fields.get(name, "null")) in (row[name], row[name] or "")


@pytest.mark.dagster
def test_nightly_names_what_a_lenient_reader_would_take_and_publishes_the_others(tmp_path: Path):
    first = FRIDAY - timedelta(days=1)
    house = open_shop(tmp_path / "house", [first], "2026-01-16T06:00:00+00:00")
    day = {name: FRIDAY + timedelta(days=at) for at, name in enumerate(("key", "column", "id", "good"))}
    row = {"occurred_at": f"{day['key']}T12:00:00Z", "country": "Germany", "currency": "EUR", "amount": 100}
    drop_ndjson(house.landing, day["key"], [json.dumps({"transaction_id": "t1", **row})[:-1] + ', "amount": 1}'])
    drop_csv(house.landing, day["column"], [csv_line("t1", day["column"]) + ",1"], f"{HEADER},amount")
    drop_ndjson(house.landing, day["id"], [{"transaction_id": 1, **row, "occurred_at": f"{day['id']}T12:00:00Z"}])
    drop_parquet(house.landing, day["good"], trade(day["good"]))

    answered = house.run("nightly", "--through", str(day["good"]))

    assert answered.code == 2, answered.text
    told = {name: answered.reasons.get(str(one), "") for name, one in day.items()}
    assert "amount twice" in told["key"]
    assert "column amount, given twice" in told["column"]
    assert "transaction_id as number" in told["id"]
    assert house.live().days == {first, day["good"]}
