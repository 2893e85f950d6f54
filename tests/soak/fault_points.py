"""Every operation of storage in a correction, roll back, decommission and nightly, with every fault it can have."""

from tests.soak.sharing import SHARES, Found, Share, expected, folder, shared_out
from tests.soak.tally import Asked, Tally, Tell


def run(asked: Asked, tell: Tell) -> Tally:
    """All of them: there is nothing to draw."""
    del asked
    return shared_out(tried, tell)


def tried(share: Share) -> Found:
    """Let each fault of a share happen, and carry on."""
    points = expected(share.story).points
    mine = points[share.first :: SHARES]
    violations = [f"{point}: {told}" for point in mine for told in point.violations(folder("there"))]
    return Found(share, len(mine), len(points), tuple(violations))
