"""Builds: what every published or staged file was computed from, and by which code, in ``_control/builds``.

A row is written before the commit that makes its file visible, so a visible file without a row was written by
somebody else. Rows are found by file name, which no two files share, so lineage survives swap and roll back.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from backfill_assets.core.estimate import PastRun
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "file": pl.String(),
        "day": pl.Date(),
        "inputs": pl.String(),
        "code_version": pl.String(),
        "git_commit": pl.String(),
        "run_id": pl.String(),
        "correction": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "seconds": pl.Float64(),
    }
)


@dataclass(frozen=True, slots=True)
class Build:
    """How one day came to be: the fingerprint of each source's files of the day, the code, the run.

    ``seconds`` are the day's share of the time that its run took to compute and write; 0 when it was not measured.
    """

    table: str
    day: date
    inputs: Mapping[str, str]
    code_version: str
    git_commit: str
    run_id: str
    correction: str
    at: datetime
    seconds: float = 0.0


class Builds:
    """The lineage of every file written by this code location."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "builds", SCHEMA)

    def record(self, builds: Iterable[tuple[DataFile, Build]]) -> None:
        """Write down what files are made of, before they become visible."""
        rows = pl.DataFrame([_row(file, build) for file, build in builds], schema=SCHEMA)
        self._rows.append(lambda _: rows)

    def past_runs(self, table: str) -> list[PastRun]:
        """The runs that computed days of a table, staged or live, oldest first."""
        return _past_runs(self._rows.rows().filter(pl.col("table") == table))

    def of_days(
        self, table: str, files: Mapping[date, Iterable[DataFile]] | Mapping[date | None, Iterable[DataFile]]
    ) -> dict[date, Build]:
        """The build of each day whose files are all ours; of several files of a day, the newest.

        Days that hold a file nobody here wrote are left out.
        """
        rows = self._rows.rows().filter(pl.col("table") == table)
        known = {row["file"]: _build(row) for row in rows.iter_rows(named=True)}
        found: dict[date, Build] = {}
        for day, of_day in files.items():
            builds = [known.get(_name(file.path)) for file in of_day]
            ours = [build for build in builds if build is not None]
            if day is not None and builds and len(ours) == len(builds):
                found[day] = max(ours, key=lambda build: build.at)
        return found


def _past_runs(rows: pl.DataFrame) -> list[PastRun]:
    timed = rows.filter((pl.col("seconds") > 0) & (pl.col("run_id") != ""))
    runs = timed.group_by("run_id").agg(pl.len(), pl.col("seconds").sum(), pl.col("at").max()).sort("at", "run_id")
    return [PastRun(row["len"], row["seconds"]) for row in runs.iter_rows(named=True)]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _row(file: DataFile, build: Build) -> dict[str, Any]:
    return {
        "table": build.table,
        "file": _name(file.path),
        "day": build.day,
        "inputs": json.dumps(dict(build.inputs), sort_keys=True),
        "code_version": build.code_version,
        "git_commit": build.git_commit,
        "run_id": build.run_id,
        "correction": build.correction,
        "at": build.at,
        "seconds": build.seconds,
    }


def _build(row: Mapping[str, Any]) -> Build:
    return Build(
        table=row["table"],
        day=row["day"],
        inputs=json.loads(row["inputs"]),
        code_version=row["code_version"],
        git_commit=row["git_commit"],
        run_id=row["run_id"],
        correction=row["correction"],
        at=row["at"],
        seconds=row["seconds"] or 0.0,
    )
