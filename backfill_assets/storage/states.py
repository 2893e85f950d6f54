"""The states that a live table was in, read back from its log: which files each day had after each commit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import polars as pl

from backfill_assets.core.partition_column import PartitionColumn, Spelling, slots_in
from backfill_assets.core.slots import Slot
from backfill_assets.storage.entries import reaching, whole_log
from backfill_assets.storage.snapshot import Snapshot

Files = frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """What a commit made of the days it changed: their files, as paths below the table; of one that is gone none.

    ``logged`` is its time by the machine that wrote the log, ``info`` what it says of itself.
    """

    commit: int
    logged: datetime
    info: Mapping[str, Any]
    days: Mapping[Slot, Files]


@dataclass(frozen=True, slots=True)
class Past:
    """The states after a commit, oldest first. ``first`` is the commit that the log goes back to.

    Where that is not the one after what was asked for, the state of ``first`` has every day there was.
    """

    first: int
    states: Sequence[State]


def past_of(live: Snapshot, after: int = -1) -> Past:
    """How a table came to what it is, as far back as its log goes; rewriting the same rows makes no state.

    Raises:
        LakeUnreachable: when the log cannot be read.
    """
    there = whole_log(live.folder).entries
    first = live.commit
    while first > after + 1 and first - 1 in there:
        first -= 1
    with reaching(live.folder):
        entries = {
            number: _Entry.read(live.folder.read(there[number].path))
            for number in range(max(first, after + 1), live.commit + 1)
            if number in there
        }
    slots = _slots_of({value for entry in entries.values() for value in entry.values(live.partition.name)}, live)
    current = {day: {path for path, _ in live.names(day)} for day in live.days}
    states: list[State] = []
    for number, entry in sorted(entries.items(), reverse=True):
        changed = {slots.get(action.value(live.partition.name)) for action in entry.actions if action.changes}
        if is_base := number == first > after + 1:
            changed = {*current, *changed}
        days = {day: frozenset(current.get(day, ())) for day in changed if day is not None}
        if days:
            states.append(State(number, entry.at, {} if is_base else entry.info, days))
        for action in entry.actions:
            day = slots.get(action.value(live.partition.name))
            if day is not None and action.enters:
                current.get(day, set[str]()).discard(action.path)
            elif day is not None:
                current.setdefault(day, set()).add(action.path)
    return Past(first, states[::-1])


@dataclass(frozen=True, slots=True)
class _Action:
    path: str
    values: Mapping[str, str | None]
    enters: bool
    changes: bool

    def value(self, column: str) -> str:
        """The partition value of the file; where a removal does not tell it, what its folder is called by."""
        folder = next((part for part in self.path.split("/") if part.startswith(f"{column}=")), "")
        return self.values.get(column) or unquote(folder.partition("=")[2])


@dataclass(frozen=True, slots=True)
class _Entry:
    at: datetime
    info: Mapping[str, Any]
    actions: Sequence[_Action]

    @classmethod
    def read(cls, content: bytes) -> "_Entry":
        info: dict[str, Any] = {}
        actions: list[_Action] = []
        for line in content.splitlines():
            told: dict[str, Any] = json.loads(line) if line.strip() else {}
            info |= told.get("commitInfo", {})
            for kind in {"add", "remove"} & told.keys():
                one = told[kind]
                values: dict[str, str | None] = one.get("partitionValues") or {}
                changes: bool = one.get("dataChange", True)
                actions.append(_Action(unquote(one["path"]), values, kind == "add", changes))
        return cls(datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC), info, actions)

    def values(self, column: str) -> set[str]:
        return {action.value(column) for action in self.actions}


def _slots_of(values: set[str], live: Snapshot) -> dict[str, Slot]:
    """The slot of each partition value as the log writes it; a value that spells none has none."""
    column, texts = live.partition, sorted(values)
    own = _own(pl.Series(column.name, texts, dtype=pl.String), column)
    found = slots_in(own.to_frame().select(column.slots(pl.col(column.name))).to_series())
    return {text: slot for text, slot in zip(texts, found, strict=True) if slot is not None}


def _own(texts: pl.Series, column: PartitionColumn) -> pl.Series:
    """Partition values in the column's own type."""
    if column.spelling in {Spelling.ISO, Spelling.COMPACT}:
        return texts
    if column.spelling is Spelling.DATE:
        return texts.str.to_date("%Y-%m-%d", strict=False)
    plain = texts.str.replace("T", " ").str.strip_suffix("Z").str.replace(r"\+00:?00$", "")
    moments = plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return moments.dt.replace_time_zone("UTC") if column.spelling is Spelling.UTC else moments
