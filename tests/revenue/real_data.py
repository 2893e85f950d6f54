"""The real data, which lies beside the repository and never in it."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def real_data() -> Path:
    """The folder of the real data; skips the test where it is not there."""
    if not (DATA / "online_retail").is_dir():
        pytest.skip("the real data (Online Retail, ECB) does not lie in ../shared/data")
    return DATA
