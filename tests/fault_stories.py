"""What is done while storage fails: stories that may be told again, and how a lake has to stand after each of them."""

import os
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backfill_assets.core.advance import advance
from backfill_assets.core.next_step import Stuck, WaitForPerson, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Outcome, Step, WorkItem
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook import approve, roll_back
from backfill_assets.runbook.opening import try_again
from backfill_assets.storage.operations import Operation
from tests import fault_nightly
from tests.faults import Fault, KilledError, astray, faults_of, injected
from tests.runbook.world import TABLE, WithoutDagster, World, day, world_at


class OneCommand(WithoutDagster):
    """A command: it ends at the first step that is refused."""

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        self.patience -= 1
        assert self.patience >= 0, f"not at rest, next are {items}"
        for item in items:
            self.world.run(progress, item)
        return True


def driven(world: World) -> str:
    """Take the correction of a world as far as it goes, as a person does who has read why it stands still."""
    correction = next(iter(world.records.ledger.histories()))
    if isinstance(next_step(world.progress(correction), world.now), Stuck):
        try_again(world.step_context(), correction)
    world.at_rest = advance(OneCommand(world, 30), correction)
    return correction


def corrected(world: World) -> str:
    """Open, stage, approve, cut over and rebuild: what of it is not done yet."""
    if not world.records.ledger.histories():
        world.open(4, 9)
    correction = driven(world)
    if isinstance(world.at_rest, WaitForPerson):
        approve(world.step_context(), correction, "looked")
        driven(world)
    return correction


def rolled_back(world: World) -> str:
    """Everything back."""
    correction = next(iter(world.records.ledger.histories()))
    if not world.events(correction, Step.ROLL_BACK, Outcome.PLANNED):
        roll_back(world.step_context(), correction, all_days=True)
    return driven(world)


def landed_since(root: Path) -> World:
    corrected(world := world_at(root))
    world.publish_live({day(11): 11})
    return world


def out_of_window(root: Path) -> World:
    corrected(world := world_at(root))
    world.later(400)  # the deadline counts from the table's own log, which is written by the real clock
    return world


def linked_copy(world: World, root: Path) -> World:
    """The same world in another folder; the lake's files are never written again, so they are hard links."""
    shutil.copytree(world.root, root, copy_function=os.link)
    return moved(world, root)


def moved(world: World, root: Path) -> World:
    """What is known of a world beside its lake, for a lake in another folder."""
    return replace(world, root=root, surroundings=world.surroundings.copy(), built=[*world.built])


def standing(world: World) -> dict[str, Any]:
    """How a lake stands, whatever way led there: which numbers readers see, and what the ledger says of it."""
    (correction,) = world.records.ledger.histories()
    progress = world.progress(correction)
    done = [event for event in world.records.ledger.events(correction) if event.outcome is Outcome.DONE]
    holders = world.records.watermarks.holders(TABLE).values()
    return {
        "content": world.content(),
        "files a day": {str(of): len(files) for of, files in world.live.snapshot().files.items()},
        "swaps": [info["backfill_assets/step"] for info in world.swaps()],
        "done": sorted({event.step for event in done}),
        "once": {step: sum(event.step is step for event in done) for step in (Step.CUT_OVER, Step.ROLL_BACK)},
        "ending": progress.publication.ending,
        "swapped": progress.publication.swapped,
        "planned": progress.publication.planned,
        "owed": (progress.downstream.owed, progress.downstream.owes_notice, progress.downstream.awaited_holders),
        "next": type(world.at_rest),
        "holders": {holder.name: (holder.mark, holder.holds, holder.effective) for holder in holders},
        "told": sorted(notice.name for notice in world.told),
        "built": sorted(set(world.built)),
        "astray": astray(world.root),
    }


@dataclass(frozen=True)
class Story:
    """Something that is done to a prepared lake; told again it does what is left of it.

    ``moved`` gives the same story a lake in another folder, ``lake`` is where it lies, ``outside`` is what is known
    beside it. ``seen`` is what readers see a day; where it is ``whole`` they see all of the old or all of the new.
    """

    name: str
    prepared: Callable[[Path], Any]
    told: Callable[[Any], object]
    copied: Callable[[Any, Path], Any] = linked_copy
    seen: Callable[[Any], Mapping[Any, Any]] = World.content
    standing: Callable[[Any], Mapping[str, Any]] = standing
    whole: bool = True
    moved: Callable[[Any, Path], Any] = moved
    lake: Callable[[Any], Path] = lambda world: world.root
    outside: Callable[[Any], object] = lambda world: (len(world.told), len(world.built))
    stopped: Callable[[Any], None] = lambda _: None
    begun_again: Callable[[Any], None] = lambda _: None


STORIES = (
    Story("correction", world_at, corrected),
    Story("roll back", landed_since, rolled_back),
    Story("decommission", out_of_window, driven),
    Story(
        "nightly",
        fault_nightly.before_night,
        fault_nightly.told,
        fault_nightly.linked,
        fault_nightly.seen,
        fault_nightly.standing,
        whole=False,
        moved=fault_nightly.moved,
        lake=fault_nightly.lake_of,
        outside=lambda _: None,
        stopped=fault_nightly.stopped,
        begun_again=fault_nightly.begun_again,
    ),
)


@dataclass(frozen=True)
class Expected:
    """A story without a fault: what it is told of, what readers see before and after it, and every operation of it."""

    story: Story
    before: Any
    seen_before: Mapping[Any, Any]
    right: Mapping[str, Any]
    done: tuple[tuple[Operation, str], ...]

    @classmethod
    def of(cls, story: Story, folder: Path) -> "Expected":
        before = story.prepared(folder / "before")
        whole = story.copied(before, folder / "whole")
        with injected() as injector:
            story.told(whole)
        return cls(story, before, story.seen(before), story.standing(whole), tuple(injector.done))

    def differences(self, now: Mapping[str, Any]) -> list[str]:
        """How a lake stands otherwise than without a fault."""
        return [f"{name} is {now[name]!r} for {right!r}" for name, right in self.right.items() if now[name] != right]

    @property
    def points(self) -> list["Point"]:
        """Every operation of the story with every fault that it can have."""
        numbered = enumerate(self.done, start=1)
        return [Point(self, number, fault) for number, (what, _) in numbered for fault in faults_of(what)]


@dataclass(frozen=True)
class Point:
    """A fault at one operation of a story."""

    of: Expected
    number: int
    fault: Fault

    @property
    def operation(self) -> Operation:
        return self.of.done[self.number - 1][0]

    def __str__(self) -> str:
        operation, where = self.of.done[self.number - 1]
        below = where.partition("/whole/")[2]
        return f"{self.of.story.name}, operation {self.number} ({operation} of {below}) {self.fault}"

    def violations(self, folder: Path) -> list[str]:
        """What does not hold after the fault, and after the same was told again without one."""
        story = self.of.story
        world, found = story.copied(self.of.before, folder), []
        with injected(self.number, self.fault, lambda: story.stopped(world)) as injector:
            try:
                story.told(world)
            except (BackfillAssetsError, KilledError):
                pass
            except BaseException as error:  # noqa: BLE001 - whatever is no sentence is what is looked for
                found.append(f"a raw {error!r} at {raised_at(error)}")
        story.begun_again(world)
        if len(injector.done) < self.number:
            found.append(f"there were {len(injector.done)} operations only")
        if not self._may_be_seen(seen := story.seen(world)):
            found.append(f"readers saw {seen}")
        try:
            story.told(world)
            now = story.standing(world)
        except Exception as error:  # noqa: BLE001 - as above
            return [*found, f"told again, {error!r} at {raised_at(error)}"]
        finally:
            shutil.rmtree(folder)
        return found + self.of.differences(now)

    def _may_be_seen(self, seen: Mapping[Any, Any]) -> bool:
        """Whether readers see the old or the new, of all days together or of each by itself."""
        old, new = self.of.seen_before, self.of.right["content"]
        if self.of.story.whole:
            return seen in (old, new)
        return all(seen.get(day) in (old.get(day), new.get(day)) for day in {*seen, *old, *new})


def raised_at(error: BaseException) -> str:
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "backfill_assets" in one.filename]
    return ", ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames[-4:])
