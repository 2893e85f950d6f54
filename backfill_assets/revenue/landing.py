"""What upstream drops beside transactions: finance's ledger, and the ECB's fixings.

ledger/*.csv
fx/*.csv
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from backfill_assets.checks import agrees, scales_of
from backfill_assets.lake import Records
from backfill_assets.revenue.errors import UnusableLedger
from backfill_assets.revenue.schemas import CURRENCY
from backfill_assets.sources import ArchivedFiles, NotRead, named_in, read_whole

LEDGER = pl.Schema(
    {"day": pl.Date(), "currency": pl.String(), "transactions": pl.Int64(), "revenue_usd": pl.Decimal(38, 4)}
)
LEDGER_SOURCE = "ledger"
EXACT_SUM = re.compile(r"[+-]?[0-9]{1,33}(\.[0-9]{0,4}0*)?")
ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A malformed line of finance's ledger; ``day`` is the day it speaks of, where one can be made out."""

    file: str
    number: int
    text: str
    why: str
    day: date | None


@dataclass(frozen=True, slots=True)
class FinanceLedger:
    """Finance's external record: the lines that can be used, in the shape of ``LEDGER``, and those that cannot.

    ``scales`` are the decimals that the revenue of a day and currency is stated with, where they are not ours.
    """

    frame: pl.DataFrame = field(compare=False, repr=False)
    bad_lines: tuple[BadLine, ...] = ()
    scales: Mapping[tuple[date, str], int] = field(default_factory=dict[tuple[date, str], int])

    @property
    def incomplete_days(self) -> frozenset[date]:
        """The days of malformed lines."""
        return frozenset(line.day for line in self.bad_lines if line.day)


def fixing_files(root: Path) -> tuple[Path, ...]:
    """The ECB's history files that landed, by name."""
    return tuple(sorted((root / "fx").glob("*.csv")))


def ledger_files(root: Path) -> tuple[Path, ...]:
    """The files of finance's ledger that landed, by name."""
    return tuple(sorted((root / "ledger").glob("*.csv")))


def keep_ledger(records: Records, root: Path, at: datetime) -> None:
    """Archive the files of finance's ledger as they lie there now; one that cannot be read is named by its reader."""
    for file in ledger_files(root):
        with suppress(NotRead):
            content, _ = read_whole(root, file)
            ArchivedFiles(records.lake).keep(records, LEDGER_SOURCE, named_in(root, file), content, at)


def read_ledger(root: Path) -> FinanceLedger:
    """All lines of ``ledger/*.csv``, in the order of the files' names; no file is an empty ledger.

    A malformed line, or one that contradicts an earlier one, is listed and left out.

    Raises:
        UnusableLedger: a file does not begin with the header, or cannot be read.
    """
    used: dict[tuple[date, str], Booked] = {}
    bad: list[BadLine] = []
    for file in ledger_files(root):
        path = named_in(root, file)
        try:
            content, _ = read_whole(root, file)
        except NotRead as error:
            raise UnusableLedger(path, "", error.finding) from error
        header, ended, rest = content.decode("utf-8-sig", errors="replace").partition("\n")
        if header.strip() != ",".join(LEDGER) or not ended:
            raise UnusableLedger(path, ",".join(LEDGER))
        lines = rest.split("\n")
        bad += _use_lines(path, lines, used, scales_of([line.rsplit(",", 1)[-1].strip() for line in lines[:-1]]))
    rows = [(*key, booked.transactions, booked.revenue) for key, booked in sorted(used.items())]
    scales = {key: booked.scale for key, booked in used.items()}
    return FinanceLedger(pl.DataFrame(rows, schema=LEDGER, orient="row"), tuple(bad), scales)


class Booked(NamedTuple):
    """What finance states of a day and currency, and with how many decimals."""

    transactions: int
    revenue: Decimal
    scale: int

    def contradicts(self, other: "Booked") -> bool:
        """Whether two statements cannot both be right, each to the digit that it states."""
        scale = min(self.scale, other.scale)
        return self.transactions != other.transactions or not agrees(self.revenue, other.revenue, scale)


def _use_lines(
    path: str, lines: Sequence[str], used: dict[tuple[date, str], Booked], scales: Mapping[str, int]
) -> list[BadLine]:
    """Add the lines after the header to those used, and say which cannot be. The last one has no end."""
    bad: list[BadLine] = []
    last: date | None = None
    for number, text in enumerate(lines[:-1], 2):
        if text.strip() and (why := _use_line(text, used, scales)):
            bad.append(BadLine(path, number, text, why, _day_within(text)))
        last = _day_within(text) or last
    if cut := lines[-1]:
        # It may have been of the day before it, which then lacks a currency.
        bad.append(BadLine(path, len(lines) + 1, cut, "no end of the line", _day_within(cut) or last))
    return bad


def _use_line(text: str, used: dict[tuple[date, str], Booked], scales: Mapping[str, int]) -> str:
    """Add a line to those used, or say why not."""
    fields = [value.strip() for value in text.split(",")]
    if len(fields) != len(LEDGER):
        return f"{len(fields)} fields instead of {len(LEDGER)}"
    day, currency, transactions, revenue = fields
    rules = {
        "no day": ISO_DAY.fullmatch(day) and _day_within(day),
        "no currency code": re.fullmatch(CURRENCY, currency),
        "no number of transactions": re.fullmatch(r"[0-9]{1,18}", transactions),
        "no revenue of at most four decimals": EXACT_SUM.fullmatch(revenue),
    }
    if broken := [why for why, holds in rules.items() if not holds]:
        return ", ".join(broken)
    key, booked = (date.fromisoformat(day), currency), Booked(int(transactions), Decimal(revenue), scales[revenue])
    known = used.setdefault(key, booked)
    if known.contradicts(booked):
        return "contradicts an earlier line"
    used[key] = max(known, booked, key=lambda one: one.scale)
    return ""


def _day_within(text: str) -> date | None:
    """The first ISO day in a text."""
    found = ISO_DAY.search(text)
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None
