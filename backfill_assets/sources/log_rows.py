"""The rows of a raw log: how landed ones are stored, which of them count, and what they add up to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets.core.exact import is_exact
from backfill_assets.errors.setup import ColumnsDeclaredWrongly
from backfill_assets.sources.landed import AsLanded, LandedFile
from backfill_assets.sources.token_keys import tokens_of
from backfill_assets.storage.layout import DAY

ARRIVAL = "arrival"
GROUP = "group"

Totals = Mapping[str, Mapping[str, Decimal]]
"""The sums of each measure by group."""


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What is added up of each arrival and kept beside it: exact measures, by the values of a column or over all rows.

    The first measure is null in a row that withdraws, and in no other.
    """

    measures: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class LogRows:
    """What a raw log is told of its rows.

    Args:
        table: the table of the lake.
        columns: the columns of a landed file, in order, with their types.
        key: those that identify a row within a day, in any arrival.
        totals: what is added up.
        personal: columns that are stored as tokens, and the names under which they are.
        folder: where its files land, below the landing's root; the name of the table when empty.
        as_landed: reads the frame of a parsed file and names every problem of it; by the types of ``columns`` if None.
        validate: looks at rows as they are stored; may raise anything.
        noun: what one row is called.

    Raises:
        ColumnsDeclaredWrongly: when key, totals or tokens are of columns that cannot be that.
    """

    table: str
    columns: pl.Schema
    key: tuple[str, ...]
    totals: ControlTotals
    personal: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: str = ""
    as_landed: AsLanded | None = None
    validate: Callable[[pl.DataFrame], Any] | None = None
    noun: str = "row"

    def __post_init__(self) -> None:
        by = (self.totals.by,) if self.totals.by else ()
        named = {"keys": self.key, "measures": self.totals.measures, "groups": by, "tokens": tuple(self.personal)}
        plain = frozenset(self.columns) - frozenset(self.personal)
        for argument, names in named.items():
            there = self.columns if argument == "tokens" else plain
            if unknown := [name for name in names if name not in there]:
                raise ColumnsDeclaredWrongly(self.table, argument, unknown, "which its files lack or keep as tokens")
        if ARRIVAL in self.columns:
            raise ColumnsDeclaredWrongly(self.table, "columns", [ARRIVAL], "which is the number of an arrival")
        if texts := [name for name in self.personal if self.columns[name] != pl.String]:
            raise ColumnsDeclaredWrongly(self.table, "tokens", texts, "which are no text")
        if inexact := [name for name in self.totals.measures if not is_exact(self.columns[name])]:
            raise ColumnsDeclaredWrongly(self.table, "measures", inexact, "which are neither decimals nor integers")
        for argument in ("keys", "measures"):
            if not named[argument]:
                raise ColumnsDeclaredWrongly(self.table, argument, ["nothing"], "though a raw log needs at least one")

    @property
    def schema(self) -> pl.Schema:
        """The columns of the log: the day, what landed with tokens for what is personal, and the arrival."""
        stored = {self.personal.get(name, name): kind for name, kind in self.columns.items()}
        return pl.Schema({DAY: pl.Date(), **stored, ARRIVAL: pl.Int64()})

    @property
    def counts(self) -> pl.Expr:
        """Whether a row stands for something, rather than for its withdrawal."""
        return pl.col(self.totals.measures[0]).is_not_null()

    @property
    def group(self) -> str:
        """The column of the groups of control totals."""
        return self.totals.by or GROUP

    def rows_of(self, landed: LandedFile, number: int, token_key: bytes) -> pl.DataFrame:
        """The rows of an arrival as they are stored: numbered, with tokens for what is personal.

        Raises:
            MissingKey: when there is anything personal and no key.
        """
        tokens = [
            tokenised(landed.frame[name], token_key).alias(stored).to_frame() for name, stored in self.personal.items()
        ]
        kept = landed.frame.drop(self.personal.keys())
        frame = pl.concat([kept, *tokens], how="horizontal").with_columns(pl.lit(number, pl.Int64).alias(ARRIVAL))
        dated = frame if DAY in self.columns else frame.with_columns(pl.lit(landed.day).alias(DAY))
        return dated.select(list(self.schema))

    def withdrawals(self, lost: pl.DataFrame, number: int) -> pl.DataFrame:
        """The rows by which an arrival withdraws others; what was personal or added up is not repeated."""
        gone = [*self.totals.measures, *self.personal.values()]
        nulls = [pl.lit(None, self.schema[name]).alias(name) for name in gone]
        return lost.with_columns(*nulls, pl.lit(number, pl.Int64).alias(ARRIVAL)).select(list(self.schema))

    def names(self, rows: pl.DataFrame) -> list[str]:
        """The keys of rows, as a person reads them."""
        return rows.select(pl.concat_str(pl.col(self.key).cast(pl.String), separator=" ")).to_series().to_list()

    def rearrived_days(self, rows: pl.LazyFrame) -> frozenset[date]:
        """The days that landed more than once. Reads one column."""
        arrivals = rows.select(DAY, ARRIVAL).unique().collect(engine="streaming")
        return frozenset(arrivals.filter(pl.col(DAY).is_duplicated())[DAY])

    def latest(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Each row of a day as its latest arrival has it, if that did not withdraw it.

        Days that landed once pass untouched.
        """
        again = self.rearrived_days(rows)
        if not again:
            return rows
        is_again = pl.col(DAY).is_in(list(again))
        return pl.concat([rows.filter(~is_again), self._latest(rows.filter(is_again))])

    def latest_by_day(self, rows: pl.LazyFrame) -> list[pl.LazyFrame]:
        """As :meth:`latest`, in parts: all days that landed once, and each other day, whose keys are held in memory."""
        again = self.rearrived_days(rows)
        once = rows.filter(~pl.col(DAY).is_in(list(again))) if again else rows
        return [once, *(self._latest(rows.filter(pl.col(DAY) == day)) for day in sorted(again))]

    def control_totals(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Rows and sums per day, arrival and group, to compare with the manifest of what landed.

        What an arrival withdrew did not land with it.
        """
        return self.added_up(rows.filter(self.counts), DAY, ARRIVAL).sort(DAY, ARRIVAL, self.group)

    def added_up(self, rows: pl.LazyFrame, *per: str) -> pl.DataFrame:
        """Rows and sums per some columns and group, of rows that all count."""
        sums = [pl.col(name).cast(kind).sum() for name, kind in self.sums.items()]
        grouped = rows.group_by(*per, self._grouping).agg(pl.len().cast(pl.Int64).alias("rows"), *sums)
        return grouped.collect(engine="streaming")

    @property
    def sums(self) -> dict[str, pl.DataType]:
        """The type of the sum of each measure."""
        return {name: _sum_of(self.columns[name]) for name in self.totals.measures}

    def totals_of(self, frame: pl.DataFrame) -> Totals:
        """The exact sums of landed rows."""
        found = self.added_up(frame.lazy()).sort(self.group)
        return {name: dict(found.select(self.group, name).iter_rows()) for name in self.totals.measures}

    def _latest(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Each row's latest arrival. Holds every key in memory: best a day at a time."""
        latest = rows.group_by(DAY, *self.key).agg(pl.col(ARRIVAL).max())
        there = rows.join(latest, on=[DAY, *self.key, ARRIVAL], how="semi")
        return there.filter(self.counts)

    @property
    def _grouping(self) -> pl.Expr:
        by = pl.col(self.totals.by).cast(pl.String).fill_null("") if self.totals.by else pl.lit("")
        return by.alias(self.group)


def totals_written(totals: Totals) -> str:
    """Control totals as the manifest keeps them: by group where there is one measure, else by measure and group."""
    told = {measure: {group: str(total) for group, total in sums.items()} for measure, sums in totals.items()}
    return json.dumps(next(iter(told.values())) if len(told) == 1 else told)


def totals_read(text: str, measures: tuple[str, ...]) -> dict[str, dict[str, Decimal]]:
    """What :func:`totals_written` wrote.

    Raises:
        Exception: of any kind when that is not what stands there.
    """
    told = json.loads(text)
    by_measure = {measures[0]: told} if len(measures) == 1 else told
    return {name: {str(group): Decimal(total) for group, total in by_measure[name].items()} for name in measures}


def counts_written(totals: pl.DataFrame, group: str) -> str:
    """The rows of each group as the manifest keeps them."""
    return json.dumps(dict(totals.select(group, "rows").iter_rows()))


def counts_read(text: str) -> dict[str, int]:
    """What :func:`counts_written` wrote.

    Raises:
        Exception: of any kind when that is not what stands there.
    """
    return {str(group): int(rows) for group, rows in json.loads(text).items()}


def tokenised(values: pl.Series, key: bytes) -> pl.Series:
    """HMAC-SHA256 of each text in UTF-8 under the key, as 64 hexadecimal digits; null stays null.

    Personal data is stored as such tokens, which only the holder of the key can match to a person. Only distinct texts
    are hashed.

    Raises:
        MissingKey: when the key is shorter than 16 bytes.
    """
    distinct = values.drop_nulls().unique()
    tokens = tokens_of(distinct.to_list(), key)
    return values.replace_strict(distinct, pl.Series(tokens, dtype=pl.String), default=None, return_dtype=pl.String)


def _sum_of(kind: pl.DataType) -> pl.DataType:
    return pl.Decimal(38, kind.scale) if isinstance(kind, pl.Decimal) else pl.Int64()
