"""Whether an object store refuses to put a file where one is, on which every commit rests; tried before any write.

One that ignores the condition answers that both of two commits happened, and keeps the later one only.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType

from backfill_assets.errors.lake import LakeUnreachable
from backfill_assets.errors.store import FilesUndeleted, StoreOverwrites
from backfill_assets.storage.entries import reaching
from backfill_assets.storage.files import Folder
from backfill_assets.storage.operations import Operation, perform

PROBE = "_backfill_probe"
WRITERS, TIMES = 4, 4

_Store = tuple[str, tuple[tuple[str, str], ...]]
# The stores that this process has tried.
_tried: set[_Store] = set()


def refuse_overwriting(folder: Folder) -> None:
    """Refuse a store in which two writers overwrite each other; a process tries each store once.

    It is tried by a table without rows below the folder, to which writers commit at once; it is deleted again.

    Raises:
        StoreOverwrites: when more than one of them was told that the same commit is its own.
        LakeUnreachable: when the store does not answer.
    """
    if folder.local is not None:
        return
    bucket = "/".join(folder.uri.split("/")[:3])
    store = (bucket, tuple(sorted(folder.storage_options.items())))
    if store in _tried:
        return
    with reaching(folder):
        name = f"{PROBE}_{uuid.uuid4().hex}"
        if perform(Operation.COMMIT, f"{folder.uri}/{name}", lambda: _overwrites(folder, name)):
            raise StoreOverwrites(bucket)
    _tried.add(store)


def _overwrites(folder: Folder, name: str) -> bool:
    uri, options = f"{folder.uri}/{name}", folder.storage_options
    try:
        DeltaTable.create(uri, Schema([Field(PROBE, PrimitiveType("string"))]), storage_options=options)
        # delta-rs looks whether there is such a commit before it puts it, so only writers at once show what is put.
        return any(_succeeded([DeltaTable(uri, storage_options=options) for _ in range(WRITERS)]) for _ in range(TIMES))
    except DeltaError as error:
        raise OSError(str(error)) from error
    finally:
        with suppress(FilesUndeleted, LakeUnreachable):
            folder.delete([found.path for found in folder.listing(name)])


def _succeeded(handles: Sequence[DeltaTable]) -> bool:
    """Whether more than one of the writers was told that its commit happened."""
    together = Barrier(len(handles))

    def commit(handle: DeltaTable) -> bool:
        together.wait()
        with suppress(DeltaError):
            handle.create_write_transaction(
                [],
                mode="append",
                schema=handle.schema(),
                commit_properties=CommitProperties(max_commit_retries=0, app_transactions=[Transaction(PROBE, 1)]),
            )
            return True
        return False

    with ThreadPoolExecutor(len(handles)) as writers:
        return sum(writers.map(commit, handles)) > 1
