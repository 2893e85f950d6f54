"""Power cuts before every operation of the same stories, on a disk that forgets what was not forced to it."""

from tests.power_cuts import Cuts, violations
from tests.soak.sharing import SHARES, Found, Share, expected, folder, shared_out
from tests.soak.tally import Asked, Tally, Tell


def run(asked: Asked, tell: Tell) -> Tally:
    """All of them, each with the names of what was not forced kept and gone; disks that are the same are told once."""
    del asked
    return shared_out(tried, tell)


def tried(share: Share) -> Found:
    """Cut the power at each point of a share, and carry on."""
    right = expected(share.story)
    cuts = Cuts(right.story, folder(f"cuts-{share.story}-{share.first}"), lambda number: number % SHARES == share.first)
    cuts.record(right.before)
    found = [f"{right.story.name}, {cut}: {told}" for cut in cuts.kept for told in violations(cut, right)]
    return Found(share, 2 * cuts.tried, 2 * cuts.known, tuple(found))
