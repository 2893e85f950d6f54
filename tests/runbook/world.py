"""A small lake with one correctable table, and a driver that takes the runbook's steps without Dagster."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from backfill_assets.core.advance import advance, work_of
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.fold import history
from backfill_assets.core.next_step import NextStep, WaitUntil
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing
from backfill_assets.core.steps import Outcome, Step, WorkItem
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.revenue.audiences import AUDIENCES
from backfill_assets.runbook import (
    CorrectableTable,
    StepContext,
    approve,
    communicate,
    cut_over,
    decommission,
    freeze_reports,
    open_correction,
    rebuild_downstream,
    reset_watermarks,
    roll_back,
    stage,
    validate,
    verify_source,
)
from backfill_assets.runbook.context import Reach
from backfill_assets.runbook.correctable_table import CodeVersion, Consumers, Sources
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change, Table
from tests.stores import Root, copy

TABLE, SOURCE, REPORT = "sales", "raw", "page"
SCHEMA = pl.Schema({"day": pl.Date(), "shop": pl.String(), "revenue": pl.Int64()})
START = datetime(2026, 1, 23, 6, tzinfo=UTC)
STEPS: Mapping[Step, Callable[[StepContext, str], object]] = {
    Step.FREEZE_REPORTS: freeze_reports,
    Step.VERIFY_SOURCE: verify_source,
    Step.RESET_WATERMARKS: reset_watermarks,
    Step.STAGE: stage,
    Step.VALIDATE: validate,
    Step.CUT_OVER: cut_over,
    Step.REBUILD_DOWNSTREAM: rebuild_downstream,
    Step.COMMUNICATE: communicate,
    Step.DECOMMISSION: decommission,
    Step.ROLL_BACK: roll_back,
}


def day(number: int) -> date:
    """The days of January 2026, from 1."""
    return date(2026, 1, number)


def days(first: int, last: int) -> list[date]:
    return [day(number) for number in range(first, last + 1)]


def worth(revenue: int | None) -> pl.DataFrame:
    """One shop's revenue of a day, or no row."""
    found = [] if revenue is None else [{"shop": "main", "revenue": revenue}]
    return pl.DataFrame(found, schema={"shop": pl.String(), "revenue": pl.Int64()})


@dataclass
class InMemory:
    """Surroundings without files: notices are kept, every day is a partition of the table and of its reports."""

    reports: tuple[str, ...] = ()
    notices: list[Notice] = field(default_factory=list)

    def unknown_days(self, days: Collection[date]) -> Collection[date]:
        return ()

    def reach(self, days: Collection[date]) -> Reach:
        return {report: tuple(str(one) for one in sorted(days)) for report in self.reports}

    def publish(self, notice: Notice) -> str:
        self.notices[:] = [*(one for one in self.notices if one.name != notice.name), notice]
        return notice.name

    def show(self, pending: Event | None) -> Collection[str]:
        return ()

    def publish_page(self, ctx: StepContext, event: Event) -> None:
        """There are no pages."""

    def around(self, ctx: StepContext) -> dict[str, StepContext]:
        return {}

    def copy(self) -> "InMemory":
        return replace(self, notices=[*self.notices])


@dataclass
class World:
    """One lake, what surrounds it, and the clock. ``right`` is what each day should be."""

    root: Root
    right: dict[date, int | None]
    now: datetime = START
    surroundings: InMemory = field(default_factory=lambda: InMemory(reports=(REPORT,)))
    built: list[str] = field(default_factory=list)
    at_rest: NextStep | None = None

    @property
    def records(self) -> Records:
        return Records(Lake(str(self.root)))

    @property
    def schema(self) -> pl.Schema:
        return SCHEMA

    @property
    def live(self) -> Table:
        return self.records.table(TABLE, self.schema)

    def step_context(self, actor: str = "ada") -> StepContext:
        return StepContext(self.records, self.table, self.surroundings, actor, self.now, "run")

    @property
    def table(self) -> CorrectableTable:
        return CorrectableTable(
            name=TABLE,
            keys=("shop",),
            measures=("revenue",),
            code=CodeVersion("v2"),
            sources=Sources((SOURCE,)),
            consumers=Consumers((REPORT,), audiences=AUDIENCES, has_nightly=True),
        )

    @property
    def told(self) -> list[Notice]:
        """The notices that went out."""
        return self.surroundings.notices

    def publish_live(self, revenues: Mapping[date, int | None], *, by: str = "v1") -> None:
        """Write live days as nightly does: with lineage."""
        self.write(self.live, revenues, by=by, correction="")

    def land(self, revenues: Mapping[date, int | None]) -> None:
        """Put days into the source."""
        source = self.records.table(SOURCE, self.schema)
        source.create()
        source.replace_days({of: worth(value) for of, value in revenues.items()})

    def write(self, table: Table, revenues: Mapping[date, int | None], *, by: str, correction: str) -> None:
        table.create()
        files = table.write_files({of: worth(value) for of, value in revenues.items()})
        self.records.builds.record([(file, self.build(file, by, correction)) for file in files.values()])

        def decide(now: Snapshot) -> Decision[Change, None]:
            removes = tuple(file for of_day in now.files_of(list(revenues)).values() for file in of_day)
            return Decision(Change(tuple(files.values()), removes), None)

        table.commit_written(decide, files.values())

    def build(self, file: DataFile, by: str, correction: str) -> Build:
        assert file.day is not None
        inputs = {SOURCE: self.records.snapshot(SOURCE).fingerprint(file.day)}
        return Build(TABLE, file.day, inputs, by, "", "run", correction, self.now)

    def open(self, first: int, last: int, correction: str = "", **fields) -> Plan:
        request = Request(TABLE, Window(day(first), day(last)), "wrong", ("finance",), correction=correction, **fields)
        return open_correction(self.step_context(), request)

    def progress(self, correction: str) -> Progress:
        return history(self.records.ledger.events(correction))

    def events(self, correction: str, step: Step, outcome: Outcome = Outcome.DONE) -> list[Event]:
        return [
            event for event in self.records.ledger.events(correction) if event.step is step and event.outcome is outcome
        ]

    def stage_wave(
        self, correction: str, of: Collection[date], revenues: Mapping[date, int | None] | None = None
    ) -> None:
        """Stage days as a run does: the right numbers, unless others are given."""
        staged = self.records.staged(TABLE, correction, self.schema)
        right = {one: (revenues or self.right)[one] for one in of}
        self.write(staged, right, by="v2", correction=correction)
        detail = {"days": sorted(str(one) for one in of)}
        self.step_context().record(correction, fact_of(Step.STAGE, Outcome.PROGRESSED, detail))

    def build_reports(self, correction: str, partitions: Mapping[str, Collection[str]]) -> None:
        for report, keys in partitions.items():
            self.built += keys
            detail = {"report": report, "partitions": sorted(keys)}
            self.step_context().record(correction, fact_of(Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail))

    def take(self, correction: str, action: NextStep) -> None:
        """Do what is next."""
        progress = self.step_context().progress(correction)
        for item in work_of(action, progress):
            self.run(progress, item)

    def run(self, progress: Progress, item: WorkItem) -> None:
        """Do what the run of a work item does."""
        correction = progress.plan.correction
        if item.wave is not None:
            self.stage_wave(correction, item.wave.days)
        for step in item.steps:
            if step is Step.REBUILD_DOWNSTREAM:
                self.build_owed(progress)
            STEPS[step](self.step_context(), correction)

    def build_owed(self, progress: Progress) -> None:
        owed: dict[str, list[str]] = {}
        for report, key in sorted(progress.downstream.owed):
            owed.setdefault(report, []).append(key)
        self.build_reports(progress.plan.correction, owed)

    def drive(self, correction: str, *, patience: int = 60) -> NextStep:
        """Take the correction as far as it goes; a refused step is looked at again."""
        return advance(WithoutDagster(self, patience), correction)

    def through(self, correction: str) -> None:
        """All the way to the rollback window."""
        self.drive(correction)
        approve(self.step_context(), correction, "looked")
        assert isinstance(self.drive(correction), WaitUntil)

    def content(self) -> dict[date, int | None]:
        """Live, by day; None for a day without rows."""
        now = self.live.snapshot()
        rows = dict(now.scan().select("day", "revenue").collect().iter_rows())
        assert len(rows) == now.scan().collect().height
        return {of: rows.get(of) for of in now.days}

    def swaps(self) -> list[dict[str, str]]:
        """The commits on live that were swaps, oldest first."""
        infos = self.live.snapshot().handle.history()
        return [info for info in reversed(infos) if "backfill_assets/swap" in info]

    def later(self, days_later: float) -> None:
        self.now = self.now + timedelta(days=days_later)


@dataclass
class WithoutDagster:
    """A launcher that takes the steps here and now, so many rounds of them."""

    world: World
    patience: int

    def progress(self, correction: str) -> Progress:
        return self.world.step_context().progress(correction)

    def now(self) -> datetime:
        return self.world.now

    def busy(self, _progress: Progress, /) -> Collection[date]:
        return ()

    def nightly(self) -> None:
        return None

    def others(self, progress: Progress, /) -> Collection[Progress]:
        return sharing(progress, self.world.records.ledger.all_progress())

    def wait(self, until: datetime) -> bool:
        self.world.now = max(self.world.now, until)
        return True

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        self.patience -= 1
        assert self.patience >= 0, f"not at rest, next are {items}"
        with suppress(BackfillAssetsError):
            for item in items:
                self.world.run(progress, item)
        return True


def right_at(count: int = 10) -> dict[date, int | None]:
    """What the days of a world should be: 1, 2, 3, …"""
    return {day(number): number for number in range(1, count + 1)}


def planted_at(count: int = 10) -> dict[date, int | None]:
    """What they are before a correction: all from the fifth are wrong by 100, except each fifth one."""
    right = right_at(count)
    return {of: value if of.day < 5 or of.day % 5 == 0 else (value or 0) + 100 for of, value in right.items()}


def world_at(root: Root, count: int = 10) -> World:
    """A world of published days, some of them wrong."""
    world = World(root, right_at(count))
    world.land(world.right)
    world.publish_live(planted_at(count))
    return world


def copy_of(world: World, root: Root) -> World:
    """The same world in another folder; what happens in one does not happen in the other."""
    copy(world.root, root)
    return replace(world, root=root, surroundings=world.surroundings.copy(), built=[*world.built])
