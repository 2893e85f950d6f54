"""Opening a correction from the launchpad: the fields of a request, each with what it means."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets import runbook
from backfill_assets.core.plan import Approval, Plan
from backfill_assets.core.steps import Step
from backfill_assets.core.waves import WaveOrder
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.surroundings import page_shown
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.metadata import Shown, metadata_of, table_of
from backfill_assets.orchestration.correction.steps import job_name, step_key
from backfill_assets.orchestration.instance.jobs import logging_refusals, told_in
from backfill_assets.runbook.request import request_of


# Dagster offers the names of an enum in its forms, and refuses any other before there is a run; hence small letters.
class Order(StrEnum):
    """Which days go first."""

    canary = WaveOrder.CANARY
    oldest = WaveOrder.OLDEST
    newest = WaveOrder.NEWEST


class Approving(StrEnum):
    """Who lets a correction through."""

    manual = Approval.MANUAL
    automatic = Approval.AUTOMATIC


class Sign(StrEnum):
    """Which way every day moves; either claims nothing."""

    either = ""
    up = "up"
    down = "down"


class WavesConfig(dg.Config):
    """How the days are cut into waves."""

    max_days: int | None = Field(
        default=None, description="The most days in one run; left empty, so many as are worth starting one."
    )
    at_once: int = Field(default=2, description="The number of runs at the same time.")
    order: Order = Field(default=Order.canary, description="canary (the newest day alone first), oldest or newest.")
    attempts: int = Field(default=3, description="The number of tries of a day before a person has to look.")


class EstimateConfig(dg.Config):
    """By how much the sum of a measure will change; left empty, nothing is predicted."""

    measure: str = Field(default="", description="The name of the measure.")
    total: str = Field(default="", description="New minus old over the window, in digits and in quotes.")
    days: dict[str, str] = Field(default={}, description="The same for single days, by YYYY-MM-DD, in quotes.")
    tolerance: str = Field(default="", description="How far the change may be from it, such as 10%.")


class ExpectConfig(dg.Config):
    """What may differ between live and staged. A field left empty claims nothing."""

    columns: list[str] = Field(default=[], description="The only columns that may differ.")
    same_rows: bool = Field(default=False, description="No key appears or disappears.")
    unchanged_where: str = Field(default="", description="An SQL condition; such rows are equal to the last digit.")
    max_change_per_day: str = Field(
        default="", description="The largest share by which a day's sum may change, such as 2%."
    )
    max_change_total: str = Field(
        default="", description="The largest share by which the total may change, such as 0.5%."
    )
    sign: Sign = Field(
        default=Sign.either, description="up or down: no day moves the other way; either claims nothing."
    )
    estimate: EstimateConfig = Field(default=EstimateConfig(), description="The predicted effect.")


class OpenConfig(dg.Config):
    """A request for a correction."""

    first: str = Field(default="", description="The first day to correct, needed, YYYY-MM-DD.")
    last: str = Field(default="", description="The last day to correct, included, needed, YYYY-MM-DD.")
    reason: str = Field(
        default="", description="What was wrong, needed, in a sentence; it goes into the ledger and every notice."
    )
    watchers: list[str] = Field(default=[], description="Who is notified, audience by audience.")
    expect: ExpectConfig = Field(default=ExpectConfig(), description="What may differ; empty declares nothing.")
    approval: Approving = Field(
        default=Approving.manual, description="manual, or automatic when the expectation is met."
    )
    correction: str = Field(default="", description="Its id; empty takes today's date, UTC.")
    downstream: list[str] = Field(default=[], description="Tables that read it, to be corrected together with it.")
    waves: WavesConfig = Field(default=WavesConfig(), description="How the days are cut into waves.")
    budget: str = Field(default="", description="What staging may cost, such as 2.5 core-hours; empty sets no limit.")


def opening_key(table: str) -> dg.AssetKey:
    """The asset that opens a correction of a table."""
    return step_key(table, Step.OPEN)


def opening_asset(definition: TableDefinition) -> dg.AssetsDefinition:
    """Materialize it from the launchpad, and a correction of the table is open."""

    @dg.asset(
        key=opening_key(definition.table),
        group_name=job_name(definition.table),
        description=f"Opens a correction of {definition.table}. Hold Shift, press Materialize, fill in the request.",
        required_resource_keys={"lake"},
        kinds={"correction"},
    )
    @told_in(definition.slots.grain)
    def open_correction(context: dg.AssetExecutionContext, config: OpenConfig) -> dg.MaterializeResult:
        with logging_refusals(context):
            request = request_of(request_fields(definition.table, config))
            plan = runbook.open_correction(definition.step_context_of(context), request)
        context.instance.add_dynamic_partitions(partitions_name(definition.table), [plan.correction])
        context.log.info("Opened correction %s of %s, %s.", plan.correction, definition.table, plan.window)
        return dg.MaterializeResult(metadata=plan_metadata(plan))

    return open_correction


def request_fields(table: str, config: OpenConfig) -> Mapping[str, Any]:
    """The fields of a request file, from those of the launchpad; what is left empty there is not in it."""
    told = config.model_dump(mode="json")
    window = _filled({"first": told.pop("first"), "last": told.pop("last")})
    expect = told.pop("expect")
    expect = _filled({**expect, "estimate": _filled(expect["estimate"])})
    return {"table": table, "window": window, "expect": expect, **_filled({**told, "waves": _filled(told["waves"])})}


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not _is_empty(value)}


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


def plan_metadata(plan: Plan) -> Shown:
    """The plan as a person reads it."""
    reached = [
        {"report": report, "partitions": len(keys), "first": keys[0], "last": keys[-1]}
        for report, keys in plan.reports.items()
    ]
    return {
        **metadata_of(
            {
                "correction": plan.correction,
                "window": str(plan.window),
                "days": len(plan.days),
                "reason": plan.request.reason,
                "approval": str(plan.request.approval),
                "expected": plan.request.expectation.as_json() or "nothing declared",
                "watermark_holders": ", ".join(plan.holders),
                "corrected_together": ", ".join(f"{one.table} ({one.correction})" for one in plan.chain),
                "bytes_replaced": plan.cost.bytes_staged,
                "state": plan.state_told or None,
            }
        ),
        "reports_reached": dg.MetadataValue.md(table_of(reached)),
        **page_shown(plan.correction),
    }
