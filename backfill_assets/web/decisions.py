"""The decisions that the console offers on a correction: to whom, what each would change, and how it is taken."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from backfill_assets.core.facts import Validated
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import counted, listed, verb
from backfill_assets.orchestration.correction.manual_jobs import TRY_AGAIN
from backfill_assets.pages.formats import amount_moved
from backfill_assets.runbook.standing import Standing
from backfill_assets.web.forms import Form


@dataclass(frozen=True, slots=True)
class Decision:
    """Something a person decides about a correction.

    ``job`` is that of the table which takes it. ``is_offered`` says whether it can be taken now, ``consequences`` what
    it would change, in sentences, and ``basis`` what has to be as it was when the form was shown: a second press of
    the button, or a form that is no longer true, is refused.
    """

    name: str
    label: str
    job: str
    needs_note: bool
    is_offered: Callable[[Progress], bool]
    consequences: Callable[[Standing], Iterator[str]]
    basis: Callable[[Progress], object]
    config: Callable[[Form], Mapping[str, object]]
    choices: Callable[[Progress], Sequence[date] | Sequence[str]] = lambda _progress: ()


def offered(progress: Progress) -> list[Decision]:
    """What can be decided about a correction as it stands."""
    return [decision for decision in DECISIONS if decision.is_offered(progress)]


def named(name: str) -> Decision | None:
    """The decision of a name; None when there is none."""
    return next((decision for decision in DECISIONS if decision.name == name), None)


def _may_be_approved(progress: Progress) -> bool:
    waits = bool(progress.gate.certificate) and not progress.is_closed and Step.CUT_OVER not in progress.done
    return waits and not progress.is_approved and progress.publication.planned is None


def _of_the_gate(progress: Progress) -> object:
    gate = progress.gate
    return (gate.certificate, gate.approval, gate.seconded, sorted(gate.closed_months), progress.publication.swap_count)


def _signed(form: Form) -> dict[str, object]:
    return {"by": form.by, "note": form.note}


def _of_approval(standing: Standing) -> Iterator[str]:
    progress, grain = standing.progress, standing.progress.plan.window.grain.value
    changed, unchanged = len(progress.gate.changed), len(progress.plan.days) - len(progress.gate.changed)
    yield (
        f"{counted(changed, grain)} of {progress.plan.table} {verb(changed, 'is', 'are')} replaced by one commit, "
        f"and {unchanged:,} {verb(unchanged, 'stays', 'stay')} as {verb(unchanged, 'it is', 'they are')}."
    )
    for event in reversed(standing.events):
        if isinstance(event.fact, Validated):
            totals = event.fact.measured.totals
            yield from (amount_moved(name, sums["old"], sums["new"]) for name, sums in totals.items())
            break
    yield _rebuilt(progress)
    yield f"It can be rolled back for {counted(progress.plan.rollback_days, 'day')}."
    if progress.gate.closed_months:
        months = listed(progress.gate.closed_months)
        yield f"It changes months that are closed ({months}), so two people approve it by their own names."


def _of_override(standing: Standing) -> Iterator[str]:
    for event in reversed(standing.events):
        if isinstance(event.fact, Validated):
            failed = [check for check in event.fact.checks if not check.passed]
            yield f"{counted(len(failed), 'check')} failed, and {verb(len(failed), 'is', 'are')} overridden."
            yield from (check.sentence for check in failed)
            break
    yield from _of_approval(standing)


def _of_roll_back(standing: Standing) -> Iterator[str]:
    progress, grain = standing.progress, standing.progress.plan.window.grain.value
    live = len(progress.publication.swapped)
    yield (
        f"{counted(live, grain)} of {progress.plan.table} {verb(live, 'is', 'are')} live. Those that you choose hold "
        f"again what they held before. Every {grain} that landed since stays."
    )
    yield _rebuilt(progress)
    yield "Everybody who was told of the correction is told of it."


def _of_abandoning(standing: Standing) -> Iterator[str]:
    plan = standing.progress.plan
    yield f"Nothing of it is published. Nightly may publish {counted(len(plan.days), plan.window.grain.value)} again."
    yield "Reports that are frozen for it thaw. What is staged is deleted later by the retention sweep."
    yield "It cannot be taken up again. Open another correction for the same window instead."


def _of_trying_again(standing: Standing) -> Iterator[str]:
    yield "The failures below are forgotten, and the correction continues where it stopped."
    yield from (f"{step}. {reason}" for step, reason in standing.progress.failures.items())


def _of_waiving(standing: Standing) -> Iterator[str]:
    holders = standing.progress.downstream.awaited_holders
    yield f"The correction waits for {listed(holders)} to read again. It no longer waits for the one that you choose."
    yield "What that reader has read stays wrong until it reads again by itself."


def _rebuilt(progress: Progress) -> str:
    reached = {name: keys for name, keys in progress.plan.reports.items() if keys}
    if not reached:
        return "No report is rebuilt."
    told = [f"{name} ({counted(len(keys), 'partition')})" for name, keys in reached.items()]
    return f"Rebuilt are {listed(told)}."


def _roll_back_of(form: Form) -> dict[str, object]:
    return {**_signed(form), "days": list(form.chosen), "all_days": form.is_all}


DECISIONS = (
    Decision(
        "approve",
        "Approve",
        Step.APPROVE,
        needs_note=False,
        is_offered=lambda progress: _may_be_approved(progress) and progress.gate.passed,
        consequences=_of_approval,
        basis=_of_the_gate,
        config=lambda form: {**_signed(form), "override": False},
    ),
    Decision(
        "override",
        "Approve although checks failed",
        Step.APPROVE,
        needs_note=True,
        is_offered=lambda progress: _may_be_approved(progress) and not progress.gate.passed,
        consequences=_of_override,
        basis=_of_the_gate,
        config=lambda form: {**_signed(form), "override": True},
    ),
    Decision(
        "try-again",
        "Try again",
        TRY_AGAIN,
        needs_note=False,
        is_offered=lambda progress: bool(progress.failures) and not progress.is_closed,
        consequences=_of_trying_again,
        basis=lambda progress: sorted(progress.failures.items()),
        config=lambda form: {"by": form.by},
    ),
    Decision(
        "roll-back",
        "Roll back",
        Step.ROLL_BACK,
        needs_note=True,
        is_offered=lambda progress: bool(progress.publication.swapped) and not progress.is_closed,
        consequences=_of_roll_back,
        basis=lambda progress: (progress.publication.swap_count, progress.publication.planned),
        config=_roll_back_of,
        choices=lambda progress: sorted(progress.publication.swapped),
    ),
    Decision(
        "abandon",
        "Abandon",
        Step.ABANDON,
        needs_note=True,
        is_offered=lambda progress: not progress.is_closed and not progress.publication.swapped,
        consequences=_of_abandoning,
        basis=lambda progress: (progress.publication.ending, progress.publication.swap_count),
        config=_signed,
    ),
    Decision(
        "waive",
        "Stop waiting for a reader",
        "",
        needs_note=True,
        is_offered=lambda progress: bool(progress.downstream.awaited_holders) and not progress.is_closed,
        consequences=_of_waiving,
        basis=lambda progress: sorted(progress.downstream.awaited_holders),
        config=_signed,
        choices=lambda progress: sorted(progress.downstream.awaited_holders),
    ),
)
