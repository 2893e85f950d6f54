"""Lakes with a wrong history, each test its own, copied from one that is made once."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from backfill_assets.core.window import Window
from backfill_assets.testing.place import configured
from tests.e2e.small_lake import SmallLake
from tests.e2e.story import environment, wrong_lake
from tests.instances import instance_in
from tests.orchestration.daemon import Daemon

HISTORY = Window(date(2026, 1, 5), date(2026, 1, 22))
WRONG = Window(date(2026, 1, 8), date(2026, 1, 17))
"""Ten days; the one after a Sunday or holiday, like those, is not wrong at all."""


def made_once(root: Path) -> SmallLake:
    """The lake that every test gets a copy of."""
    lake = wrong_lake(root / "original", HISTORY, WRONG)
    with _entered(lake), instance_in(configured(lake.root / "home")):
        return lake


@contextmanager
def daemon_on(original: SmallLake, root: Path) -> Iterator[Daemon]:
    """A copy of a lake with an instance of its own; the variables of the process point there meanwhile."""
    shutil.copytree(original.root, root, dirs_exist_ok=True)
    lake = SmallLake(root)
    with _entered(lake), instance_in(root / "home") as instance:
        yield Daemon(lake, instance)


@contextmanager
def _entered(lake: SmallLake) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({name: value for name, value in environment(lake).items() if name not in before})
    for name, value in environment(lake).items():
        if name.startswith(("BACKFILL_", "DAGSTER_")):
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def later(days: int) -> None:
    """Let days pass for everything in this process."""
    from datetime import datetime

    now = datetime.fromisoformat(os.environ["BACKFILL_NOW"])
    os.environ["BACKFILL_NOW"] = (now + timedelta(days=days)).isoformat()
