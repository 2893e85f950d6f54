"""Taking a correction forward: what is next becomes work items, and a launcher runs them or requests their runs.

Sensor, command line and tests share this one loop; they differ in their launcher, which decides nothing.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Protocol, assert_never

from backfill_assets.core.chain import WaitForChain
from backfill_assets.core.next_step import (
    Finished,
    NextStep,
    RebuildReports,
    StageWaves,
    Stuck,
    TakeSteps,
    WaitForPerson,
    WaitForRate,
    WaitForRuns,
    WaitUntil,
    next_step,
)
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step, WorkItem


class Launcher(Protocol):
    """Where the work items of a correction run."""

    def progress(self, correction: str) -> Progress:
        """Where the correction stands, once the ends of its runs are written down."""
        ...

    def now(self) -> datetime:
        """The time, UTC."""
        ...

    def busy(self, progress: Progress, /) -> Collection[date]:
        """Days that somebody else is staging for the correction."""
        ...

    def others(self, progress: Progress, /) -> Collection[Progress]:
        """Other corrections that read a source whose rate the correction keeps."""
        ...

    def nightly(self) -> WaitForNightly | None:
        """The nightly that may miss its deadline, if there is one."""
        ...

    def chain(self, progress: Progress, /) -> Collection[Progress]:
        """The other corrections of its chain; asked of none that stands alone."""
        ...

    def wait(self, until: datetime, /) -> bool:
        """Wait where that can be done without holding anybody up; whether it is over, so that the loop goes on."""
        ...

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        """Run work items, or request their runs; whether they are over, so that the loop goes on."""
        ...


def work_of(decided: NextStep, progress: Progress, leaves: Collection[Step] = ()) -> tuple[WorkItem, ...]:
    """The work items of a next step; none where it is a wait or an end.

    ``leaves`` are steps that somebody else begins; one that is begun is brought to its end all the same.
    """
    match decided:
        case TakeSteps(steps=steps) if progress.publication.planned is None and not set(steps).isdisjoint(leaves):
            return ()
        case TakeSteps(steps=steps):
            return (WorkItem(steps=steps),)
        case StageWaves(waves=waves, at_once=at_once):
            return tuple(WorkItem(wave=wave) for wave in waves[:at_once])
        case RebuildReports():
            return (WorkItem(steps=progress.thawing),)
        case WaitForRuns() | WaitForRate() | WaitForNightly() | WaitForChain() | WaitForPerson() | WaitUntil():
            return ()
        case Paused() | BudgetSpent() | Stuck() | Finished():
            return ()
        case _:
            assert_never(decided)


def advance(
    launcher: Launcher,
    correction: str,
    *,
    leaves: Collection[Step] = (),
    announce: Callable[[NextStep], None] = lambda _decided: None,
) -> NextStep:
    """Take a correction as far as it goes now; returns what it waits for, or what was requested last.

    Every round folds the ledger again, so that nothing is kept between two steps. ``announce`` hears of every next
    step before it is taken.
    """
    while True:
        progress = launcher.progress(correction)
        chain = launcher.chain(progress) if progress.plan.chain else ()
        decided = next_step(progress, launcher.now(), chain=chain)
        if isinstance(decided, StageWaves):
            around = (launcher.busy(progress), launcher.others(progress), chain, launcher.nightly())
            decided = next_step(progress, launcher.now(), *around)
        announce(decided)
        if isinstance(decided, WaitForRate | WaitForNightly) and launcher.wait(decided.until):
            continue
        items = work_of(decided, progress, leaves)
        if not items or not launcher.launch(progress, items):
            return decided
