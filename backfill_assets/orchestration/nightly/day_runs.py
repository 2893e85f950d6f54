"""Running many days together, and apart where together they fail for a reason that names none of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import Unforeseen, in_one_line
from backfill_assets.errors.correction import DaysFailed
from backfill_assets.orchestration.instance.runner import RunResult

MOST_TRIES = 40
T = TypeVar("T")


@dataclass
class Apart:
    """Runs of one nightly. ``tries`` are how often it may still try in halves, so that it ends when all is down."""

    tries: int = MOST_TRIES

    def failures(
        self, run: Callable[[Sequence[T]], RunResult], wanted: Sequence[T]
    ) -> Iterator[tuple[Sequence[T], RunResult]]:
        """Run what is wanted; of what fails, the smallest part that is known to, and how its run ended."""
        ran = guarded(lambda: run(wanted))
        if ran.success:
            return
        if not self.is_worth_halving(ran, len(wanted)):
            yield wanted, ran
            return
        middle = len(wanted) // 2
        yield from self.failures(run, wanted[:middle])
        yield from self.failures(run, wanted[middle:])

    def is_worth_halving(self, ran: RunResult, of: int) -> bool:
        """Whether the failure may be that of one alone; takes a try if so. A refusal is the same for each half."""
        if ran.success or of < 2 or self.tries < 1 or not is_unforeseen(ran):  # noqa: PLR2004 - one has no halves
            return False
        self.tries -= 1
        return True


def guarded(run: Callable[[], RunResult]) -> RunResult:
    """How a run ended, also one that broke before Dagster could say so."""
    try:
        return run()
    except FAULTS as error:
        return RunResult("", success=False, errors=(f"{type(error).__name__}: {error}",))


def is_unforeseen(ran: RunResult) -> bool:
    """Whether a run failed by an error that is none of ours."""
    return not ran.success and (ran.refusal is None or isinstance(ran.refusal, Unforeseen))


def why(ran: RunResult) -> str:
    """Why a run failed, beginning with the name of the error."""
    if ran.success:
        return "RunFailed the run succeeded and wrote nothing of the day"
    told = " ".join(ran.errors)
    if ran.refusal is None:
        return f"Unforeseen {Unforeseen('The run', in_one_line(told) or 'Dagster gives no reason')}"
    return told if isinstance(ran.refusal, DaysFailed) else f"{type(ran.refusal).__name__} {told}"


def named_error(reason: str) -> tuple[str, str]:
    """The name of the error that a reason begins with, and the rest."""
    name, _, message = reason.partition(" ")
    return name, message


def about(day: date, reason: str) -> str:
    """The part of a wave's reason that speaks of the day, or all of it."""
    parts = [part for part in reason.split(" [") if part.startswith(f"{day}]")]
    return parts[0].removeprefix(f"{day}] ") if parts else reason
