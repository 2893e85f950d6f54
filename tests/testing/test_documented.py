"""What docs/your-own-asset.md shows of the testing kit, run on the README's code location."""

import re
import sys
from pathlib import Path

import pytest

from backfill_assets.testing import TestCorrection, TestLake
from tests.test_documents import ROOT, code_block

DOCUMENT = (ROOT / "docs/your-own-asset.md").read_text()


def test_the_example_is_short_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = re.findall(r"```python\n([^`]*TestLake.*?)```", DOCUMENT, re.DOTALL)
    assert len([line for line in shown.splitlines() if line.strip()]) < 15
    (tmp_path / "shop.py").write_text(code_block("python"))
    monkeypatch.syspath_prepend(str(tmp_path))
    made: dict[str, object] = {}
    try:
        exec(shown, made)
        (test,) = [one for name, one in made.items() if name.startswith("test_") and callable(one)]
        test(tmp_path / "lake")
    finally:
        sys.modules.pop("shop", None)


def test_every_name_that_the_document_tells_of_is_there() -> None:
    tables = re.findall(r"\| of a (`TestLake`|correction) \| \|\n\|---\|---\|\n((?:\|.*\n)+)", DOCUMENT)
    told = {whose: set(re.findall(r"`(\w+)", re.sub(r"\|[^|]*\|\n", "\n", rows))) for whose, rows in tables}

    for whose, kind in (("`TestLake`", TestLake), ("correction", TestCorrection)):
        offered = {name for name in dir(kind) if not name.startswith("_")}
        fields = {"folder", "definitions", "resources", "lake", "runner", "definition", "correction"}
        assert told[whose] - offered <= {"now"}, told[whose] - offered
        assert offered - told[whose] <= fields | {"place", "id", "by"}, offered - told[whose]
