"""The rows of a wave as its table keeps them: written by the run that computed them, or by workers before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backfill_assets.core.delta_types import as_kept
from backfill_assets.core.slots import Slot
from backfill_assets.errors.executing import WorkersElsewhere
from backfill_assets.orchestration.asset.alone import TriedWave
from backfill_assets.orchestration.asset.wave import Wave
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.records import Records
from backfill_assets.storage.table import Table


@dataclass(frozen=True, slots=True)
class WrittenWave(TriedWave):
    """A wave that workers have written: its frames have columns and no rows, its ``files`` have these.

    ``sums`` are those of the measures of each day, ``elsewhere`` the core-seconds of the workers.
    """

    files: Mapping[Slot, DataFile] = field(default_factory=dict[Slot, DataFile])
    sums: Mapping[Slot, Mapping[str, str]] = field(default_factory=dict[Slot, Mapping[str, str]])
    elsewhere: float = 0.0

    @property
    def core_seconds(self) -> float:
        """What it has cost so far, of its run and of the workers."""
        return self.stopwatch.core_seconds + self.elsewhere

    @property
    def rows(self) -> int:
        """How many rows the days have together."""
        return sum(self.files[day].rows for day in self.frames)

    def write_into(self, target: Table) -> Mapping[Slot, DataFile]:
        """The files, which are there already.

        Raises:
            WorkersElsewhere: when they are not, as where workers reach another lake of the same name.
        """
        files = {day: self.files[day] for day in self.frames}
        there = {(found.path, found.size) for found in target.folder.find([file.path for file in files.values()])}
        if absent := [day for day, file in files.items() if (file.path, file.size) not in there]:
            raise WorkersElsewhere(self.table, absent)
        return files

    def sums_of(self, day: Slot) -> dict[str, str]:
        """The sums of a day's measures, in plain decimals."""
        return dict(self.sums[day])


def as_table_keeps(records: Records, wave: Wave) -> Wave:
    """The wave with its rows in the types that the live table keeps, where there is one."""
    if not records.exists(wave.table):
        return wave
    kept = records.snapshot(wave.table).schema
    return replace(wave, frames={day: as_kept(frame, kept) for day, frame in wave.frames.items()})


def target_of(records: Records, wave: Wave) -> Table:
    """The table that the days go to, with the columns of the first of them."""
    schema = next(iter(wave.frames.values())).schema
    if wave.correction:
        return records.staged(wave.table, wave.correction, schema)
    return records.table(wave.table, schema)
