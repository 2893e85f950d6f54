"""What a day's newer file no longer holds is withdrawn, by name; much of it only by a person's word."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.window import Window
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.landing import DeclarationUnknown, NothingWaits
from backfill_assets.revenue import raw_log
from backfill_assets.revenue.checks import verify_sources
from backfill_assets.revenue.pipeline import source_totals
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.sample import _effective
from backfill_assets.sources import ADDITION, Declaration, declared
from backfill_assets.sources.withdrawals import decide
from tests.e2e.shop import open_shop
from tests.landings import LandingAndLake
from tests.profiles import share_of_examples
from tests.scenarios import KEY, csv_line, drop_csv, drop_ndjson, drop_parquet, fx_rates, transaction

DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)
AT = datetime(2026, 1, 7, 6, tzinfo=UTC)
NAMES = [f"t{number:02}" for number in range(12)]
ANY_LOSS = Declaration(most_withdrawn=Decimal(1))
ADDITIONS = Declaration(ADDITION)


def sold(names, day: date = DAY, amount: str = "10") -> list[dict[str, Any]]:
    return [transaction(name, day, amount=amount) for name in names]


@dataclass(frozen=True)
class Upstream(LandingAndLake):
    """A landing, and the raw log that it is taken into."""

    def lands(self, names, declaration: Declaration | None = None, day: date = DAY, amount: str = "10"):
        drop_parquet(self.landing, day, sold(names, day, amount))
        return self.takes(declaration, day)

    def takes(self, declaration: Declaration | None = None, day: date = DAY):
        return TRANSACTIONS.ingest(self.records, self.landing, [day], KEY, AT, declaration)

    def counts(self, day: date = DAY) -> Mapping[str, Decimal]:
        """What counts of a day, by every way there is to say so."""
        raw = self.records.snapshot("raw_transactions").scan([day])
        by_transform = dict(TRANSACTIONS.latest(raw).select("transaction_id", "amount").collect().rows())
        again = _effective(raw, TRANSACTIONS.arrivals(self.records)).select("transaction_id", "amount").collect()
        assert dict(again.rows()) == by_transform
        rates = self.records.table("fx_rates", fx_rates({}).schema)
        rates.create()
        rates.replace_days({day: fx_rates({(day, "EUR"): "1", (day, "USD"): "1.1"})})
        pins = {name: self.records.snapshot(name).commit for name in ("raw_transactions", "fx_rates")}
        plan = Plan("a", Request("fct_daily_revenue", Window(day, day), "wrong"), AT, "ada", PlannedInputs(pins))
        assert list(verify_sources(self.records, plan)) == []
        stated = source_totals(self.records, plan)
        assert stated["transactions"].sum() == len(by_transform)
        assert (stated["amount"].sum() or 0) == sum(by_transform.values())
        assert (day in TRANSACTIONS.days_with_rows(self.records)) == bool(by_transform)
        return by_transform


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path)


# what lands one after the other, and what counts in the end
HISTORIES: dict[str, tuple[list[list[str]], list[str]]] = {
    "one is gone": ([NAMES, NAMES[1:]], NAMES[1:]),
    "one is gone and another came": ([NAMES, [*NAMES[1:], "new"]], [*NAMES[1:], "new"]),
    "one is gone and comes back": ([NAMES, NAMES[1:], NAMES], NAMES),
    "one is gone, comes back and goes": ([NAMES, NAMES[1:], NAMES, NAMES[1:]], NAMES[1:]),
    "all are gone": ([NAMES, []], []),
    "all are gone and come back": ([NAMES, [], NAMES], NAMES),
    "there was nothing at first": ([[], NAMES, NAMES[:3]], NAMES[:3]),
    "the same again": ([NAMES, NAMES], NAMES),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_the_latest_whole_day_is_what_counts(upstream: Upstream, case: str):
    landings, left = HISTORIES[case]

    for names in landings:
        assert upstream.lands(names, ANY_LOSS).reasons == {}

    assert sorted(upstream.counts()) == sorted(left)


@pytest.mark.parametrize("case", HISTORIES)
def test_an_addition_takes_nothing_back(upstream: Upstream, case: str):
    landings, _ = HISTORIES[case]

    for number, names in enumerate(landings, 1):
        upstream.lands(names, ADDITIONS, amount=str(number))

    last = {name: Decimal(number) for number, names in enumerate(landings, 1) for name in names}
    if case != "the same again":
        assert upstream.counts() == last


@share_of_examples(0.1)
@given(st.lists(st.tuples(st.sets(st.sampled_from("abcdef")), st.booleans()), min_size=1, max_size=4))
def test_whole_days_and_additions_in_any_order(tmp_path_factory: pytest.TempPathFactory, landings):
    upstream, left = Upstream(tmp_path_factory.mktemp("upstream")), set[str]()
    for number, (names, is_whole) in enumerate(landings, 1):
        upstream.lands(sorted(names), ANY_LOSS if is_whole else ADDITIONS, amount=str(number))
        left = set(names) if is_whole else left | names

        assert set(upstream.counts()) == left


def test_what_was_withdrawn_is_named_and_the_log_still_holds_it(upstream: Upstream):
    upstream.lands(NAMES)
    before = upstream.records.snapshot("raw_transactions").names(DAY)

    done = upstream.lands(NAMES[1:])

    assert "t00" in done.notes[0]
    assert list(raw_log.notes(upstream.records).values()) == list(done.notes)
    after = upstream.records.snapshot("raw_transactions")
    assert before < after.names(DAY)
    withdrawn = after.scan([DAY]).filter(pl.col("amount").is_null()).collect()
    assert withdrawn.select("transaction_id", "customer", "arrival").rows() == [("t00", None, 2)]


LOSSES = [([], 0), (NAMES[:1], 0), (NAMES[:2], 1), (NAMES[:6], 1), (NAMES, 1)]


@pytest.mark.parametrize(("lost", "waits"), LOSSES)
@pytest.mark.parametrize("form", ["parquet", "csv", "ndjson"])
def test_a_file_that_lost_more_than_a_tenth_waits_in_every_format(upstream: Upstream, lost, waits, form):
    upstream.lands(NAMES)
    (upstream.landing / f"transactions/{DAY}.parquet").unlink()
    left = [name for name in NAMES if name not in lost]
    match form:
        case "parquet":
            drop_parquet(upstream.landing, DAY, sold(left))
        case "csv":
            drop_csv(upstream.landing, DAY, [csv_line(name, DAY, amount="10") for name in left])
        case _:
            lines = [{**row, "occurred_at": f"{DAY}T12:00:00Z", "amount": "10"} for row in sold(left)]
            drop_ndjson(upstream.landing, DAY, lines)

    done = upstream.takes()

    assert len(done.reasons) == waits
    assert len(upstream.counts()) == (len(NAMES) if waits else len(left))
    assert all(why.error.startswith("WithdrawalWaits") and lost[0] in why.message for why in done.reasons.values())


def word(upstream: Upstream, what: str, *, accepted: bool = True, by: str = "Ada") -> None:
    there = TRANSACTIONS.waiting(upstream.records, upstream.landing, Declaration())
    decide(upstream.records, there, what, accepted=accepted, by=by, note="", at=AT)


def test_a_word_lets_one_content_of_one_day_through(upstream: Upstream):
    for day in (DAY, NEXT):
        upstream.lands(NAMES, day=day)
        assert upstream.lands([], day=day).reasons
    word(upstream, str(DAY))

    assert upstream.takes().arrived == (DAY,)
    assert upstream.takes(day=NEXT).reasons
    assert upstream.counts() == {}
    assert upstream.lands(NAMES).arrived == (DAY,)
    assert upstream.lands(NAMES[:1]).reasons


def test_a_declined_file_is_left_alone_and_no_longer_asked_about(upstream: Upstream):
    upstream.lands(NAMES)
    upstream.lands(NAMES[:3])
    word(upstream, str(DAY), accepted=False)

    done = upstream.takes()

    assert (done.reasons, done.known) == ({}, (DAY,))
    assert TRANSACTIONS.moved(upstream.records, upstream.landing, [DAY]) == frozenset()
    assert TRANSACTIONS.waiting(upstream.records, upstream.landing, Declaration()) == ()
    assert sorted(upstream.counts()) == NAMES


def test_a_word_needs_something_that_waits_and_a_name(upstream: Upstream):
    upstream.lands(NAMES)
    with pytest.raises(NothingWaits):
        word(upstream, str(DAY))
    upstream.lands([])
    with pytest.raises(NameNeeded):
        word(upstream, str(DAY), by=" ")
    assert upstream.takes().reasons


@pytest.mark.parametrize(("first", "second"), [(DAY, NEXT), (NEXT, DAY)])
def test_a_transaction_that_moves_to_another_day_counts_once(upstream: Upstream, first: date, second: date):
    upstream.lands(NAMES, day=DAY)
    upstream.lands(["n"], day=NEXT)
    landed = {DAY: NAMES[1:], NEXT: ["n", NAMES[0]]}

    for day in (first, second):
        upstream.lands(landed[day], day=day)

    assert sorted(upstream.counts(DAY)) == NAMES[1:]
    assert sorted(upstream.counts(NEXT)) == ["n", NAMES[0]]


@pytest.mark.parametrize(("files", "most"), [("whole", "10%"), ("whole-day", "10"), ("whole-day", "101%"), ("", "")])
def test_a_declaration_that_cannot_be_is_refused(files: str, most: str):
    with pytest.raises(DeclarationUnknown):
        declared(files, most)


@pytest.mark.dagster
def test_nightly_withdraws_waits_and_goes_by_the_word(tmp_path: Path):
    house = open_shop(tmp_path / "house", [DAY], "2026-01-07T06:00:00+00:00")
    through = ("nightly", "--through", str(DAY))

    def landed(names):
        drop_parquet(house.landing, DAY, sold(names))
        return house.run(*through)

    def euros():
        return [row[:2] for row in house.fact().filter(currency="EUR").select("transactions", "amount").rows()]

    assert landed([f"{DAY}-eur", f"{DAY}-gbp", *NAMES]).code == 0
    some = landed([f"{DAY}-gbp", *NAMES])
    assert (some.code, some.told["rebuilt"]) == (0, [str(DAY)])
    assert f"{DAY}-eur" in some.told["notes"][0]
    assert euros() == [(13, Decimal(130))]

    emptied = landed([])
    assert (emptied.code, emptied.told["error"], emptied.told["rebuilt"]) == (3, "WithdrawalWaits", [])
    assert "13 of the 13 transactions" in emptied.told["message"]
    assert euros() == [(13, Decimal(130))]

    assert house.run("withdrawals").told["waiting"][0]["what"] == str(DAY)
    assert house.run("withdrawals", "--accept", str(NEXT), "--by", "Ada").code == 2
    assert house.run("withdrawals", "--accept", str(DAY)).told["error"] == "NameNeeded"
    assert house.run("withdrawals", "--accept", str(DAY), "--by", "Ada").told["decided"] == [str(DAY)]
    after = house.run(*through)

    assert (after.code, after.told["rebuilt"]) == (0, [str(DAY)])
    assert house.fact().is_empty()
    assert DAY in house.live().days
