"""A lake with a correction of four doubled days, at its gate or live, which every test of the console may copy."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import polars as pl
import pytest

from backfill_assets.testing import TestLake
from tests.kinds.stranger import NOW, days, location, orders
from tests.web.served import Served, served

DAYS = [str(day) for day in days(10)]
REASON = "Counted <b>twice</b>."


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("revenue") * 2)


@dataclass(frozen=True)
class Told:
    """A correction of four doubled days, at its gate or live."""

    lake: TestLake
    correction: str


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    return location()


@pytest.fixture(scope="session")
def gate(definitions: dg.Definitions, tmp_path_factory: pytest.TempPathFactory) -> Told:
    lake = TestLake(tmp_path_factory.mktemp("gate") / "lake", definitions, now=NOW)
    lake.write("orders_log", orders(days(10)))
    lake.publish(DAYS[0], DAYS[-1])
    lake.plant(DAYS[1], DAYS[4], doubled)
    correction = lake.correct(DAYS[0], DAYS[6], reason=REASON, watchers=["sales"])
    correction.to_gate()
    return Told(lake, correction.id)


@pytest.fixture(scope="session")
def live(gate: Told, tmp_path_factory: pytest.TempPathFactory) -> Told:
    lake = gate.lake.copy(tmp_path_factory.mktemp("live") / "lake")
    with lake.entered():
        lake.correction(gate.correction).through()
    return Told(lake, gate.correction)


@pytest.fixture(scope="module")
def shared(gate: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console for those who change nothing."""
    with served(gate.lake.copy(tmp_path_factory.mktemp("shared") / "lake")) as console:
        yield console
