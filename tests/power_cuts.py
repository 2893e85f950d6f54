"""Power cuts at every operation of a story on a disk that forgets, and what is made of each after it."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backfill_assets.runbook.repairing import repair
from backfill_assets.storage import operations
from backfill_assets.storage import table as table_module
from backfill_assets.storage.layout import Lake, entry_of
from backfill_assets.storage.operations import Operation
from backfill_assets.storage.records import Records
from tests.fault_stories import Expected, Story, raised_at
from tests.faults import WRITING, added, another_process, forget
from tests.forgetting_disk import Disk, forgetting

MOST_REPAIRS = 5


@dataclass(frozen=True)
class Cut:
    """A lake as a power cut before an operation has left it, and what of the declared commits is gone."""

    number: int
    names_kept: bool
    at: str
    world: Any
    gone: tuple[str, ...]

    def __str__(self) -> str:
        return f"cut before operation {self.number} ({self.at}), {'names kept' if self.names_kept else 'names gone'}"


@dataclass
class Cuts:
    """A story on a disk that forgets: ``tried`` power cuts, of which ``kept`` have left different disks."""

    story: Story
    folder: Path
    wanted: Callable[[int], bool]
    kept: list[Cut] = field(default_factory=list[Cut])
    tried: int = 0
    known: int = 0
    _declared: list[Path] = field(default_factory=list[Path])
    _seen: set[str] = field(default_factory=set[str])

    def record(self, before: Any) -> None:
        """Tell the story, and look at what a cut would leave before each operation that writes, and at the end."""
        world = self.story.copied(before, self.folder / "whole")
        with another_process(), forgetting(self.story.lake(world)) as disk, self._declaring():

            def cut_before(operation: Operation, where: str, work: Callable[[], Any]) -> Any:
                if operation in WRITING:
                    self._cut(disk, world, f"{operation} of {where.partition('/whole/')[2]}")
                return work()

            with operations.around(cut_before):
                self.story.told(world)
            self._cut(disk, world, "none")
        shutil.rmtree(self.folder / "whole")

    def _cut(self, disk: Disk, world: Any, at: str) -> None:
        self.known += 1
        if not self.wanted(self.known):
            return
        self.tried += 1
        for names_kept in (False, True):
            root = self.folder / f"{self.known}-{names_kept}" / "lake"
            disk.after_cut(root, names_kept=names_kept)
            if (left := f"{_print(root)} {self.story.outside(world)}") in self._seen:
                shutil.rmtree(root.parent)
                continue
            self._seen.add(left)
            gone = tuple(one for entry in self._declared for one in lost(entry, disk.root, root))
            self.kept.append(Cut(self.known, names_kept, at, self.story.moved(world, root), gone))

    @contextmanager
    def _declaring(self) -> Iterator[None]:
        """A commit is declared when the attempt at it returns."""
        real = table_module.attempt

        def attempt(snapshot: Any, change: Any) -> Any:
            number, at = snapshot.commit + 1, real(snapshot, change)
            if at is not None:
                self._declared.append(Path(snapshot.folder.uri) / entry_of(number))
            return at

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(table_module, "attempt", attempt)
            yield


def lost(entry: Path, lake: Path, after: Path) -> Iterator[str]:
    """What a cut has taken of a declared commit: its entry, or data files that were still there."""
    here, table = after / entry.relative_to(lake), entry.parents[1]
    if not here.exists() or here.read_bytes() != entry.read_bytes():
        yield f"{entry.relative_to(lake)} is lost"
    for path in added(entry):
        there = table / path
        copy = after / there.relative_to(lake)
        if there.exists() and (not copy.exists() or copy.stat().st_size != there.stat().st_size):
            yield f"{there.relative_to(lake)} is lost"


def violations(cut: Cut, expected: Expected) -> list[str]:
    """What was declared and is not there, and how the lake differs when the same was told again."""
    story, root = expected.story, expected.story.lake(cut.world).parent
    forget()
    try:
        carried_on(story, cut.world)
        now = story.standing(cut.world)
    except Exception as error:  # noqa: BLE001 - whatever it is, the lake was not carried on
        return [*cut.gone, f"{error!r} at {raised_at(error)}"]
    finally:
        shutil.rmtree(root)
    return [*cut.gone, *expected.differences(now)]


def carried_on(story: Story, world: Any) -> None:
    """Tell the story again; where a log is damaged, repair it as the refusal says, and once more."""
    for _ in range(MOST_REPAIRS):
        try:
            story.told(world)
        except Exception as error:
            if "Run backfill-assets repair" not in str(error):
                raise
            lake = Records(Lake(str(story.lake(world))))  # what is damaged may keep a code location from being loaded
            done = repair(lake, "", commit=True, at=world.now, by="ada")
            if not done:
                raise
            assert all(one.moved for one in done), done
            forget()
        else:
            return
    pytest.fail("the log was damaged again after each repair")


def _print(root: Path) -> str:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return hashlib.sha256(
        b"".join(f"{path.relative_to(root)} ".encode() + hashlib.sha256(path.read_bytes()).digest() for path in files)
    ).hexdigest()
