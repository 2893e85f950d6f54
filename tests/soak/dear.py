"""What is too dear for every day: tests of the lake in a bucket, and stories that are stopped at every operation."""

import os

from tests.soak.pytested import tested
from tests.soak.tally import Asked, Tally, Tell


def run(_: Asked, tell: Tell) -> Tally:
    """Run them all, and name those that fail."""
    found = tested("tests", "-m", "soak", "-n", str(os.cpu_count() or 1))
    if found.why_not:
        return Tally(0, None, (f"The dear tests did not run, {found.why_not}",))
    tell(f"{len(found.cases)} dear tests, {len(found.failed)} failed")
    named = [f"{case.get('classname')}::{case.get('name')}" for case in found.failed]
    return Tally(len(found.cases), len(found.cases), tuple(f"{name} fails." for name in named))
