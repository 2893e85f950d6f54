"""The one place that every operation on storage passes: nothing goes by it, and what can pass is tried again there."""

import ast
import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any

import pytest
from deltalake.exceptions import CommitFailedError

from backfill_assets.errors.lake import CommitUnknown, LakeUnreachable
from backfill_assets.errors.store import FilesUndeleted
from backfill_assets.storage import operations
from backfill_assets.storage.operations import TRIES, Operation, can_pass, perform
from tests.fault_stories import corrected, driven, rolled_back
from tests.faults import Fault, injected
from tests.runbook.world import world_at
from tests.storage.lakes import content, day, live_with, worth

PACKAGE = Path(operations.__file__).parents[1]
# What delta-rs and Polars do to storage when it is called.
NATIVE = {"create_write_transaction", "write_deltalake", "create_checkpoint", "restore", "vacuum", "history"}
NATIVE |= {"add_columns", "set_table_properties", "DeltaTable", "create", "write_parquet", "scan_parquet"}
# What is no storage of a lake, or is handed to ``perform`` by whoever calls it.
NOT_OF_LAKES = {
    "revenue/exports.py": {"write_parquet"},  # into memory
    "sources/apart.py": {"scan_parquet"},  # a landed file
    "storage/outside_files.py": {"scan_parquet"},  # files of others, outside of the lake
}
AUDITED = {"open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link"}


def touched(tree: ast.AST) -> set[str]:
    """What is called, or handed over to be called, by the last part of its name."""
    named = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {*named, *(node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_name(node.func))}


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def test_whoever_lets_others_touch_storage_does_it_through_the_seam():
    beside: dict[str, set[str]] = {}
    for module in sorted(PACKAGE.rglob("*.py")):
        text = module.read_text()
        tree = ast.parse(text)
        if "deltalake" in text or "parquet" in text:
            name, natives = module.relative_to(PACKAGE).as_posix(), touched(tree) & NATIVE
            if natives and "perform" not in touched(tree):
                beside[name] = natives
    assert beside == NOT_OF_LAKES


@contextmanager
def watched(root: Path) -> Iterator[list[str]]:
    """What Python does to a folder beside the seam, as the interpreter itself tells it."""
    beside: list[str] = []
    within, watching = local(), [True]

    def hear(event: str, told: tuple[Any, ...]) -> None:
        if watching[0] and event in AUDITED and str(told[0]).startswith(str(root)) and not getattr(within, "it", 0):
            beside.append(f"{event} {told[0]}")

    def pass_by(_operation: Operation, _where: str, work: Callable[[], Any]) -> Any:
        within.it = getattr(within, "it", 0) + 1
        try:
            return work()
        finally:
            within.it -= 1

    sys.addaudithook(hear)
    with operations.around(pass_by):
        yield beside
    watching[0] = False


@pytest.mark.parametrize("synced", ["on", "off"])
def test_python_touches_no_file_of_a_lake_beside_the_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: str):
    monkeypatch.setenv("BACKFILL_SYNC", synced)
    with watched(tmp_path) as beside:
        world = world_at(tmp_path / "lake")
        corrected(world)
        rolled_back(world)
        (tmp_path / "seen").touch()
    assert beside == [f"open {tmp_path / 'seen'}"]

    with watched(tmp_path) as beside:
        corrected(world := world_at(tmp_path / "other"))
        world.later(400)
        driven(world)
    assert beside == []


def test_what_can_pass_is_tried_again_and_what_cannot_is_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(operations, "sleep", lambda _: None)
    asked: list[Exception] = []

    def refuse(error: Exception) -> Callable[[], None]:
        def work() -> None:
            asked.append(error)
            raise error

        return work

    def times(operation: Operation, error: OSError) -> int:
        asked.clear()
        with pytest.raises(OSError, match=str(error.strerror)):
            perform(operation, "lake", refuse(error))
        return len(asked)

    late, lost = TimeoutError(errno.ETIMEDOUT, "timed out"), OSError(errno.EIO, "broken")
    full = OSError(errno.ENOSPC, "no space left")
    again = {Operation.READ, Operation.LIST, Operation.PUT, Operation.DELETE}
    assert {one: times(one, late) for one in Operation} == {one: TRIES if one in again else 1 for one in Operation}
    assert {times(one, other) for one in Operation for other in (lost, full)} == {1}
    assert can_pass(OSError("Generic S3 error: Server error with status 503 Service Unavailable"))


WRITES: dict[str, tuple[Operation, Fault, type[Exception] | None]] = {
    "a commit that nobody answers in time is made again": (Operation.COMMIT, Fault.TIMES_OUT, None),
    "one that happened is known again by its mark": (Operation.COMMIT, Fault.ANSWER_LOST, None),
    "one that fails may have happened": (Operation.COMMIT, Fault.FAILS, CommitUnknown),
    "one for which there is no space did not": (Operation.COMMIT, Fault.REFUSED, LakeUnreachable),
    "a file that comes too late is written again": (Operation.PUT, Fault.TIMES_OUT, None),
    "one that cannot be written is named": (Operation.PUT, Fault.FAILS, LakeUnreachable),
    "a log that cannot be read is named": (Operation.READ, Fault.FAILS, LakeUnreachable),
}


@pytest.mark.parametrize(("operation", "fault", "refused"), WRITES.values(), ids=WRITES.keys())
def test_a_write_is_one_commit_or_a_sentence(
    tmp_path: Path, operation: Operation, fault: Fault, refused: type[Exception] | None
):
    table = live_with(tmp_path / "whole", {day(0): [1]})
    with injected() as found:
        table.replace_days({day(0): worth(2)})
    number = 1 + next(index for index, (what, _) in enumerate(found.done) if what is operation)

    table = live_with(tmp_path / "t", {day(0): [1]})
    with injected(number, fault):
        if refused is None:
            table.replace_days({day(0): worth(2)})
        else:
            with pytest.raises(refused):
                table.replace_days({day(0): worth(2)})
    assert content(table) == {day(0): [1 if refused else 2]}
    assert table.snapshot().commit == (1 if refused else 2)


def test_files_that_cannot_be_deleted_are_told_of_as_such(tmp_path: Path):
    table = live_with(tmp_path / "t", {day(0): [1]})
    with injected(1, Fault.FAILS), pytest.raises(FilesUndeleted, match="what was not deleted is as it was"):
        table.folder.delete(["spare.parquet"])


PASSING_OR_NOT = {
    "a commit that was refused, whatever it says": (CommitFailedError("operation timed out"), False),
    "a disk that is read-only, whatever it says": (OSError(errno.EROFS, "timed out"), False),
    "too many open files": (OSError(errno.EMFILE, "Too many open files"), True),
    "a store that is busy": (OSError("503 SlowDown"), True),
    "a store that nobody answers for": (OSError("error sending request"), True),
    "a fault of ours": (ValueError("not a number"), False),
}


@pytest.mark.parametrize("name", PASSING_OR_NOT)
def test_what_may_be_gone_a_moment_later_is_told_from_what_stays(name: str) -> None:
    error, passes = PASSING_OR_NOT[name]
    assert can_pass(error) is passes
