"""The guard: who may write a live day of a correctable table. Everything that is not allowed is refused."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from backfill_assets.core.carried import CarriedRows
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.errors.correction import LiveWriteRefused
from backfill_assets.errors.state import LaterSlotsCarry
from backfill_assets.orchestration.instance import tags
from backfill_assets.storage.records import Records

LOOK_BACK_DAYS = 3


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the writer of a wave has to look at: nightly's look-back, and of a table that carries state its rows.

    ``measures`` are the columns of which it writes down the sums.
    """

    look_back_days: int = LOOK_BACK_DAYS
    carried: CarriedRows | None = None
    measures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """A live write that wants to happen: its table with look-back and grain, the run's tags, and today.

    Where the table ``carries_state``, a slot is written only together with every later one that is published.
    """

    records: Records
    table: str
    run_tags: Mapping[str, str]
    today: date
    look_back_days: int = LOOK_BACK_DAYS
    grain: Grain = Grain.DAY
    carries_state: bool = False
    has_nightly: bool = False

    def refuse(self, days: Collection[date], published: Collection[date]) -> None:
        """Refuse to rewrite published days, unless nightly does it inside its look-back and nobody has claimed them.

        Raises:
            LiveWriteRefused: naming the days and why.
            LaterSlotsCarry: naming published days that carry on what the first of these would be.
        """
        self._refuse_rewriting(set(days) & set(published))
        later = {day for day in published if self.carries_state and day > min(days)} - set(days)
        if later:
            raise LaterSlotsCarry(self.table, min(days), later, self.grain.value)

    def _refuse_rewriting(self, rewritten: Collection[date]) -> None:
        if not rewritten:
            return
        noun = self.grain.value
        marked = self.run_tags.get(tags.PUBLISH) == tags.PUBLISH_LIVE and tags.BACKFILL not in self.run_tags
        if not marked:
            by = "nightly may rewrite its latest days" if self.has_nightly else "a correction may rewrite them"
            raise LiveWriteRefused(self.table, rewritten, self.grain.worded(f"and only {by}"), noun)
        oldest = self.today - timedelta(days=self.look_back_days)
        if early := {day for day in rewritten if not self.grain.reaches(day, oldest)}:
            raise LiveWriteRefused(
                self.table, early, f"and {'nightly' if self.has_nightly else 'it'} looks back to {oldest} only", noun
            )
        for correction, claimed in claims(self.records, self.table).items():
            if taken := claimed & set(rewritten):
                raise LiveWriteRefused(self.table, taken, f"and correction {correction} has claimed them", noun)


def claims(records: Records, table: str, days: Collection[date] = ()) -> dict[str, frozenset[date]]:
    """The days that open corrections of a table have claimed, by correction.

    Of ``days`` also those after its plan, where a correction is about to be swapped that carries state on into them.
    """
    return {
        correction: progress.claimed
        | {day for day in days if progress.claims_later and day > progress.plan.window.last}
        for correction, progress in records.ledger.all_progress().items()
        if progress.plan.table == table and progress.claimed
    }


def unpublished_by(run: str, records: Records, table: str, days: Collection[Slot]) -> list[Slot]:
    """The days of a run that is tried again which its earlier tries have not published."""
    if not records.exists(table):
        return [*days]
    files = records.snapshot(table).files_of(days)
    builds = records.builds.of_days(table, files)
    return [day for day in days if day not in builds or builds[day].run_id != run]


def to_be_staged(records: Records, table: str, days: Collection[date]) -> set[date]:
    """Those of some days that open corrections have claimed, or will stage before their swap as state is carried on."""
    known = records.ledger.all_progress().values()
    return {day for progress in known if progress.plan.table == table for day in progress.claims_of(days)}
