"""A decision of a person, taken in this process by the very job that the Dagster UI would launch for it."""

from collections.abc import Mapping
from typing import Any

from backfill_assets.core.given import refuse_unsigned
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.correction import RunFailed
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name, partitions_of
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.runbook.context import refuse_without_extent

SIGNED = {
    Step.APPROVE: "approve",
    Step.ROLL_BACK: "roll back",
    Step.ABANDON: "abandon",
    Step.DECOMMISSION: "decommission now",
}


def take_by_hand(
    definition: TableDefinition, runner: Runner, correction: str, step: str, config: Mapping[str, Any]
) -> None:
    """Run one of the jobs for things done by hand for a correction; ``step`` is one of theirs, or ``try_again``.

    Raises:
        RunFailed: when it failed, if not with what the job refused.
    """
    runner.instance.add_dynamic_partitions(partitions_of(definition.table, step), [correction])
    job, op = manual_job_name(definition.table, step), manual_op_name(definition.table, step)
    refuse_failed(correction, runner.run_job(job, correction, op, config))


def refuse_failed(correction: str, ran: RunResult) -> None:
    """Raise what a run for a correction refused, or that it failed.

    Raises:
        RunFailed: when it failed and refused nothing.
    """
    if ran.refusal is not None:
        raise ran.refusal
    if not ran.success:
        raise RunFailed(correction, ran.errors)


def refuse_incomplete(progress: Progress, step: str, config: Mapping[str, Any]) -> None:
    """Refuse, before there is a run that fails, what a person left out and the job would refuse for.

    Raises:
        ExtentUnsaid, ExtentContradictory: when a roll back says neither which days nor all, or both.
        NameNeeded: when it is nobody who decides.
    """
    correction, by, days = progress.plan.correction, config.get("by", ""), config.get("days", ())
    is_back, every = step == Step.ROLL_BACK, bool(config.get("all_days"))
    is_settled = is_back and progress.publication.planned is Step.ROLL_BACK and not days and not every
    if is_settled or (step == Step.DECOMMISSION and not config.get("now")):
        return
    if is_back:
        refuse_without_extent(progress, days, all_days=every)
    what = "override the checks of" if config.get("override") else SIGNED[Step(step)]
    refuse_unsigned(by, f"{what} correction {correction}")
