"""Whether published days were computed from what their sources hold now; those that were not wait for somebody."""

from collections.abc import Collection, Mapping
from datetime import date

import dagster as dg

from backfill_assets.core.carried import and_later
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.orchestration.asset.guard import to_be_staged
from backfill_assets.orchestration.asset.table_definition import TableDefinition, linked
from backfill_assets.orchestration.instance.jobs import as_result, lake_check
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.storage.carried import computed_from_others
from backfill_assets.storage.records import Records

CHECK = "is_computed_from_the_newest_inputs"
ON_TIME = "No published day has late data that waits for a correction."


def stale_days(definition: TableDefinition, records: Records, live: Collection[date]) -> list[date]:
    """Those of some published days that were computed from other inputs than there are now, oldest first.

    Where the table carries state every day after the first of them is one too.
    """
    compute_spec = definition.compute_spec
    records = records.reading(compute_spec.read.outside)
    if not records.exists(compute_spec.table):
        return []
    snapshot = records.snapshot(compute_spec.table)
    sources = {source: records.snapshot(source) for source in compute_spec.sources.values()}
    builds = records.builds.of_days(
        compute_spec.table, {day: snapshot.files[day] for day in snapshot.days if day in live}
    )
    stale = {
        day
        for day, build in builds.items()
        if any(build.inputs.get(source, now) != now for source, now in compute_spec.fingerprints(sources, day).items())
    }
    if (carried := compute_spec.read.carried) is not None:
        stale |= computed_from_others(records, compute_spec.table, carried, snapshot, builds)
        stale = and_later(stale, live)
    return sorted(stale)


def waiting_days(definition: TableDefinition, records: Records) -> list[Slot]:
    """The published days that wait for a correction, oldest first: stale ones, and those that read stale days.

    Days that an open correction has claimed are left out.
    """
    records = definition.knowing(records)
    live = records.days(definition.table)
    late = {*stale_days(definition, records, live)}
    for table, source in linked(definition.asset).reads.items():
        upstream = linked(source).definition
        stale = {*waiting_days(upstream, records)} if upstream is not None else set[Slot]()
        reads = definition.compute_spec.read.of(table)
        late |= {day for day in live if stale and not stale.isdisjoint(reads.of([day]))}
    if definition.compute_spec.read.carried is not None:
        late = {*and_later(late, live)}
    return sorted(late - to_be_staged(records, definition.table, late))


def told_of_tables(definition: TableDefinition, records: Records) -> list[dg.AssetCheckEvaluation]:
    """What is to be said on each correctable table that reads this one, itself or through others.

    And on the table itself, where it reads another.
    """
    found = {definition.table: definition} if linked(definition.asset).reads else dict[str, TableDefinition]()
    waiting = [definition.asset]
    while waiting:
        for table, reader in linked(waiting.pop(0)).readers.items():
            known = linked(reader).definition
            if known is not None and table not in found:
                found[table] = known
                waiting.append(reader)
    return [lateness(one, waiting_days(one, records)) for one in found.values()]


def lateness(definition: TableDefinition, late: Collection[date]) -> dg.AssetCheckEvaluation:
    """What nightly says of days with late data that are too old for it: a correction is proposed for them."""
    told: Mapping[str, dg.MetadataValue] = {"days_late": dg.MetadataValue.int(len(late))}
    grain = definition.slots.grain
    if not late:
        said = grain.worded(ON_TIME)
    else:
        window = Window.spanning(late, grain)
        are = verb(len(late), "is", "are")
        what = f"with late data {are} too old for nightly"
        if not definition.consumers.has_nightly:
            what = f"{verb(len(late), 'was', 'were')} computed from other inputs than there are now"
        named, propose = days_listed(late, noun=grain.value), f"backfill-assets plan --stale {definition.table}"
        said = f"{named} {what}. Open a correction of {window}, which `{propose}` proposes."
        told = {**told, "window": dg.MetadataValue.text(str(window))}
    return dg.AssetCheckEvaluation(
        asset_key=definition.asset.key,
        check_name=CHECK,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=told,
    )


def lateness_check(definition: TableDefinition) -> dg.AssetChecksDefinition:
    """The same, evaluated whenever somebody asks; days that an open correction has claimed are left out."""

    def look(lake: LakeResource) -> dg.AssetCheckResult:
        return as_result(lateness(definition, waiting_days(definition, lake.records())))

    return lake_check(definition.asset.key, CHECK, definition.slots.grain.worded(ON_TIME), look)
