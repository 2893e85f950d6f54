"""Frozen reports: refused, remembered, and never lost between two corrections."""

from pathlib import Path

import pytest

from backfill_assets.core.events import fact_of
from backfill_assets.core.next_step import RebuildReports, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import ReportFrozen
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.reports.freeze import Freezer
from tests.runbook.world import REPORT, World, world_at


def freezer(world: World, run_tags: dict[str, str] | None = None) -> Freezer:
    return Freezer(world.records, run_tags or {}, world.now)


def frozen_by(world: World, first: int, last: int) -> str:
    correction = world.open(first, last).correction
    world.step_context().record(correction, fact_of(Step.FREEZE_REPORTS, Outcome.DONE, {"reports": [REPORT]}))
    return correction


def test_a_frozen_report_is_refused_and_what_was_refused_is_owed(tmp_path: Path):
    world = world_at(tmp_path)
    correction = frozen_by(world, 4, 6)

    with pytest.raises(ReportFrozen, match=correction):
        freezer(world).refuse(REPORT, ["2026-01-11"])

    assert world.progress(correction).downstream.owed == {(REPORT, "2026-01-11")}


def test_the_same_refusal_is_written_down_once(tmp_path: Path):
    world = world_at(tmp_path)
    correction = frozen_by(world, 4, 6)
    for _ in range(3):
        with pytest.raises(ReportFrozen):
            freezer(world).refuse(REPORT, ["2026-01-11"])

    assert len(world.events(correction, Step.FREEZE_REPORTS, Outcome.REFUSED)) == 1


def test_a_partition_refused_again_after_it_was_built_is_owed_again(tmp_path: Path):
    world = world_at(tmp_path)
    correction = frozen_by(world, 4, 6)
    for _ in range(2):
        with pytest.raises(ReportFrozen):
            freezer(world).refuse(REPORT, ["2026-01-11"])
        assert world.progress(correction).downstream.owed == {(REPORT, "2026-01-11")}
        world.build_reports(correction, {REPORT: ["2026-01-11"]})


def test_the_correction_that_holds_a_report_may_build_it_and_another_may_not(tmp_path: Path):
    world = world_at(tmp_path)
    first, second = frozen_by(world, 4, 5), frozen_by(world, 7, 8)
    world.step_context().record(second, fact_of(Step.ABANDON, Outcome.DONE, {"note": ""}))
    freezer(world, {tags.REBUILD_FOR: first}).refuse(REPORT, ["2026-01-04"])

    with pytest.raises(ReportFrozen):
        freezer(world, {tags.REBUILD_FOR: second}).refuse(REPORT, ["2026-01-07"])


def test_a_report_held_by_two_is_let_go_with_the_last(tmp_path: Path):
    world = world_at(tmp_path)
    first, second = frozen_by(world, 4, 5), frozen_by(world, 7, 8)

    world.step_context().record(first, fact_of(Step.ABANDON, Outcome.DONE, {"note": ""}))
    with pytest.raises(ReportFrozen, match=second):
        freezer(world).refuse(REPORT, ["2026-01-11"])
    world.step_context().record(second, fact_of(Step.ABANDON, Outcome.DONE, {"note": ""}))

    freezer(world).refuse(REPORT, ["2026-01-11"])
    assert isinstance(next_step(world.progress(second), world.now), RebuildReports)


def test_another_report_is_free(tmp_path: Path):
    world = world_at(tmp_path)
    frozen_by(world, 4, 5)

    freezer(world).refuse("another", ["2026-01-04"])
