"""A power cut right after a write that was declared: what it wrote is there, on every disk that forgets the rest."""

import ast
import errno
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.errors.given import SwitchUnknown
from backfill_assets.errors.lake import CommitUnknown, LakeUnreachable, LogDamaged
from backfill_assets.storage import syncing
from backfill_assets.storage.adopting import Rewrite, rewrite, take_back
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.files import Folder
from backfill_assets.storage.foreign import ForeignTable
from backfill_assets.storage.layout import DAY, Lake
from backfill_assets.storage.replacing import create_text, replace_files, replace_text
from backfill_assets.storage.retention import clean_log, decommission, maintain
from backfill_assets.storage.table import Table
from backfill_assets.storage.vault import COLUMN, KEY, TOKEN, VALUE, VAULT, Vault
from tests.forgetting_disk import forgetting
from tests.storage.lakes import (
    SMALL,
    content,
    created,
    day,
    days,
    done_cut_over,
    done_roll_back,
    live_with,
    staged_with,
    worth,
)

NUMBERS = pl.Schema({"number": pl.Int64()})
WIDER = pl.Schema({**SMALL, "market": pl.String()})


def made(root: Path) -> None:
    created(root / "new" / "t")


def replaced(root: Path) -> None:
    live_with(root / "t", dict.fromkeys(days(3), (1,)))


def appended(root: Path) -> None:
    live_with(root / "t", {day(0): [1]}).append(pl.DataFrame({"day": days(2), "revenue": [5, 6]}))


def widened(root: Path) -> None:
    live_with(root / "t", {day(0): [1]})
    Table(str(root / "t"), WIDER).add_nullable_columns()


def nothing_to_do(root: Path) -> None:
    live_with(root / "t", {day(0): [1]})
    syncing._forced.clear()
    Table(str(root / "t"), SMALL).commit(lambda _: None)


def noted(root: Path) -> None:
    for number in range(12):
        row = pl.DataFrame({"number": [number]}, schema=NUMBERS)
        ControlTable(Lake(str(root)), "numbers", NUMBERS).append(lambda _, row=row: row)


def swapped(root: Path) -> None:
    live = live_with(root / "t", dict.fromkeys(days(3), (1,)))
    done_cut_over(live, staged_with(live, "c", dict.fromkeys(days(2), (2,))), "c")


def swapped_back(root: Path) -> None:
    live = live_with(root / "t", dict.fromkeys(days(3), (1,)))
    manifest = done_cut_over(live, staged_with(live, "c", dict.fromkeys(days(2), (2,))), "c")
    done_roll_back(live, [manifest], "c")


def decommissioned(root: Path) -> None:
    live = live_with(root / "t", dict.fromkeys(days(3), (1,)))
    manifest = done_cut_over(live, staged_with(live, "c", dict.fromkeys(days(2), (2,))), "c")
    decommission(live, correction="c", own_manifests=[manifest], other_manifests=[])


def compacted(root: Path) -> None:
    live = live_with(root / "t", {day(0): [1]})
    live.append(pl.DataFrame({"day": [day(0)], "revenue": [5]}))
    maintain(live, keep_days=(), keep_paths=(), retention=timedelta(0), now=datetime.now(UTC) + timedelta(days=9))


def cleaned(root: Path) -> None:
    live = created(root / "t", properties={"delta.checkpointInterval": "3"})
    for number in range(8):
        live.replace_days({day(0): worth(number)})
    assert clean_log(live, datetime.now(UTC) + timedelta(days=1))


def rewritten(root: Path) -> None:
    table = created(root / "t", partition=None)
    table.append(pl.DataFrame({"day": days(3), "revenue": [1, 2, 3]}))
    folder = Folder(table.uri)
    rewrite(ForeignTable.at(folder), Rewrite("a", "day"), 3)
    take_back(ForeignTable.at(folder), 1, "a")
    rewrite(ForeignTable.at(folder), Rewrite("a", "day"), 3)


def forgotten(root: Path) -> None:
    vault = Vault(Lake(str(root)), "log")
    rows = pl.DataFrame({DAY: days(2), COLUMN: "who", KEY: "k", TOKEN: ["a", "b"], VALUE: ["Ada", "Bob"]}, schema=VAULT)
    vault.keep(lambda: (rows, rows.clear()))
    assert vault.delete(pl.col(TOKEN) == "a", "erased").rows == 1


WRITES: dict[str, Callable[[Path], None]] = {
    "a table is created": made,
    "days are replaced": replaced,
    "rows are appended": appended,
    "a column is added": widened,
    "there is nothing to do": nothing_to_do,
    "a control table comes to a checkpoint": noted,
    "days are swapped": swapped,
    "days are swapped back": swapped_back,
    "retired files are deleted": decommissioned,
    "days are compacted": compacted,
    "an old log is deleted": cleaned,
    "somebody is forgotten, and the log cut off behind it": forgotten,
    "a table is rewritten by its adoption, and taken back": rewritten,
}


def tables_below(root: Path) -> list[Path]:
    return sorted(log.parent for log in root.rglob("_delta_log") if any(log.iterdir()))


def held(table: Path) -> tuple[int, list[tuple[object, ...]]]:
    """The commit and the rows of a table, read by what reads it."""
    snapshot = Table(str(table), SMALL).snapshot()
    frame = pl.read_delta(str(table))
    return snapshot.commit, sorted(frame.rows(), key=str)


@pytest.mark.parametrize("left", ["nothing", "names"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_what_was_declared_outlives_a_power_cut(write: Callable[[Path], None], left: str, tmp_path: Path):
    (lake := tmp_path / "lake").mkdir()
    with forgetting(lake) as disk:
        write(lake)
        cut = disk.after_cut(tmp_path / "cut", names_kept=left == "names")

    before = {table.relative_to(lake): held(table) for table in tables_below(lake)}
    assert before
    assert {table.relative_to(cut): held(table) for table in tables_below(cut)}.items() >= before.items()


@pytest.mark.parametrize(
    "left", [b"", b'{"commitInfo":{"backfill_assets/actions":"2"', None], ids=["empty", "half", "line"]
)
def test_an_entry_that_was_never_declared_is_named_and_the_table_goes_on_without_it(left: bytes | None, tmp_path: Path):
    live_with(tmp_path / "t", {day(0): [1]}).replace_days({day(0): worth(2)})
    table = Table(str(shutil.copytree(tmp_path / "t", tmp_path / "copy")), SMALL)
    entry = tmp_path / "copy" / "_delta_log" / f"{2:020}.json"
    entry.write_bytes(entry.read_bytes().splitlines(keepends=True)[0] if left is None else left)
    with pytest.raises(LogDamaged, match=f"repair, which says what _delta_log/{entry.name} was and sets it aside"):
        table.snapshot()

    entry.unlink()
    assert content(table) == {day(0): [1]}
    table.replace_days({day(0): worth(2)})
    assert content(table) == {day(0): [2]}


def without(root: Path, into: Path, *gone: str, empty: str = "") -> ControlTable:
    """A copy of a lake with a control table, without some files of its log."""
    log = shutil.copytree(root, into) / "_control" / "numbers" / "_delta_log"
    for name in gone:
        (log / name).unlink()
    if empty:
        (log / empty).write_bytes(b"")
    return ControlTable(Lake(str(into)), "numbers", NUMBERS)


def test_a_hint_that_outlived_its_checkpoint_is_dropped_where_the_log_needs_none(tmp_path: Path):
    """What a cut between the writes of the two may leave: the second is on disk, the first is not."""
    noted(root := tmp_path / "lake")
    entry, checkpoint = f"{3:020}.json", f"{9:020}.checkpoint.parquet"
    for name, rows in {
        "gone": without(root, tmp_path / "gone", checkpoint),
        "empty": without(root, tmp_path / "empty", empty=checkpoint),
    }.items():
        assert rows.rows()["number"].to_list() == list(range(12)), name
        assert not list((tmp_path / name).rglob("_last_checkpoint")), name
    with pytest.raises(LogDamaged, match="commit 3 is missing"):
        without(root, tmp_path / "needed", checkpoint, entry).rows()
    assert list((tmp_path / "needed").rglob("_last_checkpoint"))


@pytest.mark.parametrize("left", ["nothing", "names"])
def test_what_readers_see_is_the_old_or_the_new_of_it_whenever_the_power_is_cut(left: str, tmp_path: Path):
    (published := tmp_path / "published").mkdir()
    page, notice = published / "corrections" / "c.html", published / "notices" / "n.txt"
    states: list[list[bytes]] = []

    def cut() -> None:
        there = disk.after_cut(tmp_path / f"cut-{len(states)}", names_kept=left == "names")
        states.append([file.read_bytes() for file in sorted(there.rglob("[!.]*")) if file.is_file()])

    with forgetting(published) as disk:
        replace_files({page: b"old", notice: b"told"})
        cut()
        disk.before_each = cut
        replace_text(page, "new")
    cut()

    assert states[0] == [b"old", b"told"]
    assert states[-1] == [b"new", b"told"]
    assert all(state in (states[0], states[-1]) for state in states)


def test_a_secret_is_made_once_and_outlives_a_power_cut(tmp_path: Path):
    (home := tmp_path / "home").mkdir()
    with forgetting(home) as disk:
        create_text(home / "kept" / "token.key", "first")
        create_text(home / "kept" / "token.key", "second")
        cut = disk.after_cut(tmp_path / "cut")
    assert (cut / "kept" / "token.key").read_text() == "first"
    assert [file.name for file in (home / "kept").iterdir()] == ["token.key"]
    assert (home / "kept" / "token.key").stat().st_mode & 0o777 == 0o600


COMMITS = {"create_write_transaction", "write_deltalake", "create_checkpoint", "add_columns", "set_table_properties"}
COMMITS |= {"restore", "DeltaTable.create"}
FORCED = {"force_written", "force_rewritten"}
WRITES_FILES = {"write_text", "write_bytes", "hardlink_to", "symlink_to"}
# What commits in object stores only, which answer once they hold what they were given.
IN_OBJECT_STORES = {"probing.py"}
# What is not of the lake: a home of Dagster's, drafts in a temporary folder, what is forced by whoever calls for it.
ELSEWHERE = {"session.py", "rendering.py", "replacing.py", "place.py"}


def called(tree: ast.AST) -> set[str]:
    """What is called, or handed over to be called; what comes from another module of the library is looked at there."""
    ours = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("backfill_assets.command_line")
        for alias in node.names
    }
    names = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)]
    return {part for name in names for part in (name, name.rpartition(".")[2])} - ours


def test_whatever_commits_or_writes_a_file_forces_it():
    """A new way to commit passes the seam, and files that readers see are written by ``replacing``."""
    commits, writes = [], []
    for module in sorted(Path(syncing.__file__).parents[1].rglob("*.py")):
        names = called(ast.parse(module.read_text()))
        if names & COMMITS and module.name not in IN_OBJECT_STORES:
            commits.append(module.name)
            assert names & FORCED, module
        if names & WRITES_FILES:
            writes.append(module.name)
    assert commits == ["adopting.py", "commits.py", "creating.py", "retention.py", "vault.py"]
    assert set(writes) <= ELSEWHERE


def test_a_disk_that_refuses_is_told_of_and_the_commit_is_not_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = live_with(tmp_path / "t", {day(0): [1]})

    def refused(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setenv("BACKFILL_SYNC", "on")
    monkeypatch.setattr(os, "fdatasync", refused)
    with pytest.raises(LakeUnreachable, match="Input/output error"):
        table.replace_days({day(0): worth(2)})
    assert content(table) == {day(0): [1]}

    seen: list[str] = []

    def refuses_later(descriptor: int) -> None:
        seen.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        if seen[-1].endswith("2.json"):
            refused(descriptor)

    monkeypatch.setattr(os, "fdatasync", refuses_later)
    with pytest.raises(CommitUnknown, match="Input/output error"):
        table.replace_days({day(0): worth(2)})
    assert content(table) == {day(0): [2]}


def test_folders_of_a_file_system_that_forces_no_folders_are_left_to_it(tmp_path, monkeypatch):
    def refused(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setenv("BACKFILL_SYNC", "on")
    monkeypatch.setattr(os, "fsync", refused)
    assert content(live_with(tmp_path / "t", {day(0): [1]})) == {day(0): [1]}


def test_the_switch_is_on_or_off_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    forced: list[Path] = []
    monkeypatch.setattr(syncing, "_force", forced.append)
    monkeypatch.setenv("BACKFILL_SYNC", "off")
    live_with(tmp_path / "off", {day(0): [1]})
    assert not forced
    for told in ("", "on"):
        monkeypatch.setenv("BACKFILL_SYNC", told)
        live_with(tmp_path / f"on{told}", {day(0): [1]})
        assert forced
        forced.clear()
    monkeypatch.setenv("BACKFILL_SYNC", "yes")
    with pytest.raises(SwitchUnknown, match="BACKFILL_SYNC is 'yes', which is none of off, on"):
        live_with(tmp_path / "yes", {day(0): [1]})
