"""A process that stops just before the commit of its swap, and wakes up when others have settled it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from deltalake import DeltaTable

from backfill_assets.core.next_step import Finished, Stuck, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import NothingToRollBack, RetirementPremature, StillLive
from backfill_assets.errors.swaps import SwapNumberBurnt
from backfill_assets.runbook import abandon, approve, cut_over, decommission, roll_back
from backfill_assets.storage import table as table_module
from backfill_assets.storage.swap_numbers import app_id
from tests.faults import KilledError
from tests.runbook.world import World, copy_of, day, planted_at, world_at
from tests.soak.forking import forking, is_over, is_stopped

Meanwhile = Callable[[World, str], None]


@contextmanager
def just_before_its_swap(world: World, meanwhile: Callable[[], None]) -> Iterator[None]:
    """Let something happen once, between the decision on the next swap of live and its commit."""
    real = table_module.attempt

    def attempt(snapshot, change):
        if "backfill_assets/swap" in change.metadata:
            table_module.attempt = real
            meanwhile()
        return real(snapshot, change)

    table_module.attempt = attempt
    try:
        yield
    finally:
        table_module.attempt = real


def killed() -> None:
    raise KilledError


def taken(world: World, step: Step, correction: str, by: str = "ada") -> None:
    if step is Step.CUT_OVER:
        cut_over(world.step_context(by), correction)
    else:
        roll_back(world.step_context(by), correction, all_days=True)


# ---- who settles the swap while it is stalled, and what live holds when the process wakes up


def refused_by_another(world: World, correction: str, step: Step) -> None:
    """Nightly writes a day of it, and another process refuses the swap for that."""
    world.publish_live({day(7): 77})
    with pytest.raises(Refused):
        taken(world, step, correction, "grace")


def the_old_file_is_back(world: World, before: int) -> None:
    DeltaTable(world.live.uri).restore(before)


def live_has_moved_on(world: World, before: int) -> None:
    """The day keeps what nightly wrote."""


def another_day_landed_since(world: World, before: int) -> None:
    DeltaTable(world.live.uri).restore(before)
    world.publish_live({day(11): 11})


WAKES = [the_old_file_is_back, live_has_moved_on, another_day_landed_since]


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A correction that waits for its cut over."""
    world = world_at(tmp_path_factory.mktemp("approved") / "lake")
    correction = world.open(4, 10).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    return world, correction


@pytest.fixture(scope="module")
def live(approved: tuple[World, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """The same, cut over and told."""
    world, correction = approved
    world = copy_of(world, tmp_path_factory.mktemp("live") / "lake")
    world.drive(correction)
    return world, correction


@pytest.mark.parametrize("wakes", WAKES)
@pytest.mark.parametrize("step", [Step.CUT_OVER, Step.ROLL_BACK])
def test_a_swap_that_another_process_settled_is_refused_when_its_own_wakes_up(
    approved: tuple[World, str],
    live: tuple[World, str],
    tmp_path: Path,
    step: Step,
    wakes: Callable[[World, int], None],
):
    world, correction = approved if step is Step.CUT_OVER else live
    world = copy_of(world, tmp_path / "lake")
    before = world.live.snapshot().commit
    found: list[dict] = []

    def meanwhile() -> None:
        refused_by_another(world, correction, step)
        wakes(world, before)
        found.append(world.content())

    with just_before_its_swap(world, meanwhile), pytest.raises(Refused) as refused:
        taken(world, step, correction)

    assert isinstance(refused.value, SwapNumberBurnt)
    assert world.content() == found[0]
    assert len(world.events(correction, step, Outcome.REFUSED)) == 1
    number = world.progress(correction).publication.swap_count + 1
    assert world.live.snapshot().transaction_version(app_id(correction, number)) == 2
    if step is Step.CUT_OVER:
        assert not world.swaps()
        abandon(world.step_context(), correction, "never mind")
        assert world.content() == found[0]
    elif wakes is not live_has_moved_on:
        # The burnt roll back is none, so the swap before it is what goes back.
        roll_back(world.step_context(), correction, all_days=True)
        assert {of: world.content()[of] for of in planted_at()} == planted_at()


def test_a_planned_cut_over_that_is_abandoned_does_not_happen_and_cannot_any_more(
    approved: tuple[World, str], tmp_path: Path
):
    world, correction = copy_of(approved[0], tmp_path / "lake"), approved[1]
    planted = world.content()

    def meanwhile() -> None:
        abandon(world.step_context("grace"), correction, "never mind")
        assert world.content() == planted

    with just_before_its_swap(world, meanwhile), pytest.raises(SwapNumberBurnt, match=correction):
        cut_over(world.step_context(), correction)

    assert world.content() == planted
    assert world.drive(correction) == Finished("abandoned")
    assert not world.events(correction, Step.CUT_OVER)


def test_a_planned_roll_back_happens_before_the_correction_is_abandoned(live: tuple[World, str], tmp_path: Path):
    """A person has decided on it, and the days would stay live without it."""
    world, correction = copy_of(live[0], tmp_path / "lake"), live[1]
    with just_before_its_swap(world, killed), pytest.raises(KilledError):
        roll_back(world.step_context(), correction, all_days=True)

    abandon(world.step_context(), correction, "never mind")

    assert world.content() == planted_at()


def test_a_refused_swap_may_be_taken_again_with_another_number(approved: tuple[World, str], tmp_path: Path):
    world, correction = copy_of(approved[0], tmp_path / "lake"), approved[1]
    with just_before_its_swap(world, killed), pytest.raises(KilledError):
        cut_over(world.step_context(), correction)
    refused_by_another(world, correction, Step.CUT_OVER)

    assert isinstance(world.drive(correction), WaitUntil | WaitForPerson)

    assert world.content() == world.right
    assert [swap["backfill_assets/swap"] for swap in world.swaps()] == ["2"]
    roll_back(world.step_context(), correction, all_days=True)
    assert world.content() == planted_at() | {day(7): 77}


# ---- lakes in which a number was refused before refused numbers were burnt


def unburnt(world: World, correction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut over refused and then committed after all, by software that wrote the counter and nothing else."""
    from backfill_assets.runbook import settling
    from backfill_assets.storage import swap

    before = world.live.snapshot().commit
    with monkeypatch.context() as of_before:
        of_before.setattr(settling, "burn", lambda *_: True)
        with just_before_its_swap(world, killed), pytest.raises(KilledError):
            cut_over(world.step_context(), correction)
        refused_by_another(world, correction, Step.CUT_OVER)
        the_old_file_is_back(world, before)
        of_before.setattr(swap, "numbers", lambda correction, number, _: ((app_id(correction), number),))
        swap.cut_over(world.live, world.records.ledger.manifests(correction)[correction][-1])
    assert world.content() == world.right


ASKED: list[Callable[[World, str], object]] = [
    lambda world, correction: abandon(world.step_context(), correction, "never mind"),
    lambda world, correction: decommission(world.step_context(), correction, now=True),
    lambda world, correction: world.drive(correction),
]


@pytest.mark.parametrize("ask", ASKED, ids=["abandon", "decommission", "drive"])
def test_a_swap_that_the_ledger_took_for_refused_is_found_in_the_table_before_anything_is_final(
    approved: tuple[World, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[World, str], object]
):
    world, correction = copy_of(approved[0], tmp_path / "lake"), approved[1]
    unburnt(world, correction, monkeypatch)

    with suppress(StillLive, RetirementPremature):
        ask(world, correction)

    assert world.progress(correction).publication.swapped == {day(n) for n in (6, 7, 8, 9)}
    assert not isinstance(next_step(world.step_context().progress(correction), world.now), Stuck)
    roll_back(world.step_context(), correction, all_days=True)
    assert world.content() == planted_at()


# ---- ledgers that have lost their newest entries


LOST: dict[str, tuple[Callable[[World, str], object], int]] = {
    "the swap and its plan": (lambda world, correction: cut_over(world.step_context(), correction), 0),
    "the swap": (lambda world, correction: cut_over(world.step_context(), correction), 1),
    "everything since": (lambda world, correction: world.drive(correction), 0),
}
"""What happened since the approval, and how many of the entries since then are left."""


@pytest.mark.parametrize(("act", "kept"), LOST.values(), ids=LOST)
def test_a_swap_that_the_ledger_has_lost_is_taken_over_from_the_table(
    approved: tuple[World, str], tmp_path: Path, act: Callable[[World, str], object], kept: int
):
    world, correction = copy_of(approved[0], tmp_path / "whole"), approved[1]
    newest = DeltaTable(world.records.lake.control_uri("ledger")).version() + kept
    act(world, correction)
    world = copy_of(world, tmp_path / "lost")
    for entry in (world.root / "_control/ledger/_delta_log").glob("*.json"):
        if int(entry.stem) > newest:
            entry.unlink()

    with pytest.raises(StillLive):
        abandon(world.step_context(), correction, "as if nothing had happened")

    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right
    assert len(world.swaps()) == len(world.events(correction, Step.CUT_OVER)) == 1
    roll_back(world.step_context(), correction, all_days=True)
    assert world.content() == planted_at()


@pytest.mark.slow
def test_a_real_process_that_stops_before_its_commit_is_refused_when_it_wakes_up(
    approved: tuple[World, str], tmp_path: Path
):
    """Another one refuses its swap meanwhile, and takes the next: what went back is what that one had swapped."""
    correction = approved[1]
    worlds = {wakes: copy_of(approved[0], tmp_path / wakes.__name__) for wakes in (WAKES[0], live_has_moved_on)}
    with forking("tests.soak.turns") as forker:
        for wakes, world in worlds.items():
            out, before = world.root.with_suffix(".out"), world.live.snapshot().commit
            pid = forker.start("tests.soak.turns:stop_before_swap", out, root=str(world.root), correction=correction)
            while not is_stopped(pid):
                assert not is_over(pid), out.read_text()
                time.sleep(0.02)
            refused_by_another(world, correction, Step.CUT_OVER)
            wakes(world, before)
            found = world.content()

            os.kill(pid, signal.SIGCONT)

            assert forker.ends([pid], 60) == {pid: 0}
            assert out.read_text().startswith(f"{SwapNumberBurnt.__name__} "), out.read_text()
            assert (world.content(), world.swaps()) == (found, [])

    world = worlds[live_has_moved_on]
    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right
    roll_back(world.step_context(), correction, all_days=True)
    assert world.content() == found
    with pytest.raises(NothingToRollBack):
        roll_back(world.step_context(), correction, all_days=True)
