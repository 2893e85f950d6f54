"""What is proven of a correction to an auditor, and that nothing can be changed without being found."""

import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from backfill_assets.core.facts import RetryRequested
from backfill_assets.core.next_step import Finished, WaitUntil
from backfill_assets.core.sealed import NOTHING_BEFORE, broken_in, digest_of
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.runbook import approve, decommission, roll_back
from backfill_assets.runbook.attesting import attest
from backfill_assets.storage import opening
from backfill_assets.storage.attested import ledger_rows
from backfill_assets.storage.ledger import Entry
from backfill_assets.storage.row_table import row_schema
from tests.runbook.world import START, TABLE, World, copy_of, planted_at, right_at, world_at

FIXTURES = Path(__file__).parent.parent / "fixtures"
FIELDS = (*row_schema(Entry), "row_number")
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """Days corrected, one of them taken back, and another correction opened since."""
    world = world_at(tmp_path_factory.mktemp("attested") / "lake")
    correction = world.open(4, 9).correction
    world.through(correction)
    roll_back(world.step_context(), correction, [next(iter(sorted(world.progress(correction).publication.swapped)))])
    world.drive(correction)
    for notice in world.told:
        world.records.outbox.record(notice, (), world.now)
    return world, correction


@pytest.fixture(scope="module")
def rows(corrected: tuple[World, str]) -> Rows:
    return [dict(row) for row in ledger_rows(corrected[0].records)]


def other(value: object) -> object:
    """Something else of the same kind."""
    match value:
        case None:
            return "0" * 64
        case int():
            return value + 1
        case str():
            return value[:-1] + ("1" if value[-1:] != "1" else "2")
        case _:
            return value + timedelta(microseconds=1)


MUTATIONS: Mapping[str, Callable[[object], object]] = {
    "another": other,
    "none": lambda value: None if not isinstance(value, str) or value else " ",
}


def test_a_whole_correction_is_attested(corrected: tuple[World, str]):
    world, correction = corrected

    found = attest(world.records, correction)

    assert found.wrong == found.unproven == ()
    assert sorted(found.swaps.commits) == [1, 2]
    assert (len(found.certificates), len(found.files.digests)) == (1, 6)
    assert found.head == world.records.ledger.events(correction)[-1].digest
    assert found.told == (
        f"Correction {correction} of {TABLE} is attested. {len(found.events)} events of its ledger up to the digest "
        f"{found.head}, 1 certificate, 6 files by content, and 2 swaps in the log of its table agree."
    )
    assert attest(world.records, correction, found.head).wrong == ()


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", FIELDS)
def test_any_field_of_any_event_that_is_changed_is_found(rows: Rows, name: str, mutation: str):
    unnoticed = []
    for place, row in enumerate(rows):
        changed = {**row, name: MUTATIONS[mutation](row[name])}
        if changed != row and not broken_in([*rows[:place], changed, *rows[place + 1 :]]):
            unnoticed.append((row["sequence"], name))

    assert (unnoticed, broken_in(rows)) == ([], [])


REARRANGED: Mapping[str, Callable[[Rows, int], Rows]] = {
    "dropped": lambda rows, at: [*rows[:at], *rows[at + 1 :]],
    "there twice": lambda rows, at: [*rows, rows[at]],
    "inserted": lambda rows, at: [*rows, {**rows[at], "sequence": len(rows) + 1, "row_number": len(rows) + 1}],
    "swapped with the next": lambda rows, at: [
        *rows[:at],
        {**rows[at + 1], **{name: rows[at][name] for name in ("sequence", "row_number", "previous", "digest")}},
        {**rows[at], **{name: rows[at + 1][name] for name in ("sequence", "row_number", "previous", "digest")}},
        *rows[at + 2 :],
    ],
}


@pytest.mark.parametrize("how", REARRANGED)
def test_any_event_that_is_dropped_doubled_inserted_or_swapped_is_found(rows: Rows, how: str):
    everywhere = range(len(rows) - 1)  # the last one, dropped, is what others hold digests of

    assert [at for at in everywhere if not broken_in(REARRANGED[how](rows, at))] == []


def test_who_computes_all_digests_anew_is_found_by_who_holds_one(corrected: tuple[World, str], tmp_path: Path):
    world, correction = copy_of(corrected[0], tmp_path / "forged"), corrected[1]
    rows = [dict(row) for row in ledger_rows(world.records)]
    rows[0]["actor"], previous = "somebody else", NOTHING_BEFORE
    for row in rows:
        row["previous"], previous = previous, digest_of(previous, row)
        row["digest"] = previous
    assert broken_in(rows) == []
    written(world, rows)

    wrong = attest(world.records, correction).wrong

    holders = ("certificate", "notice", "commit")
    assert {one for one in holders if any(f"which {one} " in sentence for sentence in wrong)} == {*holders}


def written(world: World, rows: Rows) -> None:
    """Rows put into the place of those of the ledger, by somebody who knows Delta."""
    there = DeltaTable(world.records.lake.control_uri("ledger"))
    schema = pl.Schema({**row_schema(Entry), "row_number": pl.Int64()})
    pl.DataFrame(rows, schema=schema).select(there.schema().to_arrow().names).write_delta(
        str(world.root / "_control/ledger"), mode="overwrite"
    )


@pytest.mark.parametrize("left", ["before the swap", "before its end"])
def test_a_tail_that_is_cut_off_is_found_by_what_the_table_has(corrected: tuple[World, str], tmp_path: Path, left: str):
    world, correction = copy_of(corrected[0], tmp_path / "cut"), corrected[1]
    rows = [dict(row) for row in ledger_rows(world.records)]
    outcomes = {"before the swap": "planned", "before its end": "done"}
    cut = next(row for row in rows if (row["step"], row["outcome"]) == ("cut_over", outcomes[left]))
    written(world, [row for row in rows if row["sequence"] < cut["sequence"]])

    wrong = attest(world.records, correction).wrong

    assert any(sentence.startswith("The table's log has swap 2 ") for sentence in wrong)
    assert any("which commit " in sentence for sentence in wrong)


def test_a_tail_that_nothing_outside_knows_of_is_found_by_its_holder_alone(
    corrected: tuple[World, str], tmp_path: Path
):
    world, correction = copy_of(corrected[0], tmp_path / "cut"), corrected[1]
    world.step_context().record(correction, RetryRequested())
    head = world.records.ledger.head(correction)
    written(world, [dict(row) for row in ledger_rows(world.records)][:-1])

    assert attest(world.records, correction).wrong == ()
    assert attest(world.records, correction, head).wrong == (
        f"The ledger has no event with the digest {head}, which whoever gave it holds.",
    )


def staged_file(world: World, correction: str) -> Path:
    return next(iter(sorted((world.root / TABLE / f"_backfill_{correction}").glob("day=2026-01-0[6-9]/*.parquet"))))


def retired_file(world: World, correction: str) -> Path:
    return next(iter(sorted((world.root / TABLE).glob("day=2026-01-07/*.parquet"))))


def flipped(file: Path) -> str:
    content = file.read_bytes()
    file.write_bytes(content[:9] + bytes([content[9] ^ 1]) + content[10:])
    return file.name


def removed(file: Path) -> str:
    file.unlink()
    return file.name


def entry(world: World, correction: str) -> Path:
    commit = attest(world.records, correction).swaps.commits[1]
    return world.root / TABLE / "_delta_log" / f"{commit:020}.json"


def without_action(file: Path) -> str:
    lines = file.read_text().splitlines()
    lines.remove(next(line for line in lines if line.startswith('{"remove"')))
    file.write_text("\n".join(lines))
    return str(int(file.stem))


def without_certificate(folder: Path) -> str:
    DeltaTable(folder).delete()
    return "certificate"


OUTSIDE: Mapping[str, tuple[Callable[[World, str], Path], Callable[[Path], str]]] = {
    "a byte of a staged file": (staged_file, flipped),
    "a staged file": (staged_file, removed),
    "a byte of a retired file": (retired_file, flipped),
    "a retired file": (retired_file, removed),
    "an action of the swap": (entry, without_action),
    "the certificates": (lambda world, _: world.root / "_control/certificates", without_certificate),
}
"""What somebody changes beside the ledger: where, and how; what is found names it."""


@pytest.mark.parametrize(("place", "change"), OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_changed_beside_the_ledger_is_named(
    corrected: tuple[World, str],
    tmp_path: Path,
    place: Callable[[World, str], Path],
    change: Callable[[Path], str],
):
    world, correction = copy_of(corrected[0], tmp_path / "changed"), corrected[1]

    named = change(place(world, correction))

    wrong = attest(world.records, correction).wrong
    assert wrong
    assert named in wrong[0]


def test_what_is_not_there_any_more_is_said_to_be_unproven(corrected: tuple[World, str], tmp_path: Path):
    world, correction = copy_of(corrected[0], tmp_path / "later"), corrected[1]
    swapped = entry(world, correction)
    DeltaTable(world.root / TABLE).create_checkpoint()
    swapped.unlink()
    opening._kept.clear()  # as another process, which has not read the entry
    decommission(world.step_context(), correction, now=True)

    found = attest(world.records, correction)

    assert found.wrong == ()
    assert any("deleted by the decommission" in sentence for sentence in found.unproven)


def test_a_correction_is_attested_wherever_it_stands(tmp_path: Path):
    world = world_at(tmp_path / "lake")
    correction = world.open(4, 9).correction
    stand = [attest(world.records, correction)]
    for then in (lambda: approve(world.step_context(), correction, "looked"), lambda: None):
        world.drive(correction)
        stand.append(attest(world.records, correction))
        then()

    assert [one.wrong for one in stand] == [()] * 3
    assert [len(one.files.digests) for one in stand] == [0, 6, 6]
    with pytest.raises(CorrectionUnknown):
        attest(world.records, "20990101")


def test_a_lake_of_before_is_read_carried_on_and_sealed(tmp_path: Path):
    """The lake was written by the version before events had digests, one correction live and another just opened."""
    with tarfile.open(FIXTURES / "lake_unsealed.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    world = World(tmp_path / "half", right_at(), START + timedelta(days=1))
    first, second = sorted(world.records.ledger.histories())
    before = len(world.records.ledger.events(first))
    unsealed = attest(world.records, first)
    assert (unsealed.wrong, unsealed.sealed_from, unsealed.head) == ((), None, "")
    assert "Events 1 to" in unsealed.unproven[0]
    assert "proven by nothing" in unsealed.unproven[0]

    assert isinstance(world.drive(first), WaitUntil)
    roll_back(world.step_context(), first, all_days=True)
    assert isinstance(world.drive(second), Finished)
    found = attest(world.records, first)

    assert (found.wrong, found.sealed_from) == ((), before + 1)
    assert f"as they are at event {before + 1}" in found.unproven[0] or "as they were at event" in found.unproven[0]
    assert attest(world.records, second).wrong == ()
    assert world.content() == planted_at()
    rows = [dict(row) for row in ledger_rows(world.records)]
    unsealed_rows = [place for place, row in enumerate(rows) if not row["digest"]]
    for place in unsealed_rows:
        assert broken_in([*rows[:place], {**rows[place], "actor": "somebody"}, *rows[place + 1 :]])


def test_hosts_that_race_for_the_next_event_leave_one_line_of_digests(tmp_path: Path):
    world = world_at(tmp_path / "lake", 2)
    corrections = [world.open(1, 1).correction, world.open(2, 2).correction]

    def write(number: int) -> None:
        world.step_context(f"host {number}").record(corrections[number % 2], RetryRequested())

    with ThreadPoolExecutor(8) as hosts:
        list(hosts.map(write, range(24)))

    assert broken_in(ledger_rows(world.records)) == []
    assert [len(world.records.ledger.events(one)) for one in corrections] == [13, 13]


def test_a_decommissioned_correction_is_attested(tmp_path: Path):
    world = world_at(tmp_path / "lake")
    correction = world.open(4, 9).correction
    world.through(correction)
    world.later(40)
    assert isinstance(world.drive(correction), Finished)

    found = attest(world.records, correction)

    assert found.wrong == ()
    assert len(found.files.digests) == len(world.progress(correction).publication.swapped)
