"""What a board of corrections may show: which rows of a correction hold, which do not any more, and whether it is over.

A row is a step, or the gate between validation and cut over. Pure, as the next step is; where the rows are kept is
somebody else's concern.
"""

from datetime import datetime

from backfill_assets.core.next_step import Finished, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import NINE_STEPS, Step

_GATE = NINE_STEPS.index(Step.VALIDATE) + 1
BOARD: tuple[Step, ...] = (*NINE_STEPS[:_GATE], Step.APPROVE, *NINE_STEPS[_GATE:])
PUBLIC = frozenset(BOARD[_GATE:])
"""The rows of what readers see: they hold for as long as something of the correction is live."""


def holding(progress: Progress) -> frozenset[Step]:
    """The rows that are done and still so. Of what was partly rolled back the rest is live, so its rows hold."""
    is_live = bool(progress.publication.swapped)
    public = {Step.CUT_OVER} if is_live else set[Step]()
    if is_live or (progress.gate.certificate and progress.is_approved):
        public.add(Step.APPROVE)
    if is_live and Step.REBUILD_DOWNSTREAM in progress.done:
        public.add(Step.REBUILD_DOWNSTREAM)
    if is_live and Step.COMMUNICATE in progress.done and not progress.downstream.owes_notice:
        public.add(Step.COMMUNICATE)
    return (progress.done & frozenset(BOARD)) - PUBLIC | public


def undone(progress: Progress) -> frozenset[Step]:
    """The rows that may not show as done: nothing of the correction is live, or nobody has approved it any more.

    While something is live, or a swap may or may not have happened, what is not done is about to be.
    """
    if progress.publication.swapped or progress.publication.planned is not None:
        return frozenset()
    return PUBLIC - holding(progress)


def is_over(progress: Progress, now: datetime) -> bool:
    """Whether it is closed and owes nothing."""
    return progress.is_closed and isinstance(next_step(progress, now), Finished)
