"""What the board in Dagster says of a correction, by Dagster's own count, is what the ledger and the table say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from backfill_assets.core.board import BOARD
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.steps import NINE_STEPS, Step
from backfill_assets.orchestration.correction.board import closed_key, retained_name, show_on_board
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook import abandon, approve, decommission, roll_back
from backfill_assets.testing.place import configured
from tests.e2e.small_lake import FACT
from tests.instances import instance_in
from tests.orchestration.daemon import by_hand, stage_by_hand
from tests.orchestration.webserver import Ask, asking
from tests.orchestration.worlds import WRONG
from tests.runbook.world import STEPS, TABLE, World, day, world_at

pytestmark = pytest.mark.dagster

Doing = Callable[[World, str], Any]
TOO_LITTLE = {"expectation": Expectation.from_request({"max_change_total": "0.1%"})}


def drive(world: World, name: str) -> None:
    world.drive(name)


def prepare(world: World, name: str) -> None:
    for step in (Step.FREEZE_REPORTS, Step.VERIFY_SOURCE):
        STEPS[step](world.step_context(), name)


def let(world: World, name: str) -> None:
    approve(world.step_context(), name, "looked")


def override(world: World, name: str) -> None:
    approve(world.step_context(), name, "It is what finance expects.", override=True)


def back(*numbers: int) -> Doing:
    days = [day(number) for number in numbers]
    return lambda world, name: roll_back(world.step_context(), name, days, "not agreed", all_days=not days)


def give_up(world: World, name: str) -> None:
    abandon(world.step_context(), name, "not needed")


def drop(world: World, name: str) -> None:
    decommission(world.step_context(), name, now=True)


PREPARED = "freeze_reports verify_source"
STAGED = f"{PREPARED} reset_watermarks stage"
VALIDATED = f"{STAGED} validate"
LIVE = f"{VALIDATED} approve cut_over rebuild_downstream communicate"
OVER = None
# Every end state there is, and those on the way: the days, what is done in order, and the rows that are green then.
STATES: dict[str, tuple[tuple[int, int], tuple[Doing, ...], str | None]] = {
    "just opened": ((6, 6), (), ""),
    "running": ((7, 7), (prepare,), PREPARED),
    "waiting for approval": ((8, 8), (drive,), VALIDATED),
    "approved": ((9, 9), (drive, let), f"{VALIDATED} approve"),
    "refused validation": ((11, 11), (drive,), STAGED),
    "refused and overridden": ((12, 12), (drive, override, drive), LIVE.replace("validate ", "")),
    "live": ((13, 14), (drive, let, drive), LIVE),
    "partly rolled back": ((16, 17), (drive, let, drive, back(16), drive), LIVE),
    "rolled back": ((18, 19), (drive, let, drive, back(18), back(), drive), VALIDATED),
    "rolled back and live again": ((21, 21), (drive, let, drive, back(), drive, let, drive), LIVE),
    "abandoned before its cut over": ((22, 22), (drive, give_up, drive), OVER),
    "abandoned after it": ((23, 23), (drive, let, drive, back(), drive, give_up, drive), OVER),
    "closed unchanged": ((25, 25), (drive,), OVER),
    "decommissioned": ((24, 24), (drive, let, drive, drop), OVER),
}
REFUSED = {"refused validation", "refused and overridden"}

STATUSES = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
  partitionStats { numPartitions numMaterialized numFailed } assetPartitionStatuses { ... on DefaultPartitionStatuses {
  materializedPartitions failedPartitions unmaterializedPartitions materializingPartitions } } } } }"""


@dataclass(frozen=True)
class Shown:
    """A row of the board as the webserver counts it."""

    green: frozenset[str]
    red: frozenset[str]
    missing: frozenset[str]
    count: int


def row(ask: Ask, key: dg.AssetKey) -> Shown:
    told = ask(STATUSES, k={"path": list(key.path)})
    of = {name: frozenset(names) for name, names in told["assetPartitionStatuses"].items()}
    stats = told["partitionStats"]
    assert not of["materializingPartitions"]
    assert (stats["numMaterialized"], stats["numFailed"]) == (
        len(of["materializedPartitions"]),
        len(of["failedPartitions"]),
    )
    return Shown(
        of["materializedPartitions"], of["failedPartitions"], of["unmaterializedPartitions"], stats["numPartitions"]
    )


def named(state: str) -> str:
    return state.replace(" ", "_")


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Any:
    """Every state in one lake, the board brought in line after each thing that is done; and what Dagster shows."""
    root = tmp_path_factory.mktemp("board")
    world = world_at(root / "lake", 26)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DAGSTER_HOME", str(root / "home"))
        instance = instance_in(configured(root / "home"))

        def show() -> None:
            show_on_board(instance, TABLE, world.records.ledger, world.now)

        for state, (window, doings, _) in STATES.items():
            world.open(*window, correction=named(state), **(TOO_LITTLE if state in REFUSED else {}))
            for do in doings:
                do(world, named(state))
                if do is drive:
                    show()
        show()
        with asking(instance, "tests.orchestration.others") as ask:
            yield {step: row(ask, step_key(TABLE, step)) for step in BOARD}, row(ask, closed_key(TABLE)), instance


@pytest.mark.parametrize("state", STATES)
def test_rows_are_green_for_what_is_done_and_holds(board, state):
    rows, closed, _ = board
    name, green = named(state), STATES[state][2]
    shown = " ".join(step for step, row in rows.items() if name in row.green)
    if green is OVER:
        assert name in closed.green
        assert not any(name in row.green | row.red | row.missing for row in rows.values())
    else:
        assert shown == green.strip()
        assert name not in closed.green | closed.missing


def test_nothing_that_is_over_counts_as_missing_or_failed(board):
    rows, closed, _ = board
    still_open = {named(state) for state, (*_, green) in STATES.items() if green is not OVER}
    assert {row.count for row in rows.values()} == {len(still_open)}
    assert not closed.missing | closed.red
    assert all(row.missing | row.green == still_open for row in rows.values())


def test_files_may_be_deleted_of_whatever_has_some(board):
    *_, instance = board
    assert set(instance.get_dynamic_partitions(retained_name(TABLE))) == {named(one) for one in STATES} - {
        "decommissioned"
    }


def test_what_was_taken_back_is_told_where_the_green_was(board):
    _, _, instance = board
    seen = instance.fetch_observations(step_key(TABLE, Step.CUT_OVER), limit=50).records
    (told,) = [one.asset_observation for one in seen if one.partition_key == named("rolled back")]
    assert told.description == "Rolled back 1 day (2026-01-19). By ada."


def test_the_gate_is_a_row_of_its_own_between_validation_and_cut_over():
    assert [step for step in BOARD if step in NINE_STEPS] == list(NINE_STEPS)
    assert BOARD[BOARD.index(Step.VALIDATE) + 1 : BOARD.index(Step.CUT_OVER)] == (Step.APPROVE,)


def test_a_correction_that_real_runs_take_through_and_back_leaves_no_green_and_then_no_column(daemon):
    def rows() -> Mapping[Step, Shown]:
        with asking(daemon.instance, "backfill_assets.revenue.definitions") as ask:
            return {step: row(ask, step_key(FACT, step)) for step in BOARD}

    assert stage_by_hand(daemon, str(WRONG.first), str(WRONG.days[1])).success
    correction = daemon.go_on().plan.correction
    assert not by_hand(daemon, "approve", correction, note="looked").success
    refused = rows()
    assert not any(shown.red for shown in refused.values())
    assert correction in refused[Step.APPROVE].missing
    early = Runner(defs, daemon.instance).run_partition([step_key(FACT, Step.APPROVE)], correction)
    assert "A launch of this row only looks, and changed nothing." in early.errors[0]
    assert rows()[Step.APPROVE].red == {correction}
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    daemon.go_on()
    assert [step for step, shown in rows().items() if not shown.green] == [Step.DECOMMISSION]
    assert by_hand(daemon, "roll_back", correction, by="Bob", note="not agreed", all_days=True).success
    daemon.go_on()
    daemon.tick()
    assert [step for step, shown in rows().items() if shown.green] == list(BOARD[: BOARD.index(Step.APPROVE)])
    assert by_hand(daemon, "abandon", correction, by="Bob", note="not needed").success
    daemon.go_on()
    assert {shown.count for shown in rows().values()} == {0}
