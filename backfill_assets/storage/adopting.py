"""The commits by which a table is adopted: each from the handle that was read, with zero retries and a mark."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, cast

import polars as pl
from deltalake import ColumnProperties, CommitProperties, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from backfill_assets.errors.adoption import AdoptionFailed, AdoptionOvertaken, FilesOfBeforeGone
from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.lake import LakeUnreachable
from backfill_assets.storage.commits import AFTER_COMMIT
from backfill_assets.storage.files import Folder
from backfill_assets.storage.foreign import ROWS, ForeignTable
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.snapshot import same_rows
from backfill_assets.storage.syncing import force_read, force_rewritten
from backfill_assets.storage.table import PROPERTIES

ADOPTION = "backfill_assets/adoption"
LOG_RETENTION, FILE_RETENTION = "delta.logRetentionDuration", "delta.deletedFileRetentionDuration"
# Longer than any rollback window, and no longer: another writer's vacuum is to go on deleting what is older.
FILES_KEPT = "interval 30 days"
KEPT: Mapping[str, tuple[str, str]] = {
    LOG_RETENTION: ("interval 30 days", PROPERTIES[LOG_RETENTION]),
    FILE_RETENTION: ("interval 1 week", FILES_KEPT),
}
INTERVAL = re.compile(r"(?:interval\s+)?(\d+)\s+(\w+?)s?", re.IGNORECASE)
UNITS: Mapping[str, timedelta] = {
    **{unit: timedelta(**{f"{unit}s": 1}) for unit in ("microsecond", "millisecond", "second", "minute", "hour")},
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
# So many values of two commits are held in memory and compared at once.
CELLS_AT_ONCE = 5_000_000
# Writers of all partitions are open at once, and hold no more than this together where files can be larger than that.
BYTES_OPEN = 512 * 2**20
SMALLEST_FILE = 2**20
# A writer of one column of one partition holds 4 kB while it is open; 16 with a dictionary and a better compression.
BYTES_A_WRITER = 4_000
MOST_WITH_DICTIONARY = 20_000


def short_retention(configuration: Mapping[str, str | None]) -> dict[str, str]:
    """How long the table lets its writers keep log and files, where that is shorter than a correction needs."""
    told = {name: configuration.get(name) or usual for name, (usual, _) in KEPT.items()}
    return {name: text for name, text in told.items() if _length(text) < _length(KEPT[name][1])}


def _length(text: str) -> timedelta:
    read = INTERVAL.fullmatch(text.strip())
    unit = UNITS.get(read[2].lower()) if read else None
    return int(read[1]) * unit if read and unit else timedelta(0)


def keep_longer(table: ForeignTable, adoption: str) -> int:
    """Let every writer keep log and files for as long as a correction needs them; the commit after it.

    Raises:
        AdoptionOvertaken: when another writer came first.
    """
    short = short_retention(table.handle.metadata().configuration)
    if not short:
        return table.handle.version()
    with_longer = {name: KEPT[name][1] for name in short}
    return _commit(
        table,
        adoption,
        lambda: table.handle.alter.set_table_properties(
            with_longer, commit_properties=_marked(adoption), post_commithook_properties=AFTER_COMMIT
        ),
    )


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a rewrite makes: partitions by ``column``, which holds the day of ``made_of`` where that is given."""

    adoption: str
    column: str
    made_of: str = ""

    def rows(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Rows as they are after it."""
        if not self.made_of:
            return rows
        return rows.with_columns(pl.col(self.made_of).dt.date().alias(self.column))


def rewrite(table: ForeignTable, made: Rewrite, partitions: int) -> int:
    """Write the table anew by other partitions, in one commit; its number.

    Rows are read and written as a stream. Types, comments, properties and what may be null stay as they are.

    Raises:
        AdoptionOvertaken: when another writer came first; then nothing of it is in the table.
    """
    return _commit(
        table,
        made.adoption,
        lambda: write_deltalake(
            table.handle,
            _stream(table, made),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=[made.column],
            target_file_size=max(SMALLEST_FILE, BYTES_OPEN // max(partitions, 1)),
            writer_properties=_writers(partitions * len(table.columns)),
            commit_properties=_marked(made.adoption),
            post_commithook_properties=AFTER_COMMIT,
        ),
    )


def memory_needed(partitions: int, columns: int) -> int:
    """About how many bytes of memory a rewrite takes."""
    return BYTES_OPEN + BYTES_A_WRITER * partitions * columns


def _writers(number: int) -> WriterProperties:
    """How so many writers of columns write; each keeps a dictionary and what its compression needs while it is open."""
    if number <= MOST_WITH_DICTIONARY:
        return WriterProperties(compression="ZSTD", compression_level=3)
    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(compression="SNAPPY", default_column_properties=plain)


def _stream(table: ForeignTable, made: Rewrite) -> Any:
    """The rows of a table as a stream of Arrow batches, with the names, types and comments of its own schema."""
    pa: Any = import_module("pyarrow")  # a third of a second, and has no types
    schema: Any = pa.schema(table.handle.schema().to_arrow())
    if made.made_of:
        schema = schema.append(pa.field(made.column, pa.date32()))
    width = max(len(schema), 1)

    def batches() -> Iterator[Any]:
        rows = made.rows(table.scan()).select(schema.names)
        for frame in rows.collect_batches(
            chunk_size=max(CELLS_AT_ONCE // (10 * width), 1), maintain_order=False, engine="streaming"
        ):
            arrow = cast("Any", frame.to_arrow())
            yield from arrow.cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def differing_days(before: ForeignTable, after: ForeignTable, made: Rewrite) -> tuple[str, ...]:
    """The days, or runs of days, of which two commits do not hold the same rows, as multisets.

    A few days are read at a time, so many that about ``CELLS_AT_ONCE`` values of each commit are held in memory; a day
    that is larger is read in parts, by a hash of its rows.
    """
    if after.partition_columns != (made.column,) or not _same_columns(before, after, made):
        return ("the columns",)
    found: list[str] = []
    for name, within, parts in _runs(after, made.column):
        for part in range(parts):
            one, other = (_part(rows.filter(within), part, parts) for rows in (made.rows(before.scan()), after.scan()))
            if not same_rows(one.select(other.columns), other):
                found.append(name)
                break
    return tuple(found)


def _same_columns(before: ForeignTable, after: ForeignTable, made: Rewrite) -> bool:
    """Whether names, types, comments and what may be null are the same, and the table's properties."""
    one, other = (
        {field.name: (str(field.type), field.nullable, field.metadata) for field in table.handle.schema().fields}
        for table in (before, after)
    )
    if made.made_of:
        other.pop(made.column, None)
    properties = [table.handle.metadata().configuration for table in (before, after)]
    return one == other and properties[0] == properties[1]


def _runs(table: ForeignTable, column: str) -> Iterator[tuple[str, pl.Expr, int]]:
    """Runs of days that together cover every value there can be, each with its name and the parts to read it in."""
    most = max(CELLS_AT_ONCE // max(len(table.columns), 1), 1)
    days = table.files.group_by(column).agg(pl.col(ROWS).sum()).drop_nulls(column).sort(column)
    value = pl.col(column)
    yield "no day", value.is_null(), 1
    first, held, lower = None, 0, pl.lit(value=True)
    for day, rows in days.iter_rows():
        if first is not None and held + rows > most:
            yield str(first), lower & (value < day), -(-held // most)
            first, held, lower = None, 0, value >= day
        first, held = first or day, held + rows
    yield str(first), lower & value.is_not_null(), max(-(-held // most), 1)


def _part(rows: pl.LazyFrame, part: int, parts: int) -> pl.DataFrame:
    wanted = rows.filter(pl.struct(pl.all()).hash() % parts == part) if parts > 1 else rows
    frame: pl.DataFrame = wanted.collect(engine="streaming")
    return frame


def take_back(table: ForeignTable, commit: int, adoption: str) -> int:
    """Make the table what it was at a commit, by one more commit; its number.

    Raises:
        AdoptionOvertaken: when another writer came first.
        FilesOfBeforeGone: when files of that commit were deleted meanwhile.
    """
    wanted = ForeignTable.at(table.folder, commit)
    if gone := wanted.missing():
        raise FilesOfBeforeGone(table.folder.uri, commit, gone)
    return _commit(
        table,
        adoption,
        lambda: table.handle.restore(
            commit, commit_properties=_marked(adoption), post_commithook_properties=AFTER_COMMIT
        ),
    )


def own_commits(folder: Folder, commit: int, adoption: str) -> int:
    """How many commits right after this one are the adoption's own."""
    number = commit
    while _mark(folder, number + 1) == adoption:
        number += 1
    return number - commit


def _mark(folder: Folder, commit: int) -> str | None:
    """The adoption that made a commit; None when another writer did, or nobody yet."""
    try:
        lines = folder.read(entry_of(commit)).splitlines()
    except (OSError, LakeUnreachable):
        return None
    infos: list[Mapping[str, Any]] = [json.loads(line) for line in lines if b'"commitInfo"' in line[:20]]
    return infos[0]["commitInfo"].get(ADOPTION) if infos else None


def _marked(adoption: str) -> CommitProperties:
    return CommitProperties(custom_metadata={ADOPTION: adoption}, max_commit_retries=0)


def _commit(table: ForeignTable, adoption: str, make: Callable[[], object]) -> int:
    """Make one commit from the handle that was read; its number."""
    number = table.handle.version() + 1
    force_read(table.folder, number - 1)
    try:
        perform(Operation.COMMIT, f"{table.folder.uri}/{entry_of(number)}", make)
    except (DeltaError, OSError, ValueError, pl.exceptions.PolarsError) as error:
        # The answer can be lost although the commit happened.
        if _mark(table.folder, number) != adoption:
            if isinstance(error, CommitFailedError):
                raise AdoptionOvertaken(table.folder.uri) from error
            raise AdoptionFailed(table.folder.uri, in_one_line(str(error))) from error
    force_rewritten(table.folder, number)
    return number
