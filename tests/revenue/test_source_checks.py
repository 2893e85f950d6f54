from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.errors.keeping import BeyondRetention
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.checks import verify_sources
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.runbook import CorrectableTable, StepContext, open_correction, verify_source
from backfill_assets.runbook.correctable_table import Sources
from backfill_assets.sources import raw_manifest
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.runbook.world import InMemory
from tests.scenarios import KEY, drop_parquet, fact, fx_rates, transaction

AT = datetime(2026, 1, 23, 6, tzinfo=UTC)
FIRST = date(2026, 1, 5)
DAYS = [FIRST + timedelta(days=offset) for offset in range(8)]


def sold(day: date) -> list[dict[str, Any]]:
    return [transaction(f"e{day}", day), transaction(f"g{day}", day, currency="GBP", amount="40")]


def source(root: Path, days=DAYS, without=()) -> Records:
    """Two transactions of 100 EUR and 40 GBP on each day, with the rates of both and of the dollar."""
    records = Records(Lake(str(root / "lake")))
    for day in days:
        drop_parquet(root / "landing", day, sold(day))
    raw_log.TRANSACTIONS.ingest(records, root / "landing", days, KEY, AT)
    rates = {(day, currency): "1.1" for day in days for currency in ("EUR", "GBP", "USD")}
    table = records.table("fx_rates", schema_of("fx_rates"))
    table.create()
    kept = {key: rate for key, rate in rates.items() if key not in without}
    table.replace_days({day: fx_rates({key: rate for key, rate in kept.items() if key[0] == day}) for day in days})
    return records


def plan_of(records: Records, days=DAYS) -> Plan:
    pins = {name: records.snapshot(name).commit for name in ("raw_transactions", "fx_rates")}
    request = Request("fct_daily_revenue", Window(days[0], days[-1]), "wrong")
    return Plan("a", request, AT, "ada", PlannedInputs(pins))


def problems(records: Records, days=DAYS) -> dict[date, list[str]]:
    found: dict[date, list[str]] = {}
    for problem in verify_sources(records, plan_of(records, days)):
        found.setdefault(problem.day, []).append(problem.what)
    return {day: sorted(what) for day, what in sorted(found.items())}


def file_of(records: Records, day: date) -> Path:
    raw = records.snapshot("raw_transactions")
    return Path(raw.folder.uri) / next(iter(raw.names(day)))[0]


def rewritten(file: Path, *changes: pl.Expr) -> None:
    """The same rows but for some columns, in a file that is as readable as before."""
    there = pl.read_parquet(file)
    there.with_columns(*changes).cast(dict(there.schema)).write_parquet(file)


def forget_hashes(records: Records) -> None:
    """As if everything had arrived before hashes of data files were kept."""
    table = raw_manifest(records)._table
    rows = table.snapshot().scan().collect().with_columns(file_sha256=pl.lit(None, pl.String))
    from backfill_assets.storage.table import Change

    written = table.write_files({None: rows})
    table.commit(lambda there: Change(tuple(written.values()), tuple(there.files[None])))


def test_a_source_as_it_landed_has_no_problem(tmp_path):
    assert problems(source(tmp_path)) == {}


def test_a_file_that_is_gone_is_named_with_its_day_and_hides_nothing_else(tmp_path):
    records = source(tmp_path, without={(DAYS[6], "GBP")})
    file_of(records, DAYS[2]).unlink()
    assert problems(records) == {
        DAYS[2]: ["raw_transactions has a file that cannot be read"],
        DAYS[6]: ["fx_rates has no rate of GBP"],
    }


def test_a_file_with_one_changed_amount_is_altered_also_when_its_size_and_rows_are_the_same(tmp_path):
    records = source(tmp_path)
    rewritten(file_of(records, DAYS[3]), pl.col("amount") + Decimal("0.0001"))
    assert problems(records)[DAYS[3]] == ["raw_transactions has a file that was altered since it arrived"]


def test_a_damaged_file_is_named_and_the_others_are_looked_at(tmp_path):
    records = source(tmp_path)
    forget_hashes(records)
    file_of(records, DAYS[1]).write_bytes(b"PAR1 no more PAR1")
    rewritten(file_of(records, DAYS[4]), pl.col("amount") * 2)
    found = problems(records)
    assert found[DAYS[1]] == ["raw_transactions has a file that cannot be read"]
    assert found[DAYS[4]] == [
        "raw_transactions has another sum of EUR than arrived",
        "raw_transactions has another sum of GBP than arrived",
    ]
    assert found.keys() == {DAYS[1], DAYS[4]}


def test_amounts_that_moved_between_currencies_are_found_though_rows_and_total_are_equal(tmp_path):
    records = source(tmp_path)
    forget_hashes(records)
    swapped = pl.when(pl.col("currency") == "EUR").then(pl.lit("GBP")).otherwise(pl.lit("EUR"))
    rewritten(file_of(records, DAYS[0]), swapped.alias("currency"))
    assert len(problems(records)[DAYS[0]]) == 2


def test_rows_that_are_gone_are_found_by_their_number(tmp_path):
    records = source(tmp_path)
    forget_hashes(records)
    file = file_of(records, DAYS[0])
    pl.read_parquet(file).filter(pl.col("currency") == "EUR").write_parquet(file)
    assert "raw_transactions has other rows than arrived" in problems(records)[DAYS[0]]


def test_rows_that_nobody_announced_are_found(tmp_path):
    records = source(tmp_path)
    raw = records.table("raw_transactions")
    raw.append(raw.snapshot().scan([DAYS[5]]).collect().drop("day"), day=DAYS[5])
    assert "raw_transactions has a file that no arrival brought" in problems(records)[DAYS[5]]


def test_a_later_arrival_is_held_against_its_own_totals(tmp_path):
    records = source(tmp_path)
    drop_parquet(tmp_path / "landing", DAYS[0], [*sold(DAYS[0]), transaction("e", DAYS[0], amount="70")])
    raw_log.TRANSACTIONS.ingest(records, tmp_path / "landing", [DAYS[0]], KEY, AT)
    assert problems(records) == {}


def test_what_landed_after_the_correction_was_opened_does_not_count(tmp_path):
    records = source(tmp_path)
    plan = plan_of(records)
    drop_parquet(tmp_path / "landing", DAYS[0], [*sold(DAYS[0]), transaction("y", DAYS[0], currency="JPY")])
    raw_log.TRANSACTIONS.ingest(records, tmp_path / "landing", [DAYS[0]], KEY, AT)
    assert list(verify_sources(records, plan)) == []
    assert problems(records) == {DAYS[0]: ["fx_rates has no rate of JPY"]}


def test_a_day_without_trade_needs_no_currency_and_is_sound(tmp_path):
    records = source(tmp_path, DAYS[:3])
    drop_parquet(tmp_path / "landing", DAYS[3])
    raw_log.TRANSACTIONS.ingest(records, tmp_path / "landing", [DAYS[3]], KEY, AT)
    assert problems(records, DAYS[:4]) == {}


def test_lost_rates_are_named_by_day(tmp_path):
    records = source(tmp_path)
    rates = records.snapshot("fx_rates")
    (Path(rates.folder.uri) / next(iter(rates.names(DAYS[2])))[0]).unlink()
    assert problems(records) == {DAYS[2]: ["fx_rates has a file that cannot be read"]}


def context_at(records: Records, **limits) -> StepContext:
    table = CorrectableTable(
        name="fct_daily_revenue",
        keys=("currency", "country"),
        measures=("revenue_usd",),
        sources=Sources(("raw_transactions", "fx_rates"), verify=(verify_sources,), **limits),
    )
    return StepContext(records, table, InMemory(), "ada", AT)


def opened(records: Records, **limits) -> tuple[StepContext, str]:
    live = records.table("fct_daily_revenue", schema_of("fct_daily_revenue"))
    live.create()
    live.replace_days({day: fact([{"day": day}]) for day in DAYS})
    ctx = context_at(records, **limits)
    return ctx, open_correction(ctx, Request("fct_daily_revenue", Window(DAYS[0], DAYS[-1]), "wrong")).correction


def test_one_report_names_every_problem_of_every_day_and_the_largest_window_that_is_sound(tmp_path):
    records = source(tmp_path, without={(DAYS[1], "GBP"), (DAYS[1], "USD")})
    ctx, correction = opened(records)
    file_of(records, DAYS[2]).unlink()
    with pytest.raises(SourceUnfit, match=rf"{DAYS[3]}\.\.{DAYS[7]}"):
        verify_source(ctx, correction)
    told = records.ledger.events(correction)[-1]
    assert (told.step, told.outcome) == (Step.VERIFY_SOURCE, Outcome.FAILED)
    assert told.detail["largest_sound_window"] == f"{DAYS[3]}..{DAYS[7]}"
    assert told.detail["by_day"] == {
        str(DAYS[1]): ["fx_rates has no rate of GBP", "fx_rates has no rate of USD"],
        str(DAYS[2]): ["raw_transactions has a file that cannot be read"],
    }


def test_days_beyond_what_a_source_keeps_are_refused_at_the_opening_and_the_rest_is_offered(tmp_path):
    records = source(tmp_path)
    oldest = AT.date() - timedelta(days=14)
    with pytest.raises(BeyondRetention, match="raw_transactions is kept for 14 days only") as refused:
        opened(records, retention_days={"raw_transactions": 14})
    assert f"can still be corrected is {oldest}..{DAYS[-1]}" in str(refused.value)
    assert records.ledger.all_progress() == {}


def test_days_whose_time_is_over_after_the_opening_are_refused_before_anything_is_staged(tmp_path):
    ctx, correction = opened(source(tmp_path), retention_days={"raw_transactions": 18})
    later = replace(ctx, now=ctx.now + timedelta(days=4))
    with pytest.raises(SourceUnfit, match="keeps 18 days only"):
        verify_source(later, correction)
    assert records_window(ctx, correction) == f"{AT.date() - timedelta(days=14)}..{DAYS[-1]}"


def test_a_sound_source_passes(tmp_path):
    ctx, correction = opened(source(tmp_path), retention_days={"raw_transactions": 400})
    assert verify_source(ctx, correction).outcome is Outcome.DONE


def records_window(ctx: StepContext, correction: str) -> str:
    return ctx.records.ledger.events(correction)[-1].detail["largest_sound_window"]
