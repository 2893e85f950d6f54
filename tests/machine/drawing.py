"""Drawing histories by a name, and telling what did not hold so that anybody can see it again."""

import hashlib
import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import CorrectionMachine

LENGTHS = (20, 8, 14, 10)
"""Steps of the histories of a batch; one batch has all of one length."""
SECONDS_TO_SHRINK = 60


def tried(name: str, size: int) -> tuple[int, list[str]]:
    """So many histories, drawn by a name that ends with the number of a batch; how many were, and what did not hold."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    steps = LENGTHS[int(name.rpartition("/")[2]) % len(LENGTHS)]
    drawn = settings(
        max_examples=size,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    engine.MAX_SHRINKING_SECONDS = SECONDS_TO_SHRINK
    begun = CorrectionMachine.begun
    try:
        run_state_machine_as_test(seed(number)(CorrectionMachine), settings=drawn)
    except Exception as error:  # noqa: BLE001 - whatever a history ends with is a violation
        return min(size, CorrectionMachine.begun - begun), [_told(error, f"{name} {size}")]
    return size, []


def _told(error: Exception, batch: str) -> str:
    checked = {
        one
        for one in dir(CorrectionMachine)
        if hasattr(getattr(CorrectionMachine, one), "hypothesis_stateful_invariant")
    }
    notes = "\n".join(getattr(error, "__notes__", ())).splitlines()
    steps = [line for line in notes if not any(line.strip() == f"state.{one}()" for one in checked)]
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f"{type(error).__name__} at {where.name} of {where.filename.rpartition('/')[2]}:{where.lineno}, {error}"
    return "\n".join([told, *steps, f"see it again with python -m tests.soak.histories {batch}"])
