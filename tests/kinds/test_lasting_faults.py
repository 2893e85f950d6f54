"""What a store refuses for good is named at once; only what can pass is tried again."""

import errno
import time
from pathlib import Path

import pytest

from backfill_assets.errors.lake import CommitUnknown, LakeUnreachable
from backfill_assets.storage import commits
from backfill_assets.storage.operations import is_lasting
from backfill_assets.storage.table import Change, Table
from tests.storage.lakes import SMALL, created, day, worth

SAID: list[tuple[Exception, bool]] = [
    (OSError(errno.EROFS, "Read-only file system"), True),
    (PermissionError(errno.EACCES, "Permission denied"), True),
    (OSError("Generic LocalFileSystem error: Unable to create dir /x: Read-only file system (os error 30)"), True),
    (OSError("Unable to open file /x: File name too long (os error 36)"), True),
    (OSError("Generic S3 error: Client error with status 403 Forbidden: <Code>AccessDenied</Code>"), True),
    (OSError("Generic S3 error: <Code>NoSuchBucket</Code>"), True),
    (OSError("Unable to open file: No space left on device (os error 28)"), True),
    (OSError("Too many open files (os error 24)"), False),
    (OSError("Generic S3 error: Server error with status 503 Service Unavailable"), False),
    (OSError("error sending request for url (http://x): connection closed (os error 104)"), False),
    (OSError("Error performing GET http://x/t in 403.25ms, after 2 retries - HTTP error"), False),
    (OSError("Metadata changed since last commit."), False),
]
"""What is said, and whether it will be said again."""


@pytest.mark.parametrize(("error", "lasts"), SAID)
def test_what_lasts_is_told_from_what_can_pass(error: Exception, *, lasts: bool):
    assert is_lasting(error) is lasts


def test_a_table_that_cannot_be_created_is_named_at_once(tmp_path: Path):
    (tmp_path / "lake").write_text("a file where a folder should be")
    began = time.monotonic()

    with pytest.raises(LakeUnreachable, match="Could not create local directory"):
        Table(str(tmp_path / "lake" / "t"), SMALL).create()

    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("error", "refused"), [(SAID[2][0], LakeUnreachable), (SAID[6][0], LakeUnreachable), (SAID[8][0], CommitUnknown)]
)
def test_a_commit_that_a_store_refuses_for_good_did_not_happen_and_one_that_failed_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, refused: type[Exception]
):
    there = created(tmp_path / "t").snapshot()

    class Refusing:
        """A handle of a table that takes no commit."""

        def __getattr__(self, name: str):
            return getattr(there.handle, name)

        def create_write_transaction(self, *_: object, **__: object) -> None:
            raise error

    snapshot = type(there)(Refusing(), there.folder, there.schema, there.partition)  # pyright: ignore[reportArgumentType]
    with pytest.raises(refused):
        commits.attempt(snapshot, Change())


def test_a_data_file_that_cannot_be_written_is_named(tmp_path: Path):
    table = created(tmp_path / "t")
    (tmp_path / "t/day=2026-01-01").write_text("a file where a folder should be")

    with pytest.raises(LakeUnreachable, match=r"/t cannot be reached"):
        table.write_files({day(0): worth(1)})
