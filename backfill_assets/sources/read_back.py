"""What data files of arrivals hold, read back from the lake: their hash, and the control totals of these very bytes."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO

import polars as pl

from backfill_assets.sources.log_rows import ARRIVAL, LogRows, Totals, counts_written
from backfill_assets.storage.files import Folder, in_threads


@dataclass(frozen=True, slots=True)
class FileReadBack:
    """A data file as it lies in the lake: the SHA-256 of its bytes, and rows and sums per arrival and group in them."""

    log: LogRows
    sha256: str
    totals: pl.DataFrame

    def counts(self, arrival: int, totals: Totals) -> str | None:
        """The rows of each group of an arrival as the manifest keeps them; None when other totals were expected."""
        there = self.totals.filter(pl.col(ARRIVAL) == arrival).sort(self.log.group)
        sums = {name: dict(there.select(self.log.group, name).iter_rows()) for name in self.log.totals.measures}
        return counts_written(there, self.log.group) if sums == totals else None


def files_read_back(log: LogRows, folder: Folder, paths: Collection[str]) -> Mapping[str, FileReadBack]:
    """Data files of a raw log by their path, a few at a time."""
    return dict(in_threads(lambda path: (path, _read_back(log, folder.read(path))), list(paths)))


def _read_back(log: LogRows, content: bytes) -> FileReadBack:
    by = [log.totals.by] if log.totals.by else []
    rows = pl.read_parquet(BytesIO(content), columns=[*dict.fromkeys([ARRIVAL, *by, *log.totals.measures])])
    return FileReadBack(log, hashlib.sha256(content).hexdigest(), log.added_up(rows.lazy().filter(log.counts), ARRIVAL))
