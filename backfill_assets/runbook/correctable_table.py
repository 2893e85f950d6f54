"""What is known of a correctable table: its columns, its code, its sources and its consumers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from backfill_assets.core.audiences import Audience
from backfill_assets.core.carried import CarriedState
from backfill_assets.core.check import Check, Problem
from backfill_assets.core.nightly_due import NightlyDue
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.plan import Plan
from backfill_assets.core.reads import Reads
from backfill_assets.storage.outside import Outside
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Evidence:
    """What checks against the source are given: the plan, the staged days, and live's of the same days.

    ``excluded`` are days whose live rows were computed from other inputs, so that live says nothing about them.
    """

    plan: Plan
    records: Records
    staged: pl.LazyFrame
    live: pl.LazyFrame
    days: tuple[date, ...]
    excluded: frozenset[date] = frozenset()


Verify = Callable[[Records, Plan], Sequence[Problem]]
Prove = Callable[[Evidence], Sequence[Check]]


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """Which code computes a table: the version that lineage records, and the commit it was deployed from."""

    version: str = ""
    git_commit: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables that a correctable table is computed from.

    ``rates`` are the days a minute that those with a limit bear, ``retention_days`` is how long they are kept, by name.
    ``verify`` looks at them before anything is staged. ``reads`` are which of their slots a slot is computed from.
    ``carried`` is what is read of the slot before of the table itself, where it carries state.
    """

    names: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict[str, float])
    retention_days: Mapping[str, int] = field(default_factory=dict[str, int])
    verify: tuple[Verify, ...] = ()
    partitions: Mapping[str, PartitionColumn] = field(default_factory=dict[str, PartitionColumn])
    reads: Mapping[str, Reads] = field(default_factory=dict[str, Reads])
    outside: Mapping[str, Outside] = field(default_factory=dict[str, Outside])
    carried: CarriedState | None = None

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The names of those that no correction can pin; they are not among ``names``."""
        return tuple(name for name, source in self.outside.items() if not source.is_pinned)

    def read_of(self, source: str) -> Reads:
        """Which of its slots are read; the same as the table's where nothing else is said."""
        return self.reads.get(source, Reads())


@dataclass(frozen=True, slots=True)
class Consumers:
    """Who reads a correctable table: the reports computed from it, of which ``tolerant`` ones are not frozen.

    ``holders`` are consumers outside that keep a watermark of their own, ``audiences`` those whom notices address in
    their own words. ``has_nightly`` says whether a nightly keeps a watermark on the table, ``nightly_due`` by when it
    has to have published.
    """

    reports: tuple[str, ...] = ()
    tolerant: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    audiences: tuple[Audience, ...] = ()
    has_nightly: bool = False
    nightly_due: NightlyDue | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column keeps the slots of a table, and the columns that its asset's schema names, with their types."""

    partition: PartitionColumn = BY_DAY
    declared: Mapping[str, pl.DataType] = field(default_factory=dict[str, pl.DataType])


@dataclass(frozen=True, slots=True)
class CorrectableTable:
    """A table whose history can be corrected.

    ``keys`` with the partition column identify a row, ``measures`` are summed and compared. ``prove`` looks at the
    staged days against the sources.
    """

    name: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    columns: Columns = field(default_factory=Columns)
    code: CodeVersion = CodeVersion()
    sources: Sources = field(default_factory=Sources)
    consumers: Consumers = Consumers()
    prove: tuple[Prove, ...] = ()
    rollback_days: int = 14

    @property
    def partition(self) -> PartitionColumn:
        """Which column keeps its slots, and how."""
        return self.columns.partition

    @property
    def partitions(self) -> Mapping[str, PartitionColumn]:
        """How it and those of its sources keep their slots that are not by ``day``."""
        return {**self.sources.partitions, self.name: self.partition}
