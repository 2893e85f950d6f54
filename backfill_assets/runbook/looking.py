"""Looking whether what the ledger says of a swap is so in the table, before anything is built on it or told."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from backfill_assets.core.chain import others_in_chain
from backfill_assets.core.facts import Swapped
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.correction import SwappedDaysMoved
from backfill_assets.storage.held import Left, left_by, moved_days, strangers, undone_days
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest, after_swaps, days_missing
from backfill_assets.storage.table import Table


def looked(records: Records, progress: Progress) -> Progress:
    """The same progress with the days that live does not hold as the correction left them.

    The table is read once a commit. Before its first swap, once it is closed, and while a swap of it may or may not
    have happened, a correction has nothing in live to compare.
    """
    in_doubt = progress.publication.planned is Step.CUT_OVER or progress.publication.planned is Step.ROLL_BACK
    if not progress.publication.swap_count or progress.is_closed or in_doubt:
        return progress
    name = ("moved", progress.plan.correction, progress.publication.swap_count, _is_to_be_told(progress))
    moved = records.made_of(progress.plan.table, name, lambda live: _moved(records, progress, live))
    found = progress.publication.swapped if moved is None else moved
    gone = _gone(records, progress)
    return replace(progress, publication=replace(progress.publication, moved=found, gone=gone))


def chain_of(records: Records, progress: Progress) -> tuple[Progress, ...]:
    """The other corrections of a chain in its order, by the ledger and by the tables."""
    return tuple(looked(records, other) for other in others_in_chain(progress, records.ledger.all_progress()))


def refuse_moved(progress: Progress) -> None:
    """Stop where readers would be shown, or told, numbers that are not those of the correction.

    Raises:
        SwappedDaysMoved: naming the days, and the ways out.
    """
    if progress.publication.moved:
        correction, inside = progress.plan.correction, progress.publication.moved & progress.publication.swapped
        noun = progress.plan.window.grain.value
        raise SwappedDaysMoved(correction, inside or progress.publication.moved, swapped=bool(inside), noun=noun)


def swaps_told(records: Records, correction: str) -> frozenset[int]:
    """The numbers of the swaps and roll backs that the ledger says have happened."""
    facts = (event.fact for event in records.ledger.events(correction))
    return frozenset(fact.swap.swap_count for fact in facts if isinstance(fact, Swapped))


def happened(records: Records, correction: str) -> list[Manifest]:
    """The manifests of the swaps and roll backs that are known to have happened."""
    done = swaps_told(records, correction)
    planned = records.ledger.manifests_of(correction)
    return [manifest for manifest in planned if manifest.swap_count in done]


def staged_version(records: Records, plan: Plan) -> Table:
    """The staged version of a correction; an empty one where somebody deleted it, so that it is staged again."""
    if not records.staged_exists(plan.table, plan.correction):
        records.staged(plan.table, plan.correction, records.table(plan.table).schema).create()
    return records.staged(plan.table, plan.correction)


def staged_whole(staged: Snapshot, days: Collection[date]) -> frozenset[date]:
    """Those of the days that are staged, with every file that the staged version names."""
    files = [file for of_day in staged.files_of(days).values() for file in of_day]
    return (staged.days & set(days)) - set(days_missing(staged, files))


def left(records: Records, progress: Progress, days: Collection[date]) -> dict[date, Left]:
    """What the correction left on these days, as far as its manifests say."""
    known = left_by(happened(records, progress.plan.correction), progress.publication.swapped)
    return {day: known[day] for day in days if day in known}


def _gone(records: Records, progress: Progress) -> frozenset[date]:
    """The days in live that cannot go back, because a file of what they held before is gone.

    A deletion is no commit: in an object store, where looking costs more, it is seen with the next one.
    """
    table, swapped = progress.plan.table, progress.publication.swapped
    name = (progress.plan.correction, progress.publication.swap_count)
    # Manifests may be large, and say the same until the next swap.
    inside = records.made_of(
        table, ("before", *name), lambda _: after_swaps(happened(records, progress.plan.correction))
    )
    live = records.newest(table)
    if live is None or not inside:
        return frozenset()

    def look(live: Snapshot) -> frozenset[date]:
        before = [file for day, one in inside.items() if day in swapped for file in one.before]
        return frozenset(days_missing(live, before))

    return look(live) if live.folder.local is not None else records.made_of(table, ("gone", *name), look) or frozenset()


def _is_to_be_told(progress: Progress) -> bool:
    return bool(progress.downstream.owes_notice) or Step.REBUILD_DOWNSTREAM not in progress.done


def _moved(records: Records, progress: Progress, live: Snapshot) -> frozenset[date]:
    """Days in live that are not the correction's; and of those that went back, the ones that somebody brought again.

    What else becomes of a day that went back is the correction's concern until readers have been told of it.
    """
    correction, swapped = progress.plan.correction, progress.publication.swapped
    known = left_by(happened(records, correction), swapped)
    moved = moved_days(live, correction, known)
    back = moved - swapped
    inside = (moved & swapped) | strangers(live, correction, swapped - known.keys())
    return inside | (back if _is_to_be_told(progress) else undone_days(live, correction, back))
