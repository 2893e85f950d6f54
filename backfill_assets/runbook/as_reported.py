"""As reported, for ever: the figures of each published state per day and measure, whatever was deleted since."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backfill_assets.core.facts import Swapped
from backfill_assets.core.reported import Amounts, History, Origin, Stated, total
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import BackfillAssetsError, in_one_line
from backfill_assets.errors.reported import NothingPublished, NotRecorded, TimeToCome
from backfill_assets.runbook.context import StepContext
from backfill_assets.storage.reported import Measured, Recorded, amounts_of, scanned
from backfill_assets.storage.states import Files, Past, State, past_of
from backfill_assets.storage.swap_numbers import CORRECTION, RUN, STEP

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AsReported:
    """What a table said at a moment: the state it was in, its days, and those whose amounts are not known.

    ``lines`` are published days with known amounts, oldest first. ``absent`` were asked for and not published then.
    """

    table: str
    at: datetime
    commit: int
    made_at: datetime
    made_by: str
    lines: Mapping[Slot, Amounts]
    unknown: tuple[Slot, ...]
    absent: tuple[Slot, ...]

    @property
    def total(self) -> Amounts:
        """All known days together."""
        return total(self.lines.values())


def as_reported(ctx: StepContext, at: datetime, days: Collection[Slot] = ()) -> AsReported:
    """The figures that the table showed at a moment, of some days or all.

    Which state that was is decided by the order of the table's commits and their times. What is deleted is told from
    the record; only of days that nobody recorded files are read, while they are there.

    Raises:
        TimeToCome: when the moment is not yet.
        NothingPublished: when nothing was published then.
        NotRecorded: when the record begins only later.
    """
    table = ctx.table.name
    if at > ctx.now:
        raise TimeToCome(table, at, ctx.now)
    known = history_of(ctx, days or None)
    commit, times = known.commit_at(at), known.in_order
    if commit is None or commit < known.since:
        first = min((one for one in times if one >= known.since), default=None)
        begins = None if first is None else times[first]
        raise NotRecorded(table, at, begins) if known.since and begins else NothingPublished(table, at, begins)
    found = known.at_commit(commit)
    newest = max((one.commit for one in found.values()), default=commit)
    made = next((one for one in found.values() if one.commit == newest), None)
    there = {day: one for day, one in sorted(found.items()) if not one.is_gone and (not days or day in days)}
    return AsReported(
        table=table,
        at=at,
        commit=newest,
        made_at=times.get(newest, at),
        made_by=made.origin.told(made.correction) if made else "",
        lines={day: one.amounts for day, one in there.items() if one.amounts is not None},
        unknown=tuple(day for day, one in there.items() if one.amounts is None),
        absent=tuple(sorted(set(days) - there.keys())),
    )


def keep_reported(ctx: StepContext, *, scan: bool = False) -> None:
    """Record every state of the table that is not recorded yet; to be called before files or its log are deleted.

    With ``scan`` also files are read that live has no more and whose amounts nobody recorded.
    """
    records, table = ctx.records, ctx.table.name
    if not records.exists(table):
        return
    live, through = records.snapshot(table), records.reported.through(table)
    recorded = records.reported.of(table) if scan else Recorded(through=through)
    if live.commit == through and not recorded.unknown:
        return
    found = _derived(ctx, recorded)
    if scan:
        there = {path for day in live.days for path, _ in live.names(day)}
        found = found.read(ctx, {one for one in found.unread if not one[1] <= there})
    unknown = recorded.unknown
    stated = [one for one in found.stated if one.commit > through or (one.commit, one.day) in unknown]
    at = max(found.times.values(), default=ctx.now)
    records.reported.record(table, stated, live.commit, at, found.since)


def keep_reported_quietly(ctx: StepContext) -> None:
    """The same at the end of something that has happened: what cannot be recorded now is recorded the next time."""
    try:
        keep_reported(ctx)
    except (BackfillAssetsError, OSError) as error:
        told = "What %s shows is not recorded yet (%s). The next nightly or maintenance does it."
        LOG.warning(told, ctx.table.name, in_one_line(str(error)))


def history_of(ctx: StepContext, days: Collection[Slot] | None = ()) -> History:
    """What is recorded of the table, and what its log says beyond that.

    Of some days, or of all with None, files are read whose amounts nobody recorded, while they are there.
    """
    records, table = ctx.records, ctx.table.name
    if not records.exists(table):
        return History(table, (), {}, 0)
    recorded, live = records.reported.of(table), records.snapshot(table)
    found = _derived(ctx, recorded)
    asked = {*live.days, *(day for day, _ in found.unread)} if days is None else {*days}
    found = found.read(ctx, {one for one in found.unread if one[0] in asked})
    stated = [*recorded.stated, *found.stated]
    times = {one.commit: one.at for one in recorded.stated} | found.times
    lasting = _last_unknown(stated) & {*asked}
    now = {(day, frozenset(path for path, _ in live.names(day))) for day in lasting if day in live.days}
    read = {day: amounts for (day, _), amounts in scanned(live, now, ctx.table.measures).items()}
    newest = {one.day: one for one in sorted(stated, key=lambda one: one.commit)}
    stated += [replace(newest[day], amounts=amounts) for day, amounts in read.items()]
    return History(table, stated, times, found.since)


def _last_unknown(stated: Sequence[Stated]) -> set[Slot]:
    """The days whose newest state is not known: it is that of today, whatever the log still tells."""
    known = {(one.commit, one.day) for one in stated if one.amounts is not None or one.is_gone}
    newest = {one.day: one.commit for one in sorted(stated, key=lambda one: one.commit)}
    return {day for day, commit in newest.items() if (commit, day) not in known}


@dataclass(frozen=True, slots=True)
class Derived:
    """States as the log of the table tells them, from the commit ``since`` on, and the files of each."""

    since: int
    states: Sequence[State]
    stated: Sequence[Stated]
    measured: Measured

    @property
    def times(self) -> dict[int, datetime]:
        """The time of each commit."""
        return {one.commit: one.at for one in self.stated}

    @property
    def unread(self) -> set[tuple[Slot, Files]]:
        """Days and their files whose amounts are not known."""
        told = {(day, files) for state in self.states for day, files in state.days.items() if files}
        return told - self.measured.keys()

    def read(self, ctx: StepContext, wanted: Collection[tuple[Slot, Files]]) -> "Derived":
        """The same with amounts that are read from files."""
        measured = self.measured | scanned(ctx.records.snapshot(ctx.table.name), wanted, ctx.table.measures)
        files = {(state.commit, day): of_day for state in self.states for day, of_day in state.days.items()}
        stated = [
            replace(one, amounts=measured.get((one.day, files[one.commit, one.day]), one.amounts))
            for one in self.stated
        ]
        return replace(self, stated=stated, measured=measured)


def _derived(ctx: StepContext, recorded: Recorded) -> Derived:
    """The states that are not recorded, or of which amounts are not known and the log still tells the files."""
    records, table = ctx.records, ctx.table.name
    unknown = min((commit for commit, _ in recorded.unknown), default=recorded.through + 1)
    after = min(recorded.through, unknown - 1)
    past = past_of(records.snapshot(table), after)
    is_whole = past.first <= after + 1
    measured = amounts_of(records.builds.amounts(table), past.states)
    swapped = _swap_times(ctx, past)
    stated: list[Stated] = []
    for state in past.states:
        is_base = not is_whole and state.commit == past.first
        if is_base and state.commit <= recorded.through:
            continue  # recorded already, as what it changed
        origin, correction = (Origin.BEFORE, "") if is_base else _origin(state)
        at = swapped.get(state.commit) or ctx.time_of(state.logged)
        for day, files in sorted(state.days.items()):
            stated.append(Stated(state.commit, at, origin, correction, day, measured.get((day, files)), not files))
    begun = recorded.since if recorded.through >= 0 else 0 if is_whole else past.first
    return Derived(begun, past.states, stated, measured)


def _origin(state: State) -> tuple[Origin, str]:
    step, correction = str(state.info.get(STEP, "")), str(state.info.get(CORRECTION, ""))
    if step in {Origin.CUT_OVER, Origin.ROLL_BACK}:
        return Origin(step), correction
    return (Origin.PUBLISHED if state.info.get(RUN) else Origin.ANOTHER), ""


def _swap_times(ctx: StepContext, past: Past) -> dict[int, datetime]:
    """When each of the swaps among some states was committed, by the clock of the ledger."""
    ours = {correction for _, correction in map(_origin, past.states)} - {""}
    told = [event.fact for name in sorted(ours) for event in ctx.records.ledger.events(name)]
    swaps = [fact.swap for fact in told if isinstance(fact, Swapped)]
    return {swap.commit: swap.swapped_at for swap in swaps if swap.commit is not None and swap.swapped_at is not None}
