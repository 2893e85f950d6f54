"""Hosts of our own: each a namespace of Linux with its name, its processes and its disk, which ends as one."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.test_documents import ROOT

ALONE = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
COMMAND = [sys.executable, "-c", "from backfill_assets.command_line import app; app()"]
IN_TURN = """
import json, sys
from backfill_assets.command_line import app
for command in json.loads(sys.argv[1]):
    try:
        app(command)
    except SystemExit as ended:
        if ended.code:
            raise
"""
DAEMON = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "--log-level", "warning"]


@dataclass(frozen=True)
class Host:
    """A host: nothing of its disk is seen by another but the log of what it printed, and nothing of another by it."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    hidden: Path

    @contextmanager
    def running(self, command: Sequence[str], **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """Something that runs on the host; at the end all that it started is gone."""
        env = {**self.environment, **variables}
        inside = f"hostname {self.name} && mount -t tmpfs none {self.hidden} && exec {shlex.join(command)}"
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*ALONE, "sh", "-c", inside], cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            self.pull_the_plug(process)

    def pull_the_plug(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of everything that one of its processes started."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ends(self, *commands: Sequence[str]) -> bool:
        """Give commands, one after the other in one process, which is quicker; whether each ended well."""
        with self.running([sys.executable, "-c", IN_TURN, json.dumps(commands)]) as process:
            return process.wait(300) == 0

    @property
    def log(self) -> str:
        """What its processes printed."""
        return (self.folder / "log").read_text(errors="replace")


def hosts(root: Path, names: Sequence[str], environment: Mapping[str, str], dagster_yaml: Path) -> list[Host]:
    """Two hosts below a folder, each with a home of Dagster that the file configures."""
    if why := _cannot():
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    made: list[Host] = []
    for name, other in zip(names, reversed(names), strict=True):
        folder = root / name
        (folder / "home").mkdir(parents=True)
        shutil.copy(dagster_yaml, folder / "home/dagster.yaml")
        told = {
            "DAGSTER_HOME": str(folder / "home"),
            "BACKFILL_LANDING": str(folder / "landing"),
            "BACKFILL_PUBLISHED": str(folder / "published"),
        }
        made.append(Host(name, folder, {**environment, **told}, root / other))
    return made


@cache
def _cannot() -> str:
    """Why no host can be made here; empty where it can."""
    if shutil.which(ALONE[0]) is None:
        return "there is no unshare, which makes a host of its own"
    tried = subprocess.run([*ALONE, "sh", "-c", "hostname one"], capture_output=True, text=True, check=False)
    return f"no host of its own can be made here, {tried.stderr.strip()}" if tried.returncode else ""
