"""Running many days together, and apart where together they fail for a reason that names none of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import BackfillAssetsError, Unforeseen, fault_told, in_one_line
from backfill_assets.errors.failure import Failure, failure_of
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
    except BackfillAssetsError as error:
        return RunResult("", success=False, faults=(error,))
    except FAULTS as error:
        return RunResult("", success=False, faults=(Unforeseen("The run", fault_told(error)),))


def is_unforeseen(ran: RunResult) -> bool:
    """Whether a run failed by an error that is none of ours."""
    return not ran.success and (ran.refusal is None or isinstance(ran.refusal, Unforeseen))


def why(ran: RunResult) -> Failure:
    """Why a run failed, as one failure."""
    if ran.success:
        return Failure("RunFailed", "the run succeeded and wrote nothing of the day")
    said = " ".join(ran.errors)
    if ran.refusal is None:
        return failure_of(Unforeseen("The run", in_one_line(said) or "Dagster gives no reason"), "The run")
    return replace(failure_of(ran.refusal, "The run"), message=said)
