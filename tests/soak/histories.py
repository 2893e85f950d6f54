"""Histories of the state machine in ``tests/machine``: batches drawn by a seed, in two processes."""

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.soak.tally import Asked, Tally, Tell

IN_A_BATCH = 25
MANY = 5000
WORKERS = 2
OFTEN = 4


def run(asked: Asked, tell: Tell) -> Tally:
    """All batches, each drawn by the seed and its own number; when it is interrupted, those that it has done."""
    number = MANY if asked.number is None else asked.number
    sizes = {batch: min(IN_A_BATCH, number - batch * IN_A_BATCH) for batch in range(-(-number // IN_A_BATCH))}
    violations: list[str] = []
    done = 0
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(batch_of, asked.seed, batch, size): batch for batch, size in sizes.items()}
        try:
            for place, one in enumerate(as_completed(running), start=1):
                tried, found = one.result()
                done += tried
                violations += found
                if place % OFTEN == 0 or found:
                    tell(f"{done:,} of {number:,} histories, {len(violations)} violations")
        except KeyboardInterrupt:
            tell(f"stopped after {done:,} of {number:,} histories")
            pool.shutdown(wait=False, cancel_futures=True)
    return Tally(done, None, tuple(violations))


def batch_of(seed: int, batch: int, size: int) -> tuple[int, list[str]]:
    """The histories of one batch: how many were tried, and what did not hold."""
    from tests.machine.drawing import tried

    return tried(f"{seed}/{batch}", size)


if __name__ == "__main__":  # one batch again: python -m tests.soak.histories SEED/BATCH SIZE
    import sys

    from tests.machine.drawing import tried

    print(*tried(sys.argv[1], int(sys.argv[2])), sep="\n")  # noqa: T201
