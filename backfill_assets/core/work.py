"""A work item: what one run is for, some steps in order or the days of a wave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window


@dataclass(frozen=True, slots=True)
class WorkItem:
    """What one run is for: some steps in order, or the days of a wave. ``name`` is its only spelling."""

    steps: tuple[Step, ...] = ()
    wave: Window | None = None

    @property
    def step(self) -> Step:
        """The step under which the ledger keeps it."""
        return Step.STAGE if self.wave is not None else self.steps[0]

    @property
    def name(self) -> str:
        """Readable, and the same whenever the same is asked."""
        return f"wave/{self.wave}" if self.wave is not None else "+".join(self.steps)

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        wave = self.wave.as_list() if self.wave else []
        return {"steps": [str(step) for step in self.steps], "wave": wave}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` wrote."""
        wave = Window.from_list(stored["wave"]) if stored["wave"] else None
        return cls(tuple(Step(step) for step in stored["steps"]), wave)
