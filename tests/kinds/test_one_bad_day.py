"""One bad day or file fails alone and by name, also by an error that nobody foresaw; everything else goes on."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.exceptions import PanicException

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Apart, RunResult, guarded, why
from backfill_assets.revenue import fixing_log, raw_log, transforms
from backfill_assets.revenue.checks import verify_sources
from backfill_assets.revenue.errors import SeveralFixings, StaleFixings, UnusableFixings, UnusableLedger
from backfill_assets.revenue.landing import LEDGER, read_ledger
from backfill_assets.sources import NotRead, raw_manifest
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.composed import DAILY_REVENUE
from tests.e2e.house import House
from tests.e2e.shop import FIXINGS, open_shop, trade
from tests.scenarios import KEY, drop_csv, drop_ndjson, drop_parquet, noon

FIRST, BAD, GOOD = date(2026, 1, 8), date(2026, 1, 9), date(2026, 1, 10)
NOW = "2026-01-12T06:00:00+00:00"
FROM_NOWHERE = '{{"transaction_id": "t1", "occurred_at": "{day}T12:00:00Z", "country": "Germany", "currency": "EUR"'


def line(day: date, more: str) -> str:
    return FROM_NOWHERE.format(day=day) + f', "amount": 1, {more}}}'


def half_an_emoji(root: Path) -> Path:
    return drop_ndjson(root, BAD, [line(BAD, '"customer_id": "c\\ud83d"')])


def brackets(root: Path) -> Path:
    return drop_ndjson(root, BAD, [line(BAD, '"customer_id": ' + "[" * 50_000)])


def a_nested_column(root: Path) -> Path:
    file = drop_parquet(root, BAD, trade(BAD))
    pl.read_parquet(file).with_columns(country=pl.struct("country")).write_parquet(file)
    return file


def a_column_of_objects(root: Path) -> Path:
    file = drop_parquet(root, BAD, trade(BAD))
    pl.read_parquet(file).with_columns(currency=pl.lit(b"\xff\xfe")).write_parquet(file)
    return file


def a_time_beyond_the_calendar(root: Path) -> Path:
    file = drop_parquet(root, BAD, trade(BAD))
    far = pl.lit(2**62).cast(pl.Datetime("us", "UTC"))
    pl.read_parquet(file).with_columns(occurred_at=far).write_parquet(file)
    return file


def one_that_may_not_be_read(root: Path) -> Path:
    """A folder of that name would be no file; a link that leads round in a circle is neither."""
    file = drop_csv(root, BAD)
    file.unlink()
    file.symlink_to(file)
    return file


def pages_of_zeroes(root: Path) -> Path:
    """The footer is whole, the data is not."""
    file = drop_parquet(root, BAD, trade(BAD))
    content = bytearray(file.read_bytes())
    content[4:200] = bytes(196)
    file.write_bytes(content)
    return file


FILES: dict[str, Callable[[Path], Path]] = {
    made.__name__.replace("_", " "): made
    for made in (
        half_an_emoji,
        brackets,
        a_nested_column,
        a_column_of_objects,
        a_time_beyond_the_calendar,
        one_that_may_not_be_read,
        pages_of_zeroes,
    )
}


@pytest.mark.parametrize("land", FILES.values(), ids=FILES)
def test_a_file_that_fails_in_any_way_fails_alone(tmp_path: Path, land: Callable[[Path], Path]):
    records = Records(Lake(str(tmp_path / "lake")))
    land(tmp_path)
    drop_parquet(tmp_path, GOOD, trade(GOOD))

    done = raw_log.TRANSACTIONS.ingest(records, tmp_path, [BAD, GOOD], KEY, noon(GOOD))

    assert done.arrived == (GOOD,)
    assert list(done.reasons) == [BAD]
    assert str(BAD) in str(done.reasons[BAD])
    assert ": " not in str(done.reasons[BAD])


@pytest.mark.parametrize("error", [RuntimeError("no: memory. At all\nline two"), PanicException("not: implemented")])
@pytest.mark.parametrize("where", ["read_day", "as_raw", "write"])
def test_an_error_that_nobody_foresaw_names_its_file_and_the_other_days_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
):
    """What nobody foresaw can only be made: the real reader, with an error planted for one day."""
    from backfill_assets.sources import RawLog, ingestion
    from backfill_assets.storage.table import Table

    records = Records(Lake(str(tmp_path / "lake")))
    for day in (BAD, GOOD):
        drop_parquet(tmp_path, day, trade(day))
    owner, name = {
        "read_day": (ingestion, "read_one"),
        "as_raw": (RawLog, "rows_of"),
        "write": (Table, "write_files"),
    }[where]
    real = getattr(owner, name)

    def planted(*arguments: object) -> object:
        told = {"read_day": arguments[-1], "as_raw": getattr(arguments[1], "day", None), "write": arguments[1]}[where]
        if told == BAD or (where == "write" and BAD in told):
            raise error
        return real(*arguments)

    monkeypatch.setattr(owner, name, planted)

    done = raw_log.TRANSACTIONS.ingest(records, tmp_path, [BAD, GOOD], KEY, noon(GOOD))

    assert done.arrived == (GOOD,)
    told = str(done.reasons[BAD])
    assert told.startswith(f"UnforeseenInFile `transactions/{BAD}.parquet` of {BAD} cannot be used")
    assert type(error).__name__ in told
    assert ": " not in told
    assert told.count(". ") == 2


BAD_FIXINGS = {
    "no numbers": ("Date,USD,\n2026-01-09,much,\n", UnusableFixings),
    "no day at all": ("Date,USD,GBP,\n", StaleFixings),
    "no text": (b"Date,USD,\xff\n", UnusableFixings),
    "another encoding": (b"\xff\xfe\x00", NotRead),
}


@pytest.mark.parametrize(("content", "kind"), BAD_FIXINGS.values(), ids=BAD_FIXINGS)
def test_a_bad_file_of_fixings_is_named_and_the_others_are_known(
    tmp_path: Path, content: str | bytes, kind: type[BackfillAssetsError]
):
    records = Records(Lake(str(tmp_path / "lake")))
    (tmp_path / "fx").mkdir()
    fixing_log.ingest_fixings(records, tmp_path, noon(BAD))
    (tmp_path / "fx/a.csv").write_text(FIXINGS)
    (tmp_path / "fx/b.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "fx/c.csv").write_text(FIXINGS.replace("1.1601", "1.1602"))

    with pytest.raises(kind, match=r"fx/b\.csv"):
        fixing_log.ingest_fixings(records, tmp_path, noon(BAD))

    assert set(raw_manifest(records).rows()["path"]) == {"fx/a.csv", "fx/c.csv"}
    (tmp_path / "fx/d.csv").symlink_to("d.csv")
    with pytest.raises(SeveralFixings, match=r"2 files .*fx/b\.csv, fx/d\.csv"):
        fixing_log.ingest_fixings(records, tmp_path, noon(BAD))


def test_a_file_of_the_ledger_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger/a.csv").write_text(",".join(LEDGER) + "\n")
    (tmp_path / "ledger/b.csv").mkdir()

    with pytest.raises(UnusableLedger, match=r"`ledger/b\.csv` is a folder and no file"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("bad", [{0}, {89}, {17, 44}, {0, 1, 2}], ids=str)
def test_what_fails_together_is_run_apart_until_the_bad_ones_are_alone(bad: set[int]):
    ran: list[int] = []

    def run(days: range) -> RunResult:
        if bad & set(days):
            raise PanicException("an index out of bounds")
        ran.extend(days)
        return RunResult("", success=True)

    failed = [*Apart().failures(run, range(90))]

    assert {day for days, _ in failed for day in days} == bad
    assert sorted([*ran, *bad]) == [*range(90)]
    assert str(why(failed[0][1])).startswith("Unforeseen The run failed with an unexpected error (PanicException")


def test_when_all_is_down_the_tries_end():
    calls: list[int] = []

    def run(days: range) -> RunResult:
        calls.append(len(days))
        return guarded(lambda: 1 // 0)

    failed = [*Apart(tries=10).failures(run, range(90))]

    assert {day for days, _ in failed for day in days} == set(range(90))
    assert len(calls) == 21


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_shop(tmp_path_factory.mktemp("shop") / "house", [FIRST], NOW)


@pytest.mark.dagster
def test_nightly_publishes_every_day_but_those_that_nobody_foresaw(
    shop: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Half an emoji on one day, a panic of the transform on another, rates that cannot be on a third."""
    house = shop.copy(tmp_path / "house")
    days = [BAD + timedelta(days=at) for at in range(9)]
    for day in days:
        drop_parquet(house.landing, day, trade(day))
    drop_parquet(house.landing, BAD, []).unlink()
    half_an_emoji(house.landing)
    panics, no_rates = days[3], days[6]
    compute = transforms.daily_revenue

    def panicking(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
        if panics in raw_transactions.select(pl.col("day").unique()).collect()["day"]:
            raise PanicException("index out of bounds")
        return compute(raw_transactions, fx_rates)

    log = house.records.table("raw_fixings")
    wrong = pl.DataFrame({"fixing_day": [no_rates], "currency": ["usd"], "rate": [1], "arrival": [9]}, strict=False)
    written = log.write_files({None: wrong.cast(dict(log.snapshot().scan().collect_schema()))})
    log.commit(lambda _now: _adding(written.values()))
    # Whichever definitions the command composes, they call this.
    monkeypatch.setattr(transforms, "daily_revenue", panicking)
    answered = house.at("2026-01-19T06:00:00+00:00").run("nightly", "--through", str(days[-1]))

    told = {date.fromisoformat(day): str(reason) for day, reason in answered.reasons.items()}
    assert house.live().days == {FIRST, *days} - told.keys()
    assert told.keys() >= {BAD, panics, no_rates}
    assert told.keys() <= {BAD, panics, *days[6:]}
    assert f"transactions/{BAD}.ndjson" in told[BAD]
    assert told[panics].startswith("Unforeseen The day failed with an unexpected error (PanicException")
    assert told[no_rates].startswith("Unforeseen The run failed with an unexpected error (pandera.errors.SchemaError")
    assert answered.told["published"]
    assert "Traceback" not in answered.text
    for reason in told.values():
        assert ": " not in reason


def _adding(files: object) -> object:
    from backfill_assets.storage.table import Change

    return Change(tuple(files))


@pytest.mark.dagster
def test_a_day_whose_control_totals_are_lost_is_the_only_problem_of_a_source(shop: House, tmp_path: Path):
    house = shop.copy(tmp_path / "house")
    for day in (BAD, GOOD):
        drop_parquet(house.landing, day, trade(day))
    assert house.run("nightly", "--through", str(GOOD)).code == 0
    correction = house.opened(FIRST, GOOD)
    with house.entered():
        plan = DAILY_REVENUE.step_context(LakeResource(), "ada").progress(correction).plan
    assert verify_sources(house.records, plan) == []
    row = raw_log.TRANSACTIONS.arrivals(house.records).filter(pl.col("day") == BAD).with_columns(totals=pl.lit("{"))
    raw_manifest(house.records).append(lambda _: row)

    problems = verify_sources(house.records, plan)

    assert {(problem.day, problem.what) for problem in problems} == {
        (BAD, "raw_transactions has control totals that cannot be read")
    }
