"""Lakes that an earlier version left in the middle of a step are carried on to the right end.

``fixtures/lakes.tar.xz`` holds small lakes as ``world_at`` makes them. The version that wrote facts as untyped details
corrected, rolled back or decommissioned each, and was killed before one of its writes, a different one in each lake.
``lakes.json`` says when that was and what the ledger had heard last. Never make them anew: they are what is out there.
"""

import json
import tarfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from backfill_assets.core.next_step import Finished, NextStep, WaitForPerson, WaitUntil
from backfill_assets.core.steps import NINE_STEPS, Ending, NoticeKind, Outcome, Step
from tests.runbook.killing import corrected, decommissioned, rolled_back
from tests.runbook.world import World, planted_at, right_at

FIXTURES = Path(__file__).parent.parent / "fixtures"
LAKES: list[dict[str, Any]] = json.loads((FIXTURES / "lakes.json").read_text())
STORIES = {"correct": corrected, "roll_back": rolled_back, "decommission": decommissioned}
# What an earlier process was doing when it was killed, by the last that the ledger had heard of it.
UNDER_WAY = {
    "open_correction/done": Step.FREEZE_REPORTS,
    "freeze_reports/done": Step.VERIFY_SOURCE,
    "verify_source/done": Step.RESET_WATERMARKS,
    "reset_watermarks/done": Step.STAGE,
    "stage/progressed": Step.STAGE,
    "stage/done": Step.VALIDATE,
    "approve/done": Step.CUT_OVER,
    "cut_over/planned": Step.CUT_OVER,
    "cut_over/done": Step.REBUILD_DOWNSTREAM,
    "rebuild_downstream/progressed": Step.REBUILD_DOWNSTREAM,
    "rebuild_downstream/done": Step.COMMUNICATE,
    "decommission/started": Step.DECOMMISSION,
    "roll_back/planned": Step.ROLL_BACK,
}


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lakes")
    with tarfile.open(FIXTURES / "lakes.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_every_step_was_left_in_the_middle_and_so_was_the_way_back():
    last = {told for lake in LAKES for told in lake["last"].values()}

    assert {UNDER_WAY[told] for told in last & UNDER_WAY.keys()} == {*NINE_STEPS, Step.ROLL_BACK}


@pytest.mark.slow
@pytest.mark.parametrize("lake", LAKES, ids=lambda lake: lake["name"])
def test_a_lake_left_anywhere_is_carried_on_to_the_right_end(lake: dict[str, Any], lakes: Path):
    story, _, _ = lake["name"].partition("-")
    world = World(lakes / lake["name"], right_at(), datetime.fromisoformat(lake["now"]))

    correction = STORIES[story](world)
    ended = world.drive(correction)

    told = Counter(notice.event for notice in world.told)
    assert set(told.values()) <= {1}
    assert world.progress(correction).downstream.owed == frozenset()
    assert len(world.events(correction, Step.CUT_OVER)) == 1
    END_OF[story](world, correction, ended, told)


def _corrected(world: World, correction: str, ended: NextStep, told: Counter[str]) -> None:
    assert isinstance(ended, WaitUntil)
    assert world.content() == world.right
    assert len(world.swaps()) == 1
    assert told[NoticeKind.PUBLISHED] == 1
    built = [fact.partitions for fact in (event.fact for event in world.events(correction, *BUILT))]
    assert {f"2026-01-0{n}" for n in (6, 7, 8, 9)} <= {key for keys in built for key in keys}


def _rolled_back(world: World, correction: str, ended: NextStep, told: Counter[str]) -> None:
    assert isinstance(ended, WaitForPerson)
    assert world.content() == planted_at()
    assert len(world.swaps()) == 2
    assert len(world.events(correction, Step.ROLL_BACK)) == 1
    assert told[NoticeKind.ROLLED_BACK] == 1


def _decommissioned(world: World, correction: str, ended: NextStep, told: Counter[str]) -> None:
    assert ended == Finished(Ending.DECOMMISSIONED)
    assert world.content() == world.right
    assert len(world.swaps()) == 1
    assert len(world.events(correction, Step.DECOMMISSION)) == 1
    assert told[NoticeKind.DECOMMISSIONED] == 1


BUILT = (Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED)
END_OF = {"correct": _corrected, "roll_back": _rolled_back, "decommission": _decommissioned}
