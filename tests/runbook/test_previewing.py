"""A preview of the planted fault on the real data: five days of ninety say what the correction does, net and gross."""

import time
from dataclasses import dataclass
from datetime import date
from statistics import mean, stdev

import pytest

from backfill_assets.core.drawing import Estimated, draw, estimate
from backfill_assets.core.effects import measured_effects
from backfill_assets.core.preview import Effect, Preview, Recomputed
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.scratch import WaveScratch
from backfill_assets.runbook.previewing import Asked, Drawing, drawing_of, preview
from tests.composed import DAILY_REVENUE
from tests.e2e.small_lake import SmallLake, planted_lake

pytestmark = pytest.mark.slow

WINDOW = Window(date(2011, 8, 1), date(2011, 10, 29))
AROUND = Window(date(2011, 7, 25), date(2011, 10, 31))
SEEDS, FEW = 200, 5
MEASURE = "revenue_usd"


@dataclass(frozen=True)
class Studied:
    """The whole truth about every day, and how days are drawn without knowing it."""

    whole: Preview
    drawing: Drawing

    def previewed(self, seed: int) -> Effect:
        """What a preview with this seed estimates of the revenue."""
        drawn = draw(self.drawing.sizes, FEW, str(seed))
        known = {one.slot: one for one in self.whole.drawn}
        found = [Recomputed(one, known[one.slot].compared, known[one.slot].gross) for one in drawn]
        known_before = (self.drawing.before, self.drawing.foreseen, self.drawing.volumes)
        return {one.name: one for one in measured_effects(drawn, found, *known_before)}[MEASURE]

    def evenly(self, seed: int, *, gross: bool) -> Estimated:
        """What five days drawn all alike estimate, without anything foreseen."""
        effects = {one.slot: one.gross_of(MEASURE) if gross else one.net_of(MEASURE) for one in self.whole.drawn}
        drawn = draw(dict.fromkeys(effects, 1), FEW, str(seed))
        return estimate(drawn, {one.slot: effects[one.slot] for one in drawn})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    return planted_lake(tmp_path_factory.mktemp("previewed"), WINDOW, AROUND)


@pytest.fixture(scope="module")
def studied(lake: SmallLake) -> Studied:
    ctx = lake.step_context()
    scratch = WaveScratch(DAILY_REVENUE.compute_spec, ctx.records, {})
    whole = preview(ctx, scratch, Asked(WINDOW.days, count=len(WINDOW)))
    return Studied(whole, drawing_of(ctx, scratch, WINDOW.days))


def test_all_days_computed_are_the_truth(studied: Studied, lake: SmallLake):
    assert studied.whole.is_whole
    assert len(studied.whole.changed) == 64
    effect = {one.name: one for one in studied.whole.effects}[MEASURE]
    assert (effect.net.half_width, effect.gross.half_width) == (0.0, 0.0)
    assert round(float(effect.net.total), 2) == -2008.81
    assert round(float(effect.gross.total), 2) == 18113.29


@pytest.mark.parametrize("which", ["net", "gross"])
def test_five_days_of_ninety_estimate_the_whole_correction(which: str, studied: Studied):
    truth = getattr({one.name: one for one in studied.whole.effects}[MEASURE], which).total
    found = [getattr(studied.previewed(seed), which) for seed in range(SEEDS)]
    even = [studied.evenly(seed, gross=which == "gross") for seed in range(SEEDS)]

    covered = sum(one.least <= truth <= one.most for one in found) / SEEDS
    width, even_width = (mean(one.half_width or 0.0 for one in of_all) for of_all in (found, even))

    assert 0.90 <= covered <= 0.99
    assert width <= even_width / 2
    error = [float(one.total - truth) for one in found]
    assert abs(mean(error)) < 3 * stdev(error) / SEEDS**0.5


def test_no_day_is_without_a_chance_and_large_effects_are_likelier(studied: Studied):
    sizes = studied.drawing.sizes
    of = {one.slot: abs(one.net_of(MEASURE)) for one in studied.whole.drawn}
    largest = sorted(of, key=lambda slot: -of[slot])[:10]
    assert min(sizes.values()) > 0.2 * sum(sizes.values()) / len(sizes)
    assert mean(sizes[slot] for slot in largest) > 2.5 * mean(sizes.values())


def test_what_did_not_change_is_estimated_to_be_nothing(studied: Studied):
    ones = {one.name: one for one in studied.whole.effects}
    assert ones["amount"].gross.is_nothing
    assert ones["transactions"].gross.is_nothing
    assert ones["rows"].net.is_nothing


def test_a_preview_takes_a_moment_and_carries_the_result_through_the_reports(studied: Studied, lake: SmallLake):
    ctx = lake.step_context()
    began = time.process_time()
    found = preview(ctx, WaveScratch(DAILY_REVENUE.compute_spec, ctx.records, {}), Asked(WINDOW.days, seed="1"))
    took = time.process_time() - began

    assert took < 5
    assert {one.report: one.partitions for one in found.reports} == {
        "executive_dashboard": 92,
        "finance_reconciliation_export": 90,
        "board_pack": 3,
    }
    pack = next(one for one in found.reports if one.report == "board_pack")
    true = {one.key: one.share for one in next(r for r in studied.whole.reports if r.report == "board_pack").largest}
    for one in pack.largest:
        assert one.half_width is not None
        assert abs(one.share - true[one.key]) <= one.half_width
