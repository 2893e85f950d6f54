"""The nine steps as assets, one partition a correction; and roll back, abandon and approval beside them."""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

import dagster as dg

from backfill_assets import runbook
from backfill_assets.core.events import Event
from backfill_assets.core.steps import LANES, NINE_STEPS, Step
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.staging import partitions_name
from backfill_assets.runbook import Desk
from backfill_assets.runbook.validating import refuse_failed

ABOUT: dict[Step, str] = {
    Step.FREEZE_REPORTS: "Every report downstream keeps showing its last good state.",
    Step.VERIFY_SOURCE: "The raw inputs of every affected day are there, complete and unaltered, or it stops here.",
    Step.RESET_WATERMARKS: "Every registered holder of a watermark is set back before the window.",
    Step.STAGE: "Every day of the plan is in the staged version.",
    Step.VALIDATE: "Staged against live, day by day, against the expectation and against the source.",
    Step.CUT_OVER: "One atomic commit swaps exactly the changed days; no data is moved.",
    Step.REBUILD_DOWNSTREAM: "Exactly the report partitions that the change reaches are rebuilt; reports thaw.",
    Step.COMMUNICATE: "The watchers get the measured summary.",
    Step.DECOMMISSION: "The retired files are dropped, with proof that nothing needs them.",
}


def step_key(table: str, step: Step) -> dg.AssetKey:
    """The asset key of a step: the table's correction, then the step's only spelling."""
    return dg.AssetKey([job_name(table), str(step)])


def job_name(table: str) -> str:
    """The job of the nine steps."""
    return f"{table}__correction"


def step_assets(office: Office) -> list[dg.AssetsDefinition]:
    """The nine steps, each depending on the one before."""
    partitions = dg.DynamicPartitionsDefinition(name=partitions_name(office.table))
    before = dict(zip(NINE_STEPS, (None, *NINE_STEPS), strict=False))
    return [_step_asset(office, step, before[step], partitions) for step in NINE_STEPS]


def _step_asset(
    office: Office, step: Step, before: Step | None, partitions: dg.DynamicPartitionsDefinition
) -> dg.AssetsDefinition:
    upstream = [] if before is None else [step_key(office.table, before)]
    if step is Step.STAGE:
        upstream.append(office.asset.staged_key)

    @dg.asset(
        key=step_key(office.table, step),
        deps=upstream,
        partitions_def=partitions,
        group_name=f"{office.table}__{LANES[step]}",
        description=ABOUT[step],
        required_resource_keys={"lake"},
        kinds={"correction"},
    )
    def take(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        desk = office.desk_of(context)
        return dg.MaterializeResult(metadata=metadata_of(take_step(context, office, desk, step, context.partition_key)))

    return take


def take_step(
    context: dg.AssetExecutionContext, office: Office, desk: Desk, step: Step, correction: str
) -> Mapping[str, Any]:
    """Take one step of the runbook; returns what it found."""
    match step:
        case Step.FREEZE_REPORTS:
            return runbook.freeze_reports(desk, correction).detail
        case Step.VERIFY_SOURCE:
            return runbook.verify_source(desk, correction).detail
        case Step.RESET_WATERMARKS:
            return runbook.reset_watermarks(desk, correction).detail
        case Step.STAGE:
            return runbook.stage(desk, correction).detail
        case Step.VALIDATE:
            return _validate(desk, correction)
        case Step.CUT_OVER:
            return _cut_over(context, office, desk, correction)
        case Step.REBUILD_DOWNSTREAM:
            return runbook.rebuild_downstream(desk, correction).detail
        case Step.COMMUNICATE:
            return runbook.communicate(desk, correction).detail
        case Step.DECOMMISSION:
            return runbook.decommission(desk, correction).detail
        case Step.OPEN | Step.APPROVE | Step.ROLL_BACK | Step.ABANDON:
            raise AssertionError(step)
        case _:
            assert_never(step)


def _validate(desk: Desk, correction: str) -> Mapping[str, Any]:
    found = runbook.validate(desk, correction)
    refuse_failed(found, desk.progress(correction).plan)
    return {
        "certificate": found.certificate.digest,
        "days_changed": len(found.certificate.changed_days),
        "days_unchanged": len(found.certificate.unchanged_days),
        **{check.name: check.sentence for check in found.checks},
    }


def _cut_over(context: dg.AssetExecutionContext, office: Office, desk: Desk, correction: str) -> Mapping[str, Any]:
    """Swap first, then tell Dagster of every changed day, for staleness and automation downstream."""
    event = runbook.cut_over(desk, correction)
    tell_changed(context.log_event, office, event)
    return {name: value for name, value in event.detail.items() if name != "days"} | {"days": len(event.detail["days"])}


def tell_changed(log_event: Callable[[dg.AssetMaterialization], None], office: Office, event: Event) -> None:
    """Log a materialization of the live key for each day that a swap or roll back changed."""
    for day in event.detail["days"]:
        log_event(
            dg.AssetMaterialization(
                office.asset.live.key,
                partition=day,
                metadata={"correction": event.correction, "step": str(event.step)},
            )
        )


def metadata_of(detail: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """A detail of the ledger as Dagster shows it: numbers as numbers, texts as texts, the rest as JSON."""
    return {str(name): _shown(value) for name, value in detail.items() if value is not None}


def _shown(value: object) -> dg.MetadataValue:
    match value:
        case bool():
            return dg.MetadataValue.bool(value)
        case int():
            return dg.MetadataValue.int(value)
        case float():
            return dg.MetadataValue.float(value)
        case str():
            return dg.MetadataValue.text(value)
        case _:
            return dg.MetadataValue.json(value)
