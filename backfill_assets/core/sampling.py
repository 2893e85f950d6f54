"""Which rows of a staged version are computed a second time: at random, repeatable, and spread over everything."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

TENTHS = 10
FEWEST_ROWS = 12
MOST_ROWS = 200
DAYS_A_ROW = 3
MOST_FOR_CONFIDENCE = 20
WRONG_SHARE = 0.01
CONFIDENCE = 0.95
"""The errors that a second derivation has to find: in how many of the rows, and with which probability."""


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
    since = (pl.col(keys[0]) - pl.col(keys[0]).min()).dt.total_days()
    tenth = (since * TENTHS // (since.max() + 1)).alias("_tenth")
    drawn = _by_chance(population, keys, seed).with_columns(tenth)
    drawn = drawn.with_columns(_turn=pl.col("_chance").rank("ordinal").over(*strata, "_tenth"))
    drawn = drawn.with_columns(_round=pl.struct("_turn", "_chance").rank("ordinal").over(*strata))
    return drawn.sort("_round", "_chance").drop("_chance", "_tenth", "_turn", "_round")


@dataclass(frozen=True, slots=True)
class ProofSample:
    """The rows to derive a second time, and how many of them, ``at_random``, chance alone has drawn of all."""

    rows: pl.DataFrame
    at_random: int
    population: int

    @property
    def power(self) -> float:
        """With which probability errors in one row of a hundred, wherever they are, are among the rows drawn."""
        return power_of(self.at_random, self.population)


def proof_sample(
    population: pl.DataFrame, keys: Sequence[str], *, strata: Sequence[str], seed: str, lines: str, most: int
) -> ProofSample:
    """Draw the rows to derive a second time: as many as find errors in 1 % of the rows with 95 %, or more.

    Chance alone draws them, so that the probability holds wherever the errors are. Every day, and every stratum, that
    it leaves out gets one row more.

    Args:
        population: all rows, with the keys, the day first among them, the strata, and ``lines``.
        keys: what identifies a row.
        strata: the columns of which every combination is among the rows.
        seed: the id of the correction.
        lines: the column with the number of source rows behind a row.
        most: how many source rows are derived where fewer rows would do. Twenty times as many are never derived, but
            for what every day and stratum gets: then chance draws fewer rows, and ``power`` says how little they tell.
    """
    if population.is_empty():
        return ProofSample(population, 0, 0)
    drawn = _by_chance(population, keys, seed).sort("_chance").with_row_index("_number")
    enough = rows_to_draw(population.height)
    behind = pl.col(lines).cum_sum()
    is_random = (behind <= most) | ((pl.col("_number") < enough) & (behind <= most * MOST_FOR_CONFIDENCE))
    drawn = drawn.with_columns(_random=is_random)
    first = [pl.col("_number") == pl.col("_number").min().over(by) for by in ([keys[0]], [*strata])]
    taken = drawn.filter(pl.any_horizontal("_random", *first))
    at_random = int(drawn["_random"].sum())
    return ProofSample(taken.select(population.columns), at_random, population.height)


def rows_to_draw(population: int) -> int:
    """The fewest rows that, drawn by chance, find errors in 1 % of a population with 95 %."""
    low, high = 0, population
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle, population) >= CONFIDENCE else (middle + 1, high)
    return low


def power_of(drawn: int, population: int) -> float:
    """With which probability chance draws one of the wrong rows, where 1 % of all rows are wrong, and at least one."""
    wrong = math.ceil(population * WRONG_SHARE)
    if drawn > population - wrong:
        return 1.0 if population else 0.0
    # None of the wrong ones is among those drawn.
    missed = sum(math.log1p(-drawn / (population - number)) for number in range(wrong))
    return 1 - math.exp(missed)


def _by_chance(population: pl.DataFrame, keys: Sequence[str], seed: str) -> pl.DataFrame:
    """The population with SHA-256 over seed and key as ``_chance``."""
    chances = [
        hashlib.sha256("\x00".join([seed, *map(str, row)]).encode()).hexdigest()
        for row in population.select(keys).iter_rows()
    ]
    return population.with_columns(pl.Series("_chance", chances, pl.String))


def sample_size(population: pl.DataFrame, *, strata: Sequence[str], days: int) -> int:
    """How many rows a person gets to tick off: one a stratum, or one for every three days of the plan if that is more.

    Never fewer than twelve, nor more than two hundred beyond the strata.
    """
    divided = population.select(strata).unique().height
    return min(population.height, max(divided, FEWEST_ROWS, min(days // DAYS_A_ROW, MOST_ROWS)))
