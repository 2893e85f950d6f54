"""Whose a token is: kept in a vault, by keys that rotate, until a day expires or a person is erased."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.personal import (
    KeysMissing,
    NotYetOver,
    NoVault,
    PersonUnnamed,
    ReasonMissing,
    ReasonNamesPerson,
)
from backfill_assets.runbook.forgetting import Signed, erase, expire
from backfill_assets.sources import ADDITION, Declaration, TokenKeys, tokenised
from backfill_assets.storage.erasures import Erasures
from tests.sources.people import AT, LOG, ONE, TWO, Owners, day, reading

ADA, BEN, CLEO = "ada-4711", "ben-4712", "cleo-4713"
ROWS = [reading("m1", ADA, mail="ada@example.org"), reading("m2", BEN), reading("m3", ADA, "2"), reading("m4", None)]


def token(of: str, key: bytes = ONE) -> str:
    return tokenised(pl.Series([of]), key).item()


@pytest.fixture
def owners(tmp_path: Path) -> Owners:
    return Owners(tmp_path)


def test_every_token_is_in_the_vault_once_and_nowhere_else_is_anybody(owners: Owners) -> None:
    owners.lands(0, ROWS)
    owners.lands(0, [*ROWS, reading("m5", CLEO)])

    assert owners.known() == {day(0): {ADA, BEN, CLEO, "ada@example.org"}}
    assert {owner for found in owners.raw()["owner_token"].drop_nulls() for owner in owners.who_is(found)} == {
        ADA,
        BEN,
        CLEO,
    }
    assert {*LOG.arrivals(owners.records)["token_key"]} == {*TokenKeys((ONE,)).fingerprints}
    shutil.rmtree(owners.root / "lake" / "_vault")
    assert owners.traces(ADA, BEN, CLEO) == []


def test_what_landed_before_a_rotation_keeps_its_token_and_what_lands_after_has_another(owners: Owners) -> None:
    owners.lands(0, ROWS)
    before = {*owners.raw(0)["owner_token"]}
    rotated = owners.rotated(TWO, ONE)

    assert rotated.takes([0]).known == (day(0),)
    rotated.lands(0, [*ROWS, reading("m5", CLEO)])
    rotated.lands(1, ROWS)

    again = rotated.raw(0).filter(pl.col("arrival") == 2)
    assert {*again.filter(pl.col("meter") != "m5")["owner_token"]} == before
    assert {*rotated.raw(1)["owner_token"].drop_nulls()} == {token(ADA, TWO), token(BEN, TWO)}
    assert rotated.who_is(token(ADA, ONE)) == rotated.who_is(token(ADA, TWO)) == {ADA}


def test_an_addition_after_a_rotation_counts_a_person_once_a_day(owners: Owners) -> None:
    owners.lands(0, [reading("m1", ADA)], Declaration(ADDITION))
    owners.rotated(TWO, ONE).lands(0, [reading("m2", ADA)], Declaration(ADDITION))
    assert owners.raw(0)["owner_token"].n_unique() == 1


def test_a_key_that_is_needed_and_not_given_is_named_and_nothing_is_taken_in(owners: Owners) -> None:
    owners.lands(0, ROWS)
    (first,) = TokenKeys((ONE,)).fingerprints
    only_new = owners.rotated(TWO)
    assert only_new.lands(1, ROWS).arrived == (day(1),)

    failed = only_new.lands(0, ROWS[:3])
    assert failed.reasons[day(0)].error == "KeysMissing"
    assert first in failed.reasons[day(0)].message
    with pytest.raises(KeysMissing, match=first):
        only_new.erases(ADA)

    owners.rotated(ONE, TWO).erases(ADA)
    with pytest.raises(KeysMissing, match="Tombstones of erased people"):
        only_new.lands(2, ROWS)
    assert day(2) not in only_new.records.snapshot(LOG.table).days


def test_without_its_day_an_old_key_is_not_needed_any_more(owners: Owners) -> None:
    owners.lands(0, ROWS)
    owners.rotated(TWO, ONE).expires(1)
    only_new = owners.rotated(TWO)
    assert only_new.lands(0, ROWS[:3], Declaration(ADDITION)).arrived == (day(0),)
    only_new.erases(ADA)


def test_an_erased_person_is_in_no_byte_and_raw_is_as_it_was(owners: Owners) -> None:
    for number in range(4):
        owners.lands(number, ROWS if number != 2 else ROWS[1:2])
    raw, current = owners.bytes_of_raw(), owners.current()
    vault = owners.root / "lake/_vault" / LOG.table
    files = {file.name for file in vault.rglob("day=*/*.parquet")}

    dry = owners.erases(ADA, "ada@example.org", commit=False)
    assert (dry.proof, dry.erasure, dry.vaults[0].rows, len(dry.vaults[0].files)) == (None, None, 6, 3)
    assert owners.known()[day(0)] == {ADA, BEN, "ada@example.org"}
    done = owners.erases(ADA, "ada@example.org")

    assert (done.erasure, done.tombstones, done.vaults[0].rows, len(done.vaults[0].files)) == (1, 2, 6, 3)
    assert done.proof is not None
    assert (done.proof.held, done.proof.unread) == ((), {})
    assert owners.known() == {day(number): {BEN} for number in range(4)}
    assert (owners.bytes_of_raw(), owners.current()) == (raw, current)
    assert len({file.name for file in vault.rglob("day=*/*.parquet")} & files) == 1
    assert owners.traces(ADA, "ada@example.org") == []
    assert "ada" not in str(Erasures(owners.records.lake).people().rows())
    assert owners.erases(ADA).erasure == 1


def made_again(owners: Owners) -> None:
    shutil.rmtree(owners.root / "lake" / LOG.table)
    owners.takes(range(3))


def landed_again(owners: Owners) -> None:
    for number in range(3):
        owners.lands(number, [*ROWS, reading("m9", BEN)])


def landed_elsewhere(owners: Owners) -> None:
    owners.lands(7, ROWS)


WAYS = {"made again": made_again, "landed again": landed_again, "of another day": landed_elsewhere}
KEYS = {"made again": (ONE,), "landed again": (TWO, ONE), "of another day": (TWO, ONE)}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_lands_brings_an_erased_person_back(owners: Owners, way: str) -> None:
    keys = KEYS[way]
    for number in range(3):
        owners.lands(number, ROWS)
    owners.rotated(*keys).erases(ADA, "ada@example.org")
    before = {row[:2]: row for row in owners.current()}

    WAYS[way](owners.rotated(*keys))

    assert all(known == {BEN} for known in owners.known().values())
    assert owners.traces(ADA, "ada@example.org") == []
    now = {row[:2]: row for row in owners.current()}
    assert {of: now[of] for of in before} == before
    notes = list(LOG.arrivals(owners.records)["note"].drop_nulls())
    assert len(notes) >= 1
    assert all("holds 2 readings of" in note and "2 persons who may not be known" in note for note in notes)
    # Her rows are there, under one token a key.
    assert owners.raw().filter(pl.col("owner_token").is_in([token(ADA, key) for key in keys])).height >= 6


def test_expired_days_are_not_known_any_more_and_do_not_come_back(owners: Owners) -> None:
    for number in range(4):
        owners.lands(number, [*ROWS, reading("m9", f"of-day-{number}")])
    raw = owners.bytes_of_raw()

    assert owners.expires(2, commit=False).vaults[0].rows == 8
    assert len(owners.known()) == 4
    done = owners.expires(2)

    assert done.proof is not None
    assert (done.proof.of_texts, done.proof.held) == (2, ())
    assert {*owners.known()} == {day(2), day(3)}
    assert owners.bytes_of_raw() == raw
    assert owners.traces("of-day-0", "of-day-1") == []
    assert owners.traces("of-day-2") != []
    owners.lands(1, [*ROWS, reading("m9", "of-day-1"), reading("m8", CLEO)])
    assert {*owners.known()} == {day(2), day(3)}
    assert "who may not be known" in LOG.arrivals(owners.records)["note"].drop_nulls().item()
    owners.expires(1)  # what has expired stays so
    owners.lands(0, ROWS[:3], Declaration(ADDITION))
    assert {*owners.known()} == {day(2), day(3)}


REFUSED: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "nobody": ({"person": [""]}, PersonUnnamed),
    "no reason": ({"asked": Signed("Ada Lovelace", AT, " ")}, ReasonMissing),
    "the id as a reason": ({"asked": Signed("Ada Lovelace", AT, f"letter of {ADA}, today")}, ReasonNamesPerson),
    "nobody asks": ({"asked": Signed("root", AT, "letter")}, NameNeeded),
    "no key": ({"keys": TokenKeys()}, KeysMissing),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_erasure_that_is_not_fit_to_be_made_changes_nothing(owners: Owners, case: str) -> None:
    given, error = REFUSED[case]
    owners.lands(0, ROWS)
    asked = {"person": [ADA], "keys": TokenKeys((ONE,)), "asked": Signed("Ada Lovelace", AT, "letter")} | given
    with pytest.raises(error):
        erase(owners.records, asked["person"], asked["keys"], asked["asked"], {}, commit=True)
    assert ADA in owners.known()[day(0)]
    assert Erasures(owners.records.lake).people().is_empty()


def test_days_that_are_not_over_and_vaults_that_there_are_not_are_refused(owners: Owners) -> None:
    with pytest.raises(NotYetOver):
        owners.expires(90)
    with pytest.raises(NoVault):
        expire(owners.records, day(0), Signed("Ada Lovelace", AT), {}, commit=True, table="nowhere")
    assert owners.expires(0).vaults == ()


def test_who_lies_in_the_landing_is_named_by_file(owners: Owners) -> None:
    owners.lands(0, ROWS)
    done = owners.erases(ADA, landing=True)
    assert done.proof is not None
    assert [(Path(one.file).name, one.is_certain) for one in done.proof.held] == [(f"{day(0)}.parquet", True)]
    assert done.proof.is_found
    assert ADA not in str(done.as_json())


def test_who_is_erased_while_she_lands_is_not_known_afterwards(owners: Owners) -> None:
    """An ingestion that decided before the tombstone is refused by the commit of the erasure, and decides again."""
    owners.lands(0, ROWS)
    days = range(1, 9)

    def land() -> list[Any]:
        return [owners.lands(number, ROWS).reasons for number in days]

    with ThreadPoolExecutor(2) as both:
        landing, erasing = both.submit(land), both.submit(owners.erases, ADA, "ada@example.org")
        assert erasing.result().erasure == 1
        assert landing.result() == [{}] * len(days)

    assert owners.known() == {day(number): {BEN} for number in (0, *days)}
    again = owners.erases(ADA, "ada@example.org")
    assert (again.vaults[0].rows, again.proof and again.proof.held) == (0, ())
    assert owners.current() == [(day(number), row["meter"], row["kwh"]) for number in (0, *days) for row in ROWS]
