"""A correction to decide about, with those that are decided on together with it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.runbook.standing import Standing

Reach = Callable[[Standing, Collection[date]], Mapping[str, Collection[str]]]


@dataclass(frozen=True, slots=True)
class Case:
    """A correction to decide about, and ``members``, all corrections of its chain in order, or itself alone.

    ``reach`` tells the report partitions that days of one of them reach, by report.
    """

    standing: Standing
    members: tuple[Standing, ...]
    reach: Reach

    @property
    def progress(self) -> Progress:
        """Where the correction stands."""
        return self.standing.progress

    @property
    def waiting(self) -> list[Standing]:
        """The members that wait for an approval."""
        return [one for one in self.members if _waits_for_approval(one.progress)]

    @property
    def leads(self) -> bool:
        """Whether it is decided on by this correction, and not by another of its chain."""
        return not self.progress.plan.is_follower

    @property
    def is_validated(self) -> bool:
        """Whether everything that waits has been compared, so that a person can look at it."""
        return bool(self.waiting) and all(one.progress.gate.certificate for one in self.waiting)

    @property
    def has_passed(self) -> bool:
        """Whether every check of everything that waits passed."""
        return all(one.progress.gate.passed for one in self.waiting)

    @property
    def is_live(self) -> bool:
        """Whether any table holds what was staged."""
        return any(one.progress.publication.swapped for one in self.members)


def _waits_for_approval(progress: Progress) -> bool:
    is_open = not progress.is_closed and Step.CUT_OVER not in progress.done
    return is_open and not progress.is_approved and progress.publication.planned is None
