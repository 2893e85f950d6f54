"""Scheduled reconciliation: a job that holds live against a ledger kept by somebody else, and a check that tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.given import day_given
from backfill_assets.errors.base import listed
from backfill_assets.orchestration.clock import by_the_clock
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.refusals import told_plainly
from backfill_assets.orchestration.resources import LakeResource
from backfill_assets.storage.findings import Findings

CHECK = "agrees_with_ledger"
EVERY_MORNING = "0 7 * * *"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation found: the findings as the command prints them, and what it closed.

    ``through`` is the last of the ``days`` that were looked at, and ``compared`` counts the sums on either side that
    were. ``bad_lines`` are those of the ledger left out. ``units`` are the last digits to which the ledger states its
    figures; no difference below half of one is told.
    """

    table: str
    through: date | None
    days: int
    findings: tuple[Mapping[str, Any], ...]
    closed: tuple[str, ...] = ()
    bad_lines: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    compared: int = 0

    def as_json(self) -> dict[str, Any]:
        """The contract of ``backfill-assets reconcile --json``."""
        return {
            "findings": [dict(finding) for finding in self.findings],
            "through": str(self.through) if self.through else None,
            "days": self.days,
            "compared": self.compared,
            "sentence": self.sentence,
            "closed": list(self.closed),
            "bad_lines": list(self.bad_lines),
            "units": list(self.units),
        }

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.findings:
            return sentence_of(self.findings)
        if not self.compared:
            return f"Nothing was held against the ledger, {self.days} published days were looked at."
        return f"Live agrees with the ledger in {self.compared} sums on {self.days} days through {self.through}."


Reconcile = Callable[[LakeResource, date | None], Reconciled]


class ReconcileConfig(dg.Config):
    """How far to look."""

    through: str = Field(default="", description="The last day, ISO; empty means the last published one.")


def reconciliation_job_name(table: str) -> str:
    """The job of a table's reconciliation."""
    return f"{table}__reconcile"


def reconciliation_definitions(office: Office, reconcile: Reconcile) -> dg.Definitions:
    """The job, its daily schedule, and the check on the live asset that tells what the last one found."""
    job = _job(office, reconcile)
    told = "Holds every published day against the ledger, each morning."
    schedule = by_the_clock(job, f"{job.name}_daily", EVERY_MORNING, told)
    return dg.Definitions(jobs=[job], schedules=[schedule], asset_checks=[_check(office)])


def sentence_of(findings: Sequence[Mapping[str, Any]]) -> str:
    """Findings in one sentence."""
    if not findings:
        return "Nothing that a reconciliation found is open."
    told = [f"{found['cause']} since {found['since']} ({', '.join(found['currencies'])})" for found in findings]
    return f"Live and the ledger disagree, {listed(told)}."


def _job(office: Office, reconcile: Reconcile) -> dg.JobDefinition:
    name = reconciliation_job_name(office.table)

    @dg.op(name=f"{name}_ledger", required_resource_keys={"lake"})
    def hold_against_ledger(context: dg.OpExecutionContext, config: ReconcileConfig) -> dict[str, Any]:
        lake: LakeResource = context.resources.lake
        with told_plainly(context):
            through = day_given(config.through, "through") if config.through else None
            found = reconcile(lake, through)
        context.instance.report_runless_asset_event(_evaluation(office, found.findings, found))
        context.log.info(found.sentence)
        return found.as_json()

    @dg.job(name=name, description=f"Holds live {office.table} against the ledger, and says since when they differ.")
    def job() -> None:
        hold_against_ledger()

    return job


def _check(office: Office) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=office.asset.live.key,
        name=CHECK,
        description="Nothing that the last reconciliation found is still open.",
        required_resource_keys={"lake"},
    )
    def agrees_with_ledger(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: LakeResource = context.resources.lake
        findings = [stored.detail for stored in Findings(lake.lake()).open(office.table)]
        told = _evaluation(office, findings)
        return dg.AssetCheckResult(
            passed=told.passed, severity=told.severity, description=told.description, metadata=told.metadata
        )

    return agrees_with_ledger


def _evaluation(
    office: Office, findings: Sequence[Mapping[str, Any]], found: Reconciled | None = None
) -> dg.AssetCheckEvaluation:
    """What is open; right after a reconciliation also whether anything was compared at all."""
    proves_nothing = found is not None and not findings and not found.compared
    return dg.AssetCheckEvaluation(
        asset_key=office.asset.live.key,
        check_name=CHECK,
        passed=not findings and not proves_nothing,
        severity=dg.AssetCheckSeverity.WARN if proves_nothing else dg.AssetCheckSeverity.ERROR,
        description=found.sentence if found else sentence_of(findings),
        metadata={"findings": dg.MetadataValue.md(_table(findings)), "open_findings": len(findings)},
    )


def _table(findings: Sequence[Mapping[str, Any]]) -> str:
    head = "| since | last | cause | currencies | days | difference | confidence | request |\n" + "|---" * 8 + "|"
    rows = [
        f"| {found['since']} | {found['last']} | {found['cause']} | {', '.join(found['currencies'])} | {found['days']} "
        f"| {found['difference']} | {found['confidence']:.0%} | {found['request']} |"
        for found in findings
    ]
    return "\n".join([head, *rows])
