"""How a command begins: it hardly looks for garbage while it loads. Whoever imports the library is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = "import backfill_assets.testing, backfill_assets.orchestration.build, backfill_assets.revenue.definitions"
COMMAND = "import backfill_assets.command_line"
LOADED = "from backfill_assets.command_line.session import Session; assert Session().definitions"
AS_BEFORE, HARDLY, LEFT_ALONE = "True 0", "False 0", "True more"


@pytest.mark.parametrize(("begins", "then"), [(LIBRARY, AS_BEFORE), (COMMAND, HARDLY), (LOADED, LEFT_ALONE)])
def test_how_a_process_looks_for_garbage(begins: str, then: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    told = "print(gc.get_threshold() == before, 'more' if gc.get_freeze_count() > 100_000 else gc.get_freeze_count())"
    code = f"import gc; before = gc.get_threshold(); {begins}; {told}"
    command = [sys.executable, "-W", "ignore", "-c", code]
    where = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(command, cwd=where, env=environment(), capture_output=True, text=True, check=True)

    assert done.stdout.strip() == then


def environment() -> dict[str, str]:
    """That of this process, in which the package is found from everywhere, and without a code location."""
    left = {name: value for name, value in os.environ.items() if not name.startswith(("BACKFILL_", "DAGSTER_"))}
    return left | {"PYTHONPATH": str(Path(__file__).parents[2])}
