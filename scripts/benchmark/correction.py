"""A whole correction in one process, from its request to its cut over, by the driver of ``backfill-assets run``.

It says what each part took: until its days are staged, verification, validation, the pages, the cut over. What was
swapped in is taken back afterwards, so that the next round finds the table as wrong as this one did.

Waves are as the library cuts them or, where the command line says ``peers``, as many as the peer takes batches.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmark.made import WAVE
from benchmark.processes import as_users_have_it, since_start


@dataclass
class Clock:
    """Seconds by what they went into; of pages also those that were drawn within each other work."""

    taken: dict[str, float] = field(default_factory=dict[str, float])
    within: list[str] = field(default_factory=list[str])

    def counting(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, counted."""

        def counted(*given: Any, **named: Any) -> Any:
            self.within.append(name)
            started = time.monotonic()
            try:
                return work(*given, **named)
            finally:
                taken = time.monotonic() - started
                for what in {name, "_of_".join(reversed(self.within))}:
                    self.taken[what] = self.taken.get(what, 0.0) + taken
                self.within.pop()

        return counted


class CutOver(Exception):
    """The days are live."""


def main() -> None:
    """Correct all days of the lake, and say what it took."""
    as_users_have_it()
    from backfill_assets.command_line.session import Session

    # As the command begins.
    defs = Session().definitions
    import dagster as dg

    from backfill_assets import runbook
    from backfill_assets.core.next_step import NextStep, RebuildReports, StageWaves, WaitForPerson
    from backfill_assets.core.plan import Request
    from backfill_assets.core.waves import WaveOrder, WavePolicy
    from backfill_assets.core.window import Window
    from backfill_assets.orchestration.asset import surroundings
    from backfill_assets.orchestration.asset.table_definition import tables_in
    from backfill_assets.orchestration.driving.in_process import Driver
    from backfill_assets.orchestration.instance.runner import Runner
    from backfill_assets.revenue.definitions import LAKE

    clock = Clock()
    for name in ("verify_source", "validate", "cut_over"):
        setattr(runbook, name, clock.counting(name, getattr(runbook, name)))
    surroundings.publish_page = clock.counting("pages", surroundings.publish_page)
    # What reports look like to their readers is drawn anew where they are frozen and let go.
    surroundings.DagsterSurroundings.show = clock.counting("pages", surroundings.DagsterSurroundings.show)
    ready = since_start()
    definition = tables_in(defs)["fct_daily_revenue"]
    ctx = definition.step_context(LAKE, "bench")
    days = sorted(ctx.records.days("fct_daily_revenue"))
    waves = WavePolicy(WAVE, order=WaveOrder.OLDEST) if sys.argv[1:] == ["peers"] else WavePolicy()
    request = Request("fct_daily_revenue", Window(days[0], days[-1]), "measured", waves=waves)
    correction = runbook.open_correction(ctx, request).correction
    marks = {"ready": ready}

    def on_next_step(decided: NextStep, _ctx: object) -> None:
        if isinstance(decided, StageWaves):
            marks.setdefault("staging", since_start())
        elif "staging" in marks:
            marks.setdefault("staged", since_start())
        if isinstance(decided, RebuildReports):
            marks["over"] = since_start()
            raise CutOver

    driver = Driver(definition, Runner(defs, dg.DagsterInstance.get()), LAKE, "bench", on_next_step)
    waits = driver.drive(correction)
    if not isinstance(waits, WaitForPerson):
        raise SystemExit(f"The correction came to {waits}.")
    failed = not ctx.progress(correction).gate.passed
    runbook.approve(definition.step_context(LAKE, "bench"), correction, "measured", override=failed)
    _expect_cut_over(driver, correction)
    pages = clock.taken.get("pages", 0.0)
    print(json.dumps({**clock.taken, **marks, "pages": pages, "failed": float(failed)}))
    runbook.roll_back(definition.step_context(LAKE, "bench"), correction, all_days=True)
    runbook.abandon(definition.step_context(LAKE, "bench"), correction, "measured")


def _expect_cut_over(driver: Any, correction: str) -> None:
    try:
        waits = driver.drive(correction)
    except CutOver:
        return
    raise SystemExit(f"The correction was not cut over, it came to {waits}.")


if __name__ == "__main__":
    main()
