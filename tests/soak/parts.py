"""The parts of the soak, in the order in which they run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from tests.soak.tally import Asked, Tally, Tell


@dataclass(frozen=True)
class Part:
    """A module of this package with ``run(asked, tell) -> Tally``."""

    name: str
    module: str
    what: str

    @property
    def run(self) -> Callable[[Asked, Tell], Tally]:
        return import_module(f"tests.soak.{self.module}").run


PARTS: tuple[Part, ...] = (
    Part("histories", "histories", "what a team, strangers and dying processes do to one table, in any order"),
    Part("fault points", "fault_points", "every fault at every operation of storage"),
    Part("forgetting-disk points", "forgetting_points", "power cuts before every operation that writes"),
    Part("chain writes", "chains", "a chain, and a state that is carried, killed at each of their writes"),
    Part("kill rounds", "kills", "real processes at once on one lake, of which some are killed or stopped"),
    Part("inputs", "inputs", "landed files with bytes changed at random"),
    Part("dear tests", "dear", "what is too dear for the suite, such as the lake in a bucket and stopped consumers"),
)
