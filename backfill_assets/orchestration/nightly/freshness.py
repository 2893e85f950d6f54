"""Whether live is up to date: late data, the age of its newest day, and the volume that is usual for it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from backfill_assets.core.slots import Grain, Slot
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import by_the_clock, lake_check
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.storage.snapshot import Snapshot

EVERY_MORNING = "30 7 * * *"
FRESH, USUAL = "newest_day_is_fresh", "newest_day_has_the_usual_volume"
MOST_DAYS_OLD = 2
ALIKE = 8
STEPS = {Grain.HOUR: 24 * 7, Grain.DAY: 7, Grain.WEEK: 1, Grain.MONTH: 1}
LIKE = {
    Grain.HOUR: "hours of its weekday and time",
    Grain.DAY: "days of its weekday",
    Grain.WEEK: "weeks",
    Grain.MONTH: "months",
}
ODD = 5
"""A day with more than five times the largest, or less than a fifth of the smallest, is not usual."""


def freshness_definitions(definition: TableDefinition, *, most_days_old: int = MOST_DAYS_OLD) -> dg.Definitions:
    """Two checks on the live asset, and a job with its schedule that evaluates every check on it each morning.

    So a reconciliation or an audit that was not taken for days is told too, and checks do not hang on what they watch.

    Times of materializations or commits are not looked at: a cut over materializes ninety old days in one commit, which
    says nothing about tonight's.
    """
    checks = [_fresh(definition, most_days_old), _usual(definition)]
    selection = dg.AssetSelection.checks_for_assets(definition.asset.key)
    told = f"Evaluates the checks on {definition.table}, also when nothing was published."
    job = dg.define_asset_job(
        watch_job_name(definition.table), selection=selection, description=told, tags=tags.ROUTINE
    )
    schedule = by_the_clock(job, EVERY_MORNING, told)
    return dg.Definitions(asset_checks=checks, jobs=[job], schedules=[schedule])


def watch_job_name(table: str) -> str:
    """The job that evaluates the checks on a table."""
    return f"{table}__watch"


def slots_behind(published: Slot, newest_over: Slot, grain: Grain = Grain.DAY) -> int:
    """How many slots the newest published one lies before the newest that is over."""
    return max(grain.distance(published, newest_over), 0)


def usual_volume(rows: Mapping[Slot, int], newest: Slot, grain: Grain = Grain.DAY) -> tuple[int, int] | None:
    """The fewest and most rows that are usual for the newest slot, by the last eight like it; None without four."""
    earlier = [rows[slot] for slot in like(newest, grain)[1:] if slot in rows]
    if len(earlier) < ALIKE // 2:
        return None
    return min(earlier) // ODD, max(earlier) * ODD


def like(newest: Slot, grain: Grain) -> list[Slot]:
    """The newest slot and eight like it before: of the same weekday, and of the same hour of the week."""
    return [grain.after(newest, -step * STEPS[grain]) for step in range(ALIKE + 1)]


def rows_of(live: Snapshot, days: Sequence[Slot]) -> dict[Slot, int]:
    """How many rows the days have, by the table's own statistics."""
    there = [day for day in days if day in live.days]
    return {day: sum(max(file.rows, 0) for file in files) for day, files in live.files_of(there).items()}


def _fresh(definition: TableDefinition, most_days_old: int) -> dg.AssetChecksDefinition:
    def look(lake: LakeResource) -> dg.AssetCheckResult:
        records = definition.knowing(lake.records())
        published = records.days(definition.table)
        slots, newest = definition.slots, max(published, default=None)
        if newest is None:
            return dg.AssetCheckResult(passed=False, description="Nothing is published.")
        over, noun = slots.newest_over(lake.now()), slots.grain.value
        behind = slots_behind(newest, over, slots.grain)
        told = f"{newest} is {counted(behind, noun)} behind."
        is_late = (over - newest).days >= most_days_old
        return dg.AssetCheckResult(passed=not is_late, description=told, metadata={f"{noun}s_behind": behind})

    about = "The newest published day is there; a correction of older ones changes nothing about that."
    return lake_check(definition.asset.key, FRESH, definition.slots.grain.worded(about), look)


def _usual(definition: TableDefinition) -> dg.AssetChecksDefinition:
    def look(lake: LakeResource) -> dg.AssetCheckResult:
        records = definition.knowing(lake.records())
        live = records.newest(definition.table)
        if live is None or not live.days:
            return _told("Nothing is published.", passed=False)
        newest, grain = max(live.days), definition.slots.grain
        rows = rows_of(live, like(newest, grain))
        usual = usual_volume(rows, newest, grain)
        if usual is None:
            return _told(f"Too few {LIKE[grain]} are published to judge {newest}.", passed=True)
        fewest, most = usual
        passed = fewest <= rows[newest] <= most
        return _told(f"{newest} has {counted(rows[newest], 'row')}; {fewest:,} to {most:,} are usual.", passed=passed)

    grain = definition.slots.grain
    about = f"The newest published {grain.value} has about as many rows as earlier {LIKE[grain]}."
    return lake_check(definition.asset.key, USUAL, about, look)


def _told(sentence: str, *, passed: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, description=sentence)
