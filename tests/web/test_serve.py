"""The command ``serve``: where it listens, and where it does not."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backfill_assets.command_line import app
from tests.e2e.server import wait_until
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.sockets import free_port, listened_at
from tests.web.served import Browser


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "console.example.org", "192.0.2.1"])
def test_it_listens_for_other_machines_only_when_somebody_says_who_asks(host: str):
    ended = CliRunner().invoke(app, ["serve", "--host", host])
    assert ended.exit_code == 2
    sentence = " ".join(ended.output.split())
    assert "anybody could sign as anybody" in sentence
    assert_in_three_sentences(sentence.removeprefix("ConsoleExposed "))


# Who begins tests in the background has them ignore Ctrl-C, and with them whatever they begin.
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = CliRunner().invoke(app, ["serve", "--port", str(port)])
    assert ended.exit_code == 2
    assert f"port {port} (address already in use)" in " ".join(ended.output.split())


def test_it_says_where_it_is_and_stops_when_it_is_told(tmp_path: Path):
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as written:
        command = [
            sys.executable,
            "-c",
            f"{HEARS_CTRL_C}; from backfill_assets.command_line import app; app()",
            "serve",
            "--port",
            str(port),
        ]
        served = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=_environment(tmp_path))
    try:
        wait_until(lambda: b"Ctrl-C" in log.read_bytes() or served.poll() is not None, 120, "the console")
        told = log.read_text()
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", told)
        assert wait_until(lambda: _index(url), 60, "an answer").status == 200
        assert {port: str(address) for port, address in listened_at(served.pid).items()} == {port: "127.0.0.1"}
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 130, log.read_text()


def _index(url: str):
    try:
        return Browser(url).get("/")
    except ConnectionError:
        return None


def _environment(folder: Path) -> dict[str, str]:
    import os

    told = {"BACKFILL_LAKE": "lake", "BACKFILL_LANDING": "landing", "BACKFILL_PUBLISHED": "published"}
    places = {name: str(folder / place) for name, place in told.items()}
    return {**os.environ, **places, "DAGSTER_HOME": str(folder / "home"), "DAGSTER_DISABLE_TELEMETRY": "yes"}
