import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from backfill_assets import sources
from backfill_assets.revenue import errors as source
from backfill_assets.revenue.landing import read_ledger
from backfill_assets.revenue.landing_checks import LANDED
from backfill_assets.revenue.raw_log import TRANSACTIONS
from tests.revenue.shorthands import as_raw, checked, read_day, totals
from tests.scenarios import (
    FRIDAY,
    KEY,
    MONDAY,
    SATURDAY,
    SUNDAY,
    csv_line,
    drop_csv,
    drop_ndjson,
    drop_parquet,
    landed,
    noon,
    transaction,
)


def refusal(root, kind=sources.BadLanding, day=FRIDAY):
    with pytest.raises(kind) as refused:
        read_day(root, day)
    message = str(refused.value)
    assert ":" not in message
    assert message.count(". ") == 2
    return refused.value


def json_row(**fields):
    return {
        "transaction_id": "t1",
        "occurred_at": f"{FRIDAY}T12:00:00Z",
        "customer_id": "c1",
        "country": "Germany",
        "currency": "EUR",
        "amount": 100,
    } | fields


def raw_json(amount):
    row = f'"transaction_id": "t1", "occurred_at": "{FRIDAY}T12:00:00Z", "country": "Germany"'
    return f'{{{row}, "currency": "EUR", "amount": {amount}}}'


def rewrite(file, **columns):
    pl.read_parquet(file).with_columns(**columns).write_parquet(file)


def test_the_three_formats_hold_the_same_transaction(tmp_path):
    drop_parquet(tmp_path, FRIDAY, [transaction()])
    drop_csv(tmp_path, SATURDAY, [csv_line(day=SATURDAY)])
    drop_ndjson(tmp_path, SUNDAY, [json_row(occurred_at=f"{SUNDAY}T12:00:00Z")])

    frames = [read_day(tmp_path, day).frame.drop("occurred_at") for day in (FRIDAY, SATURDAY, SUNDAY)]

    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])


def test_an_arrival_knows_its_control_totals_and_the_hash_of_the_file(tmp_path):
    rows = [transaction("t1"), transaction("t2", amount="-0.0001"), transaction("t3", currency="GBP", amount="7")]
    file = drop_parquet(tmp_path, FRIDAY, rows)

    arrival = read_day(tmp_path, FRIDAY)

    assert arrival.path == "transactions/2026-01-09.parquet"
    assert arrival.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (arrival.rows, totals(arrival)) == (3, {"EUR": Decimal("99.9999"), "GBP": Decimal(7)})


def test_raw_rows_carry_tokens_and_never_customers(tmp_path):
    drop_parquet(tmp_path, FRIDAY, [transaction("t1"), transaction("t2", customer_id=None)])

    raw = checked("raw_transactions", as_raw(read_day(tmp_path, FRIDAY), 3, KEY))

    assert raw["arrival"].to_list() == [3, 3]
    assert raw["customer"].is_null().to_list() == [False, True]
    assert "c1" not in raw["customer"].to_list()


@pytest.mark.parametrize("drop", [drop_parquet, drop_csv, drop_ndjson])
def test_a_day_without_trade_is_a_file_without_rows(tmp_path, drop):
    drop(tmp_path, FRIDAY)

    arrival = read_day(tmp_path, FRIDAY)

    assert (arrival.rows, totals(arrival), arrival.frame.schema) == (0, {}, LANDED)


def test_an_empty_csv_lacks_even_its_header_and_is_damaged(tmp_path):
    drop_csv(tmp_path, FRIDAY).write_bytes(b"")

    refusal(tmp_path, sources.UnreadableFile)


def test_a_day_without_file_is_missing(tmp_path):
    drop_parquet(tmp_path, FRIDAY)

    assert TRANSACTIONS.landed(tmp_path) == {FRIDAY}
    assert "2026-01-12" in str(refusal(tmp_path, sources.MissingDays, MONDAY))


def test_a_stray_file_is_no_day(tmp_path):
    drop_parquet(tmp_path, FRIDAY)
    for name in ("not-a-day.csv", "2026-02-30.csv", "2026-01-08.csv.tmp", "notes.txt"):
        (tmp_path / "transactions" / name).write_text("notes")

    assert TRANSACTIONS.landed(tmp_path) == {FRIDAY}


def test_a_day_that_landed_twice_is_ambiguous(tmp_path):
    drop_parquet(tmp_path, FRIDAY)
    drop_csv(tmp_path, FRIDAY)

    refusal(tmp_path, sources.AmbiguousDay)


def test_transaction_ids_that_repeat_are_named_at_most_five(tmp_path):
    drop_parquet(tmp_path, FRIDAY, [transaction(f"t{n}") for n in range(7)] * 2)

    message = str(refusal(tmp_path, source.DuplicateTransactions))

    assert "`transactions/2026-01-09.parquet` of 2026-01-09" in message
    assert "(t0, t1, t2, t3, t4 and 2 more)" in message


def test_columns_missing_or_unexpected_are_named(tmp_path):
    file = drop_parquet(tmp_path, FRIDAY, [transaction()])
    pl.read_parquet(file).rename({"country": "land"}).write_parquet(file)

    message = str(refusal(tmp_path, sources.WrongColumns))

    assert "lacks the columns country" in message
    assert "unexpected columns land" in message


@pytest.mark.parametrize(
    "column",
    [
        {"transaction_id": pl.lit(7)},
        {"amount": pl.lit("100")},
        {"amount": pl.lit(1.5, pl.Float32)},
        {"occurred_at": pl.lit("2026-01-09T12:00:00Z")},
        {"occurred_at": pl.lit(noon(FRIDAY)).dt.replace_time_zone(None)},
    ],
)
def test_a_parquet_column_of_another_type_is_refused(tmp_path, column):
    rewrite(drop_parquet(tmp_path, FRIDAY, [transaction()]), **column)

    assert next(iter(column)) in str(refusal(tmp_path, sources.WrongTypes))


@pytest.mark.parametrize("amount", ["1.23456", "NaN", "inf", "-inf", "1e5", "1,5", "ten", " 1", "123456789012345"])
def test_an_amount_in_csv_must_be_exact(tmp_path, amount):
    drop_csv(tmp_path, FRIDAY, [csv_line("t1"), csv_line("t2", amount=f'"{amount}"')])

    told = "a text of 3 characters" if amount == "ten" else amount  # it may as well be somebody's name
    assert f"t2 with {told}" in str(refusal(tmp_path, source.UnusableAmounts))


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1.23456, 0.1 + 0.2, 1e12 + 0.0001, 1e16])
def test_a_float_amount_must_be_finite_and_of_four_decimals(tmp_path, amount):
    rewrite(drop_parquet(tmp_path, FRIDAY, [transaction()]), amount=pl.lit(amount))

    refusal(tmp_path, source.UnusableAmounts)


@pytest.mark.parametrize(
    "amount", [pl.lit(100.0), pl.lit(100), pl.lit(Decimal("100.000000")), pl.lit(100).cast(pl.Decimal(9, 2))]
)
def test_an_exact_amount_of_another_numeric_type_is_taken(tmp_path, amount):
    rewrite(drop_parquet(tmp_path, FRIDAY, [transaction()]), amount=amount)

    assert totals(read_day(tmp_path, FRIDAY)) == {"EUR": Decimal(100)}


def test_no_digit_of_a_json_number_is_lost(tmp_path):
    drop_ndjson(tmp_path, FRIDAY, [raw_json("12345678901234.1234")])

    assert totals(read_day(tmp_path, FRIDAY)) == {"EUR": Decimal("12345678901234.1234")}


@pytest.mark.parametrize("amount", ["NaN", "1.00001", "true", "[1]", "1E400"])
def test_a_json_amount_must_be_exact(tmp_path, amount):
    drop_ndjson(tmp_path, FRIDAY, [raw_json(amount)])

    refusal(tmp_path, source.UnusableAmounts)


def test_lines_that_are_no_json_object_are_named(tmp_path):
    drop_ndjson(tmp_path, FRIDAY, [json_row(), "{", "[]"])

    assert "line 2, line 3" in str(refusal(tmp_path, sources.UnreadableFile))


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
def test_a_truncated_parquet_file_is_refused(tmp_path, kept):
    file = drop_parquet(tmp_path, FRIDAY, [transaction(f"t{n}") for n in range(500)])
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])

    refusal(tmp_path, sources.UnreadableFile)


def test_a_line_with_too_many_fields_is_named(tmp_path):
    drop_csv(tmp_path, FRIDAY, [csv_line("t1"), csv_line("t2") + ",more"])

    assert "line 3" in str(refusal(tmp_path, sources.UnreadableFile))


def test_a_line_that_was_cut_off_is_named(tmp_path):
    file = drop_csv(tmp_path, FRIDAY, [csv_line("t1"), csv_line("t2")])
    file.write_text(file.read_text()[: -len("EUR,100.00\n")])

    assert "line 3, which has no end" in str(refusal(tmp_path, sources.UnreadableFile))


def test_an_open_quote_does_not_swallow_the_rows_after_it(tmp_path):
    drop_csv(tmp_path, FRIDAY, [csv_line("t1", country='"Germany'), csv_line("t2")])

    refusal(tmp_path, sources.UnreadableFile)


def test_text_that_is_no_utf8_is_refused(tmp_path):
    drop_csv(tmp_path, FRIDAY).write_bytes(",".join(LANDED).encode() + b"\nt1,\xff\xfe,c,d,EUR,1\n")

    refusal(tmp_path, sources.UnreadableFile)


@pytest.mark.parametrize("code", ["eur", "EURO", "E1R", "€"])
def test_a_code_that_is_no_currency_is_named(tmp_path, code):
    drop_parquet(tmp_path, FRIDAY, [transaction("t1"), transaction("t2", currency=code)])

    assert f"({code})" in str(refusal(tmp_path, source.UnknownCurrencies))


@pytest.mark.parametrize("off", [timedelta(hours=12), timedelta(hours=-12, microseconds=-1)])
def test_a_transaction_of_another_utc_day_is_named(tmp_path, off):
    drop_parquet(tmp_path, FRIDAY, [transaction("t1"), transaction("t2", occurred_at=noon(FRIDAY) + off)])

    assert "(t2)" in str(refusal(tmp_path, source.OutsideDay))


def test_the_first_and_the_last_microsecond_belong_to_the_day(tmp_path):
    midnight = datetime(FRIDAY.year, FRIDAY.month, FRIDAY.day, tzinfo=UTC)
    times = [midnight, midnight + timedelta(days=1, microseconds=-1)]
    drop_parquet(tmp_path, FRIDAY, [transaction(f"t{n}", occurred_at=at) for n, at in enumerate(times)])

    assert read_day(tmp_path, FRIDAY).rows == 2


def test_the_offset_of_a_time_decides_its_day(tmp_path):
    drop_csv(tmp_path, FRIDAY, [csv_line(occurred_at=f"{SATURDAY}T01:30:00+02:00")])

    assert read_day(tmp_path, FRIDAY).frame["occurred_at"].item() == datetime(2026, 1, 9, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("at", ["2026-01-09T12:00:00", "yesterday", "2026-01-09"])
def test_a_time_without_offset_is_refused(tmp_path, at):
    drop_csv(tmp_path, FRIDAY, [csv_line("t1"), csv_line("t2", occurred_at=at)])

    assert "(t2)" in str(refusal(tmp_path, source.UnusableTimes))


@pytest.mark.parametrize("field", ["transaction_id", "occurred_at", "country", "currency", "amount"])
def test_required_values_may_not_be_absent(tmp_path, field):
    drop_csv(tmp_path, FRIDAY, [csv_line(**{field: ""})])

    assert f"{field} in 1 row" in str(refusal(tmp_path, sources.MissingValues))


def test_all_problems_of_a_file_are_in_one_report(tmp_path):
    rows = [
        csv_line("t1", currency="eur"),
        csv_line("t1", amount="1.00001"),
        csv_line("t2", occurred_at=f"{SATURDAY}T12:00:00Z"),
        csv_line("t3", country=""),
    ]
    drop_csv(tmp_path, FRIDAY, rows)

    refused = refusal(tmp_path, sources.SeveralProblems)

    assert {type(problem) for problem in refused.problems} == {
        source.DuplicateTransactions,
        source.UnusableAmounts,
        source.UnknownCurrencies,
        source.OutsideDay,
        sources.MissingValues,
    }


def test_a_missing_column_does_not_hide_the_other_problems(tmp_path):
    file = drop_parquet(tmp_path, FRIDAY, [transaction("t1", currency="eur")])
    pl.read_parquet(file).drop("transaction_id").with_columns(amount=pl.lit(float("nan"))).write_parquet(file)

    refused = refusal(tmp_path, sources.SeveralProblems)

    assert len(refused.problems) == 3
    assert "row 1 with NaN" in str(refused)


def test_customers_may_all_be_absent_from_ndjson(tmp_path):
    drop_ndjson(tmp_path, FRIDAY, [raw_json(1)])

    assert read_day(tmp_path, FRIDAY).frame["customer_id"].to_list() == [None]


def test_many_chunks_of_ndjson_are_one_frame(tmp_path):
    at = [{"transaction_id": f"t{n}"} | ({} if n < 25_000 else {"customer_id": None}) for n in range(45_000)]
    base = {name: value for name, value in json_row().items() if name != "customer_id"}
    drop_ndjson(tmp_path, FRIDAY, [base | row for row in at])

    assert read_day(tmp_path, FRIDAY).frame["transaction_id"].to_list() == [row["transaction_id"] for row in at]


def drop_ledger(root, *lines, name="2026.csv", header="day,currency,transactions,revenue_usd"):
    (root / "ledger").mkdir(exist_ok=True)
    (root / "ledger" / name).write_text("\n".join([header, *lines]) + "\n")


def test_the_ledger_reads_all_its_files(tmp_path):
    drop_ledger(tmp_path, "2026-01-09,EUR,2,110.0000", "2026-01-09,GBP,1,-3.5")
    drop_ledger(tmp_path, "2026-01-10,EUR,0,0", "2026-01-09,EUR,2,110", name="2027.csv")

    ledger = read_ledger(tmp_path)

    assert ledger.frame.rows() == [
        (FRIDAY, "EUR", 2, Decimal(110)),
        (FRIDAY, "GBP", 1, Decimal("-3.5")),
        (SATURDAY, "EUR", 0, Decimal(0)),
    ]
    assert (ledger.bad_lines, ledger.incomplete_days) == ((), frozenset())


def test_all_malformed_lines_are_listed_and_the_rest_is_used(tmp_path):
    drop_ledger(
        tmp_path,
        "2026-01-09,EUR,2,110.0000",
        "2026-01-10,EUR,two,110",
        "2026-01-11,EUR,1,1.00001",
        "2026-01-12,EUR,1",
        "garbage",
        "2026-01-09,EUR,2,111",
        "2026-13-40,EUR,1,1",
        "2026-01-09,GBP,1,1",
    )

    ledger = read_ledger(tmp_path)

    assert ledger.frame.rows() == [(FRIDAY, "EUR", 2, Decimal(110)), (FRIDAY, "GBP", 1, Decimal(1))]
    assert [line.number for line in ledger.bad_lines] == [3, 4, 5, 6, 7, 8]
    assert ledger.incomplete_days == {FRIDAY, SATURDAY, SUNDAY, MONDAY}


def test_a_ledger_with_another_header_is_refused(tmp_path):
    drop_ledger(tmp_path, header="date,ccy,n,usd")

    with pytest.raises(source.UnusableLedger, match="begin with the header"):
        read_ledger(tmp_path)


def test_no_ledger_is_an_empty_one(tmp_path):
    assert read_ledger(tmp_path).frame.is_empty()


def test_reading_two_hundred_thousand_rows_keeps_every_one(tmp_path):
    many = pl.concat([landed([transaction()])] * 200_000)
    many = many.with_columns(transaction_id=pl.format("t{}", pl.int_range(pl.len())))
    (tmp_path / "transactions").mkdir()
    many.write_csv(tmp_path / f"transactions/{FRIDAY}.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z")

    assert read_day(tmp_path, FRIDAY).rows == 200_000
