"""What ``reconcile(...)`` takes: a table compared with an outside table, files, a query, or what a function reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, cast

import polars as pl

from backfill_assets.core.exact import Precision
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window
from backfill_assets.errors.base import listed
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.arguments import described
from backfill_assets.orchestration.asset.frames import frame_of
from backfill_assets.orchestration.asset.source import DeltaSource, OutsideSource, ParquetSource, QuerySource
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.columns import column_by_time
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.books import EXACT, Books, BooksByMeasure, LedgerSpec, books_of, compared
from backfill_assets.orchestration.watching.figures import Stating, placed, unfit_column
from backfill_assets.orchestration.watching.ledger_comparison import ReadBooks, reconciled
from backfill_assets.orchestration.watching.reconciliation import Reconcile, Reconciled
from backfill_assets.orchestration.watching.spans import LONGER
from backfill_assets.storage.outside import Outside
from backfill_assets.storage.records import Records

ReadFigures = Callable[[Records, Window], Any]
Figures = OutsideSource | ReadFigures
SOURCES = (DeltaSource, ParquetSource, QuerySource)
GIVE = "Give a DeltaSource, a ParquetSource, a QuerySource, or a function of records and window."


@dataclass(frozen=True)
class Against:
    """A comparison of a table with figures of somebody else; see :func:`against`."""

    ledger: LedgerSpec
    figures: Figures
    tolerances: Mapping[str, Decimal]
    stating: Stating

    def __call__(self, lake: LakeResource, through: date | None) -> Reconciled:
        """Compare a table that is named and whose days are dates in a column ``day``."""
        return self._compared(lake.records(), self.ledger, self._read_function(self.ledger), lake, through)

    def of(self, definition: TableDefinition) -> Reconcile:
        """The comparison of a table, by the column and the grain of its own definition.

        Raises:
            ArgumentUnusable: when the table cannot be compared so.
        """
        ledger = replace(self.ledger, table=self.ledger.table or definition.table)
        self._refuse(definition, ledger)
        read = self._read_source(definition, ledger) if isinstance(self.figures, SOURCES) else None

        def compare(lake: LakeResource, through: date | None) -> Reconciled:
            records = definition.knowing(lake.records())
            return self._compared(records, ledger, read or self._read_function(ledger), lake, through)

        return compare

    def _compared(
        self, records: Records, ledger: LedgerSpec, read: ReadBooks, lake: LakeResource, through: date | None
    ) -> Reconciled:
        return reconciled(records, ledger, read, through, lake.now(), self.tolerances, per=self.stating.per)

    def _read_function(self, ledger: LedgerSpec) -> ReadBooks:
        """What a function reads: books, or anybody's frame of figures."""

        def read(records: Records, window: Window) -> Books | BooksByMeasure:
            made = cast("ReadFigures", self.figures)(records, window)
            if isinstance(made, Books | Mapping):
                return cast("Books | BooksByMeasure", made)
            return books_of(records, ledger, frame_of(ledger.name, made), window, self.stating)

        return read

    def _read_source(self, definition: TableDefinition, ledger: LedgerSpec) -> ReadBooks:
        """What an outside source has of the spans of a window, in the columns that are compared."""
        source = cast("OutsideSource", self.figures)
        column = self.stating.column(column_by_time(definition.slots.partitions_def, source.day))
        named = replace(source, name=source.name or ledger.name)
        outside = cast("Outside", replace(cast("Any", named.opened_for(definition.slots)), column=column))
        wanted = [column.name, *map(self.stating.theirs, (*ledger.groups, *ledger.measures, "rows"))]

        def read(records: Records, window: Window) -> BooksByMeasure:
            spans = self.stating.spans(window, column.zone)
            rows = _rows(outside, records, ledger, column, spans.days)
            there = rows.collect_schema().names()
            figures = rows.select([*dict.fromkeys(one for one in wanted if one in there)]).collect()
            live = records.snapshot(ledger.table)
            return compared(live, ledger, placed(figures, ledger.name, column, spans.days), spans, self.stating)

        return read

    def _refuse(self, definition: TableDefinition, ledger: LedgerSpec) -> None:
        table, grain, per = definition.table, definition.slots.grain, self.stating.per
        if ledger.table != table:
            found, instead = f"a reconciliation of {ledger.table}", "Leave its table out, or give it to that table."
            raise ArgumentUnusable(table, "watch", found, instead)
        measures, day = definition.declaration.measures, definition.partition.name
        if strange := [one for one in ledger.measures if one not in measures]:
            found = f"a reconciliation of {listed(strange)}, which it does not have as a measure"
            raise ArgumentUnusable(table, "watch", found, f"Compare some of {listed(measures) or 'no measures'}.")
        declared = definition.correctable_table.columns.declared
        columns = {*declared, *definition.declaration.keys} if declared else None
        if strange := [one for one in ledger.groups if one == day or (columns and one not in columns)]:
            found = f"a reconciliation by groups of {listed(strange)}, which it does not have beside its {grain.value}"
            raise ArgumentUnusable(table, "watch", found, "Name columns of the table, or none.")
        if per is not None and per is not grain and per not in LONGER[grain]:
            longer = [one.value for one in LONGER[grain]]
            instead = f"Say per as one of {', '.join(longer)}, or leave it out." if longer else "Leave per out."
            raise ArgumentUnusable(table, "watch", f"a reconciliation by figures per {per.value}", instead)


def against(
    ledger: LedgerSpec,
    figures: Figures,
    tolerances: Mapping[str, Decimal] = EXACT,
    *,
    columns: Mapping[str, str] | None = None,
    per: str = "",
    precision: Precision | None = None,
) -> Against:
    """What ``reconcile(...)`` takes: live is compared with figures of every slot from the first published one.

    Args:
        ledger: what is compared, and how it is worded.
        figures: a ``DeltaSource``, ``ParquetSource`` or ``QuerySource`` with the groups, the measures and perhaps
            ``rows``; or a function of records and window that returns anybody's frame with these and the slots, or
            books. Figures of one slot and group, finer ones too, are added up; of slots and groups that are left out
            nothing is said.
        tolerances: how much a group may differ on a slot, ``*`` for all others.
        columns: their name of a column of ours, where that is another one.
        per: ``day``, ``week`` or ``month``, where each figure is of a longer time than a slot. Weeks begin on Mondays;
            times that are not over are not compared.
        precision: the decimals to which figures hold, where their type or print misleads.

    Raises:
        ArgumentUnusable: naming what cannot be used.
    """
    name = ledger.table if isinstance(ledger, LedgerSpec) and ledger.table else "reconcile"
    grains = {grain.value: grain for grain in (Grain.DAY, Grain.WEEK, Grain.MONTH)}
    mapped = f"Give a mapping of names, such as {{'{'revenue'}': 'amount_eur'}}."
    refused = (
        (not isinstance(ledger, LedgerSpec), "ledger", ledger, "Give a LedgerSpec."),
        (
            isinstance(figures, type) or not (callable(figures) or isinstance(figures, SOURCES)),
            "figures",
            figures,
            GIVE,
        ),
        (not isinstance(tolerances, Mapping), "tolerances", tolerances, "Give a mapping of groups to decimals."),
        (not isinstance(columns or {}, Mapping), "columns", columns, mapped),
        (per not in {"", *grains}, "per", per, "Say day, week or month, or leave it out."),
        (not isinstance(precision or Precision(), Precision), "precision", precision, "Give Precision({'*': 2})."),
    )
    for is_wrong, argument, given, instead in refused:
        if is_wrong:
            raise ArgumentUnusable(name, argument, described(given), instead)
    if not ledger.measures or not all(isinstance(one, str) and one for one in (*ledger.measures, *ledger.groups)):
        raise ArgumentUnusable(
            name, "ledger", "no measure, or a column that is no text", "Name one measure or several."
        )
    if isinstance(figures, SOURCES) and figures.look_back:
        raise ArgumentUnusable(name, "figures", "a source that looks back", "Leave look_back out.")
    stating = Stating(columns or {}, grains.get(per), precision or Precision())
    return Against(ledger, figures, tolerances, stating)


def _rows(
    outside: Outside, records: Records, ledger: LedgerSpec, column: PartitionColumn, slots: tuple[date, ...]
) -> pl.LazyFrame:
    try:
        return outside.snapshot(records.lake, f"{ledger.table}__figures").scan(slots)
    except (ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous) as error:
        raise unfit_column(ledger.name, column, "") from error
