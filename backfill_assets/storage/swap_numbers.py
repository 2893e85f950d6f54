"""What became of each swap of a correction, by the numbers that the live table's log keeps of it."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import IntEnum

from backfill_assets.storage.opening import commit_with
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change, Table

# What a commit of this software says of itself in the table's log.
STEP, RUN = "backfill_assets/step", "backfill_assets/run"
CORRECTION, SWAP = "backfill_assets/correction", "backfill_assets/swap"
# The application that counts the swaps of a correction.
APPLICATION = re.compile(r"correction/([^/]+)")
# The digest of the last event of the correction that the commit knew of.
HEAD = "backfill_assets/head"


class Fate(IntEnum):
    """What became of the swap of a number; the value is what the log has under its own application."""

    UNDECIDED = 0
    SWAPPED = 1
    BURNT = 2


def app_id(correction: str, swap_count: int | None = None) -> str:
    """The application under which the log counts the swaps of a correction, or has the fate of one of them."""
    return f"correction/{correction}" if swap_count is None else f"correction/{correction}/{swap_count}"


def numbers(correction: str, swap_count: int, fate: Fate) -> tuple[tuple[str, int], ...]:
    """What the commit that decides on a swap writes under both applications."""
    return (app_id(correction), swap_count), (app_id(correction, swap_count), int(fate))


def marks(correction: str, swap_count: int) -> dict[str, str]:
    """What the commit of a swap says of itself."""
    return {CORRECTION: correction, SWAP: str(swap_count)}


def commit_of(live: Snapshot, correction: str, swap_count: int) -> tuple[int, datetime] | None:
    """The number and time of the commit that a swap was; None when the log no longer says."""
    return commit_with(live, marks(correction, swap_count))


def counted(live: Snapshot, correction: str) -> int:
    """The last number that was decided on, 0 when none was."""
    return live.transaction_version(app_id(correction))


def fate_of(live: Snapshot, correction: str, swap_count: int) -> Fate:
    """Whether a swap was committed, or never will be.

    Of numbers from before each had an application of its own the counter is all there is.
    """
    if own := live.transaction_version(app_id(correction, swap_count)):
        return Fate(own)
    return Fate.SWAPPED if counted(live, correction) >= swap_count else Fate.UNDECIDED


def is_certain(live: Snapshot, correction: str, swap_count: int) -> bool:
    """Whether a swap was committed even if the ledger says that it was refused.

    The counter alone says that of its last number only: it passes over one that was refused before another.
    """
    is_last = counted(live, correction) == swap_count
    own = Fate(live.transaction_version(app_id(correction, swap_count)))
    return own is Fate.SWAPPED or (own is Fate.UNDECIDED and is_last)


def was_another(
    live: Table, now: Snapshot, correction: str, swap_count: int, wanted: Mapping[date, frozenset[tuple[str, int]]]
) -> bool:
    """Whether a committed swap put other files into days than are wanted; somebody may have restored them since."""
    if counted(now, correction) != swap_count:
        return False
    found = commit_of(now, correction, swap_count)
    if found is None:
        return True
    there = live.snapshot(found[0])
    return any(there.names(day) != names for day, names in wanted.items())


def burn(live: Table, correction: str, swap_count: int) -> bool:
    """Write into the table's log that a swap will never be committed; False when it was already.

    A process that stopped just before its commit is refused by that, whatever live holds when it wakes up.

    Raises:
        CommitContended: when others came first every time until the deadline.
    """

    def decide(snapshot: Snapshot) -> Change | None:
        if fate_of(snapshot, correction, swap_count) is not Fate.UNDECIDED:
            return None
        return Change(
            apps=numbers(correction, swap_count, Fate.BURNT),
            metadata={"backfill_assets/burnt": app_id(correction, swap_count)},
        )

    live.commit(decide, touches_files=False)
    return fate_of(live.snapshot(), correction, swap_count) is Fate.BURNT
