"""Everything that can be wrong with what landed or was asked for: its own error, three sentences, nothing changed."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.events import fact_of
from backfill_assets.core.next_step import PREPARATION, StageWaves, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.resources import LakeResource
from tests.composed import DAILY_REVENUE
from tests.e2e.house import Answered, House
from tests.e2e.shop import open_shop, trade
from tests.scenarios import csv_line, drop_csv, drop_parquet, transaction

pytestmark = pytest.mark.dagster

PUBLISHED = Window(date(2026, 1, 5), date(2026, 1, 9))
NEXT, GOOD = date(2026, 1, 10), date(2026, 1, 22)
NOW = "2026-01-24T06:00:00+00:00"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Five days in two currencies, published. Copy it, do not write to it."""
    return open_shop(tmp_path_factory.mktemp("published") / "house", PUBLISHED.days, NOW)


def facts(house: House) -> dict[str, object]:
    """What a bad day has to leave as it was."""
    snapshots = {name: house.records.snapshot(name) for name in ("fct_daily_revenue", "raw_transactions")}
    prints = {name: {day: one.fingerprint(day) for day in PUBLISHED} for name, one in snapshots.items()}
    ledger = {correction: len(events) for correction, events in house.records.ledger.histories().items()}
    return {**prints, "ledger": ledger}


def assert_refused(answered: Answered, error: str, code: int = 2) -> None:
    assert (answered.told.get("error"), answered.code) == (error, code), answered.text
    assert_in_three_sentences(answered.told["message"])


def assert_in_three_sentences(message: str) -> None:
    assert len(re.findall(r"[.](?= |$)", message)) >= 3, message
    assert ": " not in message


def nothing(_house: House, _day: date) -> None:
    """Nothing lands."""


def unknown_currency(house: House, day: date) -> None:
    drop_parquet(house.landing, day, [transaction("a", day, currency="gbp")])


def missing_rate(house: House, day: date) -> None:
    drop_parquet(house.landing, day, [transaction("a", day, currency="SEK")])


def duplicate_id(house: House, day: date) -> None:
    drop_parquet(house.landing, day, [transaction("a", day), transaction("a", day)])


def wrong_column(house: House, day: date) -> None:
    file = drop_parquet(house.landing, day, [transaction("a", day)])
    pl.read_parquet(file).rename({"amount": "value"}).write_parquet(file)


def wrong_type(house: House, day: date) -> None:
    file = drop_parquet(house.landing, day, [transaction("a", day)])
    pl.read_parquet(file).with_columns(pl.col("occurred_at").cast(pl.Int64)).write_parquet(file)


def infinite_amount(house: House, day: date) -> None:
    file = drop_parquet(house.landing, day, [transaction("a", day)])
    pl.read_parquet(file).with_columns(amount=pl.lit(float("inf"))).write_parquet(file)


def over_scaled_amount(house: House, day: date) -> None:
    drop_csv(house.landing, day, [csv_line("a", day, amount="1.00001")])


def no_number(house: House, day: date) -> None:
    drop_csv(house.landing, day, [csv_line("a", day, amount="NaN")])


def truncated(house: House, day: date) -> None:
    file = drop_parquet(house.landing, day, trade(day))
    file.write_bytes(file.read_bytes()[:200])


def two_formats(house: House, day: date) -> None:
    drop_parquet(house.landing, day, trade(day))
    drop_csv(house.landing, day, [])


LANDINGS: dict[str, tuple[Callable[[House, date], object], str]] = {
    "a missing day": (nothing, "MissingDays"),
    "an unknown currency": (unknown_currency, "UnknownCurrencies"),
    "a missing rate": (missing_rate, "MissingRates"),
    "a duplicate transaction id": (duplicate_id, "DuplicateTransactions"),
    "a wrong column": (wrong_column, "WrongColumns"),
    "a wrong type": (wrong_type, "WrongTypes"),
    "an infinite amount": (infinite_amount, "UnusableAmounts"),
    "an over-scaled amount": (over_scaled_amount, "UnusableAmounts"),
    "an amount that is no number": (no_number, "UnusableAmounts"),
    "a truncated file": (truncated, "UnreadableFile"),
    "a day in two formats": (two_formats, "AmbiguousDay"),
}


def test_every_bad_day_of_a_wave_is_refused_by_its_own_error_and_stops_no_other(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    before = facts(house)
    wanted: dict[date, str] = {}
    for number, (land, error) in enumerate(LANDINGS.values()):
        day = NEXT + timedelta(days=number)
        land(house, day)
        wanted[day] = error
    good = [GOOD - timedelta(days=1), GOOD]
    for day in good:
        drop_parquet(house.landing, day, trade(day))

    answered = house.run("nightly", "--through", str(GOOD))

    assert_refused(answered, "MissingDays")
    assert answered.told["published"] == [str(day) for day in good]
    reasons = {date.fromisoformat(day): str(why) for day, why in answered.reasons.items()}
    assert {day: why.partition(" ")[0] for day, why in reasons.items()} == wanted
    for day, why in reasons.items():
        assert str(day) in why
        assert_in_three_sentences(why)
    assert house.live().days == {*PUBLISHED, *good}
    assert facts(house) == before
    assert house.records.watermarks.holders("fct_daily_revenue")["nightly"].effective == PUBLISHED.last


def test_a_mended_day_is_published_the_next_time(published: House, tmp_path: Path):
    house, after = published.copy(tmp_path / "house"), NEXT + timedelta(days=1)
    truncated(house, NEXT)
    drop_parquet(house.landing, after, trade(after))
    assert house.run("nightly", "--through", str(after)).told["published"] == [str(after)]
    drop_parquet(house.landing, NEXT, trade(NEXT))

    answered = house.run("nightly", "--through", str(after))

    assert (answered.code, answered.told["published"]) == (0, [str(NEXT)])
    assert house.records.watermarks.holders("fct_daily_revenue")["nightly"].effective == after


@pytest.mark.parametrize("content", ["Date,USD,\n2026-01-10,much,\n", "Date,USD,\n2026-01-05,1.1664,\n"])
def test_fixings_that_cannot_be_used_publish_nothing_on_what_was_known_before(
    published: House, tmp_path: Path, content: str
):
    house = published.copy(tmp_path / "house")
    before = facts(house)
    (house.landing / "fx/eurofxref-hist.csv").write_text(content)
    drop_parquet(house.landing, NEXT, trade(NEXT))

    answered = house.run("nightly", "--through", str(NEXT))

    assert_refused(answered, "UnusableFixings" if "much" in content else "StaleFixings")
    assert house.live().days == frozenset(PUBLISHED)
    assert facts(house) == before


def asked(house: House, **fields: object) -> Path:
    """A request file with the fields as they are."""
    whole = {
        "table": "fct_daily_revenue",
        "window": {"first": str(PUBLISHED.first), "last": str(PUBLISHED.last)},
        "reason": "wrong rates",
    }
    file = house.root / "request.yaml"
    file.write_text(json.dumps({name: value for name, value in {**whole, **fields}.items() if value is not None}))
    return file


REQUESTS: dict[str, tuple[dict[str, object], str]] = {
    "a window outside the data": ({"window": {"first": "2025-12-01", "last": "2026-01-07"}}, "WindowOutsideData"),
    "an unknown table": ({"table": "fct_yearly_revenue"}, "TableUnknown"),
    "the last day before the first": ({"window": {"first": "2026-01-07", "last": "2026-01-06"}}, "WindowReversed"),
    "no day": ({"window": {"first": "soon", "last": "2026-01-06"}}, "RequestFieldInvalid"),
    "no reason": ({"reason": None}, "RequestFieldMissing"),
    "an unknown field": ({"windw": {}}, "RequestFieldsUnknown"),
    "an unknown approval": ({"approval": "soon"}, "RequestFieldInvalid"),
}


@pytest.mark.parametrize("command", ["open", "plan"])
@pytest.mark.parametrize(("fields", "error"), REQUESTS.values(), ids=REQUESTS)
def test_a_bad_request_opens_nothing(published: House, command: str, fields: dict[str, object], error: str):
    before = published.commits()

    answered = published.run(command, str(asked(published, **fields)))

    assert_refused(answered, error)
    assert published.commits() == before


@pytest.mark.parametrize("content", ["window: [", "- a list", None], ids=["no YAML", "no mapping", "no file"])
def test_a_file_that_is_no_request_opens_nothing(published: House, content: str | None):
    file = published.root / "unreadable.yaml"
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_text(content)

    assert_refused(published.run("open", str(file)), "RequestUnreadable")


def test_a_window_that_overlaps_an_open_correction_is_refused(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    first = house.opened("2026-01-05", "2026-01-07")
    before = house.commits()

    answered = house.run("open", str(asked(house, window={"first": "2026-01-07", "last": "2026-01-08"})))

    assert_refused(answered, "WindowOverlaps")
    assert first in answered.told["message"]
    assert house.commits() == before


def test_an_id_that_is_taken_is_refused(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    house.opened("2026-01-05", "2026-01-05", correction="mine")

    answered = house.run(
        "open", str(asked(house, correction="mine", window={"first": "2026-01-06", "last": "2026-01-06"}))
    )

    assert_refused(answered, "CorrectionExists")


@pytest.mark.parametrize(
    "command",
    [("run",), ("status",), ("approve", "--by", "Ada"), ("roll-back",), ("abandon",), ("decommission",), ("cut-over",)],
    ids=lambda command: command[0],
)
def test_a_correction_that_nobody_opened_is_refused(published: House, command: tuple[str, ...]):
    before = published.commits()

    answered = published.run(command[0], "20991231", *command[1:])

    assert_refused(answered, "CorrectionUnknown")
    assert published.commits() == before


def test_what_has_not_earned_its_turn_is_refused_with_four(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    correction = house.opened("2026-01-05", "2026-01-07")
    live = house.live().commit

    assert_refused(house.run("approve", correction, "--by", "Ada"), "ApprovalPremature", 4)
    assert_refused(house.run("cut-over", correction), "NotApproved", 4)
    assert_refused(house.run("roll-back", correction, "--all", "--by", "Ada"), "NothingToRollBack", 4)
    assert_refused(house.run("decommission", correction, "--now", "--by", "Ada"), "RetirementPremature", 4)
    assert house.live().commit == live


def test_a_bad_day_of_a_wave_fails_alone_is_retried_alone_and_then_named(published: House, tmp_path: Path):
    """The rate of one day is lost between publication and correction."""
    house = published.copy(tmp_path / "house")
    bad = date(2026, 1, 7)
    rates = house.records.table("fx_rates")
    known = rates.snapshot().scan([bad]).collect()
    rates.replace_days({bad: known.filter(pl.col("currency") != "GBP")})
    correction = house.opened(PUBLISHED.first, PUBLISHED.last)
    take_the_source_as_verified(house)

    answered = house.run("run", correction)

    assert answered.code == 4
    assert answered.told["step"] == str(Step.STAGE)
    assert "MissingRates" in answered.told["sentence"]
    staged = house.records.staged("fct_daily_revenue", correction).snapshot()
    assert staged.days == {*PUBLISHED} - {bad}
    events = house.records.ledger.events(correction)
    failed = [event for event in events if event.step is Step.STAGE and event.outcome is Outcome.FAILED]
    assert [list(event.detail["days"]) for event in failed if "days" in event.detail] == [[str(bad)]] * 3
    staged_once = [event.detail["days"] for event in events if event.outcome is Outcome.PROGRESSED]
    assert sorted(day for days in staged_once for day in days) == sorted(str(day) for day in staged.days)


def take_the_source_as_verified(house: House) -> None:
    """Steps 1 to 3 are written down as done: the source was fit when it was looked at."""
    (correction,) = house.records.ledger.histories()
    with house.entered():
        ctx = DAILY_REVENUE.step_context(LakeResource(), "ada")
        for step in PREPARATION:
            ctx.record(correction, fact_of(step, Outcome.DONE, {"reports": [], "external": []}))
        assert isinstance(next_step(ctx.progress(correction), ctx.now), StageWaves)
