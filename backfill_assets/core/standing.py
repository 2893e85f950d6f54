"""Where a correction stands, as a value: what is done, staged, live, owed and awaited."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from backfill_assets.core.asked import Asked
from backfill_assets.core.plan import Plan
from backfill_assets.core.steps import Step

UNCHANGED = "closed unchanged"
"""How a correction ends whose validation found every day equal to the one in live."""


@dataclass(frozen=True, slots=True)
class Approved:
    """Who let the correction through, over which certificate, and whether validation had failed."""

    by: str
    note: str
    certificate: str
    override: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a correction stands. Made by ``progress.fold``, never changed.

    ``swapped`` are the days this correction has live now; ``version`` counts its swaps and roll backs that the
    ledger knows to have happened, ``planned`` is one written down but not yet known to have happened. Report
    partitions (report, key): ``reached`` by the last swaps and roll backs, ``rebuilt`` since, ``refused`` while frozen.
    ``seconded`` is the second approval, by another name, that changes of ``closed_months`` need. ``moved`` are days
    that live does not hold as the correction left them; no event tells of them, whoever asks the table adds them.
    """

    plan: Plan
    sequence: int = 0
    done: frozenset[Step] = frozenset()
    failures: Mapping[Step, str] = field(default_factory=dict[Step, str])
    staged: frozenset[date] = frozenset()
    drifted: frozenset[date] = frozenset()
    tries: Mapping[date, int] = field(default_factory=dict[date, int])
    reasons: Mapping[date, str] = field(default_factory=dict[date, str])
    certificate: str = ""
    passed: bool = False
    changed: frozenset[date] = frozenset()
    approval: Approved | None = None
    seconded: Approved | None = None
    closed_months: frozenset[str] = frozenset()
    swapped: frozenset[date] = frozenset()
    version: int = 0
    planned: Step | None = None
    swapped_at: datetime | None = None
    reached: frozenset[tuple[str, str]] = frozenset()
    rebuilt: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()
    owes_notice: str = ""
    frozen: frozenset[str] = frozenset()
    awaited_holders: frozenset[str] = frozenset()
    moved: frozenset[date] = frozenset()
    ending: str = ""
    asked: Asked = field(default_factory=Asked)

    @property
    def is_closed(self) -> bool:
        """Whether it was decommissioned or abandoned, or found nothing to change."""
        return bool(self.ending)

    @property
    def was_announced(self) -> bool:
        """Whether anybody was to hear of it: of a request at once, of a launch when it is validated or frozen for."""
        return not self.plan.request.is_launch or bool(self.certificate) or Step.FREEZE_REPORTS in self.done

    @property
    def accepts_stagings(self) -> bool:
        """Whether a launch inside the window still joins it: until its first cut over is written down."""
        return not self.is_closed and self.version == 0 and self.planned is None and Step.CUT_OVER not in self.done

    @property
    def owed(self) -> frozenset[tuple[str, str]]:
        """Report partitions still to build: reached by a swap or roll back, or refused while frozen."""
        return (self.reached | self.refused) - self.rebuilt

    @property
    def missing(self) -> frozenset[date]:
        """Days of the plan that are not staged."""
        return frozenset(self.plan.days) - self.staged

    @property
    def taken_back(self) -> frozenset[date]:
        """Days that the correction changes and that are rolled back, while others of it are live."""
        return self.changed - self.swapped if self.swapped and Step.CUT_OVER not in self.done else frozenset()

    @property
    def claimed(self) -> frozenset[date]:
        """Days that nightly leaves to this correction: all until its cut over, and again once all are rolled back."""
        if self.is_closed or self.swapped or Step.CUT_OVER in self.done:
            return frozenset()
        return frozenset(self.plan.days)

    @property
    def is_approved(self) -> bool:
        """Whether the gate is open for the certificate as it stands."""
        if self.closed_months and self.seconded is None:
            return False
        if self.approval is None:
            return self.may_pass_by_itself and self.version == 0
        return self.passed or (self.approval.override and self.approval.certificate == self.certificate)

    @property
    def may_pass_by_itself(self) -> bool:
        """Whether the met expectation is approval enough: it was declared, asked to be, and is met."""
        expectation = self.plan.request.expectation
        return self.passed and self.plan.request.approval == "automatic" and not expectation.is_empty
