"""The job of a consumer, and the sensor that asks for it only when there is something to read."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.position import Position
from backfill_assets.errors.base import counted, days_listed
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.runs import ReportsFailed
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.consuming.consumer import ConsumerDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import BuiltFrom, logging_refusals, routine_job
from backfill_assets.orchestration.instance.materializing import log_materializations
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of
from backfill_assets.orchestration.instance.runner import runner_within
from backfill_assets.orchestration.nightly.owed_reports import Followed, OwedReports
from backfill_assets.runbook.consumers import last_failure, noting_failures
from backfill_assets.runbook.consuming import Consumed, Turn, catch_up, is_behind
from backfill_assets.runbook.replaying import rewind

SECONDS = 30
# What failed, or is left to a correction, is tried again so often while nothing else is new.
AGAIN_AFTER_SECONDS = 600


class ConsumerConfig(dg.Config):
    """Whether the consumer reads anything again first."""

    rewind_to: str = Field(default="", description="Read again from here: a time, UTC, or a commit. Empty: read on.")
    by: str = Field(default="", description="Your name, where it is set back.")
    reason: str = Field(default="", description="Why it is set back.")


def consumer_job_name(table: str) -> str:
    """The job of a consumer."""
    return f"{table}__consumer"


def consumer_op_name(table: str) -> str:
    """Its one op."""
    return f"{table}__consume"


_CONSUMERS = BuiltFrom[ConsumerDefinition]()


def consumers_in(definitions: dg.Definitions) -> dict[str, ConsumerDefinition]:
    """Every consumer that was built into the definitions, by name."""
    return {consumer.name: consumer for consumer in _CONSUMERS.found_in(definitions)}


def tables_meant(definitions: dg.Definitions) -> list[str]:
    """The correctable tables that are meant where none is named: those that no consumer keeps, if there are any."""
    consumed, known = consumers_in(definitions), tables_in(definitions)
    return [table for table in known if table not in consumed] or [*known]


def consumer_definitions(consumer: ConsumerDefinition, seconds: int = SECONDS) -> dg.Definitions:
    """The job and the sensor of a consumer."""
    taken = consumer.definition.compute_spec.taken
    about = f"Reads what is new in {consumer.log.name} and computes anew what it touches of {consumer.name}."

    @dg.op(name=consumer_op_name(consumer.name), required_resource_keys={"lake", *taken.resources})
    def consume(context: dg.OpExecutionContext, config: ConsumerConfig) -> dict[str, Any]:
        lake: LakeResource = context.resources.lake
        given = taken.given_without_run(context.resources)
        actor = config.by or actor_of(context.run_tags)
        turn = consumer.turn(lake, actor, context.run_id, given)
        with logging_refusals(context), noting_failures(turn):
            if config.rewind_to:
                rewind(turn, config.rewind_to, config.reason)
            done = [*catch_up(turn)]
            _tell(context, consumer, turn, done)
            reports = _follow(context, consumer, lake, done)
            refuse_failed(consumer.name, done)
            refuse_reports_failed(consumer.name, reports)
        return told_of(turn, done)

    job = routine_job(consumer_job_name(consumer.name), about, consume)

    @dg.sensor(
        name=f"{consumer.name}__news",
        job=job,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for {consumer_job_name(consumer.name)} when {consumer.log.name} has moved on.",
    )
    def news(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
        del context
        turn = consumer.turn(lake, consumer_job_name(consumer.name))
        # What failed after all was read, such as a report, is tried again by the same run key after a while.
        if not is_behind(turn) and not last_failure(turn):
            return dg.SkipReason(f"{consumer.name} has read all of {consumer.log.name}.")
        return dg.RunRequest(run_key=_run_key(turn))

    _CONSUMERS.remember(job, consumer)
    return dg.Definitions(jobs=[job], sensors=[news])


def refuse_failed(consumer: str, done: list[Consumed]) -> None:
    """Refuse to call turns done that left slots out.

    Raises:
        DaysFailed: naming them.
    """
    if failed := (done[-1].failed if done else {}):
        raise DaysFailed(consumer, failed, sum(len(one.written) for one in done))


def refuse_reports_failed(consumer: str, reports: Followed) -> None:
    """Refuse to call a turn done that left reports as they were.

    Raises:
        ReportsFailed: naming them.
    """
    if reports.failed:
        raise ReportsFailed(consumer, reports.failed)


def told_of(turn: Turn, done: list[Consumed]) -> dict[str, Any]:
    """What turns came to, JSON-ready."""
    log, bookmark = turn.consumer.log, turn.bookmark
    return {
        "consumer": turn.consumer.name,
        "records": sum(one.news.records for one in done),
        "written": sorted({str(slot) for one in done for slot in one.written}),
        "left": sorted({str(slot) for slot in (done[-1].left if done else ())}),
        "bookmark": position_json(log.told(bookmark.read), bookmark.read) if bookmark.read else None,
    }


def position_json(told: str, position: Position) -> dict[str, Any]:
    """A position in words, and its time."""
    return {"position": told, "at": position.at.isoformat() if position.at else None}


def _tell(context: dg.OpExecutionContext, consumer: ConsumerDefinition, turn: Turn, done: list[Consumed]) -> None:
    """Tell Dagster of what was published, and of what was left."""
    definition = consumer.definition
    written = {slot: one.commit.number for one in done if one.commit for slot in one.written}
    made = [
        dg.AssetMaterialization(
            definition.asset.key, partition=definition.slots.key(slot), metadata=_metadata(written[slot])
        )
        for slot in definition.slots.having(sorted(written))
    ]
    log_materializations(context, made)
    if done and done[-1].left:
        named = days_listed(done[-1].left, noun=definition.slots.grain.value)
        context.log.warning("%s are left to open corrections, and read again after them.", named)
    told = told_of(turn, done)
    place = told["bookmark"]["position"] if told["bookmark"] else "nothing"
    context.log.info("Read %s of %s, up to %s.", counted(told["records"], "record"), consumer.log.name, place)
    shown = {"records": told["records"], "slots_written": len(told["written"]), "slots_left": len(told["left"])}
    numbers = {name: dg.MetadataValue.int(number) for name, number in shown.items()}
    context.add_output_metadata({**numbers, "bookmark": dg.MetadataValue.text(place)})


def _follow(
    context: dg.OpExecutionContext, consumer: ConsumerDefinition, lake: LakeResource, done: list[Consumed]
) -> Followed:
    """Have the reports of the table follow what was written."""
    definition = consumer.definition
    if not definition.reports.assets:
        return Followed()
    records = definition.knowing(lake.records())
    live = definition.slots.having(records.days(definition.table))
    written = {*definition.slots.having(slot for one in done for slot in one.written)}
    owed = OwedReports(definition, runner_within(context, {"user": consumer_job_name(consumer.name)}), lake)
    return owed.build(records, written, live)


def _metadata(commit: int) -> Mapping[str, dg.MetadataValue]:
    return {tags.COMMIT: dg.MetadataValue.int(commit)}


def _run_key(turn: Turn) -> str:
    """One run for one state of log and bookmark; the same again after a while, should that run have failed."""
    newest = ".".join(map(str, turn.consumer.log.newest(turn.records).numbers))
    again = int(turn.now.timestamp()) // AGAIN_AFTER_SECONDS
    return f"{newest}-{turn.bookmark.commits}-{again}"
