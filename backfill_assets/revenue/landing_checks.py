"""What a landed file must hold, and every problem it has, in one go."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from backfill_assets.revenue.errors import (
    DuplicateTransactions,
    OutsideDay,
    UnknownCurrencies,
    UnusableAmounts,
    UnusableTimes,
)
from backfill_assets.revenue.schemas import CURRENCY
from backfill_assets.sources import BadLanding, MissingValues, WrongColumns, WrongTypes, within_precision

LANDED = pl.Schema(
    {
        "transaction_id": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "customer_id": pl.String(),
        "country": pl.String(),
        "currency": pl.String(),
        "amount": pl.Decimal(18, 4),
    }
)
Columns = dict[str, pl.Series]
OPTIONAL = frozenset({"customer_id"})
EXACT_AMOUNT = r"^[+-]?[0-9]{1,14}(\.[0-9]{0,4}0*)?$"
EXACT_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6}0*)?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
AMOUNT_SHOWN = re.compile(r"[-+\d.,eE ]{1,40}|[-+]?(nan|inf|infinity|null|none|n/?a)", re.IGNORECASE)
CODE_SHOWN = re.compile(r".{1,4}")
LARGEST_EXACT_FLOAT = 2**53 / 10**4
"""From here on a float cannot tell neighbours at four decimals apart."""


@dataclass(frozen=True, slots=True)
class _File:
    """The frame as it was parsed, and how its rows are named in an error."""

    frame: pl.DataFrame
    path: str
    day: date

    def names(self, where: pl.Series) -> list[str]:
        """The transaction ids of the rows where the mask holds, or row numbers where there is no id."""
        row = pl.format("row {}", pl.int_range(1, pl.len() + 1))
        ids = pl.col("transaction_id").cast(pl.String) if "transaction_id" in self.frame.columns else pl.lit(None)
        return self.frame.select(pl.coalesce(ids, row)).to_series().filter(where).to_list()


def as_landed(
    parsed: pl.DataFrame, path: str, day: date, strange: Mapping[str, str] | None = None
) -> tuple[pl.DataFrame, tuple[BadLanding, ...]]:
    """The rows in the shape of ``LANDED``, and all that is wrong with them.

    CSV and NDJSON come as text; a Parquet file's types are checked. ``strange`` are columns of NDJSON that held
    another type. The frame is of use only without problems.
    """
    if not parsed.width and path.endswith(".ndjson"):
        return pl.DataFrame(schema=LANDED), ()
    file = _File(_without_blanks(parsed, path), path, day)
    columns, mistyped = _converted_columns(file, strange or {})
    problems = _wrong_columns(file)
    if mistyped:
        problems.append(WrongTypes(path, day, mistyped))
    for check in CHECKS:
        problems += check(file, columns)
    return pl.DataFrame(columns), tuple(problems)


def _without_blanks(parsed: pl.DataFrame, path: str) -> pl.DataFrame:
    frame = parsed.with_columns(pl.col(pl.Null).cast(pl.String))
    if path.endswith(".ndjson"):  # writers of NDJSON drop keys without value
        frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in OPTIONAL - set(frame.columns))
    return frame.with_columns(pl.col(pl.String).replace("", None))


def _converted_columns(file: _File, strange: Mapping[str, str]) -> tuple[Columns, dict[str, str]]:
    """The known columns in their own type, null where a value is unusable, and the types that cannot be used."""
    columns: Columns = {}
    mistyped: dict[str, str] = {}
    for name in LANDED:
        if name not in file.frame.columns:
            continue
        series = file.frame[name]
        if name in strange:
            mistyped[name] = strange[name]
        elif _is_accepted(name, series.dtype, text=not file.path.endswith(".parquet")):
            columns[name] = _converted(name, series)
        else:
            mistyped[name] = str(series.dtype)
    return columns, mistyped


def _is_accepted(name: str, kind: pl.DataType, *, text: bool) -> bool:
    if kind == pl.String:
        return text or LANDED[name] == pl.String
    match name:
        case "amount":
            return kind.is_decimal() or kind.is_integer() or kind == pl.Float64
        case "occurred_at":
            return isinstance(kind, pl.Datetime) and kind.time_zone is not None
        case _:
            return False


def _converted(name: str, series: pl.Series) -> pl.Series:
    match name, series.dtype:
        case "amount", kind:
            return within_precision(series) if kind == LANDED["amount"] else _exact_amounts(series)
        case "occurred_at", pl.String():
            exact = series.set(~series.str.contains(EXACT_TIME), None)
            return exact.str.strptime(pl.Datetime("us", "UTC"), "%+", strict=False)
        case "occurred_at", _:
            return _exact_times(series.dt.convert_time_zone("UTC"))
        case _:
            return series


def _exact_amounts(series: pl.Series) -> pl.Series:
    """The amounts to the last digit; null where the text is no number of 14 digits and four decimals."""
    amount, text = pl.col(series.name), pl.col(series.name).cast(pl.String)
    exact = text.str.contains(EXACT_AMOUNT)
    if series.dtype == pl.Float64:
        exact &= amount.abs() < LARGEST_EXACT_FLOAT
    usable = pl.when(exact).then(text).cast(pl.Decimal(18, 4), strict=False)
    return series.to_frame().select(usable).to_series()


def _exact_times(series: pl.Series) -> pl.Series:
    """The times in microseconds; null where one is finer than that."""
    times = series.dt.cast_time_unit("us")
    if series.dtype != pl.Datetime("ns", "UTC"):
        return times
    return times.set((times.dt.cast_time_unit("ns") != series).fill_null(value=False), None)


def _wrong_columns(file: _File) -> list[BadLanding]:
    found = set(file.frame.columns)
    missing, unexpected = set(LANDED) - found, found - set(LANDED)
    return [WrongColumns(file.path, file.day, missing, unexpected)] if missing or unexpected else []


def _missing_values(file: _File, columns: Columns) -> list[BadLanding]:
    gaps = {name: file.frame[name].null_count() for name in columns if name not in OPTIONAL}
    gaps = {name: rows for name, rows in gaps.items() if rows}
    return [MissingValues(file.path, file.day, gaps)] if gaps else []


def _duplicates(file: _File, columns: Columns) -> list[BadLanding]:
    if "transaction_id" not in columns:
        return []
    ids = columns["transaction_id"].drop_nulls()
    twice = ids.filter(ids.is_duplicated()).unique().to_list()
    return [DuplicateTransactions(file.path, file.day, twice)] if twice else []


def _unusable_amounts(file: _File, columns: Columns) -> list[BadLanding]:
    if "amount" not in columns:
        return []
    landed = file.frame["amount"]
    unusable = columns["amount"].is_null() & landed.is_not_null()
    names = zip(file.names(unusable), landed.filter(unusable).cast(pl.String), strict=True)
    culprits = [f"{name} with {_shown(amount, AMOUNT_SHOWN)}" for name, amount in names]
    return [UnusableAmounts(file.path, file.day, culprits)] if culprits else []


def _unknown_currencies(file: _File, columns: Columns) -> list[BadLanding]:
    if "currency" not in columns:
        return []
    codes = columns["currency"].drop_nulls().unique()
    unknown = codes.filter(~codes.str.contains(CURRENCY)).to_list()
    return [UnknownCurrencies(file.path, file.day, [_shown(code, CODE_SHOWN) for code in unknown])] if unknown else []


def _shown(value: str, shown: re.Pattern[str]) -> str:
    """A value that is none of its column: a number or a short word as it is, anything else may be a person's."""
    return value if shown.fullmatch(value) else f"a text of {len(value)} characters"


def _times(file: _File, columns: Columns) -> list[BadLanding]:
    if "occurred_at" not in columns:
        return []
    times = columns["occurred_at"]
    unusable = file.names(times.is_null() & file.frame["occurred_at"].is_not_null())
    outside = file.names((times.dt.date() != file.day).fill_null(value=False))
    problems: list[BadLanding] = []
    if unusable:
        problems.append(UnusableTimes(file.path, file.day, unusable))
    if outside:
        problems.append(OutsideDay(file.path, file.day, outside))
    return problems


CHECKS: tuple[Callable[[_File, Columns], list[BadLanding]], ...] = (
    _missing_values,
    _duplicates,
    _unusable_amounts,
    _unknown_currencies,
    _times,
)
