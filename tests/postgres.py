"""A PostgreSQL of our own: Debian's, in a temporary folder, on the loopback alone."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sockets import free_port

PROGRAMS = Path("/usr/lib/postgresql")
NOBODY_WAITS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"


@dataclass(frozen=True)
class Database:
    """A database, and the variables by which docs/dagster-postgres.yaml finds it."""

    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_USERNAME": "dagster",
            "DAGSTER_PG_PASSWORD": self.password,
            "DAGSTER_PG_DB": "dagster",
        }


@contextmanager
def postgres() -> Iterator[Database]:
    """A server with one empty database; skips where Debian's ``postgresql`` is not installed, but fails in CI."""
    found = sorted(PROGRAMS.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not found:
        missing = f"there is no PostgreSQL below {PROGRAMS}, which Debian's package postgresql brings"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    programs, database = found[-1], Database(free_port())
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        told = folder / "password"
        told.write_text(database.password)
        user = _owner_of(folder, told)
        cluster = str(folder / "cluster")
        made = ["--auth=scram-sha-256", f"--pwfile={told}", "--username=dagster", "--encoding=UTF8", "--no-sync"]
        _run([*user, str(programs / "initdb"), *made, "-D", cluster], folder)
        listening = (
            f"-p {database.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} {NOBODY_WAITS}"
        )
        control = [*user, str(programs / "pg_ctl"), "-D", cluster, "-w"]
        _run([*control, "-l", str(folder / "log"), "-o", listening, "start"], folder)
        try:
            named = ["-h", "127.0.0.1", "-p", str(database.port), "-U", "dagster"]
            _run([str(programs / "createdb"), *named, "dagster"], folder, PGPASSWORD=database.password)
            yield database
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner_of(*paths: Path) -> Sequence[str]:
    """Before which words a program runs that must not be root, who owns these paths then."""
    if os.geteuid():
        return ()
    account = pwd.getpwnam("postgres")
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid)
    return ("runuser", "-u", "postgres", "--")


def _run(command: Sequence[str], folder: Path, **variables: str) -> None:
    """Run a program, and say what it printed where it fails. What it starts must not keep our end of a pipe open."""
    told = Path(tempfile.gettempdir(), f"{folder.name}-said")
    with told.open("w+") as file:
        ended = subprocess.run(
            command, cwd="/", env={**os.environ, **variables}, stdout=file, stderr=file, check=False, timeout=120
        )
        file.seek(0)
        assert not ended.returncode, file.read()
    told.unlink()
