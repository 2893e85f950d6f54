"""The demo's story: history published with a bug, then a correction through all nine steps, back, and again."""

import dataclasses
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import demo_clock
import demo_data
import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backfill_assets import now_utc
from backfill_assets.command_line import app
from backfill_assets.command_line.session import Session, prepare_home
from backfill_assets.command_line.work import step_context_of
from backfill_assets.core.day_comparison import Sums
from backfill_assets.core.events import last_of
from backfill_assets.core.facts import Validated
from backfill_assets.core.figures import Line
from backfill_assets.orchestration.asset.siblings import correctable_asset
from backfill_assets.orchestration.asset.surroundings import console_address
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.build import build_correction_definitions
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.publish import Nightly, NightlyRun
from backfill_assets.pages.formats import signed
from backfill_assets.revenue import transforms
from backfill_assets.revenue.assets import revenue_assets
from backfill_assets.revenue.definitions import LAKE, load_definitions
from backfill_assets.revenue.fixings import fixings_known
from backfill_assets.revenue.pipeline import days_now
from backfill_assets.revenue.printing_pdf import browser
from backfill_assets.revenue.schemas import FctDailyRevenue
from backfill_assets.runbook.differing import Difference, difference
from backfill_assets.storage.findings import Findings

CORRECTION = "20260123"
BUG_SINCE, LAST = date(2025, 10, 25), demo_data.LAST
REQUEST = f"""\
table: fct_daily_revenue
correction: "{CORRECTION}"
window: {{first: {BUG_SINCE}, last: {LAST}}}
reason: The FX join used the rate of the previous day.
watchers: [finance, exec-ops, board-prep]
expect:
  columns: [revenue_usd, rate_usd, rate_currency, fixing_day]
  same_rows: true
  unchanged_where: "currency = 'USD'"
  max_change_per_day: 2%
  max_change_total: 0.5%
approval: manual
"""
console = Console()


def fct_daily_revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """The fact with the bug of the story: each day joined to the rates that were in force on the day before."""
    days = fx_rates.select(pl.col("day").unique()).collect()["day"].to_list()
    fixings = fixings_known(LAKE.records().snapshot("raw_fixings").scan().collect())
    return transforms.daily_revenue(raw_transactions, demo_data.wrong_rates_in_force(fixings, days).lazy())


def with_the_bug(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """The fact as an asset, with the bug of the story."""
    return correctable_asset(
        partitions_def=days,
        keys=["day", "currency", "country"],
        measures=["transactions", "amount", "revenue_usd"],
        schema=FctDailyRevenue,
        code_version="2025-10-24-fx-join",
        group_name="revenue",
    )(fct_daily_revenue)


def main() -> None:
    """Tell the story from the beginning."""
    started = time.monotonic()
    _start_anew()
    demo_clock.comes_to(6)
    console.print(Panel("Months of wrong revenue, made right", subtitle="backfill_assets", style="bold"))
    if browser() is None:
        told = "No browser is found that prints, so board packs have no PDF. BACKFILL_CHROMIUM may name one."
        console.print(told, style="dim", soft_wrap=True)
    with _said("206 days of transactions in eight currencies land, and the ECB's rates"):
        demo_data.write_landing(Path(os.environ["BACKFILL_LANDING"]))
    _publish_history()
    _correct()
    _there_and_back()
    demo_clock.keep(Path(os.environ["BACKFILL_LAKE"]).parent / "clock")
    _say_where_to_look(time.monotonic() - started)


def _start_anew() -> None:
    """The demo's own places are emptied; anybody else's must be empty already."""
    for name in ("BACKFILL_LAKE", "BACKFILL_LANDING", "BACKFILL_PUBLISHED", "DAGSTER_HOME"):
        place = Path(os.environ[name])
        if place.is_dir() and any(place.iterdir()) and "demo" not in place.parts:
            console.print(f"[red]{name} ({place}) is not empty. Nothing was touched. Give the demo an empty place.[/]")
            raise SystemExit(2)
        shutil.rmtree(place, ignore_errors=True)
    prepare_home()


def _publish_history() -> None:
    instance = dg.DagsterInstance.get()
    defs = load_definitions()
    ((table, pipeline),) = nightlies_in(defs).items()
    made = revenue_assets(*days_now())
    resources = {key: (defs.resources or {})[key] for key in ("lake", "lake_io_manager", "landing_zone")}
    wrong_defs = dg.Definitions.merge(
        dg.Definitions(assets=[*made.sources, *made.undated, *made.reports], resources=resources),
        build_correction_definitions(
            with_the_bug(pipeline.definition.slots.partitions_def), sources=made.sources, reports=made.reports
        ),
    )
    wrong_pipeline = dataclasses.replace(pipeline, definition=tables_in(wrong_defs)[table])
    right, wrong = (
        NightlyRun(pipeline, Runner(defs, instance), LAKE),
        NightlyRun(wrong_pipeline, Runner(wrong_defs, instance), LAKE),
    )
    with _said(f"Nightly published them, right until {BUG_SINCE - timedelta(days=1)}"):
        _refuse_failures(right.publish(BUG_SINCE - timedelta(days=1)))
    with _said(f"… and since {BUG_SINCE} with the rates of the day before, unnoticed"):
        _refuse_failures(wrong.publish(LAST))


def _correct() -> None:
    _act(7, "Every morning live is compared with finance's ledger. Something is wrong.")
    _command("reconcile", expect=5)
    request = Path(os.environ["BACKFILL_LAKE"]).parent / "correction.yaml"
    request.write_text(REQUEST, encoding="utf-8")
    _act(7, "Ada finds the cause, repairs the code, and asks for the days once more.", minute=40)
    console.print(Panel(escape(REQUEST.strip()), title="correction.yaml", title_align="left", expand=False))
    _command("plan", str(request))
    _command("open", str(request), "--by", "Ada (data engineering)")
    _command("run", CORRECTION, expect=3)
    _act(9, "Grace reads what it would change. Readers still see the old numbers.", minute=30)
    _show(_measured())
    _command("diff", CORRECTION, "--by", "currency")
    _command("approve", CORRECTION, "--by", "Grace (finance)", "--note", "Looked at all 90 days.")
    _command("run", CORRECTION)
    _command("reconcile")


def _there_and_back() -> None:
    _act(11, "There is a way back, for two weeks.")
    _command("roll-back", CORRECTION, "--all", "--by", "Grace (finance)", "--note", "Showing that it works.", expect=0)
    console.print(f"  live is the old {_live_total():,.2f} USD again.", highlight=False)
    _act(11, "And once more forward.", minute=30)
    _command("approve", CORRECTION, "--by", "Grace (finance)", "--note", "Again.")
    _command("run", CORRECTION)
    console.print(f"  live is {_live_total():,.2f} USD.", highlight=False)


def _act(hour: int, told: str, minute: int = 0) -> None:
    """What happens next, and at what time of the story's day."""
    demo_clock.comes_to(hour, minute)
    console.print()
    console.rule(style="dim")
    console.print(f"[bold]{now_utc():%H:%M}[/]  {told}", highlight=False)


def _command(*words: str, expect: int = 0) -> None:
    shown = shlex.join(Path(word).name if word.startswith("/") else word for word in words)
    at = f"[dim]{now_utc():%H:%M:%S}[/]"
    console.print(f"\n{at} [bold cyan]$ backfill-assets {escape(shown)}[/]", highlight=False, soft_wrap=True)
    ended = app(list(words), standalone_mode=False) or 0
    if ended != expect:
        console.print(f"[red]That ended with {ended}, and {expect} was expected.[/]")
        raise SystemExit(1)


def _refuse_failures(done: Nightly) -> None:
    if done.failed:
        console.print(f"[red]Nightly failed: {[str(one.failure) for one in done.failures]}[/]")
        raise SystemExit(1)


def _live_total() -> Decimal:
    """What live adds up to in the window now."""
    live = LAKE.records().snapshot("fct_daily_revenue").scan()
    return live.filter(pl.col("day").is_between(BUG_SINCE, LAST)).select(pl.col("revenue_usd").sum()).collect().item()


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the correction would change: as finance's ledger shows, as was validated, and by the files of both sides."""

    validated: Validated
    found: Difference
    finding: Mapping[str, Any]

    def of(self, line: Line) -> Sums:
        """The revenue of a day, or of all."""
        return line.sums["revenue_usd"]

    @property
    def largest(self) -> Line:
        """The day that is most wrong."""
        return max(self.found.by_day, key=lambda day: abs(self.of(day).change))


def _measured() -> Measured:
    ctx = step_context_of(Session(), "fct_daily_revenue")
    validated = last_of(ctx.records.ledger.events(CORRECTION), Validated)
    if validated is None:
        raise SystemExit(1)
    (finding,) = Findings(LAKE.lake()).open("fct_daily_revenue")
    return Measured(validated, difference(ctx, CORRECTION), finding.detail)


def _show(measured: Measured) -> None:
    """The reconciliation, as it is before anybody has approved it."""
    found, total = measured.found, measured.of(measured.found.total)
    day, finding = measured.largest, measured.finding
    ledger = next(check.sentence for check in measured.validated.checks if check.name == "closer_to_ledger")
    table = Table(title="The reconciliation of live with what is staged", show_header=False, title_justify="left")
    for name, value in (
        ("days in the window", f"{len(found.comparison.days)}"),
        ("days that change", f"{len(found.by_day)}"),
        ("wrong in all", f"{Decimal(finding['difference']):,.2f} USD, beside finance's ledger"),
        ("net", f"{signed(f'{total.change:.2f}')} USD"),
        ("old total", f"{total.old:,.2f} USD"),
        ("new total", f"{total.new:,.2f} USD"),
        ("most wrong", f"{day.name}, by {signed(f'{measured.of(day).change:.2f}')} USD"),
        ("first day", f"{finding['since']}"),
        ("once approved", ledger),
        ("checks", f"{len(measured.validated.checks)}, {'all passed' if measured.validated.passed else 'some failed'}"),
    ):
        table.add_row(name, value)
    console.print(table)


def _say_where_to_look(seconds: float) -> None:
    published = Path(os.environ["BACKFILL_PUBLISHED"])
    enter = ". scripts/demo_environment && .venv/bin/backfill-assets"
    console.print(f"\n[bold green]Done in {seconds:.0f} s.[/] Look at")
    for what, where in (
        ("the pages", published / "index.html"),
        ("the board pack", published / "board_pack" / f"2026-01.{'html' if browser() is None else 'pdf'}"),
        ("the notices", published / "notices"),
        ("the lake", os.environ["BACKFILL_LAKE"]),
        ("the whole story", f"{enter} status {CORRECTION}"),
        ("the difference", f"{enter} diff {CORRECTION} --rows"),
        ("the console", f"scripts/dev, then {console_address(CORRECTION)}"),
        ("the Dagster UI", "scripts/dev, then http://127.0.0.1:3000, Jobs, fct_daily_revenue__correction"),
    ):
        console.print(f"  {what:<15}  [cyan]{escape(str(where))}[/]", highlight=False, soft_wrap=True)
    console.print(
        "\nTry it yourself. In the console, roll back one day of the correction with your own name, and watch it go."
        " In the Dagster UI, launch some days of backfill/fct_daily_revenue, and see that nothing published moves."
        " Both, click by click, are in docs/tomorrow-morning.md."
    )


@contextmanager
def _said(what: str) -> Iterator[None]:
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as bar:
        bar.add_task(what, total=None)
        yield


if __name__ == "__main__":
    main()
