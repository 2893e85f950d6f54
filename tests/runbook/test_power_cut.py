"""A correction on a disk that forgets: what was declared outlives the cut, what was not is carried on after it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from backfill_assets.core.next_step import WaitUntil
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.storage import table as table_module
from tests.forgetting_disk import forgetting
from tests.runbook.test_killed_anywhere import corrected, rolled_back
from tests.runbook.world import World, world_at

pytestmark = pytest.mark.slow


@contextmanager
def at_each_commit(look: Callable[[Path], None]) -> Iterator[None]:
    """Look right after each commit to any table, which is the moment at which it is declared."""
    real = table_module.attempt

    def attempt(snapshot, change):
        at = real(snapshot, change)
        look(Path(snapshot.folder.uri))
        return at

    table_module.attempt = attempt
    try:
        yield
    finally:
        table_module.attempt = real


def named(table: Path) -> dict[str, int]:
    """The data files of a table by their sizes, as its whole log tells."""
    files: dict[str, int] = {}
    for entry in sorted((table / "_delta_log").glob("*.json")):
        for action in map(json.loads, entry.read_text().splitlines()):
            if "add" in action:
                files[unquote(action["add"]["path"])] = action["add"]["size"]
            if "remove" in action:
                files.pop(unquote(action["remove"]["path"]), None)
    return files


def test_whatever_was_committed_is_there_with_its_files_whenever_the_power_is_cut(tmp_path: Path):
    world, cuts = world_at(tmp_path / "lake"), []

    def cut(table: Path) -> None:
        for names_kept in (False, True):
            there = disk.after_cut(tmp_path / "cut", names_kept=names_kept)
            copy = there / table.relative_to(world.root)
            assert named(copy) == named(table), table
            assert {path: (copy / path).stat().st_size for path in named(copy)} == named(copy), table
            shutil.rmtree(there)
        cuts.append(table.name)

    with forgetting(world.root) as disk, at_each_commit(cut):
        corrected(world)
        rolled_back(world)
    assert len(cuts) > 25
    assert cuts.count("sales") == 2


def test_what_was_not_declared_is_carried_on_after_the_cut(tmp_path: Path):
    """After the first commit to each table, and after each around the swap, there is a cut."""
    world, cuts = world_at(tmp_path / "lake"), dict[tuple[str, ...], World]()

    def cut(table: Path) -> None:
        heard = [f"{event.step} {event.outcome}" for of in world.records.ledger.histories().values() for event in of]
        state = (table.name, *[one for one in heard[-1:] if one.startswith("cut_over")])
        if state not in cuts:
            root = disk.after_cut(tmp_path / f"cut-{len(cuts)}")
            cuts[state] = replace(world, root=root, surroundings=world.surroundings.copy(), built=[*world.built])

    with forgetting(world.root) as disk, at_each_commit(cut):
        corrected(world)

    for state, there in cuts.items():
        assert_corrected_once(there, state)
    assert len(cuts) > 7


def assert_corrected_once(world: World, state: object) -> None:
    correction = corrected(world)
    assert isinstance(world.drive(correction), WaitUntil), state
    assert world.content() == world.right, state
    assert len(world.swaps()) == 1, state
    assert len(world.events(correction, Step.CUT_OVER, Outcome.DONE)) == 1, state
    assert world.progress(correction).downstream.owed == frozenset(), state


def system(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system in an image; skips where this machine mounts none."""
    folder.mkdir()
    try:
        system("mount", "-o", "loop", image, folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    try:
        yield folder
    finally:
        system("umount", "-l", folder)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="mounting takes root and mkfs.ext4")
@pytest.mark.parametrize("forced", ["on", "off"])
def test_a_correction_on_ext4_of_which_an_image_is_copied_the_moment_it_is_declared(
    forced: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A copy of the image under a mounted file system is what a disk holds after a power cut."""
    image, cuts = tmp_path / "disk", dict[str, World]()
    monkeypatch.setenv("BACKFILL_SYNC", forced)
    system("truncate", "-s", "24M", image)
    system("mkfs.ext4", "-q", "-F", image)
    with mounted(image, tmp_path / "mounted") as disk:
        world = world_at(disk / "lake")
        os.sync()

        def cut(table: Path) -> None:
            if table.name == "sales":
                cuts["swapped"] = copied(world, image, tmp_path / "swapped-disk")

        with at_each_commit(cut):
            corrected(world)
        cuts["done"] = copied(world, image, tmp_path / "done-disk")

    kept: dict[str, bool] = {}
    for name, there in cuts.items():
        with mounted(tmp_path / f"{name}-disk", tmp_path / name) as disk:
            after = replace(there, root=disk / "lake")
            try:
                kept[name] = after.content() == world.right
                assert_corrected_once(after, name)
            except BackfillAssetsError:
                kept[name] = False
    assert set(kept.values()) == {forced == "on"}


def copied(world: World, image: Path, to: Path) -> World:
    """What is known beside the disk of a world whose disk is copied as it is."""
    system("cp", "--sparse=always", image, to)
    return replace(world, surroundings=world.surroundings.copy(), built=[*world.built])
