"""The code location composes, and nothing more; what it defines has the names that people look for."""

import re
from pathlib import Path

import dagster as dg
import pytest

from backfill_assets.core.board import BOARD
from backfill_assets.core.steps import NINE_STEPS, Step
from backfill_assets.orchestration.correction.steps import job_name, step_key
from backfill_assets.orchestration.driving.sensor import SECONDS, driver_name
from backfill_assets.revenue import definitions

pytestmark = pytest.mark.dagster

FACT = "fct_daily_revenue"
DEFS = definitions.defs


def test_it_composes_in_forty_lines():
    assert len(Path(definitions.__file__).read_text().splitlines()) <= 40


def test_it_is_what_dagster_accepts():
    dg.Definitions.validate_loadable(DEFS)


def test_the_fact_has_a_sibling_and_nine_steps():
    keys = DEFS.resolve_asset_graph().get_all_asset_keys()
    steps = {step_key(FACT, step) for step in (Step.OPEN, *NINE_STEPS)}
    assert {dg.AssetKey(FACT), dg.AssetKey(["backfill", FACT]), *steps} <= keys


def test_the_job_of_the_steps_has_a_row_a_step():
    job = DEFS.resolve_job_def(job_name(FACT))
    assert job.asset_layer.selected_asset_keys == {step_key(FACT, step) for step in BOARD}


def test_what_a_person_does_by_hand_is_a_job_of_that_name():
    for what in ("approve", "try_again", "roll_back", "abandon", "decommission"):
        assert DEFS.resolve_job_def(f"{FACT}__decide_{what}").partitions_def is not None


def test_the_driver_runs_by_default_and_looks_often():
    (driver,) = [sensor for sensor in DEFS.sensors or () if sensor.name == driver_name(FACT)]
    assert driver.default_status is dg.DefaultSensorStatus.RUNNING
    assert driver.minimum_interval_seconds == SECONDS <= 15


def test_every_sensor_schedule_and_job_is_named_after_its_table():
    made = [*(DEFS.sensors or ()), *(DEFS.schedules or ()), *(DEFS.jobs or ())]
    assert {one.name for one in made if not one.name.startswith((f"{FACT}__", "intraday_revenue__"))} == set()


@pytest.mark.parametrize("document", ["README.md", "docs/runbook.md", "docs/tomorrow-morning.md"])
def test_what_a_document_says_to_look_for_is_there(document: str):
    text = (Path(__file__).parent.parent / document).read_text()
    named = set(re.findall(rf"\b{FACT}__[a-z_]+[a-z]", text)) - {f"{FACT}__backfill"}
    named |= {f"{FACT}{rest}" for rest in re.findall(r"`(__[a-z_]+[a-z])`", text)}
    jobs = {job.name for job in DEFS.jobs or ()} | {sensor.name for sensor in DEFS.sensors or ()}
    assert named <= jobs | {key.path[0] for key in DEFS.resolve_asset_graph().get_all_asset_keys()}
