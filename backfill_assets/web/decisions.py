"""The decisions that the console offers on a correction: to whom, what each would change, and how it is taken."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.orchestration.correction.manual_jobs import TRY_AGAIN
from backfill_assets.web import consequences
from backfill_assets.web.case import Case
from backfill_assets.web.forms import Form


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the table that takes a decision, by its step, and its config as a form fills it in."""

    step: str
    config: Callable[[Form], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Something a person decides about a correction.

    ``deed`` is what is done, as it stands before "correction", and ``job`` what does it; None where no job does.
    ``is_offered`` says whether it can be taken now, ``consequences`` what it would change as the form is filled in, in
    sentences, and ``basis`` what has to be as it was when the form was shown: a second press of the button, or a form
    that is no longer true, is refused.
    """

    name: str
    label: str
    deed: str
    job: Job | None
    needs_note: bool
    is_offered: Callable[[Case], bool]
    consequences: Callable[[Case, Form], Iterator[str]]
    basis: Callable[[Progress], object]
    choices: Callable[[Progress], Sequence[date] | Sequence[str]] = lambda _progress: ()

    @property
    def goes_on(self) -> bool:
        """Whether it lets a correction that waits for somebody continue, and neither ends it nor takes it back."""
        return self.name not in {"roll-back", "abandon"}

    def called(self, case: Case) -> str:
        """What its button says: once a part went back, it is that part that would be approved again."""
        return f"{self.label} what went back" if case.is_live and self.name == "approve" else self.label

    def rests_on(self, case: Case) -> list[object]:
        """What has to be as it was, of every table that is decided on together."""
        return [self.basis(one.progress) for one in case.members]


def offered(case: Case) -> list[Decision]:
    """What can be decided about a correction as it stands."""
    return [decision for decision in DECISIONS if decision.is_offered(case)]


def named(name: str) -> Decision | None:
    """The decision of a name; None when there is none."""
    return next((decision for decision in DECISIONS if decision.name == name), None)


def _of_the_gate(progress: Progress) -> object:
    gate = progress.gate
    return (gate.certificate, gate.approval, gate.seconded, sorted(gate.closed_months), progress.publication.swap_count)


def _signed(form: Form) -> dict[str, object]:
    return {"by": form.by, "note": form.note}


def _roll_back_of(form: Form) -> dict[str, object]:
    return {**_signed(form), "days": list(form.chosen), "all_days": form.is_all}


DECISIONS = (
    Decision(
        "approve",
        "Approve",
        "approve",
        Job(Step.APPROVE, lambda form: {**_signed(form), "override": False}),
        needs_note=False,
        is_offered=lambda case: case.leads and case.is_validated and case.has_passed,
        consequences=consequences.of_approval,
        basis=_of_the_gate,
    ),
    Decision(
        "override",
        "Approve although checks failed",
        "override the checks of",
        Job(Step.APPROVE, lambda form: {**_signed(form), "override": True}),
        needs_note=True,
        is_offered=lambda case: case.leads and case.is_validated and not case.has_passed,
        consequences=consequences.of_override,
        basis=_of_the_gate,
    ),
    Decision(
        "try-again",
        "Try again",
        "try again",
        Job(TRY_AGAIN, lambda form: {"by": form.by}),
        needs_note=False,
        is_offered=lambda case: bool(case.progress.failures) and not case.progress.is_closed,
        consequences=consequences.of_trying_again,
        basis=lambda progress: sorted(progress.failures.items()),
    ),
    Decision(
        "roll-back",
        "Roll back",
        "roll back",
        Job(Step.ROLL_BACK, _roll_back_of),
        needs_note=True,
        is_offered=lambda case: bool(case.progress.publication.swapped) and not case.progress.is_closed,
        consequences=consequences.of_roll_back,
        basis=lambda progress: (progress.publication.swap_count, progress.publication.planned),
        choices=lambda progress: sorted(progress.publication.swapped),
    ),
    Decision(
        "abandon",
        "Abandon",
        "abandon",
        Job(Step.ABANDON, _signed),
        needs_note=True,
        is_offered=lambda case: case.leads and not case.progress.is_closed and not case.is_live,
        consequences=consequences.of_abandoning,
        basis=lambda progress: (progress.publication.ending, progress.publication.swap_count),
    ),
    Decision(
        "waive",
        "Stop waiting for a reader",
        "stop waiting for a reader of",
        None,
        needs_note=True,
        is_offered=lambda case: bool(case.progress.downstream.awaited_holders) and not case.progress.is_closed,
        consequences=consequences.of_waiving,
        basis=lambda progress: sorted(progress.downstream.awaited_holders),
        choices=lambda progress: sorted(progress.downstream.awaited_holders),
    ),
)
