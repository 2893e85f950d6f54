"""The log of a Delta table: what of it may go once a checkpoint tells the same."""

import re
from collections.abc import Collection
from datetime import datetime

from backfill_assets.storage.files import Found
from backfill_assets.storage.layout import LOG
from backfill_assets.storage.table import Table

# A new checkpoint is worth its size after so many commits.
COMMITS_PER_CHECKPOINT = 100
COMMIT = re.compile(rf"{LOG}/(\d{{20}})\.json")
CHECKPOINT = re.compile(rf"{LOG}/(\d{{20}})\.checkpoint(?:\.\d+\.\d+)?\.parquet")


def clean_log(table: Table, before: datetime, keep_commits: Collection[int] = ()) -> tuple[str, ...]:
    """Delete the log of commits made before a time, UTC, and of which nothing later needs any part.

    Every commit since then stays readable, the one that was the newest at that time, and ``keep_commits``. Returns
    what was deleted.
    """
    files = table.folder.listing(LOG)
    commits, checkpoints = _numbered(files, COMMIT), _numbered(files, CHECKPOINT)
    newest = max(commits, default=-1)
    if newest - max(checkpoints, default=-1) >= COMMITS_PER_CHECKPOINT:
        table.snapshot().handle.create_checkpoint()
    needed = [number - 1 for number, found in commits.items() if found.modified >= before]
    first_needed = min([*needed, *keep_commits], default=newest)
    base = max((number for number in checkpoints if number <= first_needed), default=None)
    if base is None:
        return ()
    old = (*commits.items(), *checkpoints.items())
    spare = sorted(found.path for number, found in old if number < base and found.modified < before)
    table.folder.delete(spare)
    return tuple(spare)


def _numbered(files: list[Found], pattern: re.Pattern[str]) -> dict[int, Found]:
    named = ((pattern.fullmatch(found.path), found) for found in files)
    return {int(match[1]): found for match, found in named if match}
