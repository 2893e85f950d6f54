"""What a correction makes stale: slots of correctable tables that were computed from what it replaces.

Staleness is a fact and no event: each live slot records the fingerprints of what it was computed from.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from backfill_assets.core.carried import and_later
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Grain, Slot, calendar_day
from backfill_assets.errors.base import days_listed, verb
from backfill_assets.errors.chains import ReadersCorrected
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import happened

LONGEST_SLOT = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class StaleReader:
    """Live slots of a table that are stale by a correction of a table that it reads, or will be once that is live."""

    table: str
    slots: tuple[Slot, ...]
    grain: Grain
    is_now: bool = False

    @property
    def sentence(self) -> str:
        """Which slots they are, and what corrects them."""
        told = days_listed(self.slots, noun=self.grain.value)
        if self.is_now:
            are = verb(len(self.slots), "is", "are")
            call = f"The command backfill-assets plan --stale {self.table} proposes their correction."
            return f"{told} of {self.table} {are} stale. {call}"
        both = f"Write downstream [{self.table}] into the request to correct both, or correct {self.table} afterwards."
        return f"{told} of {self.table} will be stale by it. {both}"

    def as_json(self) -> dict[str, Any]:
        """The same, JSON-ready."""
        return {"table": self.table, "days": [str(slot) for slot in self.slots], "stale_now": self.is_now}


def readers_of(ctx: StepContext) -> tuple[StepContext, ...]:
    """The step contexts of the correctable tables that read this one themselves, by name."""
    around = sorted(ctx.surroundings.around(ctx).items())
    return tuple(one for _, one in around if ctx.table.name in one.table.sources.names)


def slots_reading(reader: StepContext, source: str, slots: Collection[Slot]) -> tuple[Slot, ...]:
    """The live slots of a reader that are computed from some slots of a source, oldest first."""
    if not slots:
        return ()
    reads, wanted = reader.table.sources.read_of(source), frozenset(slots)
    first, last = calendar_day(min(slots)) - LONGEST_SLOT, calendar_day(max(slots)) + LONGEST_SLOT

    def is_near(slot: Slot) -> bool:
        return first <= calendar_day(slot) and calendar_day(reads.grain.after(slot, -reads.look_back)) <= last

    near = filter(is_near, reader.records.days(reader.table.name))
    return tuple(sorted(slot for slot in near if not wanted.isdisjoint(reads.of([slot]))))


def computed_otherwise(reader: StepContext, source: str, slots: Collection[Slot]) -> tuple[Slot, ...]:
    """Those of some live slots of a reader that were not computed from what the source holds now.

    What somebody else wrote says nothing of what it was computed from, and counts as computed otherwise.
    """
    if not slots:  # perhaps nothing of the reader was ever published
        return ()
    live, now = reader.records.snapshot(reader.table.name), reader.records.snapshot(source)
    reads = reader.table.sources.read_of(source)
    builds = reader.records.builds.of_days(reader.table.name, live.files_of(slots))
    return tuple(
        slot
        for slot in sorted(slots)
        if slot not in builds or builds[slot].inputs.get(source) != now.fingerprint_over(reads.of([slot]))
    )


def will_be_stale(ctx: StepContext, slots: Collection[Slot], besides: Collection[str] = ()) -> list[StaleReader]:
    """What some slots of the table make stale once they are replaced, also through other tables.

    ``besides`` are tables that are corrected together with it, and what they replace is given by name.
    """
    return [*_reached(ctx, slots, set(besides), is_now=False).values()]


def is_stale(ctx: StepContext, progress: Progress) -> list[StaleReader]:
    """What a correction makes stale: once something of it was swapped what is, before that what would be."""
    together = {member.table for member in progress.plan.chain}
    if progress.publication.swap_count == 0 or progress.publication.planned is not None:
        return [] if progress.is_closed else will_be_stale(ctx, progress.gate.changed or progress.plan.days, together)
    slots = {slot for manifest in happened(ctx.records, progress.plan.correction) for slot in manifest.days}
    return [*_reached(ctx, slots, set(), is_now=True).values()]


def refuse_corrected_readers(ctx: StepContext, progress: Progress, slots: Collection[Slot]) -> None:
    """Refuse to roll back slots from which corrected slots of other tables were computed that may still go back.

    Raises:
        ReadersCorrected: naming the corrections that have to be rolled back first.
    """
    together = {member.correction for member in progress.plan.chain}
    for reader in readers_of(ctx):
        reading = slots_reading(reader, ctx.table.name, slots)
        current = set(reading) - set(computed_otherwise(reader, ctx.table.name, reading))
        above = {
            name: hit
            for name, other in ctx.records.ledger.all_progress().items()
            if other.plan.table == reader.table.name and name not in together and not other.is_closed
            if (hit := other.publication.swapped & current)
        }
        if above:
            days = {day for hit in above.values() for day in hit}
            noun = reader.table.partition.grain.value
            raise ReadersCorrected(progress.plan.correction, reader.table.name, days, above, noun)


def _reached(ctx: StepContext, slots: Collection[Slot], passed: set[str], *, is_now: bool) -> dict[str, StaleReader]:
    """By table what is reached from some slots; those ``passed`` through are not named themselves."""
    found: dict[str, StaleReader] = {}
    waiting: list[tuple[StepContext, frozenset[Slot], frozenset[Slot]]] = [(ctx, frozenset(slots), frozenset())]
    while waiting:
        source, replaced, stale = waiting.pop(0)
        for reader in readers_of(source):
            name = reader.table.name
            reading = slots_reading(reader, source.table.name, replaced)
            known = set(found[name].slots) if name in found else set[Slot]()
            own = set(computed_otherwise(reader, source.table.name, reading)) if is_now else set(reading)
            own |= {*slots_reading(reader, source.table.name, stale)}
            if reader.table.sources.carried is not None:
                own = {*and_later(own, reader.records.days(name))}
            if new := own - known:
                found[name] = StaleReader(name, tuple(sorted(known | new)), reader.table.partition.grain, is_now)
            waiting.append((reader, frozenset(reading), frozenset(own)))
    return {name: one for name, one in found.items() if name not in passed}


def sentences(stale: Collection[StaleReader]) -> tuple[str, ...]:
    """What is said of them, a sentence or two a table."""
    return tuple(one.sentence for one in stale)
