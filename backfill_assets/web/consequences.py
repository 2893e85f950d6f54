"""What a decision would change, in sentences, as its form is filled in so far."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal

from backfill_assets.core.events import last_of
from backfill_assets.core.exact import exactly
from backfill_assets.core.facts import Swapped, Validated
from backfill_assets.core.progress import Progress
from backfill_assets.errors.base import counted, days_listed, listed, verb
from backfill_assets.pages.formats import amount_moved
from backfill_assets.runbook.standing import Standing
from backfill_assets.web.case import Case
from backfill_assets.web.forms import Form

OfMeasures = Mapping[str, Mapping[str, str]]


def of_approval(case: Case, _form: Form) -> Iterator[str]:
    """What an approval lets happen."""
    for one in case.waiting:
        yield from _of_one_table(one)
    yield _rebuilt(case, {one.progress.plan.correction: _to_swap(one.progress) for one in case.waiting})
    yield f"It can be rolled back for {counted(case.progress.plan.rollback_days, 'day')}."
    if months := {month for one in case.waiting for month in one.progress.gate.closed_months}:
        yield f"It changes months that are closed ({listed(months)}), so two people approve it by their own names."


def _to_swap(progress: Progress) -> frozenset[date]:
    """The days that a cut over would swap: those that change and are not live, as after a roll back of some."""
    return frozenset(progress.gate.changed) - progress.publication.swapped


def _of_one_table(standing: Standing) -> Iterator[str]:
    progress, grain = standing.progress, standing.progress.plan.window.grain.value
    days, live = _to_swap(progress), len(progress.publication.swapped)
    changed, unchanged = len(days), len(progress.plan.days) - len(days)
    yield (
        f"{counted(changed, grain)} of {progress.plan.table} {verb(changed, 'is', 'are')} replaced by one commit, "
        f"and {unchanged:,} {verb(unchanged, 'stays', 'stay')} as {verb(unchanged, 'it is', 'they are')}."
    )
    if live:
        yield from _amounts(_swapped_before(standing, days), back=False)
    elif found := last_of(standing.events, Validated):
        yield from _amounts([found.measured.totals], back=False)


def _swapped_before(standing: Standing, days: Collection[date]) -> list[OfMeasures]:
    """What days were and became when they were last swapped; nothing unless that is known of each."""
    known: dict[date, OfMeasures] = {}
    for event in standing.events:
        known |= event.fact.sums if isinstance(event.fact, Swapped) else {}
    return [known[day] for day in days] if known.keys() >= set(days) else []


@exactly
def _amounts(parts: Collection[OfMeasures], *, back: bool) -> Iterator[str]:
    """From what to what the sum of each measure moves, or the other way round, and which ones stay."""
    before, after = ("new", "old") if back else ("old", "new")
    ends = {
        name: [sum((Decimal(part[name][side]) for part in parts), Decimal(0)) for side in (before, after)]
        for name in dict.fromkeys(name for part in parts for name in part)
    }
    yield from (amount_moved(name, f"{old:f}", f"{new:f}") for name, (old, new) in ends.items() if old != new)
    if still := [name for name, (old, new) in ends.items() if old == new]:
        yield f"The {verb(len(still), 'sum', 'sums')} of {listed(still)} {verb(len(still), 'stays', 'stay')} the same."


def of_override(case: Case, form: Form) -> Iterator[str]:
    """Which checks failed, and what an approval lets happen all the same."""
    checks = [check for one in case.waiting if (found := last_of(one.events, Validated)) for check in found.checks]
    failed = [check for check in checks if not check.passed]
    yield f"{counted(len(failed), 'check')} failed, and {verb(len(failed), 'is', 'are')} overridden."
    yield from (check.sentence for check in failed)
    yield from of_approval(case, form)


def of_roll_back(case: Case, form: Form) -> Iterator[str]:
    """What a roll back brings back, as far as it is said which days."""
    progress, grain = case.progress, case.progress.plan.window.grain.value
    swapped = progress.publication.swapped
    back = frozenset(day for day in swapped if form.is_all or str(day) in form.chosen)
    if back:
        holds, stay = verb(len(back), "holds", "hold"), verb(len(swapped) - len(back), "stays", "stay")
        yield (
            f"{days_listed(back, len(swapped), grain)} of {progress.plan.table} {holds} again what "
            f"{verb(len(back), 'it', 'they')} held before, and {len(swapped) - len(back):,} {stay} live."
        )
        yield from _amounts(_swapped_before(case.standing, back), back=True)
    else:
        yield (
            f"{counted(len(swapped), grain)} of {progress.plan.table} {verb(len(swapped), 'is', 'are')} live. Those "
            f"that you choose hold again what they held before. Every {grain} that landed since stays."
        )
    after = [one for one in case.members[case.members.index(case.standing) + 1 :] if one.progress.publication.swapped]
    if after:
        tables = ", ".join(one.progress.plan.table for one in reversed(after))
        yield f"What was computed from them in {tables} goes back first."
    also = {one.progress.plan.correction: one.progress.publication.swapped for one in after}
    yield _rebuilt(case, {progress.plan.correction: back or swapped, **also})
    yield "Everybody who was told of the correction is told of it."


def of_abandoning(case: Case, _form: Form) -> Iterator[str]:
    """What is over, and what is free again."""
    yield "Nothing of it is published."
    for one in case.members:
        plan = one.progress.plan
        yield f"Nightly may publish {counted(len(plan.days), plan.window.grain.value)} of {plan.table} again."
    yield "Reports that are frozen for it thaw. What is staged is deleted later by the retention sweep."
    yield "It cannot be taken up again. Open another correction for the same window instead."


def of_trying_again(case: Case, _form: Form) -> Iterator[str]:
    """Which failures are forgotten."""
    yield "The failures below are forgotten, and the correction continues where it stopped."
    yield from (f"{step}. {reason}" for step, reason in case.progress.failures.items())


def of_waiving(case: Case, _form: Form) -> Iterator[str]:
    """Whom the correction no longer waits for."""
    holders = case.progress.downstream.awaited_holders
    yield f"The correction waits for {listed(holders)} to read again. It no longer waits for the one that you choose."
    yield "What that reader has read stays wrong until it reads again by itself."


def _rebuilt(case: Case, days: Mapping[str, Collection[date]]) -> str:
    """The report partitions that days of some of the corrections reach."""
    reached: dict[str, set[str]] = {}
    for one in case.members:
        for name, keys in case.reach(one, days.get(one.progress.plan.correction, ())).items():
            reached.setdefault(name, set()).update(keys)
    told = [f"{name} ({counted(len(keys), 'partition')})" for name, keys in reached.items() if keys]
    return f"Rebuilt are {listed(told)}." if told else "No report is rebuilt."
