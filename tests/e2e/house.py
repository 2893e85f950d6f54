"""A landing, a lake and a Dagster home of their own, and the command line over them, in process or as a process."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from typer.testing import CliRunner

from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.testing.place import configured
from tests.revenue.real_data import real_data

FACT = "fct_daily_revenue"
KEYS = ["day", "currency", "country"]
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Answered:
    """How a command ended: its exit code, and the JSON object it printed (empty when it printed none)."""

    code: int
    told: Mapping[str, Any]
    text: str

    @property
    def reasons(self) -> dict[str, str]:
        """Why each day or report of a nightly failed; what failed alike has the words that were said of the first."""
        return {name: f"{why['error']} {why['message']}" for why in self.told["reasons"] for name in why["of"]}


@dataclass(frozen=True)
class House:
    """Everything of one installation below a folder; Dagster's home lies in memory where there is one."""

    root: Path
    home: Path
    now: str
    lake: str = ""
    """Where the lake is, when it is not below the folder."""

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def records(self) -> Records:
        return Records(Lake(self.lake or str(self.root / "lake")))

    @property
    def env(self) -> dict[str, str]:
        return {
            "BACKFILL_LAKE": self.lake or str(self.root / "lake"),
            "BACKFILL_LANDING": str(self.landing),
            "BACKFILL_PUBLISHED": str(self.root / "published"),
            "BACKFILL_NOW": self.now,
            "BACKFILL_TOKEN_KEY": "sixteen bytes or more",
            "BACKFILL_CHROMIUM": "none",
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The environment of this house, for work in this process."""
        before = {name: os.environ.get(name) for name in self.env}
        os.environ.update(self.env)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def at(self, now: str) -> "House":
        """The same house at another time."""
        return replace(self, now=now)

    def run(self, *arguments: str) -> Answered:
        """A command, in this process, asked for JSON."""
        from backfill_assets.command_line import app

        with self.entered():
            ended = CliRunner().invoke(app, [*arguments, "--json"])
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
        return Answered(ended.exit_code, json.loads(lines[-1]) if lines else {}, ended.output)

    def process(self, *arguments: str) -> Answered:
        """A command as a process of its own, asked for JSON."""
        call = "from backfill_assets.command_line import app; app()"
        return self.python(call, *arguments, "--json")

    def python(self, script: str, *arguments: str) -> Answered:
        """A Python script as a process of its own."""
        ended = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
        return Answered(ended.returncode, json.loads(lines[-1]) if lines else {}, ended.stdout + ended.stderr)

    def opened(self, first: date | str, last: date | str, **fields: Any) -> str:
        """Open a correction of a window and return its id."""
        answered = self.run("open", str(self.request(first, last, **fields)))
        assert answered.code == 0, answered.text
        return str(answered.told["correction"])

    def request(self, first: date | str, last: date | str, **fields: Any) -> Path:
        """A request file."""
        asked = {
            "table": FACT,
            "window": {"first": str(first), "last": str(last)},
            "reason": "The FX join used the rate of the previous day.",
            "watchers": ["finance"],
            **fields,
        }
        file = self.root / "request.yaml"
        file.write_text(json.dumps(asked))  # JSON is YAML
        return file

    def live(self) -> Snapshot:
        return self.records.snapshot(FACT)

    def fact(self, days: Collection[date] | None = None) -> pl.DataFrame:
        return self.live().scan(days).collect().sort(KEYS)

    def commits(self) -> dict[str, object]:
        """What a refused command has to leave as it was: the commits of every table but Dagster's own."""
        lake = self.root / "lake"
        logs = sorted(lake.rglob("_delta_log"))
        return {str(log.relative_to(lake)): sorted(file.name for file in log.iterdir()) for log in logs}

    def copy(self, root: Path) -> "House":
        """The same house somewhere else; what happens in one does not happen in the other."""
        shutil.copytree(self.root, root, symlinks=True)
        home = new_home()
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        return House(root, home, self.now)

    def moved_in(self, days: Collection[date]) -> "House":
        """Land the real files of some days."""
        for folder in ("transactions", "fx", "ledger"):
            (self.landing / folder).mkdir(parents=True, exist_ok=True)
        for day in days:
            shutil.copy(real_data() / f"online_retail/transactions/{day}.parquet", self.landing / "transactions")
        shutil.copy(real_data() / "ecb/eurofxref-hist.csv", self.landing / "fx")
        shutil.copy(real_data() / "online_retail/ledger.csv", self.landing / "ledger")
        return self


def new_house(root: Path, now: str = "2011-12-10T06:00:00+00:00") -> House:
    """An empty house."""
    root.mkdir(parents=True, exist_ok=True)
    return House(root, new_home(), now)


def new_home() -> Path:
    """A configured home of Dagster, removed when Python ends."""
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="dagster-home-", dir=place)
    HOMES.append(made)
    return configured(Path(made.name))


HOMES: list[tempfile.TemporaryDirectory[str]] = []


def per_currency(fact: pl.DataFrame) -> pl.DataFrame:
    """The fact as finance's ledger has it."""
    return fact.group_by("day", "currency").agg(pl.col("transactions", "revenue_usd").sum()).sort("day", "currency")


def finance_ledger() -> pl.DataFrame:
    """What finance booked, which nobody on this project computed."""
    from backfill_assets.revenue.landing import LEDGER

    return pl.read_csv(real_data() / "online_retail/ledger.csv", schema=LEDGER).sort("day", "currency")
