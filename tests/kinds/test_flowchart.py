"""The flowchart that opens the runbook is the one in code: each step once, in its lane, and the arrows between."""

import re
from itertools import pairwise
from pathlib import Path

from backfill_assets.core.next_step import RebuildReports, TakeSteps, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.steps import LANES, NINE_STEPS, Step
from tests.core.test_next_step import DAYS, LIVE, OPENED, REBUILT, folded, swap_of

RUNBOOK = (Path(__file__).parents[2] / "docs/runbook.md").read_text()
(CHART,) = re.findall(r"```mermaid\n(.*?)```", RUNBOOK, re.DOTALL)
LANES_DRAWN = dict(re.findall(r"subgraph (\w+).*?\n(.*?)\n    end", CHART, re.DOTALL))
NODE = re.compile(r'^ {8}(\w+)[\[{]+"(?:(\d) · )?(\w+)', re.MULTILINE)
FORWARD = re.findall(r"^    (\w+) --> (\w+)$", CHART, re.MULTILINE)
BACK = re.findall(r'^    (\w+) -\.(?: "[^"]*" \.)?-?> (\w+)$', CHART, re.MULTILINE)


def test_it_opens_the_runbook() -> None:
    assert RUNBOOK.index("```mermaid") < 20
    assert len(FORWARD) + len(BACK) == CHART.count("->")


def test_every_step_is_drawn_once_in_its_lane_and_by_its_number() -> None:
    drawn = [(lane, *node) for lane, inside in LANES_DRAWN.items() for node in NODE.findall(inside)]

    assert all(name == label for _, name, _, label in drawn)
    numbered = {name: (lane, number) for lane, name, number, _ in drawn if number}
    assert numbered == {str(step): (str(LANES[step]), str(place)) for place, step in enumerate(NINE_STEPS, 1)}
    assert sorted(name for _, name, number, _ in drawn if not number) == [Step.APPROVE, Step.ROLL_BACK]
    assert len(drawn) == len(NINE_STEPS) + 2


def test_the_arrows_forward_are_the_order_with_the_gate_before_the_cut_over() -> None:
    gate = NINE_STEPS.index(Step.CUT_OVER)

    assert [*pairwise([*NINE_STEPS[:gate], Step.APPROVE, *NINE_STEPS[gate:]])] == FORWARD


def test_the_arrows_of_the_way_back_are_those_that_a_roll_back_takes() -> None:
    live = folded((*LIVE, *REBUILT))
    back = (*LIVE, *REBUILT, swap_of(Step.ROLL_BACK, 2))
    served = (*back, *REBUILT)

    assert isinstance(next_step(live, OPENED), WaitUntil)
    assert live.publication.swapped == frozenset(DAYS)
    first, then = next_step(folded(back), OPENED), next_step(folded(served), OPENED)
    assert isinstance(first, RebuildReports) or (
        isinstance(first, TakeSteps) and Step.REBUILD_DOWNSTREAM in first.steps
    )
    assert isinstance(then, WaitForPerson)
    assert set(BACK) == {
        (Step.CUT_OVER, Step.ROLL_BACK),
        (Step.ROLL_BACK, Step.REBUILD_DOWNSTREAM),
        (Step.ROLL_BACK, Step.APPROVE),
    }
