"""The decisions that the console offers on a correction: to whom, what each would change, and how it is taken."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from backfill_assets.core.events import last_of
from backfill_assets.core.facts import Validated
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import counted, listed, verb
from backfill_assets.orchestration.correction.manual_jobs import TRY_AGAIN
from backfill_assets.pages.formats import amount_moved
from backfill_assets.runbook.standing import Standing
from backfill_assets.web.forms import Form


@dataclass(frozen=True, slots=True)
class Case:
    """A correction to decide about, and ``members``, all corrections of its chain in order, or itself alone."""

    standing: Standing
    members: tuple[Standing, ...]

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


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the table that takes a decision, by its step, and its config as a form fills it in."""

    step: str
    config: Callable[[Form], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Something a person decides about a correction.

    ``deed`` is what is done, as it stands before "correction", and ``job`` what does it; None where no job does.
    ``is_offered`` says whether it can be taken now, ``consequences`` what it would change, in sentences, and ``basis``
    what has to be as it was when the form was shown: a second press of the button, or a form that is no longer true,
    is refused.
    """

    name: str
    label: str
    deed: str
    job: Job | None
    needs_note: bool
    is_offered: Callable[[Case], bool]
    consequences: Callable[[Case], Iterator[str]]
    basis: Callable[[Progress], object]
    choices: Callable[[Progress], Sequence[date] | Sequence[str]] = lambda _progress: ()

    def rests_on(self, case: Case) -> list[object]:
        """What has to be as it was, of every table that is decided on together."""
        return [self.basis(one.progress) for one in case.members]


def offered(case: Case) -> list[Decision]:
    """What can be decided about a correction as it stands."""
    return [decision for decision in DECISIONS if decision.is_offered(case)]


def named(name: str) -> Decision | None:
    """The decision of a name; None when there is none."""
    return next((decision for decision in DECISIONS if decision.name == name), None)


def _waits_for_approval(progress: Progress) -> bool:
    is_open = not progress.is_closed and Step.CUT_OVER not in progress.done
    return is_open and not progress.is_approved and progress.publication.planned is None


def _of_the_gate(progress: Progress) -> object:
    gate = progress.gate
    return (gate.certificate, gate.approval, gate.seconded, sorted(gate.closed_months), progress.publication.swap_count)


def _signed(form: Form) -> dict[str, object]:
    return {"by": form.by, "note": form.note}


def _of_approval(case: Case) -> Iterator[str]:
    for one in case.waiting:
        yield from _of_one_table(one)
    yield _rebuilt(case.waiting)
    yield f"It can be rolled back for {counted(case.progress.plan.rollback_days, 'day')}."
    if months := {month for one in case.waiting for month in one.progress.gate.closed_months}:
        yield f"It changes months that are closed ({listed(months)}), so two people approve it by their own names."


def _of_one_table(standing: Standing) -> Iterator[str]:
    progress, grain = standing.progress, standing.progress.plan.window.grain.value
    changed, unchanged = len(progress.gate.changed), len(progress.plan.days) - len(progress.gate.changed)
    yield (
        f"{counted(changed, grain)} of {progress.plan.table} {verb(changed, 'is', 'are')} replaced by one commit, "
        f"and {unchanged:,} {verb(unchanged, 'stays', 'stay')} as {verb(unchanged, 'it is', 'they are')}."
    )
    if found := last_of(standing.events, Validated):
        totals = found.measured.totals
        yield from (amount_moved(name, sums["old"], sums["new"]) for name, sums in totals.items())


def _of_override(case: Case) -> Iterator[str]:
    checks = [check for one in case.waiting if (found := last_of(one.events, Validated)) for check in found.checks]
    failed = [check for check in checks if not check.passed]
    yield f"{counted(len(failed), 'check')} failed, and {verb(len(failed), 'is', 'are')} overridden."
    yield from (check.sentence for check in failed)
    yield from _of_approval(case)


def _of_roll_back(case: Case) -> Iterator[str]:
    progress, grain = case.progress, case.progress.plan.window.grain.value
    live = len(progress.publication.swapped)
    yield (
        f"{counted(live, grain)} of {progress.plan.table} {verb(live, 'is', 'are')} live. Those that you choose hold "
        f"again what they held before. Every {grain} that landed since stays."
    )
    after = [one for one in case.members[case.members.index(case.standing) + 1 :] if one.progress.publication.swapped]
    if after:
        tables = ", ".join(one.progress.plan.table for one in reversed(after))
        yield f"What was computed from them in {tables} goes back first."
    yield _rebuilt([case.standing, *after])
    yield "Everybody who was told of the correction is told of it."


def _of_abandoning(case: Case) -> Iterator[str]:
    yield "Nothing of it is published."
    for one in case.members:
        plan = one.progress.plan
        yield f"Nightly may publish {counted(len(plan.days), plan.window.grain.value)} of {plan.table} again."
    yield "Reports that are frozen for it thaw. What is staged is deleted later by the retention sweep."
    yield "It cannot be taken up again. Open another correction for the same window instead."


def _of_trying_again(case: Case) -> Iterator[str]:
    yield "The failures below are forgotten, and the correction continues where it stopped."
    yield from (f"{step}. {reason}" for step, reason in case.progress.failures.items())


def _of_waiving(case: Case) -> Iterator[str]:
    holders = case.progress.downstream.awaited_holders
    yield f"The correction waits for {listed(holders)} to read again. It no longer waits for the one that you choose."
    yield "What that reader has read stays wrong until it reads again by itself."


def _rebuilt(standings: Sequence[Standing]) -> str:
    reached: dict[str, int] = {}
    for one in standings:
        for name, keys in one.progress.plan.reports.items():
            reached[name] = max(reached.get(name, 0), len(keys))
    told = [f"{name} ({counted(count, 'partition')})" for name, count in reached.items() if count]
    return f"Rebuilt are {listed(told)}." if told else "No report is rebuilt."


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
        consequences=_of_approval,
        basis=_of_the_gate,
    ),
    Decision(
        "override",
        "Approve although checks failed",
        "override the checks of",
        Job(Step.APPROVE, lambda form: {**_signed(form), "override": True}),
        needs_note=True,
        is_offered=lambda case: case.leads and case.is_validated and not case.has_passed,
        consequences=_of_override,
        basis=_of_the_gate,
    ),
    Decision(
        "try-again",
        "Try again",
        "try again",
        Job(TRY_AGAIN, lambda form: {"by": form.by}),
        needs_note=False,
        is_offered=lambda case: bool(case.progress.failures) and not case.progress.is_closed,
        consequences=_of_trying_again,
        basis=lambda progress: sorted(progress.failures.items()),
    ),
    Decision(
        "roll-back",
        "Roll back",
        "roll back",
        Job(Step.ROLL_BACK, _roll_back_of),
        needs_note=True,
        is_offered=lambda case: bool(case.progress.publication.swapped) and not case.progress.is_closed,
        consequences=_of_roll_back,
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
        consequences=_of_abandoning,
        basis=lambda progress: (progress.publication.ending, progress.publication.swap_count),
    ),
    Decision(
        "waive",
        "Stop waiting for a reader",
        "stop waiting for a reader of",
        None,
        needs_note=True,
        is_offered=lambda case: bool(case.progress.downstream.awaited_holders) and not case.progress.is_closed,
        consequences=_of_waiving,
        basis=lambda progress: sorted(progress.downstream.awaited_holders),
        choices=lambda progress: sorted(progress.downstream.awaited_holders),
    ),
)
