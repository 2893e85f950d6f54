"""What the commands do, once Dagster is needed."""

from dataclasses import dataclass, replace
from typing import Any, assert_never

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from backfill_assets.command_line.session import Answer, Session
from backfill_assets.core.chain import WaitForChain
from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRate,
    WaitForRuns,
    WaitUntil,
)
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.runs import NothingToPublish
from backfill_assets.errors.setup import DecisionsUnknown, NotOfTable, TableUnclear
from backfill_assets.orchestration.asset.table_definition import TableDefinition, definition_in, records_of, tables_in
from backfill_assets.orchestration.driving.by_hand import refuse_failed, refuse_incomplete, take_by_hand
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.pipeline import Pipeline
from backfill_assets.orchestration.nightly.publish import Nightly, NightlyRun
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.standing import Standing, standings


@dataclass(frozen=True, slots=True)
class Published:
    """What the nightly of a table did, and the grain of its slots."""

    done: Nightly
    grain: Grain


def definition_of(session: Session, table: str) -> TableDefinition:
    """The definition of a table.

    Raises:
        TableUnknown: when no correction was built around it.
    """
    return definition_in(session.tables, table)


def step_context_of(session: Session, table: str, actor: str = "command line") -> StepContext:
    """A step context of a table's definition."""
    return definition_of(session, table).step_context(session.lake, actor)


def table_of_correction(session: Session, correction: str) -> TableDefinition:
    """The definition of the table that a correction is about.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    return definition_of(session, session.lake.records().ledger.progress(correction).plan.table)


def publish_pending(session: Session, through: Slot | None, answer: Answer, table: str = "") -> dict[str, Published]:
    """Run the nightly of a table through a day, or that of every table, each after those that it is computed from.

    Raises:
        TableUnclear: when the code location has none, or a day is named and it has several.
        NotOfTable: when the table has none.
        NothingToPublish: when no table has anything to publish.
    """
    pipelines = nightlies_in(session.definitions)
    if not pipelines or (through and not table and len(pipelines) > 1):
        raise TableUnclear("nightly", pipelines)
    if table and table not in pipelines:
        raise NotOfTable("nightly", table, pipelines)
    done: dict[str, Published] = {}
    empty: list[NothingToPublish] = []
    for name in [table] if table else pipelines:
        try:
            done[name] = _publish(session, pipelines[name], through, answer)
        except NothingToPublish as error:
            empty.append(error)
    if not done:
        raise empty[0]
    return done


def _publish(session: Session, pipeline: Pipeline, through: Slot | None, answer: Answer) -> Published:
    with _bar(answer.console) as bar:
        task = bar.add_task("publishing", total=None)

        def on_wave(what: str, window: Window) -> None:
            bar.update(task, description=f"{what} {window}")

        done = NightlyRun(replace(pipeline, on_wave=on_wave), session.runner, session.lake).publish(through)
    return Published(done, pipeline.definition.slots.grain)


def pipelines_that_wait(session: Session) -> list[Pipeline]:
    """The nightly pipelines with sources whose files may wait for a person's decision.

    Raises:
        DecisionsUnknown: when the code location has none.
    """
    found = [one for one in nightlies_in(session.definitions).values() if one.waiting is not None]
    if not found:
        raise DecisionsUnknown
    return found


def drive(session: Session, correction: str, answer: Answer, actor: str) -> NextStep:
    """Drive a correction as far as it goes."""
    definition = table_of_correction(session, correction)
    with _bar(answer.console) as bar:
        chain = session.lake.records().ledger.progress(correction).plan.chain
        reporters = {member.table: _Reporter(bar, member.correction, f" of {member.table}") for member in chain}
        alone = _Reporter(bar, correction)

        def on_next_step(step: NextStep, ctx: StepContext) -> None:
            reporters.get(ctx.table.name, alone).on_next_step(step, ctx)

        return Driver(definition, session.runner, session.lake, actor, on_next_step).drive(correction)


def take_cut_over(session: Session, correction: str, answer: Answer, actor: str) -> None:
    """Take the cut over by hand.

    Raises:
        RunFailed: with the refusal of the gate, among others.
    """
    definition = table_of_correction(session, correction)
    driver = Driver(definition, session.runner, session.lake, actor, lambda _step, _ctx: None)
    with answer.console.status("cutting over"):
        refuse_failed(correction, driver.take(correction, Step.CUT_OVER))


def decide(session: Session, correction: str, step: str, config: dict[str, Any]) -> None:
    """Run one of the jobs for things done by hand, if the words of the command suffice for it.

    Raises:
        NameNeeded, ExtentUnsaid, ExtentContradictory: when they do not.
        RunFailed: with what the job refused.
    """
    definition = table_of_correction(session, correction)
    refuse_incomplete(session.lake.records().ledger.progress(correction), step, config)
    take_by_hand(definition, session.runner, correction, step, config)


def standings_of(session: Session, correction: str = "") -> list[Standing]:
    """Where one correction stands, or all, oldest first.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    found = standings(records_of(tables_in(session.definitions), session.lake), session.lake.now(), correction)
    tables = session.tables if correction else {}
    return [
        one.among(tables[one.progress.plan.table].step_context(session.lake, "status"))
        if one.progress.plan.table in tables
        else one
        for one in found
    ]


def _bar(console: Console) -> ProgressBar:
    return ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )


class _Reporter:
    """Shows every next step before it is taken: a line a step, a bar for the days and for the report partitions."""

    def __init__(self, bar: ProgressBar, correction: str, of: str = "") -> None:
        self.bar = bar
        self.of = of
        self.correction = correction
        self.days: Any = None
        self.reports: Any = None

    def on_next_step(self, step: NextStep, ctx: StepContext) -> None:
        progress = ctx.progress(self.correction)
        if self.days is not None:
            self.bar.update(self.days, completed=len(progress.staging.staged))
        if self.reports is not None:
            self.bar.update(self.reports, completed=self.owed - len(progress.downstream.owed))
        match step:
            case TakeSteps(steps=steps):
                for one in steps:
                    self.bar.console.print(f"  {one}{self.of}", style="bold")
            case StageWaves():
                self._show_days(progress)
            case WaitForRate() | WaitForNightly():
                self._show_days(progress, f", {_waited_for(step)}")
            case RebuildReports(partitions=partitions):
                self._show_reports(sum(map(len, partitions.values())))
            case WaitForRuns() | WaitForChain() | WaitForPerson() | WaitUntil():
                pass  # the command says it at its end
            case Paused() | BudgetSpent() | Stuck() | Finished():
                pass  # the command says it at its end
            case _:
                assert_never(step)

    def _show_days(self, progress: Progress, waiting: str = "") -> None:
        what = f"  staging {progress.plan.window.grain.value}s{self.of}"
        if self.days is None:
            total, staged = len(progress.plan.days), len(progress.staging.staged)
            self.days = self.bar.add_task(what, total=total, completed=staged)
        self.bar.update(self.days, description=f"{what}{waiting}")

    def _show_reports(self, owed: int) -> None:
        if self.reports is None:
            self.owed = owed
            self.reports = self.bar.add_task("  rebuilding report partitions", total=owed)


def _waited_for(step: WaitForRate | WaitForNightly) -> str:
    if isinstance(step, WaitForNightly):
        return f"giving way to the nightly of {step.table}"
    return f"waiting for {step.behind or f'the rate of {step.source}'}"
