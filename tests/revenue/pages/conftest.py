"""A newsroom that is made once and copied for every test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.small_lake import SmallLake
from tests.revenue.pages.readers import Newsroom, newsroom


@pytest.fixture(scope="session")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Newsroom:
    """Every report built and every page made. Copy it, do not write to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKFILL_CHROMIUM", "none")
        return newsroom(tmp_path_factory.mktemp("newsroom") / "lake")


@pytest.fixture
def room(first_edition: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newsroom:
    """A newsroom of one's own, without a browser."""
    monkeypatch.setenv("BACKFILL_CHROMIUM", "none")
    return copy_of(first_edition, tmp_path / "lake")


def copy_of(original: Newsroom, root: Path) -> Newsroom:
    shutil.copytree(original.lake.root, root)
    return Newsroom(SmallLake(root))


@pytest.fixture(scope="module")
def copies(first_edition: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Newsroom]:
    """More copies, for tests that share what is done to one."""
    return lambda: copy_of(first_edition, tmp_path_factory.mktemp("copy") / "lake")
