"""The restatement journal: per day and currency what was reported, what is now, and why; ready to be posted.

Kept in ``_control/restatements``, a set of rows for each swap and roll back, written before the reports thaw while
the retired files still exist. The deltas of a day add up to the difference between its first figure and today's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from backfill_assets.corrections import Event, Plan, Step, Swapped
from backfill_assets.lake import ControlTable, DataFile, Manifest, Records
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.text import one_line

MONEY = pl.Decimal(38, 4)
SCHEMA = pl.Schema(
    {
        "correction": pl.String(),
        "version": pl.Int64(),
        "entry": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "day": pl.Date(),
        "currency": pl.String(),
        "old_usd": MONEY,
        "new_usd": MONEY,
        "delta_usd": MONEY,
        "reason": pl.String(),
    }
)
ORDER = ["at", "correction", "version", "day", "currency"]
SWAPS = {Step.CUT_OVER: "restatement", Step.ROLL_BACK: "reversal"}


@dataclass(frozen=True)
class Journal:
    """The journal of a fact's corrections."""

    records: Records
    table: str

    def rows(self) -> pl.DataFrame:
        """All entries, in the order they came about."""
        return self._control().rows().sort(ORDER)

    def keep(self, plan: Plan, events: Sequence[Event]) -> None:
        """Write down the entries of every swap and roll back of a correction that is not in the journal yet."""
        done = [(event, fact) for event in events if isinstance(fact := event.fact, Swapped)]
        known = self._swap_counts(plan.correction)
        if all(fact.swap.swap_count in known or not fact.swap.days for _, fact in done):
            return
        manifests = {one.swap_count: one for one in self.records.ledger.manifests(plan.correction)[plan.correction]}
        for event, fact in done:
            swap_count = fact.swap.swap_count
            if swap_count not in known and swap_count in manifests:
                self._append(plan.correction, swap_count, self._entries(plan, event, fact, manifests[swap_count]))

    def _control(self) -> ControlTable:
        return ControlTable(self.records.lake, "restatements", SCHEMA)

    def _swap_counts(self, correction: str) -> frozenset[int]:
        rows = self._control().rows(["correction", "version"])
        return frozenset(rows.filter(pl.col("correction") == correction)["version"])

    def _append(self, correction: str, swap_count: int, entries: pl.DataFrame) -> None:
        mine = (pl.col("correction") == correction) & (pl.col("version") == swap_count)
        self._control().append(lambda known: None if known.filter(mine).height else entries)

    def _entries(self, plan: Plan, event: Event, fact: Swapped, manifest: Manifest) -> pl.DataFrame:
        """Of every day and currency whose sum moved; a roll back's retired files are the corrected ones."""
        old = self._sums(manifest.retired).rename({"revenue_usd": "old_usd"})
        new = self._sums(manifest.arriving).rename({"revenue_usd": "new_usd"})
        both = old.join(new, on=["day", "currency"], how="full", coalesce=True)
        nothing = pl.lit(0).cast(MONEY)
        both = both.with_columns(pl.col("old_usd", "new_usd").fill_null(nothing))
        moved = both.filter(pl.col("old_usd") != pl.col("new_usd"))
        return moved.with_columns(delta_usd=pl.col("new_usd") - pl.col("old_usd"), **_about(plan, event, fact)).select(
            [pl.col(name).cast(kind) for name, kind in SCHEMA.items()]
        )

    def _sums(self, files: Sequence[DataFile]) -> pl.DataFrame:
        folder = self.records.table(self.table).folder
        rows = folder.scan_days([(file.path, file.day) for file in files], schema_of(self.table))
        return rows.group_by("day", "currency").agg(pl.col("revenue_usd").sum().cast(MONEY)).collect()


def _about(plan: Plan, event: Event, fact: Swapped) -> dict[str, Any]:
    note = fact.note if fact.step is Step.ROLL_BACK else None
    return {
        "correction": pl.lit(plan.correction),
        "version": pl.lit(fact.swap.swap_count),
        "entry": pl.lit(SWAPS[fact.step]),
        "at": pl.lit(event.at),
        "reason": pl.lit(one_line(note or plan.request.reason)),
    }
