"""Where a correction stands, as a value: what is done, staged, let through, live, owed and under way."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from backfill_assets.core.budget import Budget
from backfill_assets.core.in_flight import InFlight
from backfill_assets.core.plan import Plan
from backfill_assets.core.steps import Ending, NoticeKind, Step
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.errors.failure import each_once_told

Partition = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let the correction through, over which certificate, and whether validation had failed."""

    by: str
    note: str
    certificate: str
    override: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """What was set since the request: how many waves at once, who has paused the staging and why, and the budget."""

    at_once: int | None = None
    paused_by: str = ""
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What staging has cost: core-seconds, and how many days were computed for them, those that failed among them."""

    core_seconds: float = 0.0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Took:
    """How long waves took that were measured: seconds on the wall, for so many days, in so many waves."""

    seconds: float = 0.0
    days: int = 0
    waves: int = 0


@dataclass(frozen=True, slots=True)
class Staging:
    """The days in the staged version; those that moved since they were validated; tries and reasons of failed ones.

    ``readable_from`` says from when each source with a limited rate may be read again after what was staged or failed.
    ``extended`` says that the window grew to what is published, so that nightly waits with what comes after it.
    """

    staged: frozenset[date] = frozenset()
    drifted: frozenset[date] = frozenset()
    tries: Mapping[date, int] = field(default_factory=dict[date, int])
    reasons: Mapping[date, str] = field(default_factory=dict[date, str])
    readable_from: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    extended: bool = False
    pace: Pace = field(default_factory=Pace)
    spent: Spent = field(default_factory=Spent)
    took: Took = field(default_factory=Took)

    @property
    def has_come_back(self) -> bool:
        """Whether a day is staged or has failed, the canary's first where there is one."""
        return bool(self.staged or self.tries)

    def reasons_of(self, days: Collection[date]) -> str:
        """The reasons of the failed days, each once, with the days that have it."""
        return each_once_told({day: self.reasons.get(day, "no reason recorded") for day in sorted(days)})


@dataclass(frozen=True, slots=True)
class Gate:
    """What the last validation found, and who has let it through.

    ``seconded`` is the second approval, by another name, that changes of ``closed_months`` need.
    """

    certificate: str = ""
    passed: bool = False
    changed: frozenset[date] = frozenset()
    approval: Approval | None = None
    seconded: Approval | None = None
    closed_months: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Publication:
    """What is live of the correction, and how it ended.

    ``swapped`` are the days it has live now. ``swap_count`` counts the swaps and roll backs that the ledger knows to
    have happened, ``planned`` is one written down but not yet known to have happened. No fact tells of the days that
    live does not hold as the correction left them (``moved``), and of those that cannot be rolled back because files of
    what they held before are gone (``gone``): whoever asks the table adds them.
    """

    swapped: frozenset[date] = frozenset()
    swap_count: int = 0
    planned: Step | None = None
    swapped_at: datetime | None = None
    moved: frozenset[date] = frozenset()
    gone: frozenset[date] = frozenset()
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Downstream:
    """What readers are owed.

    Report partitions (report, key): ``reached`` by the last swaps and roll backs, ``rebuilt`` since, ``refused`` while
    frozen. ``awaited_holders`` have to read the changed days again.
    """

    reached: frozenset[Partition] = frozenset()
    rebuilt: frozenset[Partition] = frozenset()
    refused: frozenset[Partition] = frozenset()
    frozen: frozenset[str] = frozenset()
    owes_notice: NoticeKind | None = None
    awaited_holders: frozenset[str] = frozenset()

    @property
    def owed(self) -> frozenset[Partition]:
        """Report partitions still to build: reached by a swap or roll back, or refused while frozen."""
        return (self.reached | self.refused) - self.rebuilt


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a correction stands. Made by ``fold``, never changed; ``sequence`` is that of its newest fact."""

    plan: Plan
    sequence: int = 0
    done: frozenset[Step] = frozenset()
    failures: Mapping[Step, str] = field(default_factory=dict[Step, str])
    staging: Staging = field(default_factory=Staging)
    gate: Gate = field(default_factory=Gate)
    publication: Publication = field(default_factory=Publication)
    downstream: Downstream = field(default_factory=Downstream)
    runs: InFlight = field(default_factory=InFlight)

    @property
    def thawing(self) -> tuple[Step, ...]:
        """The rebuild, and the word about it where anybody is owed one."""
        return (Step.REBUILD_DOWNSTREAM, *((Step.COMMUNICATE,) if self.downstream.owes_notice else ()))

    @property
    def budget(self) -> Budget | None:
        """What staging may cost: what was set last, or what its request says."""
        return self.staging.pace.budget or self.plan.request.budget

    @property
    def cost_of_day(self) -> float:
        """Core-seconds that one more day is expected to cost: the mean so far, before that what the plan expects."""
        spent, plan = self.staging.spent, self.plan
        return spent.core_seconds / spent.days if spent.days else plan.cost.core_seconds / max(1, len(plan.days))

    @property
    def affords_next(self) -> bool:
        """Whether its own budget pays for the next wave of what is missing, however its chain stands."""
        if self.budget is None:
            return True
        wave = min(len(self.missing), self.plan.request.waves.usual_days)
        left = self.budget.core_seconds(self.plan.cost.core_hour) - self.staging.spent.core_seconds
        return self.cost_of_day * wave <= left

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.publication.ending is not None

    @property
    def was_announced(self) -> bool:
        """Whether anybody was to hear of it: of a request at once, of a launch when it is validated or frozen for."""
        return not self.plan.request.is_launch or bool(self.gate.certificate) or Step.FREEZE_REPORTS in self.done

    @property
    def accepts_stagings(self) -> bool:
        """Whether a launch inside the window still joins it: until its first cut over is written down."""
        live = self.publication
        return not self.is_closed and live.swap_count == 0 and live.planned is None and Step.CUT_OVER not in self.done

    @property
    def missing(self) -> frozenset[date]:
        """Days of the plan that are not staged."""
        return frozenset(self.plan.days) - self.staging.staged

    @property
    def taken_back(self) -> frozenset[date]:
        """Days that the correction changes and that are rolled back, while others of it are live."""
        swapped = self.publication.swapped
        return self.gate.changed - swapped if swapped and Step.CUT_OVER not in self.done else frozenset()

    @property
    def lost(self) -> str:
        """That files of what days held before are gone, in sentences; empty where every day can be rolled back."""
        gone = self.publication.gone
        if not gone:
            return ""
        days = days_listed(gone, len(self.publication.swapped), self.plan.window.grain.value)
        return (
            f"{days} cannot be rolled back, because files of what {verb(len(gone), 'it', 'they')} held before are "
            f"gone. What is wrong with {verb(len(gone), 'it', 'them')} takes a new correction."
        )

    @property
    def claimed(self) -> frozenset[date]:
        """Days that nightly leaves to this correction: all until its cut over, and again once all are rolled back."""
        if self.is_closed or self.publication.swapped or Step.CUT_OVER in self.done:
            return frozenset()
        return frozenset(self.plan.days)

    def claims_of(self, days: Collection[date]) -> frozenset[date]:
        """Those of some days that it claims; where state is carried also later ones, which it will stage."""
        claimed, last = self.claimed, self.plan.window.last
        grows = bool(claimed) and self.plan.carries_state
        return frozenset(day for day in days if day in claimed or (grows and day > last))

    @property
    def claims_later(self) -> bool:
        """Whether nightly leaves every later day to it too: from the last extension of its window to its swap.

        Not while a person has to look: nightly waits for a swap that is about to come, and for no other.
        """
        tried_out = max(self.staging.tries.values(), default=0) >= self.plan.request.waves.attempts
        let_through = self.gate.approval is not None or self.plan.request.approval == "automatic"
        held = self.staging.pace.paused_by or not self.affords_next
        goes_on = not self.failures and not tried_out and not held
        return self.staging.extended and bool(self.claimed) and let_through and goes_on

    @property
    def is_approved(self) -> bool:
        """Whether the gate is open for the certificate as it stands."""
        gate = self.gate
        if gate.closed_months and gate.seconded is None:
            return False
        if gate.approval is None:
            return self.may_pass_by_itself and self.publication.swap_count == 0
        return gate.passed or (gate.approval.override and gate.approval.certificate == gate.certificate)

    @property
    def may_pass_by_itself(self) -> bool:
        """Whether the met expectation is approval enough: it was declared, asked to be, and is met."""
        expectation = self.plan.request.expectation
        return self.gate.passed and self.plan.request.approval == "automatic" and not expectation.is_empty

    @property
    def question(self) -> str:
        """What a person is asked about it."""
        correction = self.plan.correction
        if self.publication.swap_count:
            return f"Correction {correction} is rolled back. Approve it to cut over again, or abandon it."
        if self.gate.approval is not None and self.gate.closed_months:
            months = ", ".join(sorted(self.gate.closed_months))
            return f"Correction {correction} changes closed months ({months}) and waits for a second name's approval."
        return f"Correction {correction} is validated and waits for approval."
