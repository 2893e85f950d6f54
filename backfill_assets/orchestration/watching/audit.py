"""The replay audit: each night a few published days are computed again, in memory, and compared with live."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, cast

import dagster as dg
import polars as pl
from pydantic import Field

from backfill_assets.core.audited import (
    Audit,
    Audited,
    conclude,
    days_to_recompute,
    seed_of,
    versions_of,
)
from backfill_assets.core.audited import Verdict as Replayed
from backfill_assets.core.given import number_given
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.transform import AuditImpossible
from backfill_assets.orchestration.asset.alone import apart, difference
from backfill_assets.orchestration.asset.guard import claims
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wave import Wave
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import as_result, by_the_clock, lake_check, logging_refusals, told_in
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.looks import Looks, Verdict, verdict_op
from backfill_assets.runbook.request import request_text
from backfill_assets.storage.builds import Build
from backfill_assets.storage.records import Records
from backfill_assets.storage.replacing import replace_text
from backfill_assets.storage.snapshot import Snapshot, same_rows

CHECK = "replays_to_what_was_published"
EVERY_NIGHT = "30 4 * * *"
HANDFUL = 5
LOOKS = Looks("audits", "audit")


class AuditConfig(dg.Config):
    """How many days, and which."""

    days: int = Field(default=HANDFUL, description="How many published days to compute again.")
    seed: str = Field(default="", description="Draws the same days for the same text; empty takes today.")


def audit_job_name(table: str) -> str:
    """The job of a table's replay audit."""
    return f"{table}__audit"


def audit_table(
    definition: TableDefinition,
    records: Records,
    *,
    days: int,
    seed: str,
    today: date,
    given: Mapping[str, Any] | None = None,
) -> Audit:
    """Compute a few random published days again and compare them with live; nothing is written anywhere.

    Each day is computed alone, twice, and once together with the other days and their neighbours: a result that
    depends on the company is one that reads more than its own day's inputs. Days that an open correction has claimed
    are left out.
    """
    compute_spec, seed, grain = definition.compute_spec, seed_of(seed, today), definition.slots.grain

    def computed(wanted: Collection[Slot], before: Mapping[Slot, pl.DataFrame] | None = None) -> Wave:
        return compute_spec.wave(records, wanted, given=given, computed=before)

    if not records.exists(compute_spec.table):
        return Audit(compute_spec.table, seed, compute_spec.code_version, (), grain=grain)
    live = records.snapshot(compute_spec.table)
    claimed = {day for of_correction in claims(records, compute_spec.table).values() for day in of_correction}
    published = live.days - claimed
    builds = records.builds.of_days(compute_spec.table, {**live.files_of(published)})
    versions = versions_of({day: (one.code_version, f"{place:012}") for place, (day, one) in enumerate(builds.items())})
    chosen = days_to_recompute(published, days, seed, versions)
    beside = {grain.after(day, offset) for day in chosen for offset in (-1, 0, 1)} & published
    # Where state is carried each day is computed from the one before it that is live, also beside others.
    before = {grain.before(day) for day in beside} & live.days if compute_spec.read.carried is not None else ()
    together = computed(beside, {day: live.scan([day]).collect() for day in before}) if chosen else None
    replays = [
        _audited(
            definition,
            day,
            live,
            builds.get(day),
            (computed([day]), computed([day]), together),
        )
        for day in chosen
        if together is not None
    ]
    found = conclude(compute_spec.table, seed, compute_spec.code_version, replays, versions, grain)
    if found.window is not None and compute_spec.read.carried is not None:
        found = replace(found, window=Window(found.window.first, max(live.days), grain))
    return replace(found, published=len(live.days), claimed=len(live.days & claimed))


def proposal(audit: Audit) -> str:
    """The text of a request that would bring history to what today's code says."""
    window = cast("Window", audit.window)  # there is one where anything differs
    fields = {
        "table": audit.table,
        "window": {"first": window.first, "last": window.last},
        "reason": f"Audited audit: {audit.sentence}",
        "approval": "manual",
    }
    head = "# Proposed by the replay audit. If the change was not meant, undo it instead of correcting history.\n"
    return request_text(head, fields)


def audit_definitions(definition: TableDefinition) -> dg.Definitions:
    """The job, its nightly schedule, and the check on the live asset that tells what the last audit found."""
    job = _job(definition)
    told = f"Computes a few random published {definition.slots.grain.value}s of {definition.table} again."
    schedule = by_the_clock(job, EVERY_NIGHT, told)
    return dg.Definitions(jobs=[job], schedules=[schedule], asset_checks=[_check(definition)])


def _audited(
    definition: TableDefinition, day: date, live: Snapshot, build: Build | None, waves: tuple[Wave, Wave, Wave]
) -> Audited:
    by = build.code_version if build else ""
    reasons = [wave.reasons[day] for wave in waves if day in wave.reasons]
    if reasons:
        return Audited(day, Replayed.FAILED, by, str(reasons[0]).rstrip("."))
    alone, again, together = (wave.frames[day] for wave in waves)
    if build is not None and dict(build.inputs) != dict(waves[0].inputs[day]):
        return Audited(day, Replayed.INPUTS_MOVED, by)
    columns, column = definition.compute_spec.columns, definition.partition
    if unlike := apart(day, (alone, again, together), columns, column):
        return replace(unlike, published_by=by)
    there = live.scan([day]).collect().select(alone.columns)
    if not same_rows(there, alone):
        return Audited(day, Replayed.DIFFERS, by, difference(there, alone, columns, column))
    return Audited(day, Replayed.SAME, by, rows=there.height)


def _job(definition: TableDefinition) -> dg.JobDefinition:
    name, taken, grain = audit_job_name(definition.table), definition.compute_spec.taken, definition.slots.grain
    if taken.context:
        raise AuditImpossible(definition.table, taken.context, grain.value)

    @dg.op(name=f"{name}_days", required_resource_keys={"lake", *taken.resources})
    @told_in(grain)
    def replay(context: dg.OpExecutionContext, config: AuditConfig) -> dict[str, Any]:
        lake: LakeResource = context.resources.lake
        now = lake.now()
        with logging_refusals(context):
            days = number_given(config.days, "days", least=1)
        given = taken.given_without_run(context.resources)
        found = audit_table(
            definition, definition.knowing(lake.records()), days=days, seed=config.seed, today=now.date(), given=given
        )
        told = {**found.as_json(), "request": _propose(found), "claimed": found.claimed}
        LOOKS.keep(lake.lake(), definition.table, now, told)
        verdict = _verdict(told)
        context.instance.report_runless_asset_event(_evaluation(definition, verdict, told))
        return {**told, **verdict.as_json(), "met": found.published > 0}

    about = f"Computes published {grain.value}s of {definition.table} again and compares them with live."

    @dg.job(name=name, description=about, tags=tags.ROUTINE)
    def job() -> None:
        verdict_op(name, definition.table)(replay())

    return job


def _propose(found: Audit) -> str:
    if found.window is None:
        return ""
    target = published_root() / "requests" / f"{found.table}-replay-{found.changed_by or found.window.first}.yaml"
    replace_text(target, proposal(found))
    return str(target)


def _check(definition: TableDefinition) -> dg.AssetChecksDefinition:
    never = {**NEVER_AUDITED, "sentence": definition.slots.grain.worded(str(NEVER_AUDITED["sentence"]))}

    def look(lake: LakeResource) -> dg.AssetCheckResult:
        last = LOOKS.last(lake.lake(), definition.table)
        verdict = _verdict(last[1]).aged(last[0], lake.now()) if last else _verdict(never)
        return as_result(_evaluation(definition, verdict, last[1] if last else never))

    return lake_check(definition.asset.key, CHECK, "The last replay audit found nothing.", look)


NEVER_AUDITED: Mapping[str, Any] = {
    "audited": [],
    "differing": [],
    "compared": [],
    "proves_nothing": True,
    "sentence": "No day has been audited yet.",
}


def _verdict(told: Mapping[str, Any]) -> Verdict:
    """Days that differ are wrong; an audit that could compare none, of days there are to compare, says nothing."""
    compared = told.get("compared", told["audited"])
    # Days that open corrections have claimed are theirs to prove.
    sound = bool(compared) or (bool(told.get("claimed")) and not told.get("proves_nothing"))
    requests = (str(told["request"]),) if told.get("request") else ()
    wrong = bool(told["differing"])
    return Verdict(told["sentence"], sound=sound and not wrong, wrong=wrong, requests=requests)


def _evaluation(definition: TableDefinition, verdict: Verdict, told: Mapping[str, Any]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=definition.asset.key,
        check_name=CHECK,
        passed=verdict.sound,
        severity=verdict.severity,
        description=verdict.sentence,
        metadata={
            "audited": len(told["audited"]),
            "compared": len(told.get("compared", told["audited"])),
            "differing": len(told["differing"]),
            "audit": dg.MetadataValue.json(dict(told)),
            **verdict.metadata(),
        },
    )
