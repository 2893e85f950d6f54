"""What one part of the soak is asked to do, and what it says in the end."""

from collections.abc import Callable
from dataclasses import dataclass

Tell = Callable[[str], None]
"""Prints one line of progress."""


@dataclass(frozen=True)
class Asked:
    """How much of it; ``None`` is all that is known. Each part draws by the seed alone, and prints what it drew."""

    number: int | None
    seed: int


@dataclass(frozen=True)
class Tally:
    """What was tried of what is known (``None`` where there is no end to it), and what was found.

    ``violations`` are sentences: what did not hold, and how to see it again (the seed, the number of the operation).
    """

    tried: int
    known: int | None
    violations: tuple[str, ...] = ()
