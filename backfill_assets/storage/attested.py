"""What an auditor reads as it is stored: the rows of the ledger, and the swaps that a table's own log holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import polars as pl

from backfill_assets.core.sealed import ROW_NUMBER, Row
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.ledger import Entry
from backfill_assets.storage.records import Records
from backfill_assets.storage.row_table import row_schema
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest, names_of
from backfill_assets.storage.swap_numbers import CORRECTION, HEAD, SWAP, app_id


def ledger_rows(records: Records) -> Sequence[Row]:
    """Every row of the ledger, in the order in which they were written.

    Columns that it lacks, because it is of an earlier version, are null.

    Raises:
        TableMissing: when nothing was ever written to it.
    """
    rows = records.control_table("ledger").snapshot().scan().collect()
    wanted = pl.Schema({**row_schema(Entry), ROW_NUMBER: pl.Int64()})
    lacking = [pl.lit(None, kind).alias(name) for name, kind in wanted.items() if name not in rows.columns]
    return rows.with_columns(lacking).sort(ROW_NUMBER, "at", nulls_last=False, maintain_order=True).to_dicts()


@dataclass(frozen=True, slots=True)
class LoggedSwap:
    """A commit of a live table that says of itself that it is a swap of a correction.

    ``head`` is the digest of the event of the ledger that it knew of. ``actions`` are those of its entry, None where it
    is no longer there to be read.
    """

    number: int
    commit: int
    head: str
    actions: tuple[Mapping[str, Any], ...] | None

    def differs(self, manifest: Manifest) -> str:
        """What the commit did that the manifest does not say, in a few words; nothing where they agree."""
        leaving, entering = names_of(manifest.retired), names_of(manifest.arriving)
        adds = {(unquote(one["add"]["path"]), one["add"]["size"]) for one in self.actions or () if "add" in one}
        removes = {unquote(one["remove"]["path"]) for one in self.actions or () if "remove" in one}
        apps = {one["txn"]["appId"]: one["txn"]["version"] for one in self.actions or () if "txn" in one}
        if wrong := sorted(path for path, _ in adds ^ (entering - leaving)):
            return f"adds other files than its manifest ({wrong[0]})"
        if wrong := sorted(removes ^ {path for path, _ in leaving - entering}):
            return f"removes other files than its manifest ({wrong[0]})"
        if apps.get(app_id(manifest.correction)) != manifest.swap_count:
            return f"does not count as swap {manifest.swap_count}"
        return ""


def logged_swaps(live: Snapshot, correction: str) -> tuple[LoggedSwap, ...]:
    """The swaps of a correction that the log of its table still holds, oldest first."""
    infos = [info for info in live.handle.history() if info.get(CORRECTION) == correction and SWAP in info]
    return tuple(
        LoggedSwap(int(info[SWAP]), info["version"], info.get(HEAD, ""), _actions(live, info["version"]))
        for info in sorted(infos, key=lambda info: info["version"])
    )


def _actions(live: Snapshot, commit: int) -> tuple[Mapping[str, Any], ...] | None:
    try:
        lines = live.folder.read(entry_of(commit)).splitlines()
    except OSError:
        return None
    return tuple(json.loads(line) for line in lines if line.strip())
