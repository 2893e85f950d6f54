"""State that a table carries from slot to slot: each slot is computed from the rows of the one before it."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.plan import Plan
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window

NOTHING_BEFORE = ""
"""What stands for the content of the slot before the first one."""


@dataclass(frozen=True, slots=True)
class CarriedState:
    """What a transform is given of its own table: by which parameter, and which columns of the slot before.

    ``first`` is the first slot that the table can have, before which there is nothing.
    """

    parameter: str
    columns: Mapping[str, pl.DataType]
    first: Slot
    grain: Grain = Grain.DAY

    def before(self, slot: Slot, begins: Slot | None = None) -> Slot | None:
        """The slot that one is computed from; None for the first, and for the one at which an adopted table begins."""
        return None if slot in {self.first, begins} else self.grain.before(slot)

    def rows(self, frame: pl.DataFrame, by: PartitionColumn) -> pl.DataFrame:
        """The declared columns of a slot's rows, behind the column of the slots; one that is not there yet is null."""
        there = [
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in self.columns.items()
            if name != by.name
        ]
        return frame.select(by.name, *there)

    def nothing(self, by: PartitionColumn) -> pl.DataFrame:
        """The same columns without rows."""
        return self.rows(pl.DataFrame(schema={by.name: by.own_type, **self.columns}), by)

    def digest(self, frame: pl.DataFrame) -> str:
        """SHA-256 over what the next slot is computed from, whatever the files and the order of the rows."""
        kept = [
            (pl.col(name).bin.encode("hex") if kind == pl.Binary else pl.col(name))
            if name in frame.columns
            else pl.lit(None).alias(name)
            for name, kind in sorted(self.columns.items())
        ]
        casts = {name: kind for name, kind in self.columns.items() if name in frame.columns and kind != pl.Binary}
        rows = frame.with_columns(pl.col(name).cast(kind) for name, kind in casts.items()).select(kept)
        # JSON has null in the place of what is no number; only where there is any, so that digests of before hold.
        floats = [name for name, kind in rows.schema.items() if kind.is_float() and not rows[name].is_finite().all()]
        rows = rows.with_columns(
            pl.when(~pl.col(name).is_finite()).then(pl.col(name).cast(pl.String)).alias(f"{name} is") for name in floats
        )
        digest = hashlib.sha256(repr(sorted(self.columns)).encode())
        for line in sorted(rows.write_ndjson().encode().splitlines()):
            digest.update(line + b"\n")
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """A slot as its lineage has it: its own ``content``, and that of the slot ``before`` it was computed from."""

    content: str
    before: str


def first_broken(links: Mapping[Slot, Link | None], before: str) -> Slot | None:
    """The first slot that was not computed from the one before it as it is now; None where there is none.

    Args:
        links: consecutive slots, oldest first, None for one whose lineage is not known.
        before: the content of the slot before all of them.
    """
    for slot, link in links.items():
        if link is None or link.before != before:
            return slot
        before = link.content
    return None


def and_later(slots: Collection[Slot], of: Collection[Slot]) -> frozenset[Slot]:
    """Some slots and all that come after the first of them: each is computed from what the one before it holds."""
    return frozenset(slot for slot in of if slot >= min(slots)) | frozenset(slots) if slots else frozenset[Slot]()


@dataclass(frozen=True, slots=True)
class Extension:
    """How far the window of a correction reaches now, and the commits that its days are staged from since then.

    ``reports`` are the report partitions that the whole window reaches.
    """

    last: date
    pins: Mapping[str, int] = field(default_factory=dict[str, int])
    reports: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def extended(plan: Plan, by: Extension) -> Plan:
    """The plan with every slot up to the newest that was published since it was opened."""
    window = Window(plan.window.first, by.last, plan.window.grain)
    return replace(plan.pinned_at(by.pins), request=replace(plan.request, window=window), reports=by.reports)


@dataclass(frozen=True, slots=True)
class Around:
    """What live has to hold around a swap of days that carry state: nothing after ``last``, and the days ``before``.

    ``before`` are their fingerprints.
    """

    last: date
    before: Mapping[date, str]

    def later(self, live: Collection[date]) -> list[date]:
        """The live days that were computed from what is to be replaced."""
        return sorted(day for day in live if day > self.last)

    def moved(self, fingerprint: Callable[[date], str]) -> list[date]:
        """The days before that are others now."""
        return [day for day, known in self.before.items() if fingerprint(day) != known]


@dataclass(frozen=True, slots=True)
class CarriedRows:
    """What a wave of slots that carry state was computed from.

    ``contents`` are the digests of the slots that were made. ``read`` are the files of the slots before that were read
    of the table which the wave goes to; the wave may be written only where they are the same then.
    """

    contents: Mapping[Slot, str] = field(default_factory=dict[Slot, str])
    read: Mapping[Slot, frozenset[tuple[str, int]]] = field(default_factory=dict[Slot, frozenset[tuple[str, int]]])
