"""Late data: published days that were computed from other inputs than there are now, as a check on the live asset."""

from collections.abc import Collection, Mapping
from datetime import date

import dagster as dg

from backfill_assets.core.window import Window
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.orchestration.asset.guard import claims
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.storage.records import Records

CHECK = "is_computed_from_the_newest_inputs"


def stale_days(definition: TableDefinition, records: Records, live: Collection[date]) -> list[date]:
    """Those of some published days that were computed from other inputs than there are now, oldest first."""
    compute_spec = definition.compute_spec
    if not records.exists(compute_spec.table):
        return []
    snapshot = records.snapshot(compute_spec.table)
    sources = {source: records.snapshot(source) for source in compute_spec.sources.values()}
    builds = records.builds.of_days(
        compute_spec.table, {day: snapshot.files[day] for day in snapshot.days if day in live}
    )
    return sorted(
        day
        for day, build in builds.items()
        if any(
            source in sources and inputs != sources[source].fingerprint(day if sources[source].by_day else None)
            for source, inputs in build.inputs.items()
        )
    )


def lateness(definition: TableDefinition, late: Collection[date]) -> dg.AssetCheckEvaluation:
    """What nightly says of days with late data that are too old for it: a correction is proposed for them."""
    told: Mapping[str, dg.MetadataValue] = {"days_late": dg.MetadataValue.int(len(late))}
    if not late:
        said = "No published day has late data that waits for a correction."
    else:
        window = Window.spanning(late, definition.slots.grain)
        are = verb(len(late), "is", "are")
        said = f"{days_listed(late)} with late data {are} too old for nightly. Open a correction of {window}."
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

    @dg.asset_check(
        asset=definition.asset.key,
        name=CHECK,
        description="No published day has late data that waits for a correction.",
        required_resource_keys={"lake"},
    )
    def is_computed_from_the_newest_inputs(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: LakeResource = context.resources.lake
        records = lake.records()
        live = records.days(definition.table)
        claimed = {day for days in claims(records, definition.table).values() for day in days}
        told = lateness(definition, [day for day in stale_days(definition, records, live) if day not in claimed])
        return dg.AssetCheckResult(
            passed=told.passed, severity=told.severity, description=told.description, metadata=told.metadata
        )

    return is_computed_from_the_newest_inputs
