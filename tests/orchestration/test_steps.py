"""What a person sees of each step, and what a step refuses."""

import dagster as dg
import pytest

from backfill_assets.core.plan import Request
from backfill_assets.core.steps import LANES, NINE_STEPS, Step
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.correction.opening import opening_key
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import by_hand, stage_by_hand
from tests.orchestration.worlds import WRONG

pytestmark = pytest.mark.dagster

FIRST, LAST = str(WRONG.first), str(WRONG.last)


def shown(daemon, step, correction):
    """The metadata of the newest materialization of a step."""
    event = daemon.instance.get_latest_materialization_event(step_key(FACT, step))
    assert event.dagster_event.partition == correction
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def take(daemon, step, correction):
    return Runner(defs, daemon.instance).run_partition([step_key(FACT, step)], correction)


def opening(daemon, **config):
    job = defs.resolve_implicit_global_asset_job_def()
    told = {"ops": {f"{FACT}__correction__open_correction": {"config": config}}}
    return Runner(defs, daemon.instance).execute(job, {"user": "ada"}, assets=[opening_key(FACT)], config=told)


def test_the_nine_steps_lie_in_two_lanes_of_one_group():
    graph = defs.resolve_asset_graph()
    steps = {step: graph.get(step_key(FACT, step)) for step in NINE_STEPS}
    assert {step: node.tags[tags.LANE] for step, node in steps.items()} == LANES
    assert {node.group_name for node in steps.values()} == {f"{FACT}__correction"}


def test_every_step_shows_what_it_did_in_numbers_of_the_ledger_and_the_table(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    by_hand(daemon, "approve", correction, by="Ada", note="looked")
    progress = daemon.go_on()
    validated = shown(daemon, Step.VALIDATE, correction)
    events = daemon.lake.records.ledger.events(correction)
    totals = next(event.detail["totals"] for event in reversed(events) if "totals" in event.detail)
    assert f"{float(totals['revenue_usd']['new']):,.4f}" in validated["totals"]
    assert validated["days_changed"] == len(progress.gate.changed)
    assert validated["checks_failed"] == 0
    assert "█" in validated["change_by_day"] or "▒" in validated["change_by_day"]
    assert shown(daemon, Step.CUT_OVER, correction)["days_swapped"] == len(progress.publication.swapped)
    rebuilt = shown(daemon, Step.REBUILD_DOWNSTREAM, correction)
    assert "executive_dashboard" in rebuilt["rebuilt_partitions"]
    notices = [value for name, value in shown(daemon, Step.COMMUNICATE, correction).items() if name.endswith("text")]
    assert any(f"{len(progress.publication.swapped)}" in text for text in notices)
    swapped = daemon.instance.get_materialized_partitions(dg.AssetKey(FACT))
    assert swapped == {str(day) for day in progress.publication.swapped}


def test_a_correction_is_opened_from_the_launchpad_and_its_partition_is_there(daemon):
    ran = opening(daemon, first=FIRST, last=LAST, reason="Wrong rates.", correction="mine", watchers=["finance"])
    assert ran.success, ran.errors
    assert daemon.instance.get_dynamic_partitions(partitions_name(FACT)) == ["mine"]
    request = daemon.progress("mine").plan.request
    assert isinstance(request, Request)
    assert (request.window, request.reason, request.watchers) == (WRONG, "Wrong rates.", ("finance",))


def test_a_bad_request_in_the_launchpad_is_refused_in_its_own_words(daemon):
    ran = opening(daemon, first=LAST, last=FIRST, reason="Wrong rates.")
    assert not ran.success
    assert FIRST in ran.errors[0]
    assert not daemon.lake.records.ledger.histories()


def test_a_step_of_an_abandoned_correction_does_nothing(daemon):
    opening(daemon, first=FIRST, last=LAST, reason="Wrong rates.", correction="mine")
    by_hand(daemon, "abandon", "mine", by="Ada", note="wrong analysis")
    before = len(daemon.lake.records.ledger.events("mine"))
    ran = take(daemon, Step.FREEZE_REPORTS, "mine")
    assert "is abandoned, so its step freeze_reports cannot be taken" in ran.errors[0]
    assert len(daemon.lake.records.ledger.events("mine")) == before


def test_a_cut_over_that_is_launched_by_hand_asks_ledger_and_certificate(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    commit = daemon.lake.records.snapshot(FACT).commit
    ran = take(daemon, Step.CUT_OVER, correction)
    assert "nobody has approved it" in ran.errors[0]
    assert daemon.lake.records.snapshot(FACT).commit == commit
