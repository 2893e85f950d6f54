"""One server for all tests that look at it from outside, started when the first of them asks."""

import pytest

from tests.e2e.server import dagster_dev
from tests.e2e.story import environment, wrong_lake


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """A lake with thirty wrong days, and a real webserver and daemon beside it."""
    lake = wrong_lake(tmp_path_factory.mktemp("story"))
    with dagster_dev(environment(lake)) as server:
        yield lake, server
