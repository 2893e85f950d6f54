"""One wrong history for the tests of this folder that ask for a daemon, copied for each."""

import pytest

from tests.orchestration.worlds import daemon_on, made_once


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    return made_once(tmp_path_factory.mktemp("original"))


@pytest.fixture
def daemon(original, tmp_path):
    with daemon_on(original, tmp_path / "lake") as found:
        yield found
