"""What is asked of every foreign code location: few lines to adopt it, and a whole correction by the command line."""

import difflib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dagster as dg
import polars as pl
import pytest
from dagster._core.workspace.autodiscovery import loadable_targets_from_loaded_module

from backfill_assets.orchestration.instance.naming import key_of, table_of
from backfill_assets.testing import TestLake
from tests.e2e.house import Answered, House

MOST_LINES = 12


def lines_to_adopt(before: ModuleType, adopted: ModuleType) -> list[str]:
    """The lines that adopting a code location adds or changes, both sides formatted."""
    sides = [_formatted(Path(str(module.__file__))) for module in (before, adopted)]
    difference = difflib.unified_diff(*sides, n=0, lineterm="")
    return [line for line in difference if line.startswith("+") and not line.startswith("+++") and line.strip("+ ")]


def loaded_by_dagster(module: ModuleType) -> dg.Definitions:
    """The definitions of a code location as Dagster itself loads them, which refuses a module that has several."""
    [found] = loadable_targets_from_loaded_module(module)
    definitions = found.target_definition
    assert isinstance(definitions, dg.Definitions)
    dg.Definitions.validate_loadable(definitions)
    return definitions


def _formatted(module: Path) -> list[str]:
    ruff = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
    told = subprocess.run(ruff, input=module.read_text(), capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


@dataclass(frozen=True)
class Story:
    """A location on a lake of its own: its fact, the slots to correct, and the reports that read them."""

    lake: TestLake
    fact: str
    first: str
    last: str
    reports: Sequence[str]

    @property
    def table(self) -> str:
        return table_of(key_of(self.fact))

    @property
    def house(self) -> House:
        return House(self.lake.folder, self.lake.folder / "dagster", self.lake.now.isoformat())

    def run(self, *command: str, code: int = 0) -> Answered:
        """A command, which has to end with a code."""
        answered = self.house.run(*command)
        assert answered.code == code, answered.text
        return answered

    def tables(self) -> Mapping[str, list[tuple[object, ...]]]:
        """The rows of the fact and of every report."""
        return {name: self.lake.rows(name).rows() for name in (self.fact, *self.reports)}

    def correct_and_return(self, fault: Callable[[pl.DataFrame], pl.DataFrame], slots: int) -> None:
        """Plant a fault, correct it, roll back, cut over again, decommission; all by command but the fault."""
        right = self.tables()
        planted = self.plant(fault)
        assert all(planted[name] != right[name] for name in right)

        name = self.correct(slots)
        assert self.tables() == right
        self.roll_back(name)
        assert self.tables() == planted
        self.cut_over(name)
        assert self.tables() == right
        self.decommission(name)
        assert self.tables() == right

    def plant(self, fault: Callable[[pl.DataFrame], pl.DataFrame]) -> Mapping[str, list[tuple[object, ...]]]:
        """Make the slots, and the reports of them, what wrong code would have made; returns what is there then."""
        self.lake.plant(self.first, self.last, fault, table=self.table)
        return self.tables()

    def correct(self, slots: int) -> str:
        """Open a correction and take it through, which touches nothing before it is approved; returns its id."""
        planted = self.tables()
        request = str(self.house.request(self.first, self.last, table=self.table, reason="Wrong."))
        self.run("plan", request)
        name = str(self.run("open", request).told["correction"])
        assert self.run("run", name, code=3).told["waits_for"] == "person"
        assert self.tables() == planted
        status = self.run("status", name).told
        assert (status["days"], status["staged"], status["changed"]) == (slots, slots, slots)
        self.cut_over(name)
        return name

    def roll_back(self, name: str) -> None:
        """Take all of it back."""
        self.run("roll-back", name, "--all", "--by", "Ada", "--note", "Too early.")

    def decommission(self, name: str) -> None:
        """End it before its time."""
        self.run("decommission", name, "--now", "--by", "Ada")
        assert self.run("status", name).told["ending"] == "decommissioned"

    def cut_over(self, name: str) -> None:
        """Approve, and go on until it is live and told."""
        self.run("approve", name, "--by", "Ada", "--note", "Looked at.")
        assert self.run("run", name).told["waits_for"] == "time"
        assert self.run("status", name).told["waits_for"] == "time"


@contextmanager
def commanded(module: ModuleType) -> Iterator[None]:
    """The commands of this process drive a code location meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        patch.setenv("BACKFILL_DEFINITIONS", module.__name__)
        yield


def spelled(module: ModuleType, old: str, new: str) -> ModuleType:
    """A module in which something is spelled differently."""
    text = Path(str(module.__file__)).read_text()
    assert text.count(old) == 1
    made = ModuleType(f"{module.__name__}_spelled")
    made.__file__ = module.__file__
    exec(compile(text.replace(old, new), str(module.__file__), "exec"), vars(made))
    return made
