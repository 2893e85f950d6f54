"""Facts of step 5 and the gate behind it: what validation found, and who let it through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from backfill_assets.core.codec import NOT_STORED, stored_as
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import because, counted, verb

Sums = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of a validation, as the ledger keeps it."""

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Which days a validation compared with live, and which it could not.

    Live's rows of ``other_inputs`` were computed from other inputs, those of ``foreign`` days were written by somebody
    else, and the source of ``late`` days has moved since the opening.
    """

    changed: tuple[date, ...] = ()
    days_changed: int = 0
    days_unchanged: int = 0
    other_inputs: tuple[date, ...] = ()
    foreign: tuple[date, ...] = ()
    late: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """By how much a validation found the measures to move: old and new sum, in total, by month, on the largest day."""

    totals: Sums = field(default_factory=dict[str, Mapping[str, str]])
    largest_day: str | None = None
    largest: Sums = field(default_factory=dict[str, Mapping[str, str]])
    months: Mapping[str, Sums] = field(default_factory=dict[str, Sums])


@dataclass(frozen=True, slots=True)
class Validated:
    """Staged was compared with live and with the source; the certificate says of which files.

    It ``closes`` the correction when every day equals the one in live and none was ever swapped.
    """

    step: ClassVar[Step] = Step.VALIDATE
    passed: bool = field(metadata=NOT_STORED)
    certificate: str
    closed_months: tuple[str, ...] = ()
    compared: Compared = field(default_factory=Compared, metadata=stored_as(flat=True))
    measured: Measured = field(default_factory=Measured, metadata=stored_as(flat=True))
    checks: tuple[CheckResult, ...] = ()
    reason: str = ""
    closes: bool = field(default=False, metadata=stored_as(omit=True))

    @property
    def outcome(self) -> Outcome:
        """How the ledger keeps it: done, or failed when a check did not pass."""
        return Outcome.DONE if self.passed else Outcome.FAILED

    def summary(self, noun: str = "day") -> str:
        """One sentence; ``noun`` is what a slot of the table is."""
        if not self.passed:
            return self.reason
        if self.closes:
            return f"Validated. No {noun} has to change."
        changed, unchanged = self.compared.days_changed, self.compared.days_unchanged
        said = f"{counted(changed, noun)} {verb(changed, 'changes', 'change')}"
        return f"Validated. {said} and {unchanged:,} {verb(unchanged, 'does', 'do')} not."


@dataclass(frozen=True, slots=True)
class Approved:
    """A person let this certificate through, with ``override`` although checks failed."""

    step: ClassVar[Step] = Step.APPROVE
    outcome: ClassVar[Outcome] = Outcome.DONE
    certificate: str
    plan: str = ""
    note: str = ""
    override: bool = False
    closed_months: tuple[str, ...] = ()

    def summary(self) -> str:
        """One sentence."""
        return f"Approved{' although checks failed' if self.override else ''}{because(self.note)}."


@dataclass(frozen=True, slots=True)
class CutOverHeld:
    """The cut over waits, for a second name where months are closed."""

    step: ClassVar[Step] = Step.CUT_OVER
    outcome: ClassVar[Outcome] = Outcome.FAILED
    reason: str = ""
    closed_months: tuple[str, ...] = ()

    def summary(self) -> str:
        """One sentence."""
        return self.reason


@dataclass(frozen=True, slots=True)
class ValidationVoided:
    """What was validated is not what is there now, or its proof is lost: it is to be validated again."""

    step: ClassVar[Step] = Step.VALIDATE
    outcome: ClassVar[Outcome] = Outcome.REFUSED
    reason: str = ""

    def summary(self) -> str:
        """One sentence."""
        return self.reason
