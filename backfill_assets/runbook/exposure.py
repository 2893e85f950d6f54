"""Who has seen wrong numbers: told from what is recorded of reports, notices, readers and the freeze."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from backfill_assets.core.events import Event
from backfill_assets.core.exposure import Banner, Carrier, Exposure, Seen, Side, Taken, Wrong, seen_in
from backfill_assets.core.facts import ReportsFrozen, ReportsRebuilt, Swapped
from backfill_assets.core.fold import history
from backfill_assets.core.formats import moment_told
from backfill_assets.core.holders import Holder
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Slot
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.core.swapped import days_ever_changed
from backfill_assets.errors.base import counted, listed
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.stale_readers import is_stale, sentences
from backfill_assets.storage.completeness import Completeness
from backfill_assets.storage.outbox import Delivery
from backfill_assets.storage.publications import Publication
from backfill_assets.storage.swap_numbers import commit_of

WrongBuilds = dict[str, dict[str, list[tuple[int, int, frozenset[Slot]]]]]
"""By report and partition its builds of days that were wrong: place, commit, and those days that it shows so."""
NONE: tuple[int, int, frozenset[Slot]] = (0, 0, frozenset())
WITH_FIGURES = frozenset({NoticeKind.WAITING, NoticeKind.PUBLISHED, NoticeKind.ROLLED_BACK, NoticeKind.DECOMMISSIONED})


def exposure(ctx: StepContext, correction: str) -> Exposure:
    """Which reports, notices and readers carried the wrong numbers of a correction, from when to when, and on what.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    events = ctx.records.ledger.events(correction)
    progress = history(events)
    wrong = wrong_of(ctx, progress, events)
    built = ctx.records.completeness.history(ctx.table.name)
    reports, unbuilt = _reports(built.values(), wrong, _reached(events, progress))
    files, unfiled = _files(ctx, built, reports, wrong)
    readers, unread = _readers(ctx, wrong)
    return Exposure(
        correction,
        ctx.table.name,
        wrong,
        (*reports, *files, *_notices(ctx, progress, events, wrong), *readers),
        _banners(events),
        (*unbuilt, *unfiled, *unread),
        sentences(is_stale(ctx, progress)),
    )


def wrong_of(ctx: StepContext, progress: Progress, events: Collection[Event]) -> Wrong:
    """Which numbers the correction says are wrong: what it changes, or what it brought and took back.

    Before its validation every day of its plan counts, and none once it is over without a swap.
    """
    swaps: dict[Slot, list[tuple[int, Step]]] = {}
    for event in events:
        if isinstance(event.fact, Swapped):
            commit = _commit_of(ctx, progress.plan.correction, event.fact)
            for day in event.fact.swap.days:
                swaps.setdefault(day, []).append((commit, event.fact.step))
    left = () if progress.is_closed else progress.gate.changed or progress.plan.days
    sides = dict.fromkeys(left, Side.EARLIER)
    sides |= {day: Side.EARLIER if day in progress.publication.swapped else Side.CORRECTED for day in swaps}
    return Wrong(sides, swaps)


def _commit_of(ctx: StepContext, correction: str, fact: Swapped) -> int:
    """The commit of a swap; where the ledger heard of it only later, as the table's log has it."""
    if fact.swap.commit is not None:
        return fact.swap.commit
    found = commit_of(ctx.records.snapshot(ctx.table.name), correction, fact.swap.swap_count)
    return found[0] if found else 0


def _reached(events: Collection[Event], progress: Progress) -> dict[str, set[str]]:
    """The report partitions that the correction reaches, by its plan and by what it swapped."""
    reached = {report: set(keys) for report, keys in progress.plan.reports.items()}
    for event in events:
        if isinstance(event.fact, Swapped):
            for report, keys in event.fact.reach.items():
                reached.setdefault(report, set()).update(keys)
    return reached


def _reports(
    built: Collection[Completeness], wrong: Wrong, reached: Mapping[str, Collection[str]]
) -> tuple[list[Seen], list[str]]:
    """What each partition of each report showed, by every build of it; and which were never recorded."""
    of_each: dict[tuple[str, str], list[Taken]] = {}
    for one in built:
        days = wrong.days.intersection(one.expected) - frozenset(one.missing)
        of_each.setdefault((one.report, one.partition), []).append(Taken(one.built_at, one.commit, days))
    seen = [
        line
        for (report, part), taken in of_each.items()
        for line in seen_in(Carrier.REPORT, report, part, taken, wrong)
    ]
    never = {report: sorted(key for key in keys if (report, key) not in of_each) for report, keys in reached.items()}
    said = [
        f"Of {counted(len(keys), 'partition')} of {report} it was never recorded what they were built from "
        f"({listed(keys)})."
        for report, keys in sorted(never.items())
        if keys
    ]
    return seen, said


def _files(
    ctx: StepContext, built: Mapping[int, Completeness], reports: Collection[Seen], wrong: Wrong
) -> tuple[list[Seen], list[str]]:
    """The published files that were made of report partitions with wrong numbers, and since when that is known."""
    of_part = wrong_builds(built, wrong)
    seen: list[Seen] = []
    published = ctx.records.published.by_path()
    for path, times in published.items():
        taken = [_shown(one, of_part) for one in times]
        commits = {one.at: commit for one, commit in reversed(taken)}
        lines = seen_in(Carrier.FILE, path, "", [one for one, _ in taken], wrong)
        seen += [replace(line, commit=commits[line.since]) for line in lines]
    first = min((times[0].at for times in published.values()), default=None)
    begun = min((one.since for one in reports), default=None)
    if begun is None or (first is not None and first <= begun):
        return seen, []
    told = "Which published files were made of these reports is not recorded"
    return seen, [f"{told} before {moment_told(first)}." if first else f"{told}."]


def wrong_builds(built: Mapping[int, Completeness], wrong: Wrong) -> WrongBuilds:
    """The builds of report partitions that read days that were ever wrong, in the order in which they were made."""
    found: WrongBuilds = {}
    for place, one in built.items():
        if not wrong.days.isdisjoint(one.expected):
            days = wrong.within({*one.expected} - {*one.missing}, one.commit)
            found.setdefault(one.report, {}).setdefault(one.partition, []).append((place, one.commit, days))
    return found


def _shown(one: Publication, of_part: WrongBuilds) -> tuple[Taken, int | None]:
    """The wrong days that a file shows from then on, and the earliest commit that they are of."""
    days, commits = set[Slot](), list[int]()
    for report, keys in one.made_of.items():
        builds_of = of_part.get(report, {})
        # A file of every night is made of all days, of which few were ever wrong.
        for part in builds_of.keys() & keys:
            _, commit, shown = next((found for found in reversed(builds_of[part]) if found[0] < one.builds), NONE)
            days |= shown
            commits += [commit] if shown else []
    return Taken(one.at, None, frozenset(days)), min(commits, default=None)


def _notices(ctx: StepContext, progress: Progress, events: Collection[Event], wrong: Wrong) -> list[Seen]:
    """The notices that told figures of wrong days: of earlier corrections, and its own of what was taken back."""
    swapped = {day: swaps[-1][0] for day, swaps in wrong.swaps.items()}
    right_since = {
        day: event.at
        for event in events
        if isinstance(event.fact, Swapped)
        for day in event.fact.swap.days
        if swapped.get(day) is not None
    }
    seen: list[Seen] = []
    told_in = {
        name: days_ever_changed(other, ctx.records.ledger.events(name))
        for name, other in ctx.records.ledger.all_progress().items()
        if other.plan.table == ctx.table.name
    }
    for delivery in ctx.records.outbox.deliveries():
        if delivery.notice.event not in WITH_FIGURES or delivery.notice.correction not in told_in:
            continue
        is_own = delivery.notice.correction == progress.plan.correction
        days = [
            day
            for day in sorted(told_in[delivery.notice.correction] & wrong.days)
            if delivery.recorded_at < right_since.get(day, ctx.now) and (wrong.sides[day] is Side.CORRECTED) == is_own
        ]
        if days and not (is_own and delivery.notice.event is NoticeKind.ROLLED_BACK):
            seen.append(_told(delivery, days))
    return seen


def _told(delivery: Delivery, days: Collection[Slot]) -> Seen:
    how = "written only, the audience has no channel"
    if delivery.channel:
        how = (
            f"channel {delivery.channel}, {f'sent {moment_told(delivery.sent_at)}' if delivery.sent_at else 'pending'}"
        )
    notice = delivery.notice
    return Seen(Carrier.NOTICE, notice.name, notice.audience, tuple(days), None, delivery.recorded_at, None, how)


def _readers(ctx: StepContext, wrong: Wrong) -> tuple[list[Seen], list[str]]:
    """What readers outside have used, as they reported; and who never said which commit that was."""
    seen: list[Seen] = []
    unsaid: list[str] = []
    for name, holder in sorted(ctx.records.watermarks.holders(ctx.table.name).items()):
        if not holder.external:
            continue
        taken = _taken(holder, wrong)
        seen += seen_in(Carrier.READER, name, "", [one for one in taken if one.commit is not None], wrong)
        if any(one.commit is None for one in taken) or (holder.mark is None and not holder.uses):
            read = f"said that it has read up to {holder.mark}, and" if holder.mark else "is registered and"
            unsaid.append(f"{name} {read} not for all of it which commit of {ctx.table.name} it has read.")
    return seen, unsaid


def _taken(holder: Holder, wrong: Wrong) -> list[Taken]:
    return [
        Taken(
            use.at,
            use.commit,
            frozenset(
                day
                for day in wrong.days
                if (use.before is None or use.before < day) and (use.through is None or day <= use.through)
            ),
            is_whole=False,
        )
        for use in holder.uses
    ]


def _banners(events: Collection[Event]) -> tuple[Banner, ...]:
    """When reports stood under the correction's banner."""
    found: list[Banner] = []
    since: dict[str, datetime] = {}
    for event in events:
        if isinstance(event.fact, ReportsFrozen):
            since = dict.fromkeys(event.fact.reports, event.at) | since
        elif isinstance(event.fact, ReportsRebuilt):
            found += [Banner(report, begun, event.at) for report, begun in since.items()]
            since = {}
    return (*found, *(Banner(report, begun, None) for report, begun in since.items()))
