"""Scheduled reconciliation: a job that compares live with a ledger kept by somebody else, and a check that tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.given import slot_given
from backfill_assets.core.slots import Grain
from backfill_assets.errors.base import counted, listed
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import as_result, by_the_clock, lake_check, logging_refusals, told_in
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.looks import Looks, Verdict, verdict_op
from backfill_assets.storage.findings import Findings

CHECK = "agrees_with_ledger"
LOOKS = Looks("reconciliations", "reconciliation")
EVERY_MORNING = "0 7 * * *"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation found: the findings as the command prints them, and what it closed.

    ``through`` is the last of the ``days`` that were looked at, and ``compared`` counts the sums on either side that
    were. ``bad_lines`` are those of the ledger left out. ``units`` are the last digits to which the ledger states its
    figures; no difference below half of one is told. ``grouped_by`` is what the ``groups`` of a finding are called.
    """

    table: str
    through: date | None
    days: int
    findings: tuple[Mapping[str, Any], ...]
    closed: tuple[str, ...] = ()
    bad_lines: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    compared: int = 0
    grouped_by: str = "groups"

    def as_json(self, grain: Grain = Grain.DAY) -> dict[str, Any]:
        """The contract of ``backfill-assets reconcile --json``."""
        return {
            "findings": [dict(finding) for finding in self.findings],
            "through": str(self.through) if self.through else None,
            "days": self.days,
            "compared": self.compared,
            "sentence": self.sentence_in(grain),
            "closed": list(self.closed),
            "bad_lines": list(self.bad_lines),
            "units": list(self.units),
            "grouped_by": self.grouped_by,
            "grain": grain.value,
        }

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        return self.sentence_in(Grain.DAY)

    def sentence_in(self, grain: Grain) -> str:
        """The same of a table of a grain."""
        if self.findings:
            return sentence_of(self.findings)
        if not self.compared:
            return f"Nothing was compared with the ledger, out of {counted(self.days, f'published {grain.value}')}."
        over = f"{counted(self.compared, 'sum')} on {counted(self.days, grain.value)}"
        return f"Live agrees with the ledger in {over} through {self.through}."


Reconcile = Callable[[LakeResource, date | None], Reconciled]


class ReconcileConfig(dg.Config):
    """How far to look."""

    through: str = Field(default="", description="The last day, ISO; empty means the last published one.")


def reconciliation_job_name(table: str) -> str:
    """The job of a table's reconciliation."""
    return f"{table}__reconcile"


def reconciliation_definitions(
    definition: TableDefinition, reconcile: Reconcile, cron: str = EVERY_MORNING
) -> dg.Definitions:
    """The job, its daily schedule, and the check on the live asset that tells what the last one found."""
    job = _job(definition, reconcile)
    told = f"Compares every published {definition.slots.grain.value} of {definition.table} with the ledger."
    schedule = by_the_clock(job, cron, told)
    return dg.Definitions(jobs=[job], schedules=[schedule], asset_checks=[_check(definition)])


def sentence_of(findings: Sequence[Mapping[str, Any]]) -> str:
    """Findings in one sentence."""
    if not findings:
        return "Nothing that a reconciliation found is open."
    told = [f"{cause_of(found)} since {found['since']}{_in_brackets(groups_of(found))}" for found in findings]
    return f"Live and the ledger disagree in {listed(told)}."


def _job(definition: TableDefinition, reconcile: Reconcile) -> dg.JobDefinition:
    name = reconciliation_job_name(definition.table)

    @dg.op(name=f"{name}_ledger", required_resource_keys={"lake"})
    @told_in(definition.slots.grain)
    def compare_with_ledger(context: dg.OpExecutionContext, config: ReconcileConfig) -> dict[str, Any]:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            through = slot_given(config.through, "through") if config.through else None
            found = reconcile(lake, through)
        told = found.as_json(definition.slots.grain)
        LOOKS.keep(lake.lake(), definition.table, lake.now(), told)
        verdict = _verdict(told, found.findings)
        context.instance.report_runless_asset_event(_evaluation(definition, verdict, found.findings, told))
        return {**told, **verdict.as_json(), "met": found.days > 0}

    about = f"Compares live {definition.table} with the ledger and says since when they differ."

    @dg.job(name=name, description=about, tags=tags.ROUTINE)
    def job() -> None:
        verdict_op(name, definition.table)(compare_with_ledger())

    return job


def _check(definition: TableDefinition) -> dg.AssetChecksDefinition:
    def look(lake: LakeResource) -> dg.AssetCheckResult:
        findings = [stored.detail for stored in Findings(lake.lake()).open(definition.table)]
        last = LOOKS.last(lake.lake(), definition.table)
        verdict = _verdict(last[1] if last else None, findings)
        aged = verdict.aged(last[0], lake.now()) if last else verdict
        return as_result(_evaluation(definition, aged, findings, last[1] if last else {}))

    return lake_check(definition.asset.key, CHECK, "Nothing that the last reconciliation found is still open.", look)


def _verdict(last: Mapping[str, Any] | None, findings: Sequence[Mapping[str, Any]]) -> Verdict:
    """What the last reconciliation says, with the findings that are open."""
    requests = tuple(str(found["request"]) for found in findings if found["request"])
    if last is None and not findings:
        return Verdict("Live was never compared with the ledger.")
    bad = len(last["bad_lines"]) if last else 0
    sentence = sentence_of(findings) if findings or last is None else str(last["sentence"])
    if bad:
        sentence += f" {counted(bad, 'line')} of the ledger cannot be used."
    sound = bool(last and last["compared"]) and not findings and not bad
    return Verdict(sentence, sound=sound, wrong=bool(findings), requests=requests)


def _evaluation(
    definition: TableDefinition, verdict: Verdict, findings: Sequence[Mapping[str, Any]], last: Mapping[str, Any]
) -> dg.AssetCheckEvaluation:
    grouped_by = str(last.get("grouped_by", "groups"))
    return dg.AssetCheckEvaluation(
        asset_key=definition.asset.key,
        check_name=CHECK,
        passed=verdict.sound,
        severity=verdict.severity,
        description=verdict.sentence,
        metadata={
            "findings": dg.MetadataValue.md(_table(findings, grouped_by, definition.slots.grain)),
            "open_findings": len(findings),
            **verdict.metadata(),
        },
    )


def groups_of(finding: Mapping[str, Any]) -> list[str]:
    """The groups of rows in which a finding differs; one that an earlier version kept calls them currencies."""
    return list(finding.get("groups", finding.get("currencies", ())))


def cause_of(finding: Mapping[str, Any]) -> str:
    """What kind of difference a finding is, and of which measure where several are compared."""
    return f"{finding['cause']} of {finding['measure']}" if finding.get("measure") else str(finding["cause"])


def _in_brackets(groups: Sequence[str]) -> str:
    return f" ({', '.join(groups)})" if any(groups) else ""


def _table(findings: Sequence[Mapping[str, Any]], grouped_by: str, grain: Grain) -> str:
    named = ("since", "last", "cause", grouped_by, f"{grain.value}s", "difference", "confidence", "request")
    head = f"| {' | '.join(named)} |\n" + "|---" * len(named) + "|"
    rows = [
        f"| {found['since']} | {found['last']} | {cause_of(found)} | {', '.join(groups_of(found))} | {found['days']} "
        f"| {found['difference']} | {found['confidence']:.0%} | {found['request']} |"
        for found in findings
    ]
    return "\n".join([head, *rows])
