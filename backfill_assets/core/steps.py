"""The nine steps of a correction, in order, and the ways out of it.

The value of a step is its only spelling: ledger event, asset name, tag value and heading in the runbook.
"""

from enum import StrEnum


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
