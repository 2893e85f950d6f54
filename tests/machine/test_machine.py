"""Histories of one table with its corrections, drawn anew by ``scripts/soak`` and always the same ones here."""

from hypothesis import settings

from tests.machine.drawing import tried

SEED = "suite"


def test_whatever_happens_live_is_what_the_model_says():
    size = max(1, settings().max_examples // 20)
    for batch in range(4):
        _, violations = tried(f"{SEED}/{batch}", size)
        assert not violations, f"histories {SEED}/{batch}\n{violations[0]}"
