"""What a process takes for its work: seconds on the wall, and those that processors were busy for it."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Runs from when it is made. What other processes of this host do meanwhile is not in its core-seconds."""

    wall: float = field(default_factory=time.perf_counter)
    busy: float = field(default_factory=time.process_time)

    @property
    def seconds(self) -> float:
        """The seconds on the wall since."""
        return time.perf_counter() - self.wall

    @property
    def core_seconds(self) -> float:
        """The seconds since that processors were busy for this process."""
        return time.process_time() - self.busy
