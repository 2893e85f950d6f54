"""What a person does to a correction by hand: approve it, roll it back, abandon it, decommission it early.

Each is a job on the same partitions as the nine steps, so that it is launched, and seen, in the same place.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from backfill_assets import runbook
from backfill_assets.core.facts import Swapped, summary_of
from backfill_assets.core.given import days_given, written
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.steps import Step
from backfill_assets.errors.given import CorrectionUnnamed, OtherCorrectionMeant
from backfill_assets.orchestration.asset.run_ends import recording_failure, refreshing_outputs
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.board import retained_name, show_on_board
from backfill_assets.orchestration.correction.metadata import Shown, progress_metadata, swap_metadata
from backfill_assets.orchestration.correction.steps import tell_changed
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import told_in
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.opening import try_again
from backfill_assets.runbook.standing import standings

TRY_AGAIN = "try_again"


class ByHandConfig(dg.Config):
    """Which correction was meant."""

    correction: str = Field(
        default="",
        description="The correction's id once more. A launchpad remembers what was typed last; a launch for another "
        "correction is refused.",
    )


class ApproveConfig(ByHandConfig):
    """Who approves, and why."""

    by: str = Field(default="", description="Your own name, needed; it goes into the ledger and the notice.")
    note: str = Field(default="", description="What you looked at, or for an override the reason.")
    override: bool = Field(default=False, description="Approve it although checks failed; needs a note.")


class RollBackConfig(ByHandConfig):
    """Which days go back, and why."""

    by: str = Field(default="", description="Your own name, needed; it goes into the ledger and the notice.")
    note: str = Field(default="", description="Why; it goes into the ledger and the notice.")
    days: list[str] = Field(
        default=[],
        description="What to bring back, each such as 2026-01-23 or 2026-01-23T13:00Z, or FIRST..LAST. "
        "An empty list does not mean all.",
    )
    all_days: bool = Field(default=False, description="Bring back every day that the correction has live.")


class AbandonConfig(ByHandConfig):
    """Why a correction is abandoned."""

    by: str = Field(default="", description="Your own name, needed; it goes into the ledger and the notice.")
    note: str = Field(default="", description="Why.")


class TryAgainConfig(ByHandConfig):
    """Who has looked."""

    by: str = Field(default="", description="Your own name, needed; it says who has looked.")


class DecommissionConfig(ByHandConfig):
    """Whether to wait for the rollback window."""

    by: str = Field(default="", description="Your own name, needed with now.")
    now: bool = Field(default=False, description="Do not wait for the end of the rollback window; needs your name.")


def manual_job_name(table: str, what: str) -> str:
    """The job of a thing done by hand: a step, or ``try_again``. In a list these jobs stand together."""
    return f"{table}__decide_{what}"


def partitions_of(table: str, what: str) -> str:
    """The name of the partitions of that job: files may be deleted of what is closed, too."""
    return retained_name(table) if what == Step.DECOMMISSION else partitions_name(table)


def manual_op_name(table: str, what: str) -> str:
    """The one op of that job, under which its launch form has the fields."""
    return f"{table}__{what}_by_hand"


def manual_jobs(definition: TableDefinition) -> list[dg.JobDefinition]:
    """The five jobs of a table."""
    return [
        _approve(definition),
        _try_again(definition),
        _roll_back(definition),
        _abandon(definition),
        _decommission(definition),
    ]


@contextmanager
def _launched(
    context: dg.OpExecutionContext, definition: TableDefinition, what: str, config: ByHandConfig
) -> Iterator[str]:
    """The correction that the job was launched for; refusals are told plainly, and readers attended to afterwards.

    What was decided and what is next is said in the run's log.
    """
    with refreshing_outputs(context, definition):
        if not context.has_partition_key:
            raise CorrectionUnnamed(what)
        correction, meant = context.partition_key, written(config.correction)
        if meant and meant != correction:
            raise OtherCorrectionMeant(what, correction, meant)
        yield correction
        lake: LakeResource = context.resources.lake
        show_on_board(context.instance, definition.table, lake.records().ledger, lake.now())
        for sentence in _decided(context, definition, correction):
            context.log.info("%s", sentence)
        context.add_output_metadata(_shown(definition, context.resources.lake, correction))


def _shown(definition: TableDefinition, lake: LakeResource, correction: str) -> Shown:
    """Where a correction stands, and what a swap that was just decided on moved, as a person sees it."""
    (standing,) = standings(definition.knowing(lake.records()), lake.now(), correction)
    last, grain = standing.events[-1], definition.slots.grain
    moved = swap_metadata(last, grain) if isinstance(last.fact, Swapped) else {}
    return {**progress_metadata(standing.progress), **moved}


def _decided(context: dg.OpExecutionContext, definition: TableDefinition, correction: str) -> Iterator[str]:
    """What the ledger last heard of a correction, and what is next."""
    lake: LakeResource = context.resources.lake
    (standing,) = standings(definition.knowing(lake.records()), lake.now(), correction)
    last = standing.events[-1]
    yield f"{last.actor or 'Nobody'} on correction {correction}. {summary_of(last.fact, definition.slots.grain)}"
    yield sentence_of(correction, standing.next_step)


def _step_context(
    context: dg.OpExecutionContext, definition: TableDefinition, by: str, *, decides: bool = True
) -> StepContext:
    """Whoever is named sits there. A run's own actor does where nothing is decided, and never for a person."""
    actor = written(by) or ("" if decides else actor_of(context.run_tags))
    return definition.step_context(context.resources.lake, actor, context.run_id)


def _job(definition: TableDefinition, what: str, op: dg.OpDefinition, about: str) -> dg.JobDefinition:
    partitions = dg.DynamicPartitionsDefinition(name=partitions_of(definition.table, what))

    name, hooks = manual_job_name(definition.table, what), {recording_failure(definition)}

    @dg.job(name=name, partitions_def=partitions, description=about, hooks=hooks, tags=tags.DECISION)
    def by_hand() -> None:
        op()

    return by_hand


def _approve(definition: TableDefinition) -> dg.JobDefinition:
    @dg.op(name=manual_op_name(definition.table, Step.APPROVE), required_resource_keys={"lake"})
    def approve(context: dg.OpExecutionContext, config: ApproveConfig) -> None:
        with _launched(context, definition, "approve", config) as correction:
            runbook.approve(
                _step_context(context, definition, config.by), correction, config.note, override=config.override
            )

    return _job(definition, Step.APPROVE, approve, "Approve a validated correction, so that it can be cut over.")


def _try_again(definition: TableDefinition) -> dg.JobDefinition:
    @dg.op(name=manual_op_name(definition.table, TRY_AGAIN), required_resource_keys={"lake"})
    def look_and_try_again(context: dg.OpExecutionContext, config: TryAgainConfig) -> None:
        with _launched(context, definition, "try again", config) as correction:
            try_again(_step_context(context, definition, config.by), correction)

    return _job(
        definition, TRY_AGAIN, look_and_try_again, "Forget failures and continue, once somebody has repaired the cause."
    )


def _roll_back(definition: TableDefinition) -> dg.JobDefinition:
    @dg.op(name=manual_op_name(definition.table, Step.ROLL_BACK), required_resource_keys={"lake"})
    @told_in(definition.slots.grain)
    def roll_back(context: dg.OpExecutionContext, config: RollBackConfig) -> None:
        with _launched(context, definition, "roll back", config) as correction:
            days = days_given(config.days, "days", definition.slots.grain)
            # Without either, one that somebody has decided on already is brought to its end.
            ctx = _step_context(context, definition, config.by, decides=bool(days) or config.all_days)
            event = runbook.roll_back(ctx, correction, days, config.note, all_days=config.all_days)
        tell_changed(context, definition, event)

    about = definition.slots.grain.worded("Bring the retired days back; days that landed since stay.")
    return _job(definition, Step.ROLL_BACK, roll_back, about)


def _abandon(definition: TableDefinition) -> dg.JobDefinition:
    @dg.op(name=manual_op_name(definition.table, Step.ABANDON), required_resource_keys={"lake"})
    def abandon(context: dg.OpExecutionContext, config: AbandonConfig) -> None:
        with _launched(context, definition, "abandon", config) as correction:
            runbook.abandon(_step_context(context, definition, config.by), correction, config.note)

    about = definition.slots.grain.worded("Abandon a correction: its days are unclaimed and the reports thaw.")
    return _job(definition, Step.ABANDON, abandon, about)


def _decommission(definition: TableDefinition) -> dg.JobDefinition:
    @dg.op(name=manual_op_name(definition.table, Step.DECOMMISSION), required_resource_keys={"lake"})
    def decommission(context: dg.OpExecutionContext, config: DecommissionConfig) -> None:
        with _launched(context, definition, "decommission", config) as correction:
            ctx = _step_context(context, definition, config.by, decides=config.now)
            runbook.decommission(ctx, correction, now=config.now)

    return _job(
        definition, Step.DECOMMISSION, decommission, "Delete the retired files, with proof that nothing needs them."
    )
