"""A lake whose reports are built and read: corrections taken through the runbook, pages and files beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from backfill_assets import runbook
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.surroundings import DagsterSurroundings
from backfill_assets.orchestration.instance.delivery import Post
from backfill_assets.pages.publishing import publish_page
from backfill_assets.revenue import landing, reports
from backfill_assets.revenue.pages.rendering import Rendered, render_reports
from backfill_assets.runbook import StepContext
from tests.composed import DAILY_REVENUE
from tests.e2e.small_lake import FACT, SmallLake, stage, write
from tests.e2e.story import wrong_lake

NOW = datetime(2026, 1, 23, 7, 30, tzinfo=UTC)
HISTORY = Window(date(2025, 12, 22), date(2026, 1, 9))
WRONG = Window(date(2025, 12, 27), date(2026, 1, 5))
REASON = "The <b>FX join</b> used \u202ethe rate of the previous day"


@dataclass(frozen=True)
class InFolder(DagsterSurroundings):
    """The fact's surroundings, with readers who look into the folder of a newsroom."""

    room: "Newsroom | None" = None

    def publish(self, notice: Notice) -> str:
        return self.room.post.publish(notice)

    def publish_page(self, ctx: StepContext, event: Event) -> None:
        publish_page(ctx, event, self.room.folder)

    def show(self, pending: Event | None = None) -> list[str]:
        return [*self.room.show(pending).sentences]


@dataclass
class Newsroom:
    """A small lake, its published folder, and a clock that moves by an hour with every step."""

    lake: SmallLake
    now: datetime = NOW

    @property
    def folder(self) -> Path:
        return self.lake.root / "published"

    @property
    def post(self) -> Post:
        return Post(self.lake.records, self.folder / "notices", self.now)

    def step_context(self, actor: str = "ada") -> StepContext:
        """A ctx of which every step is an hour after the last."""
        self.now += timedelta(hours=1)
        records = self.lake.records
        surroundings = InFolder(records, DAILY_REVENUE.reports, room=self)
        return StepContext(records, DAILY_REVENUE.correctable_table, surroundings, actor, self.now)

    def show(self, pending: Event | None = None) -> Rendered:
        return render_reports(self.lake.records, self.folder, pending)

    def page(self, path: str) -> str:
        return (self.folder / path).read_text()

    def frame(self, report: str, commit: int | None = None) -> pl.DataFrame:
        return self.lake.records.snapshot(report, commit).scan().collect().sort(pl.all())

    def build(self, reach: Mapping[str, Collection[date]]) -> None:
        """Build report partitions from live, as the assets do."""
        snapshot = self.lake.records.snapshot(FACT)
        for report, days in reach.items():
            write(self.lake, report, _computed(report, snapshot.scan(), snapshot.days, days, self.lake), days)

    def build_all(self) -> None:
        """Build every partition of every report, and the pages."""
        days = sorted(self.lake.records.snapshot(FACT).days)
        months = sorted({day.replace(day=1) for day in days})
        self.build({"executive_dashboard": days, "finance_reconciliation_export": days, "board_pack": months})
        self.show()

    def request(self, window: Window = WRONG, reason: str = REASON, **fields) -> Request:
        return Request(FACT, window, reason, ("finance", "exec-ops", "board-prep"), **fields)

    def open(self, window: Window = WRONG, reason: str = REASON, **fields) -> Plan:
        return runbook.open_correction(self.step_context(), self.request(window, reason, **fields))

    def prepare(self, plan: Plan) -> None:
        """The first five steps."""
        for step in (runbook.freeze_reports, runbook.verify_source, runbook.reset_watermarks):
            step(self.step_context(), plan.correction)
        stage(self.lake, plan)
        runbook.stage(self.step_context(), plan.correction)
        found = runbook.validate(self.step_context(), plan.correction)
        assert not found.failed, found.failed

    def publish(self, plan: Plan) -> Event:
        """Approve, cut over, rebuild and tell."""
        runbook.approve(self.step_context("Ada"), plan.correction, "looked at all days")
        event = runbook.cut_over(self.step_context(), plan.correction)
        self.rebuild(plan)
        return event

    def roll_back(self, plan: Plan, days: Collection[date] = ()) -> Event:
        event = runbook.roll_back(self.step_context(), plan.correction, days, "not yet", all_days=not days)
        self.rebuild(plan)
        return event

    def rebuild(self, plan: Plan) -> None:
        """Build exactly what is owed, thaw, and tell."""
        self.build_owed(plan)
        runbook.rebuild_downstream(self.step_context(), plan.correction)
        runbook.communicate(self.step_context(), plan.correction)
        self.show()

    def build_owed(self, plan: Plan) -> None:
        """Build exactly what is owed, as the runs of the correction do."""
        ctx = self.step_context()
        owed: dict[str, list[date]] = {}
        for report, key in ctx.progress(plan.correction).downstream.owed:
            owed.setdefault(report, []).append(date.fromisoformat(key))
        self.build(owed)
        for report, days in owed.items():
            detail = {"report": report, "partitions": [str(day) for day in sorted(days)]}
            ctx.record(plan.correction, fact_of(Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail))


def newsroom(root: Path, history: Window = HISTORY, wrong: Window = WRONG) -> Newsroom:
    """Some weeks of made-up trade with the rates of the day before in a window, and every report built from it."""
    room = Newsroom(wrong_lake(root, history, wrong))
    room.build_all()
    return room


def _computed(
    report: str, fact: pl.LazyFrame, published: frozenset[date], days: Collection[date], lake: SmallLake
) -> pl.DataFrame:
    match report:
        case "executive_dashboard":
            return reports.executive_dashboard(fact, published, days)
        case "finance_reconciliation_export":
            return reports.finance_reconciliation_export(fact, landing.read_ledger(lake.landing), days)
        case _:
            return reports.board_pack(fact, published, days)
