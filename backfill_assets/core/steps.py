"""The nine steps, their outcomes, and the work items that runs are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from backfill_assets.core.window import Window


class Step(StrEnum):
    """What a ledger event is about."""

    OPEN = "open_correction"
    FREEZE_REPORTS = "freeze_reports"
    VERIFY_SOURCE = "verify_source"
    RESET_WATERMARKS = "reset_watermarks"
    STAGE = "stage"
    VALIDATE = "validate"
    APPROVE = "approve"
    CUT_OVER = "cut_over"
    REBUILD_DOWNSTREAM = "rebuild_downstream"
    COMMUNICATE = "communicate"
    DECOMMISSION = "decommission"
    ROLL_BACK = "roll_back"
    ABANDON = "abandon"


NINE_STEPS: tuple[Step, ...] = (
    Step.FREEZE_REPORTS,
    Step.VERIFY_SOURCE,
    Step.RESET_WATERMARKS,
    Step.STAGE,
    Step.VALIDATE,
    Step.CUT_OVER,
    Step.REBUILD_DOWNSTREAM,
    Step.COMMUNICATE,
    Step.DECOMMISSION,
)


class Outcome(StrEnum):
    """How far the step got when the event was written."""

    REQUESTED = "requested"
    PLANNED = "planned"
    STARTED = "started"
    PROGRESSED = "progressed"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    WAIVED = "waived"
    PACED = "paced"
    ENDED = "ended"


class Ending(StrEnum):
    """How a correction was closed."""

    ABANDONED = "abandoned"
    DECOMMISSIONED = "decommissioned"
    UNCHANGED = "closed unchanged"


class NoticeKind(StrEnum):
    """What a notice tells of."""

    OPENED = "opened"
    WAITING = "waiting"
    PUBLISHED = "published"
    ROLLED_BACK = "rolled_back"
    ABANDONED = "abandoned"
    DECOMMISSIONED = "decommissioned"
    UNCHANGED = "unchanged"


class Lane(StrEnum):
    """Who the step is for: the two lanes of the playbook."""

    DATA_ENGINEERING = "data_engineering"
    COMMUNICATION = "communication"


LANES: dict[Step, Lane] = {
    step: Lane.COMMUNICATION if step in {Step.FREEZE_REPORTS, Step.COMMUNICATE} else Lane.DATA_ENGINEERING
    for step in NINE_STEPS
}


WAVE = "wave/"
"""How the names of waves begin."""


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
        return f"{WAVE}{self.wave}" if self.wave is not None else "+".join(self.steps)

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        wave = self.wave.as_list() if self.wave else []
        return {"steps": [str(step) for step in self.steps], "wave": wave}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_json` wrote."""
        wave = Window.from_list(stored["wave"]) if stored["wave"] else None
        return cls(tuple(Step(step) for step in stored["steps"]), wave)
