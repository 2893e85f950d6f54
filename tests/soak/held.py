"""What has to hold of a lake on which processes were killed, once somebody has carried everything on."""

from collections.abc import Iterator, Sequence
from typing import Any

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Swapped
from backfill_assets.core.steps import Ending, Step
from backfill_assets.storage.layout import correction_of
from backfill_assets.storage.swap import Manifest, days_missing
from backfill_assets.storage.swap_numbers import CORRECTION, SWAP, Fate, fate_of
from tests.runbook.world import TABLE, World, days, planted_at, right_at
from tests.soak.turmoil import CLAIMED, COUNT, NOT_PUBLISHED, PUBLISHED, WIDE, WINDOWS, rows_of

Said = Sequence[dict[str, Any]]


def found_in(world: World, said: Said, replaced: set[str]) -> list[str]:
    """What does not hold. ``said`` is what the processes said of what they did; ``replaced`` collects foreign rows.

    Those are rows of files that a swap retired by name, and that a later decommission deletes.
    """
    replaced |= _replaced(world)
    checks = (_wrong_days(world, said), _rows_lost(world, said, replaced), _wrong_swaps(world), _staged_seen(world))
    return [what for check in (*checks, _files_gone(world), _holds_left(world)) for what in check]


def swapped_in(world: World, correction: str) -> list[Manifest]:
    """The swaps of a correction that the table's own log has as committed, in order."""
    live = world.live.snapshot()
    manifests = world.records.ledger.manifests(correction).get(correction, ())
    return [one for one in manifests if fate_of(live, correction, one.swap_count) is Fate.SWAPPED]


def is_live(world: World, correction: str) -> bool:
    """Whether the last swap of a correction brought its staged days."""
    swaps = swapped_in(world, correction)
    return bool(swaps) and _brings(swaps[-1], correction)


def _brings(swap: Manifest, correction: str) -> bool:
    return any(correction_of(file.path) == correction for file in swap.arriving)


def _wrong_days(world: World, said: Said) -> Iterator[str]:
    """Live is what the model says: who is live decides on its days, nightly on its own."""
    right, wanted, rows = right_at(COUNT), {**planted_at(COUNT), **PUBLISHED}, rows_of(world)
    for correction, (first, last) in WINDOWS.items():
        if is_live(world, correction):
            wanted |= {of: right[of] for of in days(first, last)}
    if of_claimed := {line["did"] for line in said if line.get("day") == str(CLAIMED)} & {"tries", "published"}:
        # Nightly may rewrite it once its correction is through, so nobody but one that woke up late can have.
        late = "published" in of_claimed or rows.get((CLAIMED, "main")) == NOT_PUBLISHED
        wanted |= {CLAIMED: NOT_PUBLISHED} if late and is_live(world, WIDE) else {}
    main = {of: revenue for (of, shop), revenue in rows.items() if shop == "main"}
    if wrong := {of: (main.get(of), wanted.get(of)) for of in {*main, *wanted} if main.get(of) != wanted.get(of)}:
        yield f"live is not what it should be, { ({str(of): pair for of, pair in wrong.items()}) }"


def _rows_lost(world: World, said: Said, replaced: set[str]) -> Iterator[str]:
    """Every row that a foreign writer was told is there is there, once, or was retired by name."""
    shops = {shop: of for of, shop in rows_of(world) if shop != "main"}
    tried = {line["shop"]: line["day"] for line in said if line["did"] == "appends"}
    done = {line["shop"] for line in said if line["did"] == "appended"}
    if strange := {shop: str(of) for shop, of in shops.items() if tried.get(shop) != str(of)}:
        yield f"rows are there that nobody added, {strange}"
    if lost := done - shops.keys() - replaced:
        yield f"rows are lost that were appended, {sorted(lost)}"


def _replaced(world: World) -> set[str]:
    """The foreign rows of files that a swap retired by name."""
    kept = [of for of in WINDOWS if world.progress(of).publication.ending is not Ending.DECOMMISSIONED]
    files = [file for correction in kept for swap in swapped_in(world, correction) for file in swap.retired]
    live = world.live.snapshot()
    there = [(file.path, file.day) for file in files if file.day is not None]
    return {*live.folder.scan_days(there, live.schema, live.partition).collect()["shop"]} if there else set()


def _wrong_swaps(world: World) -> Iterator[str]:
    """Each correction is swapped as often as it may be, and its ledger says of each number what the table says."""
    log = world.swaps()
    for correction in WINDOWS:
        swaps, events = swapped_in(world, correction), world.records.ledger.events(correction)
        inward = [swap for swap in swaps if _brings(swap, correction)]
        if len(inward) > 1 or len(swaps) - len(inward) > 1:
            yield f"{correction} was swapped {len(swaps)} times"
        by_table = [swap.swap_count for swap in swaps]
        by_log = [int(info[SWAP]) for info in log if info[CORRECTION] == correction]
        by_ledger = [event.fact.swap.swap_count for event in events if isinstance(event.fact, Swapped)]
        if not by_table == sorted(by_log) == sorted(by_ledger):
            yield f"{correction} was swapped as {by_log} by commits, {by_ledger} by the ledger, {by_table} by the table"
        if (planned := world.progress(correction).publication.planned) is not None:
            yield f"{correction} has a {planned} that nobody settled"
        yield from _misnumbered(correction, events)


def _misnumbered(correction: str, events: Sequence[Event]) -> Iterator[str]:
    numbers = [event.sequence for event in events]
    if numbers != [*range(1, len(numbers) + 1)]:
        yield f"the events of {correction} are numbered {numbers}"


def _staged_seen(world: World) -> Iterator[str]:
    """Files of a staged version are live where its correction is, and nowhere else."""
    live = world.live.snapshot()
    for path in (path for of in live.days for path, _ in live.names(of)):
        if (owner := correction_of(path)) and not is_live(world, owner):
            yield f"{path} of {owner} is visible"


def _files_gone(world: World) -> Iterator[str]:
    """Every file that live names is there, and every one that a correction may bring back."""
    live = world.live.snapshot()
    if gone := days_missing(live, [file for files in live.files.values() for file in files]):
        yield f"live names files that are gone, of {gone}"
    for correction in WINDOWS:
        if world.progress(correction).publication.ending is Ending.DECOMMISSIONED:
            continue
        for swap in swapped_in(world, correction):
            if gone := days_missing(live, (*swap.retired, *swap.arriving)):
                yield f"swap {swap.swap_count} of {correction} cannot be taken back, files are gone of {gone}"


def _holds_left(world: World) -> Iterator[str]:
    """Nobody is held back for a correction that has rebuilt, or ended."""
    held = {
        correction: name
        for name, holder in world.records.watermarks.holders(TABLE).items()
        for correction in holder.holds
    }
    for correction, name in held.items():
        progress = world.step_context().progress(correction)
        is_done = Step.REBUILD_DOWNSTREAM in progress.done or progress.publication.ending is Ending.ABANDONED
        if is_done and not progress.publication.moved:
            yield f"{name} is held back for {correction}, which has been through"
