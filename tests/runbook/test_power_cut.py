"""A correction on a real file system, of which an image is copied the moment that something is declared."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backfill_assets.core.next_step import WaitUntil
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.storage import table as table_module
from tests.runbook.killing import corrected
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
