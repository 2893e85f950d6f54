"""Builds: what every published or staged file was computed from, and by which code, in ``_control/builds``.

A row is written before the commit that makes its file visible, so a visible file without a row was written by
somebody else. Rows are found by file name, which no two files share, so lineage survives swap and roll back.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter

import polars as pl

from backfill_assets.core.reported import Amounts
from backfill_assets.core.waves import PastRun
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class Build:
    """How one day came to be: the fingerprint of each source's files of the day, the code, the run.

    ``seconds`` are the day's share of the time that its run took to compute and write; 0 when it was not measured.
    ``file`` is the name of the file that was built. Of a table that carries state the inputs hold, under its own name,
    the content of the day before, and ``content`` is the day's own. ``rows`` and ``sums``, of each measure, are what
    the file adds to its day; from before they were recorded there are none.
    """

    table: str
    file: str = field(default="", kw_only=True, compare=False)
    day: date
    inputs: Mapping[str, str]
    code_version: str
    git_commit: str
    run_id: str
    correction: str
    at: datetime
    seconds: float = 0.0
    content: str = ""
    rows: int | None = None
    sums: Mapping[str, str] = field(default_factory=dict[str, str])


def same_inputs(one: Build, other: Build, besides: Collection[str] = ()) -> bool:
    """Whether two builds were computed from the same files, those of some sources left aside."""
    sources = (one.inputs.keys() | other.inputs.keys()) - set(besides)
    return all(one.inputs.get(source) == other.inputs.get(source) for source in sources)


class Builds:
    """The lineage of every file written by this code location."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "builds", Build)

    def record(self, builds: Iterable[tuple[DataFile, Build]]) -> None:
        """Write down what files are made of, before they become visible."""
        self._rows.append(_of_file(file, build) for file, build in builds)

    def past_runs(self, table: str) -> list[PastRun]:
        """The runs that computed days of a table, staged or live, in the order in which they wrote last."""
        return _past_runs(self._rows.rows().filter(pl.col("table") == table))

    def amounts(self, table: str) -> dict[str, Amounts]:
        """What each file of a table adds to its day, by the file's name, as far as that was recorded."""
        rows = self._rows.rows(["table", "file", "rows", "sums"])
        known = rows.filter((pl.col("table") == table) & pl.col("rows").is_not_null())
        return {
            file: Amounts(number, {name: Decimal(value) for name, value in json.loads(sums or "{}").items()})
            for file, number, sums in known.select("file", "rows", "sums").iter_rows()
        }

    def of_days(
        self, table: str, files: Mapping[date, Iterable[DataFile]] | Mapping[date | None, Iterable[DataFile]]
    ) -> dict[date, Build]:
        """The build of each day whose files are all ours; of several files of a day, the one written down last.

        Days that hold a file nobody here wrote are left out. The others come in the order of their builds.
        """
        rows = self._rows.rows().filter(pl.col("table") == table)
        known = {build.file: (place, build) for place, build in enumerate(values_of(Build, rows))}
        found: list[tuple[int, date, Build]] = []
        for day, of_day in files.items():
            builds = [known.get(name_of_file(file.path)) for file in of_day]
            ours = [build for build in builds if build is not None]
            if day is not None and builds and len(ours) == len(builds):
                place, newest = max(ours, key=itemgetter(0))
                found.append((place, day, newest))
        return {day: build for _, day, build in sorted(found, key=itemgetter(0))}


def _past_runs(rows: pl.DataFrame) -> list[PastRun]:
    timed = rows.with_row_index("place").filter((pl.col("seconds") > 0) & (pl.col("run_id") != ""))
    runs = timed.group_by("run_id").agg(pl.len(), pl.col("seconds").sum(), pl.col("place").max()).sort("place")
    return [PastRun(row["len"], row["seconds"]) for row in runs.iter_rows(named=True)]


def _of_file(file: DataFile, build: Build) -> Build:
    return replace(build, file=name_of_file(file.path), inputs=dict(sorted(build.inputs.items())))


def name_of_file(path: str) -> str:
    """By what a file is known wherever it lies."""
    return path.rsplit("/", 1)[-1]
