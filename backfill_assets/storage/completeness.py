"""Completeness: of which days each report partition was built, from which commit, in ``_control/completeness``."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import polars as pl

from backfill_assets.core.slots import read_slot
from backfill_assets.core.window import Window, contiguous
from backfill_assets.storage.builds import Builds
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, as_text, values_of
from backfill_assets.storage.snapshot import Snapshot


class Basis(StrEnum):
    """Whether the days that a report partition was built from were corrected."""

    ORIGINAL = "original"
    CORRECTED = "corrected"
    MIXED = "mixed"


def _windows(days: Collection[date]) -> str:
    return ", ".join(str(window) for window in contiguous(days))


def _days(windows: str) -> tuple[date, ...]:
    ends = [tuple(map(read_slot, window.split(".."))) for window in windows.split(", ") if window]
    return tuple(day for first, last in ends for day in Window(first, last))


WINDOWS = as_text(_windows, _days)


@dataclass(frozen=True, slots=True)
class Completeness:
    """What one report partition was built from: days of one correctable table, at one commit.

    ``expected`` are the days it reads, ``missing`` those of them that were not published. ``fingerprint`` is that of
    the files of all the others. ``corrections`` wrote some of them.
    """

    report: str
    partition: str
    table: str
    expected: tuple[date, ...] = field(metadata=WINDOWS)
    # Made of the others, for those who read the table with another tool.
    expected_days: int = field(init=False)
    present_days: int = field(init=False)
    missing: tuple[date, ...] = field(metadata=WINDOWS)
    commit: int
    fingerprint: str
    code_versions: tuple[str, ...]
    basis: Basis
    corrections: tuple[str, ...]
    run_id: str
    built_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected_days", len(self.expected))
        object.__setattr__(self, "present_days", len(self.expected) - len(self.missing))

    @property
    def is_complete(self) -> bool:
        """Whether every expected day was there."""
        return not self.missing

    def is_of(self, live: Snapshot) -> bool:
        """Whether it was built from exactly the files that this commit has for its days."""
        return self.fingerprint == days_fingerprint(live, self.expected)


class BuiltReports:
    """Every build of every report partition; the one that was written down last counts."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "completeness", Completeness)

    def record(self, built: Iterable[Completeness]) -> None:
        """Write down what partitions were built from."""
        self._rows.append(built)

    def tables_of(self, report: str) -> tuple[str, ...]:
        """The correctable tables that builds of a report were made of."""
        rows = self._rows.rows(["report", "table"])
        return tuple(sorted(set(rows.filter(pl.col("report") == report)["table"])))

    def count(self) -> int:
        """How many builds are written down."""
        return self._rows.rows(["report"]).height

    def history(self, table: str) -> dict[int, Completeness]:
        """Every build of every report from a table, by its place among all, in the order they were written down."""
        rows = self._rows.rows().with_row_index("_place").filter(pl.col("table") == table)
        return dict(zip(rows["_place"].to_list(), values_of(Completeness, rows), strict=True))

    def of_report(self, report: str, table: str | None = None) -> dict[str, Completeness]:
        """The last build of each partition of a report, by partition key; from one table, when named."""
        rows = self._rows.rows().filter(pl.col("report") == report)
        if table is not None:
            rows = rows.filter(pl.col("table") == table)
        newest = rows.unique("partition", keep="last", maintain_order=True)
        return {one.partition: one for one in values_of(Completeness, newest.sort("partition"))}


def measure(
    report: str,
    partitions: Mapping[str, Collection[date]],
    table: str,
    source: Snapshot,
    builds: Builds,
    *,
    run_id: str,
    at: datetime,
    lacking: Mapping[str, Collection[date]] | None = None,
) -> list[Completeness]:
    """What partitions that read these days are built from, when they were built from this commit of the table.

    ``lacking`` are days by partition that the table has, but that a report on the way to it was not built of.
    """
    wanted = {day for days in partitions.values() for day in days} & source.days
    made = builds.of_days(table, {**source.files_of(wanted)})
    measured: list[Completeness] = []
    for partition, days in sorted(partitions.items()):
        expected = tuple(sorted(days))
        without = (lacking or {}).get(partition, ())
        present = [day for day in expected if day in source.days and day not in without]
        by = {day: made[day].correction if day in made else "" for day in present}
        measured.append(
            Completeness(
                report=report,
                partition=partition,
                table=table,
                expected=expected,
                missing=tuple(day for day in expected if day not in present),
                commit=source.commit,
                fingerprint=days_fingerprint(source, present),
                code_versions=tuple(sorted({made[day].code_version for day in present if day in made})),
                basis=_basis(list(by.values())),
                corrections=tuple(sorted(set(by.values()) - {""})),
                run_id=run_id,
                built_at=at,
            )
        )
    return measured


def proven_through(partitions: Sequence[str], built: Mapping[str, Completeness], live: Snapshot) -> date | None:
    """The last published day up to which every partition is known to be built from what is live now.

    ``partitions`` are those that should be there by the days that are live, in the order of time.
    """
    proven: date | None = None
    for partition in partitions:
        one = built.get(partition)
        if one is None or not one.is_of(live):
            break
        there = [day for day in one.expected if day in live.days]
        proven = max([*there, proven] if proven else there, default=None)
    return proven


def days_fingerprint(snapshot: Snapshot, days: Collection[date]) -> str:
    """SHA-256 over the files of some days at a commit; days without files do not count."""
    lines = [f"{day} {snapshot.fingerprint(day)}" for day in sorted(days) if day in snapshot.days]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _basis(corrections: Sequence[str]) -> Basis:
    if not any(corrections):
        return Basis.ORIGINAL
    return Basis.CORRECTED if all(corrections) else Basis.MIXED
