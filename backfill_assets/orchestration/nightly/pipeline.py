"""A pipeline as nightly knows it: its table, what that is computed from, and how to learn what landed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg

from backfill_assets.core.nightly_due import NightlyDue
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.failure import Failure
from backfill_assets.errors.given import DayBeforeFirst, DayNotOver
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.arguments import described, refuse_assets
from backfill_assets.orchestration.asset.failing_days import said
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.clock import now_utc
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.sources.withdrawals import WaitingFile
from backfill_assets.storage.records import Records

EVERY_NIGHT, EVERY_HOUR = "15 2 * * *", "15 * * * *"


@dataclass(frozen=True)
class Pipeline:
    """What nightly runs: an definition, the assets its table is computed from in order, and the days that have landed.

    ``undated`` are refreshed once before all days. ``inputs`` are by day, the sources of the table among them.
    ``moved`` says for which of some published days there is more, or something else, than the inputs hold. ``notes``
    are all that was ever to be told of what was taken in, by a name that no two share, oldest first.
    ``waiting`` are the landed files that wait for a person's decision; None where no source has any.
    """

    definition: TableDefinition
    undated: tuple[dg.AssetsDefinition, ...]
    inputs: tuple[dg.AssetsDefinition, ...]
    landed: Callable[[], frozenset[date]]
    on_wave: Callable[[str, Window], None] = field(default=lambda _what, _window: None)
    moved: Callable[[Records, Collection[date]], frozenset[date]] = field(default=lambda _records, _days: frozenset())
    notes: Callable[[Records], Mapping[str, str]] = field(default=lambda _records: {})
    waiting: Callable[[Records], Sequence[WaitingFile]] | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables a day goes through until it is published, in order."""
        return (*(table_of(asset.key) for asset in self.inputs), self.definition.table)

    @property
    def first(self) -> Slot:
        """The first slot that the definitions have."""
        return self.definition.slots.first

    def files_waiting(self, records: Records) -> Sequence[WaitingFile]:
        """The landed files that wait for a person's decision now."""
        return self.waiting(records) if self.waiting is not None else ()


@dataclass(frozen=True, kw_only=True)
class NightlySpec:
    """What the builder makes a table's nightly of; by default every day that is over is published from its sources.

    Args:
        inputs: the assets that are built by day before the table, in order; where none are given, its sources that are
            partitioned as it is. Finer ones have a schedule of their own, and a slot waits until all of it is there.
        undated: assets without partitions, refreshed once before all days.
        landed: the days that have landed; every day of the table that is over where it is not given.
        moved: those of some published days for which there is more, or something else, than the inputs hold.
        notes: all that was ever to be told of what was taken in, by a name that no two share, oldest first.
        waiting: the landed files that wait for a person's decision, for the command ``withdrawals``.
        cron: when it runs, UTC; a quarter past each hour for a table by hour and each night for any other, where it is
            not given.
        due: by when it has to have published, such as ``NightlyDue(time(6, 30))``; corrections that are being staged
            give way to it an hour before, or whatever ``spare`` says. None where it has no deadline.
    """

    inputs: Sequence[dg.AssetsDefinition] = ()
    undated: Sequence[dg.AssetsDefinition] = ()
    landed: Callable[[], frozenset[date]] | None = None
    moved: Callable[[Records, Collection[date]], frozenset[date]] = field(default=lambda _records, _days: frozenset())
    notes: Callable[[Records], Mapping[str, str]] = field(default=lambda _records: {})
    waiting: Callable[[Records], Sequence[WaitingFile]] | None = None
    cron: str = ""
    due: NightlyDue | None = None

    def pipeline(self, definition: TableDefinition, sources: Sequence[dg.AssetsDefinition]) -> Pipeline:
        """The pipeline of a table that is computed from these sources."""
        alike = [source for source in sources if not definition.reads_parts_of(source)]
        return Pipeline(
            definition,
            tuple(self.undated),
            tuple(self.inputs or alike),
            landed=self.landed or (lambda: days_over(definition)),
            moved=self.moved,
            notes=self.notes,
            waiting=self.waiting,
        )


def cron_of(grain: Grain) -> str:
    """When nightly runs of a table that is not told when: as often as a slot may be over, but once a night at least."""
    return EVERY_HOUR if grain is Grain.HOUR else EVERY_NIGHT


def refuse_nightly(table: str, given: object) -> None:
    """Refuse what is given as nightly and is none, or holds what it cannot run.

    Raises:
        ArgumentUnusable: naming what was given.
    """
    if given is None:
        return
    if not isinstance(given, NightlySpec):
        instead = "Give NightlySpec(), or leave it out where something else publishes."
        raise ArgumentUnusable(table, "nightly", described(given), instead)
    refuse_assets(table, "inputs of nightly", given.inputs)
    refuse_assets(table, "undated inputs of nightly", given.undated)
    if given.due is not None and not (isinstance(given.due, NightlyDue) and given.due.is_usable):
        instead = "Give NightlyDue of a time in UTC, without a zone of its own, and of less than a day to spare."
        found = repr(given.due) if isinstance(given.due, NightlyDue) else described(given.due)
        raise ArgumentUnusable(table, "due of nightly", found, instead)
    for argument in ("landed", "moved", "notes", "waiting"):
        if (value := getattr(given, argument)) is not None and not callable(value):
            raise ArgumentUnusable(table, f"{argument} of nightly", described(value), "Give a function of it.")


def days_over(definition: TableDefinition) -> frozenset[date]:
    """Every day of a table that is over."""
    return frozenset(definition.slots.over(now_utc()))


def landed_by(pipeline: Pipeline, through: date, now: datetime) -> tuple[frozenset[date], dict[date, Failure]]:
    """The days that landed and can be published, and those that cannot, each with the reason.

    Raises:
        DayNotOver, DayBeforeFirst, SlotsOfOtherGrain: when ``through`` is itself a day that cannot be.
    """
    slots, noun = pipeline.definition.slots, pipeline.definition.slots.grain.value
    slots.refuse_others([through])
    if slots.end(through) > now:
        raise DayNotOver([through], now, noun)
    landed = pipeline.landed()
    if landed and through < pipeline.first:
        raise DayBeforeFirst([through], pipeline.first, noun)
    early = {day for day in landed if day < pipeline.first}
    late = {day for day in landed - early if _is_ahead(slots, day, now)}
    impossible = {
        **dict.fromkeys(early, said(DayBeforeFirst(early, pipeline.first, noun))),
        **dict.fromkeys(late, said(DayNotOver(late, now, noun))),
    }
    return landed - impossible.keys(), impossible


def _is_ahead(slots: TableSlots, day: date, now: datetime) -> bool:
    """Whether a day is still to come; the last one of all has no time after it, and is."""
    try:
        return slots.start(day) > now
    except OverflowError:
        return True
