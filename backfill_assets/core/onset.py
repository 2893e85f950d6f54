"""Since when: what a table and a ledger kept by somebody else disagree on, as findings with an onset.

A fault does not show on every day. Where rates are a day late, Sundays are right, because Friday's rate holds either
way. So the days are evidence: before the onset they agree, after it they differ with some probability, and the onset
is the day that explains them best.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from backfill_assets.core.day_comparison import NOTHING
from backfill_assets.core.exact import EXACT, exactly
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window

MOST_AGREEING = 5
"""So many days of evidence in a row that agree end a finding: a working week."""
UNSEEN = Decimal("0.5")
"""Half a day counted on either side, so that no probability is nought or one."""


class Cause(StrEnum):
    """What kind of difference: other amounts for the same rows, other rows, or nothing to compare with."""

    AMOUNTS = "amounts"
    ROWS = "rows"
    LEDGER_MISSING = "ledger_missing"
    LEDGER_INCOMPLETE = "ledger_incomplete"

    @property
    def is_correctable(self) -> bool:
        """Whether computing the days again could help."""
        return self in {Cause.AMOUNTS, Cause.ROWS}


@dataclass(frozen=True, slots=True)
class Observation:
    """One group of rows on one day that both or either side has: the difference, and its cause if it counts.

    ``difference`` is the table's sum less the ledger's, exact. ``cause`` is None where the two agree. ``within`` is the
    difference that the rounding of the ledger's own figure explains.
    """

    day: date
    group: str
    difference: Decimal = NOTHING
    cause: Cause | None = None
    within: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Finding:
    """Neighbouring days that differ for one cause.

    ``since`` is the first day that differs, ``last`` the last one; ``days`` those in between that do. ``groups`` are
    those that differ. ``confidence`` is how likely it is, between 0 and 1, that no day of evidence before ``since`` was
    affected without showing it. ``by_day`` has the difference of each without sign, ``net`` adds them up with it.
    ``precision`` is the largest difference of one figure that would have been put down to the ledger's rounding,
    ``rounding`` that of all together. The days are slots of ``grain``.
    """

    table: str
    cause: Cause
    by_day: Mapping[date, Decimal]
    groups: tuple[str, ...]
    net: Decimal
    confidence: float = field(compare=False)
    precision: Decimal = NOTHING
    rounding: Decimal = NOTHING
    grain: Grain = Grain.DAY

    @property
    def days(self) -> tuple[date, ...]:
        """The days that differ, oldest first."""
        return tuple(self.by_day)

    @property
    def difference(self) -> Decimal:
        """By how much the days differ, added up without sign."""
        return _total(self.by_day.values())

    @property
    def largest_day(self) -> date:
        """The day that differs most, the last one of equals."""
        return max(self.by_day, key=lambda day: (self.by_day[day], day))

    @property
    def largest(self) -> Decimal:
        """By how much it differs, without sign."""
        return self.by_day[self.largest_day]

    @property
    def since(self) -> date:
        """The onset: the first day that differs."""
        return self.days[0]

    @property
    def last(self) -> date:
        """The last day that differs."""
        return self.days[-1]

    @property
    def window(self) -> Window:
        """From the onset to the last day."""
        return Window(self.since, self.last, self.grain)

    @property
    def id(self) -> str:
        """What the finding is called: table, cause and onset."""
        return f"{self.table}-{self.cause}-{self.since}"


@exactly
def findings(table: str, observations: Iterable[Observation], grain: Grain = Grain.DAY) -> tuple[Finding, ...]:
    """Group what differs into findings, oldest first.

    Days of one cause belong together until five days of evidence in a row agree. A day without any row on either side
    is no evidence. Groups that differ for the same cause in overlapping runs are one finding.
    """
    seen = list(observations)
    found: list[Finding] = []
    for cause in Cause:
        differing = [one for one in seen if one.cause is cause]
        groups = {one.group for one in differing}
        evidence = sorted({one.day for one in seen if one.group in groups})
        runs = _runs(sorted({one.day for one in differing}), evidence)
        found += [
            _finding(table, cause, days, evidence, [one for one in differing if one.day in set(days)]) for days in runs
        ]
    found = [replace(finding, grain=grain.of(finding.since)) for finding in found]
    return tuple(sorted(found, key=lambda finding: (finding.since, finding.cause)))


@exactly
def onset_confidence(evidence: Sequence[date], differing: Collection[date], since: date) -> float:
    """How likely the first differing day is the first affected one, by Bayes' rule over every earlier day of evidence.

    From the onset on a day differs with the probability seen since; before it, none does. An affected day that agrees
    by chance makes an earlier onset possible, less so with every day. Any onset is as likely as any other beforehand.
    """
    last = max(differing)
    affected = [day for day in evidence if since <= day <= last]
    shows = (Decimal(len(set(differing))) + UNSEEN) / (Decimal(len(affected)) + 2 * UNSEEN)
    hidden = 1 - shows
    weight, total = Decimal(1), Decimal(1)
    for _ in [day for day in evidence if day < since]:
        weight *= hidden
        total += weight
    return round(float(1 / total), 4)


def _runs(differing: Sequence[date], evidence: Sequence[date]) -> list[list[date]]:
    place = {day: number for number, day in enumerate(evidence)}
    runs: list[list[date]] = []
    for day in differing:
        if runs and place[day] - place[runs[-1][-1]] <= MOST_AGREEING:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _finding(
    table: str, cause: Cause, days: Sequence[date], evidence: Sequence[date], differing: Sequence[Observation]
) -> Finding:
    by_day = dict.fromkeys(days, NOTHING)
    for one in differing:
        by_day[one.day] = EXACT.add(by_day[one.day], abs(one.difference))
    return Finding(
        table=table,
        cause=cause,
        by_day=by_day,
        groups=tuple(sorted({one.group for one in differing if one.group})),
        net=_total(one.difference for one in differing),
        confidence=onset_confidence(evidence, days, days[0]),
        precision=max(one.within for one in differing),
        rounding=_total(one.within for one in differing),
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = NOTHING
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def tolerance_of(tolerances: Mapping[str, Decimal], group: str) -> Decimal:
    """How much a group may differ on a day: its own tolerance, else that of ``*``, else nothing."""
    return tolerances.get(group, tolerances.get("*", NOTHING))
