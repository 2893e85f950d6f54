"""A disk that forgets what was not forced to it: what a power cut leaves of a folder, by what the system was asked for.

It looks at the system's own calls, so that it sees whoever forces a file, and whoever does not.
"""

import os
import stat
from _thread import LockType
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest

# A file by its inode and the time of its last change: numbers of deleted files are given out again.
Key = tuple[int, int]


@dataclass
class Disk:
    """What was forced of everything below a folder: contents of files, names in folders."""

    root: Path
    contents: dict[Key, bytes] = field(default_factory=dict[Key, bytes])
    names: dict[int, dict[str, tuple[Key, bool]]] = field(default_factory=dict[int, dict[str, tuple[Key, bool]]])
    lock: LockType = field(default_factory=Lock)
    before_each: Callable[[], None] = lambda: None

    def force(self, descriptor: int) -> None:
        """What the system does when a file or folder is forced."""
        status, path = os.fstat(descriptor), str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if not path.startswith(str(self.root)):
            return
        with self.lock:
            self.before_each()
            self._force(status, path)

    def _force(self, status: os.stat_result, path: str) -> None:
        if stat.S_ISDIR(status.st_mode):
            self.names[status.st_ino] = {
                one.name: (_key(one.stat(follow_symlinks=False)), one.is_dir()) for one in os.scandir(path)
            }
        else:
            self.contents[_key(status)] = Path(path).read_bytes()

    def after_cut(self, into: Path, *, names_kept: bool = False) -> Path:
        """A folder as a power cut leaves this one: without what was not forced, or with its names and no content.

        Both are what file systems do: whether a name outlives its file's content depends on when each was written.
        """
        into.mkdir(parents=True)
        if names_kept:
            self._named(self.root, into)
        else:
            self._forced_of(self.root.stat().st_ino, into)
        return into

    def _named(self, folder: Path, into: Path) -> None:
        for one in os.scandir(folder):
            if one.is_dir():
                (into / one.name).mkdir()
                self._named(Path(one.path), into / one.name)
            else:
                (into / one.name).write_bytes(self.contents.get(_key(one.stat()), b""))

    def _forced_of(self, inode: int, into: Path) -> None:
        for name, (key, is_folder) in self.names.get(inode, {}).items():
            if is_folder:
                (into / name).mkdir()
                self._forced_of(key[0], into / name)
            else:
                (into / name).write_bytes(self.contents.get(key, b""))


def _key(status: os.stat_result) -> Key:
    return (status.st_ino, status.st_mtime_ns)


@contextmanager
def forgetting(root: Path) -> Iterator[Disk]:
    """A disk under a folder, which is there already and whose content counts as forced."""
    disk = Disk(root)
    for path in (root, *root.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        disk.force(descriptor)
        os.close(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKFILL_SYNC", "on")
        patch.setattr(os, "fsync", disk.force)
        patch.setattr(os, "fdatasync", disk.force)
        yield disk
