"""A chain of three tables, and a table that carries its state, killed at each of their writes and carried on."""

import os

from tests.soak.pytested import tested, words_of
from tests.soak.tally import Asked, Tally, Tell

CARRIED = "tests/kinds/test_carried_state.py::"
TESTS = (
    "tests/kinds/test_chains.py::test_a_chain_that_is_killed_is_carried_on",
    f"{CARRIED}test_killed_at_each_write_a_correction_is_carried_on_to_the_same_content",
    f"{CARRIED}test_nightly_may_publish_at_any_write_of_a_cut_over_and_no_slot_stays_computed_from_what_is_gone",
)


def run(_: Asked, tell: Tell) -> Tally:
    """Run it at all of them, each part of the story in a process of its own."""
    found = tested(*TESTS, "-n", str(os.cpu_count() or 1), BACKFILL_EVERY_WRITE="yes")
    if found.why_not:
        return Tally(0, None, (f"The chains did not run, {found.why_not}",))
    writes = sum(int(one.get("value", 0)) for case in found.cases for one in case.iter("property"))
    tell(f"{len(found.cases)} parts of a chain, {writes} writes, {len(found.failed)} failed")
    return Tally(writes, writes, tuple(f"{case.get('name')}: {words_of(case)}" for case in found.failed))
