"""Whether the swaps that a ledger tells of are those that the table's own log has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Swapped
from backfill_assets.storage.attested import LoggedSwap
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.swap_numbers import Fate, counted, fate_of, is_certain


@dataclass(frozen=True, slots=True)
class SwapsFound:
    """The commits that swaps were, by their numbers, and what could not be proven or is wrong, in sentences."""

    commits: Mapping[int, int] = field(default_factory=dict[int, int])
    unproven: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def check_swaps(
    manifests: Sequence[Manifest], events: Sequence[Event], live: Snapshot | None, logged: Sequence[LoggedSwap]
) -> SwapsFound:
    """Compare each swap of the ledger with the commit of the table that it was, and the other way round."""
    if live is None:
        return SwapsFound()
    correction = events[0].correction
    told = {event.fact.swap.swap_count: event.fact for event in events if isinstance(event.fact, Swapped)}
    wrong = [*_not_in_ledger(live, correction, manifests, told), *_twice(logged)]
    unproven: list[str] = []
    by_number = {swap.number: swap for swap in logged}
    commits: dict[int, int] = {}
    for manifest in manifests:
        number = manifest.swap_count
        if number not in told or not manifest.days:
            continue
        found = by_number.get(number)
        if fate_of(live, correction, number) is not Fate.SWAPPED:
            wrong.append(f"The table's log does not have swap {number}, which the ledger says was committed.")
        elif found is None or found.actions is None:
            unproven.append(
                f"The commit of swap {number} is no longer in the table's log, which says only that it was."
            )
        elif flaw := _flaw(found, manifest, told[number].swap.commit):
            wrong.append(flaw)
        else:
            commits[number] = found.commit
    return SwapsFound(commits, tuple(unproven), tuple(wrong))


def _flaw(found: LoggedSwap, manifest: Manifest, commit: int | None) -> str:
    if commit not in {None, found.commit}:
        return f"Swap {found.number} is commit {found.commit} of the table, and the ledger says commit {commit}."
    differs = found.differs(manifest)
    return f"Commit {found.commit} of the table, swap {found.number}, {differs}." if differs else ""


def _twice(logged: Sequence[LoggedSwap]) -> list[str]:
    numbers = [swap.number for swap in logged]
    return [
        f"Commit {swap.commit} of the table says that it is swap {swap.number}, as an earlier one does."
        for place, swap in enumerate(logged)
        if swap.number in numbers[:place]
    ]


def _not_in_ledger(
    live: Snapshot, correction: str, manifests: Sequence[Manifest], told: Mapping[int, Swapped]
) -> list[str]:
    """Swaps that the table has and the ledger tells nothing of: its last events are lost, or not written yet."""
    planned = {manifest.swap_count for manifest in manifests}
    found = [
        f"The table's log has swap {number} of the correction, and the ledger has no event that says so."
        for number in sorted(planned - told.keys())
        if is_certain(live, correction, number) and fate_of(live, correction, number) is Fate.SWAPPED
    ]
    last = counted(live, correction)
    if last > max(planned, default=0):
        found.append(f"The table's log has swap {last} of the correction, and the ledger has no plan of it.")
    return found
