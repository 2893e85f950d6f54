"""How a command begins: it rarely looks for garbage among what it loads. Whoever imports the library is left alone."""

import subprocess
import sys

import pytest

LIBRARY = "backfill_assets.testing, backfill_assets.orchestration.build, backfill_assets.revenue.definitions"


@pytest.mark.parametrize(("imported", "is_changed"), [(LIBRARY, False), ("backfill_assets.command_line", True)])
def test_only_the_command_changes_how_its_process_looks_for_garbage(imported: str, *, is_changed: bool) -> None:
    code = f"import gc; before = gc.get_threshold(); import {imported}; print(gc.get_threshold() != before)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(is_changed)]
