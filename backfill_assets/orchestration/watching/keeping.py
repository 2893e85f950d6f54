"""What watches over what corrections are made of: a daily look at what ends soon, a weekly scrub, and the purge."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.given import number_given
from backfill_assets.core.retention import Kept
from backfill_assets.errors.keeping import FilesUnwhole
from backfill_assets.errors.personal import TracesLeft
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import by_the_clock, lake_check, logging_refusals, routine_job
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of
from backfill_assets.orchestration.watching.looks import Looks
from backfill_assets.orchestration.watching.searched import searched
from backfill_assets.runbook.forgetting import Signed, due, expire
from backfill_assets.runbook.keeping import outlook
from backfill_assets.sources.purging import purge, purgeable
from backfill_assets.sources.scrubbing import scrub

KEPT_LONG_ENOUGH, WHOLE = "sources_are_kept_long_enough", "archive_and_raw_log_are_whole"
EVERY_MORNING, EVERY_SUNDAY, EVERY_NIGHT = "40 7 * * *", "30 5 * * 0", "45 5 * * *"
SCRUBS = Looks("scrubs", "scrub")
OLDEST_SCRUB = timedelta(days=9)
NEVER_SCRUBBED = "The archive and the raw logs have not been scrubbed yet."


class ScrubConfig(dg.Config):
    """How much of the files is read."""

    parts: int = Field(default=1, description="Into how many shares files are divided; each week reads one in turn.")


def keeping_definitions(definition: TableDefinition) -> dg.Definitions:
    """Two checks on the live asset, the jobs behind them and their schedules; a purge where a landing has one."""
    checks = [_kept_long_enough(definition), _is_whole(definition)]
    told = f"Tells which days of {definition.table} can be corrected, before what they are made of ends."
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(definition.asset.key, KEPT_LONG_ENOUGH))
    daily = dg.define_asset_job(f"{definition.table}__keeping", selection, description=told, tags=tags.ROUTINE)
    scrubbing = _scrub_job(definition)
    jobs: list[Any] = [daily, scrubbing]
    schedules = [by_the_clock(daily, EVERY_MORNING, told), by_the_clock(scrubbing, EVERY_SUNDAY, SCRUB_ABOUT)]
    keeping = definition.limits.keeping
    if keeping.landing is not None and keeping.days_of(Kept.LANDING):
        purging = _purge_job(definition)
        jobs.append(purging)
        schedules.append(by_the_clock(purging, EVERY_NIGHT, PURGE_ABOUT))
    if keeping.days_of(Kept.PERSONAL):
        expiring = _expiry_job(definition)
        jobs.append(expiring)
        schedules.append(by_the_clock(expiring, EVERY_NIGHT, EXPIRY_ABOUT))
    return dg.Definitions(asset_checks=checks, jobs=jobs, schedules=schedules)


SCRUB_ABOUT = "Reads archived files and raw logs and compares each with the SHA-256 that it had."
PURGE_ABOUT = "Deletes landed files whose time is over, if what they held is archived and whole."
EXPIRY_ABOUT = "Deletes whose the tokens of days are that may be known no longer, and searches every byte for traces."


def _kept_long_enough(definition: TableDefinition) -> dg.AssetChecksDefinition:
    def look(lake: LakeResource) -> dg.AssetCheckResult:
        found = outlook(definition.step_context(lake, "keeping"), definition.limits.keeping)
        lost = any(" has lost files" in what for what in found.days.reasons)
        return dg.AssetCheckResult(
            passed=not found.wanted and not lost,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n\n".join(found.sentences),
            metadata={"largest_window": str(found.days.largest), "keeping": dg.MetadataValue.json(found.as_json())},
        )

    about = "No day that a correction might still need comes to the end of what it is computed from."
    return lake_check(definition.asset.key, KEPT_LONG_ENOUGH, about, look)


def _is_whole(definition: TableDefinition) -> dg.AssetChecksDefinition:
    def look(lake: LakeResource) -> dg.AssetCheckResult:
        last = SCRUBS.last(lake.lake(), definition.table)
        if last is None:
            return _result(NEVER_SCRUBBED, {}, passed=False, wrong=False)
        at, told = last
        sentences = "\n\n".join(told["told"])
        is_old = lake.now() - at > OLDEST_SCRUB
        if is_old:
            sentences = f"The last scrub was on {at:%Y-%m-%d}, and there is one every week. {sentences}"
        return _result(sentences, told, passed=not told["bad"] and not is_old, wrong=bool(told["bad"]))

    about = "The last scrub found every archived file and every file of a raw log to be what it was."
    return lake_check(definition.asset.key, WHOLE, about, look)


def _result(sentences: str, told: Mapping[str, Any], *, passed: bool, wrong: bool) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN
    metadata = {"scrub": dg.MetadataValue.json(dict(told))}
    return dg.AssetCheckResult(passed=passed, severity=severity, description=sentences, metadata=metadata)


def _scrub_job(definition: TableDefinition) -> dg.JobDefinition:
    name = f"{definition.table}__scrub"

    @dg.op(name=f"{name}_files", required_resource_keys={"lake"})
    def read_files(context: dg.OpExecutionContext, config: ScrubConfig) -> None:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            parts, now = number_given(config.parts, "parts", least=1), lake.now()
            found = scrub(lake.records(), now.isocalendar().week % parts + 1, parts)
            told = found.as_json()
            SCRUBS.keep(lake.lake(), definition.table, now, told)
            context.add_output_metadata({"files": found.files, "scrub": dg.MetadataValue.json(told)})
            if found.bad:
                raise FilesUnwhole([one.sentence for one in found.bad])

    return routine_job(name, SCRUB_ABOUT, read_files)


def _purge_job(definition: TableDefinition) -> dg.JobDefinition:
    name, keeping = f"{definition.table}__purge_landing", definition.limits.keeping

    @dg.op(name=f"{name}_files", required_resource_keys={"lake"})
    def delete_files(context: dg.OpExecutionContext) -> None:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            records, root, policy = lake.records(), keeping.landing_root(), keeping.of(Kept.LANDING)
            told: list[dict[str, Any]] = []
            for log in keeping.logs:
                due = purgeable(log, records, root, policy.get(log.table), lake.now())
                told.append(purge(records, due, actor_of(context.run_tags)).as_json())
            for path, why in (item for one in told for item in one["stays"].items()):
                context.log.warning("%s stays in the landing, because it %s.", path, why)
            context.add_output_metadata({"purge": dg.MetadataValue.json(told)})

    return routine_job(name, PURGE_ABOUT, delete_files)


def _expiry_job(definition: TableDefinition) -> dg.JobDefinition:
    name, keeping = f"{definition.table}__expire_personal_data", definition.limits.keeping

    @dg.op(name=f"{name}_days", required_resource_keys={"lake"})
    def forget_days(context: dg.OpExecutionContext) -> None:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            records, asked = lake.records(), Signed(actor_of(context.run_tags), lake.now())
            first = due(records, keeping.of(Kept.PERSONAL), asked.at.date())
            done = [expire(records, day, asked, searched(), commit=True, table=log) for log, day in first.items()]
            context.add_output_metadata({"expired": dg.MetadataValue.json([one.as_json() for one in done])})
            if left := {file for one in done if one.proof for file in one.proof.found}:
                raise TracesLeft(sorted(left))

    return routine_job(name, EXPIRY_ABOUT, forget_days)
