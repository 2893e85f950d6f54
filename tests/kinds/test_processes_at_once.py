"""Real processes at once on one lake, of which some are killed and some stopped; ``scripts/soak`` has many rounds more.

Each seed draws a round of its own; one that found something is one line here.
"""

import pytest

from tests.soak.kills import rounds

SEEDS = {
    506456969: "two that cut over while a foreign writer adds rows",
    1095513148: "one abandons what another cuts over",
}


@pytest.mark.slow
def test_whoever_is_killed_or_stopped_it_is_carried_on_and_nothing_is_lost_or_there_twice():
    with rounds() as round_of:
        found = {seed: round_of(seed) for seed in SEEDS}

    assert {seed: one.violations for seed, one in found.items()} == {seed: [] for seed in SEEDS}
    assert all(one.landed for one in found.values())
