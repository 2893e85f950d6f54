"""Waves of a correction: each in a process of its own, as Dagster's default launcher runs it, or beside bare ones."""

import json
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

from benchmark.made import WAVE
from benchmark.processes import as_users_have_it, seconds_of

TABLE = "fct_daily_revenue"


def opened() -> str:
    """Open a correction of all days, abandon what was open before, and return its id."""
    from backfill_assets import runbook
    from backfill_assets.core.plan import Request
    from backfill_assets.core.waves import WavePolicy
    from backfill_assets.core.window import Window
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.revenue.definitions import LAKE, defs

    ctx = tables_in(defs)[TABLE].step_context(LAKE, "bench")
    for correction, progress in ctx.records.ledger.all_progress().items():
        if not progress.is_closed:
            runbook.abandon(ctx, correction, "measured")
    days = sorted(ctx.records.days(TABLE))
    request = Request(TABLE, Window(days[0], days[-1]), "measured", waves=WavePolicy(at_once=1))
    return runbook.open_correction(ctx, request).correction


def stage(correction: str, days: Sequence[date] = ()) -> None:
    """Stage some days by a run of Dagster, or those of the wave that is next as the library cuts them."""
    import dagster as dg

    from backfill_assets.command_line.session import prepare_home
    from backfill_assets.core.window import Window
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.orchestration.instance import tags
    from backfill_assets.orchestration.instance.runner import Runner
    from backfill_assets.revenue.definitions import defs

    prepare_home()
    days = days or following(correction)
    runner = Runner(defs, dg.DagsterInstance.get())
    window = Window(days[0], days[-1])
    ran = runner.run_days([tables_in(defs)[TABLE].staged_key], window, {tags.CORRECTION: correction})
    if not ran.success:
        raise SystemExit(str(ran.errors))


def following(correction: str) -> Sequence[date]:
    """The days of the wave that is next; none when all are staged."""
    from backfill_assets.core.wave_size import waves_now
    from backfill_assets.core.waves import plan_waves
    from backfill_assets.revenue.definitions import LAKE

    progress = LAKE.records().ledger.progress(correction)
    found = plan_waves(progress.missing, waves_now(progress), canary_done=progress.staging.has_come_back)
    return found[0].days if found else ()


def left(correction: str) -> dict[str, Any]:
    """How many days of a correction are not staged, and how many runs have staged the others."""
    from backfill_assets.revenue.definitions import LAKE

    progress = LAKE.records().ledger.progress(correction)
    return {"correction": correction, "left": len(progress.missing), "runs": progress.staging.took.waves}


def stage_bare(beside: str, days: list[date]) -> None:
    """Compute the days of a wave by the same transformation, and commit them to a staged version, without Dagster."""
    import polars as pl

    from backfill_assets.revenue import transforms
    from backfill_assets.revenue.definitions import LAKE
    from backfill_assets.revenue.schemas import schema_of

    records = LAKE.records()
    raw, rates = (records.snapshot(name).scan(days) for name in ("raw_transactions", "fx_rates"))
    found = transforms.daily_revenue(raw, rates)
    table = records.staged(TABLE, beside, schema_of(TABLE))
    table.create()
    table.replace_days({day: found.filter(pl.col("day") == day) for day in days})


def waves_of(days: list[date]) -> list[list[date]]:
    """The days in waves."""
    return [days[start : start + WAVE] for start in range(0, len(days), WAVE)]


def beside() -> None:
    """Every wave by Dagster and bare, in turn; says the seconds of each. The first pair warms up."""
    from backfill_assets.revenue.definitions import LAKE

    correction, waves = opened(), waves_of(sorted(LAKE.records().days(TABLE)))
    taken: dict[str, list[float]] = {"through": [], "bare": []}
    for number in (0, *range(len(waves))):
        taken["through"].append(seconds_of(lambda number=number: stage(correction, waves[number])))
        taken["bare"].append(seconds_of(lambda number=number: stage_bare("bare", waves[number])))
    print(json.dumps({name: seconds[1:] for name, seconds in taken.items()}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["open"]:
            print(json.dumps(left(opened())))
        case ["next", correction]:
            as_users_have_it()
            stage(correction)
            print(json.dumps(left(correction)))
        case _:
            beside()
