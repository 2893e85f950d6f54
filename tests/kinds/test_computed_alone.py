"""What a transform may not depend on, and shows by a day that comes out otherwise alone than with others.

The next transform is one line.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import LakeResource, Source
from backfill_assets.core.audited import same_alone
from backfill_assets.core.facts.staging import DaysStaged
from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.alone import tried_alone
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.runbook import open_correction
from tests.kinds.test_partitions import entered
from tests.kinds.test_reads import DAYS, DEFINED, land, location, published

Transform = Callable[[pl.LazyFrame], pl.LazyFrame]
WRONG = Window(date(2026, 1, 8), date(2026, 1, 16))
BACK = {"orders_log": Source("orders_log", look_back=1)}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeResource]:
    with entered(tmp_path) as resource:
        yield resource


def priced(price: Callable[[], pl.Expr]) -> Transform:
    """A transform by which the price of a day is something else."""

    def compute(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.sort("day").with_columns(price=price().cast(pl.Int64))

    return compute


PRICE = pl.col("price")
SEED = iter(range(1, 10_000))
TRANSFORMS: dict[str, tuple[Transform, dict[str, Source], str]] = {
    "its own day": (priced(lambda: PRICE * 2), {}, ""),
    "the day before, as declared": (priced(lambda: PRICE + PRICE.shift(1, fill_value=0)), BACK, ""),
    "the day before": (priced(lambda: PRICE + PRICE.shift(1, fill_value=0)), {}, "computed with other days"),
    "the day after": (priced(lambda: PRICE + PRICE.shift(-1, fill_value=0)), {}, "computed with other days"),
    "the sum until now": (priced(PRICE.cum_sum), {}, "computed with other days"),
    "two days before, one declared": (
        priced(lambda: PRICE + PRICE.shift(2, fill_value=0)), BACK, "computed with other days",
    ),
    "the size of the run": (priced(lambda: PRICE + pl.len()), {}, "computed with other days"),
    "chance": (priced(lambda: PRICE + next(SEED)), {}, "differs from itself"),
    "the clock": (priced(lambda: PRICE + time.perf_counter_ns()), {}, "differs from itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_day_in_the_middle_of_a_wave_comes_out_the_same_alone_or_is_told_of(name: str, lake: LakeResource) -> None:
    compute, sources, found = TRANSFORMS[name]
    spec = location(DAYS, compute, sources=sources).compute_spec
    land(lake, "2026-01-05", "2026-01-20")
    wave = spec.wave(lake.records(), WRONG.days, correction="20260310")
    ((day, told),) = tried_alone(spec, lake.records(), wave).alone.items()
    assert day == WRONG.days[4]
    assert bool(told) is bool(found)
    assert found in told


@pytest.mark.parametrize(("days", "alone"), [(1, [0]), (15, [7]), (16, [4, 12]), (31, [5, 15, 25]), (45, [7, 22, 37])])
def test_of_a_longer_wave_one_day_is_computed_alone_in_each_stretch_of_usual_length(
    days: int, alone: list[int], lake: LakeResource
) -> None:
    compute, sources, found = TRANSFORMS["the sum until now"]
    spec = location(DAYS, compute, sources=sources).compute_spec
    land(lake, "2026-01-05", "2026-02-28")
    window = [date(2026, 1, 8) + timedelta(days=number) for number in range(days)]
    wave = spec.wave(lake.records(), window, correction="20260310")
    told = tried_alone(spec, lake.records(), wave).alone
    assert [*told] == [window[number] for number in alone]
    assert all(found in what for day, what in told.items() if day != window[0])


@pytest.mark.dagster
@pytest.mark.parametrize("name", ["the day before, as declared", "the sum until now", "chance"])
def test_validation_blocks_by_name_what_comes_out_otherwise_alone(name: str, lake: LakeResource) -> None:
    compute, sources, found = TRANSFORMS[name]
    definition = location(DAYS, compute, sources=sources)
    land(lake, "2026-01-05", "2026-01-20")
    ctx = definition.step_context(lake, "ada")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(DEFINED["prices"], instance)
        assert published(runner, "2026-01-05", "2026-01-20").success
        land(lake, "2026-01-08", "2026-01-16", price=70)
        opened = open_correction(ctx, Request("prices", WRONG, "Wrong."))
        Driver(definition, runner, lake, "ada", lambda _step, _ctx: None).drive(opened.correction)
    progress = lake.records().ledger.progress(opened.correction)
    checks = {check.name: check for check in lake.records().certificates.find(progress.gate.certificate).checks}
    check = checks["same_alone"]
    assert check.passed is not bool(found)
    assert progress.gate.passed is not bool(found)
    if found:
        assert found in check.sentence
        assert str(check.days[-1]) in check.sentence
        assert "look_back" in check.sentence
        assert progress.publication.swap_count == 0


def test_a_day_that_is_staged_again_is_told_of_by_that_alone() -> None:
    first, second = date(2026, 1, 8), date(2026, 1, 9)
    apart = DaysStaged((first, second), alone={first: "2026-01-08 differs."})
    again = DaysStaged((first, second), alone={second: ""})
    failed, passed = same_alone([apart], [first, second]), same_alone([apart, again], [first, second])
    assert failed is not None
    assert not failed.passed
    assert failed.days == (first,)
    assert passed is not None
    assert passed.passed
    assert same_alone([DaysStaged((first,))], [first]) is None
