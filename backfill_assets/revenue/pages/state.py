"""What each report shows now: its newest commit, or the one it was pinned to when a correction froze it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import polars as pl

from backfill_assets.corrections import (
    Abandoned,
    Event,
    Progress,
    ReportsFrozen,
    ReportsRebuilt,
    Swapped,
    history,
    looked,
)
from backfill_assets.lake import Build, Records, Snapshot
from backfill_assets.pages.listing import pages_in
from backfill_assets.revenue.journal import ORDER, Journal
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.text import one_line

FACT, DASHBOARD, EXPORT, BOARD = (
    "fct_daily_revenue",
    "executive_dashboard",
    "finance_reconciliation_export",
    "board_pack",
)
THAWING = (ReportsRebuilt, Abandoned)


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a report: since when, why, until when as far as is known, and at which commits of report and fact.

    ``correction`` came first, and pinned the commits; ``corrections`` are all that hold it now. ``place`` is that of
    its event in the ledger, by which it is known who came first.
    """

    corrections: tuple[str, ...]
    since: datetime
    why: str
    until: datetime | None
    commit: int | None
    fact_commit: int | None
    place: int

    @property
    def correction(self) -> str:
        """The one that came first."""
        return self.corrections[0]

    @property
    def reason(self) -> str:
        """Why, ending like a sentence."""
        return _sentence(one_line(self.why))

    def beside(self, other: "Hold") -> "Hold":
        """Both together: what is shown is the state of the first, until the last lets go."""
        first, second = sorted((self, other), key=lambda hold: hold.place)
        ends = [hold.until for hold in (self, other) if hold.until]
        why = first.why if first.why == second.why else f"{first.reason} {second.why}"
        return replace(
            first, corrections=(*first.corrections, *second.corrections), until=max(ends, default=None), why=why
        )


@dataclass(frozen=True)
class Shown:
    """One report as readers see it now; ``snapshot`` is None when it was never built."""

    report: str
    snapshot: Snapshot | None
    hold: Hold | None = None

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All its rows, oldest first."""
        if self.snapshot is None:
            return pl.DataFrame(schema=schema_of(self.report))
        keys = [name for name in ("day", "currency", "country") if name in self.snapshot.schema]
        return self.snapshot.scan().sort(keys).collect()

    @property
    def days(self) -> tuple[date, ...]:
        """The days it has partitions of, oldest first."""
        return tuple(sorted(self.snapshot.days)) if self.snapshot else ()

    def fingerprint(self, day: date) -> str:
        """What identifies the files of a partition."""
        return self.snapshot.fingerprint(day) if self.snapshot else ""


@dataclass(frozen=True)
class State:
    """The corrections as the ledger knows them, with an event that is about to be written, and the reports.

    ``paged`` are the corrections that have a page among what is published.
    """

    records: Records
    histories: Mapping[str, Sequence[Event]]
    holds: Mapping[str, Hold] = field(default_factory=dict[str, Hold])
    paged: frozenset[str] = frozenset()

    @cached_property
    def corrections(self) -> dict[str, Progress]:
        """Where every correction of the fact stands, in the order in which they were opened."""
        folded = [looked(self.records, history(events)) for events in self.histories.values()]
        return {one.plan.correction: one for one in folded if one.plan.table == FACT}

    @cached_property
    def dashboard(self) -> Shown:
        """The executive dashboard."""
        return self._shown(DASHBOARD)

    @cached_property
    def export(self) -> Shown:
        """The finance reconciliation export."""
        return self._shown(EXPORT)

    @cached_property
    def board(self) -> Shown:
        """The board pack."""
        return self._shown(BOARD)

    @cached_property
    def fact(self) -> Shown:
        """The fact that the reports are built from, as it was when they were frozen."""
        hold = min(self.holds.values(), key=lambda hold: hold.place, default=None)
        if not self.records.exists(FACT):
            return Shown(FACT, None, hold)
        return Shown(FACT, self.records.snapshot(FACT, hold.fact_commit if hold else None), hold)

    @cached_property
    def builds(self) -> dict[date, Build]:
        """How each published day of the fact came to be."""
        snapshot = self.fact.snapshot
        return self.records.builds.of_days(FACT, {**snapshot.files}) if snapshot else {}

    @cached_property
    def entries(self) -> pl.DataFrame:
        """The restatement journal, as far as its effect is on the pages."""
        visible = [version for name in self.corrections for version in self._visible(name)]
        shown = pl.DataFrame(visible, schema={"correction": pl.String, "version": pl.Int64}, orient="row")
        return Journal(self.records, FACT).rows().join(shown, on=["correction", "version"], how="semi").sort(ORDER)

    def place_of(self, event: Event) -> int:
        """The place of an event in the ledger; one that is about to be written comes after all others."""
        return self._places.get((event.correction, event.sequence), len(self._places))

    @cached_property
    def _places(self) -> Mapping[tuple[str, int], int]:
        return self.records.ledger.places()

    def _visible(self, correction: str) -> list[tuple[str, int]]:
        """The swaps that the reports were rebuilt after, and before another correction froze them."""
        hold = self.export.hold
        swaps: list[tuple[str, int]] = []
        visible: list[tuple[str, int]] = []
        for event in self.histories[correction]:
            if isinstance(fact := event.fact, Swapped):
                swaps.append((correction, fact.swap.swap_count))
            elif _rebuilt(event) and (hold is None or self.place_of(event) < hold.place):
                visible = list(swaps)
        return visible

    def _shown(self, report: str) -> Shown:
        hold = self.holds.get(report)
        if not self.records.exists(report) or (hold and hold.commit is None):
            return Shown(report, None, hold)
        return Shown(report, self.records.snapshot(report, hold.commit if hold else None), hold)


def read_state(records: Records, pending: Event | None = None, folder: Path | None = None) -> State:
    """Read the ledger, as it will be once ``pending`` is in it, and which corrections have a page in the folder."""
    histories: dict[str, Sequence[Event]] = {**records.ledger.histories()}
    if pending is not None:
        events = histories.get(pending.correction, ())
        histories[pending.correction] = (*events, replace(pending, sequence=len(events) + 1))
    paged = frozenset[str]() if folder is None else pages_in(folder)
    state = State(records, histories)
    return State(records, histories, _holds(state), paged)


def _holds(state: State) -> dict[str, Hold]:
    """What holds each report that is frozen."""
    holds: dict[str, Hold] = {}
    for name, progress in state.corrections.items():
        frozen = _freezing(state.histories[name])
        if frozen is None:
            continue
        for report in progress.downstream.frozen:
            hold = _hold(name, *frozen, report, state.place_of(frozen[0]))
            holds[report] = holds[report].beside(hold) if report in holds else hold
    return holds


def _hold(correction: str, frozen: Event, fact: ReportsFrozen, report: str, place: int) -> Hold:
    return Hold(
        corrections=(correction,),
        since=frozen.at,
        why=fact.reason,
        until=fact.until,
        commit=fact.pinned.get(report),
        fact_commit=fact.pinned_table,
        place=place,
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def summed(rows: pl.DataFrame, name: str) -> Decimal:
    """The sum of a column of amounts."""
    return Decimal(str(rows[name].sum()))


def _rebuilt(event: Event) -> bool:
    return isinstance(event.fact, ReportsRebuilt)


def _freezing(events: Sequence[Event]) -> tuple[Event, ReportsFrozen] | None:
    """The first freeze since the last thaw: one that is repeated pins nothing anew."""
    first: tuple[Event, ReportsFrozen] | None = None
    for event in sorted(events, key=lambda event: event.sequence):
        if isinstance(fact := event.fact, ReportsFrozen):
            first = first or (event, fact)
        elif isinstance(fact, THAWING):
            first = None
    return first
