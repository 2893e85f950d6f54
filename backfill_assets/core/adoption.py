"""Adopting a table that another writer made: what was seen of it, what of that matters, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backfill_assets.core.day_column import Days

PLAIN_DAY = "day"


class Subject(StrEnum):
    """What a look speaks of, in the order of the report."""

    PARTITIONING = "partitioning"
    DAYS = "days"
    TYPES = "types"
    KEYS = "keys"
    MEASURES = "measures"
    FEATURES = "features"
    RETENTION = "retention"
    WRITERS = "writers"


class Weight(StrEnum):
    """What has to happen before days of the table can be swapped."""

    FINE = "fine"
    NOTE = "note"
    ADOPT = "adopt"
    REWRITE = "rewrite"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: a sentence of what is so, one of what to do about it."""

    subject: Subject
    weight: Weight
    found: str
    change: str = ""

    def as_json(self) -> dict[str, str]:
        """All fields, JSON-ready."""
        return {"subject": self.subject, "weight": self.weight, "found": self.found, "change": self.change}


@dataclass(frozen=True, slots=True)
class Feature:
    """A Delta feature that a table uses; ``harm`` is empty where a swap is safe with it, both parts of sentences."""

    name: str
    harm: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type by its name in Delta's schema, whether a table here can hold it, whether it may be null."""

    type: str
    is_known: bool
    is_nullable: bool = True

    @property
    def is_float(self) -> bool:
        """Whether sums of it depend on the order of its rows."""
        return self.type in {"double", "float"}

    @property
    def is_exact(self) -> bool:
        """Whether it can be a measure."""
        return self.type in {"long", "integer", "short", "byte"} or self.type.startswith("decimal")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a table is."""

    files: int
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class KeysSeen:
    """The columns that identify a row, how many rows lack each, and in which days several rows share one."""

    columns: tuple[str, ...]
    nulls: Mapping[str, int]
    doubled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class History:
    """Who wrote last and when, and how long the table lets everybody keep what it no longer names."""

    written_by: str
    written_at: datetime | None
    short_retention: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a table at a commit.

    ``days`` is None where no column says the day, ``keys`` where none was asked; ``candidates`` are columns that could
    say the day.
    """

    commit: int
    partition_columns: tuple[str, ...]
    columns: Mapping[str, Column]
    features: tuple[Feature, ...]
    size: Size
    history: History
    days: Days | None
    candidates: tuple[str, ...]
    keys: KeysSeen | None


@dataclass(frozen=True, slots=True)
class Report:
    """One look at a table, judged."""

    uri: str
    look: Look
    findings: tuple[Finding, ...]

    @property
    def is_possible(self) -> bool:
        """Whether days of the table can be swapped as it is."""
        return not self.with_weight(Weight.REWRITE) and not self.with_weight(Weight.CHANGE)

    @property
    def is_rewritable(self) -> bool:
        """Whether a rewrite is what it lacks, and all that it lacks."""
        return bool(self.with_weight(Weight.REWRITE)) and not self.with_weight(Weight.CHANGE)

    def with_weight(self, weight: Weight) -> tuple[Finding, ...]:
        """The findings of one weight."""
        return tuple(finding for finding in self.findings if finding.weight is weight)

    @property
    def made_column(self) -> str | None:
        """The column of days that a rewrite makes, because times within their day make no partitions."""
        days = self.look.days
        if days is None or not days.within:
            return None
        return PLAIN_DAY if PLAIN_DAY not in self.look.columns else f"{days.column}_{PLAIN_DAY}"

    def as_json(self) -> dict[str, Any]:
        """Everything that scripts ask for, JSON-ready."""
        look, days = self.look, self.look.days
        return {
            "table": self.uri,
            "commit": look.commit,
            "possible": self.is_possible,
            "rewritable": self.is_rewritable,
            "partition_columns": list(look.partition_columns),
            "day": days and days.column,
            "kind": days.spelling.value if days and days.spelling else None,
            "grain": days and days.grain.value,
            "days": len(days.slots) if days else 0,
            "first": str(days.slots[0]) if days and days.slots else None,
            "last": str(days.slots[-1]) if days and days.slots else None,
            "rows": look.size.rows,
            "files": look.size.files,
            "bytes": look.size.bytes,
            "columns": {name: column.type for name, column in look.columns.items()},
            "features": [feature.name for feature in look.features],
            "findings": [finding.as_json() for finding in self.findings],
        }
