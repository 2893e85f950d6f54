"""Forcing what a lake on disk holds to the disk itself, so that a power cut takes back nothing that was declared.

A commit forces first what it builds on, the entry that was read included, then itself; only then is it declared. An
object store answers once it holds what it was given, so nothing is forced there. ``BACKFILL_SYNC=off`` leaves it out
for lakes that may be lost, such as those of tests.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.given import SwitchUnknown
from backfill_assets.errors.lake import CommitUnknown
from backfill_assets.storage.entries import LAST_CHECKPOINT, reaching
from backfill_assets.storage.files import MOST_THREADS, Folder, in_threads
from backfill_assets.storage.layout import LOG, checkpoint_of, entry_of
from backfill_assets.storage.operations import Operation, perform

SWITCH, STATES = "BACKFILL_SYNC", ("on", "off")
# Who else writes to a table may force nothing, and so many of its entries below the one that was read are forced too.
ENTRIES_OF_OTHERS = 10
# What a file system says that forces the names in a folder by itself, or not at all.
NOT_FOR_FOLDERS = {errno.EBADF, errno.EINVAL, errno.ENOTSUP}
FEW = 8

# By table, the newest entry that this process knows to be on disk.
_forced: dict[str, int] = {}


def is_on() -> bool:
    """Whether anything is forced to disk.

    Raises:
        SwitchUnknown: when the environment says neither.
    """
    told = os.environ.get(SWITCH) or STATES[0]
    if told not in STATES:
        raise SwitchUnknown(SWITCH, told, STATES)
    return told == STATES[0]


def force(paths: Iterable[Path], *, if_there: Iterable[Path] = ()) -> None:
    """Force files, and folders with the names in them, to disk; those of ``if_there`` may be gone.

    Raises:
        OSError: when one cannot be.
    """
    if is_on():
        _force_all(_force, [*dict.fromkeys(paths)])
        _force_all(_force_if_there, [*dict.fromkeys(if_there)])


def force_read(folder: Folder, commit: int, files: Collection[str] = ()) -> None:
    """Force what is built upon: the entry of the commit that was read, and data files that were just written.

    Whoever made that commit may have been killed before it forced its entry; below a later one that is on disk, an
    entry that is lost makes the table unreadable.

    Raises:
        LakeUnreachable: when the disk refuses.
    """
    if (root := folder.local) is None or not is_on():
        return
    known = _forced.get(folder.uri)
    parents = {parent for path in files for parent in PurePosixPath(path).parents}
    wanted = [root / path for path in (*files, *parents)]
    entries: list[str] = []
    if known is None or known < commit:
        first = max(commit + 1 - ENTRIES_OF_OTHERS, -1 if known is None else known + 1, 0)
        entries = [entry_of(number) for number in range(first, commit + 1)]
        entries += [checkpoint_of(commit), LAST_CHECKPOINT] if (root / checkpoint_of(commit)).exists() else []
        wanted += _folders_of_log(root, known)
    with reaching(folder):
        force(wanted, if_there=[root / path for path in entries])
    _forced[folder.uri] = commit


def force_written(folder: Folder, commit: int) -> None:
    """Force a commit that was just made: its entry, the checkpoint that came with it, and their names.

    Raises:
        CommitUnknown: when the disk refuses; then nobody can tell whether the commit outlives a power cut.
    """
    if (root := folder.local) is None or not is_on():
        return
    wanted = [root / entry_of(commit), *_folders_of_log(root, _forced.get(folder.uri))]
    try:
        if (checkpoint := root / checkpoint_of(commit)).exists():
            # Readers go where the last checkpoint is said to be, and cannot do without it.
            force([checkpoint])
            wanted.append(root / LAST_CHECKPOINT)
        force(wanted)
    except OSError as error:
        raise CommitUnknown(folder.uri, in_one_line(str(error))) from error
    _forced[folder.uri] = commit


def force_rewritten(folder: Folder, commit: int) -> None:
    """Force a commit whose data files delta-rs wrote by itself, and these; one by one as its entry names them.

    Raises:
        LakeUnreachable, CommitUnknown: when the disk refuses.
    """
    if folder.local is None or not is_on():
        return
    actions = [json.loads(line) for line in folder.read(entry_of(commit)).splitlines() if line.startswith(b'{"add"')]
    force_read(folder, commit - 1, [unquote(action["add"]["path"]) for action in actions])
    force_written(folder, commit)


def force_base(folder: Folder, commit: int, checkpoint: Collection[str]) -> None:
    """Force what takes the place of a log that is about to be deleted: the files of a checkpoint, and a commit.

    Raises:
        LakeUnreachable: when the disk refuses.
    """
    force_read(folder, commit)
    if (root := folder.local) is not None:
        with reaching(folder):
            force([root / path for path in checkpoint], if_there=[root / LAST_CHECKPOINT])
            force([root / LOG])


def _folders_of_log(root: Path, known: int | None) -> list[Path]:
    """The log's folder; with those above it, as far as we may look, where this process knows nothing of the table."""
    if known is not None:
        return [root / LOG]
    device = root.stat().st_dev
    above = [parent for parent in root.parents if os.access(parent, os.R_OK) and parent.stat().st_dev == device]
    return [root / LOG, root, *above]


def _force_all(force_one: Callable[[Path], None], paths: Sequence[Path]) -> None:
    """Force paths, each thread its share of them; of a few, a thread takes longer to begin than the disk to answer."""

    def force_share(share: Sequence[Path]) -> None:
        for path in share:
            force_one(path)

    threads = MOST_THREADS if len(paths) > FEW else 1
    in_threads(force_share, [paths[number::threads] for number in range(threads)])


def _force(path: Path) -> None:
    perform(Operation.SYNC, str(path), lambda: _sync(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if hasattr(fcntl, "F_FULLFSYNC"):  # on a Mac the drive keeps what it was given until it is told this
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        elif path.is_dir():
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in NOT_FOR_FOLDERS or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def _force_if_there(path: Path) -> None:
    with suppress(FileNotFoundError):
        _force(path)
