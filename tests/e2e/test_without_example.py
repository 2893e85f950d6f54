"""The library stands without its example: a copy of the tree that lacks it runs the README's shop by command line."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.installed import ROOT, Shop

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


def test_the_shop_of_the_readme_does_everything_where_there_is_no_example(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    left_out = shutil.ignore_patterns("revenue", "__pycache__")
    shutil.copytree(ROOT / "backfill_assets", tree / "backfill_assets", ignore=left_out)
    shop = Shop(tmp_path, tree, sys.executable)

    request = shop.publish_wrong_days()
    months, withdrawals = shop.correct_and_roll_back(request, ["months"], ["withdrawals"])

    assert months["code"] == 0, months["text"]
    assert (withdrawals["code"], withdrawals["told"]["error"]) == (2, "DecisionsUnknown")
