"""Chains: corrections of tables that read each other, opened together. In which order they go, and who waits for whom.

A table is staged from what the tables before it were validated with, all are approved together and cut over in order,
reports are rebuilt after the last one, and the way back goes in reverse.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step

SWAPS = frozenset({Step.CUT_OVER, Step.ROLL_BACK})


@dataclass(frozen=True, slots=True)
class WaitForChain:
    """The correction ``behind``, of the same chain, moves first."""

    behind: str
    sentence: str


def others_in_chain(progress: Progress, known: Mapping[str, Progress]) -> tuple[Progress, ...]:
    """The other corrections of the chain, in its order; none where the correction stands alone."""
    names = (member.correction for member in progress.plan.chain)
    return tuple(known[name] for name in names if name in known and name != progress.plan.correction)


def has_passed(progress: Progress) -> bool:
    """Whether what is staged was validated, and passed or was let through by name."""
    gate = progress.gate
    overridden = gate.approval is not None and gate.approval.override and gate.approval.certificate == gate.certificate
    is_current = bool(gate.certificate) and not progress.missing
    return Step.CUT_OVER in progress.done or (is_current and (Step.VALIDATE in progress.done or overridden))


def is_mixed(progress: Progress, others: Collection[Progress]) -> bool:
    """Whether some tables of the chain hold what it brought and others do not yet, or any more.

    A swap that is written down may have happened already.
    """
    chain = [progress, *others]
    if len(chain) > 1 and any(one.publication.planned in SWAPS for one in chain):
        return True
    return any(map(_is_live, chain)) and any(map(_is_pending, chain))


def mixed_told(progress: Progress, others: Collection[Progress]) -> str:
    """Which tables hold what the chain brought, and which do not yet."""
    by_id = {one.plan.correction: one.plan.table for one in (progress, *others)}
    tables = [by_id[member.correction] for member in progress.plan.chain if member.correction in by_id]
    return f"The tables {', '.join(tables)} may disagree until correction {progress.plan.lead} has swapped all of them."


def wait_before(steps: Collection[Step], progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What a correction waits for in its chain before it takes these steps; ``approve`` is asking a person for it."""
    if unknown := _unknown(progress, others):
        return unknown
    if progress.publication.planned is not None:
        return _wait_for_roll_back(progress, others) if Step.ROLL_BACK in steps else None
    if not {Step.STAGE, Step.VALIDATE}.isdisjoint(steps):
        return _wait_for_validation(progress, others)
    if Step.CUT_OVER in steps:
        return wait_for_cut_over(progress, others)
    if Step.REBUILD_DOWNSTREAM in steps:
        return _wait_for_rebuild(progress, others)
    return _wait_for_approval(progress, others) if Step.APPROVE in steps else None


def _wait_for_validation(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What staging waits for: the validation of every table before this one."""
    for other in _before(progress, others):
        if not has_passed(other):
            return _wait(progress, other, f"the validation of {other.plan.table}, which it reads")
    return None


def _wait_for_approval(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What the question for approval waits for: everybody looks at all tables at once."""
    for other in others:
        if not other.gate.certificate or (other.missing and Step.CUT_OVER not in other.done):
            return _wait(progress, other, f"the validation of {other.plan.table}, to be approved with it")
    return None


def wait_for_cut_over(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What a cut over waits for: that all are approved, and that those before are cut over and still so."""
    if unknown := _unknown(progress, others):
        return unknown
    for other in others:
        if Step.CUT_OVER not in other.done and not _is_ready(other):
            return _wait(progress, other, f"{other.plan.table} to be validated and approved as well")
    for other in _before(progress, others):
        if Step.CUT_OVER not in other.done or other.publication.planned is not None or other.publication.moved:
            return _wait(progress, other, f"the cut over of {other.plan.table}, which it reads")
    return None


def _wait_for_roll_back(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What a roll back waits for: those after it go first."""
    for other in reversed(_after(progress, others)):
        if other.publication.planned is Step.ROLL_BACK:
            return _wait(progress, other, f"the roll back of {other.plan.table}, which reads it")
    return None


def _wait_for_rebuild(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """What the rebuild of reports waits for: that no table is to be swapped any more, and reports of those after it."""
    pending = [other for other in others if _is_pending(other)]
    if is_mixed(progress, others) and pending:
        return WaitForChain(pending[0].plan.correction, mixed_told(progress, others))
    for other in reversed(_after(progress, others)):
        is_owed = other.is_closed or other.publication.swap_count > 0
        if is_owed and Step.REBUILD_DOWNSTREAM not in other.done:
            return _wait(progress, other, f"the reports of {other.plan.table} to be rebuilt")
    return None


def latest_deadline(progress: Progress, others: Collection[Progress]) -> datetime:
    """Until when some table of the chain may still go back."""
    chain = [progress, *(other for other in others if not other.is_closed)]
    return max(one.plan.roll_back_deadline(one.publication.swapped_at or one.plan.opened_at) for one in chain)


def _is_live(progress: Progress) -> bool:
    return Step.CUT_OVER in progress.done or bool(progress.publication.swapped)


def _is_pending(progress: Progress) -> bool:
    """Whether a swap of it is written down or still to come, as far as is decided."""
    if progress.publication.planned in SWAPS:
        return True
    is_to_come = progress.publication.swap_count == 0 or progress.is_approved
    return not progress.is_closed and Step.CUT_OVER not in progress.done and is_to_come


def _is_ready(progress: Progress) -> bool:
    return has_passed(progress) and progress.is_approved and Step.FREEZE_REPORTS in progress.done


def _before(progress: Progress, others: Collection[Progress]) -> list[Progress]:
    return [other for other in others if _place(other) < _place(progress)]


def _after(progress: Progress, others: Collection[Progress]) -> list[Progress]:
    return [other for other in others if _place(other) > _place(progress)]


def _place(progress: Progress) -> int:
    return [member.correction for member in progress.plan.chain].index(progress.plan.correction)


def _wait(progress: Progress, other: Progress, what: str) -> WaitForChain:
    return WaitForChain(other.plan.correction, f"Correction {progress.plan.correction} waits for {what}.")


def _unknown(progress: Progress, others: Collection[Progress]) -> WaitForChain | None:
    """Nothing is decided on a part of a chain."""
    known = {progress.plan.correction, *(other.plan.correction for other in others)}
    lacking = [member for member in progress.plan.chain if member.correction not in known]
    if not lacking:
        return None
    name = lacking[0].correction
    return WaitForChain(
        name, f"Correction {progress.plan.correction} waits for {name}, of which nothing is known here."
    )
