"""Frames that are to become the whole content of their days; what was compared and written is kept between attempts."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl

from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import Change
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.snapshot import Snapshot, same_rows

Files = dict[date | None, DataFile]
WriteFiles = Callable[[Mapping[date | None, pl.DataFrame]], Files]


class Replacement:
    """The days to replace, and how far that has come.

    With ``skip_equal`` days that hold the same rows already are left out, and only the others are ever written;
    without, all of them are written at once.
    """

    def __init__(self, frames: Mapping[date, pl.DataFrame], write_files: WriteFiles, *, skip_equal: bool) -> None:
        self._frames = frames
        self._write_files = write_files
        self._skip_equal = skip_equal
        # By day the fingerprint of the files that were compared, and whether they held the frame's rows.
        self._compared: dict[date, tuple[str, bool]] = {}
        self.written: Files = {} if skip_equal else write_files({**frames})

    def change(self, snapshot: Snapshot, metadata: Mapping[str, Any]) -> Change | None:
        """The commit that puts the frames in the place of what a snapshot holds; None when there is nothing to do."""
        days = [day for day in self._frames if day not in self._equal(snapshot)]
        if not days:
            return None
        self.written |= self._write_files({day: self._frames[day] for day in days if day not in self.written})
        adds = tuple(self.written[day] for day in days)
        removes = tuple(file for files in snapshot.files_of(days).values() for file in files)
        return Change(adds, removes, metadata=metadata)

    def _equal(self, snapshot: Snapshot) -> set[date]:
        if not self._skip_equal:
            return set()
        self._compared |= _compared(snapshot, self._frames, self._compared)
        return {day for day, (_, is_equal) in self._compared.items() if is_equal}


def _compared(
    snapshot: Snapshot, frames: Mapping[date, pl.DataFrame], known: Mapping[date, tuple[str, bool]]
) -> dict[date, tuple[str, bool]]:
    """By day the fingerprint of its files and whether they hold the frame's rows; only what is not known yet."""
    prints = {day: snapshot.fingerprint(day) for day in frames}
    open_days = [day for day in frames if day not in known or known[day][0] != prints[day]]
    rows = {day: [file.rows for file in files] for day, files in snapshot.files_of(open_days).items()}
    alike = [day for day in open_days if rows[day] and (sum(rows[day]) == frames[day].height or min(rows[day]) < 0)]
    there = snapshot.scan(alike).collect().partition_by(DAY, as_dict=True) if alike else {}
    nothing = pl.DataFrame(schema=snapshot.schema)
    equal = {day for day in alike if same_rows(there.get((day,), nothing), frames[day])}
    return {day: (prints[day], day in equal) for day in open_days}
