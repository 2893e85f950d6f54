"""Kill rounds: many processes work on one lake at once, some are killed or stopped, and it is carried on to its end.

A round is drawn from its seed: who takes part, who is killed or stopped, after how much of the processor, and who
wakes up only when everything is over. What the scheduler does with that is not, so a round is tried again, not played.
"""

import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backfill_assets.core.next_step import Finished, NextStep, Stuck, WaitForPerson, WaitUntil
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook import approve, decommission, freeze_reports, reset_watermarks, roll_back, verify_source
from tests.runbook.world import World, planted_at, right_at
from tests.soak.forking import Forker, forking, is_over, ticks
from tests.soak.held import found_in
from tests.soak.tally import Asked, Tally, Tell
from tests.soak.turmoil import BACK, COUNT, OVER, PUBLISHED, WIDE, WINDOWS, publish, rows_of, world_of

STAGERS = tuple(f"stager {number}" for number in range(WINDOWS[WIDE][0], WINDOWS[WIDE][1] + 1))
ALWAYS = (*STAGERS, "nightly", "compactor", "appender 1", "cutter 1", "roll-back", "reader")
SOMETIMES = {"cutter 2": 0.5, "appender 2": 0.3, "nightly 2": 0.3, "abandoner": 0.2}
# The last of them is the one that works longest, by far.
LONGEST_TICKS = 30
HANGS_AFTER = 180


@dataclass(frozen=True)
class Blow:
    """A process is killed, or stopped, once it has had so much of the processor; some go on only at the end."""

    role: str
    ticks: int
    pause: float
    kills: bool
    stopped_for: float = 0.0
    is_late: bool = False


@dataclass(frozen=True)
class Drawn:
    """What a round is to be."""

    roles: tuple[str, ...]
    blows: tuple[Blow, ...]
    approves: bool
    retires: bool


def drawn(seed: int) -> Drawn:
    draw = random.Random(seed)
    roles = [*ALWAYS, *(role for role, chance in SOMETIMES.items() if draw.random() < chance)]
    draw.shuffle(roles)
    weights = [1.0 if role.startswith("stager") else 3.0 for role in roles]
    hit = dict.fromkeys(draw.choices(roles, weights, k=draw.randint(4, 9)))
    blows = tuple(
        Blow(
            role,
            draw.randint(0, LONGEST_TICKS if not role.startswith("stager") else LONGEST_TICKS // 3),
            draw.uniform(0, 0.02),
            draw.random() < 0.5,
            draw.uniform(0.05, 0.6),
            draw.random() < 0.5,
        )
        for role in hit
    )
    return Drawn(tuple(roles), blows, draw.random() < 0.5, draw.random() < 0.5)


def run(asked: Asked, tell: Tell) -> Tally:
    """So many rounds, each with a seed of its own, drawn from the one that is asked for; Ctrl-C ends after fewer."""
    number, seeds, tried = asked.number or 0, random.Random(asked.seed), list[Round]()
    started = time.process_time()
    with rounds() as round_of, suppress(KeyboardInterrupt):
        for count in range(1, number + 1):
            tried.append(one := round_of(seeds.getrandbits(32)))
            cpu = (time.process_time() - started + round_of.forker.cpu_seconds()) / count
            tell(f"round {count} of {number}, seed {one.seed}: {one.told}, {cpu:.1f} CPU-s a round so far")
            if one.violations:
                tell(f"what is left of it is in {one.folder}")
    landed = [blow for one in tried for blow in one.landed]
    tell(f"{landed.count('killed')} processes killed, {landed.count('stopped')} stopped, in {len(tried)} rounds")
    found = [f"{what} (round seed {one.seed}, left in {one.folder})" for one in tried for what in one.violations]
    return Tally(len(tried), None, tuple(found))


@dataclass
class Round:
    """A round as it went: where it is, what was done to whom, what each said, and what did not hold."""

    world: World
    seed: int
    drawn: Drawn
    pids: dict[str, int] = field(default_factory=dict[str, int])
    asleep: set[str] = field(default_factory=set[str])
    landed: list[str] = field(default_factory=list[str])
    ends: list[str] = field(default_factory=list[str])
    replaced: set[str] = field(default_factory=set[str])
    violations: list[str] = field(default_factory=list[str])

    @property
    def folder(self) -> Path:
        return self.world.root.parent

    @property
    def told(self) -> str:
        """The round in a line."""
        hit = ", ".join(self.landed) or "nobody was hit"
        return f"{hit}; {', '.join(self.ends)}; {len(self.violations)} violations"

    @property
    def said(self) -> list[dict[str, Any]]:
        """What the processes said that they had done; a line that was cut short is none."""
        told = self.folder / "said"
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


@dataclass
class Rounds:
    """Rounds on copies of one lake."""

    folder: Path
    forker: Forker

    def __call__(self, seed: int) -> Round:
        folder = self.folder / f"round-{seed}"
        shutil.copytree(self.folder / "begin", folder / "lake")
        one = Round(world_of(folder / "lake"), seed, drawn(seed))
        with told_as_violations(one):
            self._turmoil(one, seed)
            one.violations += [line["why"] for line in one.said if line["did"] == "violation"]
            self._carried_on(one)
            if one.asleep:
                self._woken(one)
                self._carried_on(one)
            if one.drawn.retires:
                retired(one)
        for role, pid in one.pids.items():
            if not is_over(pid):
                one.violations.append(f"{role} had not ended after {HANGS_AFTER} seconds")
                os.kill(pid, signal.SIGKILL)
        self.forker.ends([*one.pids.values()], 30)
        if not one.violations:
            shutil.rmtree(folder)
        return one

    def _turmoil(self, one: Round, seed: int) -> None:
        for number, role in enumerate(one.drawn.roles):
            told = {"role": role, "root": str(one.world.root), "said": str(one.folder / "said"), "seed": seed + number}
            one.pids[role] = self.forker.start("tests.soak.turmoil:work", one.folder / f"{role}.out", **told)
        waiting, again = [*one.drawn.blows], dict[str, float]()
        deadline = time.monotonic() + HANGS_AFTER
        while time.monotonic() < deadline and (waiting or again or not self._is_over(one)):
            for blow in [*waiting]:
                if is_over(one.pids[blow.role]):
                    waiting.remove(blow)
                elif ticks(one.pids[blow.role]) >= blow.ticks:
                    waiting.remove(blow)
                    struck(one, blow, again)
            for role, at in [*again.items()]:
                if time.monotonic() >= at:
                    os.kill(one.pids[role], signal.SIGCONT)
                    del again[role]
            time.sleep(0.005 if waiting else 0.05)

    def _is_over(self, one: Round) -> bool:
        return all(is_over(pid) for role, pid in one.pids.items() if role not in one.asleep)

    def _carried_on(self, one: Round) -> None:
        self._judge_ends(one)
        carry_on(one)
        one.violations += found_in(one.world, one.said, one.replaced)

    def _woken(self, one: Round) -> None:
        """Those that were stopped go on when all the others have long been through."""
        for role in one.asleep:
            os.kill(one.pids[role], signal.SIGCONT)
        deadline = time.monotonic() + HANGS_AFTER
        while not all(is_over(pid) for pid in one.pids.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        one.asleep.clear()

    def _judge_ends(self, one: Round) -> None:
        """A process ends, is killed, or says in our words why not; anything else is printed."""
        for role in one.pids.keys() - one.asleep:
            told = one.folder / f"{role}.out"
            if told.exists() and (text := told.read_text().strip()):
                one.violations.append(f"{role} failed with {text.splitlines()[-1]}, see {told}")
                told.rename(told.with_suffix(".seen"))


def struck(one: Round, blow: Blow, again: dict[str, float]) -> None:
    time.sleep(blow.pause)
    pid = one.pids[blow.role]
    if is_over(pid):
        return
    os.kill(pid, signal.SIGKILL if blow.kills else signal.SIGSTOP)
    one.landed.append("killed" if blow.kills else "stopped")
    if not blow.kills and blow.is_late:
        one.asleep.add(blow.role)
    elif not blow.kills:
        again[blow.role] = time.monotonic() + blow.stopped_for


@contextmanager
def told_as_violations(one: Round) -> Iterator[None]:
    """What fails in the clean process is a violation as well: it was to carry everything on."""
    try:
        yield
    except (BackfillAssetsError, AssertionError, OSError) as error:
        one.violations.append(f"carrying on failed with {type(error).__name__}: {error}")


@contextmanager
def rounds() -> Iterator[Rounds]:
    """Rounds, on a lake that is made once: one correction is live, one is approved, one is about to be staged.

    What a round leaves in which something did not hold stays where it is, to be looked at.
    """
    folder = Path(tempfile.mkdtemp(prefix="kill-rounds-"))
    with forking("tests.soak.turmoil") as forker:
        begin(world_of(folder / "begin"))
        yield Rounds(folder, forker)
    shutil.rmtree(folder / "begin")
    with suppress(OSError):
        folder.rmdir()


def begin(world: World) -> None:
    world.land(right_at(COUNT))
    world.publish_live(planted_at(COUNT))
    for correction, (first, last) in WINDOWS.items():
        world.open(first, last, correction)
    world.through(BACK)
    world.drive(OVER)
    approve(world.step_context(), OVER, "looked")
    for step in (freeze_reports, verify_source, reset_watermarks):
        step(world.step_context(), WIDE)


def carry_on(one: Round) -> None:
    """What a person and the driver do afterwards: take up whatever stopped, and ask again for what was asked for."""
    world, one.ends = one.world, []
    rows = rows_of(world)
    for of, revenue in PUBLISHED.items():
        if rows.get((of, "main")) != revenue:
            publish(world, of)
    ends = {OVER: through(world, OVER, approves=True), WIDE: through(world, WIDE, approves=one.drawn.approves)}
    if world.progress(BACK).publication.swapped:
        with suppress(BackfillAssetsError):  # in clear words; that it is as it was is looked at
            roll_back(world.step_context(), BACK, all_days=True)
    ends[BACK] = world.drive(BACK)
    one.ends = [f"{correction} {_told(end)}" for correction, end in ends.items()]
    for correction, end in ends.items():
        if not isinstance(end, WaitUntil | WaitForPerson | Stuck | Finished):
            one.violations.append(f"{correction} came to no rest but {end}")


def through(world: World, correction: str, *, approves: bool) -> NextStep:
    end = world.drive(correction)
    for _ in range(3):
        if not (approves and isinstance(end, WaitForPerson)):
            break
        approve(world.step_context(), correction, "looked again")
        end = world.drive(correction)
    return end


def _told(end: NextStep) -> str:
    return f"stuck at {end.step}" if isinstance(end, Stuck) else type(end).__name__


def retired(one: Round) -> None:
    """What may be deleted is, and neither live nor the way back of any other correction needs it."""
    world = one.world
    with suppress(BackfillAssetsError):
        decommission(world.step_context("grace"), OVER, now=True)
        one.ends.append(f"{OVER} {world.progress(OVER).publication.ending}")
    one.violations += found_in(one.world, one.said, one.replaced)
