"""The demo's story: history published with a bug, then a correction through all nine steps, back, and again."""

import dataclasses
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import demo_data
import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backfill_assets.command_line import app
from backfill_assets.command_line.session import prepare_home
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.orchestration.asset.siblings import correctable_asset
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.build import build_correction_definitions
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.publish import Nightly, NightlyRun
from backfill_assets.revenue import transforms
from backfill_assets.revenue.assets import revenue_assets
from backfill_assets.revenue.definitions import LAKE, load_definitions
from backfill_assets.revenue.fixings import fixings_known
from backfill_assets.revenue.pipeline import days_now
from backfill_assets.revenue.schemas import FctDailyRevenue

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
    console.print(Panel("Months of wrong revenue, made right", subtitle="backfill_assets", style="bold"))
    with _said("206 days of transactions in eight currencies land, and the ECB's rates"):
        demo_data.write_landing(Path(os.environ["BACKFILL_LANDING"]))
    _publish_history()
    _correct()
    _show(_measured())
    _there_and_back()
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
    request = Path(os.environ["BACKFILL_LAKE"]).parent / "correction.yaml"
    request.write_text(REQUEST, encoding="utf-8")
    console.print()
    console.print(Panel(escape(REQUEST.strip()), title="correction.yaml", title_align="left", expand=False))
    _command("plan", str(request))
    _command("open", str(request), "--by", "Ada (data engineering)")
    _command("run", CORRECTION, expect=3)
    _command("approve", CORRECTION, "--by", "Grace (finance)", "--note", "Looked at all 90 days.")
    _command("run", CORRECTION)


def _there_and_back() -> None:
    console.print("\n[bold]There is a way back[/], for two weeks:")
    _command("roll-back", CORRECTION, "--all", "--by", "Grace (finance)", "--note", "Showing that it works.", expect=0)
    console.print(f"  live is the old {_live_total():,.4f} USD again. And once more forward:", highlight=False)
    _command("approve", CORRECTION, "--by", "Grace (finance)", "--note", "Again.")
    _command("run", CORRECTION)
    console.print(f"  live is {_live_total():,.4f} USD.", highlight=False)


def _command(*words: str, expect: int = 0) -> None:
    shown = shlex.join(Path(word).name if word.startswith("/") else word for word in words)
    console.print(f"\n[bold cyan]$ backfill-assets {escape(shown)}[/]", highlight=False, soft_wrap=True)
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


def _measured() -> dict[str, Any]:
    """What the ledger and Dagster measured."""
    records = LAKE.records()
    events = {(event.step, event.outcome): event.detail for event in records.ledger.events(CORRECTION)}
    first_swap = next(
        event for event in records.ledger.events(CORRECTION) if event.step == "cut_over" and "commit" in event.detail
    )
    runs = dg.DagsterInstance.get().get_run_records(dg.RunsFilter(tags={tags.CORRECTION: CORRECTION}))
    staged_key = dg.AssetKey(["backfill", "fct_daily_revenue"])
    staged = [run for run in runs if staged_key in (run.dagster_run.asset_selection or ())]
    return {
        "validated": events[Step.VALIDATE, Outcome.DONE],
        "swap": first_swap.detail,
        "staging": max(run.end_time or 0 for run in staged) - min(run.start_time or 0 for run in staged),
        "waves": len(staged),
    }


def _show(found: dict[str, Any]) -> None:
    validated, swap = found["validated"], found["swap"]
    sums = validated["totals"]["revenue_usd"]
    change = Decimal(sums["new"]) - Decimal(sums["old"])
    table = Table(title="What the correction did", show_header=False, title_justify="left")
    for name, value in (
        ("days in the window", f"{validated['days_changed'] + validated['days_unchanged']}"),
        ("days changed", f"{validated['days_changed']}"),
        ("days equal already, left alone", f"{validated['days_unchanged']}"),
        ("old total", f"{Decimal(sums['old']):,.4f} USD"),
        ("new total", f"{Decimal(sums['new']):,.4f} USD ({change:+,.4f})"),
        ("largest day", validated["largest_day"]),
        ("staging", f"{found['waves']} waves, {found['staging']:.1f} s"),
        ("cut over", f"one commit, {swap['milliseconds']} ms"),
    ):
        table.add_row(name, value)
    console.print()
    console.print(table)


def _say_where_to_look(seconds: float) -> None:
    published = Path(os.environ["BACKFILL_PUBLISHED"])
    console.print(f"\n[bold green]Done in {seconds:.0f} s.[/] Look at")
    for what, where in (
        ("the pages", published / "index.html"),
        ("the notices", published / "notices"),
        ("the lake", os.environ["BACKFILL_LAKE"]),
        ("the whole story", f". scripts/demo_environment && .venv/bin/backfill-assets status {CORRECTION}"),
        ("the difference", f". scripts/demo_environment && .venv/bin/backfill-assets diff {CORRECTION} --rows"),
        ("the console", f"scripts/dev, then {os.environ['BACKFILL_CONSOLE']}/corrections/{CORRECTION}/"),
        ("the Dagster UI", "scripts/dev, then http://127.0.0.1:3000, Jobs, fct_daily_revenue__correction"),
    ):
        console.print(f"  {what:<15}  [cyan]{escape(str(where))}[/]", highlight=False, soft_wrap=True)


@contextmanager
def _said(what: str) -> Iterator[None]:
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as bar:
        bar.add_task(what, total=None)
        yield


if __name__ == "__main__":
    main()
