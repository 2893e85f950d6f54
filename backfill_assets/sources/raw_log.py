"""A raw log: what landed is appended and kept for ever, so that history can be recomputed from what was known when."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.check import Problem
from backfill_assets.core.plan import Plan
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.landing import NotRead, WithdrawalWaits
from backfill_assets.sources.arrivals import MANIFEST, arrived
from backfill_assets.sources.ingestion import (
    Ingested,
    Landed,
    ingest,
    lost_by,
    read_one,
    standing_on,
)
from backfill_assets.sources.landed import files_of, landed_days
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.purging import PurgedFiles
from backfill_assets.sources.reading import read_whole, stamp_of
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.sources.verifying import Verified, stated_totals, verified
from backfill_assets.sources.withdrawals import WHOLE_DAY, Declaration, WaitingFile, WithdrawalDecisions
from backfill_assets.storage.records import Records


class RawLog(LogRows):
    """The raw log of a source that lands a file a day.

    A day's first file is its first arrival, each changed edition another one. A row of the log has its day, its columns
    (tokens for what is personal) and the number of its arrival; what an arrival takes back is a row of its own, of the
    same key and with null measures. So every commit of the log can be read by itself, and a correction that pins one is
    computed from what was known then. The manifest holds the SHA-256 of each landed file and its control totals.

    .. code-block:: python

        READINGS = RawLog(
            table="meter_readings",
            columns=pl.Schema({"meter": pl.String(), "owner": pl.String(), "kwh": pl.Decimal(18, 3)}),
            key=("meter",),
            totals=ControlTotals(("kwh",)),
            personal={"owner": "owner_token"},
        )
    """

    def ingest(
        self,
        records: Records,
        landing: Path,
        days: Collection[date],
        token_key: bytes | TokenKeys,
        at: datetime,
        declaration: Declaration | None = None,
    ) -> Ingested:
        """Append what landed for the days. The same file again is a no-op, a changed one a new arrival.

        What a changed file of a whole day no longer holds is withdrawn. A day that cannot be read, or whose file takes
        more back than a person has allowed, is left out and its reason returned; the others are appended in one commit.

        Args:
            records: the lake.
            landing: the landing's root.
            days: which days to look for.
            token_key: what personal columns are tokenised with, at least 16 bytes, or several keys with the one in use
                first; unused where there are none.
            at: the time, UTC.
            declaration: how a file stands to what is known of its day; whole days by default.
        """
        gone = {*days} & self._purged(records, landing)
        landed = Landed(landing, declaration or Declaration(), TokenKeys.of(token_key))
        done = ingest(self, records, landed, {*days} - gone, at)
        return replace(done, known=tuple(sorted({*done.known, *gone}))) if gone else done

    def landed(self, landing: Path, records: Records | None = None) -> frozenset[date]:
        """The days for which a file lies in the landing, or, given the lake, was taken in and purged of it."""
        there = landed_days(landing, self.folder or self.table)
        return there if records is None else there | self._purged(records, landing)

    def arrivals(self, records: Records, commit: int | None = None) -> pl.DataFrame:
        """The manifest's rows of what is in the log, in order of day and arrival; of a commit, what was by then."""
        if not records.exists(self.table):
            return pl.DataFrame(schema=MANIFEST)
        return arrived(records, records.snapshot(self.table, commit), self.table).sort("day", "arrival")

    def current(self, records: Records, days: Collection[date], commit: int | None = None) -> pl.LazyFrame:
        """The rows of the days that count, as their latest arrivals have them; of a commit, as they were then."""
        return self.latest(records.snapshot(self.table, commit).scan(days))

    def source_versions(self, records: Records, commit: int | None = None) -> Mapping[date, str]:
        """A version of each day's rows: a short hash of the files they came from, in the order of their arrival.

        It is the same for as long as nothing else lands, and after the log was made anew from the same files.
        """
        days = (
            self.arrivals(records, commit).group_by("day").agg(pl.format("{} {}", "sha256", "declared").alias("files"))
        )
        return {day: hashlib.sha256("\n".join(map(str, files)).encode()).hexdigest()[:12] for day, files in days.rows()}

    def days_with_rows(self, records: Records) -> frozenset[date]:
        """The days of which anything counts, by the manifest, as its latest arrival left it."""
        known = self.arrivals(records).group_by("day", maintain_order=True)
        left = known.agg(pl.col("standing").last(), pl.col("rows").max())
        return frozenset(left.filter(pl.coalesce("standing", "rows") > 0)["day"])

    def notes(self, records: Records) -> Mapping[str, str]:
        """What a person should know of what arrived, by data file, oldest first."""
        if not records.exists(self.table):
            return {}
        found = arrived(records, records.snapshot(self.table), self.table)
        told = found.filter(pl.col("note").is_not_null())
        return dict(told.select("file", "note").iter_rows())

    def moved(self, records: Records, landing: Path, days: Collection[date]) -> frozenset[date]:
        """Those of the days whose landed file is not the one that arrived last, nor one that a person declined.

        A file is read only when it was touched since its arrival.
        """
        known = {row["day"]: row for row in self.arrivals(records).iter_rows(named=True)}
        decisions = WithdrawalDecisions(records.lake).current()
        declined = {of_file for of_file, accepted in decisions.items() if not accepted}
        changed: set[date] = set()
        for day in sorted(set(days) & known.keys()):
            for file in files_of(landing, self.folder or self.table, day):
                try:
                    found = _changed_to(landing, file, known[day])
                except (OSError, NotRead):  # whoever takes it in names it
                    changed.add(day)
                    continue
                if found and (str(day), found) not in declined:
                    changed.add(day)
        return frozenset(changed)

    def waiting(self, records: Records, landing: Path, declaration: Declaration) -> tuple[WaitingFile, ...]:
        """The files that take more back than they may without a person's decision, as they lie in the landing now."""
        found: list[WaitingFile] = []
        decisions = WithdrawalDecisions(records.lake).current()
        for day in sorted(self.moved(records, landing, set(self.arrivals(records)["day"]))):
            try:
                file = read_one(self, landing, day)
            except BackfillAssetsError:
                continue  # the ingestion names it; no decision could help
            try:
                standing = standing_on(self, records.snapshot(self.table), [day])[day]
                lost_by(self, file, standing, decisions, declaration)
            except WithdrawalWaits as error:
                found.append(WaitingFile(str(day), file.path, file.sha256, str(error)))
        return tuple(found)

    def stated(self, records: Records, days: Collection[date], commit: int | None = None) -> pl.DataFrame:
        """What the source states of the days, per day and group: the number of ``rows`` that count, and their sums.

        Sums are those that the manifest wrote down when the file arrived that holds the whole day: the only one, or the
        latest where it was declared to. Where later arrivals are additions they are added up from the rows, and so are
        the rows of a file that was not read back when it arrived.
        """
        known = self.arrivals(records, commit).filter(pl.col("day").is_in(list(days)))
        last = known.filter(pl.col("arrival") == pl.col("arrival").max().over("day"))
        whole = last.filter((pl.col("arrival") == 1) | (pl.col("declared") == WHOLE_DAY))
        stated, unstated = stated_totals(self, whole)
        uncounted = {*stated.filter(pl.col("rows").is_null())["day"], *unstated}
        counted = {*whole.filter(pl.col("counts").is_not_null())["day"]} - uncounted
        added = self._added_up(records, sorted(set(days) - counted), whole, commit)
        both = stated.drop("arrival").join(added, on=["day", self.group], how="full", coalesce=True, suffix="_added")
        is_whole = pl.col("day").is_in(list(whole["day"]))
        sums = [
            pl.when(is_whole).then(pl.col(name).fill_null(0)).otherwise(pl.col(f"{name}_added")).alias(name)
            for name in self.totals.measures
        ]
        return both.select("day", self.group, pl.coalesce("rows", "rows_added").fill_null(0), *sums)

    def _added_up(
        self, records: Records, days: Collection[date], whole: pl.DataFrame, commit: int | None
    ) -> pl.DataFrame:
        """Rows and sums per day and group of the rows that count, given the arrivals that hold a whole day."""
        if not days:
            return self.added_up(self.schema.to_frame().lazy(), "day")
        raw = records.snapshot(self.table, commit).scan(days)
        is_whole = pl.col("day").is_in(list(whole["day"]))
        of_whole = raw.filter(is_whole, self.counts)
        if not whole.filter(pl.col("arrival") > 1).is_empty():
            of_whole = of_whole.join(whole.lazy().select("day", "arrival"), on=["day", "arrival"], how="semi")
        latest = raw.filter(~is_whole).sort("arrival").unique(["day", *self.key], keep="last")
        return pl.concat([self.added_up(of_whole, "day"), self.added_up(latest.filter(self.counts), "day")])

    def _purged(self, records: Records, landing: Path) -> frozenset[date]:
        """The days that are in the log and of which nothing lies in the landing any more, because it was purged."""
        gone = PurgedFiles(records.lake).days(self.table)
        return (gone & records.days(self.table)) - landed_days(landing, self.folder or self.table) if gone else gone

    def verified(self, records: Records, days: Collection[date], commit: int | None = None) -> Verified:
        """Whether days of the log still are what arrived: their files, rows and control totals, at a commit."""
        raw = records.snapshot(self.table, commit)
        there = sorted(set(days) & raw.days)
        return verified(self, raw, self.arrivals(records, commit).filter(pl.col("day").is_in(there)), there)

    def verify(self, records: Records, plan: Plan) -> Sequence[Problem]:
        """Every problem of the log on the days of a plan, at the commit that it pins: a ``verify=`` of the builder."""
        return self.verified(records, plan.days, plan.pins[self.table]).problems


def _changed_to(landing: Path, file: Path, known: Mapping[str, Any]) -> str:
    """The SHA-256 of a file that is not the one that arrived last; nothing where it is, or was not touched since."""
    if known["stamp"] == stamp_of(file.stat()):
        return ""
    found = hashlib.sha256(read_whole(landing, file)[0]).hexdigest()
    return "" if found == known["sha256"] else found
