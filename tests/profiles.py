"""How much Hypothesis tries: ``full`` for the whole suite, ``quick`` for an answer in half a minute.

``HYPOTHESIS_PROFILE`` names one. No test says a number of its own; a dear one takes a share.
"""

import os

from hypothesis import HealthCheck, Phase, settings

# Machines differ in speed by more than two: an example is never too slow for its own sake.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("full", max_examples=60, **PATIENT)
settings.register_profile("quick", max_examples=10, **PATIENT)
# What fails under a mutant is enough; finding the smallest example of it takes longer than all tests.
FOUND = [phase for phase in Phase if phase not in {Phase.shrink, Phase.explain}]
settings.register_profile("unshrunk", max_examples=10, phases=FOUND, **PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def share_of_examples(share: float) -> settings:
    """Fewer examples than the profile says, for a test of which each takes long; never none."""
    return settings(max_examples=max(2, round(settings().max_examples * share)))


def every_write(suite: int) -> int:
    """How many writes apart a story is killed: at each for ``scripts/soak``, at fewer in the suite."""
    return 1 if os.environ.get("BACKFILL_EVERY_WRITE") else suite
