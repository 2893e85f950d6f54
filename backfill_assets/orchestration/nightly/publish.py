"""Nightly: publish every pending day, in waves, and say which published days were computed from older inputs.

What is to be done is read from the tables, never from how earlier runs ended: a day goes through the assets that do
not have it yet, and one bad day does not stop the others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg

from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.failure import FailedAlike, Failure, failed_alike
from backfill_assets.errors.runs import NothingToPublish
from backfill_assets.orchestration.asset.guard import claims, to_be_staged
from backfill_assets.orchestration.asset.lateness import lateness, stale_days
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import Apart, Runner, RunResult, guarded, why
from backfill_assets.orchestration.nightly.owed_reports import MARKED, OwedReports
from backfill_assets.orchestration.nightly.pipeline import Pipeline, landed_by
from backfill_assets.runbook.as_reported import keep_reported_quietly
from backfill_assets.runbook.readers import NIGHTLY
from backfill_assets.runbook.watermark_steps import note_advanced
from backfill_assets.storage.records import Records

DAYS_PER_WAVE = 90


@dataclass(frozen=True, slots=True)
class Nightly:
    """What one nightly did.

    ``late`` are published days whose inputs have moved since, too old for nightly to rewrite: a correction is
    proposed for them. ``claimed`` are days left to open corrections. ``readers_wait`` tells of pages and notices that
    could not go out. ``notes`` are what a person should know of what was taken in.
    """

    published: tuple[date, ...]
    rebuilt: tuple[date, ...]
    failed: Mapping[date, Failure]
    late: tuple[date, ...] = ()
    claimed: tuple[date, ...] = ()
    frozen: tuple[str, ...] = ()
    reports_failed: Mapping[str, Failure] = field(default_factory=dict[str, Failure])
    readers_wait: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[FailedAlike, ...]:
        """What went wrong, each thing once, by day and then by report."""
        return failed_alike({day: self.failed[day] for day in sorted(self.failed)} | {**self.reports_failed})


class NightlyRun:
    """One nightly in this process, through a day."""

    def __init__(self, pipeline: Pipeline, runner: Runner, lake: LakeResource) -> None:
        self.pipeline = pipeline
        self.runner = runner
        self.lake = lake
        self.apart = Apart()
        self.days_per_wave = DAYS_PER_WAVE
        self.failed: dict[date, Failure] = {}

    def publish(self, through: Slot | None = None) -> Nightly:
        """Publish every pending day up to ``through``, rebuild late ones inside the look-back, then the reports.

        Where it is not given it is the newest day that is over.

        Raises:
            DayNotOver, DayBeforeFirst: when ``through`` is a day that cannot be.
        """
        definition = self.pipeline.definition
        records = definition.knowing(self.lake.records())
        through = through or definition.slots.newest_over(self.lake.now())
        told = self.pipeline.notes(records)
        landed, impossible = landed_by(self.pipeline, through, self.lake.now())
        self.failed |= impossible
        live = self._live(records)
        window = self._window(records, live, landed, through)
        claimed = {day for days in claims(records, definition.table, [*(window or ())]).values() for day in days}
        if window is None and not live and not impossible:
            raise NothingToPublish(definition.table, through)
        pending = [day for day in window or () if day not in live and day not in claimed]
        latest = self._look_back(live, claimed)
        self._refresh(pending or latest[-1:])
        self._run_inputs_again(self.pipeline.moved(records, self._left_behind(records, pending)))
        self._through_tables(pending)
        self._run_inputs_again(self.pipeline.moved(records, live))
        published = sorted(self._live(records) & set(pending))
        stale = stale_days(definition, records, {*live, *published})
        due = [day for day in stale if day in {*latest, *self._look_back(published, claimed)}]
        # What state is carried on into is computed anew as a whole, or not at all.
        due = due if definition.compute_spec.read.carried is None or due == stale else []
        rebuilt = self._rebuild(due)
        owed = OwedReports(definition, self.runner, self.lake, self.apart)
        reports = owed.build(records, {*published, *rebuilt}, self._live(records))
        self._advance(records, window)
        ctx = definition.step_context(self.lake, NIGHTLY)
        note_advanced(ctx)
        keep_reported_quietly(ctx)
        readers_wait = tuple(definition.refresh_outputs(records))
        late = [day for day in stale if day not in {*due, *to_be_staged(records, definition.table, stale)}]
        self.runner.instance.report_runless_asset_event(lateness(definition, late))
        return Nightly(
            published=tuple(published),
            rebuilt=tuple(rebuilt),
            failed=self.failed,
            late=tuple(late),
            claimed=tuple(sorted(claimed & {*(window or ()), *stale})),
            frozen=reports.frozen,
            reports_failed=reports.failed,
            readers_wait=readers_wait,
            notes=tuple(note for name, note in self.pipeline.notes(records).items() if name not in told),
        )

    def _window(
        self, records: Records, live: Collection[date], landed: Collection[date], through: date
    ) -> Window | None:
        """From the day after the watermark, or from the first day there is; from a gap between published days.

        A gap may lie before the mark, when a day is rolled back, or the newest days were taken away by somebody; so may
        the first day, when it landed late.
        """
        grain = self.pipeline.definition.slots.grain
        keeper = records.watermarks.holders(self.pipeline.definition.table).get(NIGHTLY)
        mark = grain.after(keeper.effective) if keeper and keeper.effective else None
        first = min(landed, default=None)
        earlier = first if first and (not live or first < min(live)) else None
        gap = next((day for day in Window.spanning(live, grain) if day not in live), None) if live else None
        after = grain.after(max(live)) if live else None
        starts = [day for day in (mark or first, earlier, gap, after) if day is not None]
        return Window(min(starts), through, grain) if starts and min(starts) <= through else None

    def _live(self, records: Records) -> frozenset[date]:
        """The published days that the definitions have."""
        table = self.pipeline.definition.table
        days = records.days(table)
        return frozenset(day for day in days if day >= self.pipeline.first)

    def _look_back(self, live: Collection[date], claimed: Collection[date]) -> list[date]:
        """The published days that nightly may still rewrite, oldest first."""
        definition = self.pipeline.definition
        oldest = self.lake.now().date() - timedelta(days=definition.compute_spec.look_back_days)
        return sorted(day for day in live if definition.slots.grain.reaches(day, oldest) and day not in claimed)

    def _refresh(self, days: Sequence[date]) -> None:
        if days:
            for asset in self.pipeline.undated:
                ran = guarded(lambda key=asset.key: self.runner.run_unpartitioned([key], MARKED))
                if not ran.success:
                    # Days published on what was known before might be published wrong, without a word.
                    self.failed |= dict.fromkeys(days, why(ran))

    def _through_tables(self, pending: Sequence[date]) -> None:
        """Take each day through the tables that lack it; a day that gets no further is failed with its reason.

        Where a wave fails for a reason that names no day, the days that got no further are tried in smaller waves.
        """
        while waves := self._waves([day for day in pending if day not in self.failed]):
            broken = [len(wave) for lacking, wave in waves if self._is_broken(lacking, wave)]
            self.days_per_wave = max(1, max(broken) // 2) if broken else self.days_per_wave

    def _is_broken(self, lacking: Sequence[str], wave: Window) -> bool:
        """Run a wave; whether days of it are worth another try in a smaller one. Those that are not have failed."""
        assets = [*self.pipeline.inputs, self.pipeline.definition.asset]
        self.pipeline.on_wave("publishing", wave)
        keys = [asset.key for asset in assets if table_of(asset.key) in lacking]
        ran = guarded(lambda: self.runner.run_days(keys, wave, MARKED))
        stuck = self._stuck(lacking, wave)
        if self.apart.is_worth_halving(ran, len(stuck)):
            return True
        self.failed |= {day: ran.failed_days.get(day) or why(ran) for day in stuck}
        return False

    def _waves(self, days: Sequence[date]) -> list[tuple[tuple[str, ...], Window]]:
        """Consecutive days that lack the same tables, at most ``days_per_wave`` together."""
        records = self.pipeline.definition.knowing(self.lake.records())
        there = {table: records.days(table) for table in self.pipeline.tables}
        lacking: dict[tuple[str, ...], list[date]] = {}
        for day in days:
            tables = tuple(table for table in self.pipeline.tables if day not in there[table])
            if tables:
                lacking.setdefault(tables, []).append(day)
        most = self.days_per_wave
        waves = [
            (tables, window)
            for tables, wanted in lacking.items()
            for window in contiguous(wanted, most, self.pipeline.definition.slots.grain)
        ]
        return sorted(waves, key=lambda wave: wave[1])

    def _stuck(self, lacking: Sequence[str], wave: Window) -> list[date]:
        """The days that got no further: the first table that was tried for every day still lacks them."""
        records = self.pipeline.definition.knowing(self.lake.records())
        there = {table: records.days(table) for table in lacking}
        first_tried = next((table for table in lacking if set(wave) - there[table]), lacking[0])
        return [day for day in wave if day not in there[first_tried]]

    def _left_behind(self, records: Records, pending: Collection[date]) -> list[date]:
        """Pending days that have all their inputs, from a nightly that came no further: they may be repaired now."""
        tables = [table_of(asset.key) for asset in self.pipeline.inputs]
        there = [records.days(table) for table in tables]
        return [day for day in pending if all(day in days for days in there)]

    def _run_inputs_again(self, moved: Collection[date]) -> None:
        """Take in what landed anew for days that have their inputs, however old: a changed file is a new arrival."""
        for window in contiguous(moved, DAYS_PER_WAVE, self.pipeline.definition.slots.grain):
            for asset in self.pipeline.inputs:
                self.pipeline.on_wave("taking in what landed late", window)
                self._run_whole(asset.key, window)

    def _run_whole(self, asset: dg.AssetKey, window: Window) -> list[date]:
        """Run an asset for published days and return those that failed; the days that it names, or all of them."""
        failed: list[date] = []

        def run(days: Sequence[date]) -> RunResult:
            return self.runner.run_days([asset], Window(days[0], days[-1], window.grain), MARKED)

        for days, ran in self.apart.failures(run, window.days):
            named = ran.failed_days
            of_run = [day for day in days if day in named] or [*days]
            self.failed |= {day: named.get(day) or why(ran) for day in of_run}
            failed += of_run
        return failed

    def _rebuild(self, days: Sequence[date]) -> list[date]:
        rebuilt: list[date] = []
        definition = self.pipeline.definition
        most = DAYS_PER_WAVE if definition.compute_spec.read.carried is None else None
        for window in contiguous(days, most, definition.slots.grain):
            self.pipeline.on_wave("rebuilding late days", window)
            failed = self._run_whole(definition.asset.key, window)
            rebuilt += [day for day in window if day not in failed]
        return rebuilt

    def _advance(self, records: Records, window: Window | None) -> None:
        """Move nightly's mark to the last day before which none is missing."""
        live = self._live(records)
        reached: date | None = None
        for day in window or ():
            if day not in live:
                break
            reached = day
        if reached is not None:
            table = self.pipeline.definition.table
            records.watermarks.advance(NIGHTLY, table, reached, by=NIGHTLY, at=self.lake.now())
