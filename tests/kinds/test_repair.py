"""What a power cut leaves of a log stops everything on its table, is set aside with what it proves, and all goes on.

The next kind of damage is a line of ``HARMS``, the next that nobody can decide on alone one of ``UNDECIDED``.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from backfill_assets.core.next_step import WaitUntil
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.lake import LogDamaged, Unusable
from backfill_assets.errors.repairing import TableNotInLake
from backfill_assets.runbook import cut_over, roll_back
from backfill_assets.runbook.repairing import Lost, Repair, repair, take_over
from backfill_assets.storage import syncing
from backfill_assets.storage.commits import Change, attempt
from backfill_assets.storage.layout import LOG, SET_ASIDE
from backfill_assets.storage.opening import open_any
from backfill_assets.storage.repairing import REPAIRED, folder_of
from backfill_assets.storage.snapshot import Snapshot
from tests.forgetting_disk import forgetting
from tests.runbook.killing import corrected, rolled_back
from tests.runbook.test_power_cut import assert_corrected_once
from tests.runbook.world import SOURCE, TABLE, World, copy_of, day, world_at
from tests.stores import InBucket

AT = datetime(2026, 1, 24, 6, tzinfo=UTC)
ID = "20260123"
LEDGER = "_control/ledger"
STAGED = f"{TABLE}/_backfill_{ID}"
TABLES = {"live": TABLE, "source": SOURCE, "staged": STAGED, "ledger": LEDGER, "builds": "_control/builds"}
Harm = Callable[[Path], object]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A correction that is live and told. Copy it, do not write to it."""
    world = world_at(tmp_path_factory.mktemp("told") / "lake")
    world.land({day(3): 3})
    world.land({day(4): 4})
    world.publish_live({day(3): 3})
    corrected(world)
    return world


def entries(table: Path) -> list[Path]:
    return sorted((table / LOG).glob("*.json"))


def harmed(back: int, keep: Callable[[bytes], bytes]) -> Harm:
    """Change the entry so many before the end."""

    def harm(table: Path) -> None:
        place = entries(table)[-1 - back]
        place.write_bytes(keep(place.read_bytes()))

    return harm


def nothing(_: bytes) -> bytes:
    return b""


def half(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def checkpoint(table: Path) -> Path:
    DeltaTable(table).create_checkpoint()
    return max((table / LOG).glob("*.checkpoint.parquet"))


def half_a_checkpoint(table: Path) -> None:
    place = checkpoint(table)
    place.write_bytes(half(place.read_bytes()))


def each(*harms: Harm) -> Harm:
    def harm(table: Path) -> None:
        for one in harms:
            one(table)

    return harm


def empty_with_checkpoint(table: Path) -> None:
    checkpoint(table)
    harmed(0, nothing)(table)


HARMS: Mapping[str, tuple[Harm, int]] = {
    "an empty newest entry": (harmed(0, nothing), 1),
    "half of it": (harmed(0, half), 1),
    "its first line": (harmed(0, lambda whole: whole[: whole.index(b"\n") + 1]), 1),
    "zeros": (harmed(0, lambda whole: bytes(len(whole))), 1),
    "two empty ones": (each(harmed(0, nothing), harmed(1, nothing)), 2),
    "an empty one above half of one": (each(harmed(0, nothing), harmed(1, half)), 2),
    "half a checkpoint": (half_a_checkpoint, 0),
    "a checkpoint of zeros": (
        lambda table: (place := checkpoint(table)).write_bytes(bytes(len(place.read_bytes()))),
        0,
    ),
    "an empty entry below a checkpoint": (empty_with_checkpoint, 0),
    "an empty one above half a checkpoint": (each(half_a_checkpoint, harmed(0, nothing)), 1),
}
"""What is done to a log, and how many commits are lost by it."""
AROUND_A_SWAP = ("cut_over planned", "cut_over done")
EVERYWHERE = ("an empty newest entry", "half a checkpoint")


def looked(world: World, table: str = "", *, commit: bool = False) -> list[Repair]:
    return repair(world.records, table, commit=commit, at=AT, by="ada")


def taken(world: World, *, commit: bool = True) -> list[Lost]:
    return take_over([world.step_context()], commit=commit)


def contents(root: Path) -> dict[str, bytes]:
    return {str(place.relative_to(root)): place.read_bytes() for place in root.rglob("*") if place.is_file()}


CASES = {
    **{f"{name} of live": (TABLE, *harm) for name, harm in HARMS.items()},
    **{f"{harm} of {name}": (table, *HARMS[harm]) for name, table in TABLES.items() for harm in EVERYWHERE},
}


@pytest.mark.parametrize(("table", "harm", "lost"), CASES.values(), ids=CASES)
def test_a_damaged_log_stops_its_table_and_is_set_aside_and_the_rest_of_it_is_read(
    told: World, tmp_path: Path, table: str, harm: Harm, lost: int
):
    world = copy_of(told, tmp_path / "lake")
    folder, place = folder_of(world.records.lake, table), world.root / table
    newest = open_any(folder_of(told.records.lake, table)).version()
    before = pl.read_delta(str(place), version=newest - lost)
    harm(place)
    with pytest.raises(LogDamaged, match="Run backfill-assets repair") as caught:
        open_any(folder)
    assert str(place) in str(caught.value)

    damaged = contents(world.root)
    (found,) = looked(world)
    assert (found.damage.table, found.damage.refused, found.moved) == (table, "", ())
    assert contents(world.root) == damaged
    (done,) = looked(world, commit=True)

    kept = {Path(moved).name: (world.root / moved).read_bytes() for moved in done.moved}
    assert kept == {Path(path).name: damaged[f"{table}/{path}"] for path in found.damage.aside}
    assert all(SET_ASIDE in moved for moved in done.moved)
    after = newest + (harm is empty_with_checkpoint)  # delta-rs commits nothing where the newest entry is gone
    assert open_any(folder).version() == after
    now = pl.read_delta(str(place))
    assert now.sort(now.columns).equals(before.sort(before.columns))
    taken_by = [json.loads(line) for entry in entries(place)[len(entries(place)) - lost :] for line in entry.open()]
    assert sum(REPAIRED in action.get("commitInfo", {}) for action in taken_by) == lost
    assert looked(world) == []
    anything = Change(metadata={"of": "a test"})
    assert attempt(Snapshot(open_any(folder), folder, pl.Schema()), anything) is not None
    assert open_any(folder).version() == after + 1


def without_its_beginning(table: Path) -> None:
    newest = entries(table)[-1]
    half_a_checkpoint(table)
    for entry in entries(table):
        if entry != newest:
            entry.unlink()


def of_others(table: Path) -> None:
    write_deltalake(table, pl.read_delta(str(table)).head(1), mode="append")
    harmed(0, half)(table)


def files_of_others(table: Path) -> None:
    write_deltalake(table, pl.read_delta(str(table)).head(1), mode="append")
    harmed(0, nothing)(table)


def made_anew(table: Path) -> None:
    for entry in entries(table)[1:]:
        entry.unlink()
    harmed(0, nothing)(table)


UNDECIDED: Mapping[str, tuple[Harm, str]] = {
    "a hole": (harmed(1, nothing), "later ones are built on it. Bring it back from a copy"),
    "a hole below an empty one": (each(harmed(0, nothing), harmed(2, nothing)), "later ones are built on it"),
    "the newest entry below a checkpoint": (
        lambda table: (checkpoint(table), entries(table)[-1].unlink()),
        "is missing, and nothing can be committed after its checkpoint. Bring it back",
    ),
    "a missing entry": (lambda table: entries(table)[-2].unlink(), "is missing, and later ones are built on it"),
    "a checkpoint that is needed": (without_its_beginning, "cannot be read leaves needed. Bring it back from a copy"),
    "half an entry of others": (of_others, r"written by other software \(delta-rs"),
    "an empty entry with files of others": (files_of_others, r"other software wrote 1 file \(part-00000"),
    "a first entry beside files": (made_anew, "there are files beside it. Bring it back"),
}


@pytest.mark.parametrize(("harm", "why"), UNDECIDED.values(), ids=UNDECIDED)
def test_what_cannot_be_proved_is_left_as_it_is_and_says_who_decides(told: World, tmp_path: Path, harm: Harm, why: str):
    world = copy_of(told, tmp_path / "lake")
    harm(world.root / TABLE)
    damaged = contents(world.root)
    (found,) = looked(world, commit=True)
    assert found.damage.table == TABLE
    assert pl.Series([found.damage.refused]).str.contains(why).all(), found.damage.refused
    assert found.damage.refused.endswith(".")
    assert contents(world.root) == damaged


def test_a_table_whose_ledger_is_beyond_repair_waits_for_it(told: World, tmp_path: Path):
    world = copy_of(told, tmp_path / "lake")
    harmed(0, nothing)(world.root / TABLE)
    harmed(0, nothing)(world.root / LEDGER)
    ledger, live = looked(world)
    assert (ledger.damage.table, live.damage.table, live.damage.refused) == (LEDGER, TABLE, "")
    assert live.told == ("What it was is told once the ledger is repaired.",)
    (alone,) = looked(world, TABLE, commit=True)
    assert alone.damage.refused.endswith("Repair _control/ledger first.")

    harmed(2, nothing)(world.root / LEDGER)
    for commit in (False, True):
        refused = looked(world, commit=commit)
        assert [bool(one.damage.refused) for one in refused] == [True, True]
    assert taken(world) == []


def test_a_table_that_is_not_there_is_named(told: World):
    with pytest.raises(TableNotInLake, match=r"There is no log of sale in the lake\. .*_control/ledger"):
        looked(told, "sale")
    assert looked(told, TABLE) == []


def swap_entry(world: World) -> int:
    numbers = [info["version"] for info in DeltaTable(world.root / TABLE).history() if "backfill_assets/swap" in info]
    return min(numbers)


def test_a_swap_that_was_told_and_is_lost_comes_back_by_the_correction_while_its_files_are_there(
    told: World, tmp_path: Path
):
    world = copy_of(told, tmp_path / "lake")
    for entry in entries(world.root / TABLE)[swap_entry(world) :]:
        entry.write_bytes(b"")
    gone = copy_of(world, tmp_path / "gone")
    (done,) = looked(world, TABLE, commit=True)
    assert "Swap 1 of correction 20260123 was told and is lost; its 4 files are all there" in done.told[0]
    assert world.content() != world.right
    cut_over(world.step_context(), ID, again=True)
    assert world.content() == world.right
    assert isinstance(world.drive(ID), WaitUntil)
    roll_back(world.step_context(), ID, all_days=True)
    assert world.content()[day(6)] == 106

    staged = next((gone.root / STAGED).rglob("day=2026-01-06/*.parquet"))
    staged.unlink()
    (refused,) = looked(gone, TABLE, commit=True)
    assert "was told, and some of its files are gone" in refused.damage.refused


def test_what_the_ledger_lost_of_a_swap_is_taken_over_from_the_table(told: World, tmp_path: Path):
    """The plan and the record of the swap, and all that came after them."""
    world = copy_of(told, tmp_path / "lake")
    place = world.root / LEDGER
    rows = pl.read_delta(str(place))
    written = [
        number
        for number in range(len(entries(place)))
        if pl.read_delta(str(place), version=number).filter(pl.col("step") == "cut_over").is_empty()
    ]
    assert rows.filter(pl.col("step") == "cut_over").height == 2
    for entry in entries(place)[max(written) + 1 :]:
        entry.write_bytes(b"")

    assert [one.damage.table for one in looked(world)] == [LEDGER]
    assert taken(world, commit=False) == []
    looked(world, commit=True)
    (foretold,) = taken(world, commit=False)
    assert foretold.sentence.endswith("It is to be taken over from the table's log.")
    assert not world.events(ID, Step.CUT_OVER, Outcome.DONE)
    (lost,) = taken(world)
    assert lost.sentence.endswith("It was taken over from the table's log.")
    assert taken(world) == []
    assert_corrected_once(world, "taken over")
    roll_back(world.step_context(), ID, all_days=True)
    assert world.content()[day(6)] == 106


def test_a_swap_of_a_correction_that_the_ledger_lost_altogether_is_named(told: World, tmp_path: Path):
    world = copy_of(told, tmp_path / "lake")
    shutil.rmtree(world.root / LEDGER)
    (lost,) = taken(world)
    assert "a swap of correction 20260123, which the ledger does not know" in lost.refused
    checkpoint(world.root / TABLE)
    for entry in entries(world.root / TABLE):
        entry.unlink()
    assert taken(world) == [lost]


@pytest.mark.slow
def test_whatever_commit_the_power_is_cut_in_it_is_repaired_and_carried_on_to_the_right_end(tmp_path: Path):
    """The entry is there by name and has no content, as file systems leave what was written and not forced."""
    world, cuts = world_at(tmp_path / "lake"), dict[tuple[str, ...], World]()
    real = syncing.force_written

    def cut_before(folder, commit):
        heard = [f"{event.step} {event.outcome}" for of in world.records.ledger.histories().values() for event in of]
        state = (str(Path(folder.uri).relative_to(world.root)), *[one for one in heard[-1:] if one in AROUND_A_SWAP])
        if state not in cuts:
            root = disk.after_cut(tmp_path / f"cut-{len(cuts)}", names_kept=True)
            cuts[state] = replace(world, root=root, surroundings=world.surroundings.copy(), built=[*world.built])
        real(folder, commit)

    with forgetting(world.root) as disk, pytest.MonkeyPatch.context() as patch:
        patch.setattr("backfill_assets.storage.commits.force_written", cut_before)
        corrected(world)

    for state, there in cuts.items():
        (damaged,) = looked(there)
        assert (damaged.damage.table, damaged.damage.refused) == (state[0], ""), state
        with pytest.raises(Unusable):
            open_any(folder_of(there.records.lake, state[0]))
        looked(there, commit=True)
        taken(there)
        assert_corrected_once(there, state)
        rolled_back(there)
        assert there.content()[day(6)] == 106, state
    assert len(cuts) > 7


@pytest.mark.slow
@pytest.mark.parametrize("table", [TABLE, LEDGER, STAGED])
def test_what_somebody_cut_short_in_a_bucket_is_set_aside_there_as_well(told: World, bucket: InBucket, table: str):
    world = copy_of(told, bucket)
    newest = max((bucket / table / LOG).rglob("*.json"))
    left = half(newest.read_bytes())
    newest.write_bytes(left)

    (found,) = looked(world)
    assert (found.damage.table, found.damage.refused) == (table, "")
    (done,) = looked(world, commit=True)
    assert [(bucket / moved).read_bytes() for moved in done.moved] == [left]
    assert looked(world) == []
    if table == TABLE:
        cut_over(world.step_context(), ID, again=True)
    corrected(world)
    assert world.content() == world.right
