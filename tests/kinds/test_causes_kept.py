"""What is wrong with a table is said as it is: a lost log is no missing table, half an entry is no empty commit."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from backfill_assets.core.next_step import Stuck
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.lake import CommitGone, LakeUnreachable, LogDamaged, LogLost, TableMissing
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import LOG, Lake
from backfill_assets.storage.opening import latest
from backfill_assets.storage.records import Records
from backfill_assets.storage.table import Change, Table
from tests.runbook.world import SOURCE, TABLE, World, day, world_at
from tests.storage.lakes import SMALL, days, live_with, worth

Harm = Callable[[Path], object]


def entry(table: str | Path, number: int) -> Path:
    return Path(table) / LOG / f"{number:020}.json"


def five_commits(uri: Path) -> Table:
    table = live_with(uri, {days(1)[0]: [0]})
    for of in days(3, first=1):
        table.replace_days({of: worth(of.day)})
    return table


def cut(number: int, keep: Callable[[bytes], bytes]) -> Harm:
    def harm(table: Path) -> None:
        place = entry(table, number)
        place.write_bytes(keep(place.read_bytes()))

    return harm


def checkpoint(table: Path, at: int) -> None:
    DeltaTable(table, version=at).create_checkpoint()


def half_a_checkpoint(table: Path) -> None:
    checkpoint(table, 4)
    (place,) = (table / LOG).glob("*.checkpoint.parquet")
    place.write_bytes(place.read_bytes()[:100])


def below_a_checkpoint(table: Path) -> None:
    cut(3, lambda _: b"")(table)
    checkpoint(table, 4)


DAMAGE: Mapping[str, tuple[Harm, str]] = {
    "an empty entry": (cut(2, lambda _: b""), "commit 2 is empty"),
    "an empty newest entry": (cut(4, lambda _: b""), "commit 4 is empty"),
    "an empty first entry": (cut(0, lambda _: b""), "commit 0 is empty"),
    "an entry of blanks": (cut(2, lambda _: b" \n\n"), "commit 2 is empty"),
    "half an entry": (cut(2, lambda whole: whole[: len(whole) // 2]), "commit 2 is cut short"),
    "an entry that ends after its first line": (cut(2, lambda whole: whole[: whole.index(b"\n")]), "commit 2 is cut"),
    "the same, with the end of the line": (cut(4, lambda whole: whole[: whole.index(b"\n") + 1]), "commit 4 is cut"),
    "an entry of zeros": (cut(2, lambda whole: bytes(len(whole))), "commit 2 is cut short"),
    "an entry of something else": (cut(4, lambda _: b"<html>\n"), "commit 4 is cut short"),
    "a missing entry": (lambda table: entry(table, 2).unlink(), "commit 2 is missing"),
    "a missing first entry": (lambda table: entry(table, 0).unlink(), "commit 0 is missing"),
    "half a checkpoint": (half_a_checkpoint, "heckpoint"),
    "an empty entry below a checkpoint": (below_a_checkpoint, "commit 3 is empty"),
}


def fresh(tmp_path: Path, harm: Harm) -> Path:
    """A table of five commits that was harmed, and that this process has never seen."""
    made = five_commits(tmp_path / "made")
    harm(Path(made.uri))
    return Path(shutil.copytree(made.uri, tmp_path / "lake" / "t"))


def assert_in_three_sentences(error: BaseException) -> None:
    assert str(error).count(". ") >= 2, error
    assert ": " not in str(error)


def reads_and_writes(uri: Path) -> Mapping[str, Callable[[], object]]:
    lake, table = Lake(str(uri.parent)), Table(str(uri), SMALL)
    return {
        "opened": table.snapshot,
        "newest": lambda: latest(str(uri), {}),
        "by name": lambda: Records(lake).snapshot("t"),
        "existence": lambda: Records(lake).exists("t"),
        "a write": lambda: table.replace_days({days(1)[0]: worth(1)}),
        "a commit of nothing": lambda: table.commit(lambda _: Change()),
    }


@pytest.mark.parametrize(("harm", "named"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_log_stops_every_read_and_write_by_name(tmp_path: Path, harm: Harm, named: str):
    uri = fresh(tmp_path, harm)
    before = {place.name: place.read_bytes() for place in (uri / LOG).iterdir()}
    for what, act in reads_and_writes(uri).items():
        with pytest.raises(LogDamaged, match=named) as caught:
            act()
        assert str(uri) in str(caught.value), what
        assert_in_three_sentences(caught.value)
    assert {place.name: place.read_bytes() for place in (uri / LOG).iterdir()} == before


def test_an_entry_cut_at_any_byte_is_found_out(tmp_path: Path):
    made = five_commits(tmp_path / "t")
    place = entry(made.uri, 3)
    whole = place.read_bytes()
    lines = [0, *(at for at, byte in enumerate(whole) if byte == ord("\n"))]
    for length in sorted({*range(0, len(whole), 97), *(at + step for at in lines for step in (0, 1))} - {len(whole)}):
        place.write_bytes(whole[:length])
        with pytest.raises(LogDamaged, match="commit 3"):
            made.snapshot()
    place.write_bytes(whole)
    assert made.snapshot().commit == 4


def test_an_entry_that_is_harmed_after_it_was_read_is_found_by_the_next_read(tmp_path: Path):
    made = five_commits(tmp_path / "t")
    assert latest(made.uri, {}) is not None
    cut(4, lambda _: b"")(Path(made.uri))
    for act in (made.snapshot, lambda: latest(made.uri, {})):
        with pytest.raises(LogDamaged, match="commit 4"):
            act()


def test_a_commit_without_a_word_from_us_may_do_nothing(tmp_path: Path):
    """Other engines write such entries, and so do we."""
    made = five_commits(tmp_path / "t")
    entry(made.uri, 5).write_text(json.dumps({"commitInfo": {"timestamp": 1}}))
    made.commit(lambda _: Change())
    assert made.snapshot().commit == 6


def test_a_log_is_looked_at_again_only_where_it_grew(tmp_path: Path):
    made = five_commits(tmp_path / "t")
    made.snapshot()
    os.utime(entry(made.uri, 1), (1, 1))
    checkpoint(Path(made.uri), 4)
    cut(1, lambda _: b"")(Path(made.uri))
    assert made.snapshot().commit == 4


GONE: Mapping[str, tuple[Harm, int]] = {
    "the entry alone": (lambda table: (checkpoint(table, 3), entry(table, 1).unlink()), 1),
    "all below a checkpoint": (
        lambda table: (checkpoint(table, 3), entry(table, 0).unlink(), entry(table, 1).unlink()),
        1,
    ),
    "what it was built on": (lambda table: (checkpoint(table, 3), entry(table, 0).unlink()), 1),
    "the newest": (lambda table: entry(table, 4).unlink(), 4),
    "one that never was": (lambda _: None, 99),
}


@pytest.mark.parametrize(("harm", "number"), GONE.values(), ids=GONE)
def test_a_commit_that_is_no_longer_in_the_log_is_named_and_the_table_is_read(tmp_path: Path, harm: Harm, number: int):
    uri = fresh(tmp_path, harm)
    with pytest.raises(CommitGone, match=f"commit {number} is no longer in the log") as caught:
        Records(Lake(str(uri.parent))).snapshot("t", number)
    assert_in_three_sentences(caught.value)
    assert Records(Lake(str(uri.parent))).snapshot("t").days


LOST: Mapping[str, Harm] = {
    "the log": lambda table: shutil.rmtree(table / LOG),
    "every entry": lambda table: [place.unlink() for place in (table / LOG).iterdir()],
}


@pytest.mark.parametrize("harm", LOST.values(), ids=LOST)
def test_a_table_whose_log_is_lost_is_not_taken_for_one_that_never_was_nor_made_anew(tmp_path: Path, harm: Harm):
    uri = fresh(tmp_path, harm)
    records, table = Records(Lake(str(uri.parent))), Table(str(uri), SMALL)
    for act in (lambda: records.exists("t"), lambda: records.snapshot("t"), table.exists, table.create):
        with pytest.raises(LogLost, match="no Delta log") as caught:
            act()
        assert_in_three_sentences(caught.value)


def test_a_table_that_never_was_is_missing_and_one_of_checkpoints_alone_is_read(tmp_path: Path):
    records = Records(Lake(str(tmp_path)))
    assert not records.exists("t")
    with pytest.raises(TableMissing):
        records.snapshot("t")
    made = five_commits(tmp_path / "t")
    checkpoint(Path(made.uri), 4)
    for number in range(5):
        entry(made.uri, number).unlink()
    assert len(records.snapshot("t").days) == 4


def a_loop(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(place)


@pytest.mark.parametrize("where", ["t", f"t/{LOG}"])
def test_a_lake_that_cannot_be_reached_is_not_an_empty_one(tmp_path: Path, where: str):
    a_loop(tmp_path / where)
    records, table = Records(Lake(str(tmp_path))), Table(str(tmp_path / "t"), SMALL)
    for act in (lambda: records.exists("t"), lambda: records.snapshot("t"), table.exists, table.create, table.snapshot):
        with pytest.raises(LakeUnreachable) as caught:
            act()
        assert_in_three_sentences(caught.value)


def test_an_object_store_that_does_not_answer_is_said_to_be_unreachable():
    options = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
        "max_retries": "0",
        "retry_timeout": "1s",
    }
    records = Records(Lake("s3://nowhere/lake", options))
    with pytest.raises(LakeUnreachable, match="nowhere"):
        records.exists("t")


def test_a_control_table_with_an_empty_entry_answers_nothing_and_takes_nothing(tmp_path: Path):
    numbers = pl.Schema({"number": pl.Int64()})
    made = ControlTable(Lake(str(tmp_path / "made")), "numbers", numbers)
    for number in range(3):
        made.append(lambda _, number=number: pl.DataFrame({"number": [number]}))
    cut(2, lambda _: b"")(tmp_path / "made/_control/numbers")
    shutil.copytree(tmp_path / "made", tmp_path / "lake")
    table = ControlTable(Lake(str(tmp_path / "lake")), "numbers", numbers)
    for act in (table.rows, lambda: table.append(lambda _: pl.DataFrame({"number": [9]}))):
        with pytest.raises(LogDamaged, match="commit 2"):
            act()


def pinned_away(world: World) -> int:
    """The commit that the correction's source is pinned to is gone, the source is not."""
    source = Path(world.records.lake.table_uri(SOURCE))
    pin = world.records.snapshot(SOURCE).commit
    world.land({day(20): 20})
    checkpoint(source, pin + 1)
    entry(source, pin).unlink()
    return pin


@pytest.mark.parametrize("staged", [False, True], ids=["before staging", "after staging"])
def test_a_correction_whose_pin_is_gone_is_stuck_with_that_reason(tmp_path: Path, staged: bool):  # noqa: FBT001
    world = world_at(tmp_path)
    plan = world.open(5, 10)
    if staged:
        world.stage_wave(plan.correction, plan.days)
    pin = pinned_away(world)
    at_rest = world.drive(plan.correction)
    assert isinstance(at_rest, Stuck)
    assert f"commit {pin} is no longer in the log" in at_rest.reason
    failed = world.events(plan.correction, at_rest.step, Outcome.FAILED)
    assert len(failed) == 1


def test_a_correction_whose_live_log_is_damaged_is_stuck_at_the_step_that_reads_it(tmp_path: Path):
    made = world_at(tmp_path / "made")
    plan = made.open(5, 10)
    write_deltalake(made.live.uri, made.live.snapshot().scan([day(1)]).collect().clear(), mode="append")
    newest = made.live.snapshot().commit
    cut(newest, lambda _: b"")(Path(made.live.uri))
    shutil.copytree(made.root, tmp_path / "lake")
    world = World(tmp_path / "lake", made.right)
    at_rest = world.drive(plan.correction)
    assert isinstance(at_rest, Stuck)
    assert (f"commit {newest} is empty" in at_rest.reason, TABLE in at_rest.reason) == (True, True)
    assert at_rest.step in {Step.FREEZE_REPORTS, Step.VALIDATE}


def test_every_refusal_here_says_what_to_do_next():
    for kind in (CommitGone("u", 1), LogDamaged("u", "commit 1 is empty"), LogLost("u"), LakeUnreachable("u", "why")):
        assert isinstance(kind, BackfillAssetsError)
        assert_in_three_sentences(kind)
