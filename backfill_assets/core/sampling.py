"""Which rows of a staged version are computed a second time: at random, repeatable, and spread over everything."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

TENTHS = 10
FEWEST_ROWS = 12
MOST_ROWS = 200
DAYS_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell twice, as text: as it is staged and as it was derived; None where there is none."""

    column: str
    staged: str | None
    derived: str | None

    @property
    def agrees(self) -> bool:
        """Whether both are equal to the last digit."""
        return self.staged == self.derived


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One row of the sample: its key, its cells, and every single source row behind it, all as text."""

    key: Mapping[str, str]
    cells: tuple[Cell, ...]
    lines: tuple[Mapping[str, str], ...]

    @property
    def agrees(self) -> bool:
        """Whether every cell does."""
        return all(cell.agrees for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows that a person can tick off, of those that were derived, of all.

    ``population`` and ``derived`` count rows; ``lines_derived`` the source rows behind those that were derived.
    """

    correction: str
    population: int
    derived: int
    lines_derived: int
    rows: tuple[SampledRow, ...]

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "correction": self.correction,
            "population": self.population,
            "derived": self.derived,
            "lines_derived": self.lines_derived,
            "rows": [
                {
                    "key": dict(row.key),
                    "cells": [[cell.column, cell.staged, cell.derived] for cell in row.cells],
                    "lines": [dict(line) for line in row.lines],
                }
                for row in self.rows
            ],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        rows = tuple(
            SampledRow(row["key"], tuple(Cell(*cell) for cell in row["cells"]), tuple(row["lines"]))
            for row in stored["rows"]
        )
        return cls(stored["correction"], stored["population"], stored["derived"], stored["lines_derived"], rows)


def sampling_order(population: pl.DataFrame, *, keys: Sequence[str], strata: Sequence[str], seed: str) -> pl.DataFrame:
    """The rows in the order in which to draw them; any first n of them are a stratified random sample.

    A row is drawn from every stratum before a second one from any, and within a stratum from every tenth of the window
    before a second one from any. Chance is SHA-256 over seed and key, so that anybody can draw the same sample again.

    Args:
        population: with the keys, the day first among them, and the strata.
        keys: what identifies a row.
        strata: the columns that divide the rows.
        seed: the id of the correction.
    """
    if population.is_empty():
        return population
    chances = [
        hashlib.sha256("\x00".join([seed, *map(str, row)]).encode()).hexdigest()
        for row in population.select(keys).iter_rows()
    ]
    since = (pl.col(keys[0]) - pl.col(keys[0]).min()).dt.total_days()
    tenth = (since * TENTHS // (since.max() + 1)).alias("_tenth")
    drawn = population.with_columns(pl.Series("_chance", chances), tenth)
    drawn = drawn.with_columns(_turn=pl.col("_chance").rank("ordinal").over(*strata, "_tenth"))
    drawn = drawn.with_columns(_round=pl.struct("_turn", "_chance").rank("ordinal").over(*strata))
    return drawn.sort("_round", "_chance").drop("_chance", "_tenth", "_turn", "_round")


def sample_size(population: pl.DataFrame, *, strata: Sequence[str], days: int) -> int:
    """How many rows a person gets to tick off: one a stratum, or one for every three days of the plan if that is more.

    Never fewer than twelve, nor more than two hundred beyond the strata.
    """
    divided = population.select(strata).unique().height
    return min(population.height, max(divided, FEWEST_ROWS, min(days // DAYS_A_ROW, MOST_ROWS)))
